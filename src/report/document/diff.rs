//! The document of `diff`.

use std::cmp::Reverse;
use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::toc::{UnreadDocument, programs_unread, tar_bytes_estimated};
use super::{
    ImageDocument, LayerDocument, PathDocument, PredictedDocument, Rows, SettingDocument, StatDocument, Top,
    TotalsDocument, layers, path_bytes,
};
use crate::analyze::diff::{
    Changed, ConfigChange, FileDiff, Filter, Folder, Moved, PackageChange, Present, Tally, config_changes, diff_files,
    package_changes, roll_up,
};
use crate::analyze::startup::{LayerCost, Setting, compare, predict};
use crate::analyze::{self, Area, Sharing, Stat, Subject};
use crate::parallel;
use crate::tree::{NodeId, Tree};

/// `layerscope.diff/1`.
#[derive(Serialize, JsonSchema)]
pub struct DiffDocument<'d> {
    /// `layerscope.diff/1`.
    pub schema: String,
    /// The first image.
    pub a: SideDocument,
    /// The second.
    pub b: SideDocument,
    /// Their layers.
    pub layers: DiffLayers,
    /// Names that differ, of those that were asked for: in path order; largest first where only some are listed.
    pub files: DiffFiles<'d>,
    /// Where they differ, added up by directory in a few rows.
    pub directories: Vec<DirectoryDocument>,
    /// Sums of it all.
    pub totals: DiffTotals,
    /// Packages that only one of them has, or has in another version.
    pub packages: Vec<PackageChangeDocument>,
    /// Programs of both that were not read, in layers that were indexed from their tables of contents: `packages` tells
    /// of no Go modules and Rust crates then. Not there where all were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs_unread: Option<UnreadDocument>,
    /// Whether `tar_bytes` of totals, and with them the starts, are estimates, since a layer was indexed from a table of
    /// contents that does not tell the length of its tar. Not there where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar_bytes_estimated: Option<bool>,
    /// Settings that differ.
    pub config: Vec<ConfigDocument>,
    /// Their cold starts, foretold.
    pub start: DiffStart,
    /// How many rows of packages and settings a table shows; the document has all.
    #[serde(skip)]
    pub top: Top,
    /// Where the bytes of both lie, for forms that have pictures.
    #[serde(skip)]
    pub maps: Option<[Area; 2]>,
}

/// One of the two images.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SideDocument {
    /// The image.
    pub image: ImageDocument,
    /// Its numbers.
    pub totals: TotalsDocument,
}

/// Cold starts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiffStart {
    /// Where they are foretold for.
    pub setting: SettingDocument,
    /// The first image's.
    pub a: PredictedDocument,
    /// The second's, on a host that has neither.
    pub b: PredictedDocument,
    /// Seconds that the second saves.
    pub saved_seconds: f64,
    /// How far off these may be.
    pub error: f64,
}

/// Layers by diff ID.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiffLayers {
    /// Layers that both have, as they are in the first image.
    pub shared: Vec<LayerDocument>,
    /// Those that only the first has.
    pub only_a: Vec<LayerDocument>,
    /// Those that only the second has.
    pub only_b: Vec<LayerDocument>,
}

/// Names that differ.
#[derive(Serialize, JsonSchema)]
pub struct DiffFiles<'d> {
    /// Names that only the second image has.
    #[schemars(with = "Vec<PresentDocument>")]
    pub added: Rows<'d, PresentDocument>,
    /// Names that only the first image has.
    #[schemars(with = "Vec<PresentDocument>")]
    pub removed: Rows<'d, PresentDocument>,
    /// Names that both have, differently.
    #[schemars(with = "Vec<ChangedDocument>")]
    pub changed: Rows<'d, ChangedDocument>,
    /// Regular files that changed their place and kept their content; in none of the lists above.
    #[schemars(with = "Vec<MovedDocument>")]
    pub moved: Rows<'d, MovedDocument>,
}

/// A name that only one of the images has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresentDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// What it is.
    #[serde(flatten)]
    pub stat: StatDocument,
    /// Bytes that it adds to its image: 0 for a further name of a file that is counted elsewhere.
    pub bytes: u64,
}

/// A name that both images have, differently.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangedDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// In what: `type`, `content`, `link`, `mode`, `owner`, `xattrs`, `mtime`.
    pub what: Vec<String>,
    /// What it is in the first image.
    pub a: StatDocument,
    /// … and in the second.
    pub b: StatDocument,
    /// Bytes by which it makes the second image larger.
    pub growth_bytes: i64,
}

/// A regular file that changed its place.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MovedDocument {
    /// Its path in the first image.
    pub from: String,
    /// Of a path that is not UTF-8: its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_path_bytes: Option<String>,
    /// Its path in the second image.
    pub to: String,
    /// Of a path that is not UTF-8: its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_path_bytes: Option<String>,
    /// Its bytes.
    pub size: u64,
    /// What else changed.
    pub what: Vec<String>,
}

