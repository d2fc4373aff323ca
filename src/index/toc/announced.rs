//! What a layer's descriptor tells of its table of contents: the annotations of the two forms.

use super::entries::Table;
use super::{Parts, Tail, TocError, estargz, zstd_chunked};
use crate::blob::Claims;
use crate::model::{Descriptor, Digest};

/// eStargz (stargz-snapshotter, docs/estargz.md): the digest of the table, decompressed.
const STARGZ_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";
/// … and the length of the whole tar.
const STARGZ_TAR: &str = "io.containers.estargz.uncompressed-size";
/// zstd:chunked, of containers/storage, and of stargz-snapshotter.
const CHUNKED: [&str; 2] = ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."];
/// The digest of the table, compressed.
const CHUNKED_DIGEST: &str = "manifest-checksum";
/// Where it is: `OFFSET:LENGTH:DECOMPRESSED LENGTH:TYPE`.
const CHUNKED_TABLE: &str = "manifest-position";
/// Where the tar without its contents is: `OFFSET:LENGTH:DECOMPRESSED LENGTH`.
const CHUNKED_TAR: &str = "tarsplit-position";
/// The one type of table that there is.
const CRFS: u64 = 1;

/// That a layer has a table of contents, as its descriptor in the verified manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toc {
    /// The table's digest.
    pub digest: Digest,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    EStargz { tar_bytes: Option<u64> },
    ZstdChunked { table: Span, tar_split: Option<Span> },
}

/// Where something compressed is in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u64,
    pub(super) end: u64,
    /// Its length when decompressed.
    pub(super) length: u64,
}

impl Toc {
    /// What a descriptor tells; `None` of a layer without a table, or with one that can't be where it is said to be.
    pub fn of(layer: &Descriptor) -> Option<Self> {
        CHUNKED.iter().find_map(|prefix| chunked(layer, prefix)).or_else(|| stargz(layer))
    }

    /// Reads the table.
    pub(super) fn read(&self, claims: &Claims, parts: Parts<'_>, table: &mut Table) -> Result<Tail, TocError> {
        match &self.form {
            Form::EStargz { tar_bytes } => {
                let after_end = estargz::read(&self.digest, claims.size, parts, table)?;
                Ok(Tail { tar_bytes: *tar_bytes, after_end })
            }
            Form::ZstdChunked { table: span, tar_split } => {
                zstd_chunked::read(&self.digest, span, tar_split.as_ref(), parts, table)
            }
        }
    }
}

fn stargz(layer: &Descriptor) -> Option<Toc> {
    let digest = layer.annotations.get(STARGZ_DIGEST)?.parse().ok()?;
    let tar_bytes = layer.annotations.get(STARGZ_TAR).and_then(|length| length.parse().ok());
    Some(Toc { digest, form: Form::EStargz { tar_bytes } })
}

fn chunked(layer: &Descriptor, prefix: &str) -> Option<Toc> {
    let said = |key: &str| layer.annotations.get(&format!("{prefix}{key}"));
    let digest = said(CHUNKED_DIGEST)?.parse().ok()?;
    let (table, rest) = span(said(CHUNKED_TABLE)?, layer.size)?;
    if rest != [CRFS] {
        return None;
    }
    let tar_split = match said(CHUNKED_TAR) {
        Some(text) => Some(span(text, layer.size).filter(|(span, rest)| span.at >= table.end && rest.is_empty())?.0),
        None => None,
    };
    Some(Toc { digest, form: Form::ZstdChunked { table, tar_split } })
}

/// Three numbers, and what follows; inside of a blob of this size.
fn span(text: &str, size: u64) -> Option<(Span, Vec<u64>)> {
    let numbers = text.split(':').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let (&[at, compressed, length], rest) = numbers.split_first_chunk()?;
    let end = at.checked_add(compressed).filter(|end| *end <= size && *end > at)?;
    Some((Span { at, end, length }, rest.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn toc(annotations: &[(&str, &str)]) -> Option<Toc> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Toc::of(&Descriptor {
            media_type: String::new(),
            digest: HASH.parse().unwrap(),
            size: 1000,
            urls: Vec::new(),
            annotations: annotations.iter().map(own).collect(),
            platform: None,
        })
    }

    fn chunked(table: &str, tar: Option<&str>) -> Option<Form> {
        let prefix = CHUNKED[0];
        let (digest, at) = (format!("{prefix}{CHUNKED_DIGEST}"), format!("{prefix}{CHUNKED_TABLE}"));
        let split = format!("{prefix}{CHUNKED_TAR}");
        let mut all = vec![(&*digest, HASH), (&*at, table)];
        all.extend(tar.map(|tar| (&*split, tar)));
        toc(&all).map(|toc| toc.form)
    }

    #[test]
    fn tables_are_where_their_blob_is() {
        let table = Span { at: 800, end: 900, length: 5000 };
        assert_eq!(chunked("800:100:5000:1", None), Some(Form::ZstdChunked { table, tar_split: None }));
        let tar_split = Some(Span { at: 908, end: 950, length: 6 });
        assert_eq!(chunked("800:100:5000:1", Some("908:42:6")), Some(Form::ZstdChunked { table, tar_split }));
        for wrong in
            ["", "800:100:5000", "800:100:5000:2", "800:201:1:1", "18446744073709551615:2:1:1", "-1:2:1:1", "8:0:1:1"]
        {
            assert_eq!(chunked(wrong, None), None, "{wrong}");
        }
        assert_eq!(chunked("800:100:5000:1", Some("890:42:6")), None, "inside of the table");
    }

    #[test]
    fn what_has_no_annotation_has_no_table() {
        assert_eq!(toc(&[]), None);
        assert_eq!(toc(&[(STARGZ_DIGEST, "sha256:abc")]), None);
        let form = Form::EStargz { tar_bytes: Some(7) };
        assert_eq!(toc(&[(STARGZ_DIGEST, HASH), (STARGZ_TAR, "7")]), Some(Toc { digest: HASH.parse().unwrap(), form }));
    }
}
