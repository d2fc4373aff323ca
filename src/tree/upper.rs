//! One layer reduced to a tree of its own: the last entry of a path wins, whiteouts are kept apart.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::children::Children;
use super::{Fate, Inode, InodeId, Kind, Node, NodeId, Tree, TreeNote};
use crate::model::{EntryId, EntryKind, LayerPath, Meta, components};

/// A layer's own tree, among the nodes of the image's, and not yet hung into it.
pub(super) struct Upper {
    pub(super) root: NodeId,
    /// By directory: the names that it hides in the layers below.
    pub(super) whiteouts: HashMap<NodeId, Vec<Box<[u8]>>>,
    /// Directories that hide all that is below them.
    pub(super) opaque: HashSet<NodeId>,
}

/// A hard link to a hard link to … : further than any builder goes.
const MAX_CHAIN: usize = 1000;

/// Reads a layer's rows in order. Its files become inodes of `tree`, where links of later layers find them.
pub(super) fn build(tree: &mut Tree, layer: u32) -> Upper {
    let index = Arc::clone(&tree.layers[layer as usize]);
    let root = tree.add(Node::root(layer));
    let upper = Upper { root, whiteouts: HashMap::new(), opaque: HashSet::new() };
    let mut builder = Builder { tree, layer, upper, pending: Vec::new(), last: (Vec::new(), root) };
    for (row, entry) in index.entries.iter().enumerate() {
        builder.place(row as u32, &entry.path, &entry.kind);
    }
    builder.bind_all();
    builder.upper
}

impl Tree {
    /// Gives a file the metadata of a hard link's header, as engines do. Attributes are added, never taken.
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

struct Builder<'t> {
    tree: &'t mut Tree,
    layer: u32,
    upper: Upper,
    pending: Vec<LayerPath>,
    /// The folder that was looked for last: entries of one folder mostly follow each other.
    last: (Vec<u8>, NodeId),
}

impl Builder<'_> {
    fn place(&mut self, row: u32, path: &LayerPath, kind: &EntryKind) {
        let entry = EntryId { layer: self.layer, row };
        match kind {
            EntryKind::Whiteout => {
                let parent = self.folder(entry, path.parent_bytes());
                self.upper.whiteouts.entry(parent).or_default().push(path.file_name().into());
            }
            EntryKind::Opaque => {
                let folder = self.folder(entry, path.as_bytes());
                self.upper.opaque.insert(folder);
            }
            EntryKind::Dir => {
                let folder = self.folder(entry, path.as_bytes());
                let folder = self.tree.node_mut(folder);
                (folder.by, folder.implied) = (entry, None);
            }
            EntryKind::HardLink { target } => {
                let here = self.find(target);
                // Engines unpack in order: what comes later in this layer is not there yet, what lies below it is.
                let leads_to = here.or_else(|| self.tree.get(target)).map(|id| self.tree.node(id).kind);
                let kind = match leads_to {
                    Some(Kind::Leaf(inode)) => {
                        self.tree.carry_out(inode, entry);
                        self.one_more_name(inode)
                    }
                    _ => {
                        self.pending.push(path.clone());
                        Kind::Pending
                    }
                };
                self.put(path, entry, kind);
            }
            _ => {
                let inode = InodeId(self.tree.inodes.len() as u32);
                self.tree.inodes.push(Inode { entry, names: 1, meta: None });
                self.put(path, entry, Kind::Leaf(inode));
            }
        }
    }

    fn one_more_name(&mut self, inode: InodeId) -> Kind {
        self.tree.inodes[inode.0 as usize].names += 1;
        Kind::Leaf(inode)
    }

    /// Settles the pending links. Those that lead to nothing are taken out.
    fn bind_all(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for path in &pending {
            self.bind(path);
        }
        for path in &pending {
            let dangling = self.find(path).map(|id| self.tree.node(id)).filter(|node| node.kind == Kind::Dangling);
            if let Some(link) = dangling.map(|node| node.by) {
                let parent = self.folder(link, path.parent_bytes());
                let children = self.tree.node_mut(parent).children.as_mut();
                children.and_then(|children| children.remove(path.file_name()));
            }
        }
    }

    /// Settles the pending link at `path`, and those that it leads over.
    fn bind(&mut self, path: &LayerPath) {
        let (mut at, mut chain) = (path.clone(), Vec::new());
        let inode = loop {
            match self.find(&at).map(|id| (id, self.tree.node(id).kind)) {
                Some((id, Kind::Pending)) if chain.len() > MAX_CHAIN || chain.contains(&id) => break None,
                Some((id, Kind::Pending)) => {
                    chain.push(id);
                    match self.target(id) {
                        Some(target) => at = target.clone(),
                        None => break None,
                    }
                }
                Some((_, Kind::Leaf(inode))) => break Some(inode),
                Some((_, Kind::Dir | Kind::Dangling)) | None => break None,
            }
        };
        for id in chain {
            let Some(entry) = self.tree.node(id).entry() else { continue };
            // What a link's header says that stands before its target, the target's says again.
            let (kind, note) = match inode {
                Some(inode) => (self.one_more_name(inode), TreeNote::EarlyLink { entry }),
                None => (Kind::Dangling, TreeNote::DanglingLink { entry }),
            };
            self.tree.notes.push(note);
            self.tree.node_mut(id).kind = kind;
        }
    }

    /// Where a hard link leads.
    fn target(&self, link: NodeId) -> Option<&LayerPath> {
        match &self.tree.entry(self.tree.node(link).entry()?).kind {
            EntryKind::HardLink { target } => Some(target),
            _ => None,
        }
    }

    /// Puts what is no directory at `path`; what was there goes.
    fn put(&mut self, path: &LayerPath, entry: EntryId, kind: Kind) {
        let parent = self.folder(entry, path.parent_bytes());
        let id = self.tree.add(Node::new(entry, kind));
        if let Some(old) = self.insert(parent, path.file_name(), id) {
            self.kill(old);
        }
    }

    /// Gives where the name led before.
    fn insert(&mut self, parent: NodeId, name: &[u8], id: NodeId) -> Option<NodeId> {
        self.tree.node_mut(parent).children.get_or_insert_with(|| Box::new(Children::new())).insert(name, id)
    }

    /// The directory at `path`, at or above that of the entry: made with its parents where it isn't there, in place of
    /// whatever is.
    fn folder(&mut self, by: EntryId, path: &[u8]) -> NodeId {
        if self.last.0 == path {
            return self.last.1;
        }
        let mut end = 0;
        let id = components(path).fold(self.upper.root, |at, name| {
            end += name.len() + usize::from(end > 0);
            let old = self.tree.node(at).child(name);
            if let Some(id) = old.filter(|&id| self.tree.node(id).is_dir()) {
                return id;
            }
            let id = self.tree.add(Node::implied(by, end as u32));
            self.insert(at, name, id);
            old.into_iter().for_each(|old| self.kill(old));
            id
        });
        self.last.0.clear();
        self.last.0.extend_from_slice(path);
        self.last.1 = id;
        id
    }

    fn find(&self, path: &LayerPath) -> Option<NodeId> {
        path.components().try_fold(self.upper.root, |at, name| self.tree.node(at).child(name))
    }

    /// Everything at and below `id` lost its path to a later entry of this layer.
    fn kill(&mut self, id: NodeId) {
        self.last = (Vec::new(), self.upper.root);
        self.tree.kill(id, Fate::SameLayer, self.layer);
    }
}
