//! What a program or library of ELF's form needs and offers: interpreter, libraries, symbol versions, symbols.
//!
//! Read is what a loader reads (System V ABI, "Object Files" and "Dynamic Linking"; the Linux Standard Base's "Symbol
//! Versioning"): program headers and what the dynamic section points at. Sections are not needed: they may be stripped,
//! and stand at the end of a file that comes as a stream.
//!
//! Own code and not the crate `object`: of a large file only parts are kept, names and tables need bounds of their own
//! where many entries point at one long string, and `object` finds no length of a symbol table whose GNU hash is empty,
//! as of every program that exports nothing.

mod collect;
#[cfg(test)]
mod hostile;
mod names;
mod parts;
mod read;
mod symbols;
#[cfg(test)]
mod tests;
mod versions;

use serde::{Deserialize, Serialize};

pub use collect::{Collector, MOST};
pub use names::{Hashes, Names, hash};

/// What ELF files begin with.
pub const MAGIC: &[u8] = b"\x7fELF";

/// What becomes of a file when it is started or loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loadable {
    /// The kernel or a loader maps it.
    Elf(Box<Elf>),
    /// The kernel starts what its first line names.
    Script(Script),
    /// It is of ELF's form, but what it needs could not be read: why.
    Unread(Box<str>),
    /// It was not kept: the layer's files before it have filled the room that there is, or it is too sparse to be read.
    NotKept,
}

/// A file that begins with `#!`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its first line behind the mark, cut at 255 bytes.
    #[serde(with = "serde_bytes")]
    pub line: Box<[u8]>,
    /// What a shell reads below that line; `None` if it is for another interpreter, too large, or a package manager's.
    #[serde(with = "serde_bytes")]
    pub text: Option<Box<[u8]>>,
}

/// A program or library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elf {
    /// For whom it is made.
    pub target: Target,
    /// `e_type`: 2 is a program at a fixed address, 3 a library or a program at any address.
    pub kind: u16,
    /// PT_INTERP: the loader that the kernel starts in its place.
    #[serde(with = "serde_bytes")]
    pub interpreter: Option<Box<[u8]>>,
    /// Whether it has a dynamic section; what has none is complete in itself.
    pub dynamic: bool,
    /// DT_NEEDED, in order.
    pub needed: Names,
    /// DT_SONAME.
    #[serde(with = "serde_bytes")]
    pub soname: Option<Box<[u8]>>,
    /// DT_RPATH, untouched.
    #[serde(with = "serde_bytes")]
    pub rpath: Option<Box<[u8]>>,
    /// DT_RUNPATH, untouched.
    #[serde(with = "serde_bytes")]
    pub runpath: Option<Box<[u8]>>,
    /// Functions are looked up when it is loaded, not when they are first called.
    pub bind_now: bool,
    /// DF_1_NODEFLIB: the loader's default folders are not searched.
    pub no_default_folders: bool,
    /// Symbol versions that it needs, library by library.
    pub requires: Vec<Requirement>,
    /// Symbol versions that it defines.
    pub provides: Names,
    /// Its dynamic symbols, or why they can't be told.
    pub symbols: Result<Symbols, Box<str>>,
}

/// For whom a file is made: files of different targets can't be loaded together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// 64 bits, not 32.
    pub wide: bool,
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// `e_machine`: 62 is x86-64, 183 AArch64, …
    pub machine: u16,
}

/// Versions that a file needs of one library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The library's soname.
    #[serde(with = "serde_bytes")]
    pub library: Box<[u8]>,
    /// Versions that must be there.
    pub versions: Names,
    /// Versions whose absence is forgiven: only weak symbols need them.
    pub weak: Names,
}

/// Dynamic symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbols {
    /// Names that another file has to define: undefined and not weak.
    pub undefined: Names,
    /// Names that it defines for others, hashed.
    pub exports: Hashes,
}

impl Elf {
    /// A file that needs and offers nothing.
    pub fn new(target: Target, kind: u16) -> Self {
        Self {
            target,
            kind,
            interpreter: None,
            dynamic: false,
            needed: Names::default(),
            soname: None,
            rpath: None,
            runpath: None,
            bind_now: false,
            no_default_folders: false,
            requires: Vec::new(),
            provides: Names::default(),
            symbols: Ok(Symbols::default()),
        }
    }

    /// Bytes that it takes in memory, nearly.
    pub fn size(&self) -> usize {
        let text = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| text.len());
        let texts = [&self.interpreter, &self.soname, &self.rpath, &self.runpath].into_iter().map(text).sum::<usize>();
        let required = self.requires.iter().map(Requirement::size).sum::<usize>();
        let symbols = self.symbols.as_ref().map_or_else(|why| why.len(), Symbols::size);
        size_of::<Self>() + texts + required + symbols + self.needed.size() + self.provides.size()
    }
}

impl Requirement {
    fn size(&self) -> usize {
        size_of::<Self>() + self.library.len() + self.versions.size() + self.weak.size()
    }
}

impl Symbols {
    fn size(&self) -> usize {
        self.undefined.size() + self.exports.size()
    }
}

impl Target {
    /// The machine's name, as Linux has it.
    pub fn name(self) -> String {
        match (self.machine, self.wide, self.big_endian) {
            (3, ..) => "i386".into(),
            (8, true, false) => "mips64el".into(),
            (8, ..) => "mips".into(),
            (20, ..) => "ppc".into(),
            (21, _, true) => "ppc64".into(),
            (21, ..) => "ppc64le".into(),
            (22, ..) => "s390x".into(),
            (40, ..) => "arm".into(),
            (62, true, _) => "x86_64".into(),
            (62, ..) => "x32".into(),
            (183, ..) => "aarch64".into(),
            (243, true, _) => "riscv64".into(),
            (243, ..) => "riscv32".into(),
            (258, ..) => "loongarch64".into(),
            (machine, wide, _) => format!("machine {machine} of {} bits", if wide { 64 } else { 32 }),
        }
    }
}

impl Loadable {
    /// Bytes that it takes in memory, nearly.
    pub fn size(&self) -> usize {
        match self {
            Self::Elf(elf) => elf.size(),
            Self::Script(script) => script.line.len() + script.text.as_ref().map_or(0, |text| text.len()),
            Self::Unread(why) => why.len(),
            Self::NotKept => 0,
        }
    }
}

/// Why a file of ELF's form could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ElfError {
    /// A part of it was not kept, or it ends too early.
    #[error("{0} lies outside of what is read of it")]
    Outside(&'static str),
    /// A number that no loader takes.
    #[error("{0}")]
    Broken(&'static str),
}
