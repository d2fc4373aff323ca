//! dive's own three figures, by dive 0.13's formula: for people who bring a `.dive-ci` file. Never mixed with ours.
//!
//! dive looks at each layer as a tree of tar headers, whiteouts being leaves of size 0 that share the path of what
//! they hide, and asks of each path with nothing below it how often it comes and how big (`filetree.Efficiency`). Its
//! figures differ from ours on purpose: the copy that survives counts as wasted too, directories removed by an opaque
//! marker don't count, and neither do the later paths of a layer that hides what isn't there: dive stops at that.

use std::collections::{BTreeMap, HashMap};

use crate::index::LayerIndex;
use crate::model::{Entry, EntryKind, components, split_last};
use crate::tree::Tree;

/// What dive says of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dive {
    /// `efficiencyScore`.
    pub efficiency: f64,
    /// `inefficientBytes`.
    pub inefficient_bytes: u64,
    /// `userWastedPercent`, as a fraction; `None` where dive divides by zero (nothing above the lowest layer).
    pub user_wasted_percent: Option<f64>,
}

/// Computes dive's figures.
pub fn dive(tree: &Tree) -> Dive {
    let mut paths = HashMap::new();
    let mut below: Option<Headers> = None;
    let mut user_bytes = 0_u64;
    for (index, layer) in tree.layers().iter().enumerate() {
        let headers = Headers::of(layer);
        let Some(stacked) = &mut below else {
            // dive stacks the lowest layer on a copy of itself.
            headers.count(&headers, &mut paths);
            // … which changes nothing where it hides nothing.
            let mut lowest = headers;
            if layer.entries.iter().any(|entry| entry.kind == EntryKind::Whiteout) {
                let copy = lowest.clone();
                lowest.stack(&copy);
            }
            below = Some(lowest);
            continue;
        };
        user_bytes = layer.entries.iter().map(header_size).fold(user_bytes, u64::saturating_add);
        headers.count(stacked, &mut paths);
        // Nothing asks for what is on the uppermost.
        if index + 1 < tree.layers().len() {
            stacked.stack(&headers);
        }
    }
    figures(paths.values(), user_bytes)
}

fn figures<'p>(paths: impl Iterator<Item = &'p PathSizes>, user_bytes: u64) -> Dive {
    let (mut least, mut all, mut inefficient_bytes) = (0_i128, 0_u64, 0_u64);
    for path in paths {
        least += path.least();
        all = all.saturating_add(path.all);
        inefficient_bytes = inefficient_bytes.saturating_add(if path.times > 1 { path.all } else { 0 });
    }
    Dive {
        efficiency: if all == 0 { 1.0 } else { least as f64 / all as f64 },
        inefficient_bytes,
        user_wasted_percent: (user_bytes > 0).then(|| inefficient_bytes as f64 / user_bytes as f64),
    }
}

/// The sizes that one path has in the layers.
#[derive(Default)]
struct PathSizes {
    times: u32,
    least: Option<u64>,
    all: u64,
}

impl PathSizes {
    fn add(&mut self, size: u64) {
        self.least = Some(self.least.map_or(size, |least| least.min(size)));
        self.all = self.all.saturating_add(size);
        self.times += 1;
    }

    /// The least size. dive has −1 for a path that it met and then failed on, and adds that up as well.
    fn least(&self) -> i128 {
        self.least.map_or(-1, i128::from)
    }
}

/// A tar's headers as a tree, or several stacked. The root is the first.
#[derive(Clone)]
struct Headers {
    nodes: Vec<Header>,
    /// The folder that was looked for last: those of one folder mostly follow each other.
    last: (Vec<u8>, usize),
}

#[derive(Clone, Default)]
struct Header {
    /// Its size in the tar; 0 for a directory that is only implied.
    size: u64,
    /// Whether it has an entry of its own that is a directory.
    is_dir: bool,
    children: BTreeMap<Box<[u8]>, usize>,
}

/// Where a walk is: a header, its name, and how long the path of its parent is.
struct Step<'h> {
    at: usize,
    name: &'h [u8],
    parent: usize,
    entered: bool,
}

const WHITEOUT: &[u8] = b".wh.";

impl Headers {
    fn of(layer: &LayerIndex) -> Self {
        let mut headers = Self { nodes: vec![Header::default()], last: (Vec::new(), 0) };
        for entry in &layer.entries {
            let at = headers.place(entry);
            if !matches!(entry.kind, EntryKind::Opaque) && at != 0 {
                headers.set(at, header_size(entry), matches!(entry.kind, EntryKind::Dir));
            }
        }
        headers
    }

    fn place(&mut self, entry: &Entry) -> usize {
        if !matches!(entry.kind, EntryKind::Whiteout) {
            return self.add(entry.path.as_bytes());
        }
        let folder = self.folder(entry.path.parent_bytes());
        self.child(folder, &[WHITEOUT, entry.path.file_name()].concat())
    }

    fn set(&mut self, at: usize, size: u64, is_dir: bool) {
        (self.nodes[at].size, self.nodes[at].is_dir) = (size, is_dir);
    }

    fn add(&mut self, path: &[u8]) -> usize {
        let (folder, name) = split_last(path);
        let folder = self.folder(folder);
        if name.is_empty() { folder } else { self.child(folder, name) }
    }

