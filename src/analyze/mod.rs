//! What an image's layers and tree tell: pure functions, no I/O, nothing printed.
//!
//! Paths and strings are raw, as the image has them: escaping is the report's work. Lists are sorted, so that the
//! same image always gives the same answer. Maps that every file goes through have foldhash's hasher here and in `tree`:
//! seeded at random as the standard one is, since names come from strangers, and several times as fast.

mod area;
mod base;
pub mod compat;
pub mod diff;
mod distribution;
mod dive;
mod duplicate;
pub mod finding;
mod globs;
mod instruction;
mod packages;
mod share;
pub mod startup;
mod stat;
#[cfg(test)]
mod testing;
mod totals;
mod user;
mod waste;

use crate::model::Image;
use crate::tree::Tree;

pub use area::{Area, AreaKind, area};
pub use base::{Base, Claim, Confidence, Evidence, EvidenceKind, claims, layers_by_history, shared_layers};
pub use distribution::{Distribution, distribution};
pub use dive::{Dive, dive};
pub use duplicate::{Copy, DuplicateGroup, Duplicates, Spread, duplicates};
pub use globs::{GlobError, Globs};
pub use instruction::{instruction, layer_name};
pub use packages::{InstalledPackage, is_of_programs, packages};
pub use share::{Sharing, share};
pub use stat::{FileType, Stat};
pub use totals::{LayerTotals, Totals, layer_totals, totals};
pub use user::runs_as_root;
pub use waste::{FateTotal, LayerWaste, Waste, WastedFile, waste};

/// An image and its tree: what is analysed.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'i> {
    /// Its documents and layers.
    pub image: &'i Image,
    /// The union of its layers. Has as many layers as the image.
    pub tree: &'i Tree,
}
