//! gzip (RFC 1952): inflated on one thread, while another adds up what its checksums are to be compared with.
//!
//! Inflating is the limit of a layer that is read alone, and a checksum of all that was inflated takes a twentieth of its
//! time. So the members' checksums are put together to the one that the whole tar must have, and whoever reads the tar
//! compares it.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use super::{Chunk, Stage};

/// What a member begins with: the format, and the one method that there is.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Flags of a member's header.
mod flag {
    pub(super) const HEADER_SUM: u8 = 1 << 1;
    pub(super) const EXTRA: u8 = 1 << 2;
    pub(super) const NAME: u8 = 1 << 3;
    pub(super) const COMMENT: u8 = 1 << 4;
    pub(super) const RESERVED: u8 = 0b1110_0000;
}

/// Inflates any number of members. Of what it gives nothing is known to be right before [`Gzip::check`].
pub(super) struct Gzip<R> {
    blob: R,
    inflate: Decompress,
    /// Whether a member has begun that has not ended.
    within: bool,
    /// What the members' trailers say of all that was inflated: one sum for all of them, so that a blob of millions of
    /// members takes no room. Against who means harm stands the digest.
    told: Hasher,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(blob: R) -> Self {
        Self { blob, inflate: Decompress::new(false), within: false, told: Hasher::new() }
    }

    /// Compares the checksum of all that was inflated with what the members say.
    pub(super) fn check(&self, sum: &Sum) -> io::Result<()> {
        match sum.0.clone().finalize() == self.told.clone().finalize() {
            true => Ok(()),
            false => Err(broken(WRONG_SUM)),
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let mut header = Header { blob: &mut self.blob, sum: Hasher::new() };
        if header.take()? != MAGIC {
            return Err(broken("what should be a gzip header is none"));
        }
        // The time, the level and the system follow, of no interest here.
        let [flags, ..] = header.take::<7>()?;
        if flags & flag::RESERVED != 0 {
            return Err(broken("its gzip header has flags that mean nothing"));
        }
        if flags & flag::EXTRA != 0 {
            for _ in 0..u16::from_le_bytes(header.take()?) {
                header.take::<1>()?;
            }
        }
        for text in [flag::NAME, flag::COMMENT] {
            while flags & text != 0 && header.take()? != [0] {}
        }
        if flags & flag::HEADER_SUM != 0 {
            let [low, high, ..] = header.sum.clone().finalize().to_le_bytes();
            if header.take()? != [low, high] {
                return Err(broken("the checksum of its header is wrong"));
            }
        }
        self.within = true;
        Ok(())
    }

    /// Ends a member.
    fn trailer(&mut self) -> io::Result<()> {
        let (sum, len) = (u32::from_le_bytes(take(&mut self.blob)?), u32::from_le_bytes(take(&mut self.blob)?));
        let inflated = self.inflate.total_out();
        // Told is the length modulo 2³².
        if u64::from(len) != inflated & u64::from(u32::MAX) {
            return Err(broken("its length is not what it says"));
        }
        // Of nothing, a sum changes nothing: it would not be found out.
        if inflated == 0 && sum != 0 {
            return Err(broken(WRONG_SUM));
        }
        self.told.combine(&Hasher::new_with_initial_len(sum, inflated));
        self.inflate.reset(false);
        self.within = false;
        Ok(())
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let packed = self.blob.fill_buf()?;
            let at_end = packed.is_empty();
            if !self.within {
                if at_end {
                    return Ok(0);
                }
                self.header()?;
                continue;
            }
            let (took, gave) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(packed, into, FlushDecompress::None);
            let (took, gave) = (self.inflate.total_in() - took, self.inflate.total_out() - gave);
            // Neither is more than the slices hold.
            self.blob.consume(took as usize);
            match status {
                Ok(Status::StreamEnd) => self.trailer()?,
                Ok(Status::Ok | Status::BufError) if gave == 0 && at_end => return Err(cut_off()),
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => return Err(broken("its bits make no sense")),
            }
            if gave > 0 {
                return Ok(gave as usize);
            }
        }
    }
}

/// Reads a member's header, and adds it up.
struct Header<'r, R> {
    blob: &'r mut R,
    sum: Hasher,
}

