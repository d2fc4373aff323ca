//! Compression on all processors: the stream is cut into blocks, which are compressed by themselves and put together in
//! order. Both gzip (RFC 1952, 2.2: members) and zstd (RFC 8878, 3: frames) are made for that. The bytes do not depend on
//! how many processors there are.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::blob::Compression;

/// Bytes of a block. Smaller ones compress worse: each knows nothing of the one before.
const BLOCK: usize = 4 << 20;

/// How a layer is to be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// As what.
    pub compression: Compression,
    /// How hard: 1 to 9 for gzip, 1 to 22 for zstd.
    pub level: u8,
}

impl Encoding {
    /// With the level that its own tool takes by default.
    pub fn usual(compression: Compression) -> Self {
        Self { compression, level: if compression == Compression::Zstd { 3 } else { 6 } }
    }

    /// The highest level there is.
    pub fn most(compression: Compression) -> u8 {
        if compression == Compression::Zstd { 22 } else { 9 }
    }

    fn block(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self.compression {
            Compression::None => Ok(bytes),
            Compression::Zstd => zstd::bulk::compress(&bytes, self.level.into()),
            Compression::Gzip => {
                let level = flate2::Compression::new(self.level.into());
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
        }
    }
}

type Compressed = io::Result<Vec<u8>>;
type Job = (Vec<u8>, Sender<Compressed>);

/// Compresses what is written to it.
#[derive(Debug)]
pub(super) struct Encoder<W> {
    to: W,
    block: Vec<u8>,
    /// Blocks that are being compressed, in order.
    waiting: VecDeque<Receiver<Compressed>>,
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
    began: bool,
}

impl<W: Write> Encoder<W> {
    /// With so many threads.
    pub(super) fn new(to: W, encoding: Encoding, threads: usize) -> Self {
        let (jobs, inbox) = channel::<Job>();
        let inbox = Arc::new(Mutex::new(inbox));
        let worker = |_| {
            let inbox = Arc::clone(&inbox);
            std::thread::spawn(move || {
                loop {
                    let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((block, reply)) = job else { return };
                    reply.send(encoding.block(block)).ok();
                }
            })
        };
        let workers = (0..threads.max(1)).map(worker).collect();
        Self { to, block: Vec::new(), waiting: VecDeque::new(), jobs: Some(jobs), workers, began: false }
    }

    /// Writes what is left, and gives where it went.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() || !self.began {
            self.hand_on()?;
        }
        while !self.waiting.is_empty() {
            self.take_in()?;
        }
        self.jobs = None;
        self.workers.drain(..).for_each(|worker| drop(worker.join()));
        Ok(self.to)
    }

    /// Gives the block to a thread. No more wait than keep the threads busy.
    fn hand_on(&mut self) -> io::Result<()> {
        self.began = true;
        let (reply, result) = channel();
        let sent = self.jobs.as_ref().map(|jobs| jobs.send((std::mem::take(&mut self.block), reply)));
        if !matches!(sent, Some(Ok(()))) {
            return Err(stopped());
        }
        self.waiting.push_back(result);
        while self.waiting.len() > 2 * self.workers.len() {
            self.take_in()?;
        }
        Ok(())
    }

    fn take_in(&mut self) -> io::Result<()> {
        let Some(first) = self.waiting.pop_front() else { return Ok(()) };
        self.to.write_all(&first.recv().map_err(|_| stopped())??)
    }
}

fn stopped() -> io::Error {
    io::Error::other("a compressing thread has stopped")
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..n]);
        if self.block.len() == BLOCK {
            self.hand_on()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn encoded(bytes: &[u8], compression: Compression, threads: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new(), Encoding::usual(compression), threads);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn blocks_are_one_stream() {
        let bytes: Vec<u8> = (0..9_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).take(2 * BLOCK + 12_345).collect();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            for part in [&bytes[..], &bytes[..BLOCK], b""] {
                let once = encoded(part, compression, 1);
                assert_eq!(once, encoded(part, compression, 5), "{compression}");
                assert!(part.is_empty() || Compression::of(&once) == compression);
                let mut decoded = Vec::new();
                compression.decoder(&once[..]).unwrap().read_to_end(&mut decoded).unwrap();
                assert!(decoded == part, "{compression}");
            }
        }
    }
}
