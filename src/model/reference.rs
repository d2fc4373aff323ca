//! Names of images, in the words of skopeo and podman.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use oci_spec::distribution::Reference;

use super::Digest;

/// Where an image is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageRef {
    /// `python:3.7` or `docker://python:3.7`: a registry. Docker Hub and `library/` are filled in.
    Registry(Reference),
    /// `oci:DIR[:TAG]`: an OCI image layout.
    OciLayout {
        /// The folder that holds `oci-layout`.
        dir: PathBuf,
        /// Tag or `@digest`; the only image where missing.
        select: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`, or a bare file.
    Archive {
        /// The tar, gzipped or not.
        file: PathBuf,
        /// Tag, reference or `@digest`; the only image where missing.
        select: Option<String>,
        /// Which of the two it is said to be.
        format: ArchiveFormat,
    },
    /// `docker-daemon:REF`: Docker's store, over its API socket.
    DockerDaemon(String),
    /// `podman:REF`: podman's store, over its API socket.
    Podman(String),
    /// `-`: an archive on standard input.
    Stdin,
}

/// What kind of archive a name says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// Not said: look inside.
    Any,
    /// An OCI image layout in a tar.
    Oci,
    /// What `docker save` writes.
    Docker,
}

/// A name that was not understood.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// No name was given.
    #[error("{scheme} needs a name: {scheme}{usage}")]
    Empty {
        /// The transport, with its colon.
        scheme: &'static str,
        /// What comes after it.
        usage: &'static str,
    },
    /// Not a reference of a registry.
    #[error("{text:?} is no image name: {reason}")]
    Reference {
        /// What was given.
        text: String,
        /// Why.
        reason: String,
    },
}

/// What other tools take, and what would else be looked for on Docker Hub.
const OTHERS: [&str; 5] = ["containers-storage:", "http://", "https://", "docker-image://", "ostree:"];

impl FromStr for ImageRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let archive = |rest, scheme, usage, format| {
            let (file, select) = path_and_selection(rest, scheme, usage)?;
            Ok(Self::Archive { file, select, format })
        };
        if text == "-" {
            Ok(Self::Stdin)
        } else if let Some(rest) = text.strip_prefix("oci:") {
            let (dir, select) = path_and_selection(rest, "oci:", "DIR[:TAG]")?;
            Ok(Self::OciLayout { dir, select })
        } else if let Some(rest) = text.strip_prefix("oci-archive:") {
            archive(rest, "oci-archive:", "FILE[:TAG]", ArchiveFormat::Oci)
        } else if let Some(rest) = text.strip_prefix("docker-archive:") {
            archive(rest, "docker-archive:", "FILE[:REF]", ArchiveFormat::Docker)
        } else if let Some(rest) = text.strip_prefix("docker-daemon:") {
            named(rest, "docker-daemon:").map(Self::DockerDaemon)
        } else if let Some(rest) = text.strip_prefix("podman:") {
            named(rest, "podman:").map(Self::Podman)
        } else {
            let name = text.strip_prefix("docker://").unwrap_or(text);
            if let Some(scheme) = OTHERS.iter().find(|scheme| name.starts_with(**scheme)) {
                let reason =
                    format!("{scheme} is no source of images here; see `layerscope --help` for those that are");
                return Err(ReferenceError::Reference { text: text.into(), reason });
            }
            let bad = |reason: String| ReferenceError::Reference { text: text.into(), reason };
            let name_part = name.rsplit_once(['@', ':']).map_or(name, |(before, _)| before);
            let upper = name_part.chars().any(|c| c.is_ascii_uppercase());
            let hint = if upper { "; names are in lower case" } else { "" };
            let said = |error: oci_spec::distribution::ParseError| bad(format!("{error}{hint}"));
            plain(name).map_or_else(|| name.parse().map_err(said), Ok).map(Self::Registry)
        }
    }
}

impl ImageRef {
    /// The same place's image of a digest; `None` where a place has images by name alone, or can't be read twice.
    pub fn pinned(&self, digest: &Digest) -> Option<Self> {
        let select = || Some(format!("@{digest}"));
        match self {
            Self::Registry(name) => {
                let (registry, repository) = (name.registry().to_owned(), name.repository().to_owned());
                Some(Self::Registry(Reference::with_digest(registry, repository, digest.to_string())))
            }
            Self::OciLayout { dir, .. } => Some(Self::OciLayout { dir: dir.clone(), select: select() }),
            Self::Archive { file, format: ArchiveFormat::Any | ArchiveFormat::Oci, .. } => {
                Some(Self::Archive { file: file.clone(), select: select(), format: ArchiveFormat::Oci })
            }
            Self::Archive { .. } | Self::DockerDaemon(_) | Self::Podman(_) | Self::Stdin => None,
        }
    }
}

/// A name in a registry, with all that was left out of it; `None` for what is none.
pub fn registry_name(text: &str) -> Option<Reference> {
    plain(text).or_else(|| text.parse().ok())
}

/// … with its registry or its tag in it: a bare word is likely to be a tag.
pub fn full_name(text: &str) -> Option<Reference> {
    if text.contains([':', '/']) { registry_name(text) } else { None }
}

/// An ordinary name (`python:3.7`, `host:5000/a/b`): read without the grammar of all names there are, whose regular
/// expression takes longer to build than an image takes to come out of the cache. What is not ordinary is left to that.
fn plain(name: &str) -> Option<Reference> {
    const LONGEST: usize = 128;
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[last..].find(':') {
        Some(at) => (&name[..last + at], &name[last + at + 1..]),
        None => (name, "latest"),
    };
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => ("docker.io", path.to_owned()),
        None => ("docker.io", format!("library/{path}")),
    };
    let (host, port) = registry.split_once(':').unwrap_or((registry, "1"));
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    // Letters and digits, with single marks between them.
    let parted = |text: &str, marks: &str| {
        let alone = |pair: &[u8]| small(pair[0]) || small(pair[1]);
        let ends = [text.as_bytes().first(), text.as_bytes().last()];
        let known = text.bytes().all(|byte| small(byte) || marks.as_bytes().contains(&byte));
        ends.iter().all(|end| end.is_some_and(|end| small(*end))) && known && text.as_bytes().windows(2).all(alone)
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let tagged = tag.bytes().next().is_some_and(word) && tag.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    let named = parted(host, ".-") && repository.split('/').all(|part| parted(part, "._-"));
    let ported = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    // Docker Hub's own names have forms of their own.
    let hub = path.starts_with("docker.io/") || path.starts_with("index.docker.io/");
    let fits = [name.len(), tag.len()].iter().all(|len| *len <= LONGEST);
    (tagged && named && ported && fits && !hub).then(|| Reference::with_tag(registry.into(), repository, tag.into()))
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, select) = match self {
            Self::Registry(reference) => return write!(f, "{}", reference.whole()),
            Self::DockerDaemon(name) => return write!(f, "docker-daemon:{name}"),
            Self::Podman(name) => return write!(f, "podman:{name}"),
            Self::Stdin => return f.write_str("-"),
            Self::OciLayout { dir, select } => ("oci:", dir, select),
            Self::Archive { file, select, format } => match format {
                ArchiveFormat::Any => ("", file, select),
                ArchiveFormat::Oci => ("oci-archive:", file, select),
                ArchiveFormat::Docker => ("docker-archive:", file, select),
            },
        };
        write!(f, "{scheme}{}", path.display())?;
        match select.as_deref() {
            Some(digest) if digest.starts_with('@') => f.write_str(digest),
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

/// `PATH`, `PATH:TAG` or `PATH@sha256:…`; as skopeo has it, the first colon ends the path.
fn path_and_selection(
    rest: &str,
    scheme: &'static str,
    usage: &'static str,
) -> Result<(PathBuf, Option<String>), ReferenceError> {
    let (path, select) = match rest.split_once("@sha") {
        Some((path, _)) => (path, Some(rest[path.len()..].to_owned())),
        None => match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag.to_owned()).filter(|tag| !tag.is_empty())),
            None => (rest, None),
        },
    };
    if path.is_empty() { Err(ReferenceError::Empty { scheme, usage }) } else { Ok((path.into(), select)) }
}

fn named(rest: &str, scheme: &'static str) -> Result<String, ReferenceError> {
    if rest.is_empty() { Err(ReferenceError::Empty { scheme, usage: "REF" }) } else { Ok(rest.into()) }
}

/// A name as people type it and Dockerfiles have it: without Docker Hub's registry and `library/`.
pub fn familiar(name: &str) -> &str {
    let of_hub = name.strip_prefix("docker.io/").unwrap_or(name);
    of_hub.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(of_hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_and_print() {
        for (typed, printed) in [
            ("python:3.7", "docker.io/library/python:3.7"),
            ("python", "docker.io/library/python:latest"),
            ("docker://127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
            ("oci:dir:full", "oci:dir:full"),
            ("oci:dir", "oci:dir"),
            ("oci-archive:a.tar:x", "oci-archive:a.tar:x"),
            ("docker-archive:a.tar:localhost:5000/x:1", "docker-archive:a.tar:localhost:5000/x:1"),
            ("docker-daemon:x:1", "docker-daemon:x:1"),
            ("podman:x", "podman:x"),
            ("-", "-"),
        ] {
            assert_eq!(typed.parse::<ImageRef>().expect(typed).to_string(), printed);
        }
        let pinned = format!("oci:dir@sha256:{}", "0".repeat(64));
        assert_eq!(pinned.parse::<ImageRef>().expect("pinned").to_string(), pinned);
    }

    #[test]
    fn empty_and_malformed_names_say_why() {
        for text in ["", "oci:", "oci-archive:", "podman:", "docker.io/UPPER:x", "python:3 7", "python@sha256:00"] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        /// What is taken for an ordinary name is what the grammar of all names makes of it.
        #[test]
        fn ordinary_names_are_what_the_grammar_says(
            name in "[a-z0-9A-Z]{1,3}([-._:/]{1,2}[a-z0-9A-Z]{1,3}){0,4}", host in "(localhost|h.io|a-b.c:5000|docker.io|)/?"
        ) {
            for name in [name.clone(), format!("{host}{name}")] {
                if let Some(plain) = plain(&name) {
                    proptest::prop_assert_eq!(Ok(plain), name.parse(), "{}", name);
                }
            }
        }
    }

    #[test]
    fn most_names_are_ordinary() {
        for name in ["python", "python:3.7-slim", "ghcr.io/owner/name:v1.2_3", "127.0.0.1:5000/a/b", "localhost/x"] {
            assert!(plain(name).is_some(), "{name}");
        }
        for name in ["a@sha256:0", "A/b", "a..b", "docker.io/x", "h:/x", "x:", "x/", "/x", "", "x:-1"] {
            assert!(plain(name).is_none(), "{name}");
        }
    }
}
