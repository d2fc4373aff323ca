//! A package's header (rpm's manual, "RPM V4 Package format", "Header"): numbers in network order. Two counts, an index
//! of tags, and the data that the index points into.

use super::u32_be;
use crate::pkgdb::{Ecosystem, Package, PkgdbError};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const STRING: u32 = 6;
const INT32: u32 = 4;
/// Bytes of the two counts, and of an entry of the index.
const COUNTS: usize = 8;
const ENTRY: usize = 16;

/// Name and `[EPOCH:]VERSION-RELEASE`; `None` for a header without a name.
pub(super) fn package(blob: &[u8]) -> Result<Option<Package>, PkgdbError> {
    let broken = |reason| PkgdbError::Broken { form: "rpm header", reason };
    let count = u32_be(blob, 0).ok_or(broken("it is cut off"))? as usize;
    let index = blob.get(COUNTS..).and_then(|rest| rest.get(..count.checked_mul(ENTRY)?));
    let index = index.ok_or(broken("it has fewer tags than it says"))?;
    let data = &blob[COUNTS + index.len()..];
    let find = |tag, kind| {
        let entry =
            index.chunks_exact(ENTRY).find(|entry| (u32_be(entry, 0), u32_be(entry, 4)) == (Some(tag), Some(kind)))?;
        data.get(u32_be(entry, 8)? as usize..)
    };
    let text = |tag| {
        let bytes = find(tag, STRING)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    };
    let (Some(name), Some(version), Some(release)) = (text(NAME), text(VERSION), text(RELEASE)) else {
        return Ok(None);
    };
    let epoch =
        find(EPOCH, INT32).and_then(|bytes| u32_be(bytes, 0)).map(|epoch| format!("{epoch}:")).unwrap_or_default();
    Ok(Some(Package { ecosystem: Ecosystem::Rpm, name, version: format!("{epoch}{version}-{release}") }))
}
