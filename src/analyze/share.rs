//! What two or more images have in common, by layer, by blob and by content.
//!
//! Everything is counted as a host holds it: a layer that an image lists twice is there once. What is shared is what
//! a host that holds all the images saves over holding each on its own: with `n` images that have a thing, `n − 1`
//! times its bytes. Of two images that is plainly what both have.
//!
//! Shared content is a multiset: all regular files of an image's distinct layers, hidden ones too, since a layer is
//! stored and pulled whole. So it is never less than the data of shared layers, and the distance between the two is
//! what a common base could win.

use super::Subject;
use crate::model::DiffId;

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

/// Compares images. Of `[a, b]`, `pull_bytes[1]` is what pulling b costs after a.
pub fn share(images: &[Subject<'_>]) -> Sharing {
    let _ = images;
    Sharing::default()
}
