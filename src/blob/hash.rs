//! The two digest algorithms that registries use, as one hasher.

use sha2::{Digest as _, Sha256, Sha512};

use super::{Chunk, Stage};
use crate::model::Digest;

/// A running digest.
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher of the algorithm that `expected` has.
    pub(super) fn like(expected: &Digest) -> Self {
        match expected {
            Digest::Sha256(_) => Self::Sha256(Sha256::new()),
            Digest::Sha512(_) => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finalize().into()),
        }
    }
}

impl Stage for Hasher {
    fn feed(&mut self, chunk: &Chunk) {
        match self {
            Self::Sha256(hasher) => hasher.update(chunk.bytes()),
            Self::Sha512(hasher) => hasher.update(chunk.bytes()),
        }
    }
}
