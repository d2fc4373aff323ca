//! SQLite's form, `rpmdb.sqlite`, as rpm has it since 4.16 (SQLite's "Database File Format"; the table is that of rpm's
//! `lib/backend/sqlite.c`). Numbers are in network order.
//!
//! Read here and not with SQLite: it reads the whole schema before the first query, and takes for it the square of the
//! number of tables, and more for views, with no limit that would stop it.

use std::borrow::Cow;

use super::{Each, u16_be, u32_be};
use crate::pkgdb::PkgdbError;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the file's header, which the first page begins with.
const FILE_HEADER: usize = 100;
/// Kinds of a table's pages.
const INNER: u8 = 5;
const LEAF: u8 = 13;
/// As deep as SQLite itself goes (`BTCURSOR_MAX_DEPTH`).
const DEEPEST: u32 = 20;
/// What a table's row in the schema begins with: its type and its name, then its name again, and its first page.
const TABLE: [&[u8]; 2] = [b"table", b"Packages"];
const ROOT: usize = 3;
/// The header's column, behind a number.
const BLOB: usize = 1;

struct Pages<'b> {
    bytes: &'b [u8],
    size: usize,
    /// Bytes of a page that are used.
    usable: usize,
    /// Pages that may still be read, and bytes of rows: each page belongs to one tree or row, and rows don't overlap.
    pages_left: usize,
    bytes_left: usize,
}

fn broken(reason: &'static str) -> PkgdbError {
    PkgdbError::Broken { form: "rpm database in SQLite form", reason }
}

/// By its first bytes.
pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Gives the header of every row.
pub(super) fn each(bytes: &[u8], each: Each<'_>) -> Result<(), PkgdbError> {
    let mut pages = Pages::of(bytes)?;
    let mut root = None;
    pages.rows(1, DEEPEST, &mut |row| {
        if root.is_none() && (0..).zip(TABLE).all(|(nth, expected)| text(row, nth) == Some(expected)) {
            root = number(row, ROOT);
        }
        Ok(())
    })?;
    let root = root.ok_or(broken("it has no table of packages"))?;
    pages.rows(root, DEEPEST, &mut |row| each(blob(row).ok_or(broken("a row has no header of a package"))?))
}

