//! Writes a merged layer: directories and links first, then files as they come out of the layers' blobs, one after the
//! other. Nothing of a layer is held but its table.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::encode::Encoder;
use super::layout::{Draft, Hashing, LayoutWriter};
use super::merge::{Merged, Named};
use super::tar::{Kind, TarWriter};
use super::{Encoding, RewriteError};
use crate::blob::Pool;
use crate::index::{FileSink, read_files};
use crate::model::{Descriptor, DiffId, EntryKind, LayerPath, Meta};
use crate::parallel::{lock, processors};
use crate::scan::Scanned;

/// A tar on its way into a layout: hashed, compressed, hashed again.
type Out = TarWriter<Hashing<Encoder<Draft>>>;

/// A tar that is being written into a layout.
pub(super) fn open(to: &LayoutWriter, encoding: Encoding) -> Result<Out, RewriteError> {
    Ok(TarWriter::new(Hashing::new(Encoder::new(to.draft()?, encoding, processors()))))
}

/// Ends it; gives what it is to the manifest, and to the config.
pub(super) fn close(out: Out, to: &LayoutWriter) -> Result<(Descriptor, DiffId), RewriteError> {
    let hashed = out.finish().map_err(|error| to.failed(error))?;
    let diff_id = DiffId(hashed.digest());
    let draft = hashed.into_inner().finish().map_err(|error| to.failed(error))?;
    Ok((draft.keep()?, diff_id))
}

impl Merged {
    /// Writes the layer.
    pub(super) fn write(
        &self,
        image: &Scanned,
        to: &LayoutWriter,
        encoding: Encoding,
    ) -> Result<(Descriptor, DiffId), RewriteError> {
        let mut out = open(to, encoding)?;
        self.write_small(image, &mut out).map_err(|error| to.failed(error))?;
        let out = Arc::new(Mutex::new(Writing { out, failed: None, open: None }));
        let pool = Pool::new(processors());
        let mut layers: HashMap<u32, HashMap<u32, (u64, Named)>> = HashMap::new();
        for (id, named) in &self.files {
            let size = image.tree.entry(*id).file_bytes();
            layers.entry(id.layer).or_default().insert(id.row, (size, named.clone()));
        }
        for at in 0..image.image.layers.len() {
            let Some(files) = layers.remove(&(at as u32)) else { continue };
            let sink = Box::new(Sink { files, out: Arc::clone(&out) });
            image.reread(at, |blob, claims| read_files(&pool, blob, claims, sink))?;
            lock(&out).failed.take().map_or(Ok(()), |error| Err(to.failed(error)))?;
        }
        let out = Arc::into_inner(out).ok_or_else(|| to.failed(io::Error::other("a layer is still being read")))?;
        close(out.into_inner().unwrap_or_else(PoisonError::into_inner).out, to)
    }

    /// What has no contents.
    fn write_small(&self, image: &Scanned, out: &mut Out) -> io::Result<()> {
        let none = Meta::default();
        for (path, meta) in &self.dirs {
            entry(out, path, meta, Kind::Dir)?;
        }
        for path in &self.whiteouts {
            let hidden = path.parent().join(&[b".wh.", path.file_name()].concat());
            entry(out, &hidden, &none, Kind::File(0))?;
        }
        for (id, Named { names, meta }) in &self.special {
            let kind = match &image.tree.entry(*id).kind {
                EntryKind::Symlink { target } => Kind::Symlink(target),
                EntryKind::Char { device } => Kind::Char(*device),
                EntryKind::Block { device } => Kind::Block(*device),
                _ => Kind::Fifo,
            };
            let Some((first, others)) = names.split_first() else { continue };
            entry(out, first, meta, kind)?;
            for name in others {
                entry(out, name, meta, Kind::HardLink(first))?;
            }
        }
        Ok(())
    }
}

fn entry(out: &mut Out, path: &LayerPath, meta: &Meta, kind: Kind<'_>) -> io::Result<()> {
    out.begin(path, meta, kind)?;
    out.end()
}

struct Writing {
    out: Out,
    failed: Option<io::Error>,
    /// The row whose contents are being written.
    open: Option<u32>,
}

/// Writes those files of one layer that are wanted.
struct Sink {
    files: HashMap<u32, (u64, Named)>,
    out: Arc<Mutex<Writing>>,
}

impl Sink {
    fn with(&self, row: u32, write: impl FnOnce(&mut Out, &Named) -> io::Result<()>) {
        let Some((size, named)) = self.files.get(&row) else { return };
        let mut writing = lock(&self.out);
        if writing.failed.is_some() {
            return;
        }
        let begin = match named.names.first() {
            Some(first) if writing.open != Some(row) => writing.out.begin(first, &named.meta, Kind::File(*size)),
            _ => Ok(()),
        };
        writing.open = Some(row);
        writing.failed = begin.and_then(|()| write(&mut writing.out, named)).err();
    }
}

impl FileSink for Sink {
    fn data(&mut self, row: u32, bytes: &[u8]) {
        self.with(row, |out, _| out.data(bytes));
    }

    fn hole(&mut self, row: u32, len: u64) {
        if len > 0 {
            self.with(row, |_, _| Err(io::Error::other("a file has holes that it had not before")));
        }
    }

    fn end(&mut self, row: u32) {
        self.with(row, |out, named| {
            out.end()?;
            let Some((first, others)) = named.names.split_first() else { return Ok(()) };
            others.iter().try_for_each(|name| entry(out, name, &named.meta, Kind::HardLink(first)))
        });
        lock(&self.out).open = None;
    }
}
