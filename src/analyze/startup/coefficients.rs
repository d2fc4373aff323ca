//! The numbers of the model, one row an engine. Everything that a machine decides is in here.

use serde::{Deserialize, Serialize};

use super::Engine;

/// What an engine costs on a machine. Seconds; MB are 10⁶ bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// Before the first layer: the program's own start, the manifest, the config.
    pub fixed: f64,
    /// Round trips before the first layer.
    pub trips: f64,
    /// Round trips before each layer's first byte.
    pub blob_trips: f64,
    /// A layer's fixed part of unpacking.
    pub layer: f64,
    /// Unpacking, for a second of inflating ([`super::LayerCost::inflate_seconds`]).
    pub inflate: f64,
    /// … for a MB of tar: writing.
    pub tar: f64,
    /// … for 1000 entries: names.
    pub entries: f64,
    /// While downloading, for a second of inflating.
    pub fetch_inflate: f64,
    /// … for a MB stored: receiving, hashing, saving.
    pub fetch: f64,
    /// Making a container.
    pub create: f64,
    /// … for a MB of tar that was just unpacked.
    pub create_tar: f64,
    /// Starting it until its process runs.
    pub start: f64,
    /// … for a MB of tar: pages that are not in memory yet.
    pub start_tar: f64,
    /// Processors that the engine has.
    pub processors: f64,
}

/// Where coefficients come from, which decides how far a prediction may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// They ship with the program: measured on another machine.
    Shipped,
    /// They were measured on this machine.
    Calibrated,
}

/// Fitted on all 239 pulls of `fixtures/start/measurements.jsonl` (two cores, ext4, plain HTTP; podman 4.3, Docker
/// 20.10 with overlay2, `ctr` 1.6), with the inflate time that [`super::LayerCost`] derives. `create` and `start` are
/// least squares over the same runs. `nerdctl` is taken to be `ctr`.
const PODMAN: Coefficients = Coefficients {
    fixed: 0.0436,
    trips: 7.75,
    blob_trips: 3.19,
    layer: 0.0336,
    inflate: 1.151,
    tar: 0.0028,
    entries: 0.0441,
    fetch_inflate: 1.0,
    fetch: 0.0033,
    create: 0.0394,
    create_tar: 0.00001,
    start: 0.0958,
    start_tar: 0.00004,
    processors: 2.0,
};
const DOCKER: Coefficients = Coefficients {
    fixed: 0.0573,
    trips: 8.37,
    blob_trips: 2.41,
    layer: 0.0506,
    inflate: 0.706,
    tar: 0.0050,
    entries: 0.0500,
    fetch_inflate: 0.0,
    fetch: 0.0052,
    create: 0.0583,
    create_tar: 0.00062,
    start: 0.1988,
    start_tar: 0.00003,
    processors: 2.0,
};
const CTR: Coefficients = Coefficients {
    fixed: 0.1085,
    trips: 3.72,
    blob_trips: 0.41,
    layer: 0.0138,
    inflate: 0.571,
    tar: 0.0042,
    entries: 0.0462,
    fetch_inflate: 0.0,
    fetch: 0.0093,
    create: 0.0235,
    create_tar: 0.00001,
    start: 0.0692,
    start_tar: 0.00003,
    processors: 2.0,
};

impl Coefficients {
    /// What ships for an engine.
    pub fn shipped(engine: Engine) -> Self {
        match engine {
            Engine::Podman => PODMAN,
            Engine::Docker => DOCKER,
            Engine::Containerd | Engine::Nerdctl => CTR,
        }
    }

    /// With everything that grows with the layers made `work` times as slow.
    #[must_use]
    pub fn with_work(mut self, work: f64) -> Self {
        let growing = [
            &mut self.layer,
            &mut self.inflate,
            &mut self.tar,
            &mut self.entries,
            &mut self.fetch_inflate,
            &mut self.fetch,
        ];
        growing.into_iter().for_each(|cost| *cost *= work);
        self
    }
}
