//! The document of `inspect`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::toc::{UnreadDocument, programs_unread, tar_bytes_estimated};
use super::{BaseDocument, ImageDocument, LayerDocument, PackageDocument, PathDocument, Top, TotalsDocument, layers};
use crate::analyze::finding::{Finding, findings};
use crate::analyze::{self, Area, Base, Dive, DuplicateGroup, Spread, Subject, Waste, WastedFile};
use crate::model::{Entry, EntryId, EntryKind};
use crate::parallel::joined;
use crate::tree::Tree;

/// Files of so many bytes are large.
const LARGE: u64 = 32 << 10;

/// `layerscope.inspect/1`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InspectDocument {
    /// `layerscope.inspect/1`.
    pub schema: String,
    /// The image.
    pub image: ImageDocument,
    /// Its numbers.
    pub totals: TotalsDocument,
    /// Its layers, lowest first.
    pub layers: Vec<LayerDocument>,
    /// Whether `tar_bytes` of totals and layers are estimates, since a layer was indexed from a table of contents that
    /// does not tell the length of its tar. Not there where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar_bytes_estimated: Option<bool>,
    /// The base under it, as far as it can be told without asking a registry; null where nothing tells of one.
    pub base: Option<BaseDocument>,
    /// What is lost.
    pub waste: WasteDocument,
    /// Files that it has more than once.
    pub duplicates: DuplicatesDocument,
    /// Packages that its databases and programs name, in order of ecosystem and name.
    pub packages: Vec<PackageDocument>,
    /// Programs that were not read, in layers that were indexed from their tables of contents: `packages` does not have
    /// the Go modules and Rust crates that they were built of. Not there where all were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs_unread: Option<UnreadDocument>,
    /// Its large files: by these, and by layers and packages, this document is a baseline of `check`.
    pub large_files: LargeFilesDocument,
    /// What to mend, worst first.
    pub findings: Vec<FindingDocument>,
    /// Figures of other tools, by their formulas.
    pub compat: CompatDocument,
    /// Where its bytes lie, for forms that have pictures.
    #[serde(skip)]
    pub map: Option<Area>,
}

/// Data that is in the layers and not in the merged tree.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WasteDocument {
    /// Its sums by fate: `content_replaced`, `metadata_only`, `unchanged_copy`, `deleted`, `opaque`, `type_replaced`,
    /// `same_layer`.
    pub by_fate: BTreeMap<String, FateDocument>,
    /// How many rows `paths` has when it is complete.
    pub paths_total: u64,
    /// The files, largest first.
    pub paths: Vec<WastedDocument>,
}

/// What one fate cost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FateDocument {
    /// How many files met it, empty ones too.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A lost file, or several of one path, layer and fate.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WastedDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// The layer that holds it.
    pub layer: u64,
    /// The layer that lost it.
    pub by_layer: u64,
    /// Its bytes.
    pub bytes: u64,
    /// An estimate of what it costs to download.
    pub download_bytes_estimate: u64,
    /// What became of it.
    pub fate: String,
}

/// Visible files of equal content that are not hard links of each other.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DuplicatesDocument {
    /// How many groups there are.
    pub groups: u64,
    /// `size × (copies − 1)` over all groups.
    pub reclaimable_bytes: u64,
    /// … over those that lie in one layer.
    pub one_layer_bytes: u64,
    /// … over those that lie in several: a union filesystem shares layers, not files.
    pub several_layers_bytes: u64,
    /// The groups, the most reclaimable first.
    pub top: Vec<DuplicateDocument>,
}

/// Files of one content.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DuplicateDocument {
    /// Digest of their content: `blake3:…`, or `sha256:…` where a layer of the image has a table of contents.
    pub digest: String,
    /// Bytes of one copy.
    pub size: u64,
    /// `size × (copies − 1)`.
    pub reclaimable_bytes: u64,
    /// `one_layer` or `several_layers`.
    pub spread: String,
    /// The copies, in path order.
    pub copies: Vec<CopyDocument>,
}

/// One of several equal files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CopyDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// The layer that holds it.
    pub layer: u64,
}

/// The visible regular files from some size on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LargeFilesDocument {
    /// Every file of so many bytes and more is listed.
    pub from_bytes: u64,
    /// They, the largest first.
    pub files: Vec<LargeFileDocument>,
}

/// A large file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LargeFileDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// The layer that holds it.
    pub layer: u64,
    /// Bytes that are stored for it.
    pub size: u64,
    /// Digest of its content: `blake3:…`, or `sha256:…` where a layer of the image has a table of contents.
    pub digest: String,
}

/// Something to mend.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FindingDocument {
    /// The rule's name, which never changes.
    pub rule: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// What was found, in a sentence.
    pub message: String,
    /// The file, or the directory that holds all of them; null where it is about no file.
    pub path: Option<String>,
    /// Of a path that is not UTF-8: its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// The layer; null where it is about the whole image.
    pub layer: Option<u64>,
    /// The instruction that made the layer, as the history has it.
    pub created_by: Option<String>,
    /// How many files it is about.
    pub files: u64,
    /// Bytes that it is about.
    pub bytes: u64,
    /// What to do.
    pub fix: String,
}

/// Figures of other tools.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CompatDocument {
    /// dive's.
    pub dive: DiveDocument,
}

/// What dive 0.13 says of the image: for `.dive-ci` files, and not to be mixed with the totals.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiveDocument {
    /// `efficiencyScore`.
    pub efficiency: f64,
    /// `inefficientBytes`.
    pub inefficient_bytes: u64,
    /// `userWastedPercent`, a fraction of 1 as in `.dive-ci`; null where dive divides by zero.
    pub user_wasted_percent: Option<f64>,
}

