//! How long a tar is of which only the entries are known: as Go's `archive/tar` writes it, with which builders write.
//! It is an estimate: a tar may have headers that are not needed, and any number of zeros at its end.

use super::super::tar::{self, Header, record_length};

/// Tars are made of these.
const BLOCK: u64 = tar::BLOCK as u64;
/// Longer names and targets of links stand in a header of their own.
const FIELD: usize = 100;
/// The two blocks of zeros at its end.
pub(super) const END: u64 = 2 * BLOCK;

/// Bytes that an entry takes.
pub(super) fn of(header: &Header) -> u64 {
    let text = |key: &str, text: &[u8]| {
        let fits = text.len() <= FIELD && text.is_ascii();
        if fits { 0 } else { record_length(key.len(), text.len()) }
    };
    let xattr = |(name, value): &(Box<[u8]>, Box<[u8]>)| record_length("SCHILY.xattr.".len() + name.len(), value.len());
    let mtime = if header.mtime.1 == 0 { 0 } else { record_length("mtime".len(), "1700000000.123456789".len()) };
    let records = text("path", &header.name)
        + text("linkpath", &header.link)
        + header.xattrs.iter().map(xattr).sum::<usize>()
        + mtime;
    let extended = if records == 0 { 0 } else { BLOCK + (records as u64).next_multiple_of(BLOCK) };
    let blocks = header.size.div_ceil(BLOCK);
    extended + BLOCK + blocks.saturating_mul(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_take_whole_blocks() {
        let header = |name: usize, size| Header { name: vec![b'a'; name], size, ..Header::default() };
        assert_eq!(of(&header(5, 0)), 512);
        assert_eq!(of(&header(5, 1)), 1024);
        assert_eq!(of(&header(101, 512)), 2048);
        assert_eq!(of(&Header { mtime: (0, 1), ..header(1, 0) }), 1536);
    }
}
