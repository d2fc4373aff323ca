//! Keeps what later analyses read of a few files, since a table outlives its blob: the contents of small system files,
//! and the packages that databases and programs tell of. A database is read as soon as it has come whole, so that its
//! bytes are let go.

use crate::elf::{self, Collector, Loadable, Script};
use crate::model::LayerPath;
use crate::pkgdb::{BuildInfoFinder, Kind, Package, PkgdbError, rust_packages};
use crate::shell;

/// Files of the base system that tell what an image is and how programs start in it.
const SYSTEM_FILES: [&[u8]; 8] = [
    b"etc/os-release",
    b"usr/lib/os-release",
    b"etc/passwd",
    b"etc/group",
    b"etc/ld.so.conf",
    b"etc/ld.so.cache",
    b"etc/alpine-release",
    b"etc/debian_version",
];
/// What tells of an interpreter wherever it stands: of a virtual environment, of Node.
const INTERPRETER_FILES: [&[u8]; 2] = [b"pyvenv.cfg", b"node_version.h"];
/// Records of Python packages that tell how they were installed: the folder's ending, and the name.
const PYTHON_RECORDS: [(&[u8], &[u8]); 2] = [(b".dist-info", b"WHEEL"), (b".egg-info", b"top_level.txt")];
/// One of them is not larger than this.
const MAX_SYSTEM_FILE: u64 = 1 << 20;
/// Where dpkg lists the files of each package, one a line, and keeps the scripts that it runs itself.
const DPKG_INFO: &[u8] = b"var/lib/dpkg/info/";
/// What is wrong with a database, in characters: errors may quote it, and there may be a million of them.
const LONGEST_REASON: usize = 200;
/// Bits of a mode that let someone run a file.
const EXECUTABLE: u16 = 0o111;
/// What scripts begin with.
const SHEBANG: &[u8] = b"#!";
/// Linux's BINPRM_BUF_SIZE, less the mark before and the end behind.
const LONGEST_SHEBANG: usize = 253;
/// Shell scripts are kept whole up to this size. Python's, Node's and Debian's own entry points have a few kB.
const MAX_SCRIPT: u64 = 64 << 10;
/// How a script ends that is run as `sh NAME`, with no right to be executed.
const SCRIPT_ENDING: &[u8] = b".sh";

/// What is kept of one file.
#[derive(Default)]
pub(super) enum Capture {
    #[default]
    Nothing,
    System(Vec<u8>),
    Owned(Vec<u8>),
    Database(Kind, Vec<u8>),
    TooLarge(Kind),
    TooSparse,
    Unknown(Unknown),
    Elf(Box<ElfFile>),
    Script {
        first: Vec<u8>,
        room: usize,
    },
}

/// What a file's contents may tell, to who asks for packages and system files alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// Nothing.
    Nothing,
    /// What the system is, or what packages it has.
    System,
    /// If it is a program, what it was built of.
    Program,
}

/// What was kept.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) content: Option<Vec<u8>>,
    pub(super) packages: Option<Result<Vec<Package>, String>>,
    pub(super) loadable: Option<Loadable>,
}

impl Capture {
    /// Decides by path, size and mode.
    pub(super) fn of(path: &LayerPath, size: u64, mode: u16) -> Self {
        if let Some(kind) = Kind::of(path) {
            return if size <= kind.limit() { Self::Database(kind, Vec::new()) } else { Self::TooLarge(kind) };
        }
        if size <= MAX_SYSTEM_FILE && is_system(path) {
            return Self::System(Vec::new());
        }
        if size <= MAX_SYSTEM_FILE && path.as_bytes().starts_with(DPKG_INFO) && path.as_bytes().ends_with(b".list") {
            return Self::Owned(Vec::new());
        }
        let name = path.file_name();
        let executable = mode & EXECUTABLE != 0;
        let program = executable && !name.windows(3).any(|part| part == b".so");
        let script = (executable || name.ends_with(SCRIPT_ENDING)).then(|| {
            let whole = size <= MAX_SCRIPT && !path.as_bytes().starts_with(DPKG_INFO);
            if whole { MAX_SCRIPT as usize } else { LONGEST_SHEBANG }
        });
        Self::Unknown(Unknown { size, script, program, first: Vec::new() })
    }

