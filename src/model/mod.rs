//! The nouns of an image. Imports nothing of ours, and does no I/O.

mod bytes;
mod digest;
mod entry;
mod history;
mod image;
mod nearest;
mod path;
mod platform;
mod reference;

pub use bytes::{bytes, signed_bytes};
pub use digest::{ContentId, DiffId, Digest, DigestError};
pub use entry::{Entry, EntryId, EntryKind, Meta, Xattrs};
pub use history::instructions;
pub use image::{Config, Descriptor, Healthcheck, History, Image, Layer, Manifest, RootFs, RuntimeConfig, Unknown};
pub use nearest::nearest;
pub use path::{LayerPath, components, split_last};
pub use platform::{Platform, PlatformError};
pub use reference::{ArchiveFormat, ImageRef, ReferenceError, familiar, full_name, registry_name};
