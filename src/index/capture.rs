//! Keeps the few contents that later analyses read, since a cached table outlives its blob.

use crate::model::LayerPath;

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

/// What is kept of one file.
#[derive(Default)]
pub(super) struct Capture {
    kept: Option<Vec<u8>>,
    limit: u64,
}

impl Capture {
    /// Decides by path and size.
    pub(super) fn of(path: &LayerPath, size: u64) -> Self {
        let system = SYSTEM_FILES.contains(&path.as_bytes()) || path.as_bytes().starts_with(b"etc/ld.so.conf.d/");
        if system && size <= MAX_SYSTEM_FILE { Self { kept: Some(Vec::new()), limit: size } } else { Self::default() }
    }

    /// The next bytes of the file.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        if let Some(kept) = &mut self.kept {
            let room = self.limit.saturating_sub(kept.len() as u64);
            kept.extend_from_slice(&bytes[..usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()))]);
        }
    }

    /// What was kept, if anything.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.kept
    }
}
