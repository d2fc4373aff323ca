//! Two merged trees side by side: each name of either, with what both have there.

use std::collections::{HashMap, HashSet};

use crate::analyze::{FileType, Stat};
use crate::model::LayerPath;
use crate::tree::{InodeId, NodeId, Tree};

/// What one image has at a path.
#[derive(Clone, Copy)]
pub(super) struct Side<'t> {
    pub(super) node: NodeId,
    pub(super) stat: Stat<'t>,
}

/// A path, and what the images have there: one of them at least.
pub(super) struct Pair<'t> {
    pub(super) path: LayerPath,
    pub(super) a: Option<Side<'t>>,
    pub(super) b: Option<Side<'t>>,
}

/// Every name of either tree that is wanted, in path order.
pub(super) fn pairs<'t>(a: &'t Tree, b: &'t Tree, wanted: &dyn Fn(&LayerPath) -> bool) -> Vec<Pair<'t>> {
    let mut found = Vec::new();
    let mut stack = vec![(LayerPath::root(), Some(a.root()), Some(b.root()))];
    while let Some((path, in_a, in_b)) = stack.pop() {
        stack.extend(children(a, in_a, b, in_b).into_iter().rev().map(|(name, a, b)| (path.join(name), a, b)));
        if wanted(&path) {
            found.push(Pair { path, a: in_a.map(|id| side(a, id)), b: in_b.map(|id| side(b, id)) });
        }
    }
    found
}

fn side(tree: &Tree, node: NodeId) -> Side<'_> {
    Side { node, stat: Stat::of(tree, tree.node(node)) }
}

type Names<'t> = Vec<(&'t [u8], Option<NodeId>, Option<NodeId>)>;

/// The names in two directories, merged; both are sorted.
fn children<'t>(a: &'t Tree, in_a: Option<NodeId>, b: &'t Tree, in_b: Option<NodeId>) -> Names<'t> {
    let mut left = in_a.into_iter().flat_map(|id| a.node(id).children()).peekable();
    let mut right = in_b.into_iter().flat_map(|id| b.node(id).children()).peekable();
    let mut names = Vec::new();
    loop {
        let name = match (left.peek(), right.peek()) {
            (Some((l, _)), Some((r, _))) => *l.min(r),
            (Some((name, _)), None) | (None, Some((name, _))) => *name,
            (None, None) => return names,
        };
        let in_a = left.next_if(|(l, _)| *l == name).map(|(_, id)| id);
        let in_b = right.next_if(|(r, _)| *r == name).map(|(_, id)| id);
        names.push((name, in_a, in_b));
    }
}

impl Side<'_> {
    fn file(&self) -> Option<InodeId> {
        self.stat.inode.filter(|_| self.stat.kind == FileType::File)
    }
}

impl Pair<'_> {
    fn files(&self) -> (Option<InodeId>, Option<InodeId>) {
        (self.a.as_ref().and_then(Side::file), self.b.as_ref().and_then(Side::file))
    }
}

/// For each pair, whether its two regular files are hard-linked to different names, of the names that are files in
/// both images: names that come or go don't make the others changed.
pub(super) fn link_changes(pairs: &[Pair<'_>]) -> Vec<bool> {
    let (mut first_in_a, mut first_in_b) = (HashMap::new(), HashMap::new());
    let changed = pairs.iter().enumerate().map(|(at, pair)| match pair.files() {
        (Some(a), Some(b)) => *first_in_a.entry(a).or_insert(at) != *first_in_b.entry(b).or_insert(at),
        _ => false,
    });
    changed.collect()
}

/// For each pair, the bytes that its name adds to the first image and to the second. A file with several names counts
/// at one: rather at a name that is a file in both images than at one that is something else in the other, rather at
/// that than at one that the other hasn't got.
pub(super) fn bytes(pairs: &[Pair<'_>]) -> Vec<(u64, u64)> {
    let mut bytes = vec![(0, 0); pairs.len()];
    let (mut seen_in_a, mut seen_in_b) = (HashSet::new(), HashSet::new());
    for closeness in [2, 1, 0] {
        for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.closeness() == closeness) {
            bytes[at] = (claim(pair.a.as_ref(), &mut seen_in_a), claim(pair.b.as_ref(), &mut seen_in_b));
        }
    }
    bytes
}

impl Pair<'_> {
    fn closeness(&self) -> u8 {
        match (self.files(), &self.a, &self.b) {
            ((Some(_), Some(_)), ..) => 2,
            (_, Some(_), Some(_)) => 1,
            _ => 0,
        }
    }
}

fn claim(side: Option<&Side<'_>>, seen: &mut HashSet<InodeId>) -> u64 {
    let first = side.filter(|side| side.file().is_some_and(|inode| seen.insert(inode)));
    first.map_or(0, |side| side.stat.file_bytes)
}
