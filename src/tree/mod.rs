//! The union of an image's layers, and the fate of every file in them.
//!
//! Layers apply in order by the rules of OCI image-spec layer.md. Each layer's tar is first reduced to a tree of its
//! own (`upper`: the last entry of a path wins), which is then merged over what lies below (`merge`), the way
//! overlayfs stacks folders: only folders that both have are looked into. Nothing is ever unpacked.

mod children;
mod fate;
mod follow;
mod links;
mod merge;
mod upper;
mod walk;

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::index::LayerIndex;
use crate::model::{Entry, EntryId, LayerPath, Meta, split_last};

use children::Children;

pub use fate::{Fate, Outcome};
pub use follow::FollowError;
pub use links::VisibleFile;
pub use walk::{Item, Walk};

/// A place in the merged tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// A file, device or link with its own data, which may have several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(u32);

impl InodeId {
    /// A number that no other file of the image has, from 1, as `ls -i` would show it.
    pub fn number(self) -> u64 {
        u64::from(self.0) + 1
    }
}

/// One name in the merged tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The entry that put this name here, or, for a directory that only its contents imply, the first of these.
    by: EntryId,
    /// Of such a directory: how many bytes of that entry's path are its own.
    implied: Option<u32>,
    kind: Kind,
    /// Of a directory: what is in it.
    children: Option<Box<Children>>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dir,
    /// Anything else.
    Leaf(InodeId),
    /// A hard link whose target has not been met yet. The tree has none, but while a layer is read.
    Pending,
    /// A hard link to nothing: it is taken out when its layer has been read.
    Dangling,
}

#[derive(Clone, Debug)]
struct Inode {
    /// The entry that carries its data.
    entry: EntryId,
    /// How many names it has.
    names: u32,
    /// Its metadata, where the header of a further name has given it other than its entry has.
    meta: Option<Box<Meta>>,
}

/// An oddity of how layers stack, for findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeNote {
    /// A hard link to nothing; it was passed over.
    DanglingLink {
        /// The link.
        entry: EntryId,
    },
    /// A hard link that stands before its target: whoever unpacks in order has nothing to link to.
    EarlyLink {
        /// The link.
        entry: EntryId,
    },
    /// A layer writes below a path that is no directory underneath: overlayfs makes a directory of it, containerd
    /// follows a symbolic link there.
    ParentReplaced {
        /// The path that became a directory.
        path: LayerPath,
        /// The layer that did it.
        layer: u32,
    },
}

/// The merged tree of an image, with its layers.
#[derive(Clone, Debug)]
pub struct Tree {
    layers: Vec<Arc<LayerIndex>>,
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    /// By layer and row. Only a regular file's means anything.
    outcomes: Vec<Vec<Outcome>>,
    /// Of files that are not just what their entry says, for hard links: the first of their names, by that entry.
    first_names: HashMap<EntryId, NodeId>,
    notes: Vec<TreeNote>,
}

const ROOT: NodeId = NodeId(0);

static NO_CHILDREN: Children = Children::new();

impl Tree {
    /// Stacks layers, lowest first.
    pub fn new(layers: Vec<Arc<LayerIndex>>) -> Self {
        let rows = layers.iter().map(|layer| layer.entries.len()).sum();
        let outcomes = layers.iter().map(|layer| vec![Outcome::VISIBLE; layer.entries.len()]).collect();
        let mut tree = Self {
            nodes: Vec::with_capacity(rows + layers.len() + 1),
            inodes: Vec::with_capacity(rows),
            layers,
            outcomes,
            first_names: HashMap::new(),
            notes: Vec::new(),
        };
        tree.add(Node::root(0));
        for layer in 0..tree.layers.len() {
            tree.apply(layer as u32);
        }
        tree.find_first_names();
        tree
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Arc<LayerIndex>] {
        &self.layers
    }

    /// The image's root directory.
    pub fn root(&self) -> NodeId {
        ROOT
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// An entry of one of the layers.
    pub fn entry(&self, id: EntryId) -> &Entry {
        &self.layers[id.layer as usize].entries[id.row as usize]
    }

    /// A node's path.
    pub fn path(&self, node: &Node) -> Cow<'_, LayerPath> {
        match node.implied {
            None => Cow::Borrowed(&self.entry(node.by).path),
            Some(_) => Cow::Owned(LayerPath::clean(self.path_bytes(node))),
        }
    }

    /// The last name of a node's path; empty for the root.
    pub fn name(&self, node: &Node) -> &[u8] {
        split_last(self.path_bytes(node)).1
    }

