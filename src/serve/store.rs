//! All that is served: places, and the repositories that their images are in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::place::{Document, Place};
use super::repository::{self, Name, Repository, Tagged};
use super::request::Failure;
use super::{LeftOut, ServeError};
use crate::model::Digest;
use crate::source::{Part, Stored};

/// What is served.
#[derive(Default)]
pub(super) struct Store {
    places: Vec<Place>,
    repositories: BTreeMap<String, Repository>,
    /// Images without a name, as `workshop@sha256:…`.
    unnamed: Vec<String>,
    /// Of a folder: what in it can't be opened, and why.
    left_out: Vec<LeftOut>,
}

impl Store {
    /// Opens layouts, archives, and folders of these. What is broken in a folder is left out, unless all of it is.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, ServeError> {
        let mut store = Self::default();
        let mut also = Vec::new();
        for path in paths {
            for found in images_at(path)? {
                match Place::open(&found) {
                    Ok(place) => also.extend(store.add(&found, place)?),
                    Err(source) if found == *path => return Err(source.into()),
                    Err(error) => store.left_out.push(LeftOut { path: found.display().to_string(), error }),
                }
            }
        }
        if store.places.is_empty() && !store.left_out.is_empty() {
            return Err(store.left_out.swap_remove(0).error.into());
        }
        store.add_where_free(also);
        Ok(store)
    }

    /// Adds a place under the names that its images have for sure; returns those that they may have beside.
    fn add(&mut self, path: &Path, opened: Place) -> Result<Vec<(Name, Tagged)>, ServeError> {
        let (place, stem) = (self.places.len(), repository::stem(path));
        self.places.push(opened);
        let entries = &self.places[place].entries;
        let only = entries.len() == 1;
        let mut all = Vec::new();
        self.repositories.entry(stem.clone()).or_default().places.insert(place);
        for entry in entries {
            let (sure, maybe) = repository::names(&stem, &entry.names, only);
            if sure.is_empty() {
                self.unnamed.push(format!("{stem}@{}", entry.digest));
            }
            let tagged = Tagged { digest: entry.digest, place };
            all.push((tagged, sure, maybe));
        }
        let mut also = Vec::new();
        for (tagged, sure, maybe) in all {
            sure.into_iter().try_for_each(|name| self.tag(name, tagged))?;
            also.extend(maybe.into_iter().map(|name| (name, tagged)));
        }
        Ok(also)
    }

    fn tag(&mut self, name: Name, tagged: Tagged) -> Result<(), ServeError> {
        let repository = self.repositories.entry(name.repository.clone()).or_default();
        repository.places.insert(tagged.place);
        let first = *repository.tags.entry(name.tag.clone()).or_insert(tagged);
        if first.digest == tagged.digest {
            return Ok(());
        }
        Err(ServeError::Conflict {
            name: format!("{}:{}", name.repository, name.tag),
            first: self.places[first.place].path.clone(),
            second: self.places[tagged.place].path.clone(),
        })
    }

    /// Adds names that are nobody else's: neither taken, nor wanted by two different images.
    fn add_where_free(&mut self, also: Vec<(Name, Tagged)>) {
        let mut wanted: BTreeMap<Name, Vec<Tagged>> = BTreeMap::new();
        for (name, tagged) in also {
            wanted.entry(name).or_default().push(tagged);
        }
        for (name, by) in wanted {
            let one = by.iter().all(|tagged| tagged.digest == by[0].digest);
            if let (true, Some(repository)) = (one, self.repositories.get_mut(&name.repository)) {
                repository.tags.entry(name.tag).or_insert(by[0]);
            }
        }
    }

    /// What can be pulled, sorted.
    pub(super) fn images(&self) -> Vec<String> {
        let tagged = self.repositories.iter();
        let tagged = tagged.flat_map(|(name, repository)| repository.tags().map(move |tag| format!("{name}:{tag}")));
        let mut images: Vec<String> = tagged.chain(self.unnamed.iter().cloned()).collect();
        images.sort();
        images.dedup();
        images
    }

    /// What is not served.
    pub(super) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The names of all repositories, sorted.
    pub(super) fn repositories(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }

    /// A repository.
    pub(super) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    /// A manifest or index of a repository.
    pub(super) fn manifest(&self, repository: &Repository, digest: &Digest) -> Result<Document, Failure> {
        let mut broken = false;
        for place in self.places_of(repository) {
            match place.manifest(digest) {
                Ok(Some(document)) => return Ok(document),
                Ok(None) => {}
                Err(_) => broken = true,
            }
        }
        Err(if broken { Failure::internal() } else { Failure::no_manifest() })
    }

    /// A blob of a repository.
    pub(super) fn blob(&self, repository: &Repository, digest: &Digest) -> Result<Part, Failure> {
        let mut broken = false;
        for place in self.places_of(repository) {
            match place.blob(digest) {
                Ok(Some(part)) => return Ok(part),
                Ok(None) => {}
                Err(_) => broken = true,
            }
        }
        Err(if broken { Failure::internal() } else { Failure::no_blob() })
    }

    fn places_of(&self, repository: &Repository) -> impl Iterator<Item = &Place> {
        repository.places.iter().filter_map(|place| self.places.get(*place))
    }
}

/// The path itself if it is a layout or an archive, else those in the folder, sorted.
fn images_at(path: &Path) -> Result<Vec<PathBuf>, ServeError> {
    if Stored::is_at(path) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| ServeError::Io { path: path.display().to_string(), source };
    let mut found = Vec::new();
    for entry in path.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if Stored::is_at(&path) {
            found.push(path);
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(ServeError::NoImages { path: path.display().to_string() }),
        false => Ok(found),
    }
}
