//! What an image is compared with: another image, or what `inspect` once said of it.

use std::collections::HashSet;

use super::contents::own_packages;
use super::document::Listed;
use super::outcome::Evidence;
use super::rule::{Budget, Figure};
use super::scope::Scope;
use crate::analyze::diff::{FileDiff, Filter, PackageChange, What, diff_files, package_changes};
use crate::analyze::{Base, InstalledPackage, Subject, is_of_programs, packages};
use crate::model::{DiffId, LayerPath};
use crate::tree::{NodeId, Tree};

/// Files that are told of, at most.
const MOST_FILES: usize = 1000;
/// What grew, of each kind, that a rule tells of.
const TOLD: [usize; 3] = [3, 4, 3];

/// What an image is compared with.
pub struct Baseline<'b> {
    /// Its name.
    pub reference: String,
    /// Digest of its manifest, if it has one.
    pub digest: Option<String>,
    pub(super) kept: Kept<'b>,
}

/// What is known of it.
pub(super) enum Kept<'b> {
    /// All.
    Image(Subject<'b>, Option<&'b Base>),
    /// What a document lists.
    Document(Box<Listed>),
}

/// What an image has more than its baseline.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The baseline.
    pub reference: String,
    /// Its digest.
    pub digest: Option<String>,
    /// Stored bytes that count, before and now.
    pub stored: Result<(u64, u64), String>,
    /// File bytes that count, before and now.
    pub files: Result<(u64, u64), String>,
    /// Layers that the baseline has not, the largest first: their place and stored bytes.
    pub layers: Vec<(u32, u64)>,
    /// Files that are new or larger.
    pub grown: Result<Grown, String>,
    /// Packages that came, or have another version.
    pub packages: Vec<PackageChange>,
    /// Whether they lack what programs were built of, since the baseline's document does.
    pub programs_unread: bool,
}

/// Files that are new or larger, by how much, the most first.
#[derive(Clone, Debug, Default)]
pub struct Grown {
    /// They.
    pub files: Vec<GrownFile>,
    /// How many there are.
    pub total: usize,
    /// The baseline tells of files from so many bytes on.
    pub seen_from: u64,
}

/// A file that is new, or larger than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrownFile {
    /// Its path.
    pub path: LayerPath,
    /// The layer that has it.
    pub layer: u32,
    /// Bytes more.
    pub bytes: u64,
    /// Whether the baseline has nothing of that path and content.
    pub is_new: bool,
}

impl GrownFile {
    pub(super) fn evidence(&self) -> Evidence {
        let what = if self.is_new { "new" } else { "larger" };
        Evidence::of(what).path(&self.path).layer(self.layer).bytes(self.bytes)
    }
}

impl<'b> Baseline<'b> {
    /// An image.
    pub fn of_image(subject: Subject<'b>, base: Option<&'b Base>) -> Self {
        let manifest = &subject.image.manifest;
        let digest = manifest.digest.map(|digest| digest.to_string());
        Self { reference: manifest.reference.clone(), digest, kept: Kept::Image(subject, base) }
    }

    /// Whether files are compared with it by their SHA-256, which has to be computed then.
    pub fn is_by_sha256(&self) -> bool {
        matches!(&self.kept, Kept::Document(listed) if listed.is_by_sha256())
    }

    /// What an image has more, of what counts.
    pub(super) fn growth(&self, budget: &Budget, scope: &Scope<'_>) -> Growth {
        let with = |was: Result<u64, String>, figure| was.map(|was| (was, scope.bytes(figure)));
        let mut packages = package_changes(&self.packages(), &own_packages(scope));
        packages.retain(|package| package.b.is_some());
        let programs_unread = matches!(&self.kept, Kept::Document(listed) if listed.programs_unread);
        if programs_unread {
            // What programs were built of may have been there before.
            packages.retain(|package| !is_of_programs(&package.ecosystem));
        }
        Growth {
            reference: self.reference.clone(),
            digest: self.digest.clone(),
            stored: self.comparable(scope).and_then(|()| with(self.size(budget, Figure::Stored), Figure::Stored)),
            files: with(self.size(budget, Figure::Files), Figure::Files),
            layers: self.new_layers(scope),
            grown: self.grown(scope),
            packages,
            programs_unread,
        }
    }

