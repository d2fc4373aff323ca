//! The document of `recommend`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{BaseDocument, ImageDocument, PredictedDocument, SettingDocument};
use crate::analyze::compat::{Reason, Verdict};
use crate::analyze::startup::{Setting, compare};
use crate::dockerfile::{Note, NoteKind};
use crate::recommend::{
    Candidate, EndOfLife, Family, Figures, Language, Patch, Plan, Recommendation, StageBase, Trial, Tried, Unavailable,
};

/// `layerscope.recommend/1`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RecommendDocument {
    /// `layerscope.recommend/1`.
    pub schema: String,
    /// The image; where only a Dockerfile was given, the base that it names.
    pub image: ImageDocument,
    /// Whether the application's files are known, or only its Dockerfile.
    pub built: bool,
    /// What is under it.
    pub base: BaseDocument,
    /// Its language and release, as programs depend on it: `python 3.11`; null where none is known.
    pub language: Option<String>,
    /// Its distribution; null where none is known.
    pub distribution: Option<String>,
    /// Its base's release, if that is no longer maintained.
    pub end_of_life: Option<EndOfLifeDocument>,
    /// Where starts are foretold for.
    pub setting: SettingDocument,
    /// As it is.
    pub now: FiguresDocument,
    /// Its cold start, foretold.
    pub start: PredictedDocument,
    /// The best base on which the application works and by which something is gained; null where there is none.
    pub recommended: Option<String>,
    /// Where that is null, the base whose change of the Dockerfile is worth a try; null where there is none.
    pub worth_a_try: Option<String>,
    /// Images that could be the base, the best first.
    pub candidates: Vec<CandidateDocument>,
    /// Images and repositories that were to be looked at and could not be had.
    pub unavailable: Vec<UnavailableDocument>,
    /// What the image did when it was run, with `--try`; null where it was not.
    pub tried: Option<TriedDocument>,
    /// The Dockerfile's stages that stand on an image; empty without a Dockerfile.
    pub stages: Vec<StageDocument>,
}

/// What an image did when it was run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TriedDocument {
    /// The engine that ran it.
    pub engine: String,
    /// What was run in place of what the image says; empty for the image's own.
    pub command: Vec<String>,
    /// What it did as it is.
    pub now: String,
}

/// What an image did on a candidate.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrialDocument {
    /// `works` if it did what it does as it is; else `breaks`; `undecided` if it does not run as it is.
    pub verdict: String,
    /// What it did.
    pub says: String,
}

/// A stage of a Dockerfile that stands on an image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StageDocument {
    /// Its name, or its place from 0.
    pub stage: String,
    /// The line of its `FROM`, from 1.
    pub line: u64,
    /// The image that it stands on; null where only a build knows.
    pub base: Option<String>,
    /// Why only a build knows.
    pub unknown: Option<String>,
    /// Whether the built image stands on it, or only takes files from it.
    pub below: bool,
}

/// A release that is no longer maintained.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EndOfLifeDocument {
    /// `python 3.7`.
    pub release: String,
    /// The last day on which it got security updates, `YYYY-MM-DD`.
    pub since: String,
}

/// An image's numbers. Null where layers were not read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FiguresDocument {
    /// Bytes of the layers' blobs.
    pub stored_bytes: u64,
    /// Data of the regular files of all layers.
    pub file_bytes: Option<u64>,
    /// How many layers it has.
    pub layers: u64,
    /// How many packages it has records of.
    pub packages: Option<u64>,
}

