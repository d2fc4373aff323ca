//! Test images written as text: one line an entry.
//!
//! ```text
//! dir etc                          a directory
//! file etc/passwd 100 a mode=4755 uid=7 mtime=3     100 bytes of content `a`
//! file log 1 a apparent=1000       the same, sparse
//! link lib usr/lib                 a symbolic link
//! hard b a                         one more name of a
//! gone etc/passwd                  a whiteout
//! opaque etc                       an opaque marker
//! text etc/passwd root:x:0\napp:x  a small file whose content is kept; `\n` is a new line
//! script bin/x /bin/sh -e          a script that anyone may run, with its first line behind `#!`
//! elf bin/y interp=/lib/ld.so needed=a,b soname=a runpath=/x rpath=/x requires=a:V_1,a:V_2 provides=V_1 undefined=f
//!     exports=g now machine=183    … of x86-64 unless told (all in one line; anyone may run it)
//! source app.py os,re              Python source that imports these, unconditionally
//! unread lib/z why                 a file of ELF's form that could not be read
//! ```

use std::sync::Arc;

use super::Subject;
use crate::elf::{Elf, Hashes, Loadable, Names, Requirement, Script, Symbols, Target, hash};
use crate::index::{Code, LayerIndex};
use crate::model::{ContentId, DiffId, Digest, Entry, EntryKind, Image, Layer, LayerPath, Manifest, Meta};
use crate::pkgdb::Import;
use crate::tree::Tree;

/// An image and its tree.
pub(super) struct Fixture {
    pub(super) image: Image,
    pub(super) tree: Tree,
}

impl Fixture {
    /// Of layers as text. A layer's first line, if it starts with `#`, is the instruction that made it.
    pub(super) fn new(layers: &[&str]) -> Self {
        let made_by = |text: &str| Some(text.trim_start().strip_prefix('#')?.lines().next()?.trim().to_owned());
        let mut fixture = Self::of(layers.iter().map(|text| layer(text)).collect());
        for (layer, text) in fixture.image.layers.iter_mut().zip(layers) {
            layer.created_by = made_by(text);
        }
        fixture
    }

    /// Of layers as tables.
    pub(super) fn of(tables: Vec<LayerIndex>) -> Self {
        let described = tables.iter().map(|table| Layer {
            digest: table.digest,
            diff_id: table.diff_id,
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
            stored_bytes: table.stored_bytes,
            created_by: None,
        });
        let manifest = Manifest {
            reference: "test:latest".into(),
            local: false,
            digest: None,
            media_type: String::new(),
            config_digest: Digest::Sha256([0; 32]),
            config: Default::default(),
            annotations: Default::default(),
            layers: Vec::new(),
            attestation: None,
        };
        let image = Image { manifest, layers: described.collect() };
        Self { image, tree: Tree::new(tables.into_iter().map(Arc::new).collect()) }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject { image: &self.image, tree: &self.tree }
    }
}

/// One layer's table. Its blob is half the size of its files, and named by its text.
pub(super) fn layer(text: &str) -> LayerIndex {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    let entries: Vec<Entry> = lines.iter().map(|line| entry(line)).collect();
    let rows = || (0_u32..).zip(&lines);
    let captured = rows().filter_map(|(row, line)| Some((row, content(line)?))).collect();
    let loadables = rows().filter_map(|(row, line)| Some((row, loadable(line)?))).collect();
    let files: u64 = entries.iter().map(Entry::file_bytes).sum();
    let digest = Digest::Sha256(*blake3::hash(text.as_bytes()).as_bytes());
    LayerIndex {
        digest,
        stored_bytes: files / 2,
        diff_id: DiffId(digest),
        tar_bytes: files + 512 * entries.len() as u64,
        entries,
        captured,
        packages: Vec::new(),
        code: Code::new(loadables, rows().filter_map(|(row, line)| Some((row, Some(imports(line)?)))).collect()),
        notes: Vec::new(),
    }
}

