//! Makes rows of tar entries: whiteouts told apart, contents hashed, what later analyses read captured.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::capture::{Capture, Kept};
use super::room::Room;
use super::tar::{Header, TarError, TarReader, Visitor};
use super::{Code, FileSink, LayerIndex, Note};
use crate::blob::{Chunk, Facts, MARK, Stage};
use crate::elf::Loadable;
use crate::model::{ContentId, Digest, Entry, EntryKind, LayerPath, Meta};
use crate::pkgdb::{Import, ImportScanner, Package};

/// Linux's PATH_MAX; what is longer cannot be unpacked anywhere.
const MAX_PATH: usize = 4096;
/// Zeros of sparse files that are hashed as a reader would see them, for each layer. Beyond, only the map counts.
const MAX_HOLES: u64 = 4 << 30;
/// Contents that are kept, for each layer.
const MAX_CAPTURED: u64 = 64 << 20;
/// Files that should tell of packages and can't be read, for each layer. Nobody reads on beyond so many.
const MAX_UNREADABLE: usize = 1000;
/// Marks a directory opaque in overlayfs's own form (kernel documentation, overlayfs.rst).
const OVERLAY_OPAQUE: &[u8] = b"trusted.overlay.opaque";

/// Reads a layer's tar into rows, as one stage of a pass over its blob.
pub(super) struct RowBuilder {
    reader: TarReader,
    rows: Rows,
    failed: Option<TarError>,
}

impl RowBuilder {
    /// `sha256` says whether each file's SHA-256 is wanted beside its content id.
    pub(super) fn new(sha256: bool) -> Self {
        Self { reader: TarReader::default(), rows: Rows { sha256, ..Rows::default() }, failed: None }
    }

    /// Also gives the contents of files to someone else.
    pub(super) fn with_sink(sink: Box<dyn FileSink>) -> Self {
        let mut builder = Self::new(false);
        builder.rows.sink = Some(sink);
        builder
    }

    /// The layer's table, now that the blob has been read to its end and checked.
    pub(super) fn finish(mut self, facts: &Facts) -> Result<LayerIndex, TarError> {
        let after_end = match self.failed.take() {
            Some(error) => return Err(error),
            None => self.reader.finish()?,
        };
        Ok(self.rows.finish(facts, after_end))
    }
}

impl Stage for RowBuilder {
    fn feed(&mut self, chunk: &Arc<Chunk>) {
        if self.failed.is_none() {
            self.rows.progress.arrived(chunk);
            self.failed = self.reader.push(chunk.bytes(), &mut self.rows).err();
        }
    }
}

/// The rows of a layer, as far as they have come.
#[derive(Default)]
pub(super) struct Rows {
    /// Whether each file's SHA-256 is wanted.
    pub(super) sha256: bool,
    entries: Vec<Entry>,
    captured: Vec<(u32, Vec<u8>)>,
    captured_bytes: u64,
    packages: Vec<(u32, Vec<Package>)>,
    loadables: Vec<(u32, Loadable)>,
    imports: Vec<(u32, Option<Vec<Import>>)>,
    unreadable: usize,
    notes: Vec<Note>,
    room: Room,
    holes: u64,
    progress: Progress,
    file: Option<OpenFile>,
    sink: Option<Box<dyn FileSink>>,
}

/// A regular file whose contents are being read.
struct OpenFile {
    entry: Entry,
    /// Bytes of the blob that had been read before it.
    began: u64,
    expand: bool,
    content: blake3::Hasher,
    sha256: Option<Sha256>,
    capture: Capture,
    imports: Option<ImportScanner>,
}

