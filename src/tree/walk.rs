//! Walking the merged tree.

use super::{Node, NodeId, Tree};
use crate::model::LayerPath;

/// One name of the merged tree, on a walk.
#[derive(Clone, Debug)]
pub struct Item<'t> {
    /// Its path.
    pub path: LayerPath,
    /// Where it is.
    pub id: NodeId,
    /// What is there.
    pub node: &'t Node,
}

/// A walk in path order, component by component: a folder, then what is in it.
pub struct Walk<'t> {
    tree: &'t Tree,
    stack: Vec<(LayerPath, NodeId)>,
}

impl Tree {
    /// Every name of the image, the root first.
    pub fn walk(&self) -> Walk<'_> {
        self.walk_from(LayerPath::root(), self.root())
    }

    /// Every name at and below a node, whose path is `path`.
    pub fn walk_from(&self, path: LayerPath, id: NodeId) -> Walk<'_> {
        Walk { tree: self, stack: vec![(path, id)] }
    }

    /// The node at a path, no symbolic link followed.
    pub fn get(&self, path: &LayerPath) -> Option<NodeId> {
        path.components().try_fold(self.root(), |at, name| self.node(at).children.get(name).copied())
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        let (path, id) = self.stack.pop()?;
        let node = self.tree.node(id);
        self.stack.extend(node.children().rev().map(|(name, child)| (path.join(name), child)));
        Some(Item { path, id, node })
    }
}