    /// Why stored bytes can't be compared, where they are compressed bytes of one image alone.
    fn comparable(&self, scope: &Scope<'_>) -> Result<(), String> {
        let was_unpacked = match &self.kept {
            Kept::Image(subject, _) => subject.image.manifest.lies_unpacked(),
            Kept::Document(listed) => listed.unpacked,
        };
        let whose = match (was_unpacked, scope.subject.image.manifest.lies_unpacked()) {
            (true, false) => "the baseline's",
            (false, true) => "the image's",
            _ => return Ok(()),
        };
        Err(format!("{whose} layers lie unpacked: take both images from a registry, or file-growth"))
    }

    fn size(&self, budget: &Budget, figure: Figure) -> Result<u64, String> {
        let told = |reason: String| format!("of the baseline, {reason}");
        match &self.kept {
            Kept::Document(listed) => listed.size(budget, figure).map_err(told),
            Kept::Image(subject, base) => Ok(Scope::of(*subject, budget, *base).map_err(told)?.bytes(figure)),
        }
    }

    fn packages(&self) -> std::borrow::Cow<'_, [InstalledPackage]> {
        match &self.kept {
            Kept::Image(subject, _) => packages(subject.tree).into(),
            Kept::Document(listed) => listed.packages.as_slice().into(),
        }
    }

    fn new_layers(&self, scope: &Scope<'_>) -> Vec<(u32, u64)> {
        let known: HashSet<DiffId> = match &self.kept {
            Kept::Image(subject, _) => subject.image.layers.iter().map(|layer| layer.diff_id).collect(),
            Kept::Document(listed) => listed.diff_ids().collect(),
        };
        let layers = scope.subject.image.layers.iter().enumerate().skip(scope.first as usize);
        let new = layers.filter(|(_, layer)| !known.contains(&layer.diff_id));
        let mut new: Vec<(u32, u64)> = new.map(|(layer, about)| (layer as u32, about.stored_bytes)).collect();
        new.sort_by_key(|(layer, bytes)| (std::cmp::Reverse(*bytes), *layer));
        new
    }

    fn grown(&self, scope: &Scope<'_>) -> Result<Grown, String> {
        let (mut files, seen_from) = match &self.kept {
            Kept::Image(subject, _) => (grown_since(subject.tree, scope), 0),
            Kept::Document(listed) => (listed.grown(scope)?, listed.seen_from()?),
        };
        files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        let total = files.len();
        files.truncate(MOST_FILES);
        Ok(Grown { files, total, seen_from })
    }
}

fn grown_since(before: &Tree, scope: &Scope<'_>) -> Vec<GrownFile> {
    let wanted = |path: &LayerPath| scope.counts_path(path);
    let tree = scope.subject.tree;
    let FileDiff { added, changed, .. } = diff_files(before, tree, &Filter { wanted: &wanted, times: false });
    let layer = |id: NodeId| tree.data(tree.node(id)).map_or(tree.node(id).layer(), |entry| entry.layer);
    let new = added.into_iter().map(|file| GrownFile {
        layer: layer(file.node),
        path: file.path.into_owned(),
        bytes: file.bytes,
        is_new: true,
    });
    let larger =
        changed.into_iter().filter(|file| file.what.iter().any(|what| matches!(what, What::Content | What::Type)));
    let larger = larger.map(|file| GrownFile {
        layer: layer(file.b),
        path: file.path.into_owned(),
        bytes: file.b_bytes.saturating_sub(file.a_bytes),
        is_new: false,
    });
    new.chain(larger).filter(|file| file.bytes > 0 && file.layer >= scope.first).collect()
}

impl Growth {
    /// Packages that came.
    pub fn added(&self) -> impl Iterator<Item = &PackageChange> {
        self.packages.iter().filter(|package| package.a.is_none())
    }

    /// Layers, files and packages that are new, some of each.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let [layers, files, packages] = TOLD;
        let layers = self.layers.iter().take(layers);
        let layers = layers.map(|(layer, bytes)| Evidence::of("a new layer").layer(*layer).bytes(*bytes));
        let files = self.grown.iter().flat_map(|grown| grown.files.iter().take(files)).map(GrownFile::evidence);
        let packages = self.added().take(packages).map(added);
        layers.chain(files).chain(packages).collect()
    }
}

/// A package that came.
pub(super) fn added(package: &PackageChange) -> Evidence {
    let version = package.b.as_deref().unwrap_or_default();
    Evidence::of(format!("new package {} {version} ({})", package.name, package.ecosystem)).path(&package.path)
}
