//! Several layers as one: what the merged tree has of them, and what it lacks of the layers below. Nothing that is lost is
//! written again.

use std::collections::{BTreeMap, HashMap};

use super::RewriteError;
use crate::model::{ContentId, EntryId, EntryKind, LayerPath, Meta};
use crate::tree::{InodeId, Item, Node, Tree};

/// A mark of overlayfs's that says what whiteouts say in a layer.
const OPAQUE: &[u8] = b"trusted.overlay.opaque";

/// Names that equal files are given together: ext3 has 32,000 for a file, ext4 and btrfs about twice as many, and an image
/// may be unpacked on either. A file of more names keeps them.
const MOST_NAMES: usize = 32_000;

/// What is left out, and what becomes one.
pub struct Choice<'c> {
    /// The layers that are merged: from this one to the last.
    pub from: usize,
    /// Whether what the image has, and is no directory, is left out.
    pub drops: &'c dyn Fn(&LayerPath, &EntryKind) -> bool,
    /// Whether equal files become hard links of one.
    pub dedupe: bool,
}

/// A layer that takes the place of several.
#[derive(Debug, Default)]
pub struct Merged {
    /// The first of the layers.
    pub from: usize,
    /// Directories, a parent before its children.
    pub(super) dirs: BTreeMap<LayerPath, Meta>,
    /// Links, devices and pipes: where their entries are, and their names.
    pub(super) special: Vec<(EntryId, Named)>,
    /// Files by where their contents are.
    pub(super) files: BTreeMap<EntryId, Named>,
    /// What is hidden in the layers below.
    pub(super) whiteouts: Vec<LayerPath>,
    /// What it saves.
    pub saved: Saved,
}

/// The names of a file, and its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) names: Vec<LayerPath>,
    pub(super) meta: Meta,
}

/// File bytes of the merged layers that the one in their place has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// File bytes of the layers before.
    pub before: u64,
    /// … of the one in their place.
    pub after: u64,
    /// Lost bytes: not in the merged tree, or there already in a layer below.
    pub lost: u64,
    /// Of files that were left out.
    pub dropped: u64,
    /// Of files that became hard links.
    pub deduped: u64,
    /// How many files were left out.
    pub dropped_files: u64,
    /// How many became hard links.
    pub deduped_files: u64,
}

/// A file's names in the merged tree.
#[derive(Default)]
struct Names {
    /// Those that the merged layers give it.
    own: Vec<LayerPath>,
    /// Those that it has from below.
    below: Vec<LayerPath>,
}

impl Merged {
    /// Of the merged tree of an image, and that of the layers below alone.
    pub fn new(tree: &Tree, below: &Tree, choice: &Choice<'_>) -> Result<Self, RewriteError> {
        let before = tree.layers().iter().skip(choice.from).map(|layer| layer.file_bytes()).sum();
        let mut merged = Self { from: choice.from, saved: Saved { before, ..Saved::default() }, ..Self::default() };
        let mut inodes: BTreeMap<InodeId, Names> = BTreeMap::new();
        for item in tree.walk() {
            match item.node.inode() {
                None => merged.dir(tree, below, &item),
                Some(inode) => {
                    let own = item.node.layer() as usize >= choice.from;
                    if own && merged.leaves_out(tree, below, &item, choice) {
                        continue;
                    }
                    let names = inodes.entry(inode).or_default();
                    if own {
                        names.own.push(item.path().into_owned());
                    } else {
                        names.below.push(item.path().into_owned());
                    }
                }
            }
        }
        for names in inodes.into_values().filter(|names| !names.own.is_empty()) {
            merged.file(tree, below, names)?;
        }
        merged.hide(tree, below);
        if choice.dedupe {
            merged.dedupe(tree);
        }
        merged.add_parents(tree);
        merged.saved.after = merged.files.keys().map(|id| tree.entry(*id).file_bytes()).sum();
        let Saved { before, after, dropped, deduped, .. } = merged.saved;
        // A file whose contents come up from below may make it more than it was.
        merged.saved.lost = before.saturating_sub(after + dropped + deduped);
        Ok(merged)
    }

