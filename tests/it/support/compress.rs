//! How a layer is packed. All of it gives the same bytes on every machine: no times, no names, pinned compressors.

use std::io::Write;

use flate2::{Compression, GzBuilder};

/// The forms that a layer's blob takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    /// Gzip in several members, as eStargz and `pigz -i` write it.
    GzipMembers,
    Zstd,
    /// Zstandard in several frames, a skippable one among them, as zstd:chunked writes it.
    ZstdFrames,
}

/// How long a member or frame is where there are several: odd on purpose, so that they end inside of tar blocks.
const PIECE: usize = 3001;

impl Packing {
    /// By its name in a recipe.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "gzip-members" => Self::GzipMembers,
            "zstd" => Self::Zstd,
            "zstd-frames" => Self::ZstdFrames,
            _ => return None,
        })
    }

    /// Packs.
    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => gzip(bytes),
            Self::GzipMembers => bytes.chunks(PIECE).flat_map(gzip).collect(),
            Self::Zstd => zstd::encode_all(bytes, 3).unwrap(),
            Self::ZstdFrames => {
                let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4].to_vec();
                let frames = bytes.chunks(PIECE).map(|piece| zstd::encode_all(piece, 3).unwrap());
                frames.flat_map(|frame| [frame, skippable.clone()]).flatten().collect()
            }
        }
    }

    /// The layer's media type in an OCI manifest.
    pub(crate) fn oci_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip | Self::GzipMembers => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd | Self::ZstdFrames => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// One gzip member without a time. zlib-rs picks matches the same way on every processor.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
