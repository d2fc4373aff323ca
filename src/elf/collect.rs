//! Keeps of a file that comes in pieces what its loader would read, in bounded memory.

use std::ops::Range;

use super::Loadable;
use super::parts::Parts;
use super::read::{self, Header};

/// A file that is not larger, in bytes, is kept whole.
const SMALL: u64 = 512 << 10;
/// So much is kept of any file, in bytes: all of a program, and otherwise what its program headers name.
pub const MOST: u64 = 16 << 20;
/// Headers that say what is wanted are looked for in so much of a file's beginning, in bytes.
const HEADERS: usize = 4096;
/// Where the program headers can't be found at the beginning: tools that mend paths may append them.
const TAIL: u64 = 2 << 20;

/// Takes a file of ELF's form, piece by piece.
pub struct Collector {
    size: u64,
    /// Whether all of it is wanted, if there is not too much.
    whole: bool,
    at: u64,
    /// The beginning, until it tells what is wanted.
    first: Vec<u8>,
    /// In order and apart; known once the beginning is there.
    wanted: Option<Vec<Range<u64>>>,
    parts: Vec<(u64, Vec<u8>)>,
}

impl Collector {
    /// For a file of so many bytes. `whole` asks for all of it, which is given if it has not more than [`MOST`].
    pub fn new(size: u64, whole: bool) -> Self {
        let whole = size <= if whole { MOST } else { SMALL };
        Self { size, whole, at: 0, first: Vec::new(), wanted: None, parts: Vec::new() }
    }

    /// The next bytes of the file.
    pub fn data(&mut self, bytes: &[u8]) {
        if self.wanted.is_some() {
            return self.pass(bytes);
        }
        let length = HEADERS.saturating_sub(self.first.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(length);
        self.first.extend_from_slice(first);
        if self.first.len() == HEADERS {
            self.decide();
            self.pass(rest);
        }
    }

    fn decide(&mut self) {
        let first = std::mem::take(&mut self.first);
        let all = || std::iter::once(0..self.size).collect();
        self.wanted = Some(if self.whole { all() } else { wanted(&first, self.size) });
        self.pass(&first);
    }

    fn pass(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len() as u64;
        for range in self.wanted.iter().flatten() {
            let (start, stop) = (range.start.max(self.at), range.end.min(end));
            if start < stop {
                keep(&mut self.parts, range, start, &bytes[(start - self.at) as usize..(stop - self.at) as usize]);
            }
        }
        self.at = end;
    }

    /// The whole file, if that was asked for and it has come whole.
    pub fn whole(&self) -> Option<&[u8]> {
        let kept = if self.wanted.is_none() { &self.first } else { &self.parts.first()?.1 };
        (kept.len() as u64 == self.size).then_some(kept)
    }

    /// What the file needs and offers; `None` for what is not loaded: objects to be linked, core dumps.
    pub fn finish(mut self) -> Option<Loadable> {
        if self.wanted.is_none() {
            self.whole = true;
            self.decide();
        }
        match read::elf(&Parts(self.parts)) {
            Ok(elf) => elf.map(|elf| Loadable::Elf(Box::new(elf))),
            Err(error) => Some(Loadable::Unread(error.to_string().into())),
        }
    }
}

fn keep(parts: &mut Vec<(u64, Vec<u8>)>, range: &Range<u64>, start: u64, piece: &[u8]) {
    match parts.last_mut() {
        Some((at, bytes)) if *at + bytes.len() as u64 == start => bytes.extend_from_slice(piece),
        _ => {
            // The file may end long before its header says so: room is made for what comes.
            let mut bytes = Vec::with_capacity((range.end - start).min(MOST) as usize);
            bytes.extend_from_slice(piece);
            parts.push((start, bytes));
        }
    }
}

/// What is wanted of a file by its program headers.
fn wanted(first: &[u8], size: u64) -> Vec<Range<u64>> {
    let parts = Parts(vec![(0, first.to_vec())]);
    let segments = Header::of(&parts).and_then(|header| header.segments(&parts));
    let mut ranges = match segments {
        Ok(mut segments) => {
            segments.sort_by_key(|segment| segment.rank());
            segments.iter().filter_map(|segment| segment.wanted()).collect()
        }
        Err(_) => vec![size.saturating_sub(TAIL)..size, 0..MOST],
    };
    ranges.insert(0, 0..HEADERS as u64);
    apart(ranges)
}

/// Ranges in order, one for those that touch; the first of them as far as there is room.
fn apart(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut room = MOST;
    let mut cut: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let range = range.start..range.end.min(range.start.saturating_add(room));
        room -= range.end.saturating_sub(range.start);
        cut.push(range);
    }
    cut.retain(|range| !range.is_empty());
    cut.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in cut {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
