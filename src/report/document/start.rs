//! The document of `start`.

use schemars::JsonSchema;
use serde::Serialize;

use super::ImageDocument;
use crate::analyze::startup::{Prediction, Profile, Setting, Trust, compare};
use crate::measure::{Measured, Phase, Run};
use crate::model::Manifest;

/// `layerscope.start/1`. Times are seconds.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StartDocument {
    /// `layerscope.start/1`.
    pub schema: String,
    /// Where the starts are foretold for.
    #[serde(flatten)]
    pub setting: SettingDocument,
    /// Images whose layers are on the host already.
    pub have: Vec<String>,
    /// The images, as they were named: the first is what there is, the others what it would be.
    pub images: Vec<StartImageDocument>,
    /// What the first image costs more than each of the others.
    pub saved: Vec<StartSavedDocument>,
    /// What of this was never held against a measurement.
    pub not_validated: Vec<String>,
}

/// A link to a registry, and a disk.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProfileDocument {
    /// Its name; `custom` for one that was described.
    pub name: String,
    /// Bits a second.
    pub bandwidth: f64,
    /// Round trip.
    pub rtt: f64,
    /// How many times as long unpacking takes as where the numbers were measured.
    pub disk: f64,
}

/// An image, and its start.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StartImageDocument {
    /// The image.
    pub image: ImageDocument,
    /// How many layers it has.
    pub layers: u64,
    /// Bytes of its layers' blobs.
    pub stored_bytes: u64,
    /// What is to be expected.
    pub predicted: PredictedDocument,
    /// What was measured; null where nothing was.
    pub measured: Option<MeasuredDocument>,
    /// How much longer than measured the cold start was predicted to be, as a part of it.
    pub prediction_error: Option<f64>,
}

/// A predicted start.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PredictedDocument {
    /// Requests to the registry, without those for tokens.
    pub requests: u64,
    /// Round trips, those that go on side by side counted each.
    pub round_trips: f64,
    /// Bytes of layers to download.
    pub bytes: u64,
    /// From the first layer's request to the last byte.
    pub download: f64,
    /// What unpacking takes longer than the download.
    pub unpack: f64,
    /// The whole pull.
    pub pull: f64,
    /// Making the container.
    pub create: f64,
    /// From its start until it is ready.
    pub ready: f64,
    /// The cold start: pull, create and ready.
    pub total: f64,
    /// The cold start takes hardly less than this …
    pub low: f64,
    /// … or more than this.
    pub high: f64,
    /// The warm start: create and ready, with everything there.
    pub warm: f64,
    /// Whether only the manifest was read, and the layers are guessed from their stored size.
    pub estimated: bool,
    /// What the cold start is made of.
    pub terms: Vec<TermDocument>,
}

/// A part of a start.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TermDocument {
    /// `requests`, `download`, `unpack`, `create`, `start`, `application`.
    pub name: String,
    /// Seconds.
    pub seconds: f64,
    /// By how many it may be off.
    pub error: f64,
}

/// Measured starts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MeasuredDocument {
    /// How it was told that the container is ready.
    pub ready_by: String,
    /// Every run, in order.
    pub runs: Vec<RunDocument>,
    /// The median of each phase over the runs that count.
    pub median: PhasesDocument,
    /// The least …
    pub least: PhasesDocument,
    /// … and the most.
    pub most: PhasesDocument,
}

/// One run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunDocument {
    /// Its phases.
    #[serde(flatten)]
    pub phases: PhasesDocument,
    /// Processor time that others used meanwhile, as a part of all there was.
    pub foreign_cpu: f64,
    /// Whether it counts.
    pub kept: bool,
}

/// The phases of a start.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct PhasesDocument {
    /// The pull.
    pub pull: f64,
    /// Making the container.
    pub create: f64,
    /// From its start until it is ready.
    pub ready: f64,
    /// The cold start: all three.
    pub total: f64,
    /// The warm start: create and ready once more, with everything there.
    pub warm: f64,
}

/// What one image saves against the first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StartSavedDocument {
    /// The first image.
    pub from: String,
    /// The other.
    pub to: String,
    /// Seconds by which the cold start is predicted to be shorter; negative where it is longer.
    pub seconds: f64,
    /// By how many that may be off.
    pub error: f64,
    /// Whether it is more than its error; else there is no measurable difference.
    pub measurable: bool,
    /// The same as it was measured: of the medians.
    pub measured_seconds: Option<f64>,
}

/// An image, and what is known of its start.
#[derive(Clone, Debug)]
pub struct Started<'a> {
    /// Its documents.
    pub manifest: &'a Manifest,
    /// Bytes of its layers' blobs.
    pub stored_bytes: u64,
    /// What is to be expected.
    pub predicted: Prediction,
    /// What was measured.
    pub measured: Option<Measured>,
}

/// Where a start is foretold for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingDocument {
    /// `podman`, `docker`, `containerd` or `nerdctl`.
    pub engine: String,
    /// Whether its numbers were measured on this machine; else they are those that ship.
    pub calibrated: bool,
    /// The link to the registry, and the disk.
    pub profile: ProfileDocument,
}

