//! Layers by their tables of contents, and files that are fetched alone.

use std::cell::Cell;
use std::fs::File;
use std::io::Seek;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Job, Reading, ScanError, ScanEvent, Scanned, Table};
use crate::index::IndexError;
use crate::index::toc::{self, Needs, Toc, TocError, TocIndex};
use crate::model::{Descriptor, EntryId};
use crate::source::Source;

impl Reading<'_> {
    /// The layer by its table of contents, known from before or read now; `None` where the layer has to be read whole.
    pub(super) fn by_toc(&self, job: &Job<'_>) -> Option<Table> {
        let &Job { image, layer, descriptor, claims } = job;
        let options = self.options;
        let toc = Toc::of(descriptor).filter(|_| options.ranges && options.needs != Needs::Everything)?;
        let known = options.cache.as_ref().and_then(|cache| cache.toc(&claims.digest, &toc.digest, options.needs));
        let known = known.filter(|told| (told.index.diff_id, told.index.stored_bytes) == (claims.diff_id, claims.size));
        let cached = known.is_some();
        let told = match known {
            Some(told) => told,
            None => self.told(job, &toc)?,
        };
        (self.on_event)(ScanEvent::Done { image, layer, cached });
        Some(Table { index: Arc::new(told.index), places: Some(Arc::new(told.places)) })
    }

    /// Reads the table, and keeps it. That it can't be used is no error, since the layer can still be read whole.
    fn told(&self, job: &Job<'_>, toc: &Toc) -> Option<TocIndex> {
        let &Job { image, layer, descriptor, claims } = job;
        let (options, digest) = (self.options, &claims.digest);
        let source = self.found[image].1.as_deref()?;
        let read = Cell::new(0);
        let parts = |range: Range<u64>| {
            if self.stop.load(Ordering::Relaxed) {
                return Err(TocError::WholeOnly);
            }
            read.set(read.get() + range.end - range.start);
            part(source, descriptor, range)
        };
        let told = match toc::read(toc, &claims, options.needs, &parts) {
            Ok(told) => told,
            Err(error) => {
                tracing::info!("layer {layer} ({}) is read whole: {error}", digest.short());
                return None;
            }
        };
        (self.on_event)(ScanEvent::Told { image, layer, digest, bytes: claims.size, read: read.get() });
        if let Some(cache) = &options.cache
            && let Err(error) = cache.put_toc(&toc.digest, options.needs, &told)
        {
            (self.on_event)(ScanEvent::CacheFailed { error: &error });
        }
        Some(told)
    }
}

/// A part of a layer, of the length that was asked for.
fn part(source: &dyn Source, layer: &Descriptor, range: Range<u64>) -> Result<Vec<u8>, TocError> {
    let length = range.end - range.start;
    let bytes = source.part(layer, range).map_err(Box::new)?;
    bytes.filter(|bytes| bytes.len() as u64 == length).ok_or(TocError::WholeOnly)
}

/// Fetches a file alone, and verifies it; `None` where its layer has to be read whole for it.
pub(super) fn fetch(scanned: &Scanned, id: EntryId) -> Result<Option<File>, ScanError> {
    let EntryId { layer, row } = id;
    let descriptor = scanned.image.manifest.layers.get(layer as usize);
    let announced = descriptor.and_then(|descriptor| Some((descriptor, Toc::of(descriptor)?)));
    let Some((source, (descriptor, toc))) = scanned.source.as_deref().zip(announced).filter(|_| scanned.ranges) else {
        return Ok(None);
    };
    let parts = |range: Range<u64>| part(source, descriptor, range);
    let entry = scanned.tree.entry(id);
    let read = match &scanned.places[layer as usize] {
        Some(places) => toc::read_file(places, entry, row, &parts),
        None => toc::read(&toc, &scanned.claims(layer as usize), Needs::Rows, &parts).and_then(|told| {
            let same = told.index.entries.get(row as usize).filter(|same| {
                same.path == entry.path && same.file_bytes() == entry.file_bytes() && same.is_file() && entry.is_file()
            });
            same.map_or(Ok(None), |same| toc::read_file(&told.places, same, row, &parts))
        }),
    };
    match read {
        Err(source @ (TocError::File { .. } | TocError::FileData { .. } | TocError::Spool(_))) => {
            Err(failed(scanned, id, source))
        }
        // It can still be found in the whole layer.
        Err(error) => {
            tracing::info!("layer {layer} is read whole: {error}");
            Ok(None)
        }
        Ok(file) => Ok(file),
    }
}

/// A file that was found in the whole layer, though its row is of the table of contents: it has to have the table's
/// digest, since nothing else says that the table's row and the layer's are the same.
pub(super) fn verify(scanned: &Scanned, id: EntryId, mut file: File) -> Result<File, ScanError> {
    if scanned.places[id.layer as usize].is_none() {
        return Ok(file);
    }
    let checked = toc::verify(scanned.tree.entry(id), &mut file).and_then(|()| {
        file.rewind().map_err(TocError::Spool)?;
        Ok(file)
    });
    checked.map_err(|source| failed(scanned, id, source))
}

fn failed(scanned: &Scanned, id: EntryId, source: TocError) -> ScanError {
    let digest = scanned.image.layers[id.layer as usize].digest;
    scanned.failed(IndexError::Toc { digest, source })
}