impl<R: Read> Header<'_, R> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let bytes = take(self.blob)?;
        self.sum.update(&bytes);
        Ok(bytes)
    }
}

/// The next bytes.
fn take<const N: usize>(blob: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let cut = |error: io::Error| if error.kind() == io::ErrorKind::UnexpectedEof { cut_off() } else { error };
    blob.read_exact(&mut bytes).map_err(cut)?;
    Ok(bytes)
}

const WRONG_SUM: &str = "its checksum is wrong";

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off")
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The checksum of all that was inflated.
#[derive(Default)]
pub(super) struct Sum(Hasher);

impl Stage for Sum {
    fn feed(&mut self, chunk: &Arc<Chunk>) {
        self.0.update(chunk.bytes());
    }
}

/// Inflates, and compares the checksums at the end, all on one thread.
pub(super) struct Checked<R> {
    gzip: Gzip<R>,
    sum: Sum,
}

impl<R: BufRead> Checked<R> {
    pub(super) fn new(blob: R) -> Self {
        Self { gzip: Gzip::new(blob), sum: Sum::default() }
    }
}

impl<R: BufRead> Read for Checked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let gave = self.gzip.read(into)?;
        self.sum.0.update(&into[..gave]);
        if gave == 0 && !into.is_empty() {
            self.gzip.check(&self.sum)?;
        }
        Ok(gave)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, GzBuilder};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn unpack(blob: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Checked::new(io::BufReader::with_capacity(piece, blob)).read_to_end(&mut out).map(|_| out)
    }

    /// A member with all that a header may have.
    fn member(content: &[u8], flags: u8) -> Vec<u8> {
        let mut builder = GzBuilder::new();
        for (bit, text) in [(1, "name"), (2, "comment"), (4, "extra")] {
            builder = match flags & bit {
                0 => builder,
                1 => builder.filename(text),
                2 => builder.comment(text),
                _ => builder.extra(text),
            };
        }
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    proptest! {
        #[test]
        fn members_are_inflated_one_after_the_other(
            members in vec((vec(any::<u8>(), 0..400), 0_u8..8), 1..6), piece in 1_usize..200,
        ) {
            let blob = members.iter().flat_map(|(content, flags)| member(content, *flags)).collect::<Vec<_>>();
            let whole = members.into_iter().flat_map(|(content, _)| content).collect::<Vec<_>>();
            prop_assert_eq!(unpack(&blob, piece).unwrap(), whole);
        }

        /// No other bits in a trailer, and no end before its own.
        #[test]
        fn a_blob_that_is_changed_or_cut_is_refused(
            contents in vec(vec(any::<u8>(), 0..40), 1..4), which in any::<prop::sample::Index>(), bit in 0_usize..64,
        ) {
            let members = contents.iter().map(|content| member(content, 0)).collect::<Vec<_>>();
            let at = which.index(members.len());
            let end = members[..=at].iter().map(Vec::len).sum::<usize>();
            let blob = members.concat();
            let mut changed = blob.clone();
            changed[end - 8 + bit / 8] ^= 1 << (bit % 8);
            prop_assert!(unpack(&changed, 64).is_err());
            prop_assert!(unpack(&blob[..blob.len() - 1 - bit % 18], 64).is_err());
        }
    }

    #[test]
    fn the_header_has_a_checksum_of_its_own() {
        let plain = member(b"x", 0);
        let head = [&plain[..3], &[flag::HEADER_SUM], &plain[4..10]].concat();
        let sum = crc32fast::hash(&head).to_le_bytes();
        let with = |sum: [u8; 2]| [&head[..], &sum, &plain[10..]].concat();
        assert_eq!(unpack(&with([sum[0], sum[1]]), 64).unwrap(), b"x");
        assert_eq!(
            unpack(&with([sum[0], !sum[1]]), 64).unwrap_err().to_string(),
            "the checksum of its header is wrong"
        );
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        let mut blob = member(b"x", 0);
        blob[3] = 0x80;
        let said = unpack(&blob, 64).unwrap_err().to_string();
        assert_eq!(said, "its gzip header has flags that mean nothing");
    }
}
