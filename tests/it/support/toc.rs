//! Packs layers as eStargz and zstd:chunked, with their tables of contents, after stargz-snapshotter's docs/estargz.md
//! and containers/storage's pkg/chunked. No writer of eStargz is to be had as a program; skopeo writes zstd:chunked, which
//! other tests take, but not the broken ones that are wanted here.

use std::io::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::compress::{Packing, gzip};
use super::image::LayerSpec;
use super::sha256;
use super::tar_writer::{Header, Tar};

/// Files are cut into pieces of this length.
const CHUNK: usize = 256 << 10;
const CHUNKED: &str = "io.github.containers.zstd-chunked.";
const STARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";

pub(crate) type Edit<'a, T> = &'a dyn Fn(&mut T);

/// What a test changes before it is written.
#[derive(Default)]
pub(crate) struct Change<'a> {
    /// Of the table's JSON.
    pub(crate) table: Option<Edit<'a, Value>>,
    /// Of zstd:chunked's tar without contents.
    pub(crate) tar_split: Option<Edit<'a, Vec<Value>>>,
    /// zstd:chunked without its tar.
    pub(crate) no_tar_split: bool,
}

/// An entry of a tar, and all that stands before its data.
struct Piece<'t> {
    head: &'t [u8],
    data: &'t [u8],
    entry: Map<String, Value>,
}

/// The tar in pieces, and what is behind the last.
fn pieces(tar: &[u8]) -> (Vec<Piece<'_>>, &[u8]) {
    let (mut pieces, mut done) = (Vec::new(), 0);
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let at = entry.raw_file_position() as usize;
        let header = entry.header().clone();
        let kind = match header.entry_type().as_byte() {
            b'1' => "hardlink",
            b'2' => "symlink",
            b'3' => "char",
            b'4' => "block",
            b'5' => "dir",
            b'6' => "fifo",
            _ => "reg",
        };
        let data = if kind == "reg" { &tar[at..at + entry.size() as usize] } else { &[] };
        let mut told = json!({
            "type": kind,
            "name": String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
            "mode": header.mode().unwrap(),
            "size": data.len(),
            "uid": header.uid().unwrap(),
            "gid": header.gid().unwrap(),
            "modtime": httpdate_to_3339(header.mtime().unwrap()),
            "devMajor": header.device_major().unwrap().unwrap_or(0),
            "devMinor": header.device_minor().unwrap().unwrap_or(0),
        });
        if let Some(link) = entry.link_name_bytes().filter(|_| matches!(kind, "hardlink" | "symlink")) {
            told["linkName"] = json!(String::from_utf8(link.into_owned()).unwrap());
        }
        for record in entry.pax_extensions().unwrap().into_iter().flatten().flatten() {
            if let Some(name) = record.key().unwrap().strip_prefix("SCHILY.xattr.") {
                told["xattrs"][name] = json!(BASE64_STANDARD.encode(record.value_bytes()));
            }
        }
        if !data.is_empty() {
            told["digest"] = json!(sha256(data));
        }
        let Value::Object(told) = told else { unreachable!() };
        pieces.push(Piece { head: &tar[done..at], data, entry: told });
        done = at + data.len();
    }
    (pieces, &tar[done..])
}

/// Seconds since 1970 as RFC 3339 writes them, by way of the other form of the same date.
fn httpdate_to_3339(seconds: u64) -> String {
    let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let text = httpdate::fmt_http_date(date);
    let words: Vec<&str> = text.split(' ').collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|month| *month == words[2]).unwrap() + 1;
    format!("{}-{month:02}-{}T{}Z", words[3], words[1], words[4])
}

/// An entry for each piece of a file's data, the first with all that is told of the file.
fn chunks(entry: &Map<String, Value>, data: &[u8], mut place: impl FnMut(&[u8]) -> usize) -> Vec<Value> {
    let pieces: Vec<&[u8]> = data.chunks(CHUNK).collect();
    let mut entries = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let mut told = if i == 0 { entry.clone() } else { Map::new() };
        if i > 0 {
            told.insert("type".into(), json!("chunk"));
            told.insert("name".into(), entry["name"].clone());
            told.insert("chunkOffset".into(), json!(i * CHUNK));
        }
        if pieces.len() > 1 {
            told.insert("chunkSize".into(), json!(piece.len()));
        }
        told.insert("chunkDigest".into(), json!(sha256(piece)));
        told.insert("offset".into(), json!(place(piece)));
        entries.push(Value::Object(told));
    }
    if entries.is_empty() { vec![Value::Object(entry.clone())] } else { entries }
}

