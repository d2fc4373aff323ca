//! Berkeley DB's hash form, `Packages`, as rpm had it until 4.16 (Berkeley DB 5.3, `dbinc/db_page.h`). Numbers are
//! little-endian: no image of the other order has been seen.

use super::{Each, u16_le, u32_le};
use crate::pkgdb::PkgdbError;

const MAGIC: u32 = 0x0006_1561;
/// Bytes of a page's header, before the index of its items.
const HEADER: usize = 26;
/// Kinds of pages.
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
/// Kinds of items: the data itself, or the number of the overflow page where it begins, and its length.
const INLINE: u8 = 1;
const OFF_PAGE: u8 = 3;

struct Pages<'b> {
    bytes: &'b [u8],
    size: usize,
    /// Overflow pages that may still be read: each belongs to one value.
    left: usize,
}

fn broken(reason: &'static str) -> PkgdbError {
    PkgdbError::Broken { form: "rpm database in Berkeley DB form", reason }
}

/// Gives every value but the first, which is a counter.
pub(super) fn each(bytes: &[u8], each: Each<'_>) -> Result<(), PkgdbError> {
    if u32_le(bytes, 12) != Some(MAGIC) {
        return Err(broken("it has another magic number"));
    }
    let size = u32_le(bytes, 20).filter(|size| size.is_power_of_two() && (512..=65536).contains(size));
    let size = size.ok_or(broken("its pages have no size that there is"))? as usize;
    let mut pages = Pages { bytes, size, left: bytes.len() / size };
    for number in 1..bytes.len() / size {
        let page = &bytes[number * size..(number + 1) * size];
        if matches!(page[25], HASH | HASH_UNSORTED) {
            pages.values(page, each)?;
        }
    }
    Ok(())
}

impl Pages<'_> {
    /// The items of a page are keys and values in turn; they lie from its end to its beginning, each up to the one
    /// before it.
    fn values(&mut self, page: &[u8], each: Each<'_>) -> Result<(), PkgdbError> {
        let items = usize::from(u16_le(page, 20).unwrap_or(0));
        let place = |item: usize| u16_le(page, HEADER + 2 * item).map(usize::from);
        let mut above = page.len();
        for item in (1..items).step_by(2) {
            let (start, end) = place(item).zip(place(item - 1)).ok_or(broken("an item has no place"))?;
            let bytes = page.get(start..end).filter(|_| end <= above);
            let bytes = bytes.ok_or(broken("an item is outside of its page or within another"))?;
            above = start;
            match bytes.first() {
                // A counter of rpm's, or a header so short that it has no name.
                Some(&INLINE) if bytes.len() > 5 => each(&bytes[1..])?,
                Some(&OFF_PAGE) => each(&self.overflow(bytes)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn overflow(&mut self, item: &[u8]) -> Result<Vec<u8>, PkgdbError> {
        let (first, length) = (u32_le(item, 4), u32_le(item, 8));
        let (mut next, length) = first.zip(length).ok_or(broken("an item is cut off"))?;
        let mut value = Vec::new();
        while next != 0 {
            self.left = self.left.checked_sub(1).ok_or(broken("its pages go in circles"))?;
            let start = (next as usize).checked_mul(self.size).ok_or(broken("it lacks a page"))?;
            let page =
                self.bytes.get(start..).and_then(|rest| rest.get(..self.size)).ok_or(broken("it lacks a page"))?;
            let used = usize::from(u16_le(page, 22).unwrap_or(0));
            let data = page.get(HEADER..HEADER + used).filter(|_| page[25] == OVERFLOW);
            value.extend_from_slice(data.ok_or(broken("a page is not what it should be"))?);
            next = u32_le(page, 16).unwrap_or(0);
        }
        if value.len() == length as usize { Ok(value) } else { Err(broken("a value has another length than it says")) }
    }
}
