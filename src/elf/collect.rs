//! Keeps of a file that comes in pieces what its loader would read, in bounded memory.

use std::ops::Range;

use super::parts::Parts;
use super::read::{self, Header};
use super::{Elf, Loadable};

/// So much of a file's beginning is kept, in bytes: nearly always all of it.
pub const WHOLE: u64 = 16 << 20;
/// What program headers name beyond, and the file's last bytes, may take so much together.
const BEYOND: u64 = 16 << 20;
/// The file's last bytes that are kept: tools that mend paths append there.
const TAIL: u64 = 2 << 20;
/// A segment that is loaded is kept if it is not larger, besides the dynamic section.
const SMALL: u64 = 8 << 20;

/// Headers that say what else is wanted are looked for in so much of a file's beginning, in bytes.
const HEADERS: usize = 1 << 20;

/// Takes a file of ELF's form, piece by piece.
pub struct Collector {
    size: u64,
    at: u64,
    head: Vec<u8>,
    /// What else is wanted, in order and apart; known once the head is there.
    wanted: Option<Vec<Range<u64>>>,
    beyond: Vec<(u64, Vec<u8>)>,
}

impl Collector {
    /// For a file of so many bytes.
    pub fn new(size: u64) -> Self {
        let head = Vec::with_capacity(size.min(WHOLE) as usize);
        Self { size, at: 0, head, wanted: None, beyond: Vec::new() }
    }

    /// The next bytes of the file.
    pub fn data(&mut self, bytes: &[u8]) {
        let room = WHOLE.saturating_sub(self.at).min(bytes.len() as u64) as usize;
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.at += head.len() as u64;
        if rest.is_empty() {
            return;
        }
        let head = &self.head;
        let wanted = self.wanted.get_or_insert_with(|| wanted(head, self.size));
        for range in wanted.iter() {
            let (start, end) = (range.start.max(self.at), range.end.min(self.at + rest.len() as u64));
            if start < end {
                let piece = &rest[(start - self.at) as usize..(end - self.at) as usize];
                keep(&mut self.beyond, start, piece);
            }
        }
        self.at += rest.len() as u64;
    }

    /// The whole file, if it is small enough and has come whole.
    pub fn whole(&self) -> Option<&[u8]> {
        (self.at == self.size && self.size <= WHOLE).then_some(&*self.head)
    }

    /// What the file needs and offers; `None` for what is not loaded: objects to be linked, core dumps.
    pub fn finish(self) -> Option<Loadable> {
        let mut parts = Parts(vec![(0, self.head)]);
        for (start, bytes) in self.beyond {
            // The head's end and what follows it are one part.
            keep(&mut parts.0, start, &bytes);
        }
        match read::elf(&parts) {
            Ok(elf) => elf.map(|elf: Elf| Loadable::Elf(Box::new(elf))),
            Err(error) => Some(Loadable::Unread(error.to_string().into())),
        }
    }
}

fn keep(parts: &mut Vec<(u64, Vec<u8>)>, start: u64, piece: &[u8]) {
    match parts.last_mut() {
        Some((at, bytes)) if *at + bytes.len() as u64 == start => bytes.extend_from_slice(piece),
        _ => parts.push((start, piece.to_vec())),
    }
}

/// What is wanted behind the head: by its program headers, and the end.
fn wanted(head: &[u8], size: u64) -> Vec<Range<u64>> {
    let parts = Parts(vec![(0, head[..head.len().min(HEADERS)].to_vec())]);
    let header = Header::of(&parts).ok();
    let segments = header.and_then(|header| header.segments(&parts).ok()).unwrap_or_default();
    let mut ranges: Vec<Range<u64>> = segments.iter().filter_map(|segment| segment.wanted(SMALL)).collect();
    ranges.push(size.saturating_sub(TAIL)..size);
    apart(ranges)
}

/// Ranges in order, one for those that touch, behind the head, and not more than there is room for.
fn apart(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let (mut joined, mut room) = (Vec::<Range<u64>>::new(), BEYOND);
    for range in ranges {
        let from = joined.last().map_or(WHOLE, |last| last.end);
        let new = range.start.max(from)..range.end.min(range.start.max(from).saturating_add(room));
        if new.is_empty() {
            continue;
        }
        room -= new.end - new.start;
        match joined.last_mut() {
            Some(last) if last.end == new.start => last.end = new.end,
            _ => joined.push(new),
        }
    }
    joined
}
