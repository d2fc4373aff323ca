//! What becomes of a regular file as later layers are stacked on it (design, section 2).

use serde::{Deserialize, Serialize};

use crate::model::{Entry, EntryKind};

/// The one thing that became of a regular file's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// One of its names is in the merged tree.
    Visible,
    /// A later entry at its path has other content.
    ContentReplaced,
    /// A later entry has the same content, other mode, owner or extended attributes.
    MetadataOnly,
    /// A later entry has the same content and the same metadata but for times.
    UnchangedCopy,
    /// A whiteout removed it or a parent.
    Deleted,
    /// An opaque directory hid it.
    Opaque,
    /// It, or a parent, was replaced by an entry of another type.
    TypeReplaced,
    /// A later entry of its own layer took its path.
    SameLayer,
}

impl Fate {
    /// Every fate that is waste, in the order of the design's table.
    pub const WASTE: [Fate; 7] = [
        Self::ContentReplaced,
        Self::MetadataOnly,
        Self::UnchangedCopy,
        Self::Deleted,
        Self::Opaque,
        Self::TypeReplaced,
        Self::SameLayer,
    ];

    /// Its name in JSON and tables: `content_replaced`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::ContentReplaced => "content_replaced",
            Self::MetadataOnly => "metadata_only",
            Self::UnchangedCopy => "unchanged_copy",
            Self::Deleted => "deleted",
            Self::Opaque => "opaque",
            Self::TypeReplaced => "type_replaced",
            Self::SameLayer => "same_layer",
        }
    }

    /// The fate of `old` when `new` takes its path in a later layer.
    pub(super) fn replaced(old: &Entry, new: &Entry) -> Self {
        let (EntryKind::File { content: was, .. }, EntryKind::File { content: is, .. }) = (&old.kind, &new.kind) else {
            return Self::TypeReplaced;
        };
        match (was == is, old.meta.same_but_times(&new.meta)) {
            (false, _) => Self::ContentReplaced,
            (true, false) => Self::MetadataOnly,
            (true, true) => Self::UnchangedCopy,
        }
    }
}

/// A fate, and the layer that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of the file.
    pub fate: Fate,
    /// The layer whose entry took its last name; 0 and without meaning for a visible one.
    pub by_layer: u32,
}

impl Outcome {
    pub(super) const VISIBLE: Self = Self { fate: Fate::Visible, by_layer: 0 };

    /// Whether the file is in the merged tree.
    pub fn is_visible(self) -> bool {
        self.fate == Fate::Visible
    }
}