    /// For a file with more holes than are read.
    pub(super) fn too_sparse() -> Self {
        Self::TooSparse
    }

    /// What is to be expected of its contents. Lists of packages' files, libraries and scripts are for who asks whether
    /// programs run.
    pub(super) fn tells(&self) -> Tells {
        match self {
            Self::System(_) | Self::Database(..) | Self::TooLarge(_) => Tells::System,
            Self::Unknown(Unknown { program: true, size, .. }) if *size > 0 => Tells::Program,
            _ => Tells::Nothing,
        }
    }

    /// Whether its contents are read at all.
    pub(super) fn reads(&self) -> bool {
        !matches!(self, Self::Nothing | Self::TooLarge(_) | Self::TooSparse)
    }

    /// The next bytes of the file; not more come than the size that was given.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        match self {
            Self::Nothing | Self::TooLarge(_) | Self::TooSparse => {}
            Self::System(kept) | Self::Owned(kept) | Self::Database(_, kept) => kept.extend_from_slice(bytes),
            Self::Unknown(unknown) => {
                if let Some(known) = unknown.data(bytes) {
                    *self = known;
                }
            }
            Self::Elf(file) => file.data(bytes),
            Self::Script { first, room } => {
                let room = room.saturating_sub(first.len());
                first.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
    }

    /// What was kept.
    pub(super) fn finish(self) -> Kept {
        match self {
            Self::Nothing | Self::Unknown(_) => Kept::default(),
            Self::System(kept) => Kept { content: Some(kept), ..Kept::default() },
            Self::Owned(kept) => Kept { content: Some(telling_files(&kept)), ..Kept::default() },
            Self::Database(kind, kept) => Kept { packages: Some(said(kind.parse(&kept))), ..Kept::default() },
            Self::TooLarge(kind) => {
                let reason = format!("it has more than {} MiB", kind.limit() >> 20);
                Kept { packages: Some(Err(reason)), ..Kept::default() }
            }
            Self::TooSparse => Kept { loadable: Some(Loadable::NotKept), ..Kept::default() },
            Self::Elf(file) => file.finish(),
            Self::Script { first, room } => {
                let whole = room > LONGEST_SHEBANG;
                Kept { loadable: Some(Loadable::Script(script(&first, whole))), ..Kept::default() }
            }
        }
    }
}

/// What is kept of a script's first bytes, which may be all of it.
fn script(bytes: &[u8], whole: bool) -> Script {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let line = &bytes[..end.min(LONGEST_SHEBANG)];
    let for_shell = shell::shebang(line).iter().any(|word| shell::is_shell(word));
    Script { line: line.into(), text: (whole && for_shell).then(|| bytes[end..].into()) }
}

fn is_system(path: &LayerPath) -> bool {
    let bytes = path.as_bytes();
    let musl_path = bytes.starts_with(b"etc/ld-musl-") && bytes.ends_with(b".path");
    let records = PYTHON_RECORDS.iter().any(|(folder, name)| {
        path.file_name() == *name && path.components().rev().nth(1).is_some_and(|parent| parent.ends_with(folder))
    });
    let loader = musl_path || bytes.starts_with(b"etc/ld.so.conf.d/");
    loader || records || SYSTEM_FILES.contains(&bytes) || INTERPRETER_FILES.contains(&path.file_name())
}

/// Of a package's files those that a program may miss: libraries and programs.
fn telling_files(list: &[u8]) -> Vec<u8> {
    let tells = |line: &&[u8]| [&b".so"[..], b"bin/"].iter().any(|part| memchr::memmem::find(line, part).is_some());
    list.split_inclusive(|&byte| byte == b'\n').filter(tells).flatten().copied().collect()
}

fn said(result: Result<Vec<Package>, PkgdbError>) -> Result<Vec<Package>, String> {
    result.map_err(|error| error.to_string().chars().take(LONGEST_REASON).collect())
}

/// A file of which too little has come to know what it is.
pub(super) struct Unknown {
    size: u64,
    /// If it may be a script: how many of its bytes are kept.
    script: Option<usize>,
    program: bool,
    first: Vec<u8>,
}

