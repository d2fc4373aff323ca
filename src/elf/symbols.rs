//! The dynamic symbol table: what others have to define, and what is defined for others.

use super::parts::Numbers;
use super::read::{Dynamic, File, string, tag};
use super::{ElfError, Hashes, Names, Symbols, hash};

/// Names of symbols that are read of one file, in bytes: entries may all point at one long name.
const LONGEST_NAMES: usize = 128 << 20;
/// Names of undefined symbols that are kept of one file, in bytes.
const LONGEST_UNDEFINED: usize = 4 << 20;
const STB_GLOBAL: u8 = 1;
const STB_WEAK: u8 = 2;
const STB_GNU_UNIQUE: u8 = 10;
const OUTSIDE: ElfError = ElfError::Outside("its table of symbols");

/// What leads to the symbols.
pub(super) struct Tables<'f> {
    pub(super) file: &'f File<'f>,
    pub(super) dynamic: &'f Dynamic,
    pub(super) strings: &'f [u8],
}

/// A symbol's numbers.
struct Symbol {
    name: u32,
    binding: u8,
    visibility: u8,
    defined: bool,
}

impl Tables<'_> {
    pub(super) fn symbols(&self) -> Result<Symbols, ElfError> {
        let Some(at) = self.dynamic.get(tag::SYMTAB) else { return Ok(Symbols::default()) };
        let (numbers, size) = (self.file.numbers, self.symbol_size());
        let bytes = self.file.mapped(at, "its table of symbols")?;
        let count = usize::try_from(self.count(at)?).map_err(|_| OUTSIDE)?;
        let bytes = count.checked_mul(size).and_then(|length| bytes.get(..length)).ok_or(OUTSIDE)?;
        let (mut undefined, mut exports) = (Vec::new(), Vec::new());
        let (mut room, mut undefined_room) = (LONGEST_NAMES, LONGEST_UNDEFINED);
        for symbol in bytes.chunks_exact(size).map(|bytes| Symbol::of(numbers, bytes)) {
            if !symbol.matters() {
                continue;
            }
            let name = string(self.strings, symbol.name.into())?;
            room = spend(room, name.len())?;
            if symbol.defined {
                exports.push(hash(name));
            } else if !name.is_empty() {
                undefined_room = spend(undefined_room, name.len() + 1)?;
                undefined.push(name);
            }
        }
        Ok(Symbols { undefined: Names::from_iter(undefined), exports: Hashes::from_iter(exports) })
    }

    fn symbol_size(&self) -> usize {
        if self.file.numbers.0.wide { 24 } else { 16 }
    }

    /// How many symbols there are. No entry says so: hash tables imply it, and where they list nothing, the
    /// relocations tell up to which symbol it matters. The older table may lie far from all else that is read (Debian 11's
    /// C library has it behind the code), so the newer one is asked first.
    fn count(&self, symbols: u64) -> Result<u64, ElfError> {
        let hashed = self.dynamic.get(tag::GNU_HASH).map(|at| self.gnu_count(at)).transpose()?.flatten();
        if let Some(count) = hashed {
            return Ok(count);
        }
        let machine = self.file.numbers.0.machine;
        // Alpha and s390x have hash tables of wide words (their psABI supplements).
        let wide_hash = self.file.numbers.0.wide && matches!(machine, 0x9026 | 22);
        match self.dynamic.get(tag::HASH) {
            Some(at) if !wide_hash => Ok(self.file.numbers.int(self.file.mapped(at, "its hash table")?, 4).into()),
            _ => self.relocated(symbols),
        }
    }

    /// One more than the last symbol of a GNU hash table: of the highest chain, which ends with an odd number. `None`
    /// where it lists nothing.
    fn gnu_count(&self, at: u64) -> Result<Option<u64>, ElfError> {
        let outside = ElfError::Outside("its hash table");
        let numbers = self.file.numbers;
        let bytes = self.file.mapped(at, "its hash table")?;
        let [buckets, first, filter] = [0, 4, 8].map(|at| numbers.int(bytes, at) as usize);
        let buckets_at = filter.checked_mul(numbers.word_size()).and_then(|length| length.checked_add(16));
        let rest = buckets_at.and_then(|at| bytes.get(at..)).ok_or(outside)?;
        let (heads, chains) = buckets.checked_mul(4).and_then(|at| rest.split_at_checked(at)).ok_or(outside)?;
        let last = heads.chunks_exact(4).map(|head| numbers.int(head, 0) as usize).max().unwrap_or(0);
        let Some(skipped) = last.checked_sub(first).filter(|_| last > 0) else { return Ok(None) };
        let chain = skipped.checked_mul(4).and_then(|at| chains.get(at..)).ok_or(outside)?;
        let steps = chain.chunks_exact(4).position(|link| numbers.int(link, 0) & 1 == 1).ok_or(outside)?;
        Ok(Some(last as u64 + steps as u64 + 1))
    }

    /// One more than the highest symbol that a relocation names; at least what lies before the names, where they
    /// follow at once, as linkers write them.
    fn relocated(&self, symbols: u64) -> Result<u64, ElfError> {
        let jumps = self.dynamic.get(tag::PLTREL).unwrap_or(tag::RELA);
        let tables = [
            (tag::RELA, tag::RELASZ, tag::RELA),
            (tag::REL, tag::RELSZ, tag::REL),
            (tag::JMPREL, tag::PLTRELSZ, jumps),
        ];
        let mut count = 0;
        for (at, size, form) in tables {
            if let (Some(at), Some(size)) = (self.dynamic.get(at), self.dynamic.get(size)) {
                count = count.max(self.highest(at, size, form == tag::RELA)?);
            }
        }
        let names = self.dynamic.get(tag::STRTAB).and_then(|names| names.checked_sub(symbols)).unwrap_or(0);
        let size = self.symbol_size() as u64;
        let adjoining = names.is_multiple_of(size) && names / size <= count.saturating_add(64).saturating_mul(2);
        Ok(if adjoining { count.max(names / size) } else { count })
    }

    fn highest(&self, at: u64, size: u64, addends: bool) -> Result<u64, ElfError> {
        let outside = ElfError::Outside("its table of relocations");
        let (numbers, word) = (self.file.numbers, self.file.numbers.word_size());
        if size == 0 {
            return Ok(0);
        }
        let bytes = self.file.mapped(at, "its table of relocations")?;
        let bytes = usize::try_from(size).ok().and_then(|size| bytes.get(..size)).ok_or(outside)?;
        let entries = bytes.chunks_exact(if addends { 3 * word } else { 2 * word });
        let symbol = |entry: &[u8]| match (numbers.word(entry, word), numbers.0) {
            // MIPS has 32 bits for the symbol in front of three types, in either order of bytes.
            (info, target) if target.wide && target.machine == 8 && !target.big_endian => info & 0xffff_ffff,
            (info, target) if target.wide => info >> 32,
            (info, _) => info >> 8,
        };
        Ok(entries.map(symbol).max().map_or(0, |highest| highest + 1))
    }
}

impl Symbol {
    fn of(numbers: Numbers, bytes: &[u8]) -> Self {
        let (info, other, section) = if numbers.0.wide { (4, 5, 6) } else { (12, 13, 14) };
        Self {
            name: numbers.int(bytes, 0),
            binding: bytes[info] >> 4,
            visibility: bytes[other] & 3,
            defined: numbers.half(bytes, section) != 0,
        }
    }

    /// Whether others have to do with it: hidden and internal ones stay inside, and weak ones may stay undefined.
    fn matters(&self) -> bool {
        let shown = matches!(self.visibility, 0 | 3);
        match self.binding {
            STB_GLOBAL => shown || !self.defined,
            STB_WEAK | STB_GNU_UNIQUE => shown && self.defined,
            _ => false,
        }
    }
}

fn spend(room: usize, bytes: usize) -> Result<usize, ElfError> {
    room.checked_sub(bytes).ok_or(ElfError::Broken("its names are too long together"))
}
