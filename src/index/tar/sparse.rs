//! Maps of sparse files: which runs of the file are stored.

use super::header::number;
use super::pax::decimal;
use super::{BLOCK, Visitor};

/// More runs than this are refused: 16 MiB of map.
pub(super) const MAX_RUNS: usize = 1 << 20;

/// A stored run of a sparse file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where it belongs in the file.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) len: u64,
}

/// The runs of a file, and how far it has been read.
pub(super) struct Map {
    runs: Vec<Run>,
    size: u64,
    /// The current run, and the place in the file.
    next: usize,
    at: u64,
}

impl Map {
    pub(super) fn new(runs: Vec<Run>, size: u64) -> Self {
        Self { runs, size, next: 0, at: 0 }
    }

    /// The map in an old GNU header, the file's size, and whether more of the map follows.
    pub(super) fn old_gnu(block: &[u8; BLOCK]) -> Result<(Self, u64, bool), &'static str> {
        let size = number(&block[483..495]).and_then(|size| u64::try_from(size).ok()).ok_or("its size is no number")?;
        let mut map = Self::new(Vec::new(), size);
        map.add(&block[386..482])?;
        Ok((map, size, block[482] != 0))
    }

    /// A block that goes on with an old GNU map; whether yet another follows.
    pub(super) fn old_gnu_more(&mut self, block: &[u8; BLOCK]) -> Result<bool, &'static str> {
        self.add(&block[..504])?;
        if self.runs.len() > MAX_RUNS { Err("its map is too long") } else { Ok(block[504] != 0) }
    }

    fn add(&mut self, entries: &[u8]) -> Result<(), &'static str> {
        for entry in entries.chunks_exact(24).take_while(|entry| entry[0] != 0) {
            let field = |text| number(text).and_then(|n| u64::try_from(n).ok()).ok_or("its map holds no number");
            self.runs.push(Run { offset: field(&entry[..12])?, len: field(&entry[12..])? });
        }
        Ok(())
    }

    /// Whether the runs follow each other within the file, and add up to what the tar stores.
    pub(super) fn check(&self, stored: u64) -> Result<(), &'static str> {
        let mut end = 0_u64;
        let mut sum = 0_u64;
        for run in &self.runs {
            if run.offset < end {
                return Err("its runs overlap");
            }
            end =
                run.offset.checked_add(run.len).filter(|&end| end <= self.size).ok_or("a run lies outside the file")?;
            sum += run.len;
        }
        if sum == stored { Ok(()) } else { Err("its runs don't add up to its data") }
    }

    /// Hands on stored bytes, and the holes before them.
    pub(super) fn data(&mut self, mut bytes: &[u8], visitor: &mut dyn Visitor) {
        while let (false, Some(&run)) = (bytes.is_empty(), self.runs.get(self.next)) {
            self.hole_to(run.offset, visitor);
            let left = run.offset + run.len - self.at;
            let used = super::at_most(bytes.len(), left);
            visitor.data(&bytes[..used]);
            bytes = &bytes[used..];
            self.at += used as u64;
            if used as u64 == left {
                self.next += 1;
            }
        }
    }

    /// Hands on the hole at the file's end.
    pub(super) fn tail(&mut self, visitor: &mut dyn Visitor) {
        self.hole_to(self.size, visitor);
    }

    fn hole_to(&mut self, offset: u64, visitor: &mut dyn Visitor) {
        if offset > self.at {
            visitor.hole(offset - self.at);
            self.at = offset;
        }
    }
}

/// A pax 1.0 map: decimal numbers, a line each, first the count of runs, padded to a block.
#[derive(Default)]
pub(super) struct MapText {
    line: Vec<u8>,
    numbers: Vec<u64>,
}

impl MapText {
    /// Takes the next block; the runs, once they are complete.
    pub(super) fn block(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<Run>>, &'static str> {
        for &byte in block {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let number = decimal(&self.line).ok_or("its map holds no number")?;
            self.line.clear();
            self.numbers.push(number);
            if self.numbers[0] > MAX_RUNS as u64 {
                return Err("its map is too long");
            }
            if self.numbers.len() as u64 == 1 + 2 * self.numbers[0] {
                let pairs = self.numbers[1..].chunks_exact(2);
                return Ok(Some(pairs.map(|pair| Run { offset: pair[0], len: pair[1] }).collect()));
            }
        }
        if self.line.len() > 20 { Err("its map holds no number") } else { Ok(None) }
    }
}
