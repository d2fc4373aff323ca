//! SQLite's form, `rpmdb.sqlite`, as rpm has it since 4.16.

use std::io::Cursor;

use rusqlite::Connection;

use super::Each;
use crate::pkgdb::PkgdbError;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where a file says that it has a write-ahead log, and what it says then (SQLite, "Database File Format", 1.3).
const VERSIONS: std::ops::Range<usize> = 18..20;
const ROLLBACK: u8 = 1;
/// Steps of SQLite's machine between two looks at whether it goes on for too long, and how many looks there are: a
/// schema may hold a view that never ends.
const STEPS: i32 = 10_000;
const LOOKS: u32 = 20_000;

/// By its first bytes.
pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Gives the header of every row.
pub(super) fn each(bytes: &[u8], each: Each<'_>) -> Result<(), PkgdbError> {
    let mut copy = bytes.to_vec();
    // What stands in a log that is not there was never of the image; without this SQLite would look for it.
    if let Some(versions) = copy.get_mut(VERSIONS) {
        versions.fill(ROLLBACK);
    }
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact("main", Cursor::new(&copy), copy.len(), true)?;
    drop(copy);
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")?;
    let mut looks = 0;
    connection.progress_handler(
        STEPS,
        Some(move || {
            looks += 1;
            looks > LOOKS
        }),
    )?;
    let mut statement = connection.prepare("SELECT blob FROM Packages")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    Ok(())
}
