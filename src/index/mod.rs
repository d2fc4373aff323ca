//! A layer's tar stream becomes one table, in one pass.

mod cache;
mod capture;
mod code;
mod copy;
mod room;
mod rows;
pub mod tar;
pub mod toc;

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::blob::{self, BlobError, Claims, Pool, Verify};
use crate::elf::Loadable;
use crate::model::{ContentId, DiffId, Digest, Entry, EntryKind};
use crate::pkgdb::{Import, Package};

use rows::RowBuilder;
use tar::TarError;

pub use cache::{Cache, CacheError, CacheSize, Keep};
pub use code::Code;
pub use copy::read_file;

/// All that is kept of a layer: every number in it was computed from bytes that were verified to the end, or told by a
/// table of contents that was verified ([`toc`]).
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
    #[serde(skip)]
    pub entries: Vec<Entry>,
    /// Contents that later analyses read, by row, in order of rows.
    #[serde(with = "captured")]
    pub captured: Vec<(u32, Vec<u8>)>,
    /// Packages that its files tell of, by row, in order of rows.
    pub packages: Vec<(u32, Vec<Package>)>,
    /// What its programs and modules need.
    #[serde(skip)]
    pub code: Code,
    /// Oddities that were met, for findings.
    pub notes: Vec<Note>,
}

/// An oddity of a layer that does not make it unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// The entry's name leads out of the image (`../x`) and was cut at the root, as podman does; Docker refuses it.
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
    /// A file that should tell of packages can't be read as such.
    UnreadablePackages {
        /// The file.
        row: u32,
        /// What is wrong.
        reason: String,
    },
    /// The layer was indexed from its table of contents, and programs in it were not read: what they were built of is
    /// not told.
    ProgramsUnread {
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Its table of contents does not tell how long the layer's tar is: the length is an estimate.
    TarLengthEstimated,
    /// The tar goes on after its end marker with bytes other than zero.
    BytesAfterEnd {
        /// How many bytes follow the marker.
        bytes: u64,
    },
}

/// Contents as bytes, and not as lists of numbers, which are read one by one.
mod captured {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_bytes::{ByteBuf, Bytes};

    pub(super) fn serialize<S: Serializer>(captured: &[(u32, Vec<u8>)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(captured.iter().map(|(row, content)| (row, Bytes::new(content))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(u32, Vec<u8>)>, D::Error> {
        let captured = Vec::<(u32, ByteBuf)>::deserialize(from)?;
        Ok(captured.into_iter().map(|(row, content)| (row, content.into_vec())).collect())
    }
}

impl LayerIndex {
    /// Bytes that it keeps of files' contents: packages, scripts, settings, what programs need.
    pub fn kept_bytes(&self) -> u64 {
        let captured: usize = self.captured.iter().map(|(_, bytes)| bytes.len()).sum();
        let packages = self.packages.iter().flat_map(|(_, packages)| packages).map(Package::size).sum::<usize>();
        (captured + packages + self.code.size()) as u64
    }

    /// Uncompressed data of its regular files.
    pub fn file_bytes(&self) -> u64 {
        self.entries.iter().map(Entry::file_bytes).sum()
    }

    /// Tells its files' contents apart by their SHA-256, where that was computed, and no more by what was quicker.
    pub fn tell_by_sha256(&mut self) {
        for entry in &mut self.entries {
            if let EntryKind::File { content, sha256: Some(digest), .. } = &mut entry.kind
                && let Digest::Sha256(hash) = **digest
            {
                *content = ContentId::Sha256(hash);
            }
        }
    }

    /// The content of a row, if it is of a kind that is captured.
    pub fn captured(&self, row: u32) -> Option<&[u8]> {
        let at = self.captured.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(&self.captured[at].1)
    }

    /// What a row imports, if it is Python source: the inner `None` where that was not kept.
    pub fn imports(&self, row: u32) -> Option<Option<&[Import]>> {
        self.code.imports(row)
    }

    /// What a row is when it is started or loaded; `None` if it is neither ELF nor a script that someone may run.
    pub fn loadable(&self, row: u32) -> Option<&Loadable> {
        self.code.loadable(row)
    }
}

/// Why a layer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its blob.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Its tar.
    #[error("layer {digest} is broken: {source}")]
    Tar {
        /// The layer.
        digest: Digest,
        /// What is wrong.
        source: TarError,
    },
    /// One of its files, fetched alone.
    #[error("layer {digest}: {source}")]
    Toc {
        /// The layer.
        digest: Digest,
        /// What is wrong.
        source: toc::TocError,
    },
    /// A file's contents could not be kept for a while.
    #[error("cannot write a temporary file: {source}; set TMPDIR to a folder with room")]
    Spool {
        /// What the system said.
        source: std::io::Error,
    },
}

/// Reads a layer's blob to its end, verifies it, and gives its table.
///
/// `sha256` adds each file's SHA-256; `on_read` hears of every piece of the blob, in bytes.
pub fn read_layer(
    pool: &Pool,
    blob: Box<dyn Read + Send>,
    claims: &Claims,
    verify: Verify,
    sha256: bool,
    on_read: &dyn Fn(u64),
) -> Result<LayerIndex, IndexError> {
    let (facts, rows) = blob::run(pool, blob, claims, verify, RowBuilder::new(sha256), on_read)?;
    rows.finish(&facts).map_err(|source| IndexError::Tar { digest: facts.digest, source })
}

/// Is given the contents of a layer's regular files, in the order of rows. Nothing of it is verified before
/// [`read_files`] is done.
pub trait FileSink: Send {
    /// The next bytes of the file in a row.
    fn data(&mut self, row: u32, bytes: &[u8]);
    /// … zeros that it does not store.
    fn hole(&mut self, row: u32, len: u64);
    /// The file is complete.
    fn end(&mut self, row: u32);
}

/// Reads a layer's blob to its end and verifies it; the contents of its files go to the sink.
pub fn read_files(
    pool: &Pool,
    blob: Box<dyn Read + Send>,
    claims: &Claims,
    sink: Box<dyn FileSink>,
) -> Result<(), IndexError> {
    let (facts, rows) = blob::run(pool, blob, claims, Verify::Full, RowBuilder::with_sink(sink), &|_| {})?;
    rows.finish(&facts).map(drop).map_err(|source| IndexError::Tar { digest: facts.digest, source })
}
