//! New images out of layers that are there. A [`Plan`] says which blobs stay as they are and which are made anew; it is
//! written into a layout that nobody sees, read back, compared with what it was to be ([`prove`]), and moved to its place.

mod config;
mod destination;
mod encode;
mod index;
mod layout;
mod merge;
mod optimize;
mod output;
mod pack;
mod plan;
mod proof;
mod push;
mod rebase;
mod recompress;
mod tar;
mod three_way;

use crate::model::Digest;
use crate::scan::ScanError;
use crate::source::RegistryError;

pub use config::Conflict;
pub use destination::{Destination, DestinationError};
pub use encode::Encoding;
pub use index::{listed, of_all};
pub use layout::{Draft, Hashing, LayoutWriter};
pub use merge::{Merged, Saved};
pub use optimize::{DROPS, Drops, Optimize, optimize};
pub use output::Output;
pub use plan::{NewFile, Plan, Step};
pub use proof::{Allowed, Proof, prove};
pub use rebase::{Onto, Rebase, rebase};

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
    /// A registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A sparse file, whose holes would be written as zeros.
    #[error("{path} is sparse, and would be written with all its zeros: leave it out with --drop {path}")]
    Sparse {
        /// The file.
        path: String,
    },
    /// A pattern that is none.
    #[error("{pattern:?} is neither something that can be dropped ({known}) nor a pattern of paths: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What can be dropped by name.
        known: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is there.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
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
