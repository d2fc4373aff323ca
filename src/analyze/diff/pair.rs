//! Two merged trees side by side: each name of either, with what both have there.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::model::LayerPath;
use crate::tree::{InodeId, NodeId, Tree};

/// What one image has at a path.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) node: NodeId,
    /// Of a regular file: which it is.
    file: Option<File>,
}

#[derive(Clone, Copy)]
struct File {
    inode: InodeId,
    bytes: u64,
    /// Whether it has other names.
    is_linked: bool,
}

/// A path, and what the images have there: one of them at least.
pub(super) struct Pair {
    pub(super) path: LayerPath,
    pub(super) a: Option<Side>,
    pub(super) b: Option<Side>,
}

/// Every name of either tree that is wanted, in path order.
pub(super) fn pairs(a: &Tree, b: &Tree, wanted: &dyn Fn(&LayerPath) -> bool) -> Vec<Pair> {
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

fn side(tree: &Tree, id: NodeId) -> Side {
    let node = tree.node(id);
    let file = || {
        let (inode, entry) = (node.inode()?, tree.entry(tree.data(node)?));
        entry.is_file().then(|| File { inode, bytes: entry.file_bytes(), is_linked: tree.names(node) > 1 })
    };
    Side { node: id, file: file() }
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

impl Pair {
    fn files(&self) -> (Option<File>, Option<File>) {
        (self.a.and_then(|side| side.file), self.b.and_then(|side| side.file))
    }
}

/// For each pair, whether its two regular files are hard-linked to different names, of the names that are files in
/// both images: names that come or go don't make the others changed.
pub(super) fn link_changes(pairs: &[Pair]) -> Vec<bool> {
    let (mut first_in_a, mut first_in_b) = (HashMap::new(), HashMap::new());
    let first = |of: &mut HashMap<InodeId, usize>, file: File, at| {
        if file.is_linked { *of.entry(file.inode).or_insert(at) } else { at }
    };
    let changed = pairs.iter().enumerate().map(|(at, pair)| match pair.files() {
        (Some(a), Some(b)) => first(&mut first_in_a, a, at) != first(&mut first_in_b, b, at),
        _ => false,
    });
    changed.collect()
}

/// For each pair, the bytes that its name adds to the first image and to the second. A file with several names counts
/// at one: rather at a name that is a file in both images than at one that is something else in the other, rather at
/// that than at one that the other hasn't got.
pub(super) fn bytes(pairs: &[Pair]) -> Vec<(u64, u64)> {
    let mut bytes = vec![(0, 0); pairs.len()];
    let (mut seen_in_a, mut seen_in_b) = (HashSet::new(), HashSet::new());
    for closeness in [2, 1, 0] {
        for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.closeness() == closeness) {
            let (a, b) = pair.files();
            bytes[at] = (claim(a, &mut seen_in_a), claim(b, &mut seen_in_b));
        }
    }
    bytes
}

impl Pair {
    fn closeness(&self) -> u8 {
        match (self.files(), &self.a, &self.b) {
            ((Some(_), Some(_)), ..) => 2,
            (_, Some(_), Some(_)) => 1,
            _ => 0,
        }
    }
}

fn claim(file: Option<File>, seen: &mut HashSet<InodeId>) -> u64 {
    file.filter(|file| !file.is_linked || seen.insert(file.inode)).map_or(0, |file| file.bytes)
}
