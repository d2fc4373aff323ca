//! What comes before a header and adds to it: GNU long names, pax records.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::header::{Header, nobody_is_root};
use super::sparse::{MAX_RUNS, Run};

/// Where a pax file's sparse map is.
pub(super) enum Sparse {
    /// In its records (formats 0.0 and 0.1).
    Map(Vec<Run>),
    /// In front of its data (format 1.0).
    InData,
}

/// What the next header gets. Global records are passed over, as Go and the engines do.
#[derive(Default)]
pub(super) struct Extensions {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    records: Vec<Record>,
}

type Record = (Vec<u8>, Vec<u8>);

impl Extensions {
    pub(super) fn is_empty(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.records.is_empty()
    }

    /// Takes the contents of an extended header of type `flag`.
    pub(super) fn add(&mut self, flag: u8, mut text: Vec<u8>) -> Result<(), &'static str> {
        let cut = |text: &mut Vec<u8>| text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
        match flag {
            b'L' => {
                cut(&mut text);
                self.long_name = Some(text);
            }
            b'K' => {
                cut(&mut text);
                self.long_link = Some(text);
            }
            b'x' => self.records = records(&text)?,
            _ => drop(records(&text)?),
        }
        Ok(())
    }

    /// Applies all of it to a header, and tells of a sparse map.
    pub(super) fn apply(self, header: &mut Header) -> Result<Option<Sparse>, &'static str> {
        let mut sparse = SparseRecords::default();
        let mut xattrs = BTreeMap::new();
        for (key, value) in self.records {
            match key.as_slice() {
                // No value: that of the header counts (POSIX.1-2017, pax, "pax Extended Header").
                _ if value.is_empty() && !is_xattr(&key) => {}
                b"path" => header.name = without_nul(value)?,
                b"linkpath" => header.link = without_nul(value)?,
                b"size" => header.size = decimal(&value).ok_or("its pax size is no number")?,
                b"uid" => header.uid = owner(&value).ok_or("its pax uid is no number")?,
                b"gid" => header.gid = owner(&value).ok_or("its pax gid is no number")?,
                b"mtime" => header.mtime = time(&value).ok_or("its pax mtime is no time")?,
                _ if sparse.take(&key, &value)? => {}
                _ => take_xattr(&mut xattrs, &key, value)?,
            }
        }
        let given = |text: Option<Vec<u8>>| text.filter(|text| !text.is_empty());
        header.name = given(self.long_name).or(sparse.name.take()).unwrap_or(std::mem::take(&mut header.name));
        header.link = given(self.long_link).unwrap_or(std::mem::take(&mut header.link));
        header.settle();
        header.xattrs = xattrs.into_iter().collect();
        sparse.finish(header)
    }
}

const SCHILY: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE: &[u8] = b"LIBARCHIVE.xattr.";

/// Extended attributes may be empty.
fn is_xattr(key: &[u8]) -> bool {
    key.starts_with(SCHILY) || key.starts_with(LIBARCHIVE)
}

/// `SCHILY.xattr.NAME`, raw, goes before `LIBARCHIVE.xattr.NAME`, percent-encoded name and base64 value.
fn take_xattr(xattrs: &mut BTreeMap<Box<[u8]>, Box<[u8]>>, key: &[u8], value: Vec<u8>) -> Result<(), &'static str> {
    if let Some(name) = key.strip_prefix(SCHILY) {
        xattrs.insert(name.into(), value.into());
    } else if let Some(name) = key.strip_prefix(LIBARCHIVE) {
        let decoded = STANDARD.decode(&value).or_else(|_| STANDARD_NO_PAD.decode(&value));
        let value = decoded.map_err(|_| "its extended attribute is no base64")?;
        xattrs.entry(percent_decoded(name).into()).or_insert(value.into());
    }
    Ok(())
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let hex = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        let escaped = text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex);
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// Splits `LENGTH KEY=VALUE\n` records.
fn records(mut text: &[u8]) -> Result<Vec<Record>, &'static str> {
    const BROKEN: &str = "its pax records are broken";
    let mut records = Vec::new();
    while !text.is_empty() {
        let space = text.iter().take(20).position(|&byte| byte == b' ').ok_or(BROKEN)?;
        let length = decimal(&text[..space]).and_then(|length| usize::try_from(length).ok()).ok_or(BROKEN)?;
        let record = text.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or(BROKEN)?;
        let equals = record.iter().position(|&byte| byte == b'=').filter(|&at| at > 0).ok_or(BROKEN)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        text = &text[length..];
    }
    Ok(records)
}

