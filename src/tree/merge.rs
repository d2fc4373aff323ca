//! A layer's own tree is laid over what lies below.

use super::upper::{self, Upper};
use super::{Fate, NodeId, ROOT, Tree, TreeNote};

impl Tree {
    /// Stacks one more layer.
    pub(super) fn apply(&mut self, layer: u32) {
        let upper = upper::build(self, layer);
        Merge { tree: self, layer, upper }.folders();
    }
}

struct Merge<'t> {
    tree: &'t mut Tree,
    layer: u32,
    upper: Upper,
}

/// A directory of the layer, and the one in the image that it is laid over.
struct Pair {
    upper: NodeId,
    lower: NodeId,
}

impl Merge<'_> {
    /// Merges the directories that both have, on a stack of its own: depth is the image's choice. Whatever only the layer
    /// has is hung into the image's tree as it is.
    fn folders(&mut self) {
        let mut stack = vec![Pair { upper: self.upper.root, lower: ROOT }];
        while let Some(pair) = stack.pop() {
            self.describe(&pair);
            self.hide(&pair);
            let Some(mut new) = self.tree.node_mut(pair.upper).children.take() else { continue };
            if self.tree.node(pair.lower).children.is_some() {
                new.retain(|name, child| match self.tree.node(pair.lower).child(name) {
                    Some(old) if self.tree.node(old).is_dir() && self.tree.node(child).is_dir() => {
                        stack.push(Pair { upper: child, lower: old });
                        false
                    }
                    Some(old) => {
                        self.replace(old, child);
                        true
                    }
                    None => true,
                });
            }
            match &mut self.tree.node_mut(pair.lower).children {
                Some(children) => children.extend(*new),
                none => *none = Some(new),
            }
        }
    }

    /// A directory over a directory: the upper one's metadata counts, if it has an entry of its own.
    fn describe(&mut self, pair: &Pair) {
        if let Some(entry) = self.tree.node(pair.upper).entry() {
            let kept = self.tree.node_mut(pair.lower);
            (kept.by, kept.implied) = (entry, None);
        }
    }

    /// Applies a directory's opaque marker and whiteouts to what lies below.
    fn hide(&mut self, pair: &Pair) {
        if self.upper.opaque.contains(&pair.upper) {
            for child in self.tree.take_children(pair.lower) {
                self.tree.kill(child, Fate::Opaque, self.layer);
            }
        }
        for name in self.upper.whiteouts.remove(&pair.upper).unwrap_or_default() {
            let children = &mut self.tree.node_mut(pair.lower).children;
            if let Some(child) = children.as_mut().and_then(|children| children.remove(&name)) {
                self.tree.kill(child, Fate::Deleted, self.layer);
            }
        }
    }

    /// `old` gives way to `new`; they are not both directories.
    fn replace(&mut self, old: NodeId, new: NodeId) {
        let new = self.tree.node(new);
        let data = |inode| self.tree.entry(self.tree.inode(inode).entry);
        let fate = match (self.tree.node(old).inode(), new.inode()) {
            (Some(from), Some(to)) => Fate::replaced(data(from), data(to)),
            _ => Fate::TypeReplaced,
        };
        if new.is_dir() && new.entry().is_none() {
            let path = self.tree.path(new).into_owned();
            self.tree.notes.push(TreeNote::ParentReplaced { path, layer: self.layer });
        }
        self.tree.kill(old, fate, self.layer);
    }
}
