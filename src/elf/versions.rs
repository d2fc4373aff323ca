//! Symbol versions that a file needs and defines (Linux Standard Base, "Symbol Versioning").

use super::parts::Numbers;
use super::read::{Dynamic, File, string, tag};
use super::{ElfError, Names, Requirement};

/// Versions and libraries of one file that are read; glibc defines some fifty.
const MOST: u64 = 10_000;
/// Their names take no more, in bytes.
const LONGEST: usize = 1 << 20;
const VER_FLG_BASE: u16 = 1;
const VER_FLG_WEAK: u16 = 2;
const OUTSIDE: ElfError = ElfError::Outside("its table of symbol versions");

/// Entries of a list, each saying how far the next is. The first is at the beginning.
struct Chain<'b> {
    numbers: Numbers,
    bytes: &'b [u8],
    left: u64,
    /// Of an entry: its bytes, and where it says how far the next is.
    size: usize,
    next: usize,
}

impl<'b> Iterator for Chain<'b> {
    type Item = Result<&'b [u8], ElfError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.bytes;
        if entry.len() < self.size {
            self.left = 0;
            return Some(Err(OUTSIDE));
        }
        match self.numbers.int(entry, self.next) as usize {
            0 => self.left = 0,
            step => self.bytes = entry.get(step..).unwrap_or_default(),
        }
        Some(Ok(entry))
    }
}

/// The bytes from a distance on that an entry gives.
fn behind(numbers: Numbers, entry: &[u8], at: usize) -> Result<&[u8], ElfError> {
    entry.get(numbers.int(entry, at) as usize..).ok_or(OUTSIDE)
}

/// DT_VERNEED.
pub(super) fn required(file: &File<'_>, dynamic: &Dynamic, strings: &[u8]) -> Result<Vec<Requirement>, ElfError> {
    let numbers = file.numbers;
    let Some(bytes) = table(file, dynamic, tag::VERNEED)? else { return Ok(Vec::new()) };
    let left = dynamic.get(tag::VERNEEDNUM).unwrap_or(0).min(MOST);
    let (mut found, mut room, mut names) = (Vec::new(), LONGEST, MOST);
    for entry in (Chain { numbers, bytes, left, size: 16, next: 12 }) {
        let entry = entry?;
        let library = string(strings, numbers.int(entry, 4).into())?;
        let (mut versions, mut weak) = (Vec::new(), Vec::new());
        let left = u64::from(numbers.half(entry, 2)).min(names);
        for version in (Chain { numbers, bytes: behind(numbers, entry, 8)?, left, size: 16, next: 12 }) {
            let version = version?;
            let name = string(strings, numbers.int(version, 8).into())?;
            let list = if numbers.half(version, 4) & VER_FLG_WEAK != 0 { &mut weak } else { &mut versions };
            list.push(name);
            names -= 1;
            room = spend(room, name.len())?;
        }
        room = spend(room, library.len())?;
        let (versions, weak) = (versions.into_iter().collect(), weak.into_iter().collect());
        found.push(Requirement { library: library.into(), versions, weak });
    }
    Ok(found)
}

/// DT_VERDEF, less the entry that only repeats the file's own name.
pub(super) fn provided(file: &File<'_>, dynamic: &Dynamic, strings: &[u8]) -> Result<Names, ElfError> {
    let numbers = file.numbers;
    let Some(bytes) = table(file, dynamic, tag::VERDEF)? else { return Ok(Names::default()) };
    let left = dynamic.get(tag::VERDEFNUM).unwrap_or(0).min(MOST);
    let (mut found, mut room) = (Vec::new(), LONGEST);
    for entry in (Chain { numbers, bytes, left, size: 20, next: 16 }) {
        let entry = entry?;
        if numbers.half(entry, 2) & VER_FLG_BASE != 0 || numbers.half(entry, 6) == 0 {
            continue;
        }
        let first = behind(numbers, entry, 12)?;
        let name = string(strings, numbers.int(first, 0).into())?;
        room = spend(room, name.len())?;
        found.push(name);
    }
    Ok(found.into_iter().collect())
}

fn table<'f>(file: &'f File<'_>, dynamic: &Dynamic, tag: u64) -> Result<Option<&'f [u8]>, ElfError> {
    dynamic.get(tag).map(|at| file.mapped(at, "its table of symbol versions")).transpose()
}

fn spend(room: usize, bytes: usize) -> Result<usize, ElfError> {
    room.checked_sub(bytes).ok_or(ElfError::Broken("its symbol versions are too long"))
}
