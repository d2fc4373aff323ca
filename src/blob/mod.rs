//! A layer's blob: decoded, hashed and read to its last byte before anything of it is believed.

mod chunk;
mod decode;
mod gzip;
mod hash;
mod lane;
mod pipeline;

use crate::model::{DiffId, Digest};

pub use chunk::{Chunk, MARK};
pub use decode::Compression;
pub use lane::{Pool, Stage};
pub use pipeline::{Claims, Facts, run};

/// How much is checked of a layer that is read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verify {
    /// The blob's digest and size, and the diff ID of its tar.
    #[default]
    Full,
    /// The blob's digest and size.
    Blob,
    /// Nothing: what the manifest and config claim is repeated.
    None,
}

/// Why a blob is not the layer that it should be.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It could not be read.
    #[error("cannot read layer {digest}: {source}")]
    Read {
        /// The layer.
        digest: Digest,
        /// What the source said.
        source: std::io::Error,
    },
    /// Its compression is broken.
    #[error("layer {digest} is broken: {compression} data cannot be decompressed: {source}")]
    Decode {
        /// The layer.
        digest: Digest,
        /// `gzip` or `zstd`.
        compression: Compression,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// It is shorter or longer than its descriptor says.
    #[error("layer {digest} is corrupt: it has {actual} bytes, its descriptor says {expected}")]
    Size {
        /// The layer.
        digest: Digest,
        /// What the manifest says.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// Its bytes are others.
    #[error(
        "layer {expected} is corrupt: its bytes have the digest {actual}; fetch it again, or ask who built the image"
    )]
    Digest {
        /// What the manifest says.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Its tar is another than the config says.
    #[error("layer {digest} is not what the image's config says: diff ID {actual} instead of {expected}")]
    DiffId {
        /// The layer.
        digest: Digest,
        /// What the config says.
        expected: DiffId,
        /// What came.
        actual: DiffId,
    },
}
