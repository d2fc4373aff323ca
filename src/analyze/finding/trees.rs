//! Whole directories that the image has twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Found;
use super::facts::Facts;
use crate::analyze::{FileType, Stat};
use crate::model::LayerPath;
use crate::tree::{Item, NodeId, Tree};

/// Smaller trees aren't worth a word, in bytes.
const LEAST: u64 = 64 << 10;

/// A directory's content: names, types, data and links of all that is below it, whoever owns it.
#[derive(Clone, Copy)]
struct Content {
    digest: blake3::Hash,
    bytes: u64,
    files: u64,
}

/// Finds equal directories; of nested ones only the outermost.
pub(super) fn identical(facts: &Facts<'_>) -> Vec<Found> {
    let tree = facts.subject.tree;
    let dirs: Vec<Item<'_>> = tree.walk().filter(|item| item.node.is_dir()).collect();
    let contents = contents(tree, &dirs);
    let mut groups: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (at, dir) in dirs.iter().enumerate() {
        let content = contents[&dir.id];
        if content.bytes >= LEAST {
            groups.entry(*content.digest.as_bytes()).or_default().push(at);
        }
    }
    groups.retain(|_, copies| copies.len() > 1);
    let inner = inside_of(tree, &dirs, &groups);
    let outermost = groups.values().map(|copies| outermost(copies, &dirs, &inner));
    let repeated =
        outermost.filter(|copies| copies.len() > 1 && !copies.iter().all(|dir| is_distribution(&dir.path())));
    repeated.map(|copies| found(facts, &copies, contents[&copies[0].id])).collect()
}

/// Whether a path belongs to the distribution's packages, whose copies nobody else can mend.
fn is_distribution(path: &LayerPath) -> bool {
    let local = ["usr/local", "usr/src"].iter().any(|folder| path.starts_with(&(*folder).into()));
    path.starts_with(&"usr".into()) && !local
}

/// What is in each directory. Walks give parents first, so this goes backwards.
fn contents(tree: &Tree, dirs: &[Item<'_>]) -> HashMap<NodeId, Content> {
    let mut contents = HashMap::with_capacity(dirs.len());
    // What is hashed of one directory; one buffer for all.
    let mut said = Vec::new();
    for dir in dirs.iter().rev() {
        said.clear();
        let (mut bytes, mut files) = (0, 0);
        for (name, id) in dir.node.children() {
            said.extend_from_slice(&(name.len() as u64).to_le_bytes());
            said.extend_from_slice(name);
            match contents.get(&id) {
                Some(Content { digest, bytes: b, files: f }) => {
                    said.push(b'd');
                    said.extend_from_slice(digest.as_bytes());
                    (bytes, files) = (bytes + b, files + f);
                }
                None => {
                    let stat = Stat::of(tree, tree.node(id));
                    leaf(&mut said, &stat);
                    (bytes, files) = (bytes + own_bytes(tree, id, &stat), files + 1);
                }
            }
        }
        contents.insert(dir.id, Content { digest: blake3::hash(&said), bytes, files });
    }
    contents
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

/// A file with several names costs its bytes once: it isn't counted, and trees made of hard links aren't copies.
fn own_bytes(tree: &Tree, id: NodeId, stat: &Stat<'_>) -> u64 {
    if stat.kind == FileType::File && tree.names(tree.node(id)) == 1 { stat.file_bytes } else { 0 }
}

/// The directories that lie in one that is repeated itself.
fn inside_of(tree: &Tree, dirs: &[Item<'_>], groups: &BTreeMap<[u8; 32], Vec<usize>>) -> HashSet<NodeId> {
    let repeated = groups.values().flatten().map(|&at| dirs[at].node);
    repeated.flat_map(|node| node.children()).map(|(_, id)| id).filter(|&id| tree.node(id).is_dir()).collect()
}

/// The copies that lie in nothing that is repeated, and one of the others: it stands for its equals.
fn outermost<'d, 't>(copies: &[usize], dirs: &'d [Item<'t>], inner: &HashSet<NodeId>) -> Vec<&'d Item<'t>> {
    let copies = copies.iter().map(|&at| &dirs[at]);
    let (inside, mut outside): (Vec<_>, Vec<_>) = copies.partition(|dir| inner.contains(&dir.id));
    if !outside.is_empty() {
        outside.extend(inside.first());
    }
    outside.sort_by_cached_key(|dir| dir.path());
    outside
}

fn found(facts: &Facts<'_>, copies: &[&Item<'_>], content: Content) -> Found {
    let further = copies.len() as u64 - 1;
    let layer = copies.iter().map(|dir| dir.node.layer).max();
    let paths: Vec<String> = copies.iter().take(3).map(|dir| dir.path().display()).collect();
    let more = if copies.len() > 3 { format!(" and {} more", copies.len() - 3) } else { String::new() };
    let layers: HashSet<u32> = copies.iter().map(|dir| dir.node.layer).collect();
    let spread = if layers.len() == 1 { "in one layer" } else { "in several layers" };
    let latest = layer.map(|layer| facts.layer(layer)).unwrap_or_default();
    Found {
        message: format!(
            "the same directory {} times, {spread}: {}{more}; the latest from {latest}",
            copies.len(),
            paths.join(", ")
        ),
        path: copies.last().map(|dir| dir.path()).or_else(|| Some(LayerPath::root())),
        layer,
        files: content.files * further,
        bytes: content.bytes * further,
        fix: "keep one, and make the others symbolic links".into(),
    }
}
