//! The entries of a table of contents, of either form, and the rows that they make.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};

use super::super::Note;
use super::super::capture::{Capture, Tells};
use super::super::rows::Rows;
use super::super::tar::{Header, Visitor as _, nobody_is_root};
use super::{Place, Places, TocError, broken, length, time};
use crate::model::{Digest, Xattrs};

/// A table with more entries is not read: each takes some hundred bytes of memory.
const MAX_ENTRIES: usize = 1_000_000;
/// Files of a layer have fewer bytes together: 1 PiB.
const MAX_BYTES: u64 = 1 << 50;
/// A file that stands further behind in its compressed data than this is none of an honest table's.
const MAX_SKIP: u64 = 64 << 20;
/// Stands in JSON for bytes that are no UTF-8.
const REPLACEMENT: char = '\u{fffd}';

/// A table of contents.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'t> {
    version: u64,
    #[serde(borrow)]
    entries: Entries<'t>,
    /// zstd:chunked: the digest of the tar without its contents, compressed.
    pub(super) tar_split_digest: Option<String>,
}

/// One entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'t> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'t, str>,
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    link_name: Option<String>,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    uid: i64,
    #[serde(default)]
    gid: i64,
    modtime: Option<String>,
    #[serde(default)]
    dev_major: u32,
    #[serde(default)]
    dev_minor: u32,
    xattrs: Option<BTreeMap<String, String>>,
    digest: Option<String>,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
}

/// Not more than there is room for.
struct Entries<'t>(Vec<Entry<'t>>);

impl<'de: 't, 't> Deserialize<'de> for Entries<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<'t>(std::marker::PhantomData<Entry<'t>>);
        impl<'de: 't, 't> Visitor<'de> for List<'t> {
            type Value = Entries<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_ENTRIES} entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                    if entries.len() > MAX_ENTRIES {
                        return Err(serde::de::Error::invalid_length(entries.len(), &self));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_seq(List(std::marker::PhantomData))
    }
}

/// What is told of an entry's contents.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    digest: [u8; 32],
    place: Option<Where>,
}

/// As [`Place`] has it.
#[derive(Clone, Copy, Debug)]
struct Where {
    at: u64,
    end: u64,
    skip: u64,
    /// Where its last piece begins.
    last: u64,
}

/// An entry of the tar, with what is told of its contents.
pub(super) type Item<'d, 't> = (&'d Entry<'t>, Told);

impl<'t> Document<'t> {
    /// Reads a table.
    pub(super) fn parse(json: &'t [u8]) -> Result<Self, TocError> {
        let document: Self = serde_json::from_slice(json)?;
        if document.version == 1 { Ok(document) } else { Err(broken("its version is not 1")) }
    }

    /// The entries of the tar, in its order, pieces put to their files. The blob's data ends at `data_end`.
    pub(super) fn items(&self, data_end: u64) -> Result<Vec<Item<'_, 't>>, TocError> {
        let mut items: Vec<Item<'_, 't>> = Vec::new();
        for entry in &self.entries.0 {
            match &*entry.kind {
                "chunk" => {
                    let file = items.last_mut().and_then(|(_, told)| told.place.as_mut());
                    let file = file.ok_or_else(|| broken("a piece has no file"))?;
                    file.last = file.last.max(entry.offset);
                }
                "reg" => items.push((entry, entry.told()?)),
                _ => items.push((entry, Told::default())),
            }
        }
        let mut starts: Vec<u64> = items.iter().filter_map(|(_, told)| Some(told.place?.at)).collect();
        starts.sort_unstable();
        for place in items.iter_mut().filter_map(|(_, told)| told.place.as_mut()) {
            if place.end <= place.last {
                let next = starts.partition_point(|start| *start <= place.last);
                place.end = starts.get(next).copied().unwrap_or(data_end);
            }
            if place.at == 0 || place.end <= place.last || place.end > data_end || place.skip > MAX_SKIP {
                return Err(broken("a file lies where no file can be"));
            }
        }
        Ok(items)
    }
}

