//! From a few pulls of known images to what an engine costs on this machine.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::predict::Setting;
use super::{Coefficients, Engine, LayerCost, Profile, Trust, predict};

/// Factors that are tried: a machine is neither a hundred times as slow as that of the shipped numbers, nor as fast.
const FACTORS: (f64, f64) = (0.01, 100.0);
/// Halvings of that range: more than enough for a thousandth.
const STEPS: usize = 40;
/// How often both factors are fitted in turn; each hardly moves the other.
const ROUNDS: usize = 8;

/// A start that was measured: medians over its runs. Seconds.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The image's layers.
    pub layers: Vec<LayerCost>,
    /// The link that it came over.
    pub profile: Profile,
    /// What the pull took.
    pub pull: f64,
    /// What the container's making took.
    pub create: f64,
    /// What its start took.
    pub ready: f64,
}

/// What was learnt of a machine, for one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The numbers.
    pub costs: Coefficients,
    /// The relative error that is left, at most, over the pulls that it was made of.
    pub residual: f64,
}

/// Scales the shipped numbers of an engine until they give what was measured: what grows with the layers by one factor,
/// set by the largest image, and what every start costs by the smallest. With few samples, two factors foretell images
/// that were not measured better than each coefficient fitted for itself. `None` without samples.
pub fn fit(engine: Engine, samples: &[Sample], processors: f64) -> Option<Calibration> {
    let size = |sample: &&Sample| sample.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.tar_bytes));
    let (small, large) = (samples.iter().min_by_key(size)?, samples.iter().max_by_key(size)?);
    let shipped = Coefficients { processors, ..Coefficients::shipped(engine) };
    let mut costs = shipped;
    for _ in 0..ROUNDS {
        let work =
            solve(|work| pull(engine, Coefficients { fixed: costs.fixed, ..shipped.with_work(work) }, large), large);
        costs = Coefficients { fixed: costs.fixed, ..shipped.with_work(work) };
        let fixed = solve(|factor| pull(engine, Coefficients { fixed: shipped.fixed * factor, ..costs }, small), small);
        costs.fixed = shipped.fixed * fixed;
    }
    (costs.create, costs.create_tar) = line(small, large, |sample| sample.create);
    (costs.start, costs.start_tar) = line(small, large, |sample| sample.ready);
    let off = |sample: &Sample| (pull(engine, costs, sample) / sample.pull.max(f64::MIN_POSITIVE) - 1.0).abs();
    Some(Calibration { costs, residual: samples.iter().map(off).fold(0.0, f64::max) })
}

/// What a pull takes with some numbers.
fn pull(engine: Engine, costs: Coefficients, sample: &Sample) -> f64 {
    let setting = Setting { profile: sample.profile.clone(), engine, costs, trust: Trust::Calibrated, app: 0.0 };
    predict(&sample.layers, &HashSet::new(), &setting).pull
}

/// The factor that gives what was measured; `pull` grows with it.
fn solve(pull: impl Fn(f64) -> f64, sample: &Sample) -> f64 {
    let (mut low, mut high) = FACTORS;
    for _ in 0..STEPS {
        let middle = (low * high).sqrt();
        let part = if pull(middle) < sample.pull { &mut low } else { &mut high };
        *part = middle;
    }
    (low * high).sqrt()
}

/// Seconds that every image takes, and those that a MB of tar adds; never less than nothing.
fn line(small: &Sample, large: &Sample, of: impl Fn(&Sample) -> f64) -> (f64, f64) {
    let size = |sample: &Sample| sample.layers.iter().map(|layer| super::layer::mb(layer.tar_bytes)).sum::<f64>();
    let (a, b) = (size(small), size(large));
    let slope = if b - a > 1.0 { ((of(large) - of(small)) / (b - a)).max(0.0) } else { 0.0 };
    ((of(small) - slope * a).max(0.0), slope)
}