fn without_nul(value: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if value.contains(&0) { Err("its pax path holds a NUL byte") } else { Ok(value) }
}

fn owner(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok().map(nobody_is_root)
}

/// Bytes of a record: `LENGTH KEY=VALUE` and the line's end, where the length counts itself.
pub(crate) fn record_length(key: usize, value: usize) -> usize {
    let digits = |number: usize| number.to_string().len();
    let rest = key + value + 3;
    let length = rest + digits(rest);
    // One digit more may be needed for the digits.
    length + digits(length) - digits(rest)
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// `SECONDS[.FRACTION]`, as seconds rounded down and nanoseconds after that.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits =
        fraction.bytes().all(|byte| byte.is_ascii_digit()).then(|| fraction.bytes().chain(std::iter::repeat(b'0')))?;
    let nanos = digits.take(9).fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    match nanos {
        0 => Some((seconds, 0)),
        _ if whole.starts_with('-') => Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos)),
        _ => Some((seconds, nanos)),
    }
}

/// `GNU.sparse.…` records.
#[derive(Default)]
struct SparseRecords {
    major: Option<u64>,
    minor: Option<u64>,
    name: Option<Vec<u8>>,
    real_size: Option<u64>,
    numbers: Option<Vec<u64>>,
}

impl SparseRecords {
    /// Whether the record was one of these.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<bool, &'static str> {
        const BROKEN: &str = "its sparse records are broken";
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else { return Ok(false) };
        let number = || decimal(value).ok_or(BROKEN);
        match key {
            b"major" => self.major = Some(number()?),
            b"minor" => self.minor = Some(number()?),
            b"name" => self.name = Some(without_nul(value.to_vec())?),
            b"size" | b"realsize" => self.real_size = Some(number()?),
            b"offset" | b"numbytes" => self.numbers.get_or_insert_default().push(number()?),
            b"map" => {
                let numbers = value.split(|&byte| byte == b',').map(decimal).collect::<Option<Vec<u64>>>();
                self.numbers = Some(numbers.ok_or(BROKEN)?);
            }
            _ => {}
        }
        Ok(true)
    }

    fn finish(self, header: &mut Header) -> Result<Option<Sparse>, &'static str> {
        let in_data = (self.major, self.minor) == (Some(1), Some(0));
        if header.flag != b'0' || (!in_data && self.numbers.is_none()) {
            return Ok(None);
        }
        header.apparent_size = self.real_size.ok_or("its sparse records give no size")?;
        if in_data {
            return Ok(Some(Sparse::InData));
        }
        let numbers = self.numbers.unwrap_or_default();
        if !numbers.len().is_multiple_of(2) || numbers.len() > MAX_RUNS {
            return Err("its sparse map is broken");
        }
        Ok(Some(Sparse::Map(numbers.chunks_exact(2).map(|pair| Run { offset: pair[0], len: pair[1] }).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_themselves() {
        for (key, value) in [(1, 1), (4, 2), (4, 93), (4, 92), (4, 91), (4, 1000), (8, 988)] {
            let text = format!("{}={}\n", "k".repeat(key), "v".repeat(value));
            let length = (1..5000).find(|n: &usize| n.to_string().len() + 1 + text.len() == *n).unwrap();
            assert_eq!(record_length(key, value), length, "{key} {value}");
        }
    }

    #[test]
    fn times_round_down() {
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"7"), Some((7, 0)));
        assert_eq!(time(b"1.1234567899"), Some((1, 123_456_789)));
        assert_eq!(time(b"1.x"), None);
    }

    #[test]
    fn records_must_add_up() {
        assert_eq!(records(b"11 path=ab\n"), Ok(vec![(b"path".to_vec(), b"ab".to_vec())]));
        for broken in
            [&b"12 path=ab\n"[..], b"99999999999999999999 a=b\n", b"3 =\n", b"x a=b\n", b"0 a=b\n", b"8 path=ab\n"]
        {
            assert!(records(broken).is_err(), "{}", broken.escape_ascii());
        }
    }
}
