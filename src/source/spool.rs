//! Keeps a stream in an unnamed temporary file, unpacked: a docker-archive may name its layers last, so its parts have
//! to be found before they can be read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};

use super::files::FilesError;
use crate::blob::Compression;

/// What is read and written at once.
const PIECE: usize = 1 << 18;

/// Copies a stream, gzip or zstd removed, into a file that has no name and is gone when it is closed. It lies in
/// `$TMPDIR`, `/tmp` unless set, and may need as much room as the unpacked archive has.
pub(super) fn spool(place: &str, stream: impl Read) -> Result<File, FilesError> {
    let failed = |source| FilesError::Io { path: place.to_owned(), source };
    let dir = std::env::temp_dir();
    let no_room = |source| FilesError::Spool { place: place.to_owned(), dir: dir.display().to_string(), source };
    let (head, stream) = head(stream).map_err(failed)?;
    let mut plain = Compression::of(&head).decoder(stream).map_err(failed)?;
    let mut file = tempfile::tempfile_in(&dir).map_err(no_room)?;
    let mut piece = vec![0; PIECE];
    loop {
        match plain.read(&mut piece) {
            Ok(0) => return Ok(file),
            Ok(got) => file.write_all(&piece[..got]).map_err(no_room)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed(source)),
        }
    }
}

/// The first four bytes, and the stream with them: a pipe may give fewer at first.
fn head(mut stream: impl Read) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut head = Vec::new();
    stream.by_ref().take(4).read_to_end(&mut head)?;
    Ok((head.clone(), BufReader::with_capacity(PIECE, Cursor::new(head).chain(stream))))
}