/// A directory with all that is below it, but for what has a row of its own: the rows add up to the totals.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DirectoryDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// Whether some of its subdirectories have rows of their own.
    pub rest: bool,
    /// Names added.
    pub added: TallyDocument,
    /// Names removed.
    pub removed: TallyDocument,
    /// Names changed.
    pub changed: TallyDocument,
    /// Files that were moved here.
    pub moved: TallyDocument,
    /// Bytes by which it grew.
    pub growth_bytes: i64,
}

/// Names, and the bytes of their files.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct TallyDocument {
    /// How many names, of every type.
    pub names: u64,
    /// Data of their files. Of changed names: in the second image, where content or type changed.
    pub bytes: u64,
}

/// Sums.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiffTotals {
    /// Names added.
    pub added: TallyDocument,
    /// Names removed.
    pub removed: TallyDocument,
    /// Names changed.
    pub changed: TallyDocument,
    /// Files moved.
    pub moved: TallyDocument,
    /// Bytes by which the second image's visible files are more, of those that were asked for.
    pub growth_bytes: i64,
    /// Layers that both have, by diff ID.
    pub shared_layers: u64,
    /// Data of the files in them.
    pub shared_layer_file_bytes: u64,
    /// Bytes of equal blobs: what a second pull does not download.
    pub shared_stored_bytes: u64,
    /// Data of files of equal content, whatever their path and layer.
    pub shared_content_bytes: u64,
    /// What a pull of the second image downloads where the first is.
    pub pull_b_after_a_bytes: u64,
}

/// A package that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackageChangeDocument {
    /// `deb`, `apk`, `rpm`, `python`, `npm`, `go`, `rust`.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version in the first image; null where it is added.
    pub a: Option<String>,
    /// … and in the second; null where it is removed.
    pub b: Option<String>,
    /// Where that is written, in the second image if it has the package.
    #[serde(flatten)]
    pub path: PathDocument,
}

/// A setting that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConfigDocument {
    /// `Env.PATH`, `Entrypoint`, `Labels.version`, `History.3`, …
    pub key: String,
    /// Its value in the first image, lists as JSON; null where it is not set.
    pub a: Option<String>,
    /// … and in the second.
    pub b: Option<String>,
}

/// Compares two images, of which is known what they share.
pub fn diff<'d>(
    a: Subject<'d>,
    b: Subject<'d>,
    sharing: &Sharing,
    filter: &Filter<'_>,
    setting: &Setting,
    top: Top,
    directories: usize,
) -> DiffDocument<'d> {
    let trees = [a.tree, b.tree];
    let programs_unread = programs_unread(&trees);
    // What needs no file's difference is made beside.
    let beside = || {
        let packages = package_rows(a, b, programs_unread.is_none());
        (diff_layers(a, b), [side(a), side(b)], packages, start(a, b, setting))
    };
    let ((layers, [in_a, in_b], packages, start), files) =
        parallel::both(beside, || diff_files(a.tree, b.tree, filter));
    let (folders, order) = parallel::both(|| roll_up(&files, directories), || Order::of(&files, top));
    let config = config_changes(&a.image.manifest.config, &b.image.manifest.config);
    DiffDocument {
        schema: "layerscope.diff/1".into(),
        a: in_a,
        b: in_b,
        layers,
        directories: folders.into_iter().map(DirectoryDocument::from).collect(),
        totals: totals(sharing, &files),
        files: lists(files, order, a.tree, b.tree),
        packages,
        programs_unread,
        tar_bytes_estimated: tar_bytes_estimated(&trees),
        config: config.into_iter().map(ConfigDocument::from).collect(),
        start,
        top,
        maps: None,
    }
}

impl DiffDocument<'_> {
    /// Whether nothing differs in files (of those that were asked for), packages or configuration.
    pub fn is_empty(&self) -> bool {
        self.totals.names() == 0 && self.packages.is_empty() && self.config.is_empty()
    }
}

impl DiffTotals {
    /// How many names differ.
    pub fn names(&self) -> u64 {
        [self.added, self.removed, self.changed, self.moved].iter().map(|tally| tally.names).sum()
    }
}

fn start(a: Subject<'_>, b: Subject<'_>, setting: &Setting) -> DiffStart {
    let foretold = |subject| predict(&LayerCost::of_image(subject), &HashSet::new(), setting);
    let (a, b) = (foretold(a), foretold(b));
    let saved = compare(&a, &b);
    let (a, b) = (PredictedDocument::from(&a), PredictedDocument::from(&b));
    DiffStart { setting: setting.into(), a, b, saved_seconds: saved.seconds, error: saved.error }
}

fn side(subject: Subject<'_>) -> SideDocument {
    SideDocument { image: subject.image.into(), totals: analyze::totals(subject).into() }
}

/// Packages that differ; `programs_read` says whether those that programs tell of are known of both.
fn package_rows(a: Subject<'_>, b: Subject<'_>, programs_read: bool) -> Vec<PackageChangeDocument> {
    let mut packages = package_changes(&analyze::packages(a.tree), &analyze::packages(b.tree));
    if !programs_read {
        // What one image's programs tell would seem to be missing in the other.
        packages.retain(|package| !analyze::is_of_programs(&package.ecosystem));
    }
    packages.into_iter().map(PackageChangeDocument::from).collect()
}

