//! OCI image layouts (image-spec image-layout.md), in a folder or in a tar.

use std::io::Read;
use std::ops::Range;

use serde::Deserialize;

use super::files::{Files, FilesError, Part};
use super::names::{ChoiceError, is_same, listed, tag_of};
use super::resolve::{DocumentKind, Documents, ImageIndex, MAX_CONFIG, MAX_MANIFEST, index, resolve, statements};
use super::{Source, SourceError};
use crate::model::{Descriptor, Digest, Manifest, Platform};

/// Tag of a descriptor in `index.json`; some programs write the full name here.
const TAG: &str = "org.opencontainers.image.ref.name";
/// containerd's and Docker's annotation: the full name (containerd, core/images/annotations.go).
pub(crate) const FULL_NAME: &str = "io.containerd.image.name";

/// Why a layout could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file of it.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Another folder or archive.
    #[error("{place} is no OCI image layout: it has no index.json")]
    NoIndex {
        /// The folder or archive.
        place: String,
    },
    /// `index.json` is broken.
    #[error("index.json of {place} is broken: {source}")]
    Index {
        /// The layout.
        place: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A selection that starts with `@` and is none.
    #[error("cannot choose an image of {place}: {source}")]
    Digest {
        /// The layout.
        place: String,
        /// What is wrong.
        source: crate::model::DigestError,
    },
}

/// A layout, and the descriptors that its `index.json` lists.
pub(crate) struct Layout {
    files: Files,
    index: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

impl Layout {
    /// Reads `index.json`.
    pub(crate) fn open(files: Files) -> Result<Self, LayoutError> {
        if !files.has("index.json") {
            return Err(LayoutError::NoIndex { place: files.place() });
        }
        let bytes = files.read("index.json", MAX_MANIFEST)?;
        let broken = |source| LayoutError::Index { place: files.place(), source };
        let index: Index = serde_json::from_slice(&bytes).map_err(broken)?;
        Ok(Self { files, index: index.manifests.unwrap_or_default() })
    }

    /// What `index.json` lists.
    pub(crate) fn descriptors(&self) -> &[Descriptor] {
        &self.index
    }

    /// A blob, not verified; an error where it is missing.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Part, FilesError> {
        self.files.open(&format!("blobs/{}/{}", digest.algorithm(), digest.hex()))
    }

    /// Whether `index.json` has the image that is meant, and one only.
    pub(super) fn has(&self, select: Option<&str>) -> bool {
        match select.and_then(|select| select.strip_prefix('@')) {
            Some(pinned) => self.index.iter().any(|child| child.digest.to_string() == pinned),
            None => self.choose(select).is_ok(),
        }
    }

    /// The descriptors that are meant: several of one name are one image for several platforms. `select` is a tag
    /// or a full name.
    fn choose(&self, select: Option<&str>) -> Result<Vec<&Descriptor>, ChoiceError> {
        let all: Vec<&Descriptor> = self.index.iter().collect();
        let Some(select) = select else { return self.one_of(all) };
        let called = |how: fn(&str, &str) -> bool| {
            all.iter().copied().filter(|child| names(child).any(|name| how(name, select))).collect::<Vec<_>>()
        };
        let exactly = called(is_same);
        let meant = if exactly.is_empty() { called(|name, select| tag_of(name) == Some(select)) } else { exactly };
        match meant.is_empty() {
            false => self.one_of(meant),
            true => Err(ChoiceError::none(self.files.place(), select, listed(all.into_iter().map(label)))),
        }
    }

    /// These, if they are one image: of one digest, or of one name (and then of several platforms).
    fn one_of<'a>(&self, some: Vec<&'a Descriptor>) -> Result<Vec<&'a Descriptor>, ChoiceError> {
        let place = self.files.place();
        let Some(first) = some.first().copied() else { return Err(ChoiceError::Empty { place }) };
        if some.iter().all(|child| child.digest == first.digest) {
            return Ok(vec![first]);
        }
        let same_name = |child: &&Descriptor| names(child).next() == names(first).next();
        let platforms = some.iter().all(|child| child.platform.is_some());
        match some.iter().all(same_name) && (platforms || names(first).next().is_some()) {
            true => Ok(some),
            false => Err(ChoiceError::several(place, listed(some.into_iter().map(label)))),
        }
    }
}

/// The names that a descriptor has, the shorter one first.
pub(crate) fn names(descriptor: &Descriptor) -> impl Iterator<Item = &str> {
    [TAG, FULL_NAME].into_iter().filter_map(|key| descriptor.annotations.get(key)).map(String::as_str)
}

/// What to type after the place to choose it.
fn label(descriptor: &Descriptor) -> String {
    names(descriptor).next().map_or_else(|| format!("@{}", descriptor.digest), str::to_owned)
}

/// One image of a layout.
pub(super) struct OciLayout {
    layout: Layout,
    reference: String,
    select: Option<String>,
}

impl OciLayout {
    /// `reference` is how the image was asked for; `select` as for [`Layout::choose`].
    pub(super) fn new(layout: Layout, reference: String, select: Option<String>) -> Self {
        Self { layout, reference, select }
    }

    fn document(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, LayoutError> {
        let part = self.layout.blob(digest)?;
        Ok(part.read_whole(limit)?)
    }
}

impl Source for OciLayout {
    fn resolve(&self, platform: &Platform) -> Result<Manifest, SourceError> {
        let manifest = resolve(self, &self.reference, platform)?;
        Ok(Manifest { local: true, ..manifest })
    }

    fn blob(&self, layer: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(self.layout.blob(&layer.digest).map_err(LayoutError::from)?))
    }

    fn index(&self) -> Result<Option<ImageIndex>, SourceError> {
        index(self, &self.reference)
    }

    fn part(&self, layer: &Descriptor, range: Range<u64>) -> Result<Option<Vec<u8>>, SourceError> {
        let blob = self.layout.blob(&layer.digest).map_err(LayoutError::from)?;
        // A blob that is cut short has no such part: whoever reads it whole says so.
        if blob.len() < range.end {
            return Ok(None);
        }
        let size = range.end.saturating_sub(range.start);
        Ok(Some(blob.slice(range.start, range.end).read_whole(size).map_err(LayoutError::from)?))
    }

    fn statements(&self, manifest: &Manifest) -> Result<Vec<Vec<u8>>, SourceError> {
        statements(self, manifest)
    }
}

impl Documents for OciLayout {
    fn root(&self) -> Result<(Vec<u8>, Option<Digest>), SourceError> {
        let select = self.select.as_deref();
        let digest = match select.and_then(|select| select.strip_prefix('@')) {
            Some(pinned) => {
                pinned.parse().map_err(|source| LayoutError::Digest { place: self.layout.files.place(), source })?
            }
            None => match self.layout.choose(select)?.as_slice() {
                [only] => only.digest,
                several => return Ok((as_index(several), None)),
            },
        };
        Ok((OciLayout::document(self, &digest, MAX_MANIFEST)?, Some(digest)))
    }

    fn document(&self, kind: DocumentKind, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let limit = match kind {
            DocumentKind::Manifest => MAX_MANIFEST,
            DocumentKind::Config => MAX_CONFIG,
        };
        Ok(OciLayout::document(self, &descriptor.digest, limit)?)
    }
}

/// An index over descriptors that stand side by side in a layout.
fn as_index(manifests: &[&Descriptor]) -> Vec<u8> {
    serde_json::json!({ "schemaVersion": 2, "manifests": manifests }).to_string().into_bytes()
}
