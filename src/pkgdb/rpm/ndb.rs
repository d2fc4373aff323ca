//! rpm's own form, `Packages.db`, as SUSE has it (rpm's `lib/backend/ndb/rpmpkg.c`): pages of slots that point at blobs.
//! Numbers are little-endian.

use super::{Each, u32_le};
use crate::pkgdb::PkgdbError;

const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8] = b"Slot";
const BLOB: &[u8] = b"BlbS";
const PAGE: usize = 4096;
const SLOT_SIZE: usize = 16;
/// Blobs begin at multiples of this, and have a head and a tail.
const BLOCK: usize = 16;
const HEAD: usize = 16;
/// The file's header takes the place of two slots.
const FILE_HEADER: usize = 32;

/// By its first bytes.
pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Gives every header that a slot points at.
pub(super) fn each(bytes: &[u8], each: Each<'_>) -> Result<(), PkgdbError> {
    let broken = |reason| PkgdbError::Broken { form: "rpm database in ndb form", reason };
    let pages = u32_le(bytes, 12).ok_or(broken("it is cut off"))? as usize;
    let slots = pages.checked_mul(PAGE).and_then(|end| bytes.get(FILE_HEADER..end));
    let slots = slots.ok_or(broken("it has fewer pages of slots than it says"))?;
    // Blobs don't overlap, so together they are no longer than the file.
    let mut left = bytes.len();
    for slot in slots.chunks_exact(SLOT_SIZE).filter(|slot| slot.starts_with(SLOT)) {
        let (number, block) = (u32_le(slot, 4), u32_le(slot, 8).unwrap_or(0) as usize);
        if number == Some(0) || block == 0 {
            continue;
        }
        let at = block.checked_mul(BLOCK).and_then(|at| bytes.get(at..));
        let at = at.filter(|blob| blob.starts_with(BLOB) && u32_le(blob, 4) == number);
        let at = at.ok_or(broken("a slot points at no blob"))?;
        let length = u32_le(at, 12).unwrap_or(0) as usize;
        left = left.checked_sub(length).ok_or(broken("its blobs are longer than it"))?;
        let blob = at.get(HEAD..).and_then(|blob| blob.get(..length)).ok_or(broken("a blob is cut off"))?;
        each(blob)?;
    }
    Ok(())
}
