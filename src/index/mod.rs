//! A layer's tar stream becomes one table, in one pass.

use serde::{Deserialize, Serialize};

use crate::model::{DiffId, Digest, Entry};

/// All that is kept of a layer: every number in it was computed from bytes that were verified to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerIndex {
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Bytes of the blob as stored.
    pub stored_bytes: u64,
    /// Digest of the tar.
    pub diff_id: DiffId,
    /// Bytes of the tar.
    pub tar_bytes: u64,
    /// The entries in tar order: row by row.
    pub entries: Vec<Entry>,
    /// Contents that later analyses read, by row, in order of rows.
    pub captured: Vec<(u32, Vec<u8>)>,
    /// Oddities that were met, for findings.
    pub notes: Vec<Note>,
}

/// An oddity of a layer that does not make it unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// The entry's name leads out of the image (`../x`) and was cut at the root; engines refuse it.
    EscapesRoot {
        /// The entry.
        row: u32,
    },
    /// The entry has a type that no engine unpacks; it was passed over.
    UnknownType {
        /// Its name as it stands.
        path: Box<[u8]>,
        /// Its type flag.
        flag: u8,
    },
    /// The tar goes on after its end marker with bytes other than zero.
    BytesAfterEnd {
        /// How many bytes follow the marker.
        bytes: u64,
    },
}

impl LayerIndex {
    /// Uncompressed data of its regular files.
    pub fn file_bytes(&self) -> u64 {
        self.entries.iter().map(Entry::file_bytes).sum()
    }

    /// The content of a row, if it is of a kind that is captured.
    pub fn captured(&self, row: u32) -> Option<&[u8]> {
        let at = self.captured.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(&self.captured[at].1)
    }
}
