//! Regular files that changed their place: removed here, added there, with equal content.

use std::collections::{HashMap, VecDeque};

use super::files::{Moved, Present, differences};
use crate::analyze::Stat;
use crate::model::ContentId;

type Name<'t> = (Present, Stat<'t>);

/// What must be equal: the content, and whether the name is the one at which the file's bytes are counted, so that a
/// move never changes a sum.
type Key = (ContentId, u64, bool);

/// Pairs removed and added names, and gives back those that are left: `(moved, removed, added)`.
///
/// Of several with one content, names of the same last component are paired first, then the others, both in path
/// order.
pub(super) fn find(gone: Vec<Name<'_>>, new: Vec<Name<'_>>, times: bool) -> (Vec<Moved>, Vec<Present>, Vec<Present>) {
    let mut partners = partners(&gone, &new);
    let mut new: Vec<Option<Name<'_>>> = new.into_iter().map(Some).collect();
    let (mut moved, mut removed) = (Vec::new(), Vec::new());
    for (at, (from, was)) in gone.into_iter().enumerate() {
        match partners.remove(&at).and_then(|partner| new[partner].take()) {
            Some((to, is)) => moved.push(Moved {
                from: from.path,
                to: to.path,
                a: from.node,
                b: to.node,
                what: differences(&was, &is, false, times),
                size: from.bytes,
            }),
            None => removed.push(from),
        }
    }
    (moved, removed, new.into_iter().flatten().map(|(name, _)| name).collect())
}

/// For the number of a removed name, the number of the added one that it became.
fn partners(gone: &[Name<'_>], new: &[Name<'_>]) -> HashMap<usize, usize> {
    let mut homes = by_key(new);
    let mut partners = HashMap::new();
    for (key, removed) in by_key(gone) {
        let mut named: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
        for at in homes.remove(&key).unwrap_or_default() {
            named.entry(new[at].0.path.file_name()).or_default().push_back(at);
        }
        let mut left = Vec::new();
        for from in removed {
            match named.get_mut(gone[from].0.path.file_name()).and_then(VecDeque::pop_front) {
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

/// The numbers of regular files that aren't empty, by what must be equal.
fn by_key(names: &[Name<'_>]) -> HashMap<Key, Vec<usize>> {
    let mut numbers: HashMap<Key, Vec<usize>> = HashMap::new();
    for (at, (name, stat)) in names.iter().enumerate() {
        if let Some(content) = stat.content.filter(|_| stat.file_bytes > 0) {
            numbers.entry((content, stat.file_bytes, name.bytes > 0)).or_default().push(at);
        }
    }
    numbers
}