    fn folder(&mut self, path: &[u8]) -> usize {
        if self.last.0 != path {
            self.last.1 = components(path).fold(0, |at, name| self.child(at, name));
            self.last.0.clear();
            self.last.0.extend_from_slice(path);
        }
        self.last.1
    }

    fn child(&mut self, folder: usize, name: &[u8]) -> usize {
        if let Some(child) = self.nodes[folder].children.get(name) {
            return *child;
        }
        let child = self.nodes.len();
        self.nodes.push(Header::default());
        self.nodes[folder].children.insert(name.into(), child);
        child
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        components(path).try_fold(0, |at, name| self.nodes[at].children.get(name).copied())
    }

    /// Visits every header but the root, children first and in order of names, until `visit` says stop. It is given
    /// the path, which is that of the hidden file for a whiteout.
    fn walk(&self, mut visit: impl FnMut(&[u8], &Header, bool) -> Option<()>) -> Option<()> {
        let mut path = Vec::new();
        let mut stack = vec![Step { at: 0, name: b"", parent: 0, entered: false }];
        while let Some(step) = stack.pop() {
            let header = &self.nodes[step.at];
            path.truncate(step.parent);
            if step.entered || header.children.is_empty() {
                if step.at != 0 {
                    let hidden = step.name.strip_prefix(WHITEOUT);
                    path.extend_from_slice(hidden.unwrap_or(step.name));
                    visit(&path, header, hidden.is_some())?;
                }
                continue;
            }
            path.extend_from_slice(step.name);
            if step.at != 0 {
                path.push(b'/');
            }
            let parent = path.len();
            stack.push(Step { entered: true, ..step });
            let children = header.children.iter().rev();
            stack.extend(children.map(|(name, &at)| Step { at, name, parent, entered: false }));
        }
        Some(())
    }

    /// Adds this layer's leaves to what is known of their paths.
    fn count(&self, below: &Self, paths: &mut HashMap<Vec<u8>, PathSizes>) {
        let mut sums = None;
        let _stopped = self.walk(|path, header, is_whiteout| {
            if !header.children.is_empty() {
                return Some(());
            }
            // dive makes its note of the path before it looks for what is hidden.
            let sizes = paths.entry(path.to_vec()).or_default();
            let size = if !is_whiteout {
                header.size
            } else {
                let hidden = below.find(path)?;
                let sums = sums.get_or_insert_with(|| below.sums());
                if below.nodes[hidden].is_dir { sums[hidden] } else { 0 }
            };
            sizes.add(size);
            Some(())
        });
    }

    /// For every header, its size and that of all below it. A child comes after its parent in the list.
    fn sums(&self) -> Vec<u64> {
        let mut sums: Vec<u64> = self.nodes.iter().map(|header| header.size).collect();
        for (at, header) in self.nodes.iter().enumerate().rev() {
            sums[at] = header.children.values().fold(sums[at], |sum, &child| sum.saturating_add(sums[child]));
        }
        sums
    }

    /// Lays another layer over this one. A directory that the upper one only implies forgets what it was.
    fn stack(&mut self, upper: &Self) {
        let _all = upper.walk(|path, header, is_whiteout| {
            if is_whiteout {
                self.remove(path);
            } else {
                let at = self.add(path);
                self.set(at, header.size, header.is_dir);
            }
            Some(())
        });
    }

    fn remove(&mut self, path: &[u8]) {
        let (folder, name) = split_last(path);
        if let Some(folder) = self.find(folder) {
            self.nodes[folder].children.remove(name);
            self.last = (Vec::new(), 0);
        }
    }
}

/// The size that Go's tar reader gives: of a sparse file, what a reader sees.
fn header_size(entry: &Entry) -> u64 {
    match entry.kind {
        EntryKind::File { apparent_size, .. } => apparent_size,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    fn figures_of(layers: &[&str]) -> (f64, u64, Option<f64>) {
        let Dive { efficiency, inefficient_bytes, user_wasted_percent } = dive(&Fixture::new(layers).tree);
        (efficiency, inefficient_bytes, user_wasted_percent)
    }

    #[test]
    fn a_copy_counts_with_the_one_that_survives() {
        assert_eq!(figures_of(&["file a 100 x", "file a 60 y"]), (60.0 / 160.0, 160, Some(160.0 / 60.0)));
        assert_eq!(figures_of(&["file a 100 x"]), (1.0, 0, None));
        assert_eq!(figures_of(&[]), (1.0, 0, None));
    }

    #[test]
    fn a_removed_directory_counts_where_it_has_an_entry() {
        let (described, implied) = ("dir d\nfile d/a 100 x", "file d/a 100 x");
        assert_eq!(figures_of(&[described, "gone d"]).1, 0, "seen once: d is no leaf of the lowest layer");
        assert_eq!(figures_of(&[described, "gone d"]).0, 1.0);
        assert_eq!(figures_of(&["dir d", described, "gone d"]).1, 100);
        assert_eq!(figures_of(&["dir d", implied, "gone d"]).1, 0);
    }

    #[test]
    fn a_whiteout_of_nothing_ends_the_layer() {
        assert_eq!(figures_of(&["file z 10 x", "gone a\nfile z 10 x"]), (0.9, 0, Some(0.0)));
        assert_eq!(figures_of(&["file z 10 x\nfile a 0 e", "gone a\nfile z 10 x"]), (0.5, 20, Some(2.0)));
    }
}