impl Visitor for Rows {
    fn begin(&mut self, header: &Header, offset: u64) -> Result<(), TarError> {
        if header.name.len() > MAX_PATH {
            return Err(TarError::Path { offset: header.offset, length: header.name.len(), limit: MAX_PATH });
        }
        let path = LayerPath::clean(&header.name);
        self.room.take(header, &path)?;
        if let Some(marker) = Marker::of(&path) {
            self.mark(marker, header);
        } else {
            self.entry(path, header, offset);
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) {
        // What is no file has data too, now and then: a marker, an entry of an unknown type.
        let Some(file) = &mut self.file else { return };
        if let Some(sink) = &mut self.sink {
            sink.data(self.entries.len() as u32, bytes);
        }
        file.content.update(bytes);
        if let Some(hasher) = &mut file.sha256 {
            hasher.update(bytes);
        }
        file.capture.data(bytes);
        if file.imports.as_mut().is_some_and(|scanner| !scanner.data(bytes)) {
            file.imports = None;
        }
    }

    fn hole(&mut self, len: u64) {
        let Some(file) = &mut self.file else { return };
        if let Some(sink) = &mut self.sink {
            sink.hole(self.entries.len() as u32, len);
        }
        file.hole(len);
    }

    fn end(&mut self, offset: u64) {
        let Some(file) = self.file.take() else { return };
        let row = self.entries.len() as u32;
        if let Some(sink) = &mut self.sink {
            sink.end(row);
        }
        let mut entry = file.entry;
        if let EntryKind::File { content, sha256, .. } = &mut entry.kind {
            *content = ContentId::Blake3(file.content.finalize().into());
            *sha256 = file.sha256.map(|hasher| Box::new(Digest::Sha256(hasher.finalize().into())));
        }
        entry.download_bytes = self.progress.stored_at(offset).saturating_sub(file.began);
        self.entries.push(entry);
        self.keep_all(row, file.capture.finish());
        if let Some(imports) = file.imports.and_then(ImportScanner::finish) {
            self.keep_imports(row, imports);
        }
    }
}

impl Rows {
    /// The row that comes next.
    pub(super) fn next(&self) -> u32 {
        self.entries.len() as u32
    }

    /// One of those that have come.
    pub(super) fn row(&self, row: u32) -> Option<&Entry> {
        self.entries.get(row as usize)
    }

    /// The file that has begun is complete, and what is in it is told and not read: its SHA-256, and bytes of the blob.
    /// Gives what would read it. `None` where no file has begun.
    pub(super) fn end_told(&mut self, digest: [u8; 32], stored: u64) -> Option<Capture> {
        let OpenFile { mut entry, capture, .. } = self.file.take()?;
        if let EntryKind::File { content, sha256, .. } = &mut entry.kind {
            (*content, *sha256) = (ContentId::Sha256(digest), Some(Box::new(Digest::Sha256(digest))));
        }
        entry.download_bytes = stored;
        self.entries.push(entry);
        Some(capture)
    }

    /// Keeps what was found in a file.
    pub(super) fn keep_all(&mut self, row: u32, kept: Kept) {
        if let Some(bytes) = kept.content {
            self.keep(row, bytes);
        }
        match kept.packages {
            Some(Ok(packages)) => self.keep_packages(row, packages),
            Some(Err(reason)) => self.note_unreadable(row, reason),
            None => {}
        }
        if let Some(loadable) = kept.loadable {
            self.keep_loadable(row, loadable);
        }
    }

    /// Adds an oddity.
    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// All of it. `after_end` are bytes after the tar's end.
    pub(super) fn finish(self, facts: &Facts, after_end: u64) -> LayerIndex {
        let Self { entries, captured, packages, loadables, imports, mut notes, .. } = self;
        if after_end > 0 {
            notes.push(Note::BytesAfterEnd { bytes: after_end });
        }
        let Facts { digest, stored_bytes, diff_id, tar_bytes } = *facts;
        let code = Code::new(loadables, imports);
        LayerIndex { digest, stored_bytes, diff_id, tar_bytes, entries, captured, packages, code, notes }
    }

    /// Names are as long as a file says, and there may be a million files: together they have a bound.
    fn keep_packages(&mut self, row: u32, packages: Vec<Package>) {
        let bytes: usize = packages.iter().map(Package::size).sum();
        if self.captured_bytes + bytes as u64 > MAX_CAPTURED {
            self.note_unreadable(row, "the packages before it have filled the room that there is".into());
        } else if !packages.is_empty() {
            self.captured_bytes += bytes as u64;
            self.packages.push((row, packages));
        }
    }

    /// Where there is no room, that is kept: a proof must not take silence for a file that needs nothing.
    fn keep_loadable(&mut self, row: u32, loadable: Loadable) {
        let bytes = loadable.size() as u64;
        if self.captured_bytes + bytes > MAX_CAPTURED {
            self.loadables.push((row, Loadable::NotKept));
        } else {
            self.captured_bytes += bytes;
            self.loadables.push((row, loadable));
        }
    }

