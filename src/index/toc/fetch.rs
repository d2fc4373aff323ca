//! One file out of its part of the blob, verified.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{Parts, Place, Places, TocError};
use crate::blob::Compression;
use crate::model::{Digest, Entry, EntryKind};

/// What is fetched at once of a large file.
const PIECE: u64 = 8 << 20;
/// What is decompressed at once.
const BUFFER: usize = 64 << 10;

/// Fetches a file alone, verifies it, and gives its contents in an unnamed temporary file. `None` where the table does
/// not tell where it is.
pub fn read_file(places: &Places, entry: &Entry, row: u32, parts: Parts<'_>) -> Result<Option<File>, TocError> {
    let Some(wanted) = Wanted::of(entry) else { return Ok(None) };
    let place = places.of(row);
    if place.is_none() && wanted.size > 0 {
        return Ok(None);
    }
    let mut file = tempfile::tempfile().map_err(TocError::Spool)?;
    if let Some(place) = place {
        let mut blob = Pieces { left: place.at..place.end, parts, piece: io::Cursor::default(), failed: None };
        let read =
            wanted.read(BufReader::new(&mut blob), place, |bytes| file.write_all(bytes).map_err(TocError::Spool));
        // What the source said is the reason to give.
        match blob.failed {
            Some(error) => return Err(error),
            None => read?,
        }
    }
    file.rewind().map_err(TocError::Spool)?;
    Ok(Some(file))
}

/// A file as the table tells of it.
pub(super) struct Wanted<'e> {
    entry: &'e Entry,
    size: u64,
    digest: Digest,
}

impl<'e> Wanted<'e> {
    /// A regular file whose SHA-256 is known.
    pub(super) fn of(entry: &'e Entry) -> Option<Self> {
        match &entry.kind {
            EntryKind::File { size, sha256: Some(digest), .. } => Some(Self { entry, size: *size, digest: **digest }),
            _ => None,
        }
    }

    /// Decompresses it; `to` is given its bytes, which are verified when this is done.
    pub(super) fn read(
        &self,
        blob: impl BufRead,
        place: &Place,
        mut to: impl FnMut(&[u8]) -> Result<(), TocError>,
    ) -> Result<(), TocError> {
        let broken = |source| TocError::FileData { path: self.entry.path.display(), source };
        let mut decoder = decoder(blob).map_err(broken)?;
        io::copy(&mut (&mut decoder).take(place.skip), &mut io::sink()).map_err(broken)?;
        self.check(decoder.take(self.size), &mut to)
    }

    /// Reads it to its end; `to` is given its bytes.
    fn check(&self, mut data: impl Read, to: &mut impl FnMut(&[u8]) -> Result<(), TocError>) -> Result<(), TocError> {
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
        loop {
            let read = match data.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(TocError::FileData { path: self.entry.path.display(), source }),
            };
            hasher.update(&buffer[..read]);
            to(&buffer[..read])?;
        }
        let (expected, actual) = (self.digest, Digest::Sha256(hasher.finalize().into()));
        if actual == expected {
            return Ok(());
        }
        Err(TocError::File { path: self.entry.path.display(), expected, actual })
    }
}

/// Whether a file that was had in another way is the one that the table tells of.
pub fn verify(entry: &Entry, file: &mut File) -> Result<(), TocError> {
    Wanted::of(entry).map_or(Ok(()), |wanted| wanted.check(file, &mut |_| Ok(())))
}

/// By what the bytes are; what is neither gzip nor zstd will not have the digest.
fn decoder<'r>(mut blob: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
    Compression::of(blob.fill_buf()?).decoder(blob)
}

/// A part of a blob that is fetched piece by piece.
struct Pieces<'a> {
    left: Range<u64>,
    parts: Parts<'a>,
    piece: io::Cursor<Vec<u8>>,
    failed: Option<TocError>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.piece.read(into)?;
        if read > 0 || self.left.is_empty() {
            return Ok(read);
        }
        let end = self.left.end.min(self.left.start + PIECE);
        match (self.parts)(self.left.start..end) {
            Ok(piece) => self.piece = io::Cursor::new(piece),
            Err(error) => {
                self.failed = Some(error);
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.left.start = end;
        self.piece.read(into)
    }
}
