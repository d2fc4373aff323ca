//! The contents of one file of a layer.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::{FileSink, IndexError, read_files};
use crate::blob::{Claims, Pool};

/// Reads a layer's blob to its end, verifies it, and gives the contents of the regular file in `row`, in an unnamed
/// temporary file.
pub fn read_file(pool: &Pool, blob: Box<dyn Read + Send>, claims: &Claims, row: u32) -> Result<File, IndexError> {
    let spool = |source| IndexError::Spool { source };
    let into = Arc::new(Mutex::new(Ok(tempfile::tempfile().map_err(spool)?)));
    read_files(pool, blob, claims, Box::new(Copy { row, into: Arc::clone(&into) }))?;
    let gone = || Err(io::ErrorKind::NotFound.into());
    let into =
        Arc::into_inner(into).map_or_else(gone, |into| into.into_inner().unwrap_or_else(PoisonError::into_inner));
    let mut file = into.map_err(spool)?;
    file.rewind().map_err(spool)?;
    Ok(file)
}

/// Copies one row, until something fails.
struct Copy {
    row: u32,
    into: Arc<Mutex<io::Result<File>>>,
}

impl Copy {
    fn with(&self, row: u32, write: impl FnOnce(&mut File) -> io::Result<()>) {
        if row != self.row {
            return;
        }
        let mut into = self.into.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(file) = &mut *into
            && let Err(error) = write(file)
        {
            *into = Err(error);
        }
    }
}

impl FileSink for Copy {
    fn data(&mut self, row: u32, bytes: &[u8]) {
        self.with(row, |file| file.write_all(bytes));
    }

    /// A hole stays a hole.
    fn hole(&mut self, row: u32, len: u64) {
        self.with(row, |file| {
            let end = file.stream_position()?.saturating_add(len);
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end)).map(drop)
        });
    }

    fn end(&mut self, _: u32) {}
}
