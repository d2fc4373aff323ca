//! The parts of a file that were kept, and numbers in them.

use super::{ElfError, Target};

/// Parts of a file, in order, none touching another.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) Vec<(u64, Vec<u8>)>);

impl Parts {
    /// What was kept from `at` on, as far as it goes without a gap.
    pub(super) fn from(&self, at: u64) -> Option<&[u8]> {
        let part = self.0.iter().rev().find(|(start, _)| *start <= at)?;
        part.1.get(usize::try_from(at - part.0).ok()?..)
    }

    /// Bytes of a length that lie in one part.
    pub(super) fn get(&self, at: u64, length: u64, what: &'static str) -> Result<&[u8], ElfError> {
        let length = usize::try_from(length).map_err(|_| ElfError::Outside(what))?;
        self.from(at).and_then(|bytes| bytes.get(..length)).ok_or(ElfError::Outside(what))
    }
}

/// Numbers of a target, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Numbers(pub(super) Target);

impl Numbers {
    /// Bytes of an address, an offset, or a size.
    pub(super) fn word_size(self) -> usize {
        if self.0.wide { 8 } else { 4 }
    }

    /// A number of `length` bytes, at most eight; 0 where there are none.
    pub(super) fn number(self, bytes: &[u8], at: usize, length: usize) -> u64 {
        let Some(bytes) = at.checked_add(length).and_then(|end| bytes.get(at..end)) else { return 0 };
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.0.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    pub(super) fn half(self, bytes: &[u8], at: usize) -> u16 {
        self.number(bytes, at, 2) as u16
    }

    pub(super) fn int(self, bytes: &[u8], at: usize) -> u32 {
        self.number(bytes, at, 4) as u32
    }

    pub(super) fn word(self, bytes: &[u8], at: usize) -> u64 {
        self.number(bytes, at, self.word_size())
    }
}