/// Runs every analysis of one image, but dive's, which needs no tree.
pub fn inspect(subject: Subject<'_>, base: &Base, dive: Dive, top: Top) -> InspectDocument {
    let told = base.layers.is_some() || !base.names.is_empty();
    let below = |index: u64| base.layers.map(|layers| index < layers as u64);
    let tree = subject.tree;
    let lost = analyze::waste(tree);
    std::thread::scope(|scope| {
        // Each looks at every file: side by side.
        let duplicates = scope.spawn(|| duplicates(tree, top));
        let found = scope.spawn(|| findings(subject, &lost));
        let layers =
            layers(subject, &lost).into_iter().map(|layer| LayerDocument { base: below(layer.index), ..layer });
        InspectDocument {
            schema: "layerscope.inspect/1".into(),
            image: subject.image.into(),
            totals: analyze::totals(subject).into(),
            layers: layers.collect(),
            tar_bytes_estimated: tar_bytes_estimated(&[tree]),
            base: told.then(|| base.into()),
            waste: waste(tree, &lost, top),
            packages: analyze::packages(tree).into_iter().map(PackageDocument::from).collect(),
            programs_unread: programs_unread(&[tree]),
            large_files: large_files(tree, top),
            duplicates: joined(duplicates),
            findings: joined(found).into_iter().map(FindingDocument::from).collect(),
            compat: CompatDocument { dive: dive.into() },
            map: None,
        }
    })
}

fn waste(tree: &Tree, waste: &Waste, top: Top) -> WasteDocument {
    let fates = waste.by_fate.iter();
    WasteDocument {
        by_fate: fates
            .map(|sum| (sum.fate.name().to_owned(), FateDocument { files: sum.files, bytes: sum.bytes }))
            .collect(),
        paths_total: waste.files.len() as u64,
        paths: top.of(waste.files.iter().map(|file| wasted(tree, file))),
    }
}

fn wasted(tree: &Tree, file: &WastedFile) -> WastedDocument {
    WastedDocument {
        path: (&tree.entry(file.entry).path).into(),
        layer: file.entry.layer.into(),
        by_layer: file.by_layer.into(),
        bytes: file.bytes,
        download_bytes_estimate: file.download_bytes_estimate,
        fate: file.fate.name().into(),
    }
}

/// The large files; where the list is cut, its last tells from where on it is complete.
fn large_files(tree: &Tree, top: Top) -> LargeFilesDocument {
    let large = tree.files().filter(|(_, entry, outcome)| outcome.is_visible() && entry.file_bytes() >= LARGE);
    let mut files: Vec<_> = large.map(|(id, entry, _)| (id, entry)).collect();
    files.sort_by(|(_, a), (_, b)| b.file_bytes().cmp(&a.file_bytes()).then_with(|| a.path.cmp(&b.path)));
    let row = |(id, entry): &(EntryId, &Entry)| match entry.kind {
        EntryKind::File { size, content, .. } => Some(LargeFileDocument {
            path: (&entry.path).into(),
            layer: id.layer.into(),
            size,
            digest: content.to_string(),
        }),
        _ => None,
    };
    let all = files.len();
    let files = top.of(files.iter().filter_map(row));
    let cut = files.last().filter(|_| files.len() < all);
    let from_bytes = cut.map_or(if files.len() < all { u64::MAX } else { LARGE }, |last| last.size + 1);
    LargeFilesDocument { from_bytes, files }
}

fn duplicates(tree: &Tree, top: Top) -> DuplicatesDocument {
    let found = analyze::duplicates(tree);
    DuplicatesDocument {
        groups: found.groups.len() as u64,
        reclaimable_bytes: found.reclaimable_bytes,
        one_layer_bytes: found.one_layer_bytes,
        several_layers_bytes: found.several_layers_bytes,
        top: top.of(found.groups.iter().map(DuplicateDocument::from)),
    }
}

impl From<&DuplicateGroup> for DuplicateDocument {
    fn from(group: &DuplicateGroup) -> Self {
        let copies = group.copies.iter();
        Self {
            digest: group.content.to_string(),
            size: group.size,
            reclaimable_bytes: group.reclaimable_bytes,
            spread: match group.spread {
                Spread::OneLayer => "one_layer".into(),
                Spread::SeveralLayers => "several_layers".into(),
            },
            copies: copies
                .map(|copy| CopyDocument { path: (&copy.path).into(), layer: copy.entry.layer.into() })
                .collect(),
        }
    }
}

impl From<analyze::Dive> for DiveDocument {
    fn from(dive: analyze::Dive) -> Self {
        Self {
            efficiency: dive.efficiency,
            inefficient_bytes: dive.inefficient_bytes,
            user_wasted_percent: dive.user_wasted_percent,
        }
    }
}

impl From<Finding> for FindingDocument {
    fn from(finding: Finding) -> Self {
        let path = finding.path.as_ref().map(PathDocument::from);
        Self {
            rule: finding.rule.into(),
            severity: finding.severity.name().into(),
            message: finding.message,
            path_bytes: path.as_ref().and_then(|path| path.path_bytes.clone()),
            path: path.map(|path| path.path),
            layer: finding.layer.map(u64::from),
            created_by: finding.created_by,
            files: finding.files,
            bytes: finding.bytes,
            fix: finding.fix,
        }
    }
}