fn entry(line: &str) -> Entry {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |key: &str| {
        let word = words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        word.map(|word| i64::from_str_radix(word, if key == "mode" { 8 } else { 10 }).expect("a number"))
    };
    let size = || words[2].parse().expect("a size");
    let kind = match words[0] {
        "dir" => EntryKind::Dir,
        "file" => {
            let content = ContentId::Blake3(*blake3::hash(format!("{} {}", words[2], words[3]).as_bytes()).as_bytes());
            let apparent_size = number("apparent").map_or_else(size, |size| size as u64);
            EntryKind::File { size: size(), apparent_size, content, sha256: None }
        }
        "text" | "script" | "elf" | "unread" | "source" => {
            let content = ContentId::Blake3(*blake3::hash(line.as_bytes()).as_bytes());
            EntryKind::File { size: line.len() as u64, apparent_size: line.len() as u64, content, sha256: None }
        }
        "link" => EntryKind::Symlink { target: words[2].as_bytes().into() },
        "hard" => EntryKind::HardLink { target: words[2].into() },
        "fifo" => EntryKind::Fifo,
        "gone" => EntryKind::Whiteout,
        "opaque" => EntryKind::Opaque,
        other => panic!("{other} is no type"),
    };
    let meta = Meta {
        mode: number("mode").unwrap_or(if matches!(words[0], "script" | "elf") { 0o755 } else { 0o644 }) as u16,
        uid: number("uid").unwrap_or(0) as u64,
        gid: number("gid").unwrap_or(0) as u64,
        mtime: number("mtime").unwrap_or(0),
        ..Meta::default()
    };
    let file_bytes = if let EntryKind::File { size, .. } = kind { size } else { 0 };
    Entry { path: LayerPath::from(words[1]), kind, meta, download_bytes: file_bytes / 2 }
}

/// What is behind a line's type and path.
fn rest<'l>(line: &'l str, kind: &str) -> Option<&'l str> {
    let (_, rest) = line.strip_prefix(kind)?.strip_prefix(' ')?.split_once(' ').unwrap_or_default();
    Some(rest)
}

fn imports(line: &str) -> Option<Vec<Import>> {
    let names = rest(line, "source")?.split(',').filter(|name| !name.is_empty());
    Some(names.map(|name| Import { name: name.into(), always: true }).collect())
}

fn content(line: &str) -> Option<Vec<u8>> {
    Some(rest(line, "text")?.replace("\\n", "\n").into_bytes())
}

fn loadable(line: &str) -> Option<Loadable> {
    if let Some(line) = rest(line, "script") {
        let (line, text) = line.split_once("\\n").map_or((line, None), |(line, text)| (line, Some(text)));
        let text = text.map(|text| text.replace("\\n", "\n").into_bytes().into());
        return Some(Loadable::Script(Script { line: line.as_bytes().into(), text }));
    }
    if let Some(why) = rest(line, "unread") {
        return Some(Loadable::Unread(why.into()));
    }
    rest(line, "elf").map(|words| Loadable::Elf(Box::new(elf(words))))
}

fn elf(words: &str) -> Elf {
    let value = |key: &str| words.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let list = |key: &str| value(key).into_iter().flat_map(|list| list.split(',')).map(str::as_bytes);
    let text = |key: &str| value(key).map(|text| text.as_bytes().into());
    let machine = value("machine").map_or(62, |number| number.parse().expect("a number"));
    let requires = list("requires").map(|pair| {
        let at = pair.iter().position(|byte| *byte == b':').expect("a library and a version");
        let versions = [&pair[at + 1..]].into_iter().collect();
        Requirement { library: pair[..at].into(), versions, weak: Names::default() }
    });
    let exports: Hashes = list("exports").map(hash).collect();
    Elf {
        interpreter: text("interp"),
        dynamic: true,
        needed: list("needed").collect(),
        soname: text("soname"),
        rpath: text("rpath"),
        runpath: text("runpath"),
        bind_now: words.split(' ').any(|word| word == "now"),
        requires: requires.collect(),
        provides: list("provides").collect(),
        symbols: Ok(Symbols { undefined: list("undefined").collect(), exports }),
        ..Elf::new(Target { wide: true, big_endian: false, machine }, 3)
    }
}
