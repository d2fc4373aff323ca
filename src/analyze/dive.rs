//! dive's own three figures, by dive 0.13's formula: for people who bring a `.dive-ci` file. Never mixed with ours.
//!
//! dive looks at each layer as a tree of tar headers, whiteouts being leaves of size 0 that share the path of what
//! they hide, and asks of each path with nothing below it how often it comes and how big (`filetree.Efficiency`). Its
//! figures differ from ours on purpose: the copy that survives counts as wasted too, directories removed by an opaque
//! marker don't count, and neither do the later paths of a layer that hides what isn't there: dive stops at that.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

use crate::index::LayerIndex;
use crate::model::{Entry, EntryKind, components, split_last};

/// What dive says of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dive {
    /// `efficiencyScore`.
    pub efficiency: f64,
    /// `inefficientBytes`.
    pub inefficient_bytes: u64,
    /// `userWastedPercent`, as a fraction; `None` where dive divides by zero (nothing above the lowest layer).
    pub user_wasted_percent: Option<f64>,
}

/// Computes dive's figures of an image's layers, lowest first.
pub fn dive(layers: &[Arc<LayerIndex>]) -> Dive {
    let mut headers = Headers::new(layers.iter().map(|layer| layer.entries.len()).sum());
    let mut user_bytes = 0_u64;
    for (index, layer) in layers.iter().enumerate() {
        headers.read(layer);
        if index == 0 {
            // dive stacks the lowest layer on a copy of itself.
            headers.stack();
        } else {
            user_bytes = layer.entries.iter().map(header_size).fold(user_bytes, u64::saturating_add);
        }
        headers.count();
        headers.hide_and_stack();
    }
    figures(headers.nodes.iter().map(|node| &node.sizes).filter(|sizes| sizes.met), user_bytes)
}

fn figures<'p>(paths: impl Iterator<Item = &'p PathSizes>, user_bytes: u64) -> Dive {
    let (mut least, mut all, mut inefficient_bytes) = (0_i128, 0_u64, 0_u64);
    for path in paths {
        least += path.least();
        all = all.saturating_add(path.all);
        inefficient_bytes = inefficient_bytes.saturating_add(if path.times > 1 { path.all } else { 0 });
    }
    Dive {
        efficiency: if all == 0 { 1.0 } else { least as f64 / all as f64 },
        inefficient_bytes,
        user_wasted_percent: (user_bytes > 0).then(|| inefficient_bytes as f64 / user_bytes as f64),
    }
}

/// The sizes that one path has in the layers.
#[derive(Default)]
struct PathSizes {
    /// Whether dive has it on its list.
    met: bool,
    times: u32,
    least: u64,
    all: u64,
}

impl PathSizes {
    fn add(&mut self, size: u64) {
        self.least = if self.times == 0 { size } else { self.least.min(size) };
        self.all = self.all.saturating_add(size);
        self.times += 1;
    }

    /// The least size. dive has −1 for a path that it met and then failed on, and adds that up as well.
    fn least(&self) -> i128 {
        if self.times == 0 { -1 } else { self.least.into() }
    }
}

/// The headers of all layers' tars as one tree: those of the layer that was read last, and those that are stacked so far.
struct Headers<'l> {
    /// One for each path that any layer names. The root is the first, a child comes after its parent.
    nodes: Vec<Node<'l>>,
    /// Where they are, but the root: by folder and name, which the nodes themselves have.
    at: HashTable<u32>,
    hasher: RandomState,
    /// The folder that was looked for last: those of one folder mostly follow each other.
    last: (&'l [u8], usize),
    /// Layers that were read.
    layers: u32,
    /// The nodes of the last one, but the root.
    own: Vec<usize>,
    /// … and those that it hides.
    hidden: Vec<usize>,
}

#[derive(Default)]
struct Node<'l> {
    path: &'l [u8],
    folder: u32,
    /// What is in it: one, and of each its next; 0 where there is none.
    child: u32,
    next: u32,
    /// The last layers (from 1) that have it, that have something in it, and that hide it.
    named: u32,
    filled: u32,
    hidden: u32,
    /// What that layer says of it, and what the stacked layers say, if they have it.
    own: Header,
    stacked: Option<Header>,
    /// Where it was a leaf.
    sizes: PathSizes,
}

