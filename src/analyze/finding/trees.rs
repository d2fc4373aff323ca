//! Whole directories that the image has twice.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt, HashSet};

use super::Found;
use super::facts::Facts;
use crate::analyze::Stat;
use crate::model::LayerPath;
use crate::tree::{Item, Node, NodeId, Tree};

/// Smaller trees aren't worth a word, in bytes.
const LEAST: u64 = 64 << 10;

/// What lies below a directory.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Bytes of its files. One with several names costs its bytes once: it isn't counted, and trees made of hard links
    /// aren't copies.
    bytes: u64,
    /// … of all its names.
    named_bytes: u64,
    files: u64,
}

type Sizes = HashMap<NodeId, Size>;

/// Names, types, data and links of all that is below a directory, whoever owns it.
type Content = [u8; blake3::OUT_LEN];

/// Finds equal directories; of nested ones only the outermost.
pub(super) fn identical(facts: &Facts<'_>) -> Vec<Found> {
    let tree = facts.subject.tree;
    let dirs: Vec<Item<'_>> = tree.walk().filter(|item| item.node.is_dir()).collect();
    let sizes = sizes(tree, &dirs);
    let groups = repeated(tree, &dirs, &sizes);
    let inner = inside_of(tree, &dirs, &groups);
    let outermost = groups.values().map(|copies| outermost(copies, &dirs, &inner));
    let repeated =
        outermost.filter(|copies| copies.len() > 1 && !copies.iter().all(|dir| is_distribution(&dir.path())));
    repeated.map(|copies| found(facts, &copies, sizes[&copies[0].id])).collect()
}

/// Whether a path belongs to the distribution's packages, whose copies nobody else can mend.
fn is_distribution(path: &LayerPath) -> bool {
    let local = ["usr/local", "usr/src"].iter().any(|folder| path.starts_with(&(*folder).into()));
    path.starts_with(&"usr".into()) && !local
}

/// How much is in each directory. Walks give parents first, so this goes backwards.
fn sizes(tree: &Tree, dirs: &[Item<'_>]) -> Sizes {
    let mut sizes = Sizes::with_capacity(dirs.len());
    for dir in dirs.iter().rev() {
        let mut size = Size::default();
        for (_, id) in dir.node.children() {
            let node = tree.node(id);
            let below = if node.is_dir() { sizes[&id] } else { size_of_leaf(tree, node) };
            size.bytes += below.bytes;
            size.named_bytes += below.named_bytes;
            size.files += below.files;
        }
        sizes.insert(dir.id, size);
    }
    sizes
}

fn size_of_leaf(tree: &Tree, node: &Node) -> Size {
    let named_bytes = tree.data(node).map_or(0, |id| tree.entry(id).file_bytes());
    Size { bytes: if tree.names(node) == 1 { named_bytes } else { 0 }, named_bytes, files: 1 }
}

/// Directories of one content, by their numbers. Only those of one size can be equal: few are looked into.
fn repeated(tree: &Tree, dirs: &[Item<'_>], sizes: &Sizes) -> BTreeMap<Content, Vec<usize>> {
    let mut by_size: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (at, dir) in dirs.iter().enumerate() {
        let size = sizes[&dir.id];
        if size.bytes >= LEAST {
            by_size.entry((size.named_bytes, size.files)).or_default().push(at);
        }
    }
    by_size.retain(|_, alike| alike.len() > 1);
    let mut contents = Contents { tree, known: HashMap::new() };
    let mut groups: BTreeMap<Content, Vec<usize>> = BTreeMap::new();
    // In order: those inside of one that was looked into are known with it.
    let mut alike: Vec<usize> = by_size.into_values().flatten().collect();
    alike.sort_unstable();
    for at in alike {
        groups.entry(contents.of(&dirs[at])).or_default().push(at);
    }
    groups.retain(|_, copies| copies.len() > 1);
    groups
}

/// The contents of directories that were looked into.
struct Contents<'t> {
    tree: &'t Tree,
    known: HashMap<NodeId, Content>,
}

impl Contents<'_> {
    /// That of a directory. Walks give parents first, so this goes backwards through all that is below.
    fn of(&mut self, dir: &Item<'_>) -> Content {
        if let Some(content) = self.known.get(&dir.id) {
            return *content;
        }
        let below: Vec<NodeId> = self.tree.walk_from(dir.id).map(|item| item.id).collect();
        // What is hashed of one directory; one buffer for all.
        let mut said = Vec::new();
        for id in below.into_iter().rev().filter(|id| self.tree.node(*id).is_dir()) {
            said.clear();
            for (name, child) in self.tree.node(id).children() {
                said.extend_from_slice(&(name.len() as u64).to_le_bytes());
                said.extend_from_slice(name);
                match self.known.get(&child) {
                    Some(content) => {
                        said.push(b'd');
                        said.extend_from_slice(content);
                    }
                    None => leaf(&mut said, &Stat::of(self.tree, self.tree.node(child))),
                }
            }
            self.known.insert(id, blake3::hash(&said).into());
        }
        self.known[&dir.id]
    }
}

