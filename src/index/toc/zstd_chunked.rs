//! zstd:chunked (containers/storage, pkg/chunked): zstd frames, then two skippable ones that hold the table and the tar
//! without the contents of its files (vbatts/tar-split), each compressed.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::tar::{Header, TarError, TarReader, Visitor};
use super::announced::Span;
use super::entries::{Document, Item, Table, Told};
use super::{Parts, Tail, TocError, WHAT, broken, length};
use crate::blob::Compression;
use crate::model::Digest;
use crate::source::verify;

/// The table is not longer, compressed or not.
const MAX_TABLE: u64 = 128 << 20;
/// The tar without contents is not longer: as text, with headers that compress well. It is not kept.
const MAX_TAR: u64 = 1 << 30;
/// A piece of it is not longer.
const MAX_SEGMENT: u64 = 8 << 20;
/// What lies so near is fetched together.
const NEAR: u64 = 64 << 10;

/// A piece of the tar: `type` 1 is a file's contents, of which the size is told, 2 are bytes.
#[derive(Deserialize)]
struct Segment<'t> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    size: u64,
    #[serde(borrow, default)]
    payload: Option<Cow<'t, str>>,
}

/// Makes the rows.
pub(super) fn read(
    digest: &Digest,
    span: &Span,
    tar_split: Option<&Span>,
    parts: Parts<'_>,
    table: &mut Table,
) -> Result<Tail, TocError> {
    let long = |span: &Span| span.end - span.at > MAX_TABLE;
    if span.length > MAX_TABLE || long(span) || tar_split.is_some_and(long) {
        return Err(broken("it is too long"));
    }
    let near = tar_split.filter(|tar| tar.at - span.end <= NEAR);
    let packed = parts(span.at..near.map_or(span.end, |tar| tar.end))?;
    let cut = |from: u64, to: u64| &packed[(from - span.at) as usize..(to - span.at) as usize];
    let json = document(digest, cut(span.at, span.end), span.length)?;
    let document = Document::parse(&json)?;
    let items = document.items(span.at)?;
    let Some((tar, digest)) = tar_split.zip(document.tar_split_digest.as_deref().filter(|digest| !digest.is_empty()))
    else {
        table.add_all(&items)?;
        table.add_length(length::END);
        return Ok(Tail { tar_bytes: None, after_end: 0 });
    };
    let digest = digest.parse().map_err(|_| broken("the digest of its tar is none"))?;
    let apart = if near.is_none() { parts(tar.at..tar.end)? } else { Vec::new() };
    let packed = if near.is_none() { &apart } else { cut(tar.at, tar.end) };
    verify(WHAT, packed, &digest)?;
    replay(packed, &items, table)
}

/// The table's JSON.
fn document(digest: &Digest, packed: &[u8], length: u64) -> Result<Vec<u8>, TocError> {
    verify(WHAT, packed, digest)?;
    let mut json = Vec::new();
    let decoder = Compression::Zstd.decoder(packed).map_err(TocError::Decode)?;
    decoder.take(length + 1).read_to_end(&mut json).map_err(TocError::Decode)?;
    if json.len() as u64 == length { Ok(json) } else { Err(broken("it is of another length")) }
}

/// Reads the tar without its contents. The table must have the same entries, in the same order: of its own it tells what
/// is in them, and where.
fn replay(packed: &[u8], items: &[Item<'_, '_>], table: &mut Table) -> Result<Tail, TocError> {
    let decoder = Compression::Zstd.decoder(packed).map_err(TocError::Decode)?;
    let mut lines = BufReader::new(decoder.take(MAX_TAR));
    let (mut reader, mut line) = (TarReader::default(), Vec::new());
    let mut both = Both { items: items.iter(), current: None, table };
    loop {
        line.clear();
        (&mut lines).take(MAX_SEGMENT).read_until(b'\n', &mut line).map_err(TocError::Decode)?;
        if line.is_empty() {
            break;
        }
        let Segment { kind, size, payload } = serde_json::from_slice(&line)?;
        match kind {
            1 => reader.pass_over(size, &mut both)?,
            2 => {
                let bytes = STANDARD.decode(payload.as_deref().unwrap_or_default());
                reader.push(&bytes.map_err(|_| broken("its tar is no base64"))?, &mut both)?;
            }
            _ => return Err(broken("its tar has pieces of an unknown type")),
        }
    }
    if both.items.next().is_some() {
        return Err(broken("its tar has fewer entries"));
    }
    Ok(Tail { tar_bytes: Some(reader.offset()), after_end: reader.finish()? })
}

/// Holds what the tar has against what the table has.
struct Both<'a, 'd, 't> {
    items: std::slice::Iter<'a, Item<'d, 't>>,
    current: Option<(Told, u64)>,
    table: &'a mut Table,
}

impl Visitor for Both<'_, '_, '_> {
    fn begin(&mut self, header: &Header, offset: u64) -> Result<(), TarError> {
        let reason = "the table of contents has another entry";
        let other = TarError::Header { offset, reason };
        let (_, told) = self.items.next().filter(|(entry, _)| entry.is_of(header)).ok_or(other)?;
        self.current = Some((*told, header.size));
        self.table.rows.begin(header, 0)
    }

    fn data(&mut self, _: &[u8]) {}

    fn hole(&mut self, _: u64) {}

    fn end(&mut self, _: u64) {
        if let Some((told, size)) = self.current.take() {
            self.table.end(told, size);
        }
    }
}
