//! What rules look at, gathered once, and how they add files up.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::places::{Placed, placed};
use crate::analyze::{Subject, Waste, layer_name};
use crate::model::LayerPath;
use crate::tree::VisibleFile;

/// An image, and lists of it that several rules need.
pub(super) struct Facts<'i> {
    pub(super) subject: Subject<'i>,
    /// What is lost.
    pub(super) waste: &'i Waste,
    placed: OnceLock<Placed>,
}

impl<'i> Facts<'i> {
    pub(super) fn new(subject: Subject<'i>, waste: &'i Waste) -> Self {
        Self { subject, waste, placed: OnceLock::new() }
    }

    /// The regular files of the merged tree, each once.
    pub(super) fn files(&self) -> impl Iterator<Item = VisibleFile<'i>> {
        self.subject.tree.visible_files()
    }

    /// Files in places that several rules look for: one pass for all of them.
    pub(super) fn placed(&self) -> &Placed {
        self.placed.get_or_init(|| placed(self.subject.tree))
    }

    /// A layer as a message names it.
    pub(super) fn layer(&self, layer: u32) -> String {
        layer_name(self.subject.image, layer)
    }
}

/// Files that one finding is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// The only file, or the nearest directory that holds all.
    pub(super) path: Option<LayerPath>,
    /// The first few paths, in order.
    pub(super) first: Vec<LayerPath>,
}

/// How many files a message names.
const NAMED: usize = 3;

impl Group {
    pub(super) fn add(&mut self, path: &LayerPath, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        self.path = Some(self.path.as_ref().map_or_else(|| path.clone(), |old| common(old, path)));
        let at = self.first.partition_point(|first| first.components().lt(path.components()));
        if at < NAMED && self.first.get(at) != Some(path) {
            self.first.insert(at, path.clone());
            self.first.truncate(NAMED);
        }
    }

    /// `1 file`, `20 files`.
    pub(super) fn count(&self) -> String {
        if self.files == 1 { "1 file".into() } else { format!("{} files", self.files) }
    }

    /// `/a`, `/a, /b and 7 more`.
    pub(super) fn named(&self) -> String {
        let names = self.first.iter().map(LayerPath::display).collect::<Vec<_>>().join(", ");
        match self.files.saturating_sub(self.first.len() as u64) {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }

    /// `/a/file`, or `below /a`.
    pub(super) fn place(&self) -> String {
        let path = self.path.as_ref().map_or_else(|| "/".into(), LayerPath::display);
        if self.files == 1 { path } else { format!("below {path}") }
    }
}

/// Files by what a rule tells apart, in order.
pub(super) type Groups<K> = BTreeMap<K, Group>;

/// The nearest path that both are at or below.
fn common(a: &LayerPath, b: &LayerPath) -> LayerPath {
    if b.starts_with(a) {
        return a.clone();
    }
    let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
    let length: usize = same.map(|(name, _)| name.len() + 1).sum();
    LayerPath::clean(&a.as_bytes()[..length.min(a.as_bytes().len())])
}

/// The first name of a path: files below different ones are different findings.
pub(super) fn top(path: &LayerPath) -> &[u8] {
    path.components().next().unwrap_or_default()
}
