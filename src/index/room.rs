//! Bounds on what a layer's table and tree take, so that a small blob does not fill the memory.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::tar::{Header, TarError};
use crate::model::LayerPath;

/// A layer with more entries is refused: their table alone would take gigabytes.
const MAX_ENTRIES: usize = 10_000_000;
/// Name, link target and attributes of an entry may be so long without further ado; usual ones are shorter.
const USUAL: usize = 512;
/// What is beyond the usual may take so much in a layer, and with it the paths of folders that no entry describes:
/// a single long path can imply two thousand.
const MAX_LONG: u64 = 64 << 20;

/// What the entries of a layer have taken so far.
#[derive(Default)]
pub(super) struct Room {
    entries: usize,
    long: u64,
    /// The folders that have been met, as hashes of their paths.
    folders: HashSet<u64>,
    hasher: RandomState,
    /// The folder of the entry before.
    last: LayerPath,
}

impl Room {
    /// Makes room for an entry, or says that there is none left.
    pub(super) fn take(&mut self, header: &Header, path: &LayerPath) -> Result<(), TarError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(TarError::Entries { limit: MAX_ENTRIES });
        }
        let xattrs: usize = header.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = header.name.len() + header.link.len() + xattrs;
        self.long += bytes.saturating_sub(USUAL) as u64;
        self.folders(path, header.flag == b'5');
        if self.long > MAX_LONG { Err(TarError::Long { limit: MAX_LONG }) } else { Ok(()) }
    }

    /// Takes note of the folders above `path`, and counts those that no entry has described.
    fn folders(&mut self, path: &LayerPath, is_folder: bool) {
        let parent = path.parent();
        if parent == self.last && !is_folder {
            return;
        }
        let (mut hash, mut length) = (0, 0);
        for name in parent.components() {
            hash = self.hasher.hash_one((hash, name));
            length += name.len() as u64 + 1;
            self.long += if self.folders.insert(hash) { length } else { 0 };
        }
        if is_folder {
            self.folders.insert(self.hasher.hash_one((hash, path.file_name())));
        }
        self.last = parent;
    }
}
