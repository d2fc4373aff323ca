//! Two merged trees side by side: each name of either, with what both have there.

use std::borrow::Cow;
use std::cmp::Ordering;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::files::Filter;
use crate::model::LayerPath;
use crate::parallel::{self, processors};
use crate::tree::{InodeId, NodeId, Tree};

/// A name of either image, and what they have there: one of them at least has something.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) a: Option<Side>,
    pub(super) b: Option<Side>,
}

/// What one image has at a path.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) node: NodeId,
    file: File,
}

/// Whether that is a regular file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    None,
    /// … with one name.
    Plain,
    /// … with others too.
    Linked,
}

/// Every name of either tree that is wanted, in path order.
pub(super) fn pairs(a: &Tree, b: &Tree, filter: &Filter<'_>) -> Vec<Pair> {
    let mut parts = vec![Part { name: (Some(a.root()), Some(b.root())), whole: true }];
    for _ in 0..DEPTH {
        parts = parts.into_iter().flat_map(|part| part.divide(a, b)).collect();
    }
    parallel::map(&parts, processors(), |part| part.pairs(a, b, filter)).concat()
}

/// What is below so many names is walked through as one.
const DEPTH: usize = 2;

/// A name, where it is in either tree.
type Name = (Option<NodeId>, Option<NodeId>);

/// A part of both trees: a name, with all that is below it or without.
struct Part {
    name: Name,
    whole: bool,
}

impl Part {
    /// It as its name and what is directly below, in path order.
    fn divide(self, a: &Tree, b: &Tree) -> Vec<Self> {
        let mut below = Vec::new();
        if self.whole {
            push_children(&mut below, a, b, self.name);
        }
        let alone = Self { whole: false, ..self };
        std::iter::once(alone).chain(below.into_iter().map(|name| Self { name, whole: true })).collect()
    }

    fn pairs(&self, a: &Tree, b: &Tree, filter: &Filter<'_>) -> Vec<Pair> {
        let mut found = Vec::new();
        let mut stack = vec![self.name];
        while let Some(name) = stack.pop() {
            if self.whole {
                let above = stack.len();
                push_children(&mut stack, a, b, name);
                stack[above..].reverse();
            }
            let pair = Pair { a: name.0.map(|id| side(a, id)), b: name.1.map(|id| side(b, id)) };
            if (filter.wanted)(&pair.path(a, b)) {
                found.push(pair);
            }
        }
        found
    }
}

fn side(tree: &Tree, id: NodeId) -> Side {
    let node = tree.node(id);
    let is_file = !node.is_dir() && tree.data(node).is_some_and(|data| tree.entry(data).is_file());
    let file = match tree.names(node) {
        _ if !is_file => File::None,
        1 => File::Plain,
        _ => File::Linked,
    };
    Side { node: id, file }
}

/// The names in two directories, merged; both are sorted.
fn push_children(to: &mut Vec<Name>, a: &Tree, b: &Tree, directory: Name) {
    let (in_a, in_b) = match directory {
        (Some(in_a), Some(in_b)) => (in_a, in_b),
        (Some(in_a), None) => return to.extend(a.node(in_a).children().map(|(_, id)| (Some(id), None))),
        (None, Some(in_b)) => return to.extend(b.node(in_b).children().map(|(_, id)| (None, Some(id)))),
        (None, None) => return,
    };
    let (mut left, mut right) = (a.node(in_a).children().peekable(), b.node(in_b).children().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some((l, _)), Some((r, _))) => l.cmp(r),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let in_a = if order.is_le() { left.next() } else { None };
        let in_b = if order.is_ge() { right.next() } else { None };
        to.push((in_a.map(|(_, id)| id), in_b.map(|(_, id)| id)));
    }
}

/// For each pair, whether its two regular files are hard-linked to different names, of the names that are files in
/// both images: names that come or go don't make the others changed.
pub(super) fn link_changes(a: &Tree, b: &Tree, pairs: &[Pair]) -> Vec<bool> {
    let (mut first_in_a, mut first_in_b) = (HashMap::new(), HashMap::new());
    let first = |of: &mut HashMap<InodeId, usize>, tree: &Tree, side: Side, at| match tree.node(side.node).inode() {
        Some(inode) if side.file == File::Linked => *of.entry(inode).or_insert(at),
        _ => at,
    };
    let changed = pairs.iter().enumerate().map(|(at, pair)| match pair.files() {
        (Some(in_a), Some(in_b)) => first(&mut first_in_a, a, in_a, at) != first(&mut first_in_b, b, in_b, at),
        _ => false,
    });
    changed.collect()
}

/// For each pair, the bytes that its name adds to the first image and to the second. A file with several names counts
/// at one: rather at a name that is a file in both images than at one that is something else in the other, rather at
/// that than at one that the other hasn't got.
pub(super) fn bytes(a: &Tree, b: &Tree, pairs: &[Pair]) -> Vec<(u64, u64)> {
    let mut bytes = vec![(0, 0); pairs.len()];
    let (mut seen_in_a, mut seen_in_b) = (HashSet::new(), HashSet::new());
    for closeness in [2, 1, 0] {
        for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.closeness() == closeness) {
            let (in_a, in_b) = pair.files();
            bytes[at] = (claim(a, in_a, &mut seen_in_a), claim(b, in_b, &mut seen_in_b));
        }
    }
    bytes
}

impl Pair {
    /// The path, which is the same in both.
    pub(super) fn path<'t>(&self, a: &'t Tree, b: &'t Tree) -> Cow<'t, LayerPath> {
        let path = |tree: &'t Tree, side: Side| tree.path(tree.node(side.node));
        self.a.map(|side| path(a, side)).or_else(|| self.b.map(|side| path(b, side))).unwrap_or_default()
    }

    fn files(&self) -> (Option<Side>, Option<Side>) {
        let file = |side: Option<Side>| side.filter(|side| side.file != File::None);
        (file(self.a), file(self.b))
    }

    fn closeness(&self) -> u8 {
        match (self.files(), &self.a, &self.b) {
            ((Some(_), Some(_)), ..) => 2,
            (_, Some(_), Some(_)) => 1,
            _ => 0,
        }
    }
}

fn claim(tree: &Tree, file: Option<Side>, seen: &mut HashSet<InodeId>) -> u64 {
    let node = file.map(|side| (tree.node(side.node), side.file));
    let counts =
        node.filter(|(node, file)| *file == File::Plain || node.inode().is_some_and(|inode| seen.insert(inode)));
    counts.and_then(|(node, _)| tree.data(node)).map_or(0, |data| tree.entry(data).file_bytes())
}
