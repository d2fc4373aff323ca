//! File differences added up by directory, in as few rows as explain most of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::files::{FileDiff, Tally};
use crate::model::{LayerPath, components};

/// A directory, with all that is below it but for what has a row of its own. The rows add up to the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its path.
    pub path: LayerPath,
    /// Names and bytes added.
    pub added: Tally,
    /// Names and bytes removed.
    pub removed: Tally,
    /// Names changed, and bytes (in the second image) of those that changed in content or type.
    pub changed: Tally,
    /// Files and bytes that were moved here, from anywhere.
    pub moved: Tally,
    /// Bytes by which it grew; moves count where they come from and where they go.
    pub growth: i64,
    /// Whether some of its subdirectories have rows of their own.
    pub rest: bool,
}

/// At most `rows` directories (and at least one, if anything differs), in path order. Directories with less than a
/// hundredth of all that differs stay part of their parent's row.
pub fn roll_up(diff: &FileDiff<'_>, rows: usize) -> Vec<Folder> {
    let mut folders = Folders::of(diff);
    let whole = folders.sum_up();
    let chosen = folders.choose(rows, (whole / 100).max(1));
    folders.rows(&chosen)
}

/// A directory in the tree of those that hold differences. The root is the first; parents come before children.
#[derive(Default)]
struct Dir {
    parent: usize,
    children: BTreeMap<Box<[u8]>, usize>,
    own: Sums,
    /// Its own and its children's.
    all: Sums,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    added: Tally,
    removed: Tally,
    changed: Tally,
    moved: Tally,
    growth: i64,
}

struct Folders<'d> {
    dirs: Vec<Dir>,
    /// The directory that was looked for last: names of one directory mostly follow each other.
    last: (&'d [u8], usize),
    /// Whether nothing that differs has bytes: then names are weighed.
    by_names: bool,
}

impl<'d> Folders<'d> {
    fn of(diff: &'d FileDiff<'_>) -> Self {
        let mut folders = Self { dirs: vec![Dir::default()], last: (b"", 0), by_names: false };
        for file in &diff.added {
            folders.note(&file.path, file.bytes as i64, |sums| sums.added.add(file.bytes));
        }
        for file in &diff.removed {
            folders.note(&file.path, -(file.bytes as i64), |sums| sums.removed.add(file.bytes));
        }
        for file in &diff.changed {
            let growth = file.b_bytes as i64 - file.a_bytes as i64;
            folders.note(&file.path, growth, |sums| sums.changed.add(file.new_bytes()));
        }
        for file in &diff.moved {
            folders.note(&file.from, -(file.size as i64), |_| {});
            folders.note(&file.to, file.size as i64, |sums| sums.moved.add(file.size));
        }
        folders
    }

    fn note(&mut self, path: &'d LayerPath, growth: i64, add: impl FnOnce(&mut Sums)) {
        let folder = path.parent_bytes();
        if self.last.0 != folder {
            self.last = (folder, components(folder).fold(0, |at, name| self.child(at, name)));
        }
        let sums = &mut self.dirs[self.last.1].own;
        sums.growth += growth;
        add(sums);
    }

    fn child(&mut self, parent: usize, name: &[u8]) -> usize {
        if let Some(child) = self.dirs[parent].children.get(name) {
            return *child;
        }
        self.dirs.push(Dir { parent, ..Dir::default() });
        let child = self.dirs.len() - 1;
        self.dirs[parent].children.insert(name.into(), child);
        child
    }

    /// Adds directories up into their parents; gives the weight of everything.
    fn sum_up(&mut self) -> u64 {
        for at in (0..self.dirs.len()).rev() {
            let sums = self.dirs[at].all.plus(&self.dirs[at].own);
            self.dirs[at].all = sums;
            if at > 0 {
                let parent = self.dirs[at].parent;
                self.dirs[parent].all = self.dirs[parent].all.plus(&sums);
            }
        }
        self.by_names = self.dirs[0].all.bytes() == 0;
        self.weight(&self.dirs[0].all)
    }

    fn weight(&self, sums: &Sums) -> u64 {
        if self.by_names { sums.names() } else { sums.bytes() }
    }

