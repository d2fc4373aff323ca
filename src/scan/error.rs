//! Why an image could not be scanned.

use super::room::{MOST_ENTRIES, MOST_KEPT};
use crate::index::IndexError;
use crate::model::{Digest, Platform};
use crate::source::SourceError;
use crate::tree::FollowError;

/// Why an image could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Its source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// One of its layers.
    #[error("{reference}: {source}")]
    Layer {
        /// The image.
        reference: String,
        /// What is wrong.
        source: IndexError,
    },
    /// A registry was asked for the name of a file or folder that is here.
    #[error("{source}; ./{path} is here, but is not taken for an image: {reason}")]
    Here {
        /// What the registry said.
        source: SourceError,
        /// The file or folder.
        path: String,
        /// What it would have to be, or how it is named.
        reason: String,
    },
    /// The registry can't be asked for what the cache has.
    #[error("{source}; the cache knows it: --offline takes it as it was when it was last asked for")]
    Known {
        /// What happened.
        source: SourceError,
    },
    /// The network may not be used, and what is known is for others.
    #[error("{reference} is in the cache for {known}, not for {wanted}, and --offline forbids to ask its registry")]
    OfflinePlatform {
        /// The image.
        reference: String,
        /// What was wanted.
        wanted: Platform,
        /// What there is.
        known: String,
    },
    /// The network may not be used.
    #[error("{reference} is not in the cache, and --offline forbids to ask its registry")]
    Offline {
        /// The image.
        reference: String,
    },
    /// Neither the network nor the cache may be used.
    #[error("{reference}: --offline forbids to ask its registry, and --no-cache to look into the cache")]
    Nowhere {
        /// The image.
        reference: String,
    },
    /// The network may not be used, and contents are not kept.
    #[error(
        "{reference}: the cache keeps what files there are, not what is in them, and --offline forbids to ask its registry"
    )]
    OfflineContents {
        /// The image.
        reference: String,
    },
    /// Many small layers fill the memory as well as a large one.
    #[error(
        "{reference}: with layer {digest} its layers have more than {MOST_ENTRIES} entries or {MOST_KEPT} bytes of package lists, scripts and settings together: refused, since their tables would fill the memory"
    )]
    Room {
        /// The image.
        reference: String,
        /// The layer that there is no more room for.
        digest: Digest,
    },
    /// A path of an image.
    #[error("{reference}: {source}")]
    Path {
        /// The image.
        reference: String,
        /// What is wrong.
        source: FollowError,
    },
    /// Not a regular file.
    #[error("{reference}: {path} is no regular file")]
    NotAFile {
        /// The image.
        reference: String,
        /// The path.
        path: String,
    },
}
