//! A layer's own tree is laid over what lies below.

use std::collections::BTreeMap;

use super::upper::{self, UpperId, UpperKind, UpperNode};
use super::{Fate, InodeId, Node, NodeId, Outcome, ROOT, Tree, TreeNote};
use crate::model::{EntryId, LayerPath};

impl Tree {
    /// Stacks one more layer.
    pub(super) fn apply(&mut self, layer: u32) {
        let upper = upper::build(self, layer);
        Merge { tree: self, layer, upper }.folders();
    }

    /// Takes one name from a file. With the last one the file is gone.
    pub(super) fn unname(&mut self, inode: InodeId, fate: Fate, by_layer: u32) {
        let inode = &mut self.inodes[inode.0 as usize];
        inode.names = inode.names.saturating_sub(1);
        if inode.names == 0 {
            let EntryId { layer, row } = inode.entry;
            self.outcomes[layer as usize][row as usize] = Outcome { fate, by_layer };
        }
    }
}

struct Merge<'t> {
    tree: &'t mut Tree,
    layer: u32,
    upper: Vec<UpperNode>,
}

/// A directory of the layer, the one in the image that it is laid over, and their path.
struct Pair {
    upper: UpperId,
    lower: NodeId,
    path: LayerPath,
}

impl Merge<'_> {
    /// Merges directory by directory, on a stack of its own: depth is the image's choice.
    fn folders(&mut self) {
        self.describe(ROOT, &self.node(0));
        let mut stack = vec![Pair { upper: 0, lower: ROOT, path: LayerPath::root() }];
        while let Some(pair) = stack.pop() {
            self.hide(&pair);
            let mut new = Vec::new();
            for (name, child) in std::mem::take(&mut self.upper[pair.upper].children) {
                if matches!(self.upper[child].kind, UpperKind::Dangling) {
                    continue;
                }
                let is_dir = self.upper[child].is_dir();
                let path = is_dir.then(|| pair.path.join(&name));
                let lower = match self.kept(&pair, &name, child) {
                    Some(kept) => kept,
                    None => {
                        let node = self.node(child);
                        self.tree.nodes.push(node);
                        let id = NodeId(self.tree.nodes.len() as u32 - 1);
                        new.push((name, id));
                        id
                    }
                };
                stack.extend(path.map(|path| Pair { upper: child, lower, path }));
            }
            let children = self.children(pair.lower);
            // They are in order: a map is made of them faster than they are put into one.
            if children.is_empty() { *children = new.into_iter().collect() } else { children.extend(new) }
        }
    }

    /// Applies a directory's opaque marker and whiteouts to what lies below.
    fn hide(&mut self, pair: &Pair) {
        if self.upper[pair.upper].opaque {
            for child in std::mem::take(self.children(pair.lower)).into_values() {
                self.kill(child, Fate::Opaque);
            }
        }
        for name in std::mem::take(&mut self.upper[pair.upper].whiteouts) {
            if let Some(child) = self.children(pair.lower).remove(&name) {
                self.kill(child, Fate::Deleted);
            }
        }
    }

    /// The image's directory that one of the layer is laid over. Whatever else has its name gives way.
    fn kept(&mut self, above: &Pair, name: &[u8], upper: UpperId) -> Option<NodeId> {
        let old = self.tree.node(above.lower).child(name)?;
        let node = self.node(upper);
        if node.is_dir() && self.tree.node(old).is_dir() {
            self.describe(old, &node);
            return Some(old);
        }
        self.replace(old, &node, &above.path.join(name));
        None
    }

    /// A directory over a directory: the upper one's metadata counts, if it has an entry of its own.
    fn describe(&mut self, lower: NodeId, upper: &Node) {
        if upper.entry.is_some() {
            let kept = &mut self.tree.nodes[lower.0 as usize];
            (kept.entry, kept.layer) = (upper.entry, upper.layer);
        }
    }

    /// `old` gives way to `new`; they are not both directories.
    fn replace(&mut self, old: NodeId, new: &Node, path: &LayerPath) {
        if new.is_dir() && new.entry.is_none() {
            self.tree.notes.push(TreeNote::ParentReplaced { path: path.clone(), layer: self.layer });
        }
        let data = |inode| self.tree.entry(self.tree.inode(inode).entry);
        let fate = match (self.tree.node(old).inode, new.inode) {
            (Some(from), Some(to)) => Fate::replaced(data(from), data(to)),
            _ => Fate::TypeReplaced,
        };
        self.kill(old, fate);
    }

    /// What a layer's node is in the image's tree. Directories start empty: their children are merged in later.
    fn node(&self, upper: UpperId) -> Node {
        let UpperNode { row, kind, .. } = &self.upper[upper];
        let inode = match kind {
            UpperKind::Leaf(inode) => Some(*inode),
            UpperKind::Dir | UpperKind::Pending(_) | UpperKind::Dangling => None,
        };
        let entry = row.map(|row| EntryId { layer: self.layer, row });
        Node { entry, layer: self.layer, inode, children: BTreeMap::new() }
    }

    fn children(&mut self, id: NodeId) -> &mut BTreeMap<Box<[u8]>, NodeId> {
        &mut self.tree.nodes[id.0 as usize].children
    }

    /// Everything at and below `id` is gone from the image.
    fn kill(&mut self, id: NodeId, fate: Fate) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            stack.extend(std::mem::take(self.children(id)).into_values());
            if let Some(inode) = self.tree.node(id).inode {
                self.tree.unname(inode, fate, self.layer);
            }
        }
    }
}
