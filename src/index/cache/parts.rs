//! A file of parts, each compressed and hashed by itself: who needs only the first ones reads no further.
//!
//! It begins with the hash of the list of its parts, and the list's length; the list and the parts follow. Whatever is not
//! as it was written counts as not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

/// What the names of files begin with that are being written.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// zstd's fastest level of its usual ones: most of a table is hashes, which nothing compresses.
const LEVEL: i32 = 1;

/// One of the parts.
#[derive(Serialize, Deserialize)]
struct Part {
    /// Its bytes.
    bytes: u64,
    /// … compressed, as they are in the file.
    packed: u64,
    /// BLAKE3 of those.
    hash: [u8; blake3::OUT_LEN],
}

/// Reads the parts one after the other.
pub(super) struct Parts {
    file: File,
    left: std::vec::IntoIter<Part>,
    decoder: Decompressor<'static>,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Parts {
    /// Reads the list of a file's parts.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let mut file = plain(File::options().read(true)).open(path).ok()?;
        file.metadata().ok().filter(fs::Metadata::is_file)?;
        let (mut hash, mut length) = ([0; blake3::OUT_LEN], [0; size_of::<u32>()]);
        file.read_exact(&mut hash).ok()?;
        file.read_exact(&mut length).ok()?;
        let mut list = Vec::new();
        read(&mut file, u32::from_le_bytes(length).into(), &mut list)?;
        let parts: Vec<Part> = if is(&list, &hash) { postcard::from_bytes(&list).ok()? } else { return None };
        let decoder = Decompressor::new().ok()?;
        Some(Self { file, left: parts.into_iter(), decoder, packed: Vec::new(), unpacked: Vec::new() })
    }

    /// Marks the file as used now; that it can't be marked does not matter.
    pub(super) fn touch(&self) {
        self.file.set_modified(SystemTime::now()).ok();
    }

    /// How many have not been read.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// The next part.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let bytes = usize::try_from(self.read()?).ok()?;
        self.unpacked.clear();
        self.unpacked.try_reserve(bytes).ok()?;
        self.decoder.decompress_to_buffer(&self.packed, &mut self.unpacked).ok()?;
        (self.unpacked.len() == bytes).then_some(&self.unpacked)
    }

    /// The next part as it is in the file: a frame of zstd.
    pub(super) fn next_packed(&mut self) -> Option<Vec<u8>> {
        self.read()?;
        Some(std::mem::take(&mut self.packed))
    }

    /// Reads the next part and checks it. Gives its length when it is unpacked.
    fn read(&mut self) -> Option<u64> {
        let Part { bytes, packed, hash } = self.left.next()?;
        read(&mut self.file, packed, &mut self.packed)?;
        is(&self.packed, &hash).then_some(bytes)
    }
}

/// To open a file, and not what a link leads to, nor to wait for who writes to a pipe: the folder may be others' too.
pub(super) fn plain(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
}

/// Reads just so many bytes; no room is made for more than there are.
fn read(file: &mut File, bytes: u64, into: &mut Vec<u8>) -> Option<()> {
    into.clear();
    let read = file.take(bytes).read_to_end(into).ok()?;
    (read as u64 == bytes).then_some(())
}

fn is(bytes: &[u8], hash: &[u8; blake3::OUT_LEN]) -> bool {
    blake3::hash(bytes).as_bytes() == hash
}

/// Writes beside, then moves into place: a reader never sees half a file.
pub(super) fn write(path: &Path, parts: impl IntoIterator<Item = io::Result<Vec<u8>>>) -> io::Result<()> {
    let mut encoder = Compressor::new(LEVEL)?;
    let (mut list, mut packed) = (Vec::new(), Vec::new());
    for part in parts {
        let part = part?;
        let frame = encoder.compress(&part)?;
        list.push(Part { bytes: part.len() as u64, packed: frame.len() as u64, hash: blake3::hash(&frame).into() });
        packed.extend(frame);
    }
    let list = postcard::to_stdvec(&list).map_err(io::Error::other)?;
    let length = u32::try_from(list.len()).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let begin = || {
        fs::create_dir_all(folder)?;
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
    };
    // Another run may just have pruned the folder, which was empty; with a file in it, it stays.
    let mut file = begin().or_else(|_| begin())?;
    for bytes in [blake3::hash(&list).as_bytes(), &length.to_le_bytes()[..], &list, &packed] {
        file.write_all(bytes)?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_cannot_be_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let frame = Compressor::new(LEVEL).unwrap().compress(b"x").unwrap();
        for bytes in [1 << 63, u64::MAX, 1 << 45] {
            let part = Part { bytes, packed: frame.len() as u64, hash: blake3::hash(&frame).into() };
            let list = postcard::to_stdvec(&vec![part]).unwrap();
            let length = (list.len() as u32).to_le_bytes();
            fs::write(&path, [&blake3::hash(&list).as_bytes()[..], &length, &list, &frame].concat()).unwrap();
            assert!(Parts::open(&path).unwrap().next().is_none(), "{bytes}");
        }
    }

    #[test]
    fn every_bit_counts_up_to_the_last_part_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let parts = [b"first".to_vec(), Vec::new(), vec![7; 100_000], b"last".to_vec()];
        write(&path, parts.clone().map(Ok)).unwrap();
        let all = || {
            let mut found = Parts::open(&path)?;
            parts.iter().map(|_| found.next().map(<[u8]>::to_vec)).collect::<Option<Vec<_>>>()
        };
        assert_eq!(all().as_deref(), Some(&parts[..]));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, &damaged).unwrap();
            assert_eq!(all(), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(all(), None, "cut at {at}");
        }
    }
}
