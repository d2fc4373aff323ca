//! What a start is made of, in seconds, and how far off it may be.

use std::collections::HashSet;

use super::layer::mb;
use super::schedule::{Work, play};
use super::{Coefficients, Engine, LayerCost, Profile, Trust};
use crate::model::Digest;

/// How far off a term may be, as a part of it: what the machine does (on the machine that was measured, and on any
/// other), what the link does, how many round trips there are, and what guessed layers add.
const OF_CALIBRATED: f64 = 0.15;
const OF_SHIPPED: f64 = 0.5;
const OF_LINK: f64 = 0.05;
const OF_TRIPS: f64 = 0.3;
const OF_GUESSED: f64 = 0.25;
/// Two runs of one image differ by this much all the same: a part of the longer, and seconds.
const OF_RUNS: f64 = 0.05;
const BETWEEN_RUNS: f64 = 0.03;
/// Requests before the layers: manifest and config.
const DOCUMENTS: u64 = 2;

/// Where something is started.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The link to the registry, and the disk.
    pub profile: Profile,
    /// What pulls and runs.
    pub engine: Engine,
    /// What that costs here.
    pub costs: Coefficients,
    /// Where those numbers are from.
    pub trust: Trust,
    /// Seconds from the application's first instruction until it is ready; 0 where nobody knows.
    pub app: f64,
}

impl Setting {
    /// With the numbers that ship, and nothing known of the application.
    pub fn shipped(engine: Engine, profile: Profile) -> Self {
        Self { profile, engine, costs: Coefficients::shipped(engine), trust: Trust::Shipped, app: 0.0 }
    }
}

/// A part of a start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// `requests`, `download`, `unpack`, `create`, `start`, `application`.
    pub name: &'static str,
    /// Seconds.
    pub seconds: f64,
    /// By how many seconds it may be off.
    pub error: f64,
}

/// A cold start, foretold. Seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Requests to the registry, without those for tokens.
    pub requests: u64,
    /// Round trips, those that go on side by side counted each.
    pub round_trips: f64,
    /// Bytes of layers to download.
    pub bytes: u64,
    /// From the first request to the last byte, without what comes before the first layer.
    pub download: f64,
    /// From the last byte to the last file: what unpacking takes longer than the download.
    pub unpack: f64,
    /// The whole pull.
    pub pull: f64,
    /// Making the container.
    pub create: f64,
    /// From its start until it is ready.
    pub ready: f64,
    /// Pull, create and ready: the cold start.
    pub total: f64,
    /// Create and ready, with everything pulled long ago: the warm start.
    pub warm: f64,
    /// The total is hardly less than this …
    pub low: f64,
    /// … or more than this.
    pub high: f64,
    /// What it is made of.
    pub terms: Vec<Term>,
    /// Whether layers were guessed from their stored size.
    pub estimated: bool,
    parts: Parts,
}

/// Seconds by what they depend on: their errors are shared by all that is predicted alike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Parts {
    machine: f64,
    link: f64,
    trips: f64,
    /// Relative error of the machine's part.
    of_machine: f64,
}

impl Parts {
    fn error(&self) -> f64 {
        norm([self.of_machine * self.machine, OF_LINK * self.link, OF_TRIPS * self.trips])
    }
}

/// Foretells a cold start on a host that has the layers of `have`.
pub fn predict(layers: &[LayerCost], have: &HashSet<Digest>, setting: &Setting) -> Prediction {
    let Setting { profile, costs, .. } = setting;
    let mut seen = have.clone();
    let missing: Vec<&LayerCost> = layers.iter().filter(|layer| !have.contains(&layer.digest)).collect();
    let mut again = Vec::new();
    missing.iter().for_each(|layer| again.push(!seen.insert(layer.digest)));
    let work: Vec<Work> =
        missing.iter().zip(&again).map(|(layer, again)| Work::of(layer, *again, costs, profile.disk)).collect();
    let fetched = again.iter().filter(|again| !**again).count() as u64;
    let fetched_layers = missing.iter().zip(&again).filter(|(_, again)| !**again);
    let bytes = fetched_layers.fold(0, |sum: u64, (layer, _)| sum.saturating_add(layer.stored_bytes));
    let timeline = play(&work, setting.engine, costs, profile);
    let begin = costs.fixed + costs.trips * profile.rtt;
    let tar = missing.iter().map(|layer| mb(layer.tar_bytes)).sum::<f64>();
    let estimated = missing.iter().any(|layer| layer.estimated);
    let times = Times {
        begin,
        download: timeline.downloaded - begin,
        unpack: timeline.pulled - timeline.downloaded,
        create: costs.create + costs.create_tar * tar,
        start: costs.start + costs.start_tar * tar,
    };
    let round_trips = costs.trips + costs.blob_trips * fetched as f64;
    Prediction { requests: DOCUMENTS + fetched, round_trips, bytes, ..times.told(setting, bytes, fetched, estimated) }
}