impl<'l> Node<'l> {
    fn key(&self) -> (u32, &'l [u8]) {
        (self.folder, split_last(self.path).1)
    }
}

#[derive(Clone, Copy, Default)]
struct Header {
    /// Its size in the tar; 0 for a directory that is only implied.
    size: u64,
    /// Whether it has an entry of its own that is a directory.
    is_dir: bool,
}

const WHITEOUT: &[u8] = b".wh.";

impl<'l> Headers<'l> {
    fn new(most: usize) -> Self {
        let mut nodes = Vec::with_capacity(most + 1);
        nodes.push(Node::default());
        let at = HashTable::with_capacity(most);
        let hasher = RandomState::default();
        Self { nodes, at, hasher, last: (b"", 0), layers: 0, own: Vec::new(), hidden: Vec::new() }
    }

    fn read(&mut self, layer: &'l LayerIndex) {
        self.layers += 1;
        self.own.clear();
        self.hidden.clear();
        // A folder that was named by another layer is named by this one when it is looked for again.
        self.last = (b"", 0);
        for entry in &layer.entries {
            let path = entry.path.as_bytes();
            let folder = self.folder(split_last(path).0);
            match entry.kind {
                _ if path.is_empty() => {}
                EntryKind::Whiteout => self.hide(folder, path),
                _ => {
                    let at = self.name(folder, path);
                    if entry.kind != EntryKind::Opaque {
                        self.nodes[at].own = Header { size: header_size(entry), is_dir: entry.kind == EntryKind::Dir };
                    }
                }
            }
        }
    }

    fn folder(&mut self, path: &'l [u8]) -> usize {
        if self.last.0 != path {
            let mut end = 0;
            let at = components(path).fold(0, |at, name| {
                end += name.len() + usize::from(end > 0);
                self.name(at, &path[..end])
            });
            self.last = (path, at);
        }
        self.last.1
    }

    /// The layer names a path, which lies in this folder.
    fn name(&mut self, folder: usize, path: &'l [u8]) -> usize {
        let at = self.child(folder, path);
        if self.nodes[at].named != self.layers {
            (self.nodes[at].named, self.nodes[at].own) = (self.layers, Header::default());
            self.own.push(at);
        }
        at
    }

    /// The layer hides it.
    fn hide(&mut self, folder: usize, path: &'l [u8]) {
        let at = self.child(folder, path);
        if self.nodes[at].hidden != self.layers {
            self.nodes[at].hidden = self.layers;
            self.hidden.push(at);
        }
    }

    fn child(&mut self, folder: usize, path: &'l [u8]) -> usize {
        self.nodes[folder].filled = self.layers;
        let key = (folder as u32, split_last(path).1);
        let its_key = |at: &u32| self.nodes[*at as usize].key();
        let hash = self.hasher.hash_one(key);
        match self.at.entry(hash, |at| its_key(at) == key, |at| self.hasher.hash_one(its_key(at))) {
            Occupied(known) => *known.get() as usize,
            Vacant(place) => {
                let new = self.nodes.len();
                place.insert(new as u32);
                let next = std::mem::replace(&mut self.nodes[folder].child, new as u32);
                self.nodes.push(Node { path, folder: key.0, next, ..Node::default() });
                new
            }
        }
    }

    fn children(&self, at: usize) -> impl Iterator<Item = usize> {
        let there = |at: u32| Some(at as usize).filter(|&at| at > 0);
        std::iter::successors(there(self.nodes[at].child), move |&child| there(self.nodes[child].next))
    }

    /// Adds the layer's leaves to what is known of their paths. A whiteout is a leaf.
    fn count(&mut self) {
        let is_leaf = |at: &&usize| self.nodes[**at].filled != self.layers;
        let mut leaves: Vec<(usize, bool)> = self.own.iter().filter(is_leaf).map(|&at| (at, false)).collect();
        leaves.extend(self.hidden.iter().map(|&at| (at, true)));
        // dive stops at what hides nothing, in the order of names.
        let hides_nothing = |&(at, is_whiteout): &(usize, bool)| is_whiteout && self.nodes[at].stacked.is_none();
        if leaves.iter().any(hides_nothing) {
            leaves.sort_by(|a, b| self.names(*a).cmp(self.names(*b)));
            if let Some(stop) = leaves.iter().position(hides_nothing) {
                leaves.truncate(stop + 1);
            }
        }
        let mut sums = None;
        for (at, is_whiteout) in leaves {
            let size = match self.nodes[at].stacked {
                _ if !is_whiteout => Some(self.nodes[at].own.size),
                None => None,
                Some(Header { is_dir: true, .. }) => Some(sums.get_or_insert_with(|| self.stacked_bytes())[at]),
                Some(_) => Some(0),
            };
            // dive makes its note of the path before it looks for what is hidden.
            let sizes = &mut self.nodes[at].sizes;
            sizes.met = true;
            size.into_iter().for_each(|size| sizes.add(size));
        }
    }

