//! What two or more images have in common, by layer, by blob and by content.
//!
//! Everything is counted as a host holds it: a layer that an image lists twice is there once. What is shared is what
//! a host that holds all the images saves over holding each on its own: with `n` images that have a thing, `n − 1`
//! times its bytes. Of two images that is plainly what both have.
//!
//! Shared content is a multiset: all regular files of an image's distinct layers, hidden ones too, since a layer is
//! stored and pulled whole. So it is never less than the data of shared layers, and the distance between the two is
//! what a common base could win.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::index::LayerIndex;
use crate::model::{ContentId, DiffId, EntryKind};

/// What images have in common. Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Diff IDs that at least two of the images have, in the order in which they are first met.
    pub layers: Vec<DiffId>,
    /// Data of regular files in those layers.
    pub layer_file_bytes: u64,
    /// Bytes of equal blobs: what later pulls don't download.
    pub stored_bytes: u64,
    /// Data of files of equal content, whatever their path and layer.
    pub content_bytes: u64,
    /// By image: bytes of blobs that a pull downloads when the images before it are there.
    pub pull_bytes: Vec<u64>,
}

/// Compares images by their layers. Of `[a, b]`, `pull_bytes[1]` is what pulling b costs after a.
pub fn share(images: &[impl AsRef<[Arc<LayerIndex>]>]) -> Sharing {
    let mut layers = Held::default();
    let mut blobs = Held::default();
    let mut pull_bytes = Vec::new();
    for image in images {
        let own = || image.as_ref().iter();
        pull_bytes.push(blobs.add(own().map(|layer| (layer.digest, layer.stored_bytes))));
        layers.add(own().map(|layer| (layer.diff_id, layer.file_bytes())));
    }
    Sharing {
        layer_file_bytes: layers.saved(),
        layers: layers.things.into_iter().filter(|(_, held)| held.0 > 1).map(|(id, _)| id).collect(),
        stored_bytes: blobs.saved(),
        content_bytes: content_bytes(images.iter().map(|image| distinct(image.as_ref())).collect()),
        pull_bytes,
    }
}

/// Data of files of equal content. What is in one image alone is not shared: so of the largest, only what another has is
/// looked at.
fn content_bytes(mut images: Vec<Vec<&LayerIndex>>) -> u64 {
    let rows = |layers: &Vec<&LayerIndex>| layers.iter().map(|layer| layer.entries.len()).sum::<usize>();
    images.sort_by_key(rows);
    let Some(largest) = images.pop() else { return 0 };
    let mut contents: HashMap<(&ContentId, u64), Copies> = HashMap::with_capacity(images.iter().map(rows).sum());
    for (number, image) in images.iter().enumerate() {
        files(image).for_each(|file| contents.entry(file).or_default().add(number));
    }
    for file in files(&largest) {
        contents.entry(file).and_modify(|copies| copies.add(images.len()));
    }
    contents.iter().map(|((_, size), copies)| size * (copies.all - copies.most)).sum()
}

fn files<'l>(layers: &[&'l LayerIndex]) -> impl Iterator<Item = (&'l ContentId, u64)> {
    layers.iter().flat_map(|layer| &layer.entries).filter_map(|entry| match &entry.kind {
        EntryKind::File { size, content, .. } => Some((content, *size)),
        _ => None,
    })
}

/// How often a content is in all images together, and in the one that has it most often.
#[derive(Default)]
struct Copies {
    all: u64,
    most: u64,
    /// … in the image that was met last, and its number.
    last: (u64, usize),
}

impl Copies {
    fn add(&mut self, image: usize) {
        self.last = if self.last.1 == image { (self.last.0 + 1, image) } else { (1, image) };
        self.all += 1;
        self.most = self.most.max(self.last.0);
    }
}

/// Things that images have once or not at all: by name, how many have it, and its bytes. In the order they are met.
struct Held<T> {
    things: Vec<(T, (u64, u64))>,
    at: HashMap<T, usize>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { things: Vec::new(), at: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> Held<T> {
    /// Adds one image's things; gives the bytes of those that are new.
    fn add(&mut self, things: impl Iterator<Item = (T, u64)>) -> u64 {
        let mut own = HashSet::new();
        let mut new_bytes = 0;
        for (name, bytes) in things.filter(|(name, _)| own.insert(*name)) {
            let at = *self.at.entry(name).or_insert(self.things.len());
            match self.things.get_mut(at) {
                Some((_, (count, _))) => *count += 1,
                None => {
                    self.things.push((name, (1, bytes)));
                    new_bytes += bytes;
                }
            }
        }
        new_bytes
    }

    fn saved(&self) -> u64 {
        self.things.iter().map(|(_, (count, bytes))| (count - 1) * bytes).sum()
    }
}

fn distinct(layers: &[Arc<LayerIndex>]) -> Vec<&LayerIndex> {
    let mut seen = HashSet::new();
    layers.iter().map(|layer| &**layer).filter(|layer| seen.insert(layer.diff_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    const BASE: &str = "file base 100 base";

    #[test]
    fn layers_blobs_and_contents() {
        let a = Fixture::new(&[BASE, "file a 40 x\nfile b 40 x\nfile c 40 x", "gone a"]);
        let b = Fixture::new(&[BASE, "file other/a 40 x\nfile other/b 40 x\nfile own 8 own"]);
        let found = share(&[a.tree.layers(), b.tree.layers()]);
        assert_eq!(found.layers, [a.image.layers[0].diff_id]);
        assert_eq!((found.layer_file_bytes, found.stored_bytes, found.content_bytes), (100, 50, 180));
        assert_eq!(found.pull_bytes, [50 + 60, 44]);
    }

    #[test]
    fn a_layer_listed_twice_is_held_once() {
        let a = Fixture::new(&["file x 2 x"]);
        let b = Fixture::new(&[BASE, BASE]);
        let found = share(&[a.tree.layers(), b.tree.layers()]);
        assert_eq!((found.pull_bytes[1], found.content_bytes, found.layers.len()), (50, 0, 0));
    }

    #[test]
    fn of_three_images_each_further_holder_saves() {
        let image = Fixture::new(&[BASE]);
        let found = share(&[image.tree.layers(); 3]);
        assert_eq!((found.layer_file_bytes, found.stored_bytes, found.content_bytes), (200, 100, 200));
        assert_eq!(found.pull_bytes, [50, 0, 0]);
    }
}
