//! A tar reader that is given bytes, not one that asks for them, so that it can be one of several readers of a stream.
//!
//! It decides as Go's `archive/tar` does, which unpacks images for Docker, containerd and podman: their reading of a
//! tar is what an image means. Formats: POSIX.1-2017 pax, and GNU tar's manual ("Basic Tar Format", "Sparse Formats").
//! The `tar` crate gives a size in a hard link's header its own meaning and does not read pax sparse files.

mod header;
mod pax;
mod sparse;

use pax::Extensions;
use sparse::{Map, MapText};

pub use header::Header;
pub(super) use header::nobody_is_root;
pub(crate) use pax::record_length;

/// Tars are made of these.
pub(super) const BLOCK: usize = 512;
/// Names, links and pax records together are at most this long, as in Go.
const MAX_EXTENSION: u64 = 1 << 20;

/// What is told of a tar. Offsets are in bytes from the tar's start.
pub trait Visitor {
    /// An entry begins. `data` and `hole` follow, then `end`.
    fn begin(&mut self, header: &Header, offset: u64) -> Result<(), TarError>;
    /// The next bytes of its contents.
    fn data(&mut self, bytes: &[u8]);
    /// Zeros that a sparse file does not store.
    fn hole(&mut self, len: u64);
    /// The entry is complete.
    fn end(&mut self, offset: u64);
}

