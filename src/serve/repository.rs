//! Names that can be pulled: made of folders', files' and images' own names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::{self, Digest};

/// Longer tags are not legal (distribution-spec, "Pulling manifests").
const LONGEST_TAG: usize = 128;

/// One repository: its tags, and which places have its blobs.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) tags: BTreeMap<String, Tagged>,
    pub(super) places: BTreeSet<usize>,
}

/// What a tag stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tagged {
    pub(super) digest: Digest,
    pub(super) place: usize,
}

impl Repository {
    /// The tags, sorted.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    /// What a tag stands for.
    pub(super) fn tag(&self, tag: &str) -> Option<Digest> {
        self.tags.get(tag).map(|tagged| tagged.digest)
    }
}

/// A name to be pulled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) repository: String,
    pub(super) tag: String,
}

/// The names of an image in a place called `stem`: those it has for sure, and those that a full name adds where
/// nothing else has them.
pub(super) fn names(stem: &str, own: &[String], only: bool) -> (Vec<Name>, Vec<Name>) {
    let (mut sure, mut also) = (Vec::new(), Vec::new());
    let here = |tag: &str| Name { repository: stem.to_owned(), tag: legal_tag(tag) };
    for name in own {
        match full_name(name) {
            Some(full) => {
                also.push(here(&full.tag));
                sure.push(full);
            }
            None => sure.push(here(name)),
        }
    }
    if own.is_empty() && only {
        sure.push(here("latest"));
    }
    (sure, also)
}

/// `docker.io/library/python:3.11` is `library/python:3.11`; `None` for a bare tag.
fn full_name(name: &str) -> Option<Name> {
    let reference = model::full_name(name)?;
    let tag = reference.tag()?;
    Some(Name { repository: reference.repository().to_owned(), tag: tag.to_owned() })
}

/// What a folder or file is called as a repository: `Work Shop.tar.gz` is `work-shop`.
pub(super) fn stem(path: &Path) -> String {
    // `.` and `..` have names, too.
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let endings = [".tar.gz", ".tar.zst", ".tgz", ".tzst", ".tar"];
    let name = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    legal_repository(name)
}

/// Letters and digits, and between them single separators (distribution-spec, `[a-z0-9]+([._-][a-z0-9]+)*`).
fn legal_repository(name: &str) -> String {
    let mut out = String::new();
    let mut between = String::new();
    for c in name.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            if !out.is_empty() && !between.is_empty() {
                out.push_str(if matches!(between.as_str(), "." | "_") { &between } else { "-" });
            }
            between.clear();
            out.push(c);
        } else {
            between.push(c);
        }
    }
    if out.is_empty() { "image".into() } else { out }
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
fn legal_tag(tag: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let tag: String = tag.chars().map(|c| if legal(c) { c } else { '-' }).take(LONGEST_TAG).collect();
    let tag = tag.trim_start_matches(['.', '-']);
    if tag.is_empty() { "latest".into() } else { tag.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(own: &[&str], only: bool) -> String {
        let own: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
        let (sure, also) = names("shop", &own, only);
        let text = |names: Vec<Name>| {
            names.iter().map(|n| format!("{}:{}", n.repository, n.tag)).collect::<Vec<_>>().join(" ")
        };
        format!("{} | {}", text(sure), text(also))
    }

    #[test]
    fn names_of_images() {
        assert_eq!(pulled(&["full"], false), "shop:full | ");
        assert_eq!(pulled(&["docker.io/library/python:3.11"], false), "library/python:3.11 | shop:3.11");
        assert_eq!(pulled(&["localhost:5000/a/b:c"], false), "a/b:c | shop:c");
        assert_eq!(pulled(&["3.11", "python:3.11"], false), "shop:3.11 library/python:3.11 | shop:3.11");
        assert_eq!(pulled(&[], true), "shop:latest | ");
        assert_eq!(pulled(&[], false), " | ");
        assert_eq!(pulled(&["../x y"], false), "shop:x-y | ");
    }

    #[test]
    fn names_of_places() {
        for (path, name) in [
            ("x/workshop", "workshop"),
            ("x/Work Shop.tar.gz", "work-shop"),
            ("x/python_3.11.TAR", "python_3.11"),
            ("x/--a..b__c--", "a-b-c"),
            ("x/ü", "image"),
        ] {
            assert_eq!(stem(Path::new(path)), name);
        }
    }
}
