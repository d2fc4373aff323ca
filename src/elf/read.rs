//! The header, the program headers, and the dynamic section.

use std::ops::Range;

use super::parts::{Numbers, Parts};
use super::symbols::Tables;
use super::{Elf, ElfError, MAGIC, Target, versions};

/// `e_type` of what is loaded: programs and libraries.
const LOADED: Range<u16> = 2..4;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
/// A segment's flag: it can be written.
const PF_W: u32 = 2;
/// More program headers than any linker writes.
const MOST_SEGMENTS: u16 = 1024;
/// Entries of a dynamic section that are read; usual ones have 30.
const MOST_ENTRIES: usize = 16_384;
/// The longest name, in bytes. Symbols of C++ templates reach some thousands.
pub(super) const LONGEST_NAME: usize = 64 << 10;
/// Libraries and paths take no more together, in bytes.
const LONGEST_PATHS: usize = 1 << 20;
const DF_BIND_NOW: u64 = 8;
const DF_1_NOW: u64 = 1;
const DF_1_NODEFLIB: u64 = 0x800;

/// The file's header.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) numbers: Numbers,
    kind: u16,
    segments_at: u64,
    segment_size: u16,
    segment_count: u16,
}

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    bytes: u64,
}

/// A file, its segments known.
pub(super) struct File<'p> {
    pub(super) parts: &'p Parts,
    pub(super) numbers: Numbers,
    segments: Vec<Segment>,
}

/// The dynamic section's entries.
pub(super) struct Dynamic(Vec<(u64, u64)>);

impl Header {
    pub(super) fn of(parts: &Parts) -> Result<Self, ElfError> {
        let bytes = parts.get(0, 52, "its header")?;
        let wide = match bytes[4] {
            1 => false,
            2 => true,
            _ => return Err(ElfError::Broken("it has neither 32 nor 64 bits")),
        };
        if !bytes.starts_with(MAGIC) || !matches!(bytes[5], 1 | 2) {
            return Err(ElfError::Broken("its bytes have no order"));
        }
        let bytes = parts.get(0, if wide { 64 } else { 52 }, "its header")?;
        let numbers = Numbers(Target { wide, big_endian: bytes[5] == 2, machine: 0 });
        let (at, sizes) = if wide { (32, 54) } else { (28, 42) };
        let target = Target { machine: numbers.half(bytes, 18), ..numbers.0 };
        Ok(Self {
            numbers: Numbers(target),
            kind: numbers.half(bytes, 16),
            segments_at: numbers.word(bytes, at),
            segment_size: numbers.half(bytes, sizes),
            segment_count: numbers.half(bytes, sizes + 2),
        })
    }

    pub(super) fn segments(&self, parts: &Parts) -> Result<Vec<Segment>, ElfError> {
        let size = if self.numbers.0.wide { 56 } else { 32 };
        if self.segment_count > 0 && usize::from(self.segment_size) != size || self.segment_count > MOST_SEGMENTS {
            return Err(ElfError::Broken("its program headers are of another size or too many"));
        }
        let length = size as u64 * u64::from(self.segment_count);
        let bytes = parts.get(self.segments_at, length, "its table of program headers")?;
        Ok(bytes.chunks_exact(size).map(|header| Segment::of(self.numbers, header)).collect())
    }
}

impl Segment {
    fn of(numbers: Numbers, header: &[u8]) -> Self {
        let (flags, offset, address, bytes) = if numbers.0.wide { (4, 8, 16, 32) } else { (24, 4, 8, 16) };
        Self {
            kind: numbers.int(header, 0),
            flags: numbers.int(header, flags),
            offset: numbers.word(header, offset),
            address: numbers.word(header, address),
            bytes: numbers.word(header, bytes),
        }
    }

    fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }

    /// What is to be kept of it. Tables lie in the first segment that is loaded, or in one that tools have appended,
    /// which can be written; the dynamic section in one of its own.
    pub(super) fn wanted(&self) -> Option<Range<u64>> {
        let wanted = match self.kind {
            PT_LOAD => self.offset == 0 || self.flags & PF_W != 0,
            PT_DYNAMIC | PT_INTERP => true,
            _ => false,
        };
        wanted.then(|| self.range())
    }

    /// What is kept before others, if there is no room for all: small ones.
    pub(super) fn rank(&self) -> (bool, bool, u64) {
        (self.kind == PT_LOAD, self.offset != 0, self.bytes)
    }
}

impl File<'_> {
    fn segment(&self, kind: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// What was kept of the segment that an address lies in, from there on.
    pub(super) fn mapped(&self, address: u64, what: &'static str) -> Result<&[u8], ElfError> {
        let holds = |segment: &&Segment| {
            let inside = address.checked_sub(segment.address);
            segment.kind == PT_LOAD && inside.is_some_and(|inside| inside < segment.bytes)
        };
        let segment = self.segments.iter().find(holds).ok_or(ElfError::Outside(what))?;
        let inside = address - segment.address;
        let at = segment.offset.checked_add(inside).ok_or(ElfError::Outside(what))?;
        let bytes = self.parts.from(at).filter(|bytes| !bytes.is_empty()).ok_or(ElfError::Outside(what))?;
        let left = usize::try_from(segment.bytes - inside).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(left)])
    }

    fn interpreter(&self) -> Result<Option<Box<[u8]>>, ElfError> {
        let Some(segment) = self.segment(PT_INTERP) else { return Ok(None) };
        let bytes = self.parts.get(segment.offset, segment.bytes.min(4096), "its interpreter")?;
        Ok(bytes.split(|&byte| byte == 0).next().map(Into::into))
    }

    fn dynamic(&self) -> Result<Option<Dynamic>, ElfError> {
        let Some(segment) = self.segment(PT_DYNAMIC) else { return Ok(None) };
        let word = self.numbers.word_size();
        let bytes = self.parts.get(segment.offset, segment.bytes, "its dynamic section")?;
        let entries = bytes.chunks_exact(2 * word).take(MOST_ENTRIES);
        let entries = entries.map(|entry| (self.numbers.word(entry, 0), self.numbers.word(entry, word)));
        Ok(Some(Dynamic(entries.take_while(|(tag, _)| *tag != 0).collect())))
    }
}

