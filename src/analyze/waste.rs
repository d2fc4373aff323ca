//! Which bytes are lost, what became of them, which layer holds them and which layer lost them.

use std::cmp::Reverse;

use foldhash::{HashMap, HashMapExt};

use crate::model::EntryId;
use crate::tree::{Fate, Tree};

/// All data that is in the layers and not in the merged tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waste {
    /// Its bytes: `file bytes of all layers = visible + wasted`.
    pub bytes: u64,
    /// Its sums, one for every fate of [`Fate::WASTE`], in that order.
    pub by_fate: Vec<FateTotal>,
    /// By layer, lowest first.
    pub layers: Vec<LayerWaste>,
    /// The files, largest first, then by path; those without a byte are left out.
    pub files: Vec<WastedFile>,
}

/// What one fate cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FateTotal {
    /// The fate.
    pub fate: Fate,
    /// How many files met it, empty ones too.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a layer has to do with waste.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerWaste {
    /// Bytes in this layer that are not visible.
    pub held_bytes: u64,
    /// Bytes that this layer made useless, in itself and in the layers below.
    pub caused_bytes: u64,
}

/// One lost file, or several of one path, layer and fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WastedFile {
    /// The entry that holds the bytes: its path and layer. The last one, where a layer has the path more than once.
    pub entry: EntryId,
    /// The layer that lost them.
    pub by_layer: u32,
    /// Bytes lost.
    pub bytes: u64,
    /// An estimate of what they cost to download.
    pub download_bytes_estimate: u64,
    /// What became of them.
    pub fate: Fate,
}

/// Adds up what is lost.
pub fn waste(tree: &Tree) -> Waste {
    let mut waste = Waste {
        by_fate: Fate::WASTE.map(|fate| FateTotal { fate, files: 0, bytes: 0 }).into(),
        layers: vec![LayerWaste::default(); tree.layers().len()],
        ..Waste::default()
    };
    for (entry, file, outcome) in tree.files().filter(|(_, _, outcome)| !outcome.is_visible()) {
        waste.add(WastedFile {
            entry,
            by_layer: outcome.by_layer,
            bytes: file.file_bytes(),
            download_bytes_estimate: file.download_bytes,
            fate: outcome.fate,
        });
    }
    waste.files = sorted(tree, joined(tree, std::mem::take(&mut waste.files)));
    waste
}

impl Waste {
    fn add(&mut self, file: WastedFile) {
        self.bytes += file.bytes;
        self.layers[file.entry.layer as usize].held_bytes += file.bytes;
        self.layers[file.by_layer as usize].caused_bytes += file.bytes;
        if let Some(sum) = self.by_fate.iter_mut().find(|sum| sum.fate == file.fate) {
            sum.files += 1;
            sum.bytes += file.bytes;
        }
        if file.bytes > 0 {
            self.files.push(file);
        }
    }
}

/// One row for each path, layer, cause and fate: a tar may have a path many times.
fn joined(tree: &Tree, files: Vec<WastedFile>) -> Vec<WastedFile> {
    let mut rows: Vec<WastedFile> = Vec::with_capacity(files.len());
    let mut seen = HashMap::new();
    for file in files {
        let key = (&tree.entry(file.entry).path, file.entry.layer, file.by_layer, file.fate);
        let at = *seen.entry(key).or_insert(rows.len());
        match rows.get_mut(at) {
            Some(row) => {
                row.entry = file.entry;
                row.bytes += file.bytes;
                row.download_bytes_estimate += file.download_bytes_estimate;
            }
            None => rows.push(file),
        }
    }
    rows
}

fn sorted(tree: &Tree, mut files: Vec<WastedFile>) -> Vec<WastedFile> {
    let key = |file: &WastedFile| (Reverse(file.bytes), &tree.entry(file.entry).path, file.entry);
    files.sort_by(|a, b| key(a).cmp(&key(b)));
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;
    use crate::analyze::totals;

    #[test]
    fn every_lost_byte_has_a_fate_a_holder_and_a_cause() {
        let image = Fixture::new(&[
            "file a 100 x\nfile b 50 y\nfile d/e 7 z\nfile empty 0 n",
            "file a 100 x uid=1\nfile b 60 w\nfile b 61 v\ngone d",
            "gone empty\nfile c 5 c",
        ]);
        let found = waste(&image.tree);
        let shown: Vec<_> = (found.files.iter())
            .map(|file| {
                (image.tree.entry(file.entry).path.display(), file.entry.layer, file.by_layer, file.bytes, file.fate)
            })
            .collect();
        let expected = [
            ("/a", 0, 1, 100, Fate::MetadataOnly),
            ("/b", 1, 1, 60, Fate::SameLayer),
            ("/b", 0, 1, 50, Fate::ContentReplaced),
            ("/d/e", 0, 1, 7, Fate::Deleted),
        ];
        assert_eq!(shown, expected.map(|(path, layer, by, bytes, fate)| (path.to_owned(), layer, by, bytes, fate)));
        let layers: Vec<_> = found.layers.iter().map(|layer| (layer.held_bytes, layer.caused_bytes)).collect();
        assert_eq!(layers, [(157, 0), (60, 217), (0, 0)]);
        assert_eq!(
            found.by_fate.iter().map(|sum| (sum.files, sum.bytes)).max(),
            Some((2, 7)),
            "empty files are counted"
        );
        let totals = totals(image.subject());
        assert_eq!((totals.file_bytes, totals.visible_bytes, totals.wasted_bytes), (383, 166, 217));
        assert_eq!((totals.files, totals.entries, totals.layers), (3, 10, 3));
        assert_eq!(totals.efficiency, 166.0 / 383.0);
    }

    #[test]
    fn a_path_that_one_tar_has_often_is_one_row() {
        let image = Fixture::new(&["file a 10 x\nfile a 10 y\nfile a 10 z"]);
        let found = waste(&image.tree).files;
        assert_eq!((found.len(), found[0].bytes, found[0].download_bytes_estimate), (1, 20, 10));
    }

    #[test]
    fn nothing_is_efficient() {
        assert_eq!(totals(Fixture::new(&[]).subject()).efficiency, 1.0);
        assert_eq!(totals(Fixture::new(&["dir a"]).subject()).efficiency, 1.0);
    }
}