/// The tar as an eStargz layer. Its tar is another, since the table is in it.
pub(crate) fn estargz(tar: &[u8], change: &Change<'_>) -> LayerSpec {
    let (pieces, _) = pieces(tar);
    let (mut blob, mut open, mut whole, mut entries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Piece { head, data, entry } in &pieces {
        whole.extend_from_slice(head);
        whole.extend_from_slice(data);
        open.extend_from_slice(head);
        entries.extend(chunks(entry, data, |piece| {
            blob.extend(gzip(&std::mem::take(&mut open)));
            open = piece.to_vec();
            blob.len()
        }));
    }
    let padding = whole.len().next_multiple_of(512) - whole.len();
    whole.resize(whole.len() + padding, 0);
    open.resize(open.len() + padding, 0);
    blob.extend(gzip(&open));
    let mut table = json!({ "version": 1, "entries": entries });
    change.table.iter().for_each(|change| change(&mut table));
    let json = serde_json::to_vec_pretty(&table).unwrap();
    let header = Header { mode: 0, mtime: 0, ..Header::file("stargz.index.json") };
    let end = Tar::new().entry(&header, &json).finish();
    let at = blob.len();
    blob.extend(gzip(&end));
    blob.extend(footer(at));
    whole.extend(end);
    let mut layer = LayerSpec::of_blob(blob, whole);
    layer.annotations.insert(STARGZ.into(), json!(sha256(&json)));
    let length = layer.tar.len().to_string();
    layer.annotations.insert("io.containers.estargz.uncompressed-size".into(), json!(length));
    layer
}

fn footer(at: usize) -> Vec<u8> {
    let extra = [b"SG\x16\0", format!("{at:016x}STARGZ").as_bytes()].concat();
    let builder = flate2::GzBuilder::new().extra(extra);
    let mut encoder: GzEncoder<Vec<u8>> = builder.write(Vec::new(), Compression::none());
    encoder.flush().unwrap();
    let header = encoder.get_ref()[..38].to_vec();
    [&header[..], b"\x01\0\0\xff\xff", &[0; 8]].concat()
}

/// The tar as a zstd:chunked layer.
pub(crate) fn zstd_chunked(tar: &[u8], change: &Change<'_>) -> LayerSpec {
    let pack = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let (pieces, rest) = pieces(tar);
    let (mut blob, mut open, mut entries, mut split) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Piece { head, data, entry } in &pieces {
        open.extend_from_slice(head);
        split.push(json!({ "type": 2, "payload": BASE64_STANDARD.encode(head), "position": split.len() }));
        let (name, size) = (&entry["name"], data.len());
        split.push(json!({ "type": 1, "name": name, "size": size, "payload": null, "position": split.len() }));
        let mut told = chunks(entry, data, |piece| {
            blob.extend(if open.is_empty() { Vec::new() } else { pack(&std::mem::take(&mut open)) });
            let at = blob.len();
            blob.extend(pack(piece));
            at
        });
        if !data.is_empty() {
            told[0]["endOffset"] = json!(blob.len());
        }
        entries.extend(told);
    }
    open.extend_from_slice(rest);
    split.push(json!({ "type": 2, "payload": BASE64_STANDARD.encode(rest), "position": split.len() }));
    blob.extend(pack(&open));
    change.tar_split.iter().for_each(|change| change(&mut split));
    let lines: String = split.iter().map(|line| format!("{line}\n")).collect();
    let split = pack(lines.as_bytes());
    let mut table = json!({ "version": 1, "entries": entries });
    if !change.no_tar_split {
        table["tarSplitDigest"] = json!(sha256(&split));
    }
    change.table.iter().for_each(|change| change(&mut table));
    let json = serde_json::to_vec(&table).unwrap();
    let packed = pack(&json);
    let at = skippable(&mut blob, &packed);
    let mut layer = LayerSpec { packing: Packing::Zstd, ..LayerSpec::new(tar.to_vec()) };
    layer.annotations.insert(format!("{CHUNKED}manifest-checksum"), json!(sha256(&packed)));
    let position = format!("{at}:{}:{}:1", packed.len(), json.len());
    layer.annotations.insert(format!("{CHUNKED}manifest-position"), json!(position));
    if !change.no_tar_split {
        let at = skippable(&mut blob, &split);
        let position = format!("{at}:{}:{}", split.len(), lines.len());
        layer.annotations.insert(format!("{CHUNKED}tarsplit-position"), json!(position));
    }
    skippable(&mut blob, &[0; 64]);
    layer.blob = Some(blob);
    layer
}

/// Adds a frame that decoders pass over; where its contents begin.
fn skippable(blob: &mut Vec<u8>, bytes: &[u8]) -> usize {
    blob.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18]);
    blob.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    blob.extend_from_slice(bytes);
    blob.len() - bytes.len()
}