/// The parts in order. Seconds.
struct Times {
    begin: f64,
    download: f64,
    unpack: f64,
    create: f64,
    start: f64,
}

impl Times {
    fn told(&self, setting: &Setting, bytes: u64, fetched: u64, estimated: bool) -> Prediction {
        let Setting { profile, engine, costs, trust, app } = setting;
        let of_trust = if *trust == Trust::Calibrated { OF_CALIBRATED } else { OF_SHIPPED };
        let of_machine = norm([of_trust, if estimated { OF_GUESSED } else { 0.0 }]);
        // Waits of layers that come side by side pass once.
        let waves = fetched.div_ceil(engine.at_once() as u64) as f64;
        let waits = (costs.blob_trips * profile.rtt * waves).min(self.download);
        let link = (bytes as f64 / profile.goodput()).min(self.download - waits);
        let parts = |machine: f64, link: f64, trips: f64| Parts { machine, link, trips, of_machine };
        let terms = [
            ("requests", parts(costs.fixed, 0.0, self.begin - costs.fixed)),
            ("download", parts((self.download - waits - link).max(0.0), link, waits)),
            ("unpack", parts(self.unpack, 0.0, 0.0)),
            ("create", parts(self.create, 0.0, 0.0)),
            ("start", parts(self.start, 0.0, 0.0)),
            ("application", parts(*app, 0.0, 0.0)),
        ];
        let pull = self.begin + self.download + self.unpack;
        let ready = self.start + app;
        let total = pull + self.create + ready;
        let sum = |part: fn(&Parts) -> f64| terms.iter().map(|(_, parts)| part(parts)).sum::<f64>();
        let sums = parts(sum(|part| part.machine), sum(|part| part.link), sum(|part| part.trips));
        let less = Parts { of_machine: of_machine / (1.0 + of_machine), ..sums };
        let term = |(name, parts): &(&'static str, Parts)| {
            let seconds = parts.machine + parts.link + parts.trips;
            Term { name, seconds, error: parts.error() }
        };
        Prediction {
            requests: 0,
            round_trips: 0.0,
            bytes: 0,
            download: self.download,
            unpack: self.unpack,
            pull,
            create: self.create,
            ready,
            total,
            warm: costs.create + costs.start + app,
            low: (total - less.error()).max(0.0),
            high: total + sums.error(),
            terms: terms.iter().map(term).filter(|term| term.seconds > 0.0).collect(),
            estimated,
            parts: sums,
        }
    }
}

/// What one image saves against another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saving {
    /// Seconds by which the new one starts sooner; negative where it starts later.
    pub seconds: f64,
    /// By how many seconds that may be off. Less than the errors of both together: what makes one image faster than it
    /// was foretold makes the other faster too.
    pub error: f64,
}

impl Saving {
    /// Whether it is more than its error; else there is no measurable difference.
    pub fn is_measurable(&self) -> bool {
        self.seconds.abs() > self.error
    }
}

/// Compares two predictions of one setting.
pub fn compare(old: &Prediction, new: &Prediction) -> Saving {
    let (a, b) = (old.parts, new.parts);
    let difference = Parts {
        machine: a.machine - b.machine,
        link: a.link - b.link,
        trips: a.trips - b.trips,
        of_machine: a.of_machine.max(b.of_machine),
    };
    let runs = BETWEEN_RUNS + OF_RUNS * old.total.max(new.total);
    Saving { seconds: old.total - new.total, error: norm([difference.error(), runs]) }
}

/// The length of a vector: errors that have nothing to do with each other.
fn norm<const N: usize>(errors: [f64; N]) -> f64 {
    errors.iter().map(|error| error * error).sum::<f64>().sqrt()
}
