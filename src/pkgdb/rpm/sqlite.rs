//! SQLite's form, `rpmdb.sqlite`, as rpm has it since 4.16.

use std::io::Cursor;

use rusqlite::Connection;

use super::Each;
use crate::pkgdb::PkgdbError;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where a file says that it has a write-ahead log, and what it says then (SQLite, "Database File Format", 1.3).
const VERSIONS: std::ops::Range<usize> = 18..20;
const ROLLBACK: u8 = 1;
/// Steps of SQLite's machine between two looks at whether it goes on for too long, and how many looks there are. A row
/// takes a few steps; a tree of pages with shared branches has rows without end.
const STEPS: i32 = 10_000;
const LOOKS: u32 = 1_000;
/// Whether there is a table as rpm makes it (`lib/backend/sqlite.c`): a view, a virtual table or a generated column would
/// have SQLite run what the file says.
const PLAIN: &str = "SELECT count(*) FROM pragma_table_list('Packages') t, pragma_table_xinfo('Packages') c
    WHERE t.schema = 'main' AND t.type = 'table' AND c.name = 'blob' AND c.hidden = 0";

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
    limit(&mut connection)?;
    let broken = |reason| PkgdbError::Broken { form: "rpm database in SQLite form", reason };
    if connection.query_row(PLAIN, [], |row| row.get::<_, u32>(0))? == 0 {
        return Err(broken("it has no table of packages"));
    }
    // Rows don't overlap, so together they are no longer than the file.
    let mut left = bytes.len();
    let mut statement = connection.prepare("SELECT blob FROM Packages")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let blob = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        left = left.checked_sub(blob.len()).ok_or(broken("its rows are longer than it"))?;
        each(blob)?;
    }
    Ok(())
}

fn limit(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut looks = 0;
    let look = move || {
        looks += 1;
        looks > LOOKS
    };
    connection.progress_handler(STEPS, Some(look))?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")
}