    /// Which directories get rows, by number, with what is left to them. Always takes the heaviest one whose parent
    /// was taken, until there are enough rows with something left in them.
    fn choose(&self, rows: usize, least: u64) -> BTreeMap<usize, Sums> {
        let mut chosen = BTreeMap::from([(0, self.dirs[0].all)]);
        let mut waiting = BinaryHeap::new();
        let (mut at, mut full) = (0, usize::from(self.weight(&self.dirs[0].all) >= least));
        loop {
            let children = self.dirs[at].children.values();
            let heavy = children.map(|&child| (self.weight(&self.dirs[child].all), Reverse(child)));
            waiting.extend(heavy.filter(|(weight, _)| *weight >= least));
            // A row is kept for the root, to which others may leave little things.
            let for_root = usize::from(chosen.get(&0).is_some_and(|left| self.weight(left) < least));
            let Some((_, Reverse(next))) = waiting.pop().filter(|_| full + for_root < rows) else { break };
            let sums = self.dirs[next].all;
            if let Some(left) = chosen.get_mut(&self.dirs[next].parent) {
                let was_full = self.weight(left) >= least;
                *left = left.minus(&sums);
                full = full + 1 - usize::from(was_full && self.weight(left) < least);
            }
            chosen.insert(next, sums);
            at = next;
        }
        self.fold(chosen, least)
    }

    /// Gives what little is left to a directory to the next one above that has a row.
    fn fold(&self, chosen: BTreeMap<usize, Sums>, least: u64) -> BTreeMap<usize, Sums> {
        let mut kept = chosen;
        let light: Vec<usize> = kept.iter().filter(|(_, sums)| self.weight(sums) < least).map(|(at, _)| *at).collect();
        for at in light.into_iter().rev().filter(|at| *at > 0) {
            if let Some(sums) = kept.remove(&at) {
                let above = self.nearest(&kept, self.dirs[at].parent);
                kept.entry(above).and_modify(|left| *left = left.plus(&sums)).or_insert(sums);
            }
        }
        kept.retain(|_, sums| sums.names() > 0 || sums.growth != 0);
        kept
    }

    fn nearest(&self, chosen: &BTreeMap<usize, Sums>, mut at: usize) -> usize {
        while at > 0 && !chosen.contains_key(&at) {
            at = self.dirs[at].parent;
        }
        at
    }

    fn rows(&self, chosen: &BTreeMap<usize, Sums>) -> Vec<Folder> {
        let parents: Vec<usize> =
            chosen.keys().filter(|&&at| at > 0).map(|&at| self.nearest(chosen, self.dirs[at].parent)).collect();
        let row = |(&at, sums): (&usize, &Sums)| {
            let Sums { added, removed, changed, moved, growth } = *sums;
            Folder { path: self.path(at), added, removed, changed, moved, growth, rest: parents.contains(&at) }
        };
        let mut rows: Vec<Folder> = chosen.iter().map(row).collect();
        rows.sort_by(|a, b| a.path.components().cmp(b.path.components()));
        rows
    }

    fn path(&self, mut at: usize) -> LayerPath {
        let mut names: Vec<&[u8]> = Vec::new();
        while at > 0 {
            let parent = &self.dirs[self.dirs[at].parent];
            names.extend(parent.children.iter().find(|(_, child)| **child == at).map(|(name, _)| &**name));
            at = self.dirs[at].parent;
        }
        names.reverse();
        LayerPath::clean(&names.join(&b'/'))
    }
}

impl Sums {
    fn plus(&self, other: &Self) -> Self {
        Self {
            added: self.added.plus(other.added),
            removed: self.removed.plus(other.removed),
            changed: self.changed.plus(other.changed),
            moved: self.moved.plus(other.moved),
            growth: self.growth + other.growth,
        }
    }

    fn minus(&self, other: &Self) -> Self {
        Self {
            added: self.added.minus(other.added),
            removed: self.removed.minus(other.removed),
            changed: self.changed.minus(other.changed),
            moved: self.moved.minus(other.moved),
            growth: self.growth - other.growth,
        }
    }

    fn bytes(&self) -> u64 {
        self.added.bytes + self.removed.bytes + self.changed.bytes + self.moved.bytes
    }

    fn names(&self) -> u64 {
        self.added.names + self.removed.names + self.changed.names + self.moved.names
    }
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self { names: self.names + other.names, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self { names: self.names - other.names, bytes: self.bytes - other.bytes }
    }
}
