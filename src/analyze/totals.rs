//! The few numbers that matter: of the image, and of each layer.

use super::{Subject, Waste};
use crate::model::{DiffId, Digest};

/// An image's numbers. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Totals {
    /// How many layers it has.
    pub layers: usize,
    /// Bytes of its layers' blobs, a blob that it lists twice counted twice.
    pub stored_bytes: u64,
    /// Bytes of its layers' tars.
    pub tar_bytes: u64,
    /// Data of the regular files of all layers: visible and wasted.
    pub file_bytes: u64,
    /// … of those in the merged tree.
    pub visible_bytes: u64,
    /// … of all others.
    pub wasted_bytes: u64,
    /// `visible / (visible + wasted)`; 1 for an image without data.
    pub efficiency: f64,
    /// Regular files in the merged tree, hard-linked names counted once.
    pub files: u64,
    /// Entries of all layers' tars, markers included.
    pub entries: u64,
}

/// A layer's numbers. Sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTotals {
    /// Counted from the lowest, from 0.
    pub index: usize,
    /// Digest of the blob.
    pub digest: Digest,
    /// Digest of the tar.
    pub diff_id: DiffId,
    /// Media type, as claimed.
    pub media_type: String,
    /// Bytes of the blob.
    pub stored_bytes: u64,
    /// Bytes of the tar.
    pub tar_bytes: u64,
    /// Data of its regular files.
    pub file_bytes: u64,
    /// … of those that are not visible in the image.
    pub wasted_bytes: u64,
    /// Data that this layer made useless: in itself and in the layers below.
    pub caused_bytes: u64,
    /// Entries of its tar, markers included.
    pub entries: u64,
    /// The instruction that made it, where history tells.
    pub created_by: Option<String>,
}

/// The image's numbers.
pub fn totals(subject: Subject<'_>) -> Totals {
    let Subject { image, tree } = subject;
    let (mut visible, mut wasted, mut files) = (0, 0, 0);
    for (_, entry, outcome) in tree.files() {
        let sum = if outcome.is_visible() { &mut visible } else { &mut wasted };
        *sum += entry.file_bytes();
        files += u64::from(outcome.is_visible());
    }
    Totals {
        layers: image.layers.len(),
        stored_bytes: image.layers.iter().map(|layer| layer.stored_bytes).sum(),
        tar_bytes: tree.layers().iter().map(|layer| layer.tar_bytes).sum(),
        file_bytes: visible + wasted,
        visible_bytes: visible,
        wasted_bytes: wasted,
        efficiency: efficiency(visible, wasted),
        files,
        entries: tree.layers().iter().map(|layer| layer.entries.len() as u64).sum(),
    }
}

fn efficiency(visible: u64, wasted: u64) -> f64 {
    if visible + wasted == 0 { 1.0 } else { visible as f64 / (visible + wasted) as f64 }
}

/// Each layer's numbers, lowest first.
pub fn layer_totals(subject: Subject<'_>, waste: &Waste) -> Vec<LayerTotals> {
    let Subject { image, tree } = subject;
    let layers = image.layers.iter().zip(tree.layers()).zip(&waste.layers).enumerate();
    layers
        .map(|(index, ((layer, table), waste))| LayerTotals {
            index,
            digest: layer.digest,
            diff_id: layer.diff_id,
            media_type: layer.media_type.clone(),
            stored_bytes: layer.stored_bytes,
            tar_bytes: table.tar_bytes,
            file_bytes: table.file_bytes(),
            wasted_bytes: waste.held_bytes,
            caused_bytes: waste.caused_bytes,
            entries: table.entries.len() as u64,
            created_by: layer.created_by.clone(),
        })
        .collect()
}
