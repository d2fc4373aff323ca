//! Lists of names, and of hashes of names, in little room.

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names in order, each ended by a NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names(#[serde(with = "serde_bytes")] Box<[u8]>);

impl Names {
    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split_inclusive(|&byte| byte == 0).map(|name| name.strip_suffix(b"\0").unwrap_or(name))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name is among them.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.iter().any(|other| other == name)
    }

    pub(super) fn size(&self) -> usize {
        self.0.len()
    }
}

impl<'n> FromIterator<&'n [u8]> for Names {
    /// A name ends at its first NUL.
    fn from_iter<I: IntoIterator<Item = &'n [u8]>>(names: I) -> Self {
        let mut joined = Vec::new();
        for name in names {
            joined.extend(name.iter().take_while(|byte| **byte != 0));
            joined.push(0);
        }
        Self(joined.into())
    }
}

/// The hash of a symbol's name: 64 bits of FNV-1a, taken eight bytes at a time. The names of an image are a few
/// millions, so that two of them meet once in a million images.
pub fn hash(name: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    let (words, rest) = name.as_chunks::<8>();
    let mix = |sum: u64, word: u64| {
        let sum = (sum ^ word).wrapping_mul(PRIME);
        (sum ^ sum >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let sum = words.iter().fold(BASIS, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(1_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let sum = mix(sum, last);
    sum ^ sum >> 29
}

/// A set of hashes of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes(Box<[u64]>);

impl Hashes {
    /// Whether a name with this [`hash`] is in it.
    pub fn contains(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        8 * self.0.len()
    }
}

impl FromIterator<u64> for Hashes {
    fn from_iter<I: IntoIterator<Item = u64>>(hashes: I) -> Self {
        let mut sorted: Vec<u64> = hashes.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self(sorted.into())
    }
}

/// Written as bytes, eight for each: numbers that are evenly spread gain nothing from a form of variable length.
impl Serialize for Hashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Hashes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("hashes of eight bytes each")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Hashes, E> {
                let (hashes, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
            }
        }
        let hashes = deserializer.deserialize_bytes(Bytes)?;
        if hashes.0.is_sorted() { Ok(hashes) } else { Err(D::Error::custom("hashes out of order")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hashes_come_back_from_the_cache() {
        let names: Names = [&b"printf"[..], b"", b"malloc\0junk"].into_iter().collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"printf"[..], b"", b"malloc"]);
        let hashes: Hashes = names.iter().map(hash).collect();
        let bytes = postcard::to_stdvec(&(&names, &hashes)).unwrap();
        assert_eq!(postcard::from_bytes::<(Names, Hashes)>(&bytes).unwrap(), (names, hashes.clone()));
        assert!(hashes.contains(hash(b"malloc")) && !hashes.contains(hash(b"calloc")) && hashes.len() == 3);
        assert!(Names::default().iter().next().is_none());
    }

    #[test]
    fn no_two_of_many_similar_names_share_a_hash() {
        let names = (0..20_000).flat_map(|n| [format!("_ZN{n}E"), format!("{n}"), format!("PyInit_{n}_x\u{1}")]);
        let hashes: Hashes = names.map(|name| hash(name.as_bytes())).collect();
        assert_eq!(hashes.len(), 60_000);
        assert_ne!(hash(b"\0"), hash(b""));
    }
}
