//! What is wrong with a budget or a baseline, with the line and the nearest right name.

use crate::model::nearest;

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// A budget that can't be read.
    #[error("{place}:{line}: {reason}")]
    Config {
        /// The file.
        place: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A baseline that can't be read.
    #[error("{place} is no baseline: {reason}; give an image, or what `layerscope inspect --format json` wrote")]
    Baseline {
        /// The file.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// The line of a byte of a text, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// What was probably meant, as the end of a sentence; else all that there is.
pub(super) fn hint<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("there are {}", known.join(", ")),
    }
}