impl Entry<'_> {
    /// What is told of a regular file's contents.
    fn told(&self) -> Result<Told, TocError> {
        let empty: [u8; 32] = Sha256::digest(b"").into();
        if self.size > MAX_BYTES {
            return Err(broken("a file is beyond all measure"));
        }
        let given = match self.digest.as_deref() {
            None | Some("") => None,
            Some(text) => match text.parse() {
                Ok(Digest::Sha256(digest)) => Some(digest),
                _ => return Err(broken("a file's digest is no SHA-256")),
            },
        };
        match (self.size, given) {
            (0, Some(digest)) if digest != empty => Err(broken("an empty file has the digest of another")),
            (0, _) => Ok(Told { digest: empty, place: None }),
            (_, None) => Err(TocError::Lacks { what: "the digest of every file" }),
            (_, Some(digest)) => {
                let (at, end, skip) = (self.offset, self.end_offset, self.inner_offset);
                Ok(Told { digest, place: Some(Where { at, end, skip, last: at }) })
            }
        }
    }

    fn flag(&self) -> Option<u8> {
        Some(match &*self.kind {
            "reg" => b'0',
            "hardlink" => b'1',
            "symlink" => b'2',
            "char" => b'3',
            "block" => b'4',
            "dir" => b'5',
            "fifo" => b'6',
            _ => return None,
        })
    }

    fn link(&self) -> &str {
        self.link_name.as_deref().unwrap_or_default()
    }

    /// The header that such an entry has in a tar. Names that are no UTF-8 can't be told from JSON.
    pub(super) fn header(&self) -> Result<Header, TocError> {
        let flag = self.flag().ok_or_else(|| broken("an entry has an unknown type"))?;
        if self.name.contains(REPLACEMENT) || self.link().contains(REPLACEMENT) {
            return Err(TocError::Lacks { what: "names that are no UTF-8" });
        }
        let size = if flag == b'0' { self.size } else { 0 };
        let mtime = time::parse(self.modtime.as_deref().unwrap_or_default());
        Ok(Header {
            name: self.name.as_bytes().to_vec(),
            link: self.link().as_bytes().to_vec(),
            flag,
            mode: (self.mode & 0o7777) as u16,
            uid: nobody_is_root(self.uid),
            gid: nobody_is_root(self.gid),
            size,
            apparent_size: size,
            mtime: mtime.ok_or_else(|| broken("a time is none"))?,
            device: (self.dev_major, self.dev_minor),
            xattrs: self.xattrs()?,
            offset: 0,
        })
    }

    fn xattrs(&self) -> Result<Xattrs, TocError> {
        let decoded = |(name, value): (&String, &String)| {
            let value = STANDARD.decode(value).map_err(|_| broken("an extended attribute is no base64"))?;
            match name.contains(REPLACEMENT) {
                true => Err(TocError::Lacks { what: "names that are no UTF-8" }),
                false => Ok((name.as_bytes().into(), value.into())),
            }
        };
        self.xattrs.iter().flatten().map(decoded).collect()
    }

    /// Whether it tells of the entry that has this header.
    pub(super) fn is_of(&self, header: &Header) -> bool {
        // What JSON can't tell is not compared.
        let same = |bytes: &[u8], text: &str| std::str::from_utf8(bytes).is_ok_and(|own| own == text);
        let named = same(&header.name, &self.name) || self.name.contains(REPLACEMENT);
        let regular = matches!(header.flag, b'0' | b'7');
        let linked =
            !matches!(header.flag, b'1' | b'2') || same(&header.link, self.link()) || self.link().contains(REPLACEMENT);
        let sized = !regular || self.size == header.size && header.size == header.apparent_size;
        let flag = if regular { b'0' } else { header.flag };
        self.flag() == Some(flag) && named && linked && sized
    }
}

/// A layer's rows in the making.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rows: Rows,
    pub(super) places: Places,
    /// Files of which more is told by their contents, by row.
    pub(super) captures: Vec<(u32, Tells, Capture)>,
    /// Bytes of files.
    bytes: u64,
    /// … and of the tar, as it is probably written.
    tar_bytes: u64,
}

impl Table {
    /// A row for each entry.
    pub(super) fn add_all(&mut self, items: &[Item<'_, '_>]) -> Result<(), TocError> {
        for (entry, told) in items {
            let header = entry.header()?;
            self.tar_bytes = self.tar_bytes.saturating_add(length::of(&header));
            self.rows.begin(&header, 0)?;
            self.end(*told, entry.size);
        }
        Ok(())
    }

    /// The entry that has begun is complete. What is no file's is not counted.
    pub(super) fn end(&mut self, told: Told, size: u64) {
        let row = self.rows.next();
        let stored = told.place.map_or(0, |place| place.end - place.at);
        let Some(capture) = self.rows.end_told(told.digest, stored) else { return };
        self.bytes = self.bytes.saturating_add(size);
        if let Some(Where { at, end, skip, .. }) = told.place {
            self.places.0.push(Place { row, at, end, skip });
        }
        match capture.tells() {
            Tells::Nothing => {}
            tells => self.captures.push((row, tells, capture)),
        }
    }

    /// More of the tar than the entries that were added.
    pub(super) fn add_length(&mut self, bytes: u64) {
        self.tar_bytes = self.tar_bytes.saturating_add(bytes);
    }

    /// How long the tar probably is; noted, since it is no more than that.
    pub(super) fn estimate(&mut self) -> u64 {
        self.rows.note(Note::TarLengthEstimated);
        self.tar_bytes
    }

    /// Whether its numbers can be: they are added up without a further look.
    pub(super) fn check(&self, tar_bytes: Option<u64>) -> Result<(), TocError> {
        if self.bytes > MAX_BYTES || tar_bytes.is_some_and(|length| length < self.bytes || length > MAX_BYTES) {
            return Err(broken("its sizes are beyond all measure, or don't fit each other"));
        }
        Ok(())
    }
}
