//! Files that the merged tree has more than once: what a union filesystem can't share, since it shares layers.

use crate::model::{ContentId, Digest, Entry, EntryId, EntryKind, LayerPath};
use crate::tree::Tree;

/// All groups of equal files, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// `size × (copies − 1)`, summed over the groups.
    pub reclaimable_bytes: u64,
    /// … over the groups that lie in one layer: a rebuild of that layer can win it.
    pub one_layer_bytes: u64,
    /// … over the groups that lie in several layers: nothing but other layers can.
    pub several_layers_bytes: u64,
    /// The groups, the most reclaimable first, then by their first path.
    pub groups: Vec<DuplicateGroup>,
}

/// Files of one content, in more than one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateGroup {
    /// Their content.
    pub content: ContentId,
    /// Their SHA-256, where the index has it.
    pub sha256: Option<Digest>,
    /// Bytes that one copy stores.
    pub size: u64,
    /// `size × (copies − 1)`.
    pub reclaimable_bytes: u64,
    /// Whether they lie in one layer or in several.
    pub spread: Spread,
    /// The copies, in path order: at least two.
    pub copies: Vec<Copy>,
}

/// How the copies of a group lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All in one layer.
    OneLayer,
    /// In more than one.
    SeveralLayers,
}

/// One of several equal files. Hard links of each other are one copy, shown by their first path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its path in the merged tree.
    pub path: LayerPath,
    /// The entry that holds its data: its layer.
    pub entry: EntryId,
}

/// Finds visible regular files of equal content and more than zero bytes.
pub fn duplicates(tree: &Tree) -> Duplicates {
    let visible = tree.files().filter(|(_, entry, outcome)| outcome.is_visible() && entry.file_bytes() > 0);
    let mut contents: Vec<_> = visible.filter_map(|(id, entry, _)| Some((content(entry)?, id))).collect();
    // Almost always the first bytes of their hashes tell two apart.
    contents.sort_unstable_by(|a, b| first_bytes(&a.0.0).cmp(&first_bytes(&b.0.0)).then_with(|| a.cmp(b)));
    let mut groups: Vec<((ContentId, u64), Vec<Copy>)> = Vec::new();
    let mut group_of: Vec<Vec<Option<u32>>> =
        tree.layers().iter().map(|layer| vec![None; layer.entries.len()]).collect();
    for equal in contents.chunk_by(|(a, _), (b, _)| a == b).filter(|equal| equal.len() > 1) {
        for (_, id) in equal {
            group_of[id.layer as usize][id.row as usize] = Some(groups.len() as u32);
        }
        groups.push((equal[0].0, Vec::with_capacity(equal.len())));
    }
    for item in tree.walk().filter(|item| !item.node.is_dir()) {
        let Some(entry) = tree.data(item.node) else { continue };
        // Its first path stands for a file with several.
        if let Some(group) = group_of[entry.layer as usize][entry.row as usize].take() {
            groups[group as usize].1.push(Copy { path: item.path(), entry });
        }
    }
    let groups = groups.into_iter().filter(|(_, copies)| copies.len() > 1);
    summed(groups.map(|((content, size), copies)| group(tree, content, size, copies)).collect())
}

fn first_bytes(content: &ContentId) -> Option<&[u8; 8]> {
    content.bytes().first_chunk()
}

/// What makes two files equal.
fn content(entry: &Entry) -> Option<(ContentId, u64)> {
    match entry.kind {
        EntryKind::File { size, content, .. } => Some((content, size)),
        _ => None,
    }
}

fn group(tree: &Tree, content: ContentId, size: u64, copies: Vec<Copy>) -> DuplicateGroup {
    let layer = copies[0].entry.layer;
    let sha256 = copies.iter().find_map(|copy| match &tree.entry(copy.entry).kind {
        EntryKind::File { sha256, .. } => sha256.as_deref().copied(),
        _ => None,
    });
    let one_layer = copies.iter().all(|copy| copy.entry.layer == layer);
    DuplicateGroup {
        content,
        sha256,
        size,
        reclaimable_bytes: size * (copies.len() as u64 - 1),
        spread: if one_layer { Spread::OneLayer } else { Spread::SeveralLayers },
        copies,
    }
}

fn summed(mut groups: Vec<DuplicateGroup>) -> Duplicates {
    groups.sort_by(|a, b| {
        let first = |group: &DuplicateGroup| group.copies[0].entry;
        let size = b.reclaimable_bytes.cmp(&a.reclaimable_bytes);
        size.then_with(|| a.copies[0].path.cmp(&b.copies[0].path)).then_with(|| first(a).cmp(&first(b)))
    });
    let sum = |spread| groups.iter().filter(|group| group.spread == spread).map(|group| group.reclaimable_bytes).sum();
    let (one_layer_bytes, several_layers_bytes) = (sum(Spread::OneLayer), sum(Spread::SeveralLayers));
    let reclaimable_bytes = one_layer_bytes + several_layers_bytes;
    Duplicates { reclaimable_bytes, one_layer_bytes, several_layers_bytes, groups }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    #[test]
    fn copies_are_told_by_layer_and_hard_links_are_one() {
        let image = Fixture::new(&[
            "file a 100 x\nfile b 100 x\nhard c a\nfile empty 0 e\nfile empty2 0 e\nfile single 9 s",
            "file d 7 y\nfile gone 100 x\nfile z 3 q",
            "file e 7 y\ngone gone\nhard z2 z",
        ]);
        let found = duplicates(&image.tree);
        assert_eq!((found.reclaimable_bytes, found.one_layer_bytes, found.several_layers_bytes), (107, 100, 7));
        let shown: Vec<_> = found.groups.iter().map(|group| (group.size, group.spread, paths(group))).collect();
        assert_eq!(shown, [(100, Spread::OneLayer, "/a /b".into()), (7, Spread::SeveralLayers, "/d /e".into())]);
    }

    fn paths(group: &DuplicateGroup) -> String {
        group.copies.iter().map(|copy| copy.path.display()).collect::<Vec<_>>().join(" ")
    }
}
