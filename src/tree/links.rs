//! Files with several names.

use foldhash::{HashMap, HashMapExt};

use super::{Inode, NodeId, Tree};
use crate::model::{Entry, EntryId, LayerPath, Meta};

/// A regular file of the merged tree.
#[derive(Clone, Copy, Debug)]
pub struct VisibleFile<'t> {
    /// Its path; of several, the first in path order.
    pub path: &'t LayerPath,
    /// The entry that carries its data.
    pub id: EntryId,
    /// … itself.
    pub entry: &'t Entry,
    /// Its metadata, which the header of a further name may have given it.
    pub meta: &'t Meta,
}

impl Tree {
    /// Every regular file of the merged tree, once, layer by layer in tar order.
    pub fn visible_files(&self) -> impl Iterator<Item = VisibleFile<'_>> {
        let visible = self.files().filter(|(.., outcome)| outcome.is_visible());
        visible.map(|(id, ..)| self.visible_file(id))
    }

    /// How the merged tree has the file of an entry, which is visible.
    pub fn visible_file(&self, id: EntryId) -> VisibleFile<'_> {
        let entry = self.entry(id);
        let node = self.first_names.get(&id).map(|node| self.node(*node));
        let named = node.and_then(|node| Some((&self.entry(node.entry()?).path, self.meta(node)?)));
        let (path, meta) = named.unwrap_or((&entry.path, &entry.meta));
        VisibleFile { path, id, entry, meta }
    }

    /// Of the files that have, or had, further names, where that makes a difference: the first that they have.
    pub(super) fn find_first_names(&mut self) {
        let mut first: HashMap<EntryId, (&LayerPath, NodeId)> = HashMap::new();
        for (node, id) in self.nodes.iter().zip((0..).map(NodeId)) {
            let Some((inode, named)) = node.inode().zip(node.entry()) else { continue };
            let &Inode { entry: data, names, ref meta } = self.inode(inode);
            let path = &self.entry(named).path;
            let is_plain = names == 1 && named == data && meta.is_none();
            // Names that are gone are nodes still, which nothing leads to.
            if is_plain || names == 0 || self.get(path) != Some(id) {
                continue;
            }
            let best = first.entry(data).or_insert((path, id));
            if path.components().lt(best.0.components()) {
                *best = (path, id);
            }
        }
        self.first_names = first.into_iter().map(|(data, (_, node))| (data, node)).collect();
    }
}
