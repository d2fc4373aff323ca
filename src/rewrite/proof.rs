//! That an image which was written is the one it was made of: both merged trees, name by name.

use std::collections::HashMap;

use super::merge::{implied_meta, same, written};
use crate::model::{EntryKind, LayerPath, Meta};
use crate::tree::{InodeId, Node, NodeId, Tree};

/// How many differences are named.
const NAMED: usize = 20;

/// What may differ.
pub struct Allowed<'a> {
    /// Whether what is no directory was to be left out.
    pub dropped: &'a dyn Fn(&LayerPath, &EntryKind) -> bool,
    /// Paths that were written anew.
    pub replaced: &'a [LayerPath],
    /// Whether equal files were to become hard links of one.
    pub deduped: bool,
}

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Names that are the same in path, type, mode, owner, times, attributes, link, device and contents.
    pub same: u64,
    /// Files that were to be left out, and are.
    pub dropped: u64,
    /// Files that were written anew.
    pub replaced: u64,
    /// What differs and should not: the first of it.
    pub differences: Vec<String>,
    /// How much differs.
    pub different: u64,
}

impl Proof {
    /// Whether nothing differs but for what should.
    pub fn holds(&self) -> bool {
        self.different == 0
    }

    fn differs(&mut self, path: &LayerPath, what: &str) {
        self.different += 1;
        if self.differences.len() < NAMED {
            self.differences.push(format!("{}: {what}", path.display()));
        }
    }
}

/// Compares the merged tree that was to be written with the one that was read back.
pub fn prove(wanted: &Tree, found: &Tree, allowed: &Allowed<'_>) -> Proof {
    let mut comparison =
        Comparison { wanted, found, allowed, proof: Proof::default(), files: HashMap::new(), back: HashMap::new() };
    comparison.compare();
    comparison.proof
}

struct Comparison<'t> {
    wanted: &'t Tree,
    found: &'t Tree,
    allowed: &'t Allowed<'t>,
    proof: Proof,
    /// Which file of one tree is which of the other: names of one file stay names of one file.
    files: HashMap<InodeId, InodeId>,
    back: HashMap<InodeId, InodeId>,
}

impl Comparison<'_> {
    fn compare(&mut self) {
        let (in_wanted, in_found) = (self.wanted, self.found);
        let mut stack = vec![(in_wanted.root(), in_found.root())];
        while let Some((wanted, found)) = stack.pop() {
            let (wanted, found) = (in_wanted.node(wanted), in_found.node(found));
            self.node(&in_wanted.path(wanted), wanted, found);
            if !(wanted.is_dir() && found.is_dir()) {
                continue;
            }
            for (name, wanted) in wanted.children() {
                match found.child(name) {
                    Some(found) => stack.push((wanted, found)),
                    None => self.missing(wanted),
                }
            }
            for (_, more) in found.children().filter(|(name, _)| wanted.child(name).is_none()) {
                let path = in_found.path(in_found.node(more));
                if !self.is_replaced(&path) {
                    self.proof.differs(&path, "it should not be there");
                }
            }
        }
    }

    fn is_replaced(&mut self, path: &LayerPath) -> bool {
        let replaced = self.allowed.replaced.contains(path);
        self.proof.replaced += u64::from(replaced);
        replaced
    }

    fn is_dropped(&mut self, path: &LayerPath, node: &Node) -> bool {
        let entry = self.wanted.data(node).map(|id| self.wanted.entry(id));
        let dropped = entry.is_some_and(|entry| (self.allowed.dropped)(path, &entry.kind));
        self.proof.dropped += u64::from(dropped);
        dropped
    }

    fn missing(&mut self, id: NodeId) {
        let wanted = self.wanted;
        for item in wanted.walk_from(id) {
            if !self.is_dropped(&item.path(), item.node) {
                self.proof.differs(&item.path(), "it is missing");
            }
        }
    }

    fn node(&mut self, path: &LayerPath, wanted: &Node, found: &Node) {
        if self.is_replaced(path) {
            return;
        }
        let before = self.proof.different;
        let meta = |tree: &Tree, node: &Node| tree.meta(node).map(written);
        let (a, b) = (meta(self.wanted, wanted), meta(self.found, found));
        if !same_meta(a.as_ref(), b.as_ref()) {
            self.proof.differs(path, &format!("it has {}, not {}", told(b.as_ref()), told(a.as_ref())));
        }
        match (wanted.inode(), found.inode()) {
            (None, None) => {}
            (Some(a), Some(b)) => {
                if !same((self.wanted, wanted), (self.found, found)) {
                    self.proof.differs(path, "it is of another type, or has other contents");
                }
                let links = *self.files.entry(a).or_insert(b) == b;
                let back = *self.back.entry(b).or_insert(a) == a || self.allowed.deduped;
                if !(links && back) {
                    self.proof.differs(path, "it is a hard link of another file");
                }
            }
            _ => self.proof.differs(path, "it is of another type"),
        }
        self.proof.same += u64::from(self.proof.different == before);
    }
}

/// A directory without an entry has what engines give it, whenever they do.
fn same_meta(a: Option<&Meta>, b: Option<&Meta>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        (Some(told), None) | (None, Some(told)) => told.same_but_times(&implied_meta()),
    }
}

fn told(meta: Option<&Meta>) -> String {
    let implied = implied_meta();
    let Meta { mode, uid, gid, mtime, mtime_nanos, xattrs } = meta.unwrap_or(&implied);
    format!("mode {mode:04o}, owner {uid}:{gid}, time {mtime}.{mtime_nanos:09}, {} attributes", xattrs.len())
}
