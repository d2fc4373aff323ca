//! What the layers of a scan may take together.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::index::LayerIndex;

/// Entries of all layers: what a single one may have, several times over.
pub(super) const MOST_ENTRIES: u64 = 20_000_000;
/// Bytes that are kept of files' contents, of all layers. Images of many gigabytes have some ten MB.
pub(super) const MOST_KEPT: u64 = 1 << 30;

/// What has been taken so far.
#[derive(Default)]
pub(super) struct Room {
    entries: AtomicU64,
    kept: AtomicU64,
}

impl Room {
    /// Whether there was room for one more layer.
    pub(super) fn take(&self, index: &LayerIndex) -> bool {
        let add = |all: &AtomicU64, more: u64| all.fetch_add(more, Ordering::Relaxed) + more;
        let entries = add(&self.entries, index.entries.len() as u64);
        add(&self.kept, index.kept_bytes()) <= MOST_KEPT && entries <= MOST_ENTRIES
    }
}
