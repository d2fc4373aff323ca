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
//! ```

use std::sync::Arc;

use super::Subject;
use crate::index::LayerIndex;
use crate::model::{ContentId, DiffId, Digest, Entry, EntryKind, Image, Layer, LayerPath, Manifest, Meta};
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
    let entries: Vec<Entry> = lines.map(entry).collect();
    let files: u64 = entries.iter().map(Entry::file_bytes).sum();
    let digest = Digest::Sha256(*blake3::hash(text.as_bytes()).as_bytes());
    LayerIndex {
        digest,
        stored_bytes: files / 2,
        diff_id: DiffId(digest),
        tar_bytes: files + 512 * entries.len() as u64,
        entries,
        captured: Vec::new(),
        packages: Vec::new(),
        loadables: Vec::new(),
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
            let content = ContentId(*blake3::hash(format!("{} {}", words[2], words[3]).as_bytes()).as_bytes());
            let apparent_size = number("apparent").map_or_else(size, |size| size as u64);
            EntryKind::File { size: size(), apparent_size, content, sha256: None }
        }
        "link" => EntryKind::Symlink { target: words[2].as_bytes().into() },
        "hard" => EntryKind::HardLink { target: words[2].into() },
        "fifo" => EntryKind::Fifo,
        "gone" => EntryKind::Whiteout,
        "opaque" => EntryKind::Opaque,
        other => panic!("{other} is no type"),
    };
    let meta = Meta {
        mode: number("mode").unwrap_or(0o644) as u16,
        uid: number("uid").unwrap_or(0) as u64,
        gid: number("gid").unwrap_or(0) as u64,
        mtime: number("mtime").unwrap_or(0),
        ..Meta::default()
    };
    let file_bytes = if let EntryKind::File { size, .. } = kind { size } else { 0 };
    Entry { path: LayerPath::from(words[1]), kind, meta, download_bytes: file_bytes / 2 }
}
