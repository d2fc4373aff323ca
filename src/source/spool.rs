//! Keeps a stream in an unnamed temporary file, unpacked: a docker-archive may name its layers last, so its parts have
//! to be found before they can be read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};

use super::files::FilesError;
use crate::blob::Compression;
use crate::model::bytes;

/// What is read and written at once.
const PIECE: usize = 1 << 18;
/// Bytes that are left to others on the disk, or a twentieth of a small one: a bomb fills it no further.
const LEFT: u64 = 1 << 30;

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
            Ok(got) => write(&mut file, &piece[..got]).map_err(no_room)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed(source)),
        }
    }
}

fn write(file: &mut File, piece: &[u8]) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(&*file)?;
    let [free, all] = [disk.f_bavail, disk.f_blocks].map(|blocks| blocks.saturating_mul(disk.f_frsize));
    if is_scarce(free, all) {
        let why = format!("only {} would be left there", bytes(free));
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    file.write_all(piece)
}

/// Whether so many free bytes, of all that a disk has, are for others.
fn is_scarce(free: u64, all: u64) -> bool {
    free < LEFT.min(all / 20)
}

/// The first four bytes, and the stream with them: a pipe may give fewer at first.
fn head(mut stream: impl Read) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut head = Vec::new();
    stream.by_ref().take(4).read_to_end(&mut head)?;
    Ok((head.clone(), BufReader::with_capacity(PIECE, Cursor::new(head).chain(stream))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_to_others() {
        for (free, all, scarce) in
            [(0, 0, false), (1, 100, true), (5, 100, false), (LEFT - 1, 100 * LEFT, true), (LEFT, 100 * LEFT, false)]
        {
            assert_eq!(is_scarce(free, all), scarce, "{free} of {all}");
        }
    }
}
