//! What a process in the container would see of one name: type, size, mode, owner, times, link.

use crate::model::{ContentId, Digest, Entry, EntryKind, Meta};
use crate::tree::{InodeId, Node, Tree};

/// The type of a name in the merged tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileType {
    /// A regular file; every name of a hard-linked one is one.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
}

impl FileType {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Symlink => "symlink",
            Self::Char => "char",
            Self::Block => "block",
            Self::Fifo => "fifo",
        }
    }
}

/// Attributes of a name in the merged tree, as lstat(2) would give them.
#[derive(Clone, Copy, Debug)]
pub struct Stat<'t> {
    /// Its type.
    pub kind: FileType,
    /// Bytes that a reader sees: of a file its apparent size, of a symbolic link its target's length, else 0.
    pub size: u64,
    /// Bytes of data that the image stores for it: a regular file's, else 0.
    pub file_bytes: u64,
    /// Mode, owner, times, extended attributes; of a directory without an entry of its own 0755, root's.
    pub meta: &'t Meta,
    /// A symbolic link's target, untouched.
    pub link: Option<&'t [u8]>,
    /// A device's major and minor number.
    pub device: Option<(u32, u32)>,
    /// A regular file's content.
    pub content: Option<&'t ContentId>,
    /// A regular file's SHA-256, where the index has it.
    pub sha256: Option<&'t Digest>,
    /// What its hard-linked names share; `None` for a directory.
    pub inode: Option<InodeId>,
    /// The layer that put the name here, from 0.
    pub layer: u32,
}

/// What engines make of a directory that no entry describes.
static IMPLIED: Meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0, mtime_nanos: 0, xattrs: Vec::new() };

impl<'t> Stat<'t> {
    /// Permission, set-id and sticky bits. Linux has 0777 for every symbolic link (symlink(7)), whatever a tar has.
    pub fn mode(&self) -> u16 {
        if self.kind == FileType::Symlink { 0o777 } else { self.meta.mode }
    }

    /// Of a node of a tree.
    pub fn of(tree: &'t Tree, node: &Node) -> Self {
        let implied = Self {
            kind: FileType::Dir,
            size: 0,
            file_bytes: 0,
            meta: &IMPLIED,
            link: None,
            device: None,
            content: None,
            sha256: None,
            inode: node.inode(),
            layer: node.layer(),
        };
        let described = |id| implied.described_by(tree.entry(id));
        let stat = tree.data(node).map_or(implied, described);
        Self { meta: tree.meta(node).unwrap_or(&IMPLIED), ..stat }
    }

    fn described_by(self, entry: &'t Entry) -> Self {
        let stat = Self { file_bytes: entry.file_bytes(), ..self };
        match &entry.kind {
            EntryKind::File { apparent_size, content, sha256, .. } => Self {
                kind: FileType::File,
                size: *apparent_size,
                content: Some(content),
                sha256: sha256.as_deref(),
                ..stat
            },
            EntryKind::Symlink { target } => {
                Self { kind: FileType::Symlink, size: target.len() as u64, link: Some(target), ..stat }
            }
            EntryKind::Char { device } => Self { kind: FileType::Char, device: Some(*device), ..stat },
            EntryKind::Block { device } => Self { kind: FileType::Block, device: Some(*device), ..stat },
            EntryKind::Fifo => Self { kind: FileType::Fifo, ..stat },
            // The tree keeps no markers, and a hard link's data is the file it names.
            EntryKind::Dir | EntryKind::HardLink { .. } | EntryKind::Whiteout | EntryKind::Opaque => stat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::Fixture;

    #[test]
    fn every_name_of_a_file_is_the_file() {
        let image = Fixture::new(&["file a 5 x mode=4755 uid=7 apparent=90\nlink l to", "hard d/b a mode=4711 uid=8"]);
        let stat = |path: &str| {
            let id = image.tree.get(&path.into()).expect("a name");
            Stat::of(&image.tree, image.tree.node(id))
        };
        let (a, b) = (stat("a"), stat("d/b"));
        assert_eq!((a.kind, a.size, a.file_bytes, a.meta.mode, a.layer), (FileType::File, 90, 5, 0o4711, 0));
        assert_eq!((b.kind, b.size, b.file_bytes, b.meta.mode, b.layer), (FileType::File, 90, 5, 0o4711, 1));
        assert!(a.inode == b.inode && a.inode.is_some() && a.content == b.content);
        let (link, dir) = (stat("l"), stat("d"));
        assert_eq!((link.kind, link.size, link.link, link.content), (FileType::Symlink, 2, Some(&b"to"[..]), None));
        assert_eq!((dir.kind, dir.meta.mode, dir.inode, dir.layer), (FileType::Dir, 0o755, None, 1));
    }
}
