//! How long a cold start takes: requests, download, inflate, unpack, create, run to ready.
//!
//! The model is the one of `fixtures/start` (239 pulls by three engines): layers share the link, so many at once as the
//! engine fetches; each is inflated and unpacked after the one below it; both go on at the same time where the engine
//! does it so. What it needs of a layer is its stored bytes, its tar's bytes and its entries. Pure: no clock, no I/O.

mod coefficients;
mod engine;
mod fit;
mod layer;
mod predict;
mod profile;
mod schedule;
#[cfg(test)]
mod tests;

pub use coefficients::{Coefficients, Trust};
pub use engine::Engine;
pub use fit::{Calibration, Sample, fit};
pub use layer::LayerCost;
pub use predict::{Prediction, Saving, Setting, Term, compare, predict};
pub use profile::{Profile, ProfileError, bandwidth, round_trip};