impl Dynamic {
    /// The last entry with a tag, as loaders take it.
    pub(super) fn get(&self, tag: u64) -> Option<u64> {
        self.0.iter().rev().find(|(other, _)| *other == tag).map(|(_, value)| *value)
    }

    fn all(&self, tag: u64) -> impl Iterator<Item = u64> {
        self.0.iter().filter(move |(other, _)| *other == tag).map(|(_, value)| *value)
    }
}

/// Reads a file; `None` for what is not loaded.
pub(super) fn elf(parts: &Parts) -> Result<Option<Elf>, ElfError> {
    let header = Header::of(parts)?;
    if !LOADED.contains(&header.kind) {
        return Ok(None);
    }
    let file = File { parts, numbers: header.numbers, segments: header.segments(parts)? };
    let mut elf = Elf::new(header.numbers.0, header.kind);
    elf.interpreter = file.interpreter()?;
    if let Some(dynamic) = file.dynamic()? {
        elf.dynamic = true;
        fill(&file, &dynamic, &mut elf)?;
    }
    Ok(Some(elf))
}

fn fill(file: &File<'_>, dynamic: &Dynamic, elf: &mut Elf) -> Result<(), ElfError> {
    let (flags, flags_1) = (dynamic.get(tag::FLAGS).unwrap_or(0), dynamic.get(tag::FLAGS_1).unwrap_or(0));
    elf.bind_now = flags & DF_BIND_NOW != 0 || flags_1 & DF_1_NOW != 0 || dynamic.get(tag::BIND_NOW).is_some();
    elf.no_default_folders = flags_1 & DF_1_NODEFLIB != 0;
    let Some(at) = dynamic.get(tag::STRTAB) else { return Ok(()) };
    let strings = strings(file, dynamic, at)?;
    let text = |tag| dynamic.get(tag).map(|at| string(strings, at)).transpose();
    elf.soname = text(tag::SONAME)?.map(Into::into);
    elf.rpath = text(tag::RPATH)?.map(Into::into);
    elf.runpath = text(tag::RUNPATH)?.map(Into::into);
    let needed = dynamic.all(tag::NEEDED).map(|at| string(strings, at)).collect::<Result<Vec<_>, _>>()?;
    if needed.iter().map(|name| name.len()).sum::<usize>() > LONGEST_PATHS {
        return Err(ElfError::Broken("it needs too many libraries"));
    }
    elf.needed = needed.into_iter().collect();
    elf.requires = versions::required(file, dynamic, strings)?;
    elf.provides = versions::provided(file, dynamic, strings)?;
    elf.symbols = Tables { file, dynamic, strings }.symbols().map_err(|error| error.to_string().into());
    Ok(())
}

/// The table of names.
fn strings<'f>(file: &'f File<'_>, dynamic: &Dynamic, at: u64) -> Result<&'f [u8], ElfError> {
    let bytes = file.mapped(at, "its table of names")?;
    let size = dynamic.get(tag::STRSZ).map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
    Ok(&bytes[..bytes.len().min(size)])
}

/// The name that begins at a place of a table.
pub(super) fn string(strings: &[u8], at: u64) -> Result<&[u8], ElfError> {
    let rest = usize::try_from(at).ok().and_then(|at| strings.get(at..)).ok_or(ElfError::Outside("a name"))?;
    let near = &rest[..rest.len().min(LONGEST_NAME)];
    let end = memchr::memchr(0, near).ok_or(ElfError::Outside("the end of a name"))?;
    Ok(&near[..end])
}

/// Tags of the dynamic section.
pub(super) mod tag {
    pub(in crate::elf) const NEEDED: u64 = 1;
    pub(in crate::elf) const HASH: u64 = 4;
    pub(in crate::elf) const STRTAB: u64 = 5;
    pub(in crate::elf) const SYMTAB: u64 = 6;
    pub(in crate::elf) const RELA: u64 = 7;
    pub(in crate::elf) const RELASZ: u64 = 8;
    pub(in crate::elf) const STRSZ: u64 = 10;
    pub(in crate::elf) const SONAME: u64 = 14;
    pub(in crate::elf) const RPATH: u64 = 15;
    pub(in crate::elf) const REL: u64 = 17;
    pub(in crate::elf) const RELSZ: u64 = 18;
    pub(in crate::elf) const PLTRELSZ: u64 = 2;
    pub(in crate::elf) const PLTREL: u64 = 20;
    pub(in crate::elf) const JMPREL: u64 = 23;
    pub(in crate::elf) const BIND_NOW: u64 = 24;
    pub(in crate::elf) const RUNPATH: u64 = 29;
    pub(in crate::elf) const FLAGS: u64 = 30;
    pub(in crate::elf) const GNU_HASH: u64 = 0x6fff_fef5;
    pub(in crate::elf) const FLAGS_1: u64 = 0x6fff_fffb;
    pub(in crate::elf) const VERDEF: u64 = 0x6fff_fffc;
    pub(in crate::elf) const VERDEFNUM: u64 = 0x6fff_fffd;
    pub(in crate::elf) const VERNEED: u64 = 0x6fff_fffe;
    pub(in crate::elf) const VERNEEDNUM: u64 = 0x6fff_ffff;
}
