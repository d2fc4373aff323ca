//! Paths inside a layer: bytes, cleaned to one form, never touching the host's file system.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A path relative to the image's root, as bytes: no leading, trailing or double slash, no `.` or `..`.
/// The root itself is the empty path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct LayerPath(#[serde(with = "serde_bytes")] Box<[u8]>);

impl LayerPath {
    /// Cleans a path as it stands in a tar header. `..` is resolved by the letters and stops at the root.
    pub fn clean(raw: &[u8]) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in raw.split(|&b| b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        Self(parts.join(&b'/').into_boxed_slice())
    }

    /// The image's root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether this is the image's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The cleaned bytes, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names on the way from the root; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        components(&self.0)
    }

    /// The last name; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        split_last(&self.0).1
    }

    /// The folder it is in; the root is its own parent.
    pub fn parent(&self) -> Self {
        Self(self.parent_bytes().into())
    }

    /// … as bytes.
    pub fn parent_bytes(&self) -> &[u8] {
        split_last(&self.0).0
    }

    /// One name further down. `name` must be a single component.
    pub fn join(&self, name: &[u8]) -> Self {
        if self.is_root() { Self(name.into()) } else { Self([&self.0, &b"/"[..], name].concat().into_boxed_slice()) }
    }

    /// Whether it is `folder` itself or below it.
    pub fn starts_with(&self, folder: &LayerPath) -> bool {
        match self.0.strip_prefix(&*folder.0) {
            Some(rest) => rest.is_empty() || folder.is_root() || rest[0] == b'/',
            None => false,
        }
    }

    /// As people write it, from the root, bytes that are not UTF-8 replaced: `/etc/passwd`.
    pub fn display(&self) -> String {
        let path = self.lossy();
        let mut shown = String::with_capacity(path.len() + 1);
        shown.push('/');
        shown.push_str(&path);
        shown
    }

    /// Without the leading slash, bytes that are not UTF-8 replaced.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// The names on the way of a cleaned path.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty())
}

/// The folder that a cleaned path is in, and its last name.
pub fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'/', path) {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

impl From<&str> for LayerPath {
    fn from(text: &str) -> Self {
        Self::clean(text.as_bytes())
    }
}

impl fmt::Debug for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_path() {
        for raw in ["a/b", "./a/b", "/a/b", "a//b", "a/b/", "a/./b", "../a/b", "x/../a/b"] {
            assert_eq!(LayerPath::from(raw).as_bytes(), b"a/b", "{raw}");
        }
        for raw in ["", ".", "./", "/", "..", "a/.."] {
            assert!(LayerPath::from(raw).is_root(), "{raw}");
        }
    }

    #[test]
    fn parents_and_prefixes_go_by_component() {
        let path = LayerPath::from("usr/lib/x");
        assert_eq!(path.parent(), LayerPath::from("usr/lib"));
        assert_eq!(LayerPath::from("usr").parent(), LayerPath::root());
        assert_eq!(path.file_name(), b"x");
        assert_eq!(LayerPath::root().join(b"usr").join(b"lib").join(b"x"), path);
        assert!(path.starts_with(&LayerPath::from("usr")) && path.starts_with(&LayerPath::root()));
        assert!(!path.starts_with(&LayerPath::from("us")));
    }
}
