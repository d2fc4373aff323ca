//! The two digest algorithms that registries use, as one hasher, and the two digests of a layer at once.

use std::collections::VecDeque;
use std::sync::Arc;

use sha2::{Digest as _, Sha256, Sha512};

use super::chunk::Stream;
use super::{Chunk, Stage};
use crate::model::Digest;

/// Bytes that SHA-256 takes in a step (FIPS 180-4).
const BLOCK: usize = 64;
/// Pieces of the blob that wait for as much of the tar: more come where the tar is the shorter.
const MOST_WAITING: usize = 2;

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

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Takes bytes, and another takes its own, as many. A step of SHA-256 waits for the step before; while it does, a
    /// processor has time for a step of another: steps in turn take three quarters of the time that they take one
    /// digest after the other (benches/README.md).
    fn update_both(&mut self, bytes: &[u8], other: &mut Self, others: &[u8]) {
        match (self, other) {
            (Self::Sha256(one), Self::Sha256(other)) => {
                for (bytes, others) in bytes.chunks(BLOCK).zip(others.chunks(BLOCK)) {
                    one.update(bytes);
                    other.update(others);
                }
            }
            (one, other) => {
                one.update(bytes);
                other.update(others);
            }
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finalize().into()),
        }
    }
}

/// The digests of a layer's blob and, if it is wanted, of its tar.
pub(super) struct Digests {
    blob: Hasher,
    tar: Option<Hasher>,
    /// Whether the blob is the tar.
    plain: bool,
    /// Of the blob, what waits to be hashed beside the tar.
    waiting: VecDeque<Arc<Chunk>>,
    /// How much of the first of them is hashed.
    at: usize,
}

impl Digests {
    pub(super) fn new(blob: Hasher, tar: Option<Hasher>, plain: bool) -> Self {
        Self { blob, tar, plain, waiting: VecDeque::new(), at: 0 }
    }

    /// Both, of all that came.
    pub(super) fn finish(mut self) -> (Digest, Option<Digest>) {
        while self.hash_waiting() {}
        (self.blob.finish(), self.tar.map(Hasher::finish))
    }

    /// Hashes what is left of the first piece that waits; `false` where there is none.
    fn hash_waiting(&mut self) -> bool {
        let Some(chunk) = self.waiting.pop_front() else { return false };
        self.blob.update(&chunk.bytes()[self.at..]);
        self.at = 0;
        true
    }
}

impl Stage for Digests {
    fn feed(&mut self, chunk: &Arc<Chunk>) {
        let mut bytes = chunk.bytes();
        match (&mut self.tar, chunk.stream()) {
            (Some(tar), Stream::Tar) => {
                while let (Some(first), false) = (self.waiting.front(), bytes.is_empty()) {
                    let waiting = &first.bytes()[self.at..];
                    let (now, later) = bytes.split_at(waiting.len().min(bytes.len()));
                    tar.update_both(now, &mut self.blob, &waiting[..now.len()]);
                    let done = now.len() == waiting.len();
                    (bytes, self.at) = (later, if done { 0 } else { self.at + now.len() });
                    if done {
                        self.waiting.pop_front();
                    }
                }
                tar.update(bytes);
            }
            (Some(_), Stream::Blob) if !self.plain => {
                self.waiting.push_back(Arc::clone(chunk));
                if self.waiting.len() > MOST_WAITING {
                    self.hash_waiting();
                }
            }
            (None, Stream::Tar) => {}
            (tar, _) => {
                self.blob.update(bytes);
                if let Some(tar) = tar {
                    tar.update(bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::chunk::Buffers;
    use super::*;

    fn hash(like: &Digest, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::like(like);
        hasher.update(bytes);
        hasher.finish()
    }

    proptest! {
        /// However the two streams come, in whatever pieces.
        #[test]
        fn two_digests_at_once_are_what_each_is_alone(
            pieces in vec((any::<bool>(), 1_usize..400, any::<u8>()), 0..40), apart in any::<bool>(), long in any::<bool>(),
        ) {
            let (sha256, sha512) = (Digest::Sha256([0; 32]), Digest::Sha512([0; 64]));
            let of_tar = if long { sha512 } else { sha256 };
            let mut digests = Digests::new(Hasher::like(&sha256), apart.then(|| Hasher::like(&of_tar)), false);
            let (blobs, tars) = (Buffers::of(Stream::Blob), Buffers::of(Stream::Tar));
            let (mut blob, mut tar) = (Vec::new(), Vec::new());
            for (is_blob, len, byte) in pieces {
                // Whole blocks too: those are hashed without a copy.
                let piece = vec![byte; if len % 2 == 0 { len * 32 } else { len }];
                let (buffers, all) = if is_blob { (&blobs, &mut blob) } else { (&tars, &mut tar) };
                digests.feed(&Arc::new(buffers.fill(&mut &*piece, 1, || 0).unwrap()));
                all.extend(piece);
            }
            let expected = (hash(&sha256, &blob), apart.then(|| hash(&of_tar, &tar)));
            prop_assert_eq!(digests.finish(), expected);
        }
    }
}