    fn path_bytes(&self, node: &Node) -> &[u8] {
        match node.implied {
            None => self.entry(node.by).path.as_bytes(),
            // There may be no entry at all.
            Some(0) => b"",
            Some(bytes) => &self.entry(node.by).path.as_bytes()[..bytes as usize],
        }
    }

    /// The entry that carries a node's data and metadata: of a hard-linked name, the file's own.
    pub fn data(&self, node: &Node) -> Option<EntryId> {
        match node.inode() {
            None => node.entry(),
            Some(inode) => Some(self.inode(inode).entry),
        }
    }

    /// A node's metadata; `None` for a directory that is only implied.
    pub fn meta(&self, node: &Node) -> Option<&Meta> {
        let given = node.inode().and_then(|inode| self.inode(inode).meta.as_deref());
        given.or_else(|| Some(&self.entry(self.data(node)?).meta))
    }

    /// How many names a node's file has; 1 for a directory.
    pub fn names(&self, node: &Node) -> u32 {
        node.inode().map_or(1, |inode| self.inode(inode).names)
    }

    /// What became of a regular file's entry.
    pub fn outcome(&self, id: EntryId) -> Outcome {
        self.outcomes[id.layer as usize][id.row as usize]
    }

    /// Every regular file with data of its own, layer by layer in tar order, with its fate.
    pub fn files(&self) -> impl Iterator<Item = (EntryId, &Entry, Outcome)> {
        self.layers.iter().zip(&self.outcomes).enumerate().flat_map(|(layer, (index, outcomes))| {
            let rows = index.entries.iter().zip(outcomes).enumerate();
            rows.filter(|(_, (entry, _))| entry.is_file())
                .map(move |(row, (entry, outcome))| (EntryId { layer: layer as u32, row: row as u32 }, entry, *outcome))
        })
    }

    /// Oddities of how the layers stack.
    pub fn notes(&self) -> &[TreeNote] {
        &self.notes
    }

    fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0 as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Nothing is in it any more: gives what was.
    fn take_children(&mut self, id: NodeId) -> Vec<NodeId> {
        let children = self.node_mut(id).children.take();
        children.map_or_else(Vec::new, |children| children.iter().map(|(_, child)| child).collect())
    }

    /// Everything at and below `id` loses its name by a layer.
    fn kill(&mut self, id: NodeId, fate: Fate, by_layer: u32) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            stack.extend(self.take_children(id));
            if let Some(inode) = self.node(id).inode() {
                self.unname(inode, fate, by_layer);
            }
        }
    }

    /// Takes one name from a file. With the last one the file is gone.
    fn unname(&mut self, inode: InodeId, fate: Fate, by_layer: u32) {
        let inode = &mut self.inodes[inode.0 as usize];
        inode.names = inode.names.saturating_sub(1);
        if inode.names == 0 {
            let EntryId { layer, row } = inode.entry;
            self.outcomes[layer as usize][row as usize] = Outcome { fate, by_layer };
        }
    }
}

impl Node {
    fn new(entry: EntryId, kind: Kind) -> Self {
        Self { by: entry, implied: None, kind, children: None }
    }

    /// A directory with a path of so many bytes, which an entry at or below it implies.
    fn implied(by: EntryId, bytes: u32) -> Self {
        Self { implied: Some(bytes), ..Self::new(by, Kind::Dir) }
    }

    /// The root of an image, or of a layer.
    fn root(layer: u32) -> Self {
        Self::implied(EntryId { layer, row: 0 }, 0)
    }

    /// The entry that put this name here; `None` for a directory that only its contents imply (0755, root).
    pub fn entry(&self) -> Option<EntryId> {
        Some(self.by).filter(|_| self.implied.is_none())
    }

    /// The layer that put it here, from 0.
    pub fn layer(&self) -> u32 {
        self.by.layer
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Dir
    }

    /// The file it names; `None` for a directory.
    pub fn inode(&self) -> Option<InodeId> {
        match self.kind {
            Kind::Leaf(inode) => Some(inode),
            Kind::Dir | Kind::Pending | Kind::Dangling => None,
        }
    }

    /// What a name in it leads to.
    pub fn child(&self, name: &[u8]) -> Option<NodeId> {
        self.children.as_ref()?.get(name)
    }

    /// The names in it, sorted; none for anything but a directory.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = (&[u8], NodeId)> {
        self.children.as_deref().unwrap_or(&NO_CHILDREN).iter()
    }
}
