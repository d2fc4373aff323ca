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

use crate::analyze::finding::Finding;
use crate::analyze::{Base, Subject};

pub use amount::Amount;
pub use baseline::{Baseline, Grown, GrownFile, Growth};
pub use error::BudgetError;
pub use init::init;
pub use judge::{Facts, check};
pub use origin::Origin;
pub use outcome::{Evidence, Outcome, Verdict};
pub use rule::{Budget, DiveFigure, Figure, Grows, KINDS, Kind, Limit, Names, Rule, Severity};

/// The findings about what a budget counts; all, where it can't be told what that is.
pub fn findings(budget: &Budget, subject: Subject<'_>, base: Option<&Base>) -> Vec<Finding> {
    let scope = scope::Scope::of(subject, budget, base).unwrap_or_else(|_| scope::Scope::whole(subject));
    contents::in_scope(&scope)
}
