//! From a few pulls of known images to what an engine costs on this machine.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::predict::Setting;
use super::{Coefficients, Engine, LayerCost, Profile, Trust, predict};

/// Factors that are tried: a machine is neither a hundred times as slow as that of the shipped numbers, nor as fast.
const FACTORS: (f64, f64) = (0.01, 100.0);
/// Halvings of that range: more than enough for a thousandth.
const STEPS: usize = 40;
/// Of fewer files nothing is learnt of what files cost.
const FEWEST_FILES: u64 = 2_000;
/// How often the factors are fitted in turn; each hardly moves the others.
const ROUNDS: usize = 16;

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

/// Scales the shipped numbers of an engine until they give what was measured: what grows with the bytes of the layers by
/// one factor, set by the largest image, what grows with their files by another, set by the image with the most files for
/// its bytes, and what every start costs by the smallest. Without a third image, files cost as bytes do. With few samples,
/// these factors foretell images that were not measured better than each coefficient fitted for itself. `None` without
/// samples.
pub fn fit(engine: Engine, samples: &[Sample], processors: f64) -> Option<Calibration> {
    let small = samples.iter().min_by_key(|sample| tar_bytes(sample))?;
    let large = samples.iter().max_by_key(|sample| tar_bytes(sample))?;
    let inside = tar_bytes(small).saturating_add(1)..tar_bytes(large);
    let between = samples.iter().filter(|sample| inside.contains(&tar_bytes(sample)));
    let many = between.max_by(|a, b| density(a).total_cmp(&density(b)));
    let many = many.filter(|many| density(many) > density(large) && entries(many) >= FEWEST_FILES);
    let shipped = Coefficients { processors, ..Coefficients::shipped(engine) };
    let (mut work, mut files, mut fixed) = (1.0, 1.0, 1.0);
    let costs = |work: f64, files: f64, fixed: f64| Coefficients {
        entries: shipped.entries * files,
        fixed: shipped.fixed * fixed,
        ..shipped.with_work(work)
    };
    for _ in 0..ROUNDS {
        work = solve(|work| pull(engine, costs(work, if many.is_some() { files } else { work }, fixed), large), large);
        files = many.map_or(work, |many| solve(|files| pull(engine, costs(work, files, fixed), many), many));
        fixed = solve(|fixed| pull(engine, costs(work, files, fixed), small), small);
    }
    let mut costs = costs(work, files, fixed);
    (costs.create, costs.create_tar) = line(small, large, |sample| sample.create);
    (costs.start, costs.start_tar) = line(small, large, |sample| sample.ready);
    let off = |sample: &Sample| (pull(engine, costs, sample) / sample.pull.max(f64::MIN_POSITIVE) - 1.0).abs();
    Some(Calibration { costs, residual: samples.iter().map(off).fold(0.0, f64::max) })
}

fn tar_bytes(sample: &Sample) -> u64 {
    sample.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.tar_bytes))
}

fn entries(sample: &Sample) -> u64 {
    sample.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.entries))
}

/// Entries for each byte of tar.
fn density(sample: &Sample) -> f64 {
    entries(sample) as f64 / tar_bytes(sample).max(1) as f64
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
