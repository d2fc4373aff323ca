//! Files that the merged tree has more than once: what a union filesystem can't share, since it shares layers.

use crate::model::{ContentId, Entry, EntryId, EntryKind, LayerPath};
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
    // Almost always the first bytes of their hashes tell two apart: so little is sorted of each.
    let mut files: Vec<(Option<[u8; 8]>, EntryId)> = visible.map(|(id, entry, _)| (first_bytes(entry), id)).collect();
    files.sort_unstable();
    let alike = files.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1);
    let groups = alike.flat_map(|alike| {
        let mut alike: Vec<EntryId> = alike.iter().map(|(_, id)| *id).collect();
        let content = |id: &EntryId| content(tree.entry(*id));
        alike.sort_by_key(content);
        let equal = alike.chunk_by(|a, b| content(a) == content(b)).filter(|equal| equal.len() > 1);
        equal.filter_map(|equal| group(tree, equal)).collect::<Vec<_>>()
    });
    summed(groups.collect())
}

fn first_bytes(entry: &Entry) -> Option<[u8; 8]> {
    content(entry).and_then(|(content, _)| content.bytes().first_chunk().copied())
}

/// What makes two files equal.
fn content(entry: &Entry) -> Option<(ContentId, u64)> {
    match entry.kind {
        EntryKind::File { size, content, .. } => Some((content, size)),
        _ => None,
    }
}

fn group(tree: &Tree, equal: &[EntryId]) -> Option<DuplicateGroup> {
    let (content, size) = content(tree.entry(*equal.first()?))?;
    let copy = |id: &EntryId| Copy { path: tree.visible_file(*id).path.clone(), entry: *id };
    let mut copies: Vec<Copy> = equal.iter().map(copy).collect();
    copies.sort_by(|a, b| a.path.components().cmp(b.path.components()));
    let layer = copies[0].entry.layer;
    let one_layer = copies.iter().all(|copy| copy.entry.layer == layer);
    Some(DuplicateGroup {
        content,
        size,
        reclaimable_bytes: size * (copies.len() as u64 - 1),
        spread: if one_layer { Spread::OneLayer } else { Spread::SeveralLayers },
        copies,
    })
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

    #[test]
    fn a_file_goes_by_the_first_name_it_has_left() {
        let shown =
            |layers: &[&str]| duplicates(&Fixture::new(layers).tree).groups.iter().map(paths).collect::<Vec<_>>();
        let named = "dir d\nfile d/m 5 x\nhard b d/m\nhard z d/m\nfile e 5 x";
        assert_eq!(shown(&[named]), ["/b /e"]);
        assert_eq!(shown(&[named, "gone b"]), ["/d/m /e"]);
        assert_eq!(shown(&[named, "gone b\ngone d"]), ["/e /z"]);
        assert_eq!(shown(&[named, "file b 1 w"]), ["/d/m /e"]);
        assert!(shown(&[named, "gone b\ngone d", "gone z"]).is_empty());
        assert_eq!(shown(&["file a.b 5 x\nhard a/b a.b\nfile c 5 x"]), ["/a/b /c"], "a folder comes before its likes");
    }

    fn paths(group: &DuplicateGroup) -> String {
        group.copies.iter().map(|copy| copy.path.display()).collect::<Vec<_>>().join(" ")
    }
}
