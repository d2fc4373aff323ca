//! One layer reduced to a tree of its own: the last entry of a path wins, whiteouts are kept apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fate, Inode, InodeId, Tree, TreeNote};
use crate::model::{EntryId, EntryKind, LayerPath, Meta, components};

/// A place in a layer's own tree, by number in the list that [`build`] gives. The root is the first.
pub(super) type UpperId = usize;

/// One name in a layer's own tree.
#[derive(Debug)]
pub(super) struct UpperNode {
    /// The row that made it; `None` for a directory that is only implied.
    pub(super) row: Option<u32>,
    pub(super) kind: UpperKind,
    /// Of a directory: what is in it.
    pub(super) children: BTreeMap<Box<[u8]>, UpperId>,
    /// Of a directory: the names that it hides in the layers below.
    pub(super) whiteouts: Vec<Box<[u8]>>,
    /// Of a directory: whether it hides all that is below it.
    pub(super) opaque: bool,
}

#[derive(Debug)]
pub(super) enum UpperKind {
    Dir,
    Leaf(InodeId),
    /// A hard link whose target has not been met yet.
    Pending(LayerPath),
    /// A hard link to nothing.
    Dangling,
}

impl UpperNode {
    fn new(row: Option<u32>, kind: UpperKind) -> Self {
        Self { row, kind, children: BTreeMap::new(), whiteouts: Vec::new(), opaque: false }
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self.kind, UpperKind::Dir)
    }
}

const ROOT: UpperId = 0;
/// A hard link to a hard link to … : further than any builder goes.
const MAX_CHAIN: usize = 1000;

/// Reads a layer's rows in order. Its files become inodes of `tree`, where links of later layers find them.
pub(super) fn build(tree: &mut Tree, layer: u32) -> Vec<UpperNode> {
    let index = Arc::clone(&tree.layers[layer as usize]);
    let nodes = vec![UpperNode::new(None, UpperKind::Dir)];
    let mut upper = Upper { tree, layer, nodes, pending: Vec::new(), last: (Vec::new(), ROOT) };
    for (row, entry) in index.entries.iter().enumerate() {
        upper.place(row as u32, &entry.path, &entry.kind);
    }
    for path in std::mem::take(&mut upper.pending) {
        upper.bind(path);
    }
    upper.nodes
}

impl Tree {
    /// Gives a file the metadata of a hard link's header. Attributes are added, never taken.
    fn carry_out(&mut self, inode: InodeId, link: EntryId) {
        let own = &self.inodes[inode.0 as usize];
        let meta = own.meta.as_deref().unwrap_or(&self.entry(own.entry).meta);
        let header = &self.entry(link).meta;
        let xattrs = if header.xattrs.is_empty() { &meta.xattrs } else { &header.xattrs };
        let given = Meta { xattrs: xattrs.clone(), ..*header };
        if given != *meta {
            self.inodes[inode.0 as usize].meta = Some(Box::new(given));
        }
    }
}

struct Upper<'t> {
    tree: &'t mut Tree,
    layer: u32,
    nodes: Vec<UpperNode>,
    pending: Vec<LayerPath>,
    /// The folder that was looked for last: entries of one folder mostly follow each other.
    last: (Vec<u8>, UpperId),
}

