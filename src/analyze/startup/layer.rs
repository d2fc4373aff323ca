//! What a layer costs to pull, as far as its own bytes decide it.

use crate::analyze::Subject;
use crate::model::{Digest, Manifest};

/// Seconds to inflate a MB of gzip and to write out a MB of what it holds, by Go's inflater on the machine of
/// `fixtures/start/layers.json`: least squares over its real layers, each of which it meets within 12 %.
const GZIP_MB: f64 = 0.0076;
const TAR_MB: f64 = 0.0005;
/// … for a MB of gzip that is only stored blocks.
const STORED_MB: f64 = 0.00035;
/// … for a MB of tar out of zstd: about three times as fast as gzip (crates that were timed; not validated).
const ZSTD_TAR_MB: f64 = 0.0010;
/// Compressed to more than this of its size, gzip has only stored the bytes.
const INCOMPRESSIBLE: f64 = 0.95;
/// Of a layer that was not read: its compressed part of the tar, and bytes of tar for an entry, both middling among
/// real layers (0.33 to 0.49; 12 to 60 kB).
const USUAL_RATIO: f64 = 0.38;
const USUAL_ENTRY: f64 = 30_000.0;

/// What a layer costs.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// Digest of its blob: what a host knows it by.
    pub digest: Digest,
    /// Bytes of its blob.
    pub stored_bytes: u64,
    /// Bytes of its tar.
    pub tar_bytes: u64,
    /// Entries of its tar.
    pub entries: u64,
    /// Seconds to inflate it on the machine of the shipped coefficients.
    pub inflate_seconds: f64,
    /// Whether tar and entries are guessed, since only the manifest is known.
    pub estimated: bool,
}

impl LayerCost {
    /// Of a layer that was read.
    pub fn new(digest: Digest, media_type: &str, stored_bytes: u64, tar_bytes: u64, entries: u64) -> Self {
        let inflate_seconds = inflate_seconds(media_type, stored_bytes, tar_bytes);
        Self { digest, stored_bytes, tar_bytes, entries, inflate_seconds, estimated: false }
    }

    /// Of each layer of an image that was read, lowest first.
    pub fn of_image(subject: Subject<'_>) -> Vec<Self> {
        let layers = subject.image.layers.iter().zip(subject.tree.layers());
        let cost = |(layer, table): (&crate::model::Layer, &std::sync::Arc<crate::index::LayerIndex>)| {
            let entries = table.entries.len() as u64;
            Self::new(layer.digest, &layer.media_type, layer.stored_bytes, table.tar_bytes, entries)
        };
        layers.map(cost).collect()
    }

    /// Of each layer of an image of which only the manifest is known: tar and entries are guessed.
    pub fn of_manifest(manifest: &Manifest) -> Vec<Self> {
        let cost = |layer: &crate::model::Descriptor| {
            let ratio = if is_plain(&layer.media_type) { 1.0 } else { USUAL_RATIO };
            let tar = (layer.size as f64 / ratio) as u64;
            let entries = (tar as f64 / USUAL_ENTRY).ceil() as u64;
            Self { estimated: true, ..Self::new(layer.digest, &layer.media_type, layer.size, tar, entries) }
        };
        manifest.layers.iter().map(cost).collect()
    }
}

/// Layers of docker-archives and of `…tar` are not compressed.
fn is_plain(media_type: &str) -> bool {
    media_type.ends_with(".tar")
}

fn inflate_seconds(media_type: &str, stored: u64, tar: u64) -> f64 {
    let (stored, tar) = (mb(stored), mb(tar));
    match () {
        () if is_plain(media_type) => 0.0,
        () if media_type.ends_with("zstd") => ZSTD_TAR_MB * tar,
        () if stored > INCOMPRESSIBLE * tar => STORED_MB * tar,
        () => GZIP_MB * stored + TAR_MB * tar,
    }
}

/// Bytes in units of 10⁶.
pub(super) fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
