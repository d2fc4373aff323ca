//! Regular files that changed their place: removed here, added there, with equal content.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use super::files::{Moved, Present, differences, stat};
use crate::model::{ContentId, EntryKind};
use crate::tree::Tree;

/// What must be equal: the content, and whether the name is the one at which the file's bytes are counted, so that a
/// move never changes a sum.
type Key<'t> = (&'t ContentId, u64, bool);

/// Pairs names removed from the first image and added in the second, and gives back those that are left: `(moved, removed,
/// added)`.
///
/// Of several with one content, names of the same last component are paired first, then the others, both in path
/// order.
pub(super) fn find<'t>(
    [a, b]: [&'t Tree; 2],
    gone: Vec<Present<'t>>,
    new: Vec<Present<'t>>,
    times: bool,
) -> (Vec<Moved<'t>>, Vec<Present<'t>>, Vec<Present<'t>>) {
    let mut partners = partners(a, &gone, b, &new);
    let mut new: Vec<Option<Present<'t>>> = new.into_iter().map(Some).collect();
    let (mut moved, mut removed) = (Vec::new(), Vec::new());
    for (at, from) in gone.into_iter().enumerate() {
        match partners.remove(&at).and_then(|partner| new[partner].take()) {
            Some(to) => moved.push(Moved {
                what: differences(&stat(a, from.node), &stat(b, to.node), false, times),
                from: from.path,
                to: to.path,
                a: from.node,
                b: to.node,
                size: from.bytes,
            }),
            None => removed.push(from),
        }
    }
    (moved, removed, new.into_iter().flatten().collect())
}

/// For the number of a removed name, the number of the added one that it became.
fn partners(a: &Tree, gone: &[Present<'_>], b: &Tree, new: &[Present<'_>]) -> HashMap<usize, usize> {
    // Of the longer list only what the shorter one has is looked at.
    let (mut homes, gone_by_key) = if gone.len() < new.len() {
        let gone = by_key(a, gone, |_| true);
        (by_key(b, new, |key| gone.contains_key(key)), gone)
    } else {
        let new = by_key(b, new, |_| true);
        let gone = by_key(a, gone, |key| new.contains_key(key));
        (new, gone)
    };
    let mut partners = HashMap::new();
    for (key, removed) in gone_by_key {
        let mut named: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
        for at in homes.remove(&key).unwrap_or_default() {
            named.entry(new[at].path.file_name()).or_default().push_back(at);
        }
        let mut left = Vec::new();
        for from in removed {
            match named.get_mut(gone[from].path.file_name()).and_then(VecDeque::pop_front) {
                Some(to) => drop(partners.insert(from, to)),
                None => left.push(from),
            }
        }
        let mut free: Vec<usize> = named.into_values().flatten().collect();
        free.sort_unstable();
        partners.extend(left.into_iter().zip(free));
    }
    partners
}

/// The numbers of regular files that aren't empty, by what must be equal, where that is wanted.
fn by_key<'t>(
    tree: &'t Tree,
    names: &[Present<'_>],
    wanted: impl Fn(&Key<'t>) -> bool,
) -> HashMap<Key<'t>, Vec<usize>> {
    let mut numbers: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(key) = key(tree, name).filter(&wanted) {
            numbers.entry(key).or_default().push(at);
        }
    }
    numbers
}

fn key<'t>(tree: &'t Tree, name: &Present<'_>) -> Option<Key<'t>> {
    match &tree.entry(tree.data(tree.node(name.node))?).kind {
        EntryKind::File { content, size, .. } if *size > 0 => Some((content, *size, name.bytes > 0)),
        _ => None,
    }
}
