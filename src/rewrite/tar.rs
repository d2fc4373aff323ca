//! Writes a tar: ustar headers, with pax records for what does not fit into them (POSIX.1-2017 pax, "ustar Interchange
//! Format" and "pax Extended Header"). The same entries give the same bytes.

use std::io::{self, Write};

use crate::index::tar::record_length;
use crate::model::{LayerPath, Meta};

const BLOCK: usize = 512;
/// Pads, and ends a tar: two blocks of it.
const ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'e> {
    /// A regular file of so many bytes.
    File(u64),
    HardLink(&'e LayerPath),
    Symlink(&'e [u8]),
    Char((u32, u32)),
    Block((u32, u32)),
    Dir,
    Fifo,
}

impl Kind<'_> {
    fn flag(self) -> u8 {
        match self {
            Self::File(_) => b'0',
            Self::HardLink(_) => b'1',
            Self::Symlink(_) => b'2',
            Self::Char(_) => b'3',
            Self::Block(_) => b'4',
            Self::Dir => b'5',
            Self::Fifo => b'6',
        }
    }
}

/// A tar that is being written.
#[derive(Debug)]
pub(super) struct TarWriter<W> {
    to: W,
    /// Bytes that the entry in hand still lacks, and those of padding after them.
    left: u64,
    padding: usize,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, left: 0, padding: 0 }
    }

    /// Begins an entry. A file's bytes come next, and [`TarWriter::end`] after them.
    pub(super) fn begin(&mut self, path: &LayerPath, meta: &Meta, kind: Kind<'_>) -> io::Result<()> {
        let mut name = path.as_bytes().to_vec();
        if let Kind::Dir = kind {
            name.extend_from_slice(if path.is_root() { b"./" } else { b"/" });
        }
        let link: &[u8] = match kind {
            Kind::HardLink(target) => target.as_bytes(),
            Kind::Symlink(target) => target,
            _ => b"",
        };
        let size = if let Kind::File(size) = kind { size } else { 0 };
        let device = if let Kind::Char(device) | Kind::Block(device) = kind { device } else { (0, 0) };
        let mut records = Records::default();
        let mut header = Header([0; BLOCK]);
        records.text(&mut header, NAME, "path", &name);
        records.text(&mut header, LINK, "linkpath", link);
        header.octal(MODE, meta.mode.into());
        records.number(&mut header, UID, "uid", meta.uid);
        records.number(&mut header, GID, "gid", meta.gid);
        records.number(&mut header, SIZE, "size", size);
        records.time(&mut header, meta);
        header.0[TYPE] = kind.flag();
        header.octal(MAJOR, device.0.into());
        header.octal(MINOR, device.1.into());
        for (name, value) in &meta.xattrs {
            records.add(&[b"SCHILY.xattr.", &**name].concat(), value);
        }
        if !records.0.is_empty() {
            self.records(&records.0)?;
        }
        self.to.write_all(&header.finish())?;
        self.left = size;
        self.padding = padding(size);
        Ok(())
    }

    /// The next bytes of the file in hand.
    pub(super) fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let more = || io::Error::other("a file has more bytes than it had before");
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(more)?;
        self.to.write_all(bytes)
    }

    /// The entry in hand is complete.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other("a file has fewer bytes than it had before"));
        }
        self.to.write_all(&ZEROS[..std::mem::take(&mut self.padding)])
    }

    /// Ends the tar.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&ZEROS)?;
        Ok(self.to)
    }

    /// Extended records for the next entry.
    fn records(&mut self, records: &[u8]) -> io::Result<()> {
        let mut header = Header([0; BLOCK]);
        header.put(NAME, b"pax");
        header.octal(MODE, 0o644);
        for field in [UID, GID, TIME, MAJOR, MINOR] {
            header.octal(field, 0);
        }
        header.octal(SIZE, records.len() as u64);
        header.0[TYPE] = b'x';
        self.to.write_all(&header.finish())?;
        self.to.write_all(records)?;
        self.to.write_all(&ZEROS[..padding(records.len() as u64)])
    }
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// A field of a header: where it begins, and its bytes.
type Field = (usize, usize);

const NAME: Field = (0, 100);
const MODE: Field = (100, 8);
const UID: Field = (108, 8);
const GID: Field = (116, 8);
const SIZE: Field = (124, 12);
const TIME: Field = (136, 12);
const SUM: Field = (148, 8);
const TYPE: usize = 156;
const LINK: Field = (157, 100);
const MAGIC: Field = (257, 8);
const MAJOR: Field = (329, 8);
const MINOR: Field = (337, 8);

struct Header([u8; BLOCK]);

impl Header {
    fn put(&mut self, (at, len): Field, bytes: &[u8]) {
        let len = bytes.len().min(len);
        self.0[at..at + len].copy_from_slice(&bytes[..len]);
    }

