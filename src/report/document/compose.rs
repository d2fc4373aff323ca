//! The document of `recommend --compose`.

use schemars::JsonSchema;
use serde::Serialize;

use super::recommend::reasons;
use super::{ReasonDocument, RecommendDocument, SettingDocument, UnavailableDocument, recommend};
use crate::analyze::compat::Verdict;
use crate::analyze::startup::{Setting, compare};
use crate::recommend::{Advice, Candidate, Common, Looked, Shared, Together};

/// `layerscope.compose/1`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ComposeDocument {
    /// `layerscope.compose/1`.
    pub schema: String,
    /// The compose file, as it was named.
    pub file: String,
    /// Where starts are foretold for.
    pub setting: SettingDocument,
    /// The services whose images could be had.
    pub services: Vec<ServiceDocument>,
    /// Services whose images could not be had.
    pub unavailable: Vec<UnavailableDocument>,
    /// Services of profiles that were not chosen.
    pub left_out: Vec<String>,
    /// All images as they are.
    pub now: SharedDocument,
    /// Data of files of equal content that a later image has again, whatever their path and layer: what sharing layers
    /// could save at most. Uncompressed.
    pub shared_content_bytes: u64,
    /// Each image on the base that is best for it alone; as it is, where none is better.
    pub each_best: SharedDocument,
    /// As many services as possible on one base; null where no two images can have one without costing more than now.
    pub one_base: Option<OneBaseDocument>,
    /// Which of these costs least: `now`, `each_best` or `one_base`.
    pub recommended: String,
}

/// A service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceDocument {
    /// Its name.
    pub service: String,
    /// The image that the compose file names, in full; null where it names none.
    pub image: Option<String>,
    /// Its Dockerfile; null where it has none, or where it is written in the compose file.
    pub dockerfile: Option<String>,
    /// `linux/amd64`.
    pub platform: String,
    /// The base that it moves to by what is recommended for all; null where it stays.
    pub moves_to: Option<String>,
    /// What is not known of it, and why.
    pub notes: Vec<String>,
    /// It alone: what `recommend` says of its image, or of its Dockerfile where the image could not be had. Services that
    /// run one image have the same here.
    pub recommend: RecommendDocument,
}

/// Several images, and what they cost together. Services that run one image count once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SharedDocument {
    /// How many images there are.
    pub images: u64,
    /// Bytes of the blobs of each, summed up.
    pub stored_bytes: u64,
    /// Bytes of all distinct blobs: what pulling all images downloads to a host that has none of them.
    pub pull_bytes: u64,
    /// The difference of the two: what sharing saves.
    pub shared_stored_bytes: u64,
    /// Distinct layers that at least two of the images have.
    pub shared_layers: u64,
    /// Seconds of pulling all images, foretold as for one image that has all their layers, without those of `--have`.
    pub pull_seconds: f64,
    /// What is gained against now.
    pub saved: SharedSavedDocument,
}

/// What is gained. Negative where it is lost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SharedSavedDocument {
    /// Bytes that pulling all images does not download.
    pub pull_bytes: i64,
    /// Seconds of it.
    pub pull_seconds: f64,
    /// How far off these seconds may be.
    pub pull_error: f64,
}

/// As many services as possible on one base.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OneBaseDocument {
    /// Its name.
    pub reference: String,
    /// All names of it that were met.
    pub names: Vec<String>,
    /// All images then: those that do not work on it are where they cost least.
    #[serde(flatten)]
    pub shared: SharedDocument,
    /// Each service on it.
    pub services: Vec<OnBaseDocument>,
}

/// A service, and the one base.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OnBaseDocument {
    /// Its name.
    pub service: String,
    /// `works`, `breaks` or `undecided`.
    pub verdict: String,
    /// Whether it stands on it already.
    pub already: bool,
    /// The base that it moves to; null where it stays as it is.
    pub moves_to: Option<String>,
    /// Why, the worst first. Empty where it was not looked at there.
    pub reasons: Vec<ReasonDocument>,
}

/// Makes the document.
pub fn compose(file: &str, found: &Together<'_>, left_out: Vec<String>, setting: &Setting) -> ComposeDocument {
    let advised = found.moves(found.advised());
    let mut services: Vec<ServiceDocument> = advised.flat_map(|(image, on)| of_image(image, on, setting)).collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    let shared = |shared| of_all(found, shared);
    ComposeDocument {
        schema: "layerscope.compose/1".into(),
        file: file.into(),
        setting: setting.into(),
        services,
        unavailable: found.missing.iter().map(UnavailableDocument::from).collect(),
        left_out,
        now: shared(&found.now),
        shared_content_bytes: found.content_bytes,
        each_best: shared(&found.each_best),
        one_base: found.common().zip(found.one_base.as_ref()).map(|(base, one)| on_one(found, base, &one.shared)),
        recommended: match found.advice() {
            Advice::Now => "now",
            Advice::EachBest => "each_best",
            Advice::OneBase => "one_base",
        }
        .into(),
    }
}

fn of_image(image: &Looked<'_>, on: Option<&Candidate>, setting: &Setting) -> Vec<ServiceDocument> {
    let alone = recommend(&image.found, image.wanted.plan.as_ref(), setting);
    let service = |name: &String| ServiceDocument {
        service: name.clone(),
        image: image.wanted.image.as_ref().map(ToString::to_string),
        dockerfile: image.wanted.plan.as_ref().and_then(|plan| plan.path()).map(str::to_owned),
        platform: image.wanted.platform.to_string(),
        moves_to: on.and_then(|on| on.names.first().cloned()),
        notes: image.notes.clone(),
        recommend: alone.clone(),
    };
    image.wanted.services.iter().map(service).collect()
}

fn of_all(found: &Together<'_>, shared: &Shared) -> SharedDocument {
    let saved = compare(&found.now.pull, &shared.pull);
    let less = i128::from(found.now.load.pull_bytes) - i128::from(shared.load.pull_bytes);
    SharedDocument {
        images: found.images.len() as u64,
        stored_bytes: shared.load.sum_bytes,
        pull_bytes: shared.load.pull_bytes,
        shared_stored_bytes: shared.load.shared_bytes(),
        shared_layers: shared.load.shared_layers as u64,
        pull_seconds: shared.pull.pull,
        saved: SharedSavedDocument {
            pull_bytes: less.try_into().unwrap_or(i64::MAX),
            pull_seconds: found.now.pull.pull - shared.pull.pull,
            pull_error: saved.error,
        },
    }
}

fn on_one(found: &Together<'_>, base: &Common, shared: &Shared) -> OneBaseDocument {
    let mut services: Vec<OnBaseDocument> =
        found.moves(shared).flat_map(|(image, moves_to)| on_base(image, base, moves_to)).collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    OneBaseDocument {
        reference: base.names.first().cloned().unwrap_or_default(),
        names: base.names.clone(),
        shared: of_all(found, shared),
        services,
    }
}

fn on_base(image: &Looked<'_>, base: &Common, moves_to: Option<&Candidate>) -> Vec<OnBaseDocument> {
    let (already, there) = (image.stands_on(base), image.on(base));
    let verdict = if already { Verdict::Works } else { there.map_or(Verdict::Undecided, Candidate::verdict) };
    let service = |name: &String| OnBaseDocument {
        service: name.clone(),
        verdict: verdict.name().into(),
        already,
        moves_to: moves_to.and_then(|on| on.names.first().cloned()),
        reasons: there.filter(|_| !already).map(reasons).unwrap_or_default(),
    };
    image.wanted.services.iter().map(service).collect()
}
