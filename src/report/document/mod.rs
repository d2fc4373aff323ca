//! The documents that commands give: what `--format json` writes, field by field.
//!
//! Sizes are bytes. Text is raw, as the image has it: JSON escapes for itself, pages escape on their way to a person.

mod base;
mod check;
mod compose;
mod diff;
mod inspect;
mod list;
mod recommend;
mod rewrite;
mod rows;
mod start;
mod toc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use crate::analyze::{self, InstalledPackage, Subject, Waste};
use crate::model::{Image, LayerPath, Manifest};

pub use base::{BaseDocument, EvidenceDocument};
pub use check::{
    AmountDocument, BaselineDocument, ChangeDocument, CheckDocument, Checked, EvidenceOfRule, GrownDocument,
    LocatedDocument, RuleDocument, VersionsDocument, check,
};
pub use compose::{
    ComposeDocument, OnBaseDocument, OneBaseDocument, ServiceDocument, SharedDocument, SharedSavedDocument, compose,
};
pub use diff::{
    ChangedDocument, ConfigDocument, DiffDocument, DiffFiles, DiffLayers, DiffStart, DiffTotals, DirectoryDocument,
    MovedDocument, PackageChangeDocument, PresentDocument, SideDocument, TallyDocument, diff,
};
pub use inspect::{
    CompatDocument, CopyDocument, DiveDocument, DuplicateDocument, DuplicatesDocument, FateDocument, FindingDocument,
    InspectDocument, LargeFileDocument, LargeFilesDocument, WasteDocument, WastedDocument, inspect,
};
pub use list::{EntryDocument, ListDocument, StatDocument, entry};
pub use recommend::{
    CandidateDocument, EndOfLifeDocument, FamilyDocument, FiguresDocument, NoteDocument, ReasonDocument,
    RecommendDocument, SavedDocument, StageDocument, UnavailableDocument, recommend,
};
pub use rewrite::{
    ConflictDocument, PlaceDocument, ProofDocument, RefusedDocument, RewriteDocument, RewriteIndexDocument, Rewritten,
    SizesDocument, StepDocument, rewrite, rewrite_index,
};
pub use rows::Rows;
pub use start::{
    MeasuredDocument, PhasesDocument, PredictedDocument, ProfileDocument, RunDocument, SettingDocument, StartDocument,
    StartImageDocument, StartSavedDocument, Started, TermDocument, start,
};
pub use toc::UnreadDocument;

/// How long lists get: the first so many, or all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Top(pub Option<usize>);

impl Top {
    pub(super) fn of<T>(self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.take(self.0.unwrap_or(usize::MAX)).collect()
    }
}

/// Which image it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ImageDocument {
    /// Its full name, as a person would type it to get the same image.
    pub reference: String,
    /// Digest of the manifest; null for an image of a docker-archive, which has none.
    pub digest: Option<String>,
    /// Digest of the config: the image's ID to Docker.
    pub config_digest: String,
    /// `linux/amd64`.
    pub platform: String,
    /// When it was built, RFC 3339; null where the config does not say.
    pub created: Option<String>,
    /// Media type of the manifest.
    pub media_type: String,
    /// Whether layers lie uncompressed in a local archive or layout: a registry would send them compressed, so stored bytes,
    /// downloads and starts are more than a pull's. Not there where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers_unpacked: Option<bool>,
}

/// An image's numbers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TotalsDocument {
    /// How many layers it has.
    pub layers: u64,
    /// Bytes of the layers' blobs.
    pub stored_bytes: u64,
    /// Bytes of the layers' tars.
    pub tar_bytes: u64,
    /// Data of the regular files of all layers: visible and wasted.
    pub file_bytes: u64,
    /// … of those in the merged tree.
    pub visible_bytes: u64,
    /// … of all others.
    pub wasted_bytes: u64,
    /// `visible / (visible + wasted)`; 1 for an image without data.
    pub efficiency: f64,
    /// Regular files in the merged tree, hard-linked names counted once.
    pub files: u64,
    /// Entries of all layers' tars, markers included.
    pub entries: u64,
}

