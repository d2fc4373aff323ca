//! How long a tar is of which only the entries are known: as Go's `archive/tar` writes it, with which builders write.
//! It is an estimate: a tar may have headers that are not needed, and any number of zeros at its end.

use super::super::tar::Header;

/// Tars are made of these.
const BLOCK: u64 = 512;
/// Longer names and targets of links stand in a header of their own.
const FIELD: usize = 100;
/// The two blocks of zeros at its end.
pub(super) const END: u64 = 2 * BLOCK;

/// Bytes that an entry takes.
pub(super) fn of(header: &Header) -> u64 {
    let text = |key: &str, text: &[u8]| {
        let fits = text.len() <= FIELD && text.is_ascii();
        if fits { 0 } else { record(key.len(), text.len()) }
    };
    let xattr = |(name, value): &(Box<[u8]>, Box<[u8]>)| record("SCHILY.xattr.".len() + name.len(), value.len());
    let mtime = if header.mtime.1 == 0 { 0 } else { record("mtime".len(), "1700000000.123456789".len()) };
    let records = text("path", &header.name)
        + text("linkpath", &header.link)
        + header.xattrs.iter().map(xattr).sum::<u64>()
        + mtime;
    let extended = if records == 0 { 0 } else { BLOCK + records.next_multiple_of(BLOCK) };
    let blocks = header.size.div_ceil(BLOCK);
    extended + BLOCK + blocks.saturating_mul(BLOCK)
}

/// `LENGTH KEY=VALUE` and the line's end, where the length counts itself.
fn record(key: usize, value: usize) -> u64 {
    let rest = (key + value + 3) as u64;
    let digits = u64::from(rest.checked_ilog10().unwrap_or(0)) + 1;
    let length = rest + digits;
    // One digit more may be needed for the digits.
    length + u64::from(length.checked_ilog10().unwrap_or(0) + 1) - digits
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

    #[test]
    fn records_count_themselves() {
        for (key, value) in [(1, 1), (4, 2), (4, 93), (4, 92), (4, 91), (4, 1000), (8, 988)] {
            let text = format!("{}={}\n", "k".repeat(key), "v".repeat(value));
            let length = (1..5000).find(|n: &usize| n.to_string().len() + 1 + text.len() == *n).unwrap();
            assert_eq!(record(key, value), length as u64, "{key} {value}");
        }
    }
}