    /// The same as two layers: what `lower` says of, with all that is hidden, and above it the rest. A file whose first name
    /// is of one keeps its other names there. The first that has anything tells what was saved; one of them is left where
    /// neither has.
    pub fn split(self, tree: &Tree, lower: &dyn Fn(&LayerPath) -> bool) -> Vec<Self> {
        let is_lower = |named: &Named| named.names.first().is_some_and(lower);
        let (low_files, high_files) = self.files.into_iter().partition(|(_, named)| is_lower(named));
        let (low_special, high_special) = self.special.into_iter().partition(|(_, named)| is_lower(named));
        let (low_dirs, high_dirs) = self.dirs.into_iter().partition(|(path, _)| lower(path));
        let layers = tree.layers().len();
        let mut low = Self { dirs: low_dirs, special: low_special, files: low_files, ..self };
        let mut high =
            Self { from: layers, dirs: high_dirs, special: high_special, files: high_files, ..Self::default() };
        for part in [&mut low, &mut high] {
            part.add_parents(tree);
            part.saved.after = part.files.keys().map(|id| tree.entry(*id).file_bytes()).sum();
        }
        if low.is_empty() {
            let saved = Saved { after: high.saved.after, ..low.saved };
            return vec![Self { from: low.from, saved, ..high }];
        }
        if high.is_empty() { vec![low] } else { vec![low, high] }
    }

    /// Whether anything would be in the layer.
    pub fn is_empty(&self) -> bool {
        let Self { dirs, special, files, whiteouts, .. } = self;
        dirs.is_empty() && special.is_empty() && files.is_empty() && whiteouts.is_empty()
    }

    fn dir(&mut self, tree: &Tree, below: &Tree, item: &Item<'_>) {
        let path = item.path();
        let lower = below.get(&path).map(|id| below.node(id)).filter(|node| node.is_dir());
        let meta = tree.meta(item.node).map_or_else(implied_meta, written);
        let same = lower.is_some_and(|lower| below.meta(lower).is_some_and(|below| written(below) == meta));
        let implied_root = path.is_root() && item.node.entry().is_none();
        if item.node.layer() as usize >= self.from && !same && !implied_root {
            self.dirs.insert(path.into_owned(), meta);
        }
    }

    fn leaves_out(&mut self, tree: &Tree, below: &Tree, item: &Item<'_>, choice: &Choice<'_>) -> bool {
        let Some(id) = tree.data(item.node) else { return false };
        let (entry, path) = (tree.entry(id), item.path());
        let drops = (choice.drops)(&path, &entry.kind);
        if drops {
            self.saved.dropped_files += 1;
            // What it took the place of would come to light.
            self.whiteouts.extend(below.get(&path).map(|_| path.into_owned()));
            if id.layer as usize >= self.from && tree.names(item.node) == 1 {
                self.saved.dropped += entry.file_bytes();
            }
        }
        drops
    }

    fn file(&mut self, tree: &Tree, below: &Tree, names: Names) -> Result<(), RewriteError> {
        let Names { mut own, below: linked } = names;
        let Some(node) = own.first().and_then(|path| tree.get(path)).map(|id| tree.node(id)) else { return Ok(()) };
        let (Some(id), Some(meta)) = (tree.data(node), tree.meta(node).map(written)) else { return Ok(()) };
        if let ([path], [], 1) = (&own[..], &linked[..], tree.names(node))
            && is_below(tree, node, below, path)
        {
            return Ok(());
        }
        // A link into a layer below is nothing that engines unpack alike: all names of the file come along.
        own.extend(linked);
        let named = Named { names: own, meta };
        match &tree.entry(id).kind {
            EntryKind::File { size, apparent_size, .. } if size != apparent_size => {
                Err(RewriteError::Sparse { path: tree.entry(id).path.display() })
            }
            EntryKind::File { .. } => {
                self.files.insert(id, named);
                Ok(())
            }
            _ => {
                self.special.push((id, named));
                Ok(())
            }
        }
    }