impl Unknown {
    /// Takes the next bytes; gives what the file is, once that is known.
    fn data(&mut self, bytes: &[u8]) -> Option<Capture> {
        // Nearly always the first piece tells, and nothing has to be kept.
        let joined;
        let bytes = if self.first.is_empty() {
            bytes
        } else {
            joined = [&self.first, bytes].concat();
            &joined
        };
        let mut known = if bytes.starts_with(elf::MAGIC) {
            Capture::Elf(Box::new(ElfFile::new(self.size, self.program)))
        } else if let Some(room) = self.script
            && bytes.starts_with(SHEBANG)
        {
            Capture::Script { first: Vec::new(), room }
        } else if elf::MAGIC.starts_with(bytes) || SHEBANG.starts_with(bytes) {
            self.first = bytes.to_vec();
            return None;
        } else {
            return Some(Capture::Nothing);
        };
        let mark = if matches!(known, Capture::Script { .. }) { SHEBANG.len() } else { 0 };
        known.data(&bytes[mark..]);
        Some(known)
    }
}

/// A file of ELF's form, which may also say what it was built of.
pub(super) struct ElfFile {
    collector: Collector,
    /// Of a program, not of a library.
    go: Option<BuildInfoFinder>,
}

impl ElfFile {
    fn new(size: u64, program: bool) -> Self {
        Self { collector: Collector::new(size, program), go: program.then(BuildInfoFinder::default) }
    }

    fn data(&mut self, bytes: &[u8]) {
        if let Some(go) = &mut self.go {
            go.data(bytes);
        }
        self.collector.data(bytes);
    }

    fn finish(self) -> Kept {
        let Self { collector, go } = self;
        let packages = go.map(|go| {
            let modules = go.finish();
            match collector.whole() {
                Some(whole) if modules.is_empty() => said(rust_packages(whole)),
                _ => Ok(modules),
            }
        });
        Kept { content: None, packages, loadable: collector.finish() }
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
        Some(capture.finish().packages?.map(|found| found.into_iter().map(|one| one.name).collect()))
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
        assert_eq!(kept("usr/bin/hello", 0o755, b"\x7fEL", 1), None, "it ends too early");
        assert_eq!(kept("usr/bin/hello", 0o755, b"\x7fEXE, and more", 3), None, "it is of another form");
    }

    #[test]
    fn too_large_a_database_is_said_to_be_so() {
        let capture = Capture::of(&"var/lib/dpkg/status".into(), (32 << 20) + 1, 0o644);
        let Some(Err(reason)) = capture.finish().packages else { panic!("it should be refused") };
        assert_eq!(reason, "it has more than 32 MiB");
    }

    #[test]
    fn scripts_are_kept_for_shells() {
        let kept = |path: &str, mode, bytes: &[u8], piece| {
            let mut capture = Capture::of(&path.into(), bytes.len() as u64, mode);
            bytes.chunks(piece).for_each(|piece| capture.data(piece));
            let Loadable::Script(Script { line, text }) = capture.finish().loadable? else { return None };
            let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
            Some((String::from_utf8_lossy(&line).into_owned(), text))
        };
        let script = b"#!/usr/bin/env bash\nexec git\n";
        let whole = Some(("/usr/bin/env bash".into(), Some("\nexec git\n".into())));
        for piece in [1, 2, 25, 100] {
            assert_eq!(kept("app/run", 0o755, script, piece), whole);
            assert_eq!(kept("app/run.sh", 0o644, script, piece), whole);
        }
        assert_eq!(kept("app/run", 0o644, script, 100), None, "nobody runs it");
        let line = Some(("/usr/bin/env bash".into(), None));
        assert_eq!(kept("var/lib/dpkg/info/git.postinst", 0o755, script, 100), line);
        assert_eq!(kept("app/run", 0o755, &[&script[..], &[b'#'; 64 << 10]].concat(), 100), line);
        assert_eq!(kept("app/run", 0o755, b"#!/usr/bin/python3\nx", 9), Some(("/usr/bin/python3".into(), None)));
    }

    #[test]
    fn a_reason_is_short_whatever_it_quotes() {
        let quoted = format!("\"{}\"", "é".repeat(10_000));
        let reason = kept("node_modules/a/package.json", 0o644, quoted.as_bytes(), 1000).unwrap().unwrap_err();
        assert_eq!(reason.chars().count(), LONGEST_REASON);
    }
}
