//! New images out of layers that are there: their blobs are copied as they are, and checked while they are.

mod layout;
mod stack;

use crate::model::Digest;
use crate::scan::ScanError;

pub use layout::{Draft, Hashing, LayoutWriter};
pub use stack::{Stack, copy};

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// A layer could not be had again.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A blob is not what it was when it was scanned.
    #[error("{reference}: layer {expected} came as {found} when it was read again: nothing was written")]
    Changed {
        /// The image.
        reference: String,
        /// Its digest when it was scanned.
        expected: Digest,
        /// Its digest now.
        found: Digest,
    },
    /// A file.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
