//! What `docker save` and `podman save` write, of any age (Docker image spec v1.2, "Combined Image JSON").

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::archive_tar::TarFile;
use super::files::{FilesError, Part};
use super::names::{ChoiceError, is_same, listed, shown, tag_of};
use super::resolve::{self, MAX_CONFIG, MAX_MANIFEST, ResolveError};
use super::{Source, SourceError};
use crate::blob::Compression;
use crate::model::{Descriptor, DiffId, Digest, Manifest, Platform};

/// Media type of the manifest that such an archive does not have.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The archive is not what Docker writes.
#[derive(Debug, thiserror::Error)]
pub enum DockerArchiveError {
    /// A file of it.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Another archive.
    #[error("{place} is no docker-archive: it has no manifest.json")]
    NoManifest {
        /// The archive.
        place: String,
    },
    /// Written by Docker before 1.10.
    #[error(
        "{place} was saved by a Docker older than 1.10, without manifest.json: load it with a current Docker and save it again"
    )]
    TooOld {
        /// The archive.
        place: String,
    },
    /// `manifest.json` is broken.
    #[error("manifest.json of {place} is broken: {source}")]
    Manifest {
        /// The archive.
        place: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// An archive and what its `manifest.json` lists.
pub(crate) struct DockerArchive {
    tar: TarFile,
    items: Vec<Item>,
}

/// One image of an archive, as `manifest.json` has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// A layer: what a manifest would say of it, and the member it is in.
pub(crate) struct StoredLayer {
    /// What a manifest would say.
    pub(crate) descriptor: Descriptor,
    /// The member.
    pub(crate) member: String,
}

/// An image's config, verified where its name is a digest, and its layers.
pub(crate) struct StoredImage {
    /// The config's bytes.
    pub(crate) config: Vec<u8>,
    /// … and digest.
    pub(crate) config_digest: Digest,
    /// The layers, lowest first: as many as `manifest.json` or the config has, whichever are fewer.
    pub(crate) layers: Vec<StoredLayer>,
}

impl Item {
    /// Its names, as `docker.io/library/python:3.11` or `python:3.11`.
    pub(crate) fn names(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    /// The member that has its config.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    fn layers(&self) -> &[String] {
        self.layers.as_deref().unwrap_or_default()
    }

    /// What to type to choose it.
    fn labels(&self) -> Vec<String> {
        match (self.names(), digest_in(&self.config)) {
            ([], Some(digest)) => vec![format!("@{digest}")],
            (names, _) => names.to_vec(),
        }
    }

    /// By name, or by `@` and the config's digest (which Docker calls the image's ID).
    fn is_called(&self, select: &str) -> bool {
        match select.strip_prefix('@') {
            Some(digest) => digest_in(&self.config).is_some_and(|own| own.to_string() == digest),
            None => self.names().iter().any(|name| is_same(name, select)),
        }
    }
}

impl DockerArchive {
    /// Reads `manifest.json`.
    pub(crate) fn open(tar: TarFile) -> Result<Self, DockerArchiveError> {
        let place = || tar.place().to_owned();
        let Some(manifest) = tar.member("manifest.json") else {
            return Err(match tar.has("repositories") {
                true => DockerArchiveError::TooOld { place: place() },
                false => DockerArchiveError::NoManifest { place: place() },
            });
        };
        let bytes = manifest.read_whole(MAX_MANIFEST)?;
        let broken = |source| DockerArchiveError::Manifest { place: place(), source };
        let items = serde_json::from_slice::<Option<_>>(&bytes).map_err(broken)?.unwrap_or_default();
        Ok(Self { tar, items })
    }

    /// What is in it.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The image that is meant; the only one where nothing is asked for. `select` is a name, a tag that one image
    /// has, or `@` and the digest of a config.
    pub(super) fn choose(&self, select: Option<&str>) -> Result<&Item, ChoiceError> {
        let place = || self.tar.place().to_owned();
        let available = || listed(self.items.iter().flat_map(Item::labels));
        match (select, self.items.as_slice()) {
            (_, []) => Err(ChoiceError::Empty { place: place() }),
            (None, [only]) => Ok(only),
            (None, _) => Err(ChoiceError::several(place(), available())),
            (Some(select), items) => {
                called(items, select).ok_or_else(|| ChoiceError::none(place(), select, available()))
            }
        }
    }

    /// The bytes of a member that `manifest.json` names.
    pub(crate) fn member(&self, name: &str) -> Result<Part, FilesError> {
        let missing = || FilesError::Missing { place: self.tar.place().into(), name: shown(name) };
        self.tar.member(name).ok_or_else(missing)
    }

    /// An image's config, and what is known of its layers. Reads a layer through only where it is compressed and its
    /// name is not its digest.
    pub(crate) fn image(&self, item: &Item) -> Result<StoredImage, SourceError> {
        let config = self.member(&item.config)?.read_whole(MAX_CONFIG)?;
        let config_digest = digest_in(&item.config).unwrap_or_else(|| resolve::sha256(&config));
        resolve::verify("config", &config, &config_digest)?;
        let diff_ids = resolve::parse_config(&config, config_digest)?.rootfs.diff_ids;
        let layers = item.layers().iter().zip(&diff_ids).map(|(name, diff_id)| self.layer(name, diff_id));
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(StoredImage { config, config_digest, layers })
    }

    /// The digest of a plain tar is its diff ID; that of a compressed one stands in its name, or has to be computed.
    fn layer(&self, name: &str, diff_id: &DiffId) -> Result<StoredLayer, FilesError> {
        let part = self.member(name)?;
        let (size, failed) = (part.len(), |source| FilesError::Io { path: name.into(), source });
        let mut head = [0; 4];
        let got = part.peek(&mut head).map_err(failed)?;
        let compression = Compression::of(&head[..got]);
        let digest = match (compression, digest_in(name)) {
            (Compression::None, _) => diff_id.0,
            (_, Some(digest)) if name.starts_with("blobs/sha256/") => digest,
            _ => sha256(part).map_err(failed)?,
        };
        let media_type = compression.layer_type().to_owned();
        let (urls, annotations, platform) = Default::default();
        let descriptor = Descriptor { media_type, digest, size, urls, annotations, platform };
        Ok(StoredLayer { descriptor, member: name.to_owned() })
    }
}

/// The image of that name; else the only one with that tag, as in an OCI layout.
fn called<'a>(items: &'a [Item], select: &str) -> Option<&'a Item> {
    let tagged = |item: &&Item| item.names().iter().any(|name| tag_of(name) == Some(select));
    // skopeo's `@N`: the image of that number, from 0.
    if let Some(number) = select.strip_prefix('@').and_then(|number| number.parse::<usize>().ok()) {
        return items.get(number);
    }
    items.iter().find(|item| item.is_called(select)).or_else(|| {
        let mut tagged = items.iter().filter(tagged);
        tagged.next().filter(|_| tagged.next().is_none())
    })
}

