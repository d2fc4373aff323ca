//! Where the bytes of all layers lie, by path: the merged tree with what is lost, as few nodes as a picture can show.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use crate::model::LayerPath;
use crate::tree::Tree;

/// How many names below the root are told apart. What lies deeper counts for the directory there.
const DEPTH: usize = 10;
/// How many names of a directory are shown.
const NAMES: usize = 30;
/// How many areas there are in all, about.
const AREAS: usize = 800;

/// A directory, a file, or the rest of a directory. Its bytes are `visible + lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Its name, without the directories above it; empty for the root.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: AreaKind,
    /// Bytes of files at and below it that are in the merged tree.
    pub visible: u64,
    /// … of those that are in layers only.
    pub lost: u64,
    /// How many files these are, in all layers.
    pub files: u64,
    /// The layer that holds most of them; `None` for the rest of a directory.
    pub layer: Option<u32>,
    /// What is in it, the largest first, the rest last; nothing where it is not shown.
    pub parts: Vec<Area>,
}

/// What an area is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AreaKind {
    /// A directory.
    #[default]
    Directory,
    /// A file, whatever entries of its path there are.
    File,
    /// What else is in a directory.
    Rest,
}

impl Area {
    /// All its bytes.
    pub fn bytes(&self) -> u64 {
        self.visible + self.lost
    }
}

/// Adds up the files of all layers by path. A hard-linked file counts at its own entry's path.
pub fn area(tree: &Tree) -> Area {
    let mut sums = Sums { nodes: vec![Node::default()] };
    for (_, entry, outcome) in tree.files() {
        sums.add(&entry.path, entry.file_bytes(), outcome.is_visible());
    }
    let mut shown = sums.choose();
    sums.count_layers(tree, &mut shown);
    sums.area(ROOT, &[], &shown)
}

type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Default)]
struct Node<'t> {
    visible: u64,
    lost: u64,
    files: u64,
    directory: bool,
    children: BTreeMap<&'t [u8], NodeId>,
}

impl Node<'_> {
    fn bytes(&self) -> u64 {
        self.visible + self.lost
    }
}

/// Every path of an image, to a depth.
struct Sums<'t> {
    nodes: Vec<Node<'t>>,
}

/// A node that is shown: its bytes by layer, and those of its children that are shown too.
#[derive(Default)]
struct Shown<'t> {
    layers: BTreeMap<u32, u64>,
    parts: Vec<(&'t [u8], NodeId)>,
}

impl<'t> Sums<'t> {
    fn add(&mut self, path: &'t LayerPath, bytes: u64, visible: bool) {
        let mut at = ROOT;
        self.count(at, bytes, visible);
        let mut names = path.components();
        for name in names.by_ref().take(DEPTH) {
            let next = self.nodes.len();
            self.nodes[at].directory = true;
            at = *self.nodes[at].children.entry(name).or_insert(next);
            if at == next {
                self.nodes.push(Node::default());
            }
            self.count(at, bytes, visible);
        }
        self.nodes[at].directory |= names.next().is_some();
    }

    fn count(&mut self, at: NodeId, bytes: u64, visible: bool) {
        let node = &mut self.nodes[at];
        *(if visible { &mut node.visible } else { &mut node.lost }) += bytes;
        node.files += 1;
    }