    fn keep_imports(&mut self, row: u32, imports: Vec<Import>) {
        let bytes: usize = imports.iter().map(Import::size).sum();
        let room = self.captured_bytes + bytes as u64 <= MAX_CAPTURED;
        self.captured_bytes += if room { bytes as u64 } else { 0 };
        if !room || !imports.is_empty() {
            self.imports.push((row, room.then_some(imports)));
        }
    }

    fn note_unreadable(&mut self, row: u32, reason: String) {
        self.unreadable += 1;
        if self.unreadable <= MAX_UNREADABLE {
            self.notes.push(Note::UnreadablePackages { row, reason });
        }
    }

    fn keep(&mut self, row: u32, bytes: Vec<u8>) {
        if self.captured_bytes + bytes.len() as u64 <= MAX_CAPTURED {
            self.captured_bytes += bytes.len() as u64;
            self.captured.push((row, bytes));
        }
    }

    fn entry(&mut self, path: LayerPath, header: &Header, offset: u64) {
        let kind = match header.flag {
            b'0' | b'7' | b'S' => return self.open(path, header, offset),
            b'1' => EntryKind::HardLink { target: LayerPath::clean(&header.link) },
            b'2' => EntryKind::Symlink { target: header.link.clone().into() },
            b'3' if header.device == (0, 0) => EntryKind::Whiteout,
            b'3' => EntryKind::Char { device: header.device },
            b'4' => EntryKind::Block { device: header.device },
            b'5' | b'D' => EntryKind::Dir,
            b'6' => EntryKind::Fifo,
            _ => return self.pass_over(header),
        };
        if path.is_root() && kind != EntryKind::Dir {
            return self.pass_over(header);
        }
        let opaque = kind == EntryKind::Dir
            && header.xattrs.iter().any(|(name, value)| (&**name, &**value) == (OVERLAY_OPAQUE, b"y"));
        self.push(path.clone(), kind, header);
        if opaque {
            self.push(path, EntryKind::Opaque, header);
        }
    }

    fn push(&mut self, path: LayerPath, kind: EntryKind, header: &Header) {
        self.note_escape(header);
        self.entries.push(Entry { path, kind, meta: meta(header), download_bytes: 0 });
    }

    fn mark(&mut self, marker: Marker, header: &Header) {
        match marker {
            Marker::Whiteout(path) => self.push(path, EntryKind::Whiteout, header),
            Marker::Opaque(path) => self.push(path, EntryKind::Opaque, header),
            Marker::Nothing => {}
        }
    }

    fn open(&mut self, path: LayerPath, header: &Header, offset: u64) {
        if path.is_root() {
            return self.pass_over(header);
        }
        self.note_escape(header);
        let (size, apparent_size) = (header.size, header.apparent_size);
        let holes = apparent_size.saturating_sub(size);
        let expand = self.holes.saturating_add(holes) <= MAX_HOLES;
        if expand {
            self.holes += holes;
        }
        let kind = EntryKind::File { size, apparent_size, content: ContentId::Blake3([0; 32]), sha256: None };
        self.file = Some(OpenFile {
            imports: if expand { ImportScanner::of(&path, header.mode) } else { None },
            capture: if expand { Capture::of(&path, apparent_size, header.mode) } else { Capture::too_sparse() },
            entry: Entry { path, kind, meta: meta(header), download_bytes: 0 },
            began: self.progress.stored_at(offset),
            expand,
            content: blake3::Hasher::new(),
            sha256: (self.sha256 && expand).then(Sha256::new),
        });
    }

    fn pass_over(&mut self, header: &Header) {
        self.notes.push(Note::UnknownType { path: header.name.clone().into(), flag: header.flag });
    }

    fn note_escape(&mut self, header: &Header) {
        let depth = header.name.split(|&byte| byte == b'/').try_fold(0_u32, |depth, part| match part {
            b"" | b"." => Some(depth),
            b".." => depth.checked_sub(1),
            _ => Some(depth + 1),
        });
        if depth.is_none() {
            self.notes.push(Note::EscapesRoot { row: self.entries.len() as u32 });
        }
    }
}

impl OpenFile {
    /// Zeros, hashed as such; in a file that is too sparse for that, their number.
    fn hole(&mut self, len: u64) {
        const ZEROS: [u8; 4096] = [0; 4096];
        if !self.expand {
            self.content.update(b"hole").update(&len.to_le_bytes());
            return;
        }
        let mut left = len;
        while left > 0 {
            let zeros = &ZEROS[..usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()))];
            self.content.update(zeros);
            if let Some(hasher) = &mut self.sha256 {
                hasher.update(zeros);
            }
            self.capture.data(zeros);
            left -= zeros.len() as u64;
        }
    }
}

