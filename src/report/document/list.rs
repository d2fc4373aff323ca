//! The document of `ls`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ImageDocument, PathDocument, raw};
use crate::analyze::Stat;
use crate::tree::{Item, Tree};

/// `layerscope.ls/1`. With `--format jsonl` the entries alone, one a line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListDocument {
    /// `layerscope.ls/1`.
    pub schema: String,
    /// The image.
    pub image: ImageDocument,
    /// Its names, in path order.
    pub entries: Vec<EntryDocument>,
}

/// One name of the merged tree, as lstat(2) would describe it in a container.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EntryDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// What it is.
    #[serde(flatten)]
    pub stat: StatDocument,
    /// The same for all names of one file, and for no other; null for a directory.
    pub inode: Option<u64>,
    /// SHA-256 of what a reader of a regular file sees; null for anything else, and for a file with more holes than are
    /// read.
    pub digest: Option<String>,
    /// A device's major and minor number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<(u32, u32)>,
}

/// What a name is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatDocument {
    /// `file`, `dir`, `symlink`, `char`, `block` or `fifo`. Each name of a hard-linked file is a `file`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Bytes that a reader sees: of a file its apparent size, of a symbolic link its target's length, else 0.
    pub size: u64,
    /// Permission, set-id and sticky bits, four octal digits.
    pub mode: String,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Modification time, whole seconds since 1970.
    pub mtime: i64,
    /// … and the nanoseconds above them; left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime_nanos: Option<u32>,
    /// A symbolic link's target; not UTF-8 made so with replacement characters.
    pub link: Option<String>,
    /// … its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_bytes: Option<String>,
    /// The layer that put the name here; of a directory that no layer describes, the first that implies it.
    pub layer: u64,
}

impl From<&Stat<'_>> for StatDocument {
    fn from(stat: &Stat<'_>) -> Self {
        Self {
            kind: stat.kind.name(),
            size: stat.size,
            mode: octal(stat.mode()),
            uid: stat.meta.uid,
            gid: stat.meta.gid,
            mtime: stat.meta.mtime,
            mtime_nanos: Some(stat.meta.mtime_nanos).filter(|nanos| *nanos > 0),
            link: stat.link.map(|target| String::from_utf8_lossy(target).into_owned()),
            link_bytes: stat.link.and_then(raw),
            layer: stat.layer.into(),
        }
    }
}

/// Its lowest twelve bits.
fn octal(mode: u16) -> String {
    [9, 6, 3, 0].map(|shift| char::from(b'0' + (mode >> shift & 7) as u8)).iter().collect()
}

/// Describes one name.
pub fn entry(tree: &Tree, item: &Item<'_>) -> EntryDocument {
    let stat = Stat::of(tree, item.node);
    EntryDocument {
        path: (&*item.path()).into(),
        stat: (&stat).into(),
        inode: stat.inode.map(|inode| inode.number()),
        digest: stat.sha256.map(|digest| digest.to_string()),
        device: stat.device,
    }
}