    /// The largest directories are opened one after the other, until there are enough areas.
    fn choose(&self) -> HashMap<NodeId, Shown<'t>> {
        let mut shown = HashMap::from([(ROOT, Shown::default())]);
        let mut closed = BinaryHeap::from([(self.nodes[ROOT].bytes(), ROOT)]);
        while let Some((_, at)) = closed.pop().filter(|_| shown.len() < AREAS) {
            let children = self.nodes[at].children.iter().map(|(name, id)| (*name, *id));
            let mut parts: Vec<_> = children.filter(|(_, id)| self.nodes[*id].bytes() > 0).collect();
            parts.sort_by_key(|(_, id)| std::cmp::Reverse(self.nodes[*id].bytes()));
            parts.truncate(NAMES);
            for (_, id) in &parts {
                shown.insert(*id, Shown::default());
                closed.push((self.nodes[*id].bytes(), *id));
            }
            shown.entry(at).or_default().parts = parts;
        }
        shown
    }

    fn count_layers(&self, tree: &Tree, shown: &mut HashMap<NodeId, Shown<'t>>) {
        for (id, entry, _) in tree.files() {
            let mut at = Some(ROOT);
            let mut names = entry.path.components();
            while let Some((node, found)) = at.and_then(|at| Some((at, shown.get_mut(&at)?))) {
                *found.layers.entry(id.layer).or_default() += entry.file_bytes();
                at = names.next().and_then(|name| self.nodes[node].children.get(name).copied());
            }
        }
    }

    /// As deep as [`DEPTH`] at most.
    fn area(&self, at: NodeId, name: &[u8], shown: &HashMap<NodeId, Shown<'t>>) -> Area {
        let node = &self.nodes[at];
        let here = shown.get(&at);
        let parts = here.map_or(&[][..], |here| &here.parts);
        let mut parts: Vec<Area> = parts.iter().map(|(name, id)| self.area(*id, name, shown)).collect();
        if !parts.is_empty() {
            let rest = parts.iter().fold(self.whole(at), |mut rest, part| {
                rest.visible -= part.visible;
                rest.lost -= part.lost;
                rest.files -= part.files;
                rest
            });
            parts.extend((rest.bytes() > 0).then_some(rest));
        }
        let most = here.and_then(|here| here.layers.iter().max_by_key(|(layer, bytes)| (**bytes, **layer)));
        let kind = if node.directory { AreaKind::Directory } else { AreaKind::File };
        Area { name: name.to_vec(), kind, layer: most.map(|(layer, _)| *layer), parts, ..self.whole(at) }
    }

    fn whole(&self, at: NodeId) -> Area {
        let Node { visible, lost, files, .. } = self.nodes[at];
        Area { kind: AreaKind::Rest, visible, lost, files, ..Area::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    /// `name/ visible+lost files layer`, a line each, what is in it below it.
    fn told(area: &Area, depth: usize, out: &mut String) {
        let name = String::from_utf8_lossy(&area.name);
        let mark = match area.kind {
            AreaKind::Directory => "/",
            AreaKind::File => "",
            AreaKind::Rest => "…",
        };
        let layer = area.layer.map_or("-".into(), |layer| layer.to_string());
        let Area { visible, lost, files, .. } = area;
        *out += &format!("{:depth$}{name}{mark} {visible}+{lost} {files} {layer}\n", "");
        area.parts.iter().for_each(|part| told(part, depth + 2, out));
    }

    fn shown(layers: &[&str]) -> String {
        let mut out = String::new();
        told(&area(&Fixture::new(layers).tree), 0, &mut out);
        out
    }

    #[test]
    fn bytes_of_all_layers_stand_at_their_paths() {
        let base = "file usr/a 100 a\nfile usr/b 50 b\nfile x 10 x\ndir empty\nfile usr/none 0 n\nhard usr/c usr/a";
        insta::assert_snapshot!(shown(&[base, "gone x\nfile usr/b 170 c"]), @"
        / 270+60 5 1
          usr/ 270+50 4 1
            b 170+50 2 1
            a 100+0 1 0
          x 0+10 1 0
        ");
    }

    #[test]
    fn what_is_small_is_the_rest() {
        let many: String = (1..=40).map(|at| format!("file d/f{at} {at} x{at}\n")).collect();
        let found = area(&Fixture::new(&[&many]).tree);
        let parts = &found.parts[0].parts;
        assert_eq!(parts.len(), NAMES + 1);
        assert_eq!((parts[0].bytes(), parts[NAMES - 1].bytes()), (40, 11));
        let rest = &parts[NAMES];
        assert_eq!((rest.kind, rest.bytes(), rest.files, rest.layer), (AreaKind::Rest, 55, 10, None));
    }

    #[test]
    fn what_lies_deep_counts_above() {
        let deep = format!("file {}/file 7 x", vec!["d"; 3000].join("/"));
        let mut found = &area(&Fixture::new(&[&deep]).tree);
        let mut depth = 0;
        while let [part] = &found.parts[..] {
            (found, depth) = (part, depth + 1);
        }
        assert_eq!((depth, found.bytes(), found.kind), (DEPTH, 7, AreaKind::Directory));
    }

    #[test]
    fn there_are_only_so_many() {
        let many: String =
            (0..100).flat_map(|a| (0..100).map(move |b| format!("file d{a}/f{b} {} x\n", a + b + 1))).collect();
        fn count(area: &Area) -> usize {
            1 + area.parts.iter().map(count).sum::<usize>()
        }
        let found = area(&Fixture::new(&[&many]).tree);
        assert!(count(&found) < AREAS + 2 * NAMES, "{}", count(&found));
        assert_eq!(found.files, 10_000);
    }
}