fn diff_layers(a: Subject<'_>, b: Subject<'_>) -> DiffLayers {
    let ids = |layers: &[LayerDocument]| layers.iter().map(|layer| layer.diff_id.clone()).collect::<HashSet<_>>();
    let [in_a, in_b] = [a, b].map(|side| layers(side, &analyze::waste(side.tree)));
    let (ids_a, ids_b) = (ids(&in_a), ids(&in_b));
    let (shared, only_a) = in_a.into_iter().partition(|layer| ids_b.contains(&layer.diff_id));
    let only_b = in_b.into_iter().filter(|layer| !ids_a.contains(&layer.diff_id)).collect();
    DiffLayers { shared, only_a, only_b }
}

fn totals(sharing: &Sharing, files: &FileDiff<'_>) -> DiffTotals {
    DiffTotals {
        added: files.totals.added.into(),
        removed: files.totals.removed.into(),
        changed: files.totals.changed.into(),
        moved: files.totals.moved.into(),
        growth_bytes: files.totals.growth,
        shared_layers: sharing.layers.len() as u64,
        shared_layer_file_bytes: sharing.layer_file_bytes,
        shared_stored_bytes: sharing.stored_bytes,
        shared_content_bytes: sharing.content_bytes,
        pull_b_after_a_bytes: sharing.pull_bytes.last().copied().unwrap_or(0),
    }
}

/// Which rows the lists have, by number: their largest where they are cut, else all.
struct Order {
    added: Vec<usize>,
    removed: Vec<usize>,
    changed: Vec<usize>,
    moved: Vec<usize>,
}

impl Order {
    fn of(files: &FileDiff<'_>, top: Top) -> Self {
        Self {
            added: largest(&files.added, top, |file| file.bytes),
            removed: largest(&files.removed, top, |file| file.bytes),
            changed: largest(&files.changed, top, |file| file.a_bytes.max(file.b_bytes)),
            moved: largest(&files.moved, top, |file| file.size),
        }
    }
}

fn largest<T>(files: &[T], top: Top, bytes: impl Fn(&T) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    if top.0.is_some() {
        // Stable: equal ones stay in path order.
        order.sort_by_key(|at| Reverse(bytes(&files[*at])));
    }
    top.of(order.into_iter())
}

fn lists<'d>(files: FileDiff<'d>, order: Order, a: &'d Tree, b: &'d Tree) -> DiffFiles<'d> {
    DiffFiles {
        added: rows(files.added, order.added, |file| present(b, file)),
        removed: rows(files.removed, order.removed, |file| present(a, file)),
        changed: rows(files.changed, order.changed, |file| changed(a, b, file)),
        moved: rows(files.moved, order.moved, moved),
    }
}

fn rows<'d, T: 'd, R>(files: Vec<T>, order: Vec<usize>, row: impl Fn(&T) -> R + 'd) -> Rows<'d, R> {
    Rows::new(order.len(), move |at| row(&files[order[at]]))
}

fn present(tree: &Tree, file: &Present<'_>) -> PresentDocument {
    PresentDocument { path: (&*file.path).into(), stat: stat(tree, file.node), bytes: file.bytes }
}

fn changed(a: &Tree, b: &Tree, file: &Changed<'_>) -> ChangedDocument {
    ChangedDocument {
        path: (&*file.path).into(),
        what: file.what.iter().map(|what| what.name().into()).collect(),
        a: stat(a, file.a),
        b: stat(b, file.b),
        growth_bytes: (file.b_bytes as i64).saturating_sub(file.a_bytes as i64),
    }
}

fn moved(file: &Moved<'_>) -> MovedDocument {
    MovedDocument {
        from: file.from.display(),
        from_path_bytes: path_bytes(&file.from),
        to: file.to.display(),
        to_path_bytes: path_bytes(&file.to),
        size: file.size,
        what: file.what.iter().map(|what| what.name().into()).collect(),
    }
}

fn stat(tree: &Tree, node: NodeId) -> StatDocument {
    (&Stat::of(tree, tree.node(node))).into()
}

impl From<Tally> for TallyDocument {
    fn from(tally: Tally) -> Self {
        Self { names: tally.names, bytes: tally.bytes }
    }
}

impl From<Folder> for DirectoryDocument {
    fn from(folder: Folder) -> Self {
        Self {
            path: (&folder.path).into(),
            rest: folder.rest,
            added: folder.added.into(),
            removed: folder.removed.into(),
            changed: folder.changed.into(),
            moved: folder.moved.into(),
            growth_bytes: folder.growth,
        }
    }
}

impl From<PackageChange> for PackageChangeDocument {
    fn from(change: PackageChange) -> Self {
        let PackageChange { ecosystem, name, a, b, path } = change;
        Self { ecosystem, name, a, b, path: (&path).into() }
    }
}

impl From<ConfigChange> for ConfigDocument {
    fn from(change: ConfigChange) -> Self {
        let ConfigChange { key, a, b } = change;
        Self { key, a, b }
    }
}
