//! What Rust programs built by `cargo auditable` say of the crates they were built of: a section of the program holds
//! them as JSON, deflated in zlib's form (cargo-auditable's `PARSING.md` and its JSON schema).
//!
//! Read here and not with the crate `auditable-info`: it follows the name of each section to its end, and sorts the
//! crates by taking the first of a table again and again, so that a hostile program of 16 MiB takes minutes.

use std::io::Read;

use flate2::read::ZlibDecoder;
use serde::Deserialize;

use super::{Ecosystem, Package, PkgdbError};

/// The largest list of crates that is read, in bytes.
const LARGEST_LIST: u64 = 4 << 20;
const SECTION: &[u8] = b".dep-v0\0";

#[derive(Deserialize)]
struct AuditData {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    kind: Option<String>,
}

/// The crates that a program has in it, which is needed whole, since its sections are listed at its end; none where it says nothing, or is no program that can be read. Crates that only
/// its build scripts and macros needed are left out, as syft does.
pub fn rust_packages(program: &[u8]) -> Result<Vec<Package>, PkgdbError> {
    let Some(section) = Elf::of(program).and_then(|elf| elf.section(SECTION)) else { return Ok(Vec::new()) };
    let mut text = Vec::new();
    ZlibDecoder::new(section).take(LARGEST_LIST + 1).read_to_end(&mut text).map_err(PkgdbError::Inflate)?;
    if text.len() as u64 > LARGEST_LIST {
        return Err(PkgdbError::Broken { form: "list of crates", reason: "it is too long" });
    }
    let broken = |source| PkgdbError::Json { form: "list of crates", source };
    let data: AuditData = serde_json::from_slice(&text).map_err(broken)?;
    let built_in = data.packages.into_iter().filter(|found| found.kind.as_deref() != Some("build"));
    Ok(built_in.map(|Crate { name, version, .. }| Package { ecosystem: Ecosystem::Rust, name, version }).collect())
}

/// A program in the form of the System V ABI, "Object Files".
struct Elf<'b> {
    bytes: &'b [u8],
    big_endian: bool,
    layout: &'static Layout,
}

/// Where the numbers are that lead to a section; both classes of ELF have the same, at other places.
struct Layout {
    /// Bytes of an offset or a size.
    word: usize,
    /// In the file's header: the offset of the sections' headers, the size of each, how many, and which holds names.
    sections: usize,
    section_size: usize,
    count: usize,
    names: usize,
    /// In a section's header: where its bytes are, and how many.
    offset: usize,
    size: usize,
}

static ELF32: Layout = Layout { word: 4, sections: 32, section_size: 46, count: 48, names: 50, offset: 16, size: 20 };
static ELF64: Layout = Layout { word: 8, sections: 40, section_size: 58, count: 60, names: 62, offset: 24, size: 32 };

impl<'b> Elf<'b> {
    fn of(bytes: &'b [u8]) -> Option<Self> {
        let ident = bytes.strip_prefix(b"\x7fELF")?;
        let layout = match ident.first()? {
            1 => &ELF32,
            2 => &ELF64,
            _ => return None,
        };
        Some(Self { bytes, big_endian: *ident.get(1)? == 2, layout })
    }

    fn number(&self, at: usize, length: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..)?.get(..length)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let number = if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
        usize::try_from(number).ok()
    }

    /// The bytes of the section with a name; both are compared with the NUL at the end.
    fn section(&self, name: &[u8]) -> Option<&'b [u8]> {
        let names = self.contents(self.header(self.number(self.layout.names, 2)?)?)?;
        let count = self.number(self.layout.count, 2)?;
        let named = |header: &usize| {
            let at = self.number(*header, 4);
            at.and_then(|at| names.get(at..)).is_some_and(|rest| rest.starts_with(name))
        };
        self.contents((0..count).map_while(|section| self.header(section)).find(named)?)
    }

    /// Where a section's header is.
    fn header(&self, section: usize) -> Option<usize> {
        let first = self.number(self.layout.sections, self.layout.word)?;
        first.checked_add(section * self.number(self.layout.section_size, 2)?)
    }

    fn contents(&self, header: usize) -> Option<&'b [u8]> {
        let word = |at: usize| self.number(header.checked_add(at)?, self.layout.word);
        self.bytes.get(word(self.layout.offset)?..)?.get(..word(self.layout.size)?)
    }
}
