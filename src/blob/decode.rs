//! Decompression by what the bytes are, not by what the media type says.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::gzip;

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
}

/// Log₂ of the largest zstd window that is decoded: 128 MiB, as `zstd -d` has it.
const MAX_WINDOW: u32 = 27;

impl Compression {
    /// What the first bytes of a blob tell; a zstd stream may begin with a skippable frame.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The media type of a layer that is compressed so (OCI image-spec, layer.md).
    pub fn layer_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// The decoder; bytes that follow the compressed data are an error, as they are to the engines.
    pub(crate) fn decoder<'r>(self, blob: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::None => Box::new(blob),
            Self::Gzip => Box::new(gzip::Checked::new(blob)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(blob)?;
                decoder.window_log_max(MAX_WINDOW)?;
                Box::new(decoder)
            }
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
