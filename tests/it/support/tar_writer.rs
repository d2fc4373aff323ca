//! Writes tar bytes by hand: the same on every machine, and as wrong as a test wants them.

/// A tar under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tar {
    bytes: Vec<u8>,
}

/// One 512-byte header. Every field is written as given, unless `checksum` or `raw` say otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) mode: i64,
    pub(crate) uid: i64,
    pub(crate) gid: i64,
    /// What the size field says; `None`: as long as the data.
    pub(crate) size: Option<i64>,
    pub(crate) mtime: i64,
    /// The type flag: `b'0'` file, `b'5'` directory, `b'2'` symlink, `b'1'` hard link, …
    pub(crate) flag: u8,
    pub(crate) link: Vec<u8>,
    pub(crate) magic: Magic,
    pub(crate) device: (i64, i64),
    /// Of ustar: what stands before the name.
    pub(crate) prefix: Vec<u8>,
    /// Writes every number as base-256, not only those that octal cannot hold.
    pub(crate) base256: bool,
    /// What the checksum field says; `None`: the right sum.
    pub(crate) checksum: Option<u32>,
    /// Bytes laid over the header before the sum is made: (offset, bytes).
    pub(crate) patches: Vec<(usize, Vec<u8>)>,
}

/// Which tar a header claims to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Magic {
    Ustar,
    Gnu,
    V7,
}

/// When every entry was last changed unless a test says otherwise: 2024-01-01T00:00:00Z.
pub(crate) const MTIME: i64 = 1_704_067_200;

impl Header {
    /// A header of any type.
    pub(crate) fn new(flag: u8, name: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            mode: if flag == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size: None,
            mtime: MTIME,
            flag,
            link: Vec::new(),
            magic: Magic::Ustar,
            device: (0, 0),
            prefix: Vec::new(),
            base256: false,
            checksum: None,
            patches: Vec::new(),
        }
    }

    /// A regular file.
    pub(crate) fn file(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'0', name)
    }

    /// A directory.
    pub(crate) fn dir(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'5', name)
    }

    /// A symlink.
    pub(crate) fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self { link: target.as_ref().to_vec(), mode: 0o777, ..Self::new(b'2', name) }
    }

    /// A hard link.
    pub(crate) fn hard(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self { link: target.as_ref().to_vec(), ..Self::new(b'1', name) }
    }

    /// The header's 512 bytes, for data of this length.
    pub(crate) fn bytes(&self, data_len: usize) -> Vec<u8> {
        let mut block = vec![0; 512];
        put(&mut block, 0, 100, &self.name);
        self.number(&mut block, 100, 8, self.mode);
        self.number(&mut block, 108, 8, self.uid);
        self.number(&mut block, 116, 8, self.gid);
        self.number(&mut block, 124, 12, self.size.unwrap_or(data_len as i64));
        self.number(&mut block, 136, 12, self.mtime);
        block[156] = self.flag;
        put(&mut block, 157, 100, &self.link);
        self.put_magic(&mut block);
        for (offset, bytes) in &self.patches {
            put(&mut block, *offset, 512 - offset, bytes);
        }
        put_checksum(&mut block, self.checksum);
        block
    }

    fn put_magic(&self, block: &mut [u8]) {
        match self.magic {
            Magic::V7 => return,
            Magic::Ustar => put(block, 257, 8, b"ustar\x0000"),
            Magic::Gnu => put(block, 257, 8, b"ustar  \0"),
        }
        self.number(block, 329, 8, self.device.0);
        self.number(block, 337, 8, self.device.1);
        put(block, 345, 155, &self.prefix);
    }

    fn number(&self, block: &mut [u8], at: usize, len: usize, value: i64) {
        let octal_max = (1_i64 << (3 * (len - 1))) - 1;
        if self.base256 || value < 0 || value > octal_max {
            put(block, at, len, &base256(value, len));
        } else {
            put(block, at, len, format!("{value:0width$o}\0", width = len - 1).as_bytes());
        }
    }
}

/// GNU's binary number: the top bit set, two's complement, big end first.
fn base256(value: i64, len: usize) -> Vec<u8> {
    let fill = if value < 0 { 0xff } else { 0 };
    let mut bytes = vec![fill; len.saturating_sub(8)];
    let wide = value.to_be_bytes();
    bytes.extend_from_slice(&wide[8_usize.saturating_sub(len)..]);
    bytes[0] |= 0x80;
    bytes
}

fn put(block: &mut [u8], at: usize, len: usize, bytes: &[u8]) {
    let len = len.min(bytes.len());
    block[at..at + len].copy_from_slice(&bytes[..len]);
}

fn put_checksum(block: &mut [u8], wanted: Option<u32>) {
    put(block, 148, 8, b"        ");
    let sum = wanted.unwrap_or_else(|| block.iter().map(|&b| u32::from(b)).sum());
    put(block, 148, 8, format!("{sum:06o}\0 ").as_bytes());
}

impl Tar {
    /// An empty tar.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A header and its data, padded to whole blocks.
    pub(crate) fn entry(&mut self, header: &Header, data: &[u8]) -> &mut Self {
        self.bytes.extend(header.bytes(data.len()));
        self.bytes.extend_from_slice(data);
        self.pad()
    }

