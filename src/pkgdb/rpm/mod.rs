//! rpm's databases: one header a package, kept in one of three forms.
//!
//! Read here and not with the crate `rpmdb`: it indexes without a look at lengths and follows pages in circles, which a
//! hostile database turns into panics and endless loops. `sqlite.rs` says why not with SQLite.

mod bdb;
mod header;
mod ndb;
mod sqlite;

use super::{MOST_PACKAGES, Package, PkgdbError};

/// Folders that rpm keeps its database in.
const FOLDERS: [&[u8]; 3] = [b"var/lib/rpm/", b"usr/lib/sysimage/rpm/", b"usr/share/rpm/"];
/// Names of it, by form.
const NAMES: [&[u8]; 3] = [b"rpmdb.sqlite", b"Packages.db", b"Packages"];

/// Whether a path is a database's.
pub(super) fn is_database(path: &[u8]) -> bool {
    FOLDERS.iter().any(|folder| path.strip_prefix(*folder).is_some_and(|name| NAMES.contains(&name)))
}

/// All of its packages. The form is told by the first bytes.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, PkgdbError> {
    let mut packages = Vec::new();
    let mut each = |blob: &[u8]| {
        packages.extend(header::package(blob)?);
        if packages.len() > MOST_PACKAGES { Err(PkgdbError::TooMany) } else { Ok(()) }
    };
    if sqlite::is_it(bytes) {
        sqlite::each(bytes, &mut each)?;
    } else if ndb::is_it(bytes) {
        ndb::each(bytes, &mut each)?;
    } else {
        bdb::each(bytes, &mut each)?;
    }
    Ok(packages)
}

/// Hears of one header.
type Each<'e> = &'e mut dyn FnMut(&[u8]) -> Result<(), PkgdbError>;

fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|four| u16::from_le_bytes(*four))
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}
