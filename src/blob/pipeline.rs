//! One pass over a blob: its digest, its decompression, the digest of its tar, and whatever reads the tar.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::sync::Arc;

use super::chunk::{BUFFER, Buffers, Chunk, MARK, Stream};
use super::gzip::{Gzip, Sum};
use super::hash::{Digests, Hasher};
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

/// Marks of small pieces, which stay in the cache of the processor that decodes them and hashes them at once.
const SMALL: usize = 1;
/// … of large ones, for others to work on.
const LARGE: usize = BUFFER / MARK;

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
        let compression = blob.compression;
        let decoded = match compression {
            Compression::None => self.pass_on(&mut blob),
            _ => self.decode(&mut blob),
        };
        // Where the blob itself is not what it should be, that is the reason to give: so it is read to its end.
        while decoded.is_err() && blob.failed.is_none() && blob.next() {}
        let (digest, diff_id) = self.digests(&mut blob)?;
        let broken = |source| BlobError::Decode { digest, compression, source };
        let tar_bytes = decoded.map_err(broken)?;
        self.check_diff_id(Facts { digest, stored_bytes: blob.read, diff_id, tar_bytes })
    }

    /// What computes the digests that are to be verified.
    fn hashers(&self, compression: Compression) -> Option<Digests> {
        let (digest, diff_id) = (&self.claims.digest, &self.claims.diff_id.0);
        // A plain tar is its blob.
        let plain = compression == Compression::None;
        let apart = !plain || digest.algorithm() != diff_id.algorithm();
        let tar = (self.verify == Verify::Full && apart).then(|| Hasher::like(diff_id));
        (self.verify != Verify::None).then(|| Digests::new(Hasher::like(digest), tar, plain))
    }

    /// A plain tar is handed on as it is. Gives its length.
    fn pass_on(&self, blob: &mut Blob<'_, S>) -> io::Result<u64> {
        while let Some(chunk) = blob.chunk.take() {
            self.pool.push(&self.tar_lane, chunk);
            self.pool.wake();
            blob.next();
        }
        Ok(blob.read)
    }

    /// Decodes to the end, handing on each piece. Gives the tar's length.
    fn decode(&self, blob: &mut Blob<'_, S>) -> io::Result<u64> {
        let position = Rc::clone(&blob.position);
        let digests = blob.digests.clone().filter(|_| self.verify == Verify::Full);
        let hand_on = |chunk: Arc<Chunk>| {
            if let Some(lane) = &digests {
                self.pool.push(lane, Arc::clone(&chunk));
            }
            self.pool.push(&self.tar_lane, chunk);
            self.pool.wake();
        };
        if blob.compression != Compression::Gzip {
            return pour(&mut *blob.compression.decoder(blob)?, || SMALL, &position, hand_on);
        }
        let (mut gzip, sums) = (Gzip::new(blob), self.pool.open(Sum::default()));
        let marks = || if self.pool.is_full() { SMALL } else { LARGE };
        let tar_bytes = pour(&mut gzip, marks, &position, |chunk| {
            self.pool.push(&sums, Arc::clone(&chunk));
            hand_on(chunk);
        });
        let sum = self.pool.close(&sums).unwrap_or_default();
        tar_bytes.and_then(|tar_bytes| gzip.check(&sum).map(|()| tar_bytes))
    }

    /// The digests of blob and tar, those of the blob and its size checked. What is not verified is as it is claimed.
    fn digests(&self, blob: &mut Blob<'_, S>) -> Result<(Digest, DiffId), BlobError> {
        let digests = blob.digests.take().and_then(|lane| self.pool.close(&lane)).map(Digests::finish);
        if let Some(error) = blob.failed.take() {
            return Err(self.unreadable(error));
        }
        let Claims { digest: expected, size, diff_id } = *self.claims;
        let (actual, tar) = digests.unwrap_or((expected, None));
        if self.verify != Verify::None && blob.read != size {
            return Err(BlobError::Size { digest: expected, expected: size, actual: blob.read });
        }
        if actual != expected {
            return Err(BlobError::Digest { expected, actual });
        }
        let is_tar = blob.compression == Compression::None && self.verify != Verify::None;
        Ok((actual, tar.or(is_tar.then_some(actual)).map_or(diff_id, DiffId)))
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

/// Reads to the end, in pieces of so many marks. Gives how much it was.
fn pour(
    decoder: &mut dyn Read,
    marks: impl Fn() -> usize,
    position: &Cell<u64>,
    hand_on: impl Fn(Arc<Chunk>),
) -> io::Result<u64> {
    let (buffers, mut tar_bytes) = (Buffers::of(Stream::Tar), 0);
    loop {
        let chunk = buffers.fill(decoder, marks(), || position.get())?;
        if chunk.bytes().is_empty() {
            return Ok(tar_bytes);
        }
        tar_bytes += chunk.bytes().len() as u64;
        hand_on(Arc::new(chunk));
    }
}

/// The blob as it arrives: hashed beside, counted, and served to the decoder without a copy.
struct Blob<'a, S> {
    pass: &'a Pass<'a, S>,
    source: Box<dyn Read + Send>,
    buffers: Buffers,
    compression: Compression,
    digests: Option<Arc<Lane<Digests>>>,
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
    /// With its first piece, which tells how it is compressed.
    fn new(pass: &'a Pass<'a, S>, source: Box<dyn Read + Send>) -> Self {
        let mut blob = Self {
            pass,
            source,
            buffers: Buffers::of(Stream::Blob),
            compression: Compression::None,
            digests: None,
            chunk: None,
            at: 0,
            read: 0,
            position: Rc::default(),
            failed: None,
        };
        blob.next();
        blob.compression = Compression::of(blob.rest());
        blob.digests = pass.hashers(blob.compression).map(|digests| pass.pool.open(digests));
        blob.hash();
        blob
    }

    /// Gets the next piece, if there is one. A blob longer than it claims to be ends there: it is refused anyway.
    fn next(&mut self) -> bool {
        (self.chunk, self.at) = (None, 0);
        if self.pass.verify != Verify::None && self.read > self.pass.claims.size {
            return false;
        }
        let before = self.read;
        match self.buffers.fill(&mut *self.source, SMALL, || before) {
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
        chunk.stored = vec![from, self.read];
        self.chunk = Some(Arc::new(chunk));
        self.hash();
    }

    fn hash(&self) {
        if let (Some(lane), Some(chunk)) = (&self.digests, &self.chunk) {
            self.pass.pool.push(lane, Arc::clone(chunk));
        }
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
