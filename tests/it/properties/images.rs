//! Random small images: few names, so that everything happens to everything.

use layerscope::index::{Code, LayerIndex};
use layerscope::model::{ContentId, DiffId, Digest, Entry, EntryKind, LayerPath, Meta};
use proptest::collection::vec;
use proptest::prelude::*;

/// Up to four layers, lowest first.
pub(crate) fn layers() -> impl Strategy<Value = Vec<LayerIndex>> {
    vec(vec(entry(), 0..8).prop_map(layer), 0..5)
}

pub(super) fn layer(entries: Vec<Entry>) -> LayerIndex {
    let digest = Digest::Sha256([0; 32]);
    let (captured, notes) = (Vec::new(), Vec::new());
    LayerIndex {
        digest,
        stored_bytes: 0,
        diff_id: DiffId(digest),
        tar_bytes: 0,
        entries,
        captured,
        packages: Vec::new(),
        code: Code::default(),
        notes,
    }
}

fn path() -> impl Strategy<Value = LayerPath> {
    vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| LayerPath::clean(names.join("/").as_bytes()))
}

fn kind() -> impl Strategy<Value = EntryKind> {
    prop_oneof![
        6 => (0_u8..3).prop_map(file),
        3 => Just(EntryKind::Dir),
        1 => Just(EntryKind::Symlink { target: b"a"[..].into() }),
        3 => path().prop_map(|target| EntryKind::HardLink { target }),
        3 => Just(EntryKind::Whiteout),
        1 => Just(EntryKind::Opaque),
    ]
}

/// One of three contents, the first of them empty.
pub(super) fn file(content: u8) -> EntryKind {
    let size = u64::from(content) * 10;
    EntryKind::File { size, apparent_size: size, content: ContentId::Blake3([content; 32]), sha256: None }
}

fn entry() -> impl Strategy<Value = Entry> {
    (path(), kind(), 0_u64..2, 0_i64..2).prop_map(|(path, kind, uid, mtime)| Entry {
        path,
        kind,
        meta: Meta { mode: 0o644, uid, mtime, ..Meta::default() },
        download_bytes: 0,
    })
}