    /// Names of the layers below that the merged tree has not. What takes the place of something else hides it by itself.
    fn hide(&mut self, tree: &Tree, below: &Tree) {
        let mut stack = vec![(LayerPath::root(), tree.root(), below.root())];
        while let Some((path, upper, lower)) = stack.pop() {
            for (name, lower) in below.node(lower).children() {
                let path = path.join(name);
                match tree.node(upper).child(name) {
                    None => self.whiteouts.push(path),
                    Some(upper) if tree.node(upper).is_dir() && below.node(lower).is_dir() => {
                        stack.push((path, upper, lower));
                    }
                    Some(_) => {}
                }
            }
        }
        self.whiteouts.sort();
    }

    /// Directories above all that is there, as they are: engines that unpack a layer by itself make what is missing, and
    /// it would hide the one below.
    fn add_parents(&mut self, tree: &Tree) {
        let named = self.special.iter().map(|(_, named)| named).chain(self.files.values());
        let names = named.flat_map(|named| &named.names).chain(&self.whiteouts);
        let names = names.chain(self.dirs.keys());
        let above = parents(tree, names);
        for (path, meta) in above {
            self.dirs.entry(path).or_insert(meta);
        }
    }

    /// Of files with the same contents and metadata the first in the tar keeps its contents; the others become its names.
    fn dedupe(&mut self, tree: &Tree) {
        // With how many names it then has.
        let mut first: HashMap<(ContentId, Meta), (EntryId, usize)> = HashMap::new();
        let mut equal: Vec<(EntryId, EntryId)> = Vec::new();
        for (id, named) in &self.files {
            if let EntryKind::File { size: 1.., content, .. } = tree.entry(*id).kind {
                let own = named.names.len();
                let (kept, names) = first.entry((content, named.meta.clone())).or_insert((*id, 0));
                if *names > 0 && *names + own > MOST_NAMES {
                    (*kept, *names) = (*id, 0);
                }
                *names += own;
                equal.extend((*kept != *id).then_some((*kept, *id)));
            }
        }
        for (kept, gone) in equal {
            let Some(named) = self.files.remove(&gone) else { continue };
            self.saved.deduped += tree.entry(gone).file_bytes();
            self.saved.deduped_files += 1;
            if let Some(kept) = self.files.get_mut(&kept) {
                kept.names.extend(named.names);
            }
        }
    }
}

/// The directories above names, but for the root, with the metadata that they have in a tree.
pub(super) fn parents<'p>(tree: &Tree, names: impl Iterator<Item = &'p LayerPath>) -> BTreeMap<LayerPath, Meta> {
    let mut found = BTreeMap::new();
    for name in names {
        let mut folder = name.parent();
        while !folder.is_root() && !found.contains_key(&folder) {
            let node = tree.get(&folder).map(|id| tree.node(id));
            let meta = node.and_then(|node| tree.meta(node)).map_or_else(implied_meta, written);
            let above = folder.parent();
            found.insert(folder, meta);
            folder = above;
        }
    }
    found
}

/// Whether the layers below have the very same file there, of this one name.
fn is_below(tree: &Tree, node: &Node, below: &Tree, path: &LayerPath) -> bool {
    let Some(lower) = below.get(path).map(|id| below.node(id)) else { return false };
    let meta = |tree: &Tree, node: &Node| tree.meta(node).map(written);
    !lower.is_dir()
        && below.names(lower) == 1
        && same((tree, node), (below, lower))
        && meta(tree, node) == meta(below, lower)
}

/// Whether two names that are no directories' lead to the same kind of thing with the same contents.
pub(super) fn same((a_tree, a): (&Tree, &Node), (b_tree, b): (&Tree, &Node)) -> bool {
    let (Some(a), Some(b)) = (a_tree.data(a), b_tree.data(b)) else { return false };
    match (&a_tree.entry(a).kind, &b_tree.entry(b).kind) {
        (
            EntryKind::File { content: a, apparent_size: a_size, .. },
            EntryKind::File { content: b, apparent_size: b_size, .. },
        ) => a == b && a_size == b_size,
        (a, b) => a == b,
    }
}

/// Metadata as it is written: the merged layer hides nothing by overlayfs's own mark.
pub(super) fn written(meta: &Meta) -> Meta {
    let mut meta = meta.clone();
    meta.xattrs.retain(|(name, _)| &**name != OPAQUE);
    meta
}

/// What engines give a directory that has no entry.
pub(super) fn implied_meta() -> Meta {
    Meta { mode: 0o755, ..Meta::default() }
}
