//! Where images of one kind lie side by side under tags: a repository of a registry, or an OCI layout.

use std::path::PathBuf;

use oci_spec::distribution::Reference;

use super::catalog::Catalog;
use crate::model::{ImageRef, full_name};
use crate::scan;
use crate::source::{self, SourceError};

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a registry.
    Registry {
        /// `docker.io`, `localhost:5000`.
        registry: String,
        /// `library/python`.
        repository: String,
    },
    /// The images of a layout whose names are of one repository, or are plain tags.
    Layout {
        /// The layout.
        dir: PathBuf,
        /// `docker.io/library/python`; `None` for plain tags.
        repository: Option<String>,
    },
}

impl Place {
    /// Where an image lies, and its tag there. `None` for archives and engines, and for what is named by digest alone.
    pub(super) fn of(reference: &ImageRef) -> Option<(Self, String)> {
        match reference {
            ImageRef::Registry(name) => Some((Self::of_registry(name), name.tag()?.to_owned())),
            ImageRef::OciLayout { dir, select } => {
                let (repository, tag) = split(select.as_deref()?);
                Some((Self::Layout { dir: dir.clone(), repository }, tag))
            }
            _ => None,
        }
    }

    /// The same of an image's name.
    pub(super) fn named(name: &str) -> Option<(Self, String)> {
        Self::of(&name.parse().ok()?)
    }

    /// Whether it holds official images, or a copy of them.
    pub(super) fn is_official(&self, catalog: &Catalog) -> bool {
        catalog.repositories().any(|official| self.is_copy_of(official))
    }

    fn of_registry(name: &Reference) -> Self {
        Self::Registry { registry: name.registry().into(), repository: name.repository().into() }
    }

    /// The full name of the repository; `None` for plain tags in a layout.
    pub(super) fn repository(&self) -> Option<String> {
        match self {
            Self::Registry { registry, repository } => Some(format!("{registry}/{repository}")),
            Self::Layout { repository, .. } => repository.clone(),
        }
    }

    /// Whether it is `official`, or what must be a copy of it elsewhere: the same path in another registry.
    pub(super) fn is_copy_of(&self, official: &str) -> bool {
        let path = |name: &str| name.split_once('/').map(|(_, path)| path.to_owned());
        self.repository().is_some_and(|own| own == official || path(&own) == path(official))
    }

    /// The same repository in a place where another image lies: beside it in its registry or layout.
    pub(super) fn beside(&self, official: &str) -> Option<Self> {
        match self {
            Self::Registry { registry, .. } => {
                let (_, path) = official.split_once('/')?;
                Some(Self::Registry { registry: registry.clone(), repository: path.into() })
            }
            Self::Layout { dir, .. } => Some(Self::Layout { dir: dir.clone(), repository: Some(official.into()) }),
        }
    }

    /// The tags that there are, each with how to name its image. Asks the registry; offline, those of the cache.
    pub(super) fn tags(&self, options: &scan::Options) -> Result<Vec<(String, ImageRef)>, SourceError> {
        match self {
            Self::Registry { .. } if options.offline => {
                let cached = options.cache.iter().flat_map(|cache| cache.manifests());
                let images = cached.filter(|manifest| !manifest.local).filter_map(|manifest| {
                    let image = manifest.reference.parse().ok()?;
                    let (place, tag) = Self::of(&image)?;
                    (place == *self).then_some((tag, image))
                });
                Ok(images.collect())
            }
            Self::Registry { registry, repository } => {
                let any = Reference::with_tag(registry.clone(), repository.clone(), "latest".into());
                let tags = source::tags(&any, &options.source)?.into_iter();
                let named = |tag: &str| Reference::with_tag(registry.clone(), repository.clone(), tag.into());
                Ok(tags.map(|tag| (tag.clone(), ImageRef::Registry(named(&tag)))).collect())
            }
            Self::Layout { dir, repository } => {
                let all = images_in(dir)?.into_iter();
                Ok(all.filter(|(of, ..)| of == repository).map(|(_, tag, image)| (tag, image)).collect())
            }
        }
    }
}

/// Repository, tag and name of the images of a layout.
type Images = Vec<(Option<String>, String, ImageRef)>;

/// The images of a layout.
pub(super) fn images_in(dir: &std::path::Path) -> Result<Images, SourceError> {
    let names = source::names_in_layout(dir)?.into_iter();
    Ok(names
        .map(|name| {
            let (repository, tag) = split(&name);
            (repository, tag, ImageRef::OciLayout { dir: dir.to_owned(), select: Some(name) })
        })
        .collect())
}

/// Repository and tag of a name in a layout: `python:3.7` is one of Docker Hub's, `full` is a plain tag.
fn split(name: &str) -> (Option<String>, String) {
    let full = full_name(name)
        .and_then(|name| Some((format!("{}/{}", name.registry(), name.repository()), name.tag()?.into())));
    full.map_or_else(|| (None, name.to_owned()), |(repository, tag)| (Some(repository), tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::of(&text.parse().unwrap()).unwrap().0
    }

    #[test]
    fn a_copy_has_the_same_path() {
        let official = "docker.io/library/python";
        for (text, expected) in [
            ("python:3.7", true),
            ("localhost:5000/library/python:3.7", true),
            ("oci:dir:python:3.7", true),
            ("oci:dir:full", false),
            ("localhost:5000/python:3.7", false),
            ("node:20", false),
        ] {
            assert_eq!(place(text).is_copy_of(official), expected, "{text}");
        }
        let beside = place("localhost:5000/team/app:1").beside(official).unwrap();
        assert_eq!(beside.repository().as_deref(), Some("localhost:5000/library/python"));
        assert!(Place::of(&"docker-archive:x.tar".parse().unwrap()).is_none());
    }
}
