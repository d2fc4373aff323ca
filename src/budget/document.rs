//! What `inspect` once said of an image, read as a baseline.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::baseline::{Baseline, GrownFile, Kept};
use super::error::BudgetError;
use super::rule::{Budget, Figure};
use super::scope::Scope;
use crate::analyze::InstalledPackage;
use crate::model::{DiffId, EntryKind, LayerPath};
use crate::pkgdb::Ecosystem;

/// What a document must call itself.
const SCHEMA: &str = "layerscope.inspect/1";

/// The parts that matter here.
#[derive(Deserialize)]
struct Document {
    schema: String,
    image: Image,
    layers: Vec<Layer>,
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default)]
    large_files: Option<LargeFiles>,
    programs_unread: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Image {
    reference: String,
    digest: Option<String>,
    #[serde(default)]
    layers_unpacked: Option<bool>,
}

#[derive(Deserialize)]
struct Layer {
    diff_id: String,
    stored_bytes: u64,
    file_bytes: u64,
    #[serde(default)]
    base: Option<bool>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
    version: String,
    path: String,
}

#[derive(Deserialize)]
struct LargeFiles {
    from_bytes: u64,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    size: u64,
    digest: String,
}

/// What a document lists.
pub(super) struct Listed {
    layers: Vec<Layer>,
    /// Whether their stored bytes are more than what a pull downloads.
    pub(super) unpacked: bool,
    pub(super) packages: Vec<InstalledPackage>,
    /// Whether the packages of some of its programs are not among them.
    pub(super) programs_unread: bool,
    files: Option<LargeFiles>,
}

impl Baseline<'static> {
    /// What `inspect --format json` wrote. `place` is how the user named it.
    pub fn of_document(place: &str, json: &[u8]) -> Result<Self, BudgetError> {
        let wrong = |reason: String| BudgetError::Baseline { place: place.into(), reason };
        let document: Document = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        if document.schema != SCHEMA {
            return Err(wrong(format!("it is a {:?}, not a {SCHEMA:?}", document.schema)));
        }
        let Image { reference, digest, layers_unpacked } = document.image;
        let packages = document.packages.into_iter().filter_map(installed).collect();
        let programs_unread = document.programs_unread.is_some();
        let (layers, files) = (document.layers, document.large_files);
        let unpacked = layers_unpacked == Some(true);
        let listed = Listed { layers, unpacked, packages, programs_unread, files };
        Ok(Self { reference, digest, kept: Kept::Document(Box::new(listed)) })
    }
}

fn installed(package: Package) -> Option<InstalledPackage> {
    let ecosystem = Ecosystem::ALL.into_iter().find(|ecosystem| ecosystem.name() == package.ecosystem)?;
    let path = LayerPath::from(package.path.as_str());
    Some(InstalledPackage { ecosystem: ecosystem.name(), name: package.name, version: package.version, path })
}

impl Listed {
    pub(super) fn size(&self, budget: &Budget, figure: Figure) -> Result<u64, String> {
        if figure == Figure::Files && budget.exclude.is_some() {
            return Err("a document does not tell the bytes of what is excluded: take the image itself".into());
        }
        let counts = |layer: &&Layer| !budget.ignore_base || layer.base == Some(false);
        if budget.ignore_base && self.layers.iter().any(|layer| layer.base.is_none()) {
            return Err("which layers are the base's can't be told, and base = \"ignore\" asks for it".into());
        }
        let bytes = |layer: &Layer| if figure == Figure::Files { layer.file_bytes } else { layer.stored_bytes };
        Ok(self.layers.iter().filter(counts).map(bytes).fold(0, u64::saturating_add))
    }

    pub(super) fn diff_ids(&self) -> impl Iterator<Item = DiffId> {
        self.layers.iter().filter_map(|layer| Some(DiffId(layer.diff_id.parse().ok()?)))
    }

    /// Whether it tells files apart by SHA-256, as of an image that has layers with a table of contents.
    pub(super) fn is_by_sha256(&self) -> bool {
        self.files.as_ref().is_some_and(|large| large.files.iter().any(|file| file.digest.starts_with("sha256:")))
    }

    fn large(&self) -> Result<&LargeFiles, String> {
        self.files.as_ref().ok_or_else(|| "the baseline's document lists no files: write it anew".into())
    }

    /// From how many bytes on it lists files.
    pub(super) fn seen_from(&self) -> Result<u64, String> {
        Ok(self.large()?.from_bytes)
    }

    pub(super) fn grown(&self, scope: &Scope<'_>) -> Result<Vec<GrownFile>, String> {
        let LargeFiles { from_bytes, files } = self.large()?;
        let paths: HashMap<&str, &File> = files.iter().map(|file| (file.path.as_str(), file)).collect();
        // What was elsewhere and is there no more has moved.
        let is_gone = |file: &&File| scope.subject.tree.get(&LayerPath::from(file.path.as_str())).is_none();
        let gone: HashSet<&str> = files.iter().filter(is_gone).map(|file| file.digest.as_str()).collect();
        let mut grown = Vec::new();
        for (id, entry, outcome) in scope.files() {
            let EntryKind::File { size, content, sha256, .. } = &entry.kind else { continue };
            let path = entry.path.display();
            let was = paths.get(path.as_str());
            let mut digests =
                [Some(content.to_string()), sha256.as_ref().map(|digest| digest.to_string())].into_iter().flatten();
            let is_known =
                digests.any(|digest| gone.contains(digest.as_str()) || was.is_some_and(|was| was.digest == digest));
            if !outcome.is_visible() || size < from_bytes || is_known {
                continue;
            }
            let bytes = size.saturating_sub(was.map_or(0, |file| file.size));
            grown.push(GrownFile { path: entry.path.clone(), layer: id.layer, bytes, is_new: was.is_none() });
        }
        grown.retain(|file| file.bytes > 0);
        Ok(grown)
    }
}
