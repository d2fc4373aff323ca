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
        let said = |result: Result<Vec<Package>, PkgdbError>| result.map_err(|error| error.to_string());
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
    /// Whether its first bytes were those of a program; `None` until they have come.
    is_elf: Option<bool>,
    go: BuildInfoFinder,
    /// The whole of it, where it is small enough.
    whole: Option<Vec<u8>>,
}

impl Program {
    fn new(size: u64) -> Self {
        Self { is_elf: None, go: BuildInfoFinder::default(), whole: (size <= LARGEST_PROGRAM).then(Vec::new) }
    }

    /// Takes the next bytes; `false` once it is known to be no program.
    fn data(&mut self, bytes: &[u8]) -> bool {
        // A piece that is shorter than the magic number is so rare that its program may be missed.
        if !*self.is_elf.get_or_insert_with(|| bytes.starts_with(ELF)) {
            return false;
        }
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