/// An image that could be the base, and what the image would be on it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CandidateDocument {
    /// Its name.
    pub reference: String,
    /// All names of it that were met.
    pub names: Vec<String>,
    /// Digest of its manifest; null for an image of a docker-archive.
    pub digest: Option<String>,
    /// What the catalogue says of it; null for a tag of the base's own repository.
    pub family: Option<FamilyDocument>,
    /// Its release, if that is no longer maintained.
    pub end_of_life: Option<EndOfLifeDocument>,
    /// `works`, `breaks` or `undecided`.
    pub verdict: String,
    /// What came of running the image on it, with `--try`; null where it was not run. One that breaks makes the verdict.
    pub trial: Option<TrialDocument>,
    /// Whether its layers were read; else the verdict is undecided, and numbers are the manifest's.
    pub read: bool,
    /// Why, the worst first. Of one that works: remarks.
    pub reasons: Vec<ReasonDocument>,
    /// The image on it.
    #[serde(flatten)]
    pub figures: FiguresDocument,
    /// What it has less than now; negative where it has more.
    pub saved: SavedDocument,
    /// Its cold start, foretold.
    pub start: PredictedDocument,
    /// The change of the Dockerfile as a unified diff; null without a Dockerfile, or where the layers were not read.
    pub dockerfile_patch: Option<String>,
    /// What the verdict would be if all that the change installs does what it should, which was not tried; null without one.
    pub verdict_with_patch: Option<String>,
    /// What the change does, and what a person has to look at.
    pub dockerfile_notes: Vec<NoteDocument>,
}

/// A note on the change of a Dockerfile.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NoteDocument {
    /// The line as the file is, from 1.
    pub line: u64,
    /// What.
    pub what: String,
    /// Whether it is to be looked at; else it was done.
    pub look: bool,
}

/// What the catalogue says of an image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FamilyDocument {
    /// Its id in the catalogue.
    pub id: String,
    /// What it has.
    pub has: Vec<String>,
    /// What it lacks.
    pub lacks: Vec<String>,
}

/// One reason for a verdict.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReasonDocument {
    /// The rule's name, which never changes.
    pub rule: String,
    /// What it makes of the verdict: `breaks`, `undecided`, or `works` for a remark.
    pub verdict: String,
    /// What is the matter.
    pub what: String,
    /// The file that needs it; null where it is the configuration or the build.
    pub needed_by: Option<String>,
    /// What is missing.
    pub missing: String,
    /// The nearest thing that would supply it; null where nothing is known.
    pub supplied_by: Option<String>,
    /// Packages with it that the change of the Dockerfile installs; empty where these are not all that is missing.
    pub patch_installs: Vec<String>,
}

/// What is gained. Negative where it is lost; null where it is not known.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SavedDocument {
    /// Bytes of blobs.
    pub stored_bytes: i64,
    /// Bytes of files.
    pub file_bytes: Option<i64>,
    /// Seconds of a cold start.
    pub start_seconds: f64,
    /// How far off these seconds may be.
    pub start_error: f64,
}

/// An image or repository that could not be had.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UnavailableDocument {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Makes the document.
pub fn recommend(found: &Recommendation, plan: Option<&Plan>, setting: &Setting) -> RecommendDocument {
    RecommendDocument {
        schema: "layerscope.recommend/1".into(),
        image: (&found.image.image).into(),
        built: found.built,
        base: (&found.base).into(),
        language: found.signs.language.as_ref().map(Language::name),
        distribution: found.signs.distribution.as_ref().map(|distribution| distribution.name.clone()),
        end_of_life: found.end_of_life.as_ref().map(EndOfLifeDocument::from),
        setting: setting.into(),
        now: found.now.into(),
        start: (&found.start).into(),
        recommended: found.best().and_then(|best| best.names.first().cloned()),
        worth_a_try: found.worth_a_try().filter(|_| found.best().is_none()).and_then(|one| one.names.first().cloned()),
        candidates: found.candidates.iter().map(|candidate| described(candidate, found)).collect(),
        unavailable: found.unavailable.iter().map(UnavailableDocument::from).collect(),
        tried: found.tried.as_ref().map(TriedDocument::from),
        stages: plan.iter().flat_map(|plan| plan.stages()).map(StageDocument::from).collect(),
    }
}