impl From<&Setting> for SettingDocument {
    fn from(setting: &Setting) -> Self {
        let calibrated = setting.trust == Trust::Calibrated;
        Self { engine: setting.engine.name().into(), calibrated, profile: (&setting.profile).into() }
    }
}

/// Puts the document together. `have` names what is on the host already.
pub fn start(images: &[Started<'_>], setting: &Setting, have: &[String]) -> StartDocument {
    let documents: Vec<StartImageDocument> = images.iter().map(image).collect();
    let saved = images.split_first().map(|(first, others)| others.iter().map(|other| saved(first, other)).collect());
    let estimated = images.iter().any(|image| image.predicted.estimated);
    let unpacked = images.iter().any(|image| image.manifest.lies_unpacked());
    StartDocument {
        schema: "layerscope.start/1".into(),
        setting: setting.into(),
        have: have.to_vec(),
        not_validated: not_validated(setting, estimated, unpacked, images.iter().any(|image| image.measured.is_some())),
        images: documents,
        saved: saved.unwrap_or_default(),
    }
}

fn image(started: &Started<'_>) -> StartImageDocument {
    let measured = started.measured.as_ref().and_then(measured);
    let predicted = PredictedDocument::from(&started.predicted);
    let error = measured.as_ref().map(|measured| predicted.total / measured.median.total.max(f64::MIN_POSITIVE) - 1.0);
    StartImageDocument {
        image: started.manifest.into(),
        layers: started.manifest.layers.len() as u64,
        stored_bytes: started.stored_bytes,
        predicted,
        measured,
        prediction_error: error,
    }
}

fn saved(from: &Started<'_>, to: &Started<'_>) -> StartSavedDocument {
    let saving = compare(&from.predicted, &to.predicted);
    let cold = |started: &Started<'_>| Some(started.measured.as_ref()?.figures(Run::total)?.median);
    StartSavedDocument {
        from: from.manifest.reference.clone(),
        to: to.manifest.reference.clone(),
        seconds: saving.seconds,
        error: saving.error,
        measurable: saving.is_measurable(),
        measured_seconds: cold(from).zip(cold(to)).map(|(from, to)| from - to),
    }
}

fn measured(measured: &Measured) -> Option<MeasuredDocument> {
    let of = |phase| measured.figures(phase);
    let phases: [Phase; 5] = [|run| run.pull, |run| run.create, |run| run.ready, Run::total, |run| run.warm];
    let [pull, create, ready, total, warm] = phases.map(of);
    let all = [pull?, create?, ready?, total?, warm?];
    let phases = |number: fn(&crate::measure::Figures) -> f64| {
        let [pull, create, ready, total, warm] = all.each_ref().map(number);
        PhasesDocument { pull, create, ready, total, warm }
    };
    Some(MeasuredDocument {
        ready_by: measured.ready_by.clone(),
        runs: measured.runs.iter().map(RunDocument::from).collect(),
        median: phases(|figures| figures.median),
        least: phases(|figures| figures.least),
        most: phases(|figures| figures.most),
    })
}

fn not_validated(setting: &Setting, estimated: bool, unpacked: bool, measured: bool) -> Vec<String> {
    let mut out = vec!["registries with TLS, tokens or redirects: each adds round trips that are not counted"];
    if setting.trust == Trust::Shipped {
        out.push("this machine: the numbers are those of another one");
    }
    if setting.profile.disk != 1.0 {
        out.push("the profile's disk: its factor is a guess");
    }
    if setting.app == 0.0 && !measured {
        out.push("the application: what it does itself until it is ready is counted as nothing; --app-start adds it");
    }
    if estimated {
        out.push("layers of which only the manifest was read: their unpacked size is a guess");
    }
    if unpacked {
        out.push("layers that lie unpacked here: a registry sends them compressed, so a pull takes less");
    }
    if setting.engine == crate::analyze::startup::Engine::Nerdctl {
        out.push("nerdctl: its numbers are those of containerd's ctr");
    }
    out.into_iter().map(str::to_owned).collect()
}

impl From<&Profile> for ProfileDocument {
    fn from(profile: &Profile) -> Self {
        let Profile { name, bandwidth, rtt, disk } = profile;
        Self { name: name.clone(), bandwidth: *bandwidth, rtt: *rtt, disk: *disk }
    }
}

impl From<&Prediction> for PredictedDocument {
    fn from(it: &Prediction) -> Self {
        let term = |term: &crate::analyze::startup::Term| TermDocument {
            name: term.name.into(),
            seconds: term.seconds,
            error: term.error,
        };
        Self {
            requests: it.requests,
            round_trips: it.round_trips,
            bytes: it.bytes,
            download: it.download,
            unpack: it.unpack,
            pull: it.pull,
            create: it.create,
            ready: it.ready,
            total: it.total,
            low: it.low,
            high: it.high,
            warm: it.warm,
            estimated: it.estimated,
            terms: it.terms.iter().map(term).collect(),
        }
    }
}

impl From<&Run> for RunDocument {
    fn from(run: &Run) -> Self {
        let Run { pull, create, ready, warm, foreign, kept } = *run;
        let phases = PhasesDocument { pull, create, ready, total: run.total(), warm };
        Self { phases, foreign_cpu: foreign, kept }
    }
}
