//! Walking the merged tree.

use std::rc::Rc;

use super::{Node, NodeId, Tree};
use crate::model::LayerPath;

/// One name of the merged tree, on a walk.
#[derive(Clone, Debug)]
pub struct Item<'t> {
    /// The folder that it is in, or where the walk begins.
    folder: Rc<LayerPath>,
    /// Its name in there; empty where the walk begins.
    name: &'t [u8],
    /// Where it is.
    pub id: NodeId,
    /// What is there.
    pub node: &'t Node,
}

impl Item<'_> {
    /// The last name of its path.
    pub fn name(&self) -> &[u8] {
        if self.name.is_empty() { self.folder.file_name() } else { self.name }
    }

    /// Its path, put together: most names on a walk are passed over.
    pub fn path(&self) -> LayerPath {
        if self.name.is_empty() { (*self.folder).clone() } else { self.folder.join(self.name) }
    }
}

/// A walk in path order, component by component: a folder, then what is in it.
pub struct Walk<'t> {
    tree: &'t Tree,
    stack: Vec<(Rc<LayerPath>, &'t [u8], NodeId)>,
}

impl Tree {
    /// Every name of the image, the root first.
    pub fn walk(&self) -> Walk<'_> {
        self.walk_from(LayerPath::root(), self.root())
    }

    /// Every name at and below a node, whose path is `path`.
    pub fn walk_from(&self, path: LayerPath, id: NodeId) -> Walk<'_> {
        Walk { tree: self, stack: vec![(Rc::new(path), b"", id)] }
    }

    /// The node at a path, no symbolic link followed.
    pub fn get(&self, path: &LayerPath) -> Option<NodeId> {
        path.components().try_fold(self.root(), |at, name| self.node(at).children.get(name))
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        let (folder, name, id) = self.stack.pop()?;
        let item = Item { folder, name, id, node: self.tree.node(id) };
        if !item.node.children.is_empty() {
            let path = Rc::new(item.path());
            self.stack.extend(item.node.children().rev().map(|(name, child)| (Rc::clone(&path), name, child)));
        }
        Some(item)
    }
}
