//! Differences of two images' files, name by name.

use std::borrow::Cow;

use super::{moved, pair};
use crate::analyze::Stat;
use crate::model::LayerPath;
use crate::tree::{NodeId, Tree};

/// What is compared.
pub struct Filter<'f> {
    /// Whether a name counts. A directory that doesn't still has its contents looked at.
    pub wanted: &'f (dyn Fn(&LayerPath) -> bool + Sync),
    /// Whether a different time alone makes a file changed.
    pub times: bool,
}

/// The differences. Every list is in path order.
///
/// Bytes are counted once for a file, whatever the number of its names: at a name that both images have, if there is
/// one, else at its first. So the visible bytes of the second image are those of the first, plus `added`, minus
/// `removed`, plus what `changed` files grew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileDiff<'t> {
    /// Names that only the second image has.
    pub added: Vec<Present<'t>>,
    /// Names that only the first image has.
    pub removed: Vec<Present<'t>>,
    /// Names that both have, differently.
    pub changed: Vec<Changed<'t>>,
    /// A regular file that is removed in one place and added in another; in none of the lists above.
    pub moved: Vec<Moved<'t>>,
    /// Sums.
    pub totals: FileDiffTotals,
}

/// Sums of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileDiffTotals {
    /// Names and bytes added.
    pub added: Tally,
    /// Names and bytes removed.
    pub removed: Tally,
    /// Names changed in anything, and bytes (in the second image) of those that changed in content or type.
    pub changed: Tally,
    /// Files and bytes moved.
    pub moved: Tally,
    /// Bytes by which the second image's visible files are more.
    pub growth: i64,
}

/// Names, and the bytes of their files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many names, of every type.
    pub names: u64,
    /// Data of their files.
    pub bytes: u64,
}

/// A name that only one of the images has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present<'t> {
    /// Its path.
    pub path: Cow<'t, LayerPath>,
    /// Where it is in its image's tree: see [`Stat`](crate::analyze::Stat).
    pub node: NodeId,
    /// Bytes that it adds to its image: 0 for a further name of a file that is counted elsewhere.
    pub bytes: u64,
}

/// A name that both images have, differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<'t> {
    /// Its path.
    pub path: Cow<'t, LayerPath>,
    /// In what: at least one, in the order of [`What`].
    pub what: Vec<What>,
    /// Where it is in the first image's tree.
    pub a: NodeId,
    /// … and in the second's.
    pub b: NodeId,
    /// Bytes that it adds to the first image.
    pub a_bytes: u64,
    /// … and to the second.
    pub b_bytes: u64,
}

/// A regular file that changed its place and kept its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved<'t> {
    /// Its path in the first image.
    pub from: Cow<'t, LayerPath>,
    /// … and in the second.
    pub to: Cow<'t, LayerPath>,
    /// Where it is in the first image's tree.
    pub a: NodeId,
    /// … and in the second's.
    pub b: NodeId,
    /// What else changed: mode, owner, extended attributes, times.
    pub what: Vec<What>,
    /// Its bytes; more than 0 but for a further name of a file that is counted elsewhere.
    pub size: u64,
}

/// In what a name differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// It is of another type; nothing else is then compared.
    Type,
    /// The bytes of a regular file, or a device's number.
    Content,
    /// A symbolic link's target; of a regular file, with which other names it is hard-linked.
    Link,
    /// Permission bits.
    Mode,
    /// User or group.
    Owner,
    /// Extended attributes.
    Xattrs,
    /// Modification time: only told where it is asked for, or something else differs too.
    Mtime,
}

impl What {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Content => "content",
            Self::Link => "link",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Xattrs => "xattrs",
            Self::Mtime => "mtime",
        }
    }
}

/// Compares two merged trees.
pub fn diff_files<'t>(in_a: &'t Tree, in_b: &'t Tree, filter: &Filter<'_>) -> FileDiff<'t> {
    let pairs = pair::pairs(in_a, in_b, filter);
    let links = pair::link_changes(in_a, in_b, &pairs);
    let bytes = pair::bytes(in_a, in_b, &pairs);
    let mut diff = FileDiff::default();
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for ((pair, relinked), (a_bytes, b_bytes)) in pairs.into_iter().zip(links).zip(bytes) {
        diff.totals.growth += b_bytes as i64 - a_bytes as i64;
        let path = || pair.path(in_a, in_b);
        match (pair.a, pair.b) {
            (Some(a), Some(b)) => {
                let what = differences(&stat(in_a, a.node), &stat(in_b, b.node), relinked, filter.times);
                if !what.is_empty() {
                    diff.changed.push(Changed { path: path(), what, a: a.node, b: b.node, a_bytes, b_bytes });
                }
            }
            (Some(a), None) => gone.push(Present { path: path(), node: a.node, bytes: a_bytes }),
            (None, Some(b)) => new.push(Present { path: path(), node: b.node, bytes: b_bytes }),
            (None, None) => {}
        }
    }
    (diff.moved, diff.removed, diff.added) = moved::find([in_a, in_b], gone, new, filter.times);
    diff.add_up();
    diff
}

impl FileDiff<'_> {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && self.moved.is_empty()
    }

    fn add_up(&mut self) {
        let totals = &mut self.totals;
        self.added.iter().for_each(|file| totals.added.add(file.bytes));
        self.removed.iter().for_each(|file| totals.removed.add(file.bytes));
        self.changed.iter().for_each(|file| totals.changed.add(file.new_bytes()));
        self.moved.iter().for_each(|file| totals.moved.add(file.size));
    }
}

impl Changed<'_> {
    /// Bytes in the second image, if content or type changed; 0 where it is only metadata.
    pub fn new_bytes(&self) -> u64 {
        if self.what.iter().any(|what| matches!(what, What::Content | What::Type)) { self.b_bytes } else { 0 }
    }
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64) {
        self.names += 1;
        self.bytes += bytes;
    }
}

pub(super) fn stat(tree: &Tree, node: NodeId) -> Stat<'_> {
    Stat::of(tree, tree.node(node))
}

/// In what two names of one path differ.
pub(super) fn differences(a: &Stat<'_>, b: &Stat<'_>, relinked: bool, times: bool) -> Vec<What> {
    if a.kind != b.kind {
        return vec![What::Type];
    }
    let mut what = Vec::new();
    let mut note = |differs: bool, kind: What| what.extend(differs.then_some(kind));
    note((a.content, a.device) != (b.content, b.device), What::Content);
    note(a.link != b.link || relinked, What::Link);
    note(a.mode() != b.mode(), What::Mode);
    note((a.meta.uid, a.meta.gid) != (b.meta.uid, b.meta.gid), What::Owner);
    note(a.meta.xattrs != b.meta.xattrs, What::Xattrs);
    let mtime = (a.meta.mtime, a.meta.mtime_nanos) != (b.meta.mtime, b.meta.mtime_nanos);
    if mtime && (times || !what.is_empty()) {
        what.push(What::Mtime);
    }
    what
}