    /// Digits and a NUL; 0 where there is no room, for which a record stands.
    fn octal(&mut self, field: Field, number: u64) -> bool {
        let digits = field.1 - 1;
        let fits = number < 1 << (3 * digits).min(63);
        self.put(field, format!("{:0digits$o}", if fits { number } else { 0 }).as_bytes());
        fits
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.put(MAGIC, b"ustar\x0000");
        self.put(SUM, b"        ");
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.put(SUM, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// Records of a pax header: `LENGTH NAME=VALUE`, a line each, the length with its own digits.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        self.0.extend_from_slice(record_length(name.len(), value.len()).to_string().as_bytes());
        for part in [b" ", name, b"=", value, b"\n"] {
            self.0.extend_from_slice(part);
        }
    }

    fn text(&mut self, header: &mut Header, field: Field, name: &str, value: &[u8]) {
        header.put(field, value);
        if value.len() > field.1 || !value.is_ascii() {
            self.add(name.as_bytes(), value);
        }
    }

    fn number(&mut self, header: &mut Header, field: Field, name: &str, value: u64) {
        if !header.octal(field, value) {
            self.add(name.as_bytes(), value.to_string().as_bytes());
        }
    }

    fn time(&mut self, header: &mut Header, meta: &Meta) {
        let (seconds, nanos) = (meta.mtime, meta.mtime_nanos);
        let whole = u64::try_from(seconds).is_ok_and(|seconds| header.octal(TIME, seconds));
        if !whole {
            header.octal(TIME, 0);
        }
        if !whole || nanos > 0 {
            // Nanoseconds count upwards from the second, also before 1970.
            let (sign, seconds, nanos) = match (seconds < 0, nanos) {
                (true, 1..) => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanos),
                (true, 0) => ("-", seconds.unsigned_abs(), 0),
                (false, _) => ("", seconds.unsigned_abs(), nanos),
            };
            let fraction = if nanos > 0 { format!(".{nanos:09}") } else { String::new() };
            self.add(b"mtime", format!("{sign}{seconds}{fraction}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tar::{Header as Read, TarError, TarReader, Visitor};

    /// What our own reader makes of it.
    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Visitor for Seen {
        fn begin(&mut self, header: &Read, _: u64) -> Result<(), TarError> {
            let Read { mode, uid, gid, size, mtime, device, .. } = header;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let xattrs: Vec<String> =
                header.xattrs.iter().map(|(name, value)| format!(" {}={}", text(name), text(value))).collect();
            let (name, link, flag) = (text(&header.name), text(&header.link), header.flag as char);
            self.0.push(format!(
                "{name} {flag} {link:?} {mode:o} {uid}:{gid} {size} {mtime:?} {device:?}{}",
                xattrs.concat()
            ));
            Ok(())
        }

        fn data(&mut self, bytes: &[u8]) {
            self.0.push(format!("  {}", String::from_utf8_lossy(bytes)));
        }

        fn hole(&mut self, _: u64) {}

        fn end(&mut self, _: u64) {}
    }

    #[test]
    fn what_is_written_is_read() {
        let long: LayerPath = vec!["directory"; 20].join("/").as_str().into();
        let meta = |mode, owner, mtime, mtime_nanos| Meta {
            mode,
            uid: owner,
            gid: owner,
            mtime,
            mtime_nanos,
            ..Meta::default()
        };
        let mut tar = TarWriter::new(Vec::new());
        let mut put = |path: &LayerPath, meta: &Meta, kind, bytes: &[u8]| {
            tar.begin(path, meta, kind).unwrap();
            tar.data(bytes).unwrap();
            tar.end().unwrap();
        };
        let attributed =
            Meta { xattrs: vec![(b"user.a=b"[..].into(), b"x\n\xff"[..].into())], ..meta(0o4755, 0, 1, 0) };
        put(&"etc".into(), &meta(0o755, 0, 1_700_000_000, 0), Kind::Dir, b"");
        put(&"etc/a".into(), &meta(0o644, 1 << 40, -1, 500_000_000), Kind::File(3), b"abc");
        put(&long, &meta(0o7777, 2_097_152, -3, 0), Kind::File(0), b"");
        put(&"etc/ü".into(), &attributed, Kind::HardLink(&long), b"");
        put(&"etc/link".into(), &meta(0o777, 1, 1 << 34, 1), Kind::Symlink(&[b'x'; 101]), b"");
        put(&"dev".into(), &meta(0o600, 0, 0, 0), Kind::Char((5, 1)), b"");
        put(&"block".into(), &meta(0o600, 0, 0, 0), Kind::Block((259, 70_000)), b"");
        put(&"fifo".into(), &meta(0o600, 0, 0, 0), Kind::Fifo, b"");
        let bytes = tar.finish().unwrap();
        assert_eq!(bytes.len() % BLOCK, 0);
        let (mut reader, mut seen) = (TarReader::default(), Seen::default());
        reader.push(&bytes, &mut seen).unwrap();
        assert_eq!(reader.finish(), Ok(0));
        insta::assert_snapshot!(seen.0.join("\n"), @r#"
        etc/ 5 "" 755 0:0 0 (1700000000, 0) (0, 0)
        etc/a 0 "" 644 1099511627776:1099511627776 3 (-1, 500000000) (0, 0)
          abc
        directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory 0 "" 7777 2097152:2097152 0 (-3, 0) (0, 0)
        etc/ü 1 "directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory/directory" 4755 0:0 0 (1, 0) (0, 0) user.a=b=x
        �
        etc/link 2 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" 777 1:1 0 (17179869184, 1) (0, 0)
        dev 3 "" 600 0:0 0 (0, 0) (5, 1)
        block 4 "" 600 0:0 0 (0, 0) (259, 70000)
        fifo 6 "" 600 0:0 0 (0, 0) (0, 0)
        "#);
    }

    #[test]
    fn a_length_counts_itself() {
        for value in 1..200 {
            let mut records = Records::default();
            records.add(b"a", &vec![b'x'; value]);
            let text = String::from_utf8(records.0).unwrap();
            assert_eq!(text.split(' ').next().unwrap().parse(), Ok(text.len()));
        }
    }

    #[test]
    fn a_file_that_changed_is_refused() {
        let mut tar = TarWriter::new(Vec::new());
        tar.begin(&"a".into(), &Meta::default(), Kind::File(2)).unwrap();
        tar.data(b"x").unwrap();
        assert!(tar.end().is_err());
        assert!(tar.data(b"yz").is_err());
    }
}