/// One layer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LayerDocument {
    /// Counted from the lowest, from 0.
    pub index: u64,
    /// Digest of the blob.
    pub digest: String,
    /// Digest of the tar.
    pub diff_id: String,
    /// Media type, as the manifest has it.
    pub media_type: String,
    /// Bytes of the blob.
    pub stored_bytes: u64,
    /// Bytes of the tar.
    pub tar_bytes: u64,
    /// Data of its regular files.
    pub file_bytes: u64,
    /// … of those that are not visible in the image.
    pub wasted_bytes: u64,
    /// Data that this layer made useless, in itself and in the layers below.
    pub caused_bytes: u64,
    /// Entries of its tar, markers included.
    pub entries: u64,
    /// The instruction that made it, as the history has it; null where the history does not tell.
    pub created_by: Option<String>,
    /// Whether it is the base's, where the base is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<bool>,
}

/// A path: from the image's root, with a leading slash.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PathDocument {
    /// The path; of one that is not UTF-8, a form with replacement characters.
    pub path: String,
    /// Of a path that is not UTF-8: its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
}

/// A package that an image says it has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackageDocument {
    /// `deb`, `apk`, `rpm`, `python`, `npm`, `go`, `rust`.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The database, or the package's own record, that says so.
    #[serde(flatten)]
    pub path: PathDocument,
}

impl From<&LayerPath> for PathDocument {
    fn from(path: &LayerPath) -> Self {
        Self { path: path.display(), path_bytes: path_bytes(path) }
    }
}

/// The base64 of a path's bytes, leading slash included, where it is not UTF-8.
fn path_bytes(path: &LayerPath) -> Option<String> {
    raw(path.as_bytes()).map(|_| BASE64_STANDARD.encode([b"/", path.as_bytes()].concat()))
}

/// Base64 of what is not UTF-8.
fn raw(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| BASE64_STANDARD.encode(bytes))
}

impl From<&Image> for ImageDocument {
    fn from(image: &Image) -> Self {
        (&image.manifest).into()
    }
}

impl From<&Manifest> for ImageDocument {
    fn from(manifest: &Manifest) -> Self {
        Self {
            reference: manifest.reference.clone(),
            digest: manifest.digest.map(|digest| digest.to_string()),
            config_digest: manifest.config_digest.to_string(),
            platform: manifest.config.platform().to_string(),
            created: manifest.config.created.clone(),
            media_type: manifest.media_type.clone(),
            layers_unpacked: manifest.lies_unpacked().then_some(true),
        }
    }
}

impl From<analyze::Totals> for TotalsDocument {
    fn from(totals: analyze::Totals) -> Self {
        let analyze::Totals {
            layers,
            stored_bytes,
            tar_bytes,
            file_bytes,
            visible_bytes,
            wasted_bytes,
            efficiency,
            files,
            entries,
        } = totals;
        Self {
            layers: layers as u64,
            stored_bytes,
            tar_bytes,
            file_bytes,
            visible_bytes,
            wasted_bytes,
            efficiency,
            files,
            entries,
        }
    }
}

impl From<analyze::LayerTotals> for LayerDocument {
    fn from(layer: analyze::LayerTotals) -> Self {
        Self {
            index: layer.index as u64,
            digest: layer.digest.to_string(),
            diff_id: layer.diff_id.to_string(),
            media_type: layer.media_type,
            stored_bytes: layer.stored_bytes,
            tar_bytes: layer.tar_bytes,
            file_bytes: layer.file_bytes,
            wasted_bytes: layer.wasted_bytes,
            caused_bytes: layer.caused_bytes,
            entries: layer.entries,
            created_by: layer.created_by,
            base: None,
        }
    }
}

impl From<InstalledPackage> for PackageDocument {
    fn from(package: InstalledPackage) -> Self {
        let path = PathDocument::from(&package.path);
        Self { ecosystem: package.ecosystem.into(), name: package.name, version: package.version, path }
    }
}

/// Every layer of an image.
fn layers(subject: Subject<'_>, waste: &Waste) -> Vec<LayerDocument> {
    analyze::layer_totals(subject, waste).into_iter().map(LayerDocument::from).collect()
}
