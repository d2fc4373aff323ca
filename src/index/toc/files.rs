//! Fetches the few files of a layer whose contents tell something: system files, package databases, programs.
//!
//! Programs may tell what they were built of (Go modules, Rust crates), and each has to be read to its end for it. So
//! they are where fetching files alone ends: where they are a small part of the layer they are fetched like other files;
//! where they are most of it, as in the layer of a Go application, the layer is read whole; and in between, as in the
//! layers of a distribution, they are not read, and a note says so.

use std::ops::Range;

use super::super::Note;
use super::super::capture::{Capture, Kept, Tells};
use super::entries::Table;
use super::fetch::Wanted;
use super::{Parts, Place, TocError};
use crate::model::Entry;

/// Requests for the files of one layer, and one more for each of so many bytes that it has: they take about as long.
const MOST_REQUESTS: u64 = 24;
const BYTES_OF_REQUEST: u64 = 4 << 20;
/// What lies nearer than this is fetched together: the least of these with which the requests are few enough.
const GAPS: [u64; 5] = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// A layer of which more than this share is wanted is read whole.
const HALF: u64 = 2;
/// Programs are fetched if that adds no more than this share of the layer.
const SHARE: u64 = 100;
/// No more is fetched of any layer: it is kept in memory.
const MOST_FETCHED: u64 = 64 << 20;
/// Files have no more bytes together when decompressed: it is kept in memory, too.
const MOST_BYTES: u64 = 256 << 20;

/// A file that is fetched.
struct File {
    row: u32,
    place: Place,
    is_program: bool,
    capture: Capture,
}

/// Fetches, and keeps what was found. `size` is the blob's.
pub(super) fn read(table: &mut Table, size: u64, parts: Parts<'_>) -> Result<(), TocError> {
    let (mut files, mut kept) = (Vec::new(), Vec::new());
    for (row, tells, capture) in std::mem::take(&mut table.captures) {
        match table.places.of(row).filter(|_| capture.reads()) {
            None => kept.push((row, capture.finish())),
            Some(place) => files.push(File { row, place: *place, is_program: tells == Tells::Program, capture }),
        }
    }
    files.sort_by_key(|file| file.place.at);
    let files = affordable(table, files, size)?;
    fetch(table, files, size, parts, &mut kept)?;
    kept.sort_by_key(|(row, _)| *row);
    kept.into_iter().for_each(|(row, found)| table.rows.keep_all(row, found));
    Ok(())
}

/// Leaves out programs that would cost too much, with a note; an error where even the others would.
fn affordable(table: &mut Table, files: Vec<File>, size: u64) -> Result<Vec<File>, TocError> {
    let together = cost(&files, size);
    let (programs, others): (Vec<File>, Vec<File>) = files.into_iter().partition(|file| file.is_program);
    let alone = cost(&others, size).filter(|cost| *cost <= MOST_FETCHED.min(size / HALF)).ok_or(TocError::AllOver)?;
    if is_too_much(table, &others) {
        return Err(TocError::AllOver);
    }
    if together.is_some_and(|cost| cost <= alone + size / SHARE) && !is_too_much(table, &programs) {
        let mut all = [others, programs].into_iter().flatten().collect::<Vec<_>>();
        all.sort_by_key(|file| file.place.at);
        return Ok(all);
    }
    let stored: u64 = programs.iter().map(|file| file.place.end - file.place.at).fold(0, u64::saturating_add);
    if stored > size / HALF {
        return Err(TocError::AllOver);
    }
    let (files, bytes) = (programs.len() as u64, total(table, &programs));
    table.rows.note(Note::ProgramsUnread { files, bytes });
    Ok(others)
}

/// Bytes of files.
fn total(table: &Table, files: &[File]) -> u64 {
    let sizes = files.iter().filter_map(|file| table.rows.row(file.row)).map(Entry::file_bytes);
    sizes.fold(0, u64::saturating_add)
}

/// Whether decompressing files takes too much: what stands before one in its data is decompressed, too.
fn is_too_much(table: &Table, files: &[File]) -> bool {
    files.iter().map(|file| file.place.skip).fold(total(table, files), u64::saturating_add) > MOST_BYTES
}

/// Fetches files, verifies each, and keeps what it tells.
fn fetch(
    table: &Table,
    files: Vec<File>,
    size: u64,
    parts: Parts<'_>,
    kept: &mut Vec<(u32, Kept)>,
) -> Result<(), TocError> {
    let ranges = ranges(&files, size).ok_or(TocError::AllOver)?;
    let mut files = files.into_iter().peekable();
    for range in ranges {
        let bytes = parts(range.clone())?;
        while let Some(File { row, place, mut capture, .. }) = files.next_if(|file| file.place.at < range.end) {
            let cut = bytes.get((place.at - range.start) as usize..(place.end - range.start) as usize);
            let Some((packed, wanted)) = cut.zip(table.rows.row(row).and_then(Wanted::of)) else { continue };
            wanted.read(packed, &place, |bytes| {
                capture.data(bytes);
                Ok(())
            })?;
            kept.push((row, capture.finish()));
        }
    }
    Ok(())
}

/// What is fetched for files that are in order of place, of a blob of this size; `None` where they are too many and too
/// far apart.
fn ranges(files: &[File], size: u64) -> Option<Vec<Range<u64>>> {
    let most = MOST_REQUESTS + size / BYTES_OF_REQUEST;
    GAPS.iter().map(|gap| merged(files, *gap)).find(|ranges| ranges.len() as u64 <= most)
}

fn merged(files: &[File], gap: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for Place { at, end, .. } in files.iter().map(|file| file.place) {
        match ranges.last_mut() {
            Some(last) if at.saturating_sub(last.end) <= gap => last.end = last.end.max(end),
            _ => ranges.push(at..end),
        }
    }
    ranges
}

/// Bytes that are fetched for files; `None` as of [`ranges`].
fn cost(files: &[File], size: u64) -> Option<u64> {
    Some(ranges(files, size)?.iter().map(|range| range.end - range.start).sum())
}
