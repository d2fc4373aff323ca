//! A layer's table from the table of contents that eStargz and zstd:chunked layers carry, read by a few ranges of its
//! blob; and one file of such a layer, fetched alone.
//!
//! What is believed: the manifest is verified, and a layer's descriptor in it tells the digest of the table. So the
//! table is what the image's builder says of the layer, as the manifest is; podman and stargz-snapshotter run such
//! images by their tables. The blob's own digest and the diff ID are not verified, for which all of it has to be read:
//! an index of this kind is kept apart from those that are. A file that is fetched has the SHA-256 that the table tells.
//!
//! What is refused, so that the layer is read whole instead: a table that is broken, contradicts itself, is beyond all
//! measure, or lacks something that the full layer would tell. The rows are those of the full layer:
//!
//! - zstd:chunked: its tar-split is the layer's tar without the contents of files. It goes through the same reader of
//!   tars, and every row is as there. Without one (older writers) the rows are the table's.
//! - eStargz: the rows are the table's, and that of `stargz.index.json`, which no table lists but every engine unpacks,
//!   is read from the tar that it is in. The table tells times in whole seconds: fractions, which few builders write,
//!   are lost. The tar's length is what the annotation `io.containers.estargz.uncompressed-size` says.
//! - Where nothing tells the tar's length it is estimated, and a note says so.
//! - Both: of a sparse file the size is what a reader sees. Bytes that its download costs are exact, where the full
//!   layer gives an estimate.

mod announced;
mod entries;
mod estargz;
mod fetch;
mod files;
mod length;
mod time;
mod zstd_chunked;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::LayerIndex;
use super::tar::TarError;
use crate::blob::{Claims, Facts};
use crate::model::Digest;
use crate::source::{ResolveError, SourceError};

pub use announced::Toc;
use entries::Table;
pub use fetch::{read_file, verify};

/// Layers of fewer bytes are read whole: that costs one request, not two or three.
const SMALL: u64 = 64 << 10;

/// What is wanted of layers. Each has what those before it have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Needs {
    /// Their rows.
    Rows,
    /// Small system files and packages, too.
    Packages,
    /// What files need to run, too: all of a layer has to be read.
    #[default]
    Everything,
}

/// A layer's table that was made from its table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TocIndex {
    /// The table. Its blob's digest and its diff ID are those of manifest and config, and not verified.
    pub index: LayerIndex,
    /// Where its files are.
    pub places: Places,
}

/// Where the files of a layer are in its blob, by row, in order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places(Vec<Place>);

/// Where a file that is not empty is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    row: u32,
    /// Compressed data, which can be decompressed from its first byte on.
    at: u64,
    /// Where it ends, or the data of another file begins.
    end: u64,
    /// Bytes that it gives before the file's own.
    skip: u64,
}

impl Places {
    fn of(&self, row: u32) -> Option<&Place> {
        let at = self.0.binary_search_by_key(&row, |place| place.row).ok()?;
        Some(&self.0[at])
    }
}

/// Gives a part of the layer's blob, of just that length.
pub type Parts<'a> = &'a dyn Fn(Range<u64>) -> Result<Vec<u8>, TocError>;

/// Why a layer can't be indexed from its table of contents, or a file not be fetched alone.
#[derive(Debug, thiserror::Error)]
pub enum TocError {
    /// Parts of blobs are not to be had.
    #[error("its source gives whole blobs only")]
    WholeOnly,
    /// A part could not be had.
    #[error(transparent)]
    Source(#[from] Box<SourceError>),
    /// It is so small that it is read whole.
    #[error("it is small")]
    Small,
    /// The files that are wanted are so many, and so large, that it is read whole.
    #[error("what is wanted of it is all over it")]
    AllOver,
    /// The table does not tell what is wanted.
    #[error("its table of contents does not tell {what}")]
    Lacks {
        /// What.
        what: &'static str,
    },
    /// The table is another than the manifest says.
    #[error(transparent)]
    Corrupt(#[from] ResolveError),
    /// The table makes no sense.
    #[error("its table of contents is broken: {reason}")]
    Broken {
        /// What is wrong.
        reason: &'static str,
    },
    /// It is no JSON of the form that it should be.
    #[error("its table of contents is broken: {0}")]
    Json(#[from] serde_json::Error),
    /// It can't be decompressed.
    #[error("its table of contents is broken: it cannot be decompressed: {0}")]
    Decode(std::io::Error),
    /// Its tar makes no sense.
    #[error("its table of contents is broken: {0}")]
    Tar(#[from] TarError),
    /// A file is another than the table says.
    #[error("{path} is corrupt: its bytes have the digest {actual}, the table of contents says {expected}")]
    File {
        /// The file.
        path: String,
        /// What the table says.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// A file can't be decompressed.
    #[error("{path} is corrupt: it cannot be decompressed: {source}")]
    FileData {
        /// The file.
        path: String,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// A file could not be kept for a while.
    #[error("cannot write a temporary file: {0}; set TMPDIR to a folder with room")]
    Spool(std::io::Error),
}

/// What is verified, in error messages.
const WHAT: &str = "table of contents";

fn broken(reason: &'static str) -> TocError {
    TocError::Broken { reason }
}

/// Makes a layer's table from its table of contents.
pub fn read(toc: &Toc, claims: &Claims, needs: Needs, parts: Parts<'_>) -> Result<TocIndex, TocError> {
    if needs == Needs::Everything {
        return Err(TocError::Lacks { what: "what files need to run" });
    }
    if claims.size < SMALL {
        return Err(TocError::Small);
    }
    let mut table = Table::default();
    let tail = toc.read(claims, parts, &mut table)?;
    table.check(tail.tar_bytes)?;
    let tar_bytes = tail.tar_bytes.unwrap_or_else(|| table.estimate());
    if needs > Needs::Rows {
        files::read(&mut table, claims.size, parts)?;
    }
    let Claims { digest, size, diff_id } = *claims;
    let facts = Facts { digest, stored_bytes: size, diff_id, tar_bytes };
    let mut index = table.rows.finish(&facts, tail.after_end);
    index.tell_by_sha256();
    Ok(TocIndex { index, places: table.places })
}

/// What is known of a layer's tar beside its entries.
struct Tail {
    /// Its length, where that is known.
    tar_bytes: Option<u64>,
    /// Bytes behind its end marker.
    after_end: u64,
}
