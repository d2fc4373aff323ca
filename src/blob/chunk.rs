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
    /// How many bytes of the blob had been read before this piece was produced, and after.
    pub stored: (u64, u64),
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

/// Buffers are of this size; less of one may be used.
pub(super) const BUFFER: usize = 1 << 20;

impl Buffers {
    pub(super) fn of(stream: Stream) -> Self {
        Self { stream, free: Arc::default() }
    }

    /// Reads up to `want` bytes, at most a buffer full. Shorter only at the stream's end.
    pub(super) fn fill(&self, read: &mut dyn Read, want: usize) -> io::Result<Chunk> {
        let mut chunk = Chunk { buffer: self.take(), len: 0, stored: (0, 0), home: self.clone() };
        let want = want.min(BUFFER);
        while chunk.len < want {
            match read.read(&mut chunk.buffer[chunk.len..want]) {
                Ok(0) => break,
                Ok(n) => chunk.len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
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
