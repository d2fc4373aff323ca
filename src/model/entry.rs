//! What one tar entry of a layer says, after whiteouts have been told apart from files.

use serde::{Deserialize, Serialize};

use super::{ContentId, Digest, LayerPath};

/// Points at one entry of one layer of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// The layer, counted from the lowest, from 0.
    pub layer: u32,
    /// The entry in the layer's tar order, from 0.
    pub row: u32,
}

/// One entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands in the image. For a whiteout: what it hides.
    pub path: LayerPath,
    /// What it is.
    pub kind: EntryKind,
    /// Mode, owner, time and extended attributes.
    pub meta: Meta,
    /// Compressed bytes read while its data was produced: an estimate of what downloading it costs.
    pub download_bytes: u64,
}

/// The type of an entry, with what only that type has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A regular file that carries data (possibly none).
    File {
        /// Bytes that the tar stores.
        size: u64,
        /// Bytes that a reader of the file sees: more than `size` for a sparse file.
        apparent_size: u64,
        /// Hash of what a reader sees; for a sparse file beyond the expansion limit, of its map and stored bytes.
        content: ContentId,
        /// SHA-256 of what a reader sees, where it was asked for.
        sha256: Option<Box<Digest>>,
    },
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink {
        /// Its target, untouched.
        #[serde(with = "serde_bytes")]
        target: Box<[u8]>,
    },
    /// One more name of a file.
    HardLink {
        /// The other name, from the image's root.
        target: LayerPath,
    },
    /// A character device.
    Char {
        /// Major and minor number.
        device: (u32, u32),
    },
    /// A block device.
    Block {
        /// Major and minor number.
        device: (u32, u32),
    },
    /// A named pipe.
    Fifo,
    /// Hides the path in the layers below (`.wh.NAME`, or overlay's character device 0:0).
    Whiteout,
    /// Hides everything below this directory in the layers below (`.wh..wh..opq`, or `trusted.overlay.opaque`).
    Opaque,
}

/// Metadata of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Meta {
    /// Permission, set-id and sticky bits: the lowest 12.
    pub mode: u16,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Modification time, whole seconds since 1970.
    pub mtime: i64,
    /// … and nanoseconds.
    pub mtime_nanos: u32,
    /// Extended attributes by name, sorted.
    pub xattrs: Xattrs,
}

/// Extended attributes: names and values.
pub type Xattrs = Vec<(Box<[u8]>, Box<[u8]>)>;

impl Meta {
    /// Whether it has the set-uid or the set-gid bit.
    pub fn is_set_id(&self) -> bool {
        self.mode & 0o6000 != 0
    }

    /// Whether mode, owner and extended attributes are the same; times don't count.
    pub fn same_but_times(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.gid, &self.xattrs) == (other.mode, other.uid, other.gid, &other.xattrs)
    }
}

impl Entry {
    /// Bytes of data it adds to its layer: a regular file's stored size, else 0.
    pub fn file_bytes(&self) -> u64 {
        match self.kind {
            EntryKind::File { size, .. } => size,
            _ => 0,
        }
    }

    /// Whether it is a regular file that carries data of its own.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, EntryKind::File { .. })
    }
}
