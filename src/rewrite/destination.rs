//! Where a new image goes: a layout, an archive or a registry.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use oci_spec::distribution::Reference;

use crate::model::{ArchiveFormat, ImageRef, ReferenceError, full_name};
use crate::scan::Scanned;

/// Where a new image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `oci:DIR[:TAG]`: into a layout, which may have other images.
    Layout {
        /// The folder.
        dir: PathBuf,
        /// The image's name in it.
        name: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:REF]`.
    Archive {
        /// The file.
        file: PathBuf,
        /// The image's name in it.
        name: Option<String>,
        /// Whether `docker load` is to read it.
        docker: bool,
    },
    /// `docker://REF`: a registry.
    Registry(Reference),
}

/// Why that is no place for an image.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// It is no name.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// It is a place that can't be written to.
    #[error(
        "{text} can't be written to: expected oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF] or docker://REF"
    )]
    NoPlace {
        /// What was given.
        text: String,
    },
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let no_place = || DestinationError::NoPlace { text: text.into() };
        let parsed = text.parse();
        if parsed.is_err() && text.starts_with(['/', '.', '~']) {
            return Err(no_place());
        }
        match parsed? {
            ImageRef::OciLayout { select: Some(name), .. } | ImageRef::Archive { select: Some(name), .. }
                if name.starts_with('@') =>
            {
                Err(no_place())
            }
            ImageRef::OciLayout { dir, select } => Ok(Self::Layout { dir, name: select }),
            ImageRef::Archive { format: ArchiveFormat::Any, .. } => Err(no_place()),
            ImageRef::Archive { file, select, format } => {
                let docker = format == ArchiveFormat::Docker;
                let name = match select {
                    Some(name) if docker => Some(tagged(name)?),
                    other => other,
                };
                Ok(Self::Archive { file, name, docker })
            }
            // Without its scheme a bare word is more likely to be a file than an image of Docker Hub.
            ImageRef::Registry(reference) if reference.digest().is_none() && text.starts_with(SCHEME) => {
                Ok(Self::Registry(reference))
            }
            _ => Err(no_place()),
        }
    }
}

const SCHEME: &str = "docker://";

/// A name with a tag, as docker and podman load it; what they would not load is none.
fn tagged(name: String) -> Result<String, ReferenceError> {
    format!("{SCHEME}{name}").parse::<ImageRef>()?;
    let is_tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    Ok(if is_tagged { name } else { name + ":latest" })
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self {
            Self::Registry(reference) => return write!(f, "{SCHEME}{}", reference.whole()),
            Self::Layout { dir, .. } => ("oci", dir),
            Self::Archive { docker: true, file, .. } => ("docker-archive", file),
            Self::Archive { file, .. } => ("oci-archive", file),
        };
        write!(f, "{scheme}:{}", path.display())?;
        self.name().map_or(Ok(()), |name| write!(f, ":{name}"))
    }
}

impl Destination {
    /// The image's name there.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Layout { name, .. } | Self::Archive { name, .. } => name.as_deref(),
            Self::Registry(_) => None,
        }
    }

    /// The image's name there as containerd wants it: with its registry and its tag.
    pub fn full_name(&self) -> Option<String> {
        let Self::Archive { docker: true, name: Some(name), .. } = self else { return None };
        full_name(name).map(|name| name.whole())
    }

    /// Whether an image for several platforms can be there.
    pub fn takes_indexes(&self) -> bool {
        !matches!(self, Self::Archive { docker: true, .. })
    }

    /// Whether an image's blobs are there already: it is of the same registry.
    pub fn has(&self, image: &Scanned) -> bool {
        self.repository_of(image).is_some()
    }

    /// The repository that an image's blobs are in, if it is of the same registry.
    pub(super) fn repository_of(&self, image: &Scanned) -> Option<String> {
        let Self::Registry(own) = self else { return None };
        let ImageRef::Registry(other) = image.image.manifest.reference.parse().ok()? else { return None };
        (own.registry() == other.registry()).then(|| other.repository().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_others() {
        let parse = |text: &str| text.parse::<Destination>();
        assert_eq!(parse("oci:a/b:c").unwrap(), Destination::Layout { dir: "a/b".into(), name: Some("c".into()) });
        let archive = Destination::Archive { file: "a.tar".into(), name: Some("app:1".into()), docker: true };
        assert_eq!(parse("docker-archive:a.tar:app:1").unwrap(), archive);
        let untagged = parse("docker-archive:a.tar:h:1/a/app").unwrap();
        assert_eq!(untagged.name(), Some("h:1/a/app:latest"), "docker loads none without a tag");
        let full_name = |text: &str| parse(text).unwrap().full_name();
        assert_eq!(full_name("docker-archive:a.tar:app").unwrap(), "docker.io/library/app:latest");
        assert_eq!(full_name("docker-archive:a.tar:h:1/app:1").unwrap(), "h:1/app:1");
        assert_eq!((full_name("oci-archive:a.tar:app"), full_name("docker-archive:a.tar")), (None, None));
        assert_eq!(parse("docker://h:1/a/b").unwrap().to_string(), "docker://h:1/a/b:latest");
        for other in [
            "docker-archive:a.tar:NoName:b",
            "docker-archive:a.tar:a@b",
            "a.tar",
            "-",
            "podman:x",
            "oci:a:@sha256:0",
            "oci:",
            "python:3.7",
        ] {
            assert!(parse(other).is_err(), "{other}");
        }
    }
}
