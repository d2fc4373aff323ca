//! One pass over a blob: its digest, its decompression, the digest of its tar, and whatever reads the tar.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::sync::Arc;

use super::chunk::{BUFFER, Buffers, Chunk};
use super::hash::Hasher;
use super::lane::{Lane, Pool, Stage};
use super::{BlobError, Compression, Verify};
use crate::model::{DiffId, Digest};

/// What manifest and config claim of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Claims {
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Digest of the tar.
    pub diff_id: DiffId,
}

/// What a layer turned out to be; equal to the claims where they were verified.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub stored_bytes: u64,
    /// Digest of the tar.
    pub diff_id: DiffId,
    /// Bytes of the tar.
    pub tar_bytes: u64,
}

/// Small pieces stay in the cache of the processor that decodes them and hashes them at once.
const SMALL: usize = 256 << 10;

/// Reads a blob to its end, feeding its tar to `stage`, and checks it against the claims.
///
/// `on_read` hears of every piece of the blob that arrives, in bytes.
pub fn run<S: Stage>(
    pool: &Pool,
    blob: Box<dyn Read + Send>,
    claims: &Claims,
    verify: Verify,
    stage: S,
    on_read: &dyn Fn(u64),
) -> Result<(Facts, S), BlobError> {
    let _decoding = pool.decoding();
    let pass = Pass { pool, claims, verify, on_read, tar_lane: pool.open(stage) };
    let result = pass.read(blob);
    let stage = pool.close(&pass.tar_lane);
    let facts = result?;
    let gone = || io::Error::other("the layer's reader has stopped");
    stage.map(|stage| (facts, stage)).ok_or_else(|| pass.unreadable(gone()))
}

struct Pass<'a, S> {
    pool: &'a Pool,
    claims: &'a Claims,
    verify: Verify,
    on_read: &'a dyn Fn(u64),
    tar_lane: Arc<Lane<S>>,
}

impl<S: Stage> Pass<'_, S> {
    fn read(&self, source: Box<dyn Read + Send>) -> Result<Facts, BlobError> {
        let mut blob = Blob::new(self, source);
        let head = blob.fill_buf().map(Compression::of);
        let compression = head.unwrap_or(Compression::None);
        let hashed_apart =
            compression != Compression::None || self.claims.digest.algorithm() != self.claims.diff_id.0.algorithm();
        let diff_lane =
            (self.verify == Verify::Full && hashed_apart).then(|| self.pool.open(Hasher::like(&self.claims.diff_id.0)));
        let decoded = match compression {
            Compression::None => self.pass_on(&mut blob, diff_lane.as_ref()),
            _ => self.decode(compression, &mut blob, diff_lane.as_ref()),
        };
        let diff_id = diff_lane.and_then(|lane| self.pool.close(&lane)).map(|hasher| DiffId(hasher.finish()));
        // Where the blob itself is not what it should be, that is the reason to give: so it is read to its end.
        while decoded.is_err() && blob.failed.is_none() && blob.next() {}
        let digest = self.blob_digest(&mut blob)?;
        let broken = |source| BlobError::Decode { digest, compression, source };
        let tar_bytes = decoded.map_err(broken)?;
        let diff_id = diff_id.unwrap_or(match (self.verify, compression) {
            (Verify::Full | Verify::Blob, Compression::None) => DiffId(digest),
            _ => self.claims.diff_id,
        });
        self.check_diff_id(Facts { digest, stored_bytes: blob.read, diff_id, tar_bytes })
    }

    /// A plain tar is handed on as it is. Gives its length.
    fn pass_on(&self, blob: &mut Blob<'_, S>, diff_lane: Option<&Arc<Lane<Hasher>>>) -> io::Result<u64> {
        while let Some(chunk) = blob.chunk.take() {
            self.hand_on(chunk, diff_lane);
            blob.next();
        }
        Ok(blob.read)
    }

    /// Decodes to the end, handing on each piece. Gives the tar's length.
    fn decode(
        &self,
        compression: Compression,
        blob: &mut Blob<'_, S>,
        diff_lane: Option<&Arc<Lane<Hasher>>>,
    ) -> io::Result<u64> {
        let position = Rc::clone(&blob.position);
        let mut decoder = compression.decoder(blob)?;
        let (buffers, mut tar_bytes) = (Buffers::default(), 0);
        loop {
            let from = position.get();
            let want = if self.pool.is_full() || compression == Compression::Zstd { SMALL } else { BUFFER };
            let mut chunk = buffers.fill(&mut *decoder, want)?;
            if chunk.bytes().is_empty() {
                return Ok(tar_bytes);
            }
            tar_bytes += chunk.bytes().len() as u64;
            chunk.stored = (from, position.get());
            self.hand_on(Arc::new(chunk), diff_lane);
        }
    }

    fn hand_on(&self, chunk: Arc<Chunk>, diff_lane: Option<&Arc<Lane<Hasher>>>) {
        if let Some(lane) = diff_lane {
            self.pool.push(lane, Arc::clone(&chunk));
        }
        self.pool.push(&self.tar_lane, chunk);
    }

    /// The blob's digest, with its size checked.
    fn blob_digest(&self, blob: &mut Blob<'_, S>) -> Result<Digest, BlobError> {
        let hasher = blob.lane.take().and_then(|lane| self.pool.close(&lane));
        if let Some(error) = blob.failed.take() {
            return Err(self.unreadable(error));
        }
        let (expected, actual) = (self.claims.digest, hasher.map_or(self.claims.digest, Hasher::finish));
        if self.verify != Verify::None && blob.read != self.claims.size {
            return Err(BlobError::Size { digest: expected, expected: self.claims.size, actual: blob.read });
        }
        if actual == expected { Ok(actual) } else { Err(BlobError::Digest { expected, actual }) }
    }

    fn check_diff_id(&self, facts: Facts) -> Result<Facts, BlobError> {
        let (expected, actual) = (self.claims.diff_id, facts.diff_id);
        match actual == expected || self.verify != Verify::Full {
            true => Ok(facts),
            false => Err(BlobError::DiffId { digest: self.claims.digest, expected, actual }),
        }
    }

    fn unreadable(&self, source: io::Error) -> BlobError {
        BlobError::Read { digest: self.claims.digest, source }
    }
}