fn sha256(mut part: Part) -> std::io::Result<Digest> {
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 17]);
    loop {
        match part.read(&mut piece)? {
            0 => return Ok(Digest::Sha256(hasher.finalize().into())),
            got => hasher.update(&piece[..got]),
        }
    }
}

/// The SHA-256 that a member's name consists of: `HEX.json`, `blobs/sha256/HEX`, `sha256:HEX`.
fn digest_in(name: &str) -> Option<Digest> {
    let file = name.rsplit('/').next()?;
    let hex = file.strip_suffix(".json").unwrap_or(file);
    format!("sha256:{}", hex.strip_prefix("sha256:").unwrap_or(hex)).parse().ok()
}

/// One image of an archive.
pub(super) struct ArchiveImage {
    archive: DockerArchive,
    reference: String,
    select: Option<String>,
    /// Where the layers are that `resolve` has named.
    members: Mutex<HashMap<Digest, String>>,
}

impl ArchiveImage {
    /// `reference` is how the image was asked for; `select` as for [`DockerArchive::choose`].
    pub(super) fn new(archive: DockerArchive, reference: String, select: Option<String>) -> Self {
        Self { archive, reference, select, members: Mutex::default() }
    }
}

impl Source for ArchiveImage {
    /// The archive has one platform's image; as with `docker load`, another wish is no error.
    fn resolve(&self, _platform: &Platform) -> Result<Manifest, SourceError> {
        let item = self.archive.choose(self.select.as_deref())?;
        let image = self.archive.image(item)?;
        let config = resolve::parse_config(&image.config, image.config_digest)?;
        let (diff_ids, layers) = (config.rootfs.diff_ids.len(), item.layers().len());
        if diff_ids != layers {
            return Err(ResolveError::LayerCount { reference: self.reference.clone(), diff_ids, layers }.into());
        }
        let members = image.layers.iter().map(|layer| (layer.descriptor.digest, layer.member.clone()));
        self.members.lock().unwrap_or_else(PoisonError::into_inner).extend(members);
        let manifest = Manifest {
            reference: self.reference.clone(),
            local: true,
            digest: None,
            media_type: MANIFEST.into(),
            config_digest: image.config_digest,
            config,
            annotations: Default::default(),
            layers: image.layers.into_iter().map(|layer| layer.descriptor).collect(),
            attestation: None,
        };
        resolve::check(&manifest)?;
        Ok(manifest)
    }

    fn blob(&self, layer: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let name = members.get(&layer.digest).cloned().unwrap_or_else(|| format!("layer {}", layer.digest));
        drop(members);
        Ok(Box::new(self.archive.member(&name)?))
    }
}