    /// A leaf's names on the way from the root, as they stand in the tar.
    fn names(&self, (at, is_whiteout): (usize, bool)) -> impl Iterator<Item = (&'l [u8], &'l [u8])> {
        let (folder, name) = split_last(self.nodes[at].path);
        // Compared as one: the first of two parts is all of the name, but for a whiteout.
        let last: (&[u8], &[u8]) = if is_whiteout { (WHITEOUT, name) } else { (name, b"") };
        components(folder).map(|name| (name, &b""[..])).chain([last])
    }

    /// For every path, the size of what is stacked at and below it.
    fn stacked_bytes(&self) -> Vec<u64> {
        let mut sums = vec![0_u64; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if let Some(header) = node.stacked {
                sums[at] = self.children(at).fold(header.size, |sum, child| sum.saturating_add(sums[child]));
            }
        }
        sums
    }

    /// Lays the layer over those below. A directory that it only implies forgets what it was.
    fn stack(&mut self) {
        for &at in &self.own {
            self.nodes[at].stacked = Some(self.nodes[at].own);
        }
    }

    /// … in the order of names: what it both hides and names itself is gone where the name comes before the whiteout.
    fn hide_and_stack(&mut self) {
        let is_last = |&at: &usize| {
            let name = split_last(self.nodes[at].path).1;
            self.nodes[at].named == self.layers && *name < *[WHITEOUT, name].concat()
        };
        let (last, first): (Vec<usize>, Vec<usize>) = self.hidden.iter().copied().partition(is_last);
        self.remove(first);
        self.stack();
        self.remove(last);
    }

    fn remove(&mut self, mut stack: Vec<usize>) {
        while let Some(at) = stack.pop() {
            if self.nodes[at].stacked.take().is_some() {
                stack.extend(self.children(at));
            }
        }
    }
}

/// The size that Go's tar reader gives: of a sparse file, what a reader sees.
fn header_size(entry: &Entry) -> u64 {
    match entry.kind {
        EntryKind::File { apparent_size, .. } => apparent_size,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    fn figures_of(layers: &[&str]) -> (f64, u64, Option<f64>) {
        let Dive { efficiency, inefficient_bytes, user_wasted_percent } = dive(Fixture::new(layers).tree.layers());
        (efficiency, inefficient_bytes, user_wasted_percent)
    }

    #[test]
    fn a_copy_counts_with_the_one_that_survives() {
        assert_eq!(figures_of(&["file a 100 x", "file a 60 y"]), (60.0 / 160.0, 160, Some(160.0 / 60.0)));
        assert_eq!(figures_of(&["file a 100 x"]), (1.0, 0, None));
        assert_eq!(figures_of(&[]), (1.0, 0, None));
    }

    #[test]
    fn a_removed_directory_counts_where_it_has_an_entry() {
        let (described, implied) = ("dir d\nfile d/a 100 x", "file d/a 100 x");
        assert_eq!(figures_of(&[described, "gone d"]).1, 0, "seen once: d is no leaf of the lowest layer");
        assert_eq!(figures_of(&[described, "gone d"]).0, 1.0);
        assert_eq!(figures_of(&["dir d", described, "gone d"]).1, 100);
        assert_eq!(figures_of(&["dir d", implied, "gone d"]).1, 0);
    }

    #[test]
    fn a_whiteout_of_nothing_ends_the_layer() {
        assert_eq!(figures_of(&["file z 10 x", "gone a\nfile z 10 x"]), (0.9, 0, Some(0.0)));
        assert_eq!(figures_of(&["file z 10 x\nfile a 0 e", "gone a\nfile z 10 x"]), (0.5, 20, Some(2.0)));
    }
}