impl Upper<'_> {
    fn place(&mut self, row: u32, path: &LayerPath, kind: &EntryKind) {
        match kind {
            EntryKind::Whiteout => {
                let parent = self.folder(path.parent_bytes());
                self.nodes[parent].whiteouts.push(path.file_name().into());
            }
            EntryKind::Opaque => {
                let folder = self.folder(path.as_bytes());
                self.nodes[folder].opaque = true;
            }
            EntryKind::Dir => {
                let folder = self.folder(path.as_bytes());
                self.nodes[folder].row = Some(row);
            }
            EntryKind::HardLink { target } => self.link(row, path, target),
            _ => {
                let inode = InodeId(self.tree.inodes.len() as u32);
                self.tree.inodes.push(Inode { entry: EntryId { layer: self.layer, row }, names: 1, meta: None });
                self.put(path, UpperNode::new(Some(row), UpperKind::Leaf(inode)));
            }
        }
    }

    fn link(&mut self, row: u32, path: &LayerPath, target: &LayerPath) {
        let kind = match self.find(target).map(|id| &self.nodes[id].kind) {
            Some(&UpperKind::Leaf(inode)) => self.one_more_name(inode, Some(row)),
            _ => {
                self.pending.push(path.clone());
                UpperKind::Pending(target.clone())
            }
        };
        self.put(path, UpperNode::new(Some(row), kind));
    }

    /// Gives a file a name. Engines carry out the link's header too: the file gets the mode, owner and times in it.
    fn one_more_name(&mut self, inode: InodeId, link: Option<u32>) -> UpperKind {
        self.tree.inodes[inode.0 as usize].names += 1;
        if let Some(row) = link {
            self.tree.carry_out(inode, EntryId { layer: self.layer, row });
        }
        UpperKind::Leaf(inode)
    }

    /// Settles the pending link at `path`, and those that it leads over: first within the layer, then below it.
    fn bind(&mut self, path: LayerPath) {
        let (mut at, mut chain) = (path, Vec::new());
        // What a link says that stands before its target, the target says again.
        let mut below = false;
        let inode = loop {
            match self.find(&at).map(|id| (id, &self.nodes[id].kind)) {
                Some((id, UpperKind::Pending(_))) if chain.len() > MAX_CHAIN || chain.contains(&id) => break None,
                Some((id, UpperKind::Pending(target))) => {
                    chain.push(id);
                    at = target.clone();
                }
                Some((_, &UpperKind::Leaf(inode))) => break Some(inode),
                Some((_, UpperKind::Dir | UpperKind::Dangling)) => break None,
                None => {
                    below = true;
                    break self.tree.get(&at).and_then(|below| self.tree.node(below).inode);
                }
            }
        };
        for id in chain {
            self.nodes[id].kind = match inode {
                Some(inode) => self.one_more_name(inode, self.nodes[id].row.filter(|_| below)),
                None => self.dangling(self.nodes[id].row),
            };
        }
    }

    fn dangling(&mut self, row: Option<u32>) -> UpperKind {
        let entry = row.map(|row| EntryId { layer: self.layer, row });
        self.tree.notes.extend(entry.map(|entry| TreeNote::DanglingLink { entry }));
        UpperKind::Dangling
    }

    /// Puts a node that is no directory at `path`; what was there goes.
    fn put(&mut self, path: &LayerPath, node: UpperNode) {
        let parent = self.folder(path.parent_bytes());
        let id = self.add(node);
        if let Some(old) = self.nodes[parent].children.insert(path.file_name().into(), id) {
            self.kill(old);
        }
    }

    /// The directory at `path`, made with its parents where it isn't there, in place of whatever is.
    fn folder(&mut self, path: &[u8]) -> UpperId {
        if self.last.0 == path {
            return self.last.1;
        }
        let id = components(path).fold(ROOT, |at, name| {
            let old = self.nodes[at].children.get(name).copied();
            if let Some(id) = old.filter(|&id| self.nodes[id].is_dir()) {
                return id;
            }
            let id = self.add(UpperNode::new(None, UpperKind::Dir));
            self.nodes[at].children.insert(name.into(), id);
            old.into_iter().for_each(|old| self.kill(old));
            id
        });
        self.last.0.clear();
        self.last.0.extend_from_slice(path);
        self.last.1 = id;
        id
    }

    fn add(&mut self, node: UpperNode) -> UpperId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn find(&self, path: &LayerPath) -> Option<UpperId> {
        path.components().try_fold(ROOT, |at, name| self.nodes[at].children.get(name).copied())
    }

    /// Everything at and below `id` lost its path to a later entry of this layer.
    fn kill(&mut self, id: UpperId) {
        self.last = (Vec::new(), ROOT);
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            stack.extend(self.nodes[id].children.values());
            if let UpperKind::Leaf(inode) = self.nodes[id].kind {
                self.tree.unname(inode, Fate::SameLayer, self.layer);
            }
        }
    }
}