/// Why a stream is no tar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// It does not begin like one.
    #[error("it is no tar archive")]
    NotTar,
    /// A header is broken.
    #[error("the tar header at byte {offset} is broken: {reason}")]
    Header {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// It ends within an entry.
    #[error("the tar is cut short: it ends at byte {offset}, within an entry")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// A name or pax header of absurd length.
    #[error("the extended header at byte {offset} has {size} bytes: more than {MAX_EXTENSION} are refused")]
    Extension {
        /// Where.
        offset: u64,
        /// How long it says it is.
        size: u64,
    },
    /// A sparse file whose map makes no sense.
    #[error("the sparse file at byte {offset} is broken: {reason}")]
    Sparse {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A path that no Linux system can hold.
    #[error("the entry at byte {offset} has a path of {length} bytes: Linux takes at most {limit}")]
    Path {
        /// Where.
        offset: u64,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Paths, link targets and attributes beyond all measure.
    #[error("the tar has long paths, link targets and attributes without end: more than {limit} bytes are refused")]
    Long {
        /// How many bytes there may be.
        limit: u64,
    },
    /// More entries than can be counted.
    #[error("the tar has more than {limit} entries")]
    Entries {
        /// How many there may be.
        limit: usize,
    },
}

enum State {
    /// Collecting a header.
    Header,
    /// After one block of zeros.
    ZeroBlock,
    /// Collecting a long name or pax records.
    Extension { flag: u8, left: u64, text: Vec<u8> },
    /// Collecting more of an old GNU sparse map.
    MoreMap { header: Box<Header>, map: Map },
    /// Collecting a pax 1.0 sparse map, in front of the data.
    TextMap { header: Box<Header>, text: MapText },
    /// Contents.
    Data { left: u64, map: Option<Map> },
    /// Padding.
    Skip { left: u64 },
    /// After the end marker.
    End,
}

/// Reads a tar that is pushed to it.
pub struct TarReader {
    state: State,
    block: [u8; BLOCK],
    filled: usize,
    offset: u64,
    extensions: Extensions,
    /// Bytes after the end marker, up to the last that is not zero.
    after_end: (u64, u64),
}

impl Default for TarReader {
    fn default() -> Self {
        let (extensions, after_end) = Default::default();
        Self { state: State::Header, block: [0; BLOCK], filled: 0, offset: 0, extensions, after_end }
    }
}

impl TarReader {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Data { .. } => self.data(bytes, visitor),
                State::Extension { .. } => self.extension(bytes)?,
                State::Skip { left } => {
                    let used = at_most(bytes.len(), *left);
                    *left -= used as u64;
                    used
                }
                State::End => self.after_end(bytes),
                _ => self.fill_block(bytes),
            };
            self.offset += used as u64;
            bytes = &bytes[used..];
            self.settle(visitor)?;
        }
        Ok(())
    }

    /// The contents of the entry that has begun are not pushed: it has `len` bytes of them, which are passed over.
    pub(super) fn pass_over(&mut self, len: u64, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        match &mut self.state {
            State::Data { left, map: None } if *left == len => {
                *left = 0;
                self.offset = self.offset.saturating_add(len);
                self.settle(visitor)
            }
            _ if len == 0 => Ok(()),
            _ => Err(TarError::Header { offset: self.offset, reason: "its contents are of another length" }),
        }
    }

    /// Bytes that have been read or passed over.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The stream has ended. Gives the number of bytes from the end marker to the last one that is not zero.
    pub fn finish(&self) -> Result<u64, TarError> {
        // As in Go, the padding of the last entry may be missing.
        let between = matches!(self.state, State::Header | State::ZeroBlock | State::Skip { .. }) && self.filled == 0;
        match self.state {
            State::End => Ok(self.after_end.1),
            _ if between && self.extensions.is_empty() => Ok(0),
            _ if self.offset < BLOCK as u64 => Err(TarError::NotTar),
            _ => Err(TarError::Truncated { offset: self.offset }),
        }
    }

    /// Goes on to the next state as long as no more bytes are needed for it.
    fn settle(&mut self, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        loop {
            match &mut self.state {
                State::Header | State::ZeroBlock | State::MoreMap { .. } | State::TextMap { .. }
                    if self.filled == BLOCK =>
                {
                    self.filled = 0;
                    self.whole_block(visitor)?;
                }
                State::Extension { left: 0, .. } => self.end_extension()?,
                State::Data { left: 0, map } => {
                    if let Some(map) = map {
                        map.tail(visitor);
                    }
                    visitor.end(self.offset);
                    self.skip_padding();
                }
                State::Skip { left: 0 } => self.state = State::Header,
                _ => return Ok(()),
            }
        }
    }

    fn fill_block(&mut self, bytes: &[u8]) -> usize {
        let used = bytes.len().min(BLOCK - self.filled);
        self.block[self.filled..self.filled + used].copy_from_slice(&bytes[..used]);
        self.filled += used;
        used
    }

    fn data(&mut self, bytes: &[u8], visitor: &mut dyn Visitor) -> usize {
        let State::Data { left, map } = &mut self.state else { return 0 };
        let used = at_most(bytes.len(), *left);
        match map {
            Some(map) => map.data(&bytes[..used], visitor),
            None => visitor.data(&bytes[..used]),
        }
        *left -= used as u64;
        used
    }

    fn after_end(&mut self, bytes: &[u8]) -> usize {
        if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
            self.after_end.1 = self.after_end.0 + last as u64 + 1;
        }
        self.after_end.0 += bytes.len() as u64;
        bytes.len()
    }

    /// A block is complete: a header, or a piece of a sparse map.
    fn whole_block(&mut self, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        let offset = self.offset - BLOCK as u64;
        let zero = self.block.iter().all(|&byte| byte == 0);
        match std::mem::replace(&mut self.state, State::Header) {
            State::ZeroBlock if !zero => {
                Err(TarError::Header { offset, reason: "it follows a block of zeros, half an end marker" })
            }
            State::ZeroBlock => {
                self.state = State::End;
                Ok(())
            }
            State::MoreMap { header, map } => self.more_map(header, map, visitor),
            State::TextMap { header, text } => self.text_map(header, text, visitor),
            _ if zero => {
                self.state = State::ZeroBlock;
                Ok(())
            }
            _ => self.header(offset, visitor),
        }
    }

    fn header(&mut self, offset: u64, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        let mut header = Header::parse(&self.block).map_err(|reason| match offset {
            0 => TarError::NotTar,
            _ => TarError::Header { offset, reason },
        })?;
        if matches!(header.flag, b'x' | b'g' | b'L' | b'K') {
            if header.size > MAX_EXTENSION {
                return Err(TarError::Extension { offset, size: header.size });
            }
            self.state = State::Extension { flag: header.flag, left: header.size, text: Vec::new() };
            return Ok(());
        }
        header.offset = offset;
        let extensions = std::mem::take(&mut self.extensions);
        let sparse = extensions.apply(&mut header).map_err(|reason| TarError::Header { offset, reason })?;
        self.contents(Box::new(header), sparse, visitor)
    }

    /// The header is complete: what comes next is its sparse map, or its contents.
    fn contents(
        &mut self,
        mut header: Box<Header>,
        sparse: Option<pax::Sparse>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), TarError> {
        match sparse {
            Some(pax::Sparse::InData) => {
                self.state = State::TextMap { header, text: MapText::default() };
                Ok(())
            }
            Some(pax::Sparse::Map(runs)) => {
                let map = Map::new(runs, header.apparent_size);
                self.begin(header, Some(map), visitor)
            }
            None if header.flag == b'S' => {
                let (map, real_size, more) =
                    Map::old_gnu(&self.block).map_err(|reason| sparse_error(&header, reason))?;
                header.apparent_size = real_size;
                if more {
                    self.state = State::MoreMap { header, map };
                    return Ok(());
                }
                self.begin(header, Some(map), visitor)
            }
            None => self.begin(header, None, visitor),
        }
    }

    fn more_map(&mut self, header: Box<Header>, mut map: Map, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        let more = map.old_gnu_more(&self.block).map_err(|reason| sparse_error(&header, reason))?;
        if more {
            self.state = State::MoreMap { header, map };
            return Ok(());
        }
        self.begin(header, Some(map), visitor)
    }

    fn text_map(
        &mut self,
        mut header: Box<Header>,
        mut text: MapText,
        visitor: &mut dyn Visitor,
    ) -> Result<(), TarError> {
        let runs = text.block(&self.block).map_err(|reason| sparse_error(&header, reason))?;
        let left = header.size.checked_sub(BLOCK as u64);
        header.size = left.ok_or_else(|| sparse_error(&header, "its map is longer than its data"))?;
        match runs {
            None => {
                self.state = State::TextMap { header, text };
                Ok(())
            }
            Some(runs) => {
                let map = Map::new(runs, header.apparent_size);
                self.begin(header, Some(map), visitor)
            }
        }
    }

    fn begin(&mut self, header: Box<Header>, map: Option<Map>, visitor: &mut dyn Visitor) -> Result<(), TarError> {
        if let Some(map) = &map {
            map.check(header.size).map_err(|reason| sparse_error(&header, reason))?;
        }
        self.state = State::Data { left: header.size, map };
        visitor.begin(&header, self.offset)
    }

    fn extension(&mut self, bytes: &[u8]) -> Result<usize, TarError> {
        let State::Extension { left, text, .. } = &mut self.state else { return Ok(0) };
        let used = at_most(bytes.len(), *left);
        text.extend_from_slice(&bytes[..used]);
        *left -= used as u64;
        Ok(used)
    }

    fn end_extension(&mut self) -> Result<(), TarError> {
        let State::Extension { flag, text, .. } = std::mem::replace(&mut self.state, State::Header) else {
            return Ok(());
        };
        let offset = self.offset - text.len() as u64;
        self.extensions.add(flag, text).map_err(|reason| TarError::Header { offset, reason })?;
        self.skip_padding();
        Ok(())
    }

    /// Passes over what is left of the block.
    fn skip_padding(&mut self) {
        let block = BLOCK as u64;
        self.state = State::Skip { left: (block - self.offset % block) % block };
    }
}

fn sparse_error(header: &Header, reason: &'static str) -> TarError {
    TarError::Sparse { offset: header.offset, reason }
}

fn at_most(have: usize, left: u64) -> usize {
    usize::try_from(left).map_or(have, |left| have.min(left))
}
