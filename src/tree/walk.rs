//! Walking the merged tree.

use std::borrow::Cow;

use super::{Node, NodeId, Tree};
use crate::model::LayerPath;

/// One name of the merged tree, on a walk.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    tree: &'t Tree,
    /// Where it is.
    pub id: NodeId,
    /// What is there.
    pub node: &'t Node,
}

impl<'t> Item<'t> {
    /// The last name of its path.
    pub fn name(&self) -> &'t [u8] {
        self.tree.name(self.node)
    }

    /// Its path.
    pub fn path(&self) -> Cow<'t, LayerPath> {
        self.tree.path(self.node)
    }
}

/// A walk in path order, component by component: a folder, then what is in it.
pub struct Walk<'t> {
    tree: &'t Tree,
    stack: Vec<NodeId>,
}

impl Tree {
    /// Every name of the image, the root first.
    pub fn walk(&self) -> Walk<'_> {
        self.walk_from(self.root())
    }

    /// Every name at and below a node.
    pub fn walk_from(&self, id: NodeId) -> Walk<'_> {
        Walk { tree: self, stack: vec![id] }
    }

    /// The node at a path, no symbolic link followed.
    pub fn get(&self, path: &LayerPath) -> Option<NodeId> {
        path.components().try_fold(self.root(), |at, name| self.node(at).child(name))
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        let id = self.stack.pop()?;
        let node = self.tree.node(id);
        self.stack.extend(node.children().rev().map(|(_, child)| child));
        Some(Item { tree: self.tree, id, node })
    }
}