impl<'b> Pages<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, PkgdbError> {
        let size = match u16_be(bytes, 16) {
            Some(1) => 65536,
            Some(size) if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => return Err(broken("its pages have no size that there is")),
        };
        let reserved = bytes.get(20).copied().map_or(0, usize::from);
        // SQLite's own least is 480.
        let usable = Some(size - reserved).filter(|usable| *usable >= 480);
        let usable = usable.ok_or(broken("its pages have no room"))?;
        Ok(Self { bytes, size, usable, pages_left: bytes.len() / size, bytes_left: bytes.len() })
    }

    fn page(&mut self, number: u32) -> Result<&'b [u8], PkgdbError> {
        let start = (number as usize).checked_sub(1).and_then(|before| before.checked_mul(self.size));
        let page = start.and_then(|start| self.bytes.get(start..)?.get(..self.usable));
        let page = page.ok_or(broken("it lacks a page"))?;
        self.pages_left = self.pages_left.checked_sub(1).ok_or(broken("its pages go in circles"))?;
        Ok(page)
    }

    /// Gives the rows of a tree, by their order. A page has the places of its cells behind its header: rows in a leaf;
    /// trees in an inner page, whose last one its header has.
    fn rows(&mut self, root: u32, deepest: u32, each: Each<'_>) -> Result<(), PkgdbError> {
        let page = self.page(root)?;
        let header = page.get(if root == 1 { FILE_HEADER } else { 0 }..).unwrap_or_default();
        let (kind, count) = (header.first(), usize::from(u16_be(header, 3).unwrap_or(0)));
        let cell = |cells: usize, nth: usize| page.get(usize::from(u16_be(header, cells + 2 * nth)?)..);
        let outside = || broken("a cell is outside of its page");
        match (kind, deepest.checked_sub(1)) {
            (Some(&LEAF), _) => {
                for nth in 0..count {
                    let row = self.row(cell(8, nth).ok_or_else(outside)?)?;
                    each(&row)?;
                }
                Ok(())
            }
            (Some(&INNER), Some(deepest)) => {
                for nth in 0..count {
                    let child = cell(12, nth).and_then(|cell| u32_be(cell, 0)).ok_or_else(outside)?;
                    self.rows(child, deepest, each)?;
                }
                self.rows(u32_be(header, 8).ok_or_else(outside)?, deepest, each)
            }
            (Some(&INNER), None) => Err(broken("its trees are too deep")),
            _ => Err(broken("a page is not what it should be")),
        }
    }

    /// A cell of a leaf: the length of the row, its number, and the row, or its beginning and the page it goes on at.
    fn row(&mut self, cell: &'b [u8]) -> Result<Cow<'b, [u8]>, PkgdbError> {
        let cut = || broken("a row is cut off");
        let (length, rest) = varint(cell).ok_or_else(cut)?;
        let (_, rest) = varint(rest).ok_or_else(cut)?;
        let length = usize::try_from(length).map_err(|_| cut())?;
        self.bytes_left = self.bytes_left.checked_sub(length).ok_or(broken("its rows are longer than it"))?;
        let here = self.local(length);
        let row = rest.get(..here).ok_or_else(cut)?;
        if here == length { Ok(row.into()) } else { self.overflow(row, length, u32_be(rest, here)).map(Cow::from) }
    }

    /// How many bytes of a row are in its leaf ("B-tree Pages", "Cell Format").
    fn local(&self, length: usize) -> usize {
        if length <= self.usable - 35 {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= self.usable - 35 { fitting } else { least }
    }

    fn overflow(&mut self, beginning: &[u8], length: usize, first: Option<u32>) -> Result<Vec<u8>, PkgdbError> {
        let mut row = beginning.to_vec();
        let mut next = first;
        while row.len() < length {
            let page = self.page(next.unwrap_or(0))?;
            next = u32_be(page, 0);
            let rest = page.get(4..).unwrap_or_default();
            row.extend_from_slice(&rest[..rest.len().min(length - row.len())]);
        }
        Ok(row)
    }
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(8).enumerate() {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    Some((number << 8 | u64::from(*bytes.get(8)?), &bytes[9..]))
}

/// A column's type and bytes ("Record Format"): the size of the header, the types of all columns, then their bytes.
fn column(row: &[u8], nth: usize) -> Option<(u64, &[u8])> {
    let (size, _) = varint(row)?;
    let (header, mut values) = row.split_at_checked(usize::try_from(size).ok()?)?;
    let (_, mut types) = varint(header)?;
    for left in (0..=nth).rev() {
        let (kind, rest) = varint(types)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (value, others) = values.split_at_checked(usize::try_from(length).ok()?)?;
        if left == 0 {
            return Some((kind, value));
        }
        (types, values) = (rest, others);
    }
    None
}

fn text(row: &[u8], nth: usize) -> Option<&[u8]> {
    column(row, nth).filter(|(kind, _)| *kind >= 13 && kind % 2 == 1).map(|(_, value)| value)
}

fn blob(row: &[u8]) -> Option<&[u8]> {
    column(row, BLOB).filter(|(kind, _)| *kind >= 12 && kind % 2 == 0).map(|(_, value)| value)
}

/// A number that is a page's.
fn number(row: &[u8], nth: usize) -> Option<u32> {
    let (kind, value) = column(row, nth)?;
    let number = value.iter().fold(u64::from(kind == 9), |sum, byte| sum << 8 | u64::from(*byte));
    (kind <= 6 || kind == 9).then_some(number).and_then(|number| u32::try_from(number).ok())
}
