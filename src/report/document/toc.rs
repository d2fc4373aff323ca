//! What is not told of layers that were indexed from their tables of contents: the same fields in every document.

use schemars::JsonSchema;
use serde::Serialize;

use crate::index::Note;
use crate::tree::Tree;

/// Files that were not read.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct UnreadDocument {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

fn notes<'t>(trees: &'t [&Tree]) -> impl Iterator<Item = &'t Note> {
    trees.iter().flat_map(|tree| tree.layers()).flat_map(|table| &table.notes)
}

/// Programs that were not read; `None` where all were.
pub(super) fn programs_unread(trees: &[&Tree]) -> Option<UnreadDocument> {
    let unread = notes(trees).filter_map(|note| match note {
        Note::ProgramsUnread { files, bytes } => Some((files, bytes)),
        _ => None,
    });
    unread.fold(None, |sum, (files, bytes)| {
        let sum: UnreadDocument = sum.unwrap_or_default();
        Some(UnreadDocument { files: sum.files + files, bytes: sum.bytes.saturating_add(*bytes) })
    })
}

/// True where the length of some layer's tar is an estimate, else nothing.
pub(super) fn tar_bytes_estimated(trees: &[&Tree]) -> Option<bool> {
    notes(trees).any(|note| *note == Note::TarLengthEstimated).then_some(true)
}