/// Adds what it is, so that nothing else gives the same bytes: each type has its length, but for a link's target.
fn leaf(said: &mut Vec<u8>, stat: &Stat<'_>) {
    said.extend_from_slice(&[b'f', stat.kind as u8]);
    if let Some(content) = stat.content {
        said.extend_from_slice(content.bytes());
    }
    if let Some(target) = stat.link {
        said.extend_from_slice(&(target.len() as u64).to_le_bytes());
        said.extend_from_slice(target);
    }
    if let Some((major, minor)) = stat.device {
        said.extend_from_slice(&major.to_le_bytes());
        said.extend_from_slice(&minor.to_le_bytes());
    }
}

/// The directories that lie in one that is repeated itself.
fn inside_of(tree: &Tree, dirs: &[Item<'_>], groups: &BTreeMap<Content, Vec<usize>>) -> HashSet<NodeId> {
    let repeated = groups.values().flatten().map(|&at| dirs[at].node);
    repeated.flat_map(|node| node.children()).map(|(_, id)| id).filter(|&id| tree.node(id).is_dir()).collect()
}

/// The copies that lie in nothing that is repeated, and one of the others: it stands for its equals.
fn outermost<'d, 't>(copies: &[usize], dirs: &'d [Item<'t>], inner: &HashSet<NodeId>) -> Vec<&'d Item<'t>> {
    let copies = copies.iter().map(|&at| &dirs[at]);
    let (inside, mut outside): (Vec<&Item<'_>>, Vec<_>) = copies.partition(|dir| inner.contains(&dir.id));
    if !outside.is_empty() {
        outside.extend(inside.first());
    }
    outside.sort_by(|a, b| a.path().cmp(&b.path()));
    outside
}

fn found(facts: &Facts<'_>, copies: &[&Item<'_>], size: Size) -> Found {
    let further = copies.len() as u64 - 1;
    let layer = copies.iter().map(|dir| dir.node.layer()).max();
    let paths: Vec<String> = copies.iter().take(3).map(|dir| dir.path().display()).collect();
    let more = if copies.len() > 3 { format!(" and {} more", copies.len() - 3) } else { String::new() };
    let layers: HashSet<u32> = copies.iter().map(|dir| dir.node.layer()).collect();
    let spread = if layers.len() == 1 { "in one layer" } else { "in several layers" };
    let latest = layer.map(|layer| facts.layer(layer)).unwrap_or_default();
    Found {
        message: format!(
            "the same directory {} times, {spread}: {}{more}; the latest from {latest}",
            copies.len(),
            paths.join(", ")
        ),
        path: copies.last().map(|dir| dir.path().into_owned()).or_else(|| Some(LayerPath::root())),
        layer,
        files: size.files * further,
        bytes: size.bytes * further,
        fix: "keep one, and make the others symbolic links".into(),
    }
}
