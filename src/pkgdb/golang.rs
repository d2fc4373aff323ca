//! What Go programs say of the modules they were built of (Go's `debug/buildinfo` and `runtime/debug`).
//!
//! Since Go 1.18 a program holds, at a multiple of 16 bytes, a header of 32 bytes that begins with a magic number, and
//! behind it two strings with their lengths before them: Go's version, and a table of modules. Earlier programs hold
//! pointers to them; those are passed over.

use memchr::memmem;

use super::{Ecosystem, Package};

const MAGIC: &[u8] = b"\xff Go buildinf:";
const ALIGN: u64 = 16;
const HEADER: usize = 32;
/// Bytes of the header that tell it from the magic number alone, as programs hold it that read build information of
/// others: the magic number, the size of a pointer, and flags, with a bit for strings that follow the header.
const TELLING: usize = 16;
const POINTER: usize = 14;
const FLAGS: usize = 15;
const INLINE: u8 = 2;
/// Marks around the table of modules.
const MARK: usize = 16;
/// The longest build information that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Looks for build information in a program that comes in pieces.
#[derive(Default)]
pub struct BuildInfoFinder {
    /// Bytes that came before `kept`.
    passed: u64,
    /// The end of what came, in case that the header is cut; once it was found, all from there on.
    kept: Vec<u8>,
    found: bool,
}

impl BuildInfoFinder {
    /// The next piece of the program.
    pub fn data(&mut self, bytes: &[u8]) {
        if self.found {
            let room = LONGEST.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        }
        // First what lies across the border of two pieces, then the piece itself, without a copy of it.
        let border = self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(TELLING - 1)]);
        let at = find(&self.kept, self.passed).filter(|at| *at < border);
        if let Some(at) = at {
            self.kept.truncate(border);
            self.kept.drain(..at);
            self.found = true;
            return self.data(bytes);
        }
        self.kept.truncate(border);
        match find(bytes, self.passed + border as u64) {
            Some(at) => {
                self.kept.clear();
                self.found = true;
                self.data(&bytes[at..]);
            }
            None => self.keep_end(bytes),
        }
    }

    fn keep_end(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(&bytes[bytes.len().saturating_sub(TELLING - 1)..]);
        let excess = self.kept.len().saturating_sub(TELLING - 1);
        self.kept.drain(..excess);
        self.passed += (excess + bytes.len().saturating_sub(TELLING - 1)) as u64;
    }

    /// The modules, if any were found: the main one, those it needs, and `stdlib` with Go's version.
    pub fn finish(self) -> Vec<Package> {
        if self.found { parse(&self.kept).unwrap_or_default() } else { Vec::new() }
    }
}

/// Where an aligned header is in bytes that begin at `offset` of the program.
fn find(bytes: &[u8], offset: u64) -> Option<usize> {
    let aligned = |at: usize| (offset + at as u64).is_multiple_of(ALIGN);
    let is_header = |header: &[u8]| matches!(header[POINTER], 4 | 8) && header[FLAGS] & INLINE != 0;
    memmem::find_iter(bytes, MAGIC).find(|&at| aligned(at) && bytes[at..].get(..TELLING).is_some_and(is_header))
}

fn parse(bytes: &[u8]) -> Option<Vec<Package>> {
    let (version, rest) = string(bytes.get(HEADER..)?)?;
    let (table, _) = string(rest)?;
    let table = table.get(MARK..table.len().checked_sub(MARK)?).unwrap_or_default();
    let version = String::from_utf8_lossy(version);
    let mut packages = modules(&String::from_utf8_lossy(table));
    if let Some(version) = version.strip_prefix("go") {
        packages.push(package("stdlib", version));
    }
    Some(packages)
}

/// A string with its length, an unsigned LEB128 number, before it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut at) = (0_usize, 0);
    loop {
        let byte = *bytes.get(at)?;
        length |= usize::from(byte & 0x7f).checked_shl(7 * at as u32).filter(|_| at < 4)?;
        at += 1;
        if byte & 0x80 == 0 {
            return bytes.get(at..)?.split_at_checked(length);
        }
    }
}

/// Lines of `mod`, `dep`, and `=>` for what replaces the one above, each with path and version.
fn modules(table: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    for line in table.lines() {
        let mut words = line.split('\t');
        let verb = words.next().unwrap_or_default();
        let (Some(path), Some(version)) = (words.next(), words.next()) else { continue };
        match verb {
            "mod" | "dep" => packages.push(package(path, version)),
            "=>" => {
                packages.pop();
                packages.push(package(path, version));
            }
            _ => {}
        }
    }
    packages
}

fn package(name: &str, version: &str) -> Package {
    Package { ecosystem: Ecosystem::Go, name: name.into(), version: version.into() }
}