/// The blob as it arrives: hashed beside, counted, and served to the decoder without a copy.
struct Blob<'a, S> {
    pass: &'a Pass<'a, S>,
    source: Box<dyn Read + Send>,
    buffers: Buffers,
    lane: Option<Arc<Lane<Hasher>>>,
    chunk: Option<Arc<Chunk>>,
    /// How much of the piece the decoder has taken.
    at: usize,
    /// Bytes that have arrived.
    read: u64,
    /// Bytes that the decoder has taken.
    position: Rc<Cell<u64>>,
    /// What the source said when it failed.
    failed: Option<io::Error>,
}

impl<'a, S: Stage> Blob<'a, S> {
    /// With its first piece.
    fn new(pass: &'a Pass<'a, S>, source: Box<dyn Read + Send>) -> Self {
        let hasher = (pass.verify != Verify::None).then(|| Hasher::like(&pass.claims.digest));
        let lane = hasher.map(|hasher| pass.pool.open(hasher));
        let (buffers, position) = Default::default();
        let mut blob = Self { pass, source, buffers, lane, chunk: None, at: 0, read: 0, position, failed: None };
        blob.next();
        blob
    }

    /// Gets the next piece, if there is one. A blob longer than it claims to be ends there: it is refused anyway.
    fn next(&mut self) -> bool {
        (self.chunk, self.at) = (None, 0);
        if self.pass.verify != Verify::None && self.read > self.pass.claims.size {
            return false;
        }
        match self.buffers.fill(&mut *self.source, SMALL) {
            Ok(chunk) if chunk.bytes().is_empty() => false,
            Ok(chunk) => {
                self.arrived(chunk);
                true
            }
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }

    fn arrived(&mut self, mut chunk: Chunk) {
        let (from, len) = (self.read, chunk.bytes().len() as u64);
        self.read += len;
        (self.pass.on_read)(len);
        chunk.stored = (from, self.read);
        let chunk = Arc::new(chunk);
        if let Some(lane) = &self.lane {
            self.pass.pool.push(lane, Arc::clone(&chunk));
        }
        self.chunk = Some(chunk);
    }

    fn rest(&self) -> &[u8] {
        self.chunk.as_ref().map_or(&[], |chunk| &chunk.bytes()[self.at..])
    }
}

impl<S: Stage> BufRead for Blob<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() {
            self.next();
        }
        // What the source said is told when decoding has given up.
        if self.failed.is_some() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(self.rest()) }
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
        self.position.set(self.position.get() + n as u64);
    }
}

impl<S: Stage> Read for Blob<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}
