//! Keeps what later analyses read of a few files, since a table outlives its blob: the contents of small system files,
//! and the packages that databases and programs tell of. A database is read as soon as it has come whole, so that its
//! bytes are let go.

use crate::model::LayerPath;
use crate::pkgdb::{BuildInfoFinder, Kind, LARGEST_PROGRAM, Package, PkgdbError, rust_packages};

/// Files of the base system that tell what an image is and how programs start in it.
const SYSTEM_FILES: [&[u8]; 7] = [
    b"etc/os-release",
    b"usr/lib/os-release",
    b"etc/passwd",
    b"etc/group",
    b"etc/ld.so.conf",
    b"etc/alpine-release",
    b"etc/debian_version",
];
/// One of them is not larger than this.
const MAX_SYSTEM_FILE: u64 = 1 << 20;
/// What an ELF program begins with.
const ELF: &[u8] = b"\x7fELF";
/// What is wrong with a database, in characters: errors may quote it, and there may be a million of them.
const LONGEST_REASON: usize = 200;
/// Bits of a mode that let someone run a file.
const EXECUTABLE: u16 = 0o111;

/// What is kept of one file.
#[derive(Default)]
pub(super) enum Capture {
    #[default]
    Nothing,
    System(Vec<u8>),
    Database(Kind, Vec<u8>),
    TooLarge(Kind),
    Program(Program),
}

/// What was kept.
pub(super) enum Captured {
    Content(Vec<u8>),
    Packages(Result<Vec<Package>, String>),
}

impl Capture {
    /// Decides by path, size and mode.
    pub(super) fn of(path: &LayerPath, size: u64, mode: u16) -> Self {
        if let Some(kind) = Kind::of(path) {
            return if size <= kind.limit() { Self::Database(kind, Vec::new()) } else { Self::TooLarge(kind) };
        }
        let system = SYSTEM_FILES.contains(&path.as_bytes()) || path.as_bytes().starts_with(b"etc/ld.so.conf.d/");
        if system && size <= MAX_SYSTEM_FILE {
            return Self::System(Vec::new());
        }
        let program = mode & EXECUTABLE != 0 && !path.file_name().windows(3).any(|part| part == b".so");
        if program { Self::Program(Program::new(size)) } else { Self::Nothing }
    }

    /// The next bytes of the file; not more come than the size that was given.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        match self {
            Self::Nothing | Self::TooLarge(_) => {}
            Self::System(kept) | Self::Database(_, kept) => kept.extend_from_slice(bytes),
            Self::Program(program) => {
                if !program.data(bytes) {
                    *self = Self::Nothing;
                }
            }
        }
    }

    /// What was kept, if anything.
    pub(super) fn finish(self) -> Option<Captured> {
        let short = |error: PkgdbError| error.to_string().chars().take(LONGEST_REASON).collect();
        let said = |result: Result<Vec<Package>, PkgdbError>| result.map_err(short);
        match self {
            Self::Nothing => None,
            Self::System(kept) => Some(Captured::Content(kept)),
            Self::Database(kind, kept) => Some(Captured::Packages(said(kind.parse(&kept)))),
            Self::TooLarge(kind) => {
                Some(Captured::Packages(Err(format!("it has more than {} MiB", kind.limit() >> 20))))
            }
            Self::Program(program) => Some(Captured::Packages(said(program.packages()))),
        }
    }
}

/// A program, which may say what it was built of.
pub(super) struct Program {
    /// How many of the magic number's bytes have come.
    seen: usize,
    go: BuildInfoFinder,
    /// The whole of it, where it is small enough.
    whole: Option<Vec<u8>>,
}

impl Program {
    fn new(size: u64) -> Self {
        Self { seen: 0, go: BuildInfoFinder::default(), whole: (size <= LARGEST_PROGRAM).then(Vec::new) }
    }

    /// Takes the next bytes; `false` once it is known to be no program.
    fn data(&mut self, bytes: &[u8]) -> bool {
        let expected = &ELF[self.seen..];
        let length = expected.len().min(bytes.len());
        if bytes[..length] != expected[..length] {
            return false;
        }
        self.seen += length;
        self.go.data(bytes);
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
        }
        true
    }

    fn packages(self) -> Result<Vec<Package>, PkgdbError> {
        let modules = self.go.finish();
        match self.whole {
            Some(whole) if modules.is_empty() => rust_packages(&whole),
            _ => Ok(modules),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &[u8] = include_bytes!("../../fixtures/packages/rust-auditable");

    /// What is kept of a file that comes in pieces of one length: packages by name, an error by its text.
    fn kept(path: &str, mode: u16, bytes: &[u8], piece: usize) -> Option<Result<Vec<String>, String>> {
        let mut capture = Capture::of(&path.into(), bytes.len() as u64, mode);
        bytes.chunks(piece).for_each(|piece| capture.data(piece));
        match capture.finish()? {
            Captured::Content(_) => panic!("{path} is no system file"),
            Captured::Packages(found) => Some(found.map(|found| found.into_iter().map(|one| one.name).collect())),
        }
    }

    #[test]
    fn programs_are_read_however_they_come() {
        for piece in [1, 3, 4, 500, usize::MAX] {
            let names = kept("usr/bin/hello", 0o755, RUST, piece).unwrap().unwrap();
            assert_eq!(names, ["hello", "itoa", "memchr"], "in pieces of {piece}");
        }
    }

    #[test]
    fn only_programs_are_read_as_such() {
        assert_eq!(kept("usr/bin/hello", 0o644, RUST, 100), None, "nobody may run it");
        assert_eq!(kept("usr/lib/libhello.so.1", 0o755, RUST, 100), None, "it is a library");
        assert_eq!(kept("usr/bin/hello", 0o755, b"\x7fEL", 1), Some(Ok(Vec::new())), "it ends too early");
        assert_eq!(kept("usr/bin/hello", 0o755, b"\x7fEXE, and more", 3), None, "it is of another form");
    }

    #[test]
    fn too_large_a_database_is_said_to_be_so() {
        let capture = Capture::of(&"var/lib/dpkg/status".into(), (32 << 20) + 1, 0o644);
        let Some(Captured::Packages(Err(reason))) = capture.finish() else { panic!("it should be refused") };
        assert_eq!(reason, "it has more than 32 MiB");
    }

    #[test]
    fn a_reason_is_short_whatever_it_quotes() {
        let quoted = format!("\"{}\"", "é".repeat(10_000));
        let reason = kept("node_modules/a/package.json", 0o644, quoted.as_bytes(), 1000).unwrap().unwrap_err();
        assert_eq!(reason.chars().count(), LONGEST_REASON);
    }
}