fn meta(header: &Header) -> Meta {
    let (mtime, mtime_nanos) = header.mtime;
    let Header { mode, uid, gid, .. } = *header;
    Meta { mode, uid, gid, mtime, mtime_nanos, xattrs: header.xattrs.clone() }
}

/// What a name that begins with `.wh.` says (OCI image-spec layer.md, "Whiteouts"). AUFS's own leftovers say
/// nothing, but what lies in such a folder are files like others, which hard links may point at: so podman has it.
enum Marker {
    Whiteout(LayerPath),
    Opaque(LayerPath),
    Nothing,
}

impl Marker {
    fn of(path: &LayerPath) -> Option<Self> {
        let name = path.file_name();
        if name == b".wh..wh..opq" {
            return Some(Self::Opaque(path.parent()));
        }
        match name.strip_prefix(b".wh.")? {
            b"" | b"." | b".." => Some(Self::Nothing),
            aufs if aufs.starts_with(b".wh.") => Some(Self::Nothing),
            hidden => Some(Self::Whiteout(path.parent().join(hidden))),
        }
    }
}

/// Where the piece that is being read stands in the tar and in the blob.
#[derive(Default)]
struct Progress {
    tar: (u64, u64),
    /// As [`Chunk::stored`].
    stored: Vec<u64>,
}

impl Progress {
    fn arrived(&mut self, chunk: &Chunk) {
        self.tar = (self.tar.1, self.tar.1 + chunk.bytes().len() as u64);
        self.stored.clone_from(&chunk.stored);
    }

    /// Bytes of the blob that were read to get to a place of the piece in hand: by proportion, an estimate.
    fn stored_at(&self, offset: u64) -> u64 {
        let (mark, done) = (MARK as u64, offset.saturating_sub(self.tar.0));
        let at = usize::try_from(done / mark).unwrap_or(usize::MAX);
        let Some([before, after]) = self.stored.get(at..).and_then(<[u64]>::first_chunk) else {
            return self.stored.last().copied().unwrap_or_default();
        };
        // Between two marks there are as many bytes, but before the last.
        let whole = (self.tar.1 - self.tar.0 - done / mark * mark).min(mark).max(1);
        before + (after - before) * (done % mark) / whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::{Claims, Pool, Verify};
    use crate::index::read_layer;
    use crate::model::DiffId;
    use crate::pkgdb::Ecosystem;

    #[test]
    fn what_a_file_costs_to_download_does_not_depend_on_processors() {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for number in 0..100_u64 {
            // Some compress, some don't.
            let mut data = vec![0; 50_000];
            blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut data[..500 * number as usize]);
            let mut header = tar::Header::new_ustar();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{number}"), &data[..]).unwrap();
        }
        let blob = tar.into_inner().unwrap().finish().unwrap();
        let digest = Digest::Sha256([0; 32]);
        let claims = Claims { digest, size: blob.len() as u64, diff_id: DiffId(digest) };
        let read = |processors| {
            let blob = Box::new(std::io::Cursor::new(blob.clone()));
            read_layer(&Pool::new(processors), blob, &claims, Verify::None, false, &|_| {}).unwrap()
        };
        assert_eq!(read(1), read(8));
    }

    #[test]
    fn packages_of_a_layer_have_a_bound_and_so_have_complaints() {
        let mut rows = Rows::default();
        let large = || vec![Package { ecosystem: Ecosystem::Npm, name: "n".repeat(1 << 20), version: "1".into() }];
        (0..2000).for_each(|row| rows.keep_packages(row, large()));
        assert_eq!(rows.packages.len(), 63, "of a little more than 1 MiB each");
        assert_eq!(rows.notes.len(), MAX_UNREADABLE);
        assert!(matches!(&rows.notes[0], Note::UnreadablePackages { row: 63, .. }));
    }
}