    /// A plain file.
    pub(crate) fn file(&mut self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> &mut Self {
        self.entry(&Header::file(name), data.as_ref())
    }

    /// A directory of mode 755.
    pub(crate) fn dir(&mut self, name: impl AsRef<[u8]>) -> &mut Self {
        self.entry(&Header::dir(name), b"")
    }

    /// PAX records for the next entry.
    pub(crate) fn pax(&mut self, records: &[(&str, &[u8])]) -> &mut Self {
        self.entry(&Header::new(b'x', "PaxHeaders/x"), &pax_records(records))
    }

    /// PAX records for every entry from here on.
    pub(crate) fn pax_global(&mut self, records: &[(&str, &[u8])]) -> &mut Self {
        self.entry(&Header::new(b'g', "PaxHeaders/g"), &pax_records(records))
    }

    /// GNU: the name of the next entry.
    pub(crate) fn gnu_long_name(&mut self, name: impl AsRef<[u8]>) -> &mut Self {
        self.gnu_long(b'L', name.as_ref())
    }

    /// GNU: the link target of the next entry.
    pub(crate) fn gnu_long_link(&mut self, target: impl AsRef<[u8]>) -> &mut Self {
        self.gnu_long(b'K', target.as_ref())
    }

    fn gnu_long(&mut self, flag: u8, text: &[u8]) -> &mut Self {
        let header = Header { magic: Magic::Gnu, ..Header::new(flag, "././@LongLink") };
        self.entry(&header, &[text, b"\0"].concat())
    }

    /// GNU's old sparse form (type `S`): a map of (offset, length) in the header and in blocks after it.
    /// `data` is the pieces, one after the other.
    pub(crate) fn gnu_sparse(&mut self, name: &str, real: i64, map: &[(i64, i64)], data: &[u8]) -> &mut Self {
        let mut header = Header { magic: Magic::Gnu, ..Header::new(b'S', name) };
        let (here, more) = map.split_at(map.len().min(4));
        header.patches.push((386, sparse_map(here)));
        header.patches.push((482, vec![u8::from(!more.is_empty())]));
        header.patches.push((483, sparse_number(real)));
        self.bytes.extend(header.bytes(data.len()));
        for (i, piece) in more.chunks(21).enumerate() {
            let last = (i + 1) * 21 >= more.len();
            let mut block = sparse_map(piece);
            block.resize(504, 0);
            block.push(u8::from(!last));
            block.resize(512, 0);
            self.bytes.extend(block);
        }
        self.bytes.extend_from_slice(data);
        self.pad()
    }

    /// PAX sparse 0.0: an offset and a numbytes record for each piece.
    pub(crate) fn pax_sparse_00(&mut self, name: &str, real: i64, map: &[(i64, i64)], data: &[u8]) -> &mut Self {
        let mut records = vec![
            ("GNU.sparse.size", real.to_string().into_bytes()),
            ("GNU.sparse.numblocks", map.len().to_string().into_bytes()),
        ];
        for (offset, len) in map {
            records.push(("GNU.sparse.offset", offset.to_string().into_bytes()));
            records.push(("GNU.sparse.numbytes", len.to_string().into_bytes()));
        }
        self.pax_owned(&records).file(name, data)
    }

    /// PAX sparse 0.1: the map in one record, the name in another.
    pub(crate) fn pax_sparse_01(&mut self, name: &str, real: i64, map: &[(i64, i64)], data: &[u8]) -> &mut Self {
        let list: Vec<_> = map.iter().flat_map(|(o, l)| [o.to_string(), l.to_string()]).collect();
        self.pax_owned(&[
            ("GNU.sparse.size", real.to_string().into_bytes()),
            ("GNU.sparse.numblocks", map.len().to_string().into_bytes()),
            ("GNU.sparse.map", list.join(",").into_bytes()),
            ("GNU.sparse.name", name.into()),
        ])
        .file("GNUSparseFile.0/x", data)
    }

    /// PAX sparse 1.0: the map stands before the data, in a block or more of decimal lines.
    pub(crate) fn pax_sparse_10(&mut self, name: &str, real: i64, map: &[(i64, i64)], data: &[u8]) -> &mut Self {
        let mut body = format!("{}\n", map.len()).into_bytes();
        for (offset, len) in map {
            body.extend(format!("{offset}\n{len}\n").into_bytes());
        }
        body.resize(body.len().next_multiple_of(512), 0);
        body.extend_from_slice(data);
        self.pax_owned(&[
            ("GNU.sparse.major", b"1".to_vec()),
            ("GNU.sparse.minor", b"0".to_vec()),
            ("GNU.sparse.name", name.into()),
            ("GNU.sparse.realsize", real.to_string().into_bytes()),
        ])
        .file("GNUSparseFile.0/x", body)
    }

    fn pax_owned(&mut self, records: &[(&str, Vec<u8>)]) -> &mut Self {
        let borrowed: Vec<_> = records.iter().map(|(k, v)| (*k, v.as_slice())).collect();
        self.pax(&borrowed)
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.bytes.extend_from_slice(bytes.as_ref());
        self
    }

    fn pad(&mut self) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The tar with its end marker: two empty blocks.
    pub(crate) fn finish(&self) -> Vec<u8> {
        [self.bytes.as_slice(), &[0; 1024]].concat()
    }

    /// The tar without an end marker.
    pub(crate) fn unfinished(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

/// PAX records as they stand in a tar: `LEN KEY=VALUE\n`, where LEN counts itself.
pub(crate) fn pax_records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while len.to_string().len() + rest != len {
            len = len.to_string().len() + rest;
        }
        out.extend(format!("{len} {key}=").into_bytes());
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

fn sparse_map(map: &[(i64, i64)]) -> Vec<u8> {
    map.iter().flat_map(|&(offset, len)| [sparse_number(offset), sparse_number(len)]).flatten().collect()
}

/// Twelve bytes, octal, or base-256 where octal has no room.
fn sparse_number(value: i64) -> Vec<u8> {
    if value >= 1 << 33 { base256(value, 12) } else { format!("{value:011o}\0").into_bytes() }
}
