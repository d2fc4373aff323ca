//! Content addresses: of blobs (`sha256:…`), of uncompressed layers, and of files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A digest as the OCI image-spec (descriptor.md, "Digests") writes it: `algorithm:hex`.
///
/// Only lower-case hex of the algorithm's own length is taken, so a digest is always safe as a file name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// `sha256:` and 64 hex digits.
    Sha256([u8; 32]),
    /// `sha512:` and 128 hex digits.
    Sha512([u8; 64]),
}

/// Why a string is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is missing, or none that is known.
    #[error("{text:?} is no digest that is supported: expected sha256:… or sha512:…")]
    Algorithm {
        /// What was given, cut to a readable length.
        text: String,
    },
    /// The part after the colon is not the right number of lower-case hex digits.
    #[error("{text:?} is no digest: expected {expected} lower-case hex digits after the colon")]
    Hex {
        /// What was given, cut to a readable length.
        text: String,
        /// How many digits the algorithm has.
        expected: usize,
    },
}

impl Digest {
    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The digits after the colon.
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(bytes) => to_hex(bytes),
            Self::Sha512(bytes) => to_hex(bytes),
        }
    }

    /// The first twelve digits, as people compare them.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let shown = || text.chars().take(100).collect::<String>();
        let bad_hex = |expected| DigestError::Hex { text: shown(), expected };
        match text.split_once(':') {
            Some(("sha256", hex)) => from_hex(hex).map(Self::Sha256).ok_or_else(|| bad_hex(64)),
            Some(("sha512", hex)) => from_hex(hex).map(Self::Sha512).ok_or_else(|| bad_hex(128)),
            _ => Err(DigestError::Algorithm { text: shown() }),
        }
    }
}

/// Its form for machines alone: bytes, not digits.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Digest")]
enum Packed {
    Sha256(#[serde(with = "serde_bytes")] [u8; 32]),
    Sha512(#[serde(with = "serde_bytes")] [u8; 64]),
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { Packed::serialize(self, serializer) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Packed::deserialize(deserializer);
        }
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The digest of a layer's uncompressed tar (OCI image-spec, config.md, "Layer DiffID").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What tells two files' contents apart.
///
/// Usually their BLAKE3 hash, which costs a fifth of a SHA-256. Tables of contents (eStargz, zstd:chunked) tell the
/// SHA-256 alone, and no hash can be made of another one: so where a layer of a scan has such a table, every layer of
/// that scan is hashed by SHA-256, whether its table could be used or not. Hashes of two kinds are never equal: what is
/// compared has to be of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContentId {
    /// BLAKE3.
    Blake3(#[serde(with = "serde_bytes")] [u8; 32]),
    /// SHA-256.
    Sha256(#[serde(with = "serde_bytes")] [u8; 32]),
}

impl ContentId {
    /// The hash alone.
    pub fn bytes(&self) -> &[u8; 32] {
        match self {
            Self::Blake3(hash) | Self::Sha256(hash) => hash,
        }
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blake3(hash) => write!(f, "blake3:{}", to_hex(hash)),
            Self::Sha256(hash) => write!(f, "sha256:{}", to_hex(hash)),
        }
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

fn from_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let hex = hex.as_bytes();
    if hex.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses() {
        for digest in [Digest::Sha256([0xa5; 32]), Digest::Sha512([0x0f; 64])] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }

    #[test]
    fn hostile_digests_are_refused() {
        let hex = "a".repeat(62);
        for text in [
            "",
            "sha256",
            "sha256:",
            "md5:00",
            "sha256:../../etc/passwd",
            &format!("sha256:{hex}.."),
            &format!("sha256:{hex}AA"),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
