//! eStargz (stargz-snapshotter, docs/estargz.md): gzip members, the last but one of them a tar with the table, the last
//! one empty, with the table's place in its header.

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::super::tar::{Header, TarError, TarReader, Visitor};
use super::entries::{Document, Table};
use super::{Parts, TocError, WHAT, broken};
use crate::model::Digest;
use crate::source::verify;

/// Its name in the tar.
const NAME: &[u8] = b"stargz.index.json";
/// The tar with the table is not longer, decompressed.
const MAX_TAR: u64 = 128 << 20;
/// The table has usually less than a hundredth of the blob. A guess that is too short costs a request.
const GUESS: u64 = 100;
/// The longest and the shortest guess.
const GUESSES: (u64, u64) = (8 << 10, 1 << 20);
/// The footer's length, and what stands before the digits in it: a gzip header with an extra field, which has a
/// subfield `SG`; in stargz, before eStargz, the digits alone.
const FOOTERS: [(usize, &[u8]); 2] = [(51, b"\x1a\0SG\x16\0"), (47, b"\x16\0")];
/// Bytes of a gzip header before the length of its extra field.
const GZIP_HEADER: usize = 10;
/// What stands behind the digits.
const MAGIC: &[u8] = b"STARGZ";

/// Makes the rows. Gives how many bytes follow the end of the tar.
pub(super) fn read(digest: &Digest, size: u64, parts: Parts<'_>, table: &mut Table) -> Result<u64, TocError> {
    let guess = (size / GUESS).clamp(GUESSES.0, GUESSES.1).min(size);
    let mut tail = parts(size - guess..size)?;
    let (at, footer) = footer(&tail).ok_or_else(|| broken("its footer is none"))?;
    let data_end = size - footer as u64;
    if at >= data_end || data_end - at > MAX_TAR {
        return Err(broken("its footer leads to nowhere"));
    }
    let start = size - guess;
    let member = match at.checked_sub(start) {
        Some(skip) => tail.split_off(usize::try_from(skip).unwrap_or(tail.len())),
        None => [parts(at..start)?, tail].concat(),
    };
    let mut tar = Vec::new();
    let packed = &member[..member.len() - footer];
    GzDecoder::new(packed).take(MAX_TAR + 1).read_to_end(&mut tar).map_err(TocError::Decode)?;
    if tar.len() as u64 > MAX_TAR {
        return Err(broken("it is too long"));
    }
    let json = json(&tar)?;
    verify(WHAT, &json, digest)?;
    let document = Document::parse(&json)?;
    table.add_all(&document.items(at)?)?;
    table.add_length(tar.len() as u64);
    // The table's own row is as the tar has it.
    table.rows.sha256 = true;
    let mut reader = TarReader::default();
    reader.push(&tar, &mut table.rows)?;
    Ok(reader.finish()?)
}

/// Where the table begins, and how long the footer is.
fn footer(tail: &[u8]) -> Option<(u64, usize)> {
    FOOTERS.iter().find_map(|(length, mark)| {
        let footer = tail.get(tail.len().checked_sub(*length)?..)?;
        let rest = footer.strip_prefix(b"\x1f\x8b")?.get(GZIP_HEADER - 2..)?.strip_prefix(*mark)?;
        let (digits, rest) = rest.split_at_checked(16)?;
        let digits = std::str::from_utf8(digits).ok().filter(|_| rest.starts_with(MAGIC))?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((u64::from_str_radix(digits, 16).ok().filter(|_| hex)?, *length))
    })
}

/// The table, out of the tar that has nothing but it.
fn json(tar: &[u8]) -> Result<Vec<u8>, TocError> {
    let mut found = Found::default();
    TarReader::default().push(tar, &mut found)?;
    match found.names.as_slice() {
        [name] if name == NAME => Ok(found.data),
        _ => Err(broken("its tar holds something else")),
    }
}

#[derive(Default)]
struct Found {
    names: Vec<Vec<u8>>,
    data: Vec<u8>,
}

impl Visitor for Found {
    fn begin(&mut self, header: &Header, _: u64) -> Result<(), TarError> {
        self.names.push(header.name.clone());
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    fn hole(&mut self, _: u64) {}

    fn end(&mut self, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footers_of_either_age_tell_where_the_table_is() {
        let long =
            b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\x0000000000000001ffSTARGZ\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
        assert_eq!((long.len(), footer(long)), (51, Some((0x1ff, 51))));
        let short = [&long[..10], b"\x16\0", &long[16..]].concat();
        assert_eq!(footer(&[b"before", &short[..]].concat()), Some((0x1ff, 47)));
        for at in [0, 12, 16, 20, 32] {
            let mut broken = long.to_vec();
            broken[at] = b'+';
            assert_eq!(footer(&broken), None, "{at}");
        }
        assert_eq!(footer(b""), None);
    }
}