fn described(candidate: &Candidate, found: &Recommendation) -> CandidateDocument {
    let now = found.now;
    let saved = compare(&found.start, &candidate.start);
    let patch = candidate.patch.as_ref();
    let found_reasons = candidate.compatibility.iter().flat_map(|found| &found.reasons);
    let mut reasons: Vec<ReasonDocument> = found_reasons.map(|reason| described_reason(reason, patch)).collect();
    reasons.sort_by_key(|reason| rank(&reason.verdict));
    let less = |now: u64, then: u64| i64::try_from(i128::from(now) - i128::from(then)).unwrap_or(i64::MAX);
    let files = now.file_bytes.zip(candidate.figures.file_bytes);
    CandidateDocument {
        reference: candidate.names.first().cloned().unwrap_or_default(),
        names: candidate.names.clone(),
        digest: candidate.manifest.digest.map(|digest| digest.to_string()),
        family: candidate.family.as_ref().map(FamilyDocument::from),
        end_of_life: candidate.end_of_life.as_ref().map(EndOfLifeDocument::from),
        verdict: candidate.verdict().name().into(),
        trial: candidate.trial.as_ref().map(TrialDocument::from),
        read: candidate.scanned.is_some(),
        reasons,
        figures: candidate.figures.into(),
        saved: SavedDocument {
            stored_bytes: less(now.stored_bytes, candidate.figures.stored_bytes),
            file_bytes: files.map(|(now, then)| less(now, then)),
            start_seconds: saved.seconds,
            start_error: saved.error,
        },
        start: (&candidate.start).into(),
        verdict_with_patch: patch
            .zip(candidate.compatibility.as_ref())
            .map(|(patch, found)| patch.leaves(found).name().into()),
        dockerfile_patch: candidate.patch.as_ref().map(|patch| patch.diff.clone()),
        dockerfile_notes: candidate
            .patch
            .iter()
            .flat_map(|patch| &patch.patched.notes)
            .map(NoteDocument::from)
            .collect(),
    }
}

/// The worst first.
fn rank(verdict: &str) -> usize {
    [Verdict::Breaks, Verdict::Undecided, Verdict::Works].iter().position(|one| one.name() == verdict).unwrap_or(3)
}

impl From<&Tried> for TriedDocument {
    fn from(tried: &Tried) -> Self {
        let Tried { engine, command, now } = tried;
        Self { engine: (*engine).into(), command: command.clone(), now: now.to_string() }
    }
}

impl From<&Trial> for TrialDocument {
    fn from(trial: &Trial) -> Self {
        Self { verdict: trial.verdict.name().into(), says: trial.outcome.to_string() }
    }
}

impl From<StageBase> for StageDocument {
    fn from(stage: StageBase) -> Self {
        let StageBase { stage, line, image, below } = stage;
        let (base, unknown) = (image.as_ref().ok().cloned(), image.err());
        Self { stage, line: line as u64, base, unknown, below }
    }
}

impl From<&Note> for NoteDocument {
    fn from(note: &Note) -> Self {
        Self { line: note.line as u64, what: note.what.clone(), look: note.kind == NoteKind::Look }
    }
}

impl From<Figures> for FiguresDocument {
    fn from(figures: Figures) -> Self {
        Self {
            stored_bytes: figures.stored_bytes,
            file_bytes: figures.file_bytes,
            layers: figures.layers as u64,
            packages: figures.packages.map(|packages| packages as u64),
        }
    }
}

impl From<&EndOfLife> for EndOfLifeDocument {
    fn from(ended: &EndOfLife) -> Self {
        Self { release: ended.release.clone(), since: ended.since.clone() }
    }
}

impl From<&Family> for FamilyDocument {
    fn from(family: &Family) -> Self {
        Self { id: family.id.clone(), has: family.has.clone(), lacks: family.lacks.clone() }
    }
}

fn described_reason(reason: &Reason, patch: Option<&Patch>) -> ReasonDocument {
    let mended = patch.is_some_and(|patch| patch.mends(reason));
    ReasonDocument {
        rule: reason.rule.into(),
        verdict: reason.verdict.name().into(),
        what: reason.what.clone(),
        needed_by: reason.needed_by.as_ref().map(crate::model::LayerPath::display),
        missing: reason.missing.clone(),
        supplied_by: reason.supplied_by.clone(),
        patch_installs: if mended { reason.packages.clone() } else { Vec::new() },
    }
}

impl From<&Unavailable> for UnavailableDocument {
    fn from(unavailable: &Unavailable) -> Self {
        Self { name: unavailable.name.clone(), reason: unavailable.reason.clone() }
    }
}
