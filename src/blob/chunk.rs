//! Pieces of a stream that several stages read at once, in buffers that are used again.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use crate::parallel::lock;

/// What a layer is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// As it is stored.
    Blob,
    /// What that decodes to.
    Tar,
}

/// A piece of a layer's tar or blob.
pub struct Chunk {
    buffer: Vec<u8>,
    len: usize,
    /// How many bytes of the blob had been read before its first byte was produced, after every [`MARK`] bytes, and after
    /// its last: the same whatever the sizes of pieces.
    pub stored: Vec<u64>,
    home: Buffers,
}

impl Chunk {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The stream that it is of.
    pub(super) fn stream(&self) -> Stream {
        self.home.stream
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.buffer));
    }
}

/// The buffers of one stream of a layer.
#[derive(Clone)]
pub(super) struct Buffers {
    stream: Stream,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// After so many bytes of a piece it is noted how far the blob had been read.
pub const MARK: usize = 256 << 10;
/// Buffers are of this size; less of one may be used, in whole marks.
pub(super) const BUFFER: usize = 4 * MARK;

impl Buffers {
    pub(super) fn of(stream: Stream) -> Self {
        Self { stream, free: Arc::default() }
    }

    /// Reads up to so many marks, at most a buffer full; less only at the stream's end. `stored` tells how far the blob has
    /// been read.
    pub(super) fn fill(&self, read: &mut dyn Read, marks: usize, stored: impl Fn() -> u64) -> io::Result<Chunk> {
        let mut chunk = Chunk { buffer: self.take(), len: 0, stored: vec![stored()], home: self.clone() };
        for end in (1..=marks).map(|mark| (mark * MARK).min(BUFFER)) {
            let start = chunk.len;
            while chunk.len < end {
                match read.read(&mut chunk.buffer[chunk.len..end]) {
                    Ok(0) => break,
                    Ok(n) => chunk.len += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if chunk.len > start {
                chunk.stored.push(stored());
            }
            if chunk.len < end {
                break;
            }
        }
        Ok(chunk)
    }

    fn take(&self) -> Vec<u8> {
        let free = lock(&self.free).pop();
        free.unwrap_or_else(|| vec![0; BUFFER])
    }

    fn give_back(&self, buffer: Vec<u8>) {
        lock(&self.free).push(buffer);
    }
}
