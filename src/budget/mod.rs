//! What an image is held to: a budget's rules, read from the user's file or from a `.dive-ci`, and what comes of each.
//!
//! Pure: texts and trees in, outcomes out. A rule that can't be decided counts as broken.

mod amount;
mod baseline;
mod config;
mod contents;
mod dive;
mod document;
mod error;
mod fields;
mod init;
mod judge;
mod origin;
mod outcome;
mod rule;
mod scope;
mod settings;

pub use amount::{Amount, size};
pub use baseline::{Baseline, Grown, GrownFile, Growth};
pub use error::BudgetError;
pub use init::init;
pub use judge::{Facts, Judged, check};
pub use origin::Origin;
pub use outcome::{Evidence, Outcome, Verdict};
pub use rule::{Budget, DiveFigure, Figure, Grows, KINDS, Kind, Limit, Names, Rule, Severity};
