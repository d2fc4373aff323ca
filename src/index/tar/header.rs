//! The 512 bytes in front of an entry.

use super::BLOCK;
use crate::model::Xattrs;

/// An entry's header, after long names and pax records were applied.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Its name, untouched.
    pub name: Vec<u8>,
    /// Target of a link, untouched.
    pub link: Vec<u8>,
    /// Type flag; `0` for the old form of a regular file, `5` for that of a directory.
    pub flag: u8,
    /// Permission, set-id and sticky bits.
    pub mode: u16,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Bytes of contents that the tar stores.
    pub size: u64,
    /// Bytes that a reader of the file sees.
    pub apparent_size: u64,
    /// Modification time: seconds, and nanoseconds after that.
    pub mtime: (i64, u32),
    /// Device numbers.
    pub device: (u32, u32),
    /// Extended attributes by name, sorted.
    pub xattrs: Xattrs,
    /// Where the header stands in the tar.
    pub offset: u64,
}

type Field = std::ops::Range<usize>;
const NAME: Field = 0..100;
const MODE: Field = 100..108;
const UID: Field = 108..116;
const GID: Field = 116..124;
const SIZE: Field = 124..136;
const MTIME: Field = 136..148;
const CHECKSUM: Field = 148..156;
const FLAG: usize = 156;
const LINK: Field = 157..257;
/// POSIX's magic number. What follows is its version, which Go does not look at either.
const MAGIC: Field = 257..263;
/// GNU's, with the version.
const GNU_MAGIC: Field = 257..265;
const MAJOR: Field = 329..337;
const MINOR: Field = 337..345;
const PREFIX: Field = 345..500;
/// The end of a star archive's header, which has a shorter prefix.
const STAR_TRAILER: Field = 508..512;
const STAR_PREFIX: Field = 345..476;

impl Header {
    /// Reads a header block. The error is the reason.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        check_sum(block)?;
        let unsigned = |field: Field, reason| u64::try_from(number(&block[field]).ok_or(reason)?).map_err(|_| reason);
        let posix = &block[MAGIC] == b"ustar\0";
        let known = posix || &block[GNU_MAGIC] == b"ustar  \0";
        let device = |field: Field| match known {
            true => unsigned(field, "its device number is none").map(|n| n as u32),
            false => Ok(0),
        };
        let mut header = Self {
            name: until_nul(&block[NAME]).to_vec(),
            link: until_nul(&block[LINK]).to_vec(),
            flag: block[FLAG],
            mode: (number(&block[MODE]).ok_or("its mode is no number")? & 0o7777) as u16,
            uid: owner(&block[UID]).ok_or("its owner is no number")?,
            gid: owner(&block[GID]).ok_or("its group is no number")?,
            size: unsigned(SIZE, "its size is no number")?,
            mtime: (number(&block[MTIME]).ok_or("its time is no number")?, 0),
            device: (device(MAJOR)?, device(MINOR)?),
            ..Self::default()
        };
        let star = posix && &block[STAR_TRAILER] == b"tar\0";
        let prefix = until_nul(&block[if star { STAR_PREFIX } else { PREFIX }]);
        if posix && !prefix.is_empty() {
            header.name = [prefix, b"/", &header.name].concat();
        }
        header.settle();
        Ok(header)
    }

    /// Applies what depends on type and name, again after they were replaced.
    pub(super) fn settle(&mut self) {
        if self.flag == 0 {
            self.flag = if self.name.ends_with(b"/") { b'5' } else { b'0' };
        }
        // Only these have no contents whatever their size says, as in Go.
        if (b'1'..=b'6').contains(&self.flag) {
            self.size = 0;
        }
        self.apparent_size = self.size;
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn owner(field: &[u8]) -> Option<u64> {
    number(field).map(nobody_is_root)
}

/// An owner; the negative ones that some tools write mean nobody in particular: root unpacks them as its own.
pub(in crate::index) fn nobody_is_root(owner: i64) -> u64 {
    u64::try_from(owner).unwrap_or(0)
}

/// A number: base 256 where the first bit is set (GNU), else octal among spaces and NULs. Empty is 0.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => base_256(*first, rest),
        _ => octal(field),
    }
}

fn base_256(first: u8, rest: &[u8]) -> Option<i64> {
    // Two's complement, big-endian, with the marker bit taken out: bit 6 is the sign.
    let start = if first & 0x40 != 0 { i128::from(first) - 0x100 } else { i128::from(first & 0x3f) };
    let value = rest.iter().try_fold(start, |value, byte| value.checked_mul(256)?.checked_add(i128::from(*byte)))?;
    i64::try_from(value).ok()
}

fn octal(field: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let digits = field[start..].split(blank).next().unwrap_or_default();
    digits.iter().try_fold(0_i64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

/// The sum of all bytes, its own field counted as spaces; old tars summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let counted = |at: usize| if CHECKSUM.contains(&at) { b' ' } else { block[at] };
    let unsigned: i64 = (0..BLOCK).map(|at| i64::from(counted(at))).sum();
    let signed: i64 = (0..BLOCK).map(|at| i64::from(counted(at).cast_signed())).sum();
    match number(&block[CHECKSUM]) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err("its checksum is wrong"),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_of_every_kind() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"    755 "), Some(0o755));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\x01"), Some(0x2_0000_0001));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"9999999\0"), None);
    }
}
