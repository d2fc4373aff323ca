//! Which slimmer base an image could stand on: the base that is under it, images that could take its place, whether the
//! application runs on each, and what is gained.

pub mod base;
mod candidates;
pub mod catalog;
mod place;
mod plan;
mod runtime;
pub mod tags;

use std::collections::HashSet;

use crate::analyze::compat::{self, Application, Compatibility, Verdict};
use crate::analyze::startup::{LayerCost, Prediction, Setting, predict};
use crate::analyze::{Base, EvidenceKind, Subject, instruction, packages};
use crate::dockerfile::DockerfileError;
use crate::model::{DiffId, Digest, ImageRef, Manifest, instructions};
use crate::scan::{self, OnEvent, ScanError, Scanned};
use crate::source::SourceError;
use crate::tree::Tree;

pub use base::Finder;
pub use candidates::{Candidate, EndOfLife, Unavailable};
pub use catalog::{Catalog, CatalogError, Family};
pub use plan::{Patch, Plan, StageBase};
pub use runtime::{Distribution, Language};

use candidates::Search;

/// Why there is no recommendation.
#[derive(Debug, thiserror::Error)]
pub enum RecommendError {
    /// An image.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A repository.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A Dockerfile.
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// A Dockerfile without a base.
    #[error("the stage is built from scratch: there is no base to make slimmer; choose another stage with --target")]
    Scratch,
    /// Neither an image nor a Dockerfile.
    #[error("name an image, or a Dockerfile with --dockerfile")]
    Nothing,
    /// What was said to be the base isn't.
    #[error(
        "{base} is not under {image}: of its {layers} layers {shared} are the image's lowest; leave --from out to have the base found"
    )]
    NotUnder {
        /// What was said to be the base.
        base: String,
        /// The image.
        image: String,
        /// Layers that both have.
        shared: usize,
        /// Layers of the base.
        layers: usize,
    },
}

/// Reads images.
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    /// How.
    pub options: &'a scan::Options,
    /// Who hears of it.
    pub on_event: OnEvent<'a>,
}

impl Scanner<'_> {
    /// Reads an image to its end.
    pub fn read(&self, reference: &ImageRef) -> Result<Scanned, ScanError> {
        let scanned = self.scan(std::slice::from_ref(reference))?.pop();
        scanned.ok_or_else(|| ScanError::Offline { reference: reference.to_string() })
    }

    /// Reads images to their ends.
    pub fn scan(&self, refs: &[ImageRef]) -> Result<Vec<Scanned>, ScanError> {
        scan::scan(refs, self.options, self.on_event)
    }

    /// The documents of an image that must be there.
    fn document(&self, reference: &ImageRef) -> Result<Manifest, ScanError> {
        let found = scan::documents(std::slice::from_ref(reference), self.options).pop();
        found.unwrap_or_else(|| Err(ScanError::Offline { reference: reference.to_string() }))
    }

    /// The documents of images that may not be there.
    fn documents(&self, refs: &[ImageRef]) -> Vec<Result<Manifest, ScanError>> {
        scan::documents(refs, &self.speculative())
    }

    /// What may not be there is asked for once.
    fn speculative(&self) -> scan::Options {
        let mut options = self.options.clone();
        options.source.patience.tries = 1;
        options
    }
}

/// What is wanted.
pub struct Request<'a> {
    /// The built image. Without one, what can be told is told of its Dockerfile.
    pub image: Option<ImageRef>,
    /// How it is built.
    pub plan: Option<&'a Plan>,
    /// The base, where someone knows it.
    pub from: Option<ImageRef>,
    /// Images that are to be looked at in any case.
    pub candidates: Vec<ImageRef>,
    /// How many of those that were found are read to their ends, beside these.
    pub deep: usize,
    /// Where the image is to be started.
    pub setting: &'a Setting,
    /// Layers that are on the host already.
    pub have: &'a HashSet<Digest>,
}

impl Request<'_> {
    /// What is read first: the image, or the base that the Dockerfile names.
    fn subject(&self) -> Result<ImageRef, RecommendError> {
        match (&self.image, self.plan) {
            (Some(image), _) => Ok(image.clone()),
            (None, Some(plan)) => plan.base(),
            (None, None) => Err(RecommendError::Nothing),
        }
    }

    /// Whether the application's own files are there.
    fn built(&self) -> bool {
        self.image.is_some()
    }
}

/// An image's numbers, as it is or as it would be on another base. Sizes in bytes; `None` where the layers were not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of its layers' blobs.
    pub stored_bytes: u64,
    /// Data of the regular files of its layers.
    pub file_bytes: Option<u64>,
    /// Its layers.
    pub layers: usize,
    /// Packages that it has records of.
    pub packages: Option<usize>,
}

/// What there is, and what could be.
pub struct Recommendation {
    /// The image.
    pub image: Scanned,
    /// What is under it.
    pub base: Base,
    /// The language it is made for.
    pub language: Option<Language>,
    /// Its distribution.
    pub distribution: Option<Distribution>,
    /// The base's release, if it is no longer maintained.
    pub end_of_life: Option<EndOfLife>,
    /// Whether the application's files are known, or only its Dockerfile.
    pub built: bool,
    /// As it is.
    pub now: Figures,
    /// Its cold start, foretold.
    pub start: Prediction,
    /// What could be, the best first.
    pub candidates: Vec<Candidate>,
    /// Images that were to be looked at and could not be had.
    pub unavailable: Vec<Unavailable>,
}

impl Recommendation {
    /// The best candidate on which the application works and by which something is gained.
    pub fn best(&self) -> Option<&Candidate> {
        let gains = |candidate: &&Candidate| candidate.figures.stored_bytes < self.now.stored_bytes;
        self.candidates.iter().find(|candidate| candidate.verdict() == Verdict::Works && gains(candidate))
    }
}

/// Looks for slimmer bases. `today` is `YYYY-MM-DD`.
pub fn recommend(finder: Finder<'_>, request: &Request<'_>, today: &str) -> Result<Recommendation, RecommendError> {
    let image = finder.scanner.read(&request.subject()?)?;
    let base = match (&request.from, request.plan) {
        (Some(base), _) => finder.told(&image, EvidenceKind::Told, base)?,
        (None, Some(plan)) if !request.built() => finder.told(&image, EvidenceKind::Dockerfile, &plan.base()?)?,
        (None, plan) => finder.find(&image, plan.map(Plan::claim))?,
    };
    let search = Search::new(finder, request, &image, &base, today);
    let (mut candidates, unavailable) = search.run()?;
    candidates.sort_by_key(|candidate| (candidate.verdict(), candidate.figures.stored_bytes));
    Ok(Recommendation {
        language: search.language.clone(),
        distribution: search.distribution.clone(),
        end_of_life: search.end_of_life(),
        built: request.built(),
        now: figures(image.subject()),
        start: predict(&LayerCost::of_image(image.subject()), request.have, request.setting),
        candidates,
        unavailable,
        base,
        image,
    })
}

fn figures(subject: Subject<'_>) -> Figures {
    let Subject { image, tree } = subject;
    Figures {
        stored_bytes: image.layers.iter().map(|layer| layer.stored_bytes).sum(),
        file_bytes: Some(tree.layers().iter().map(|layer| layer.file_bytes()).sum()),
        layers: image.layers.len(),
        packages: Some(packages(tree).len()),
    }
}

/// The numbers of the application's layers on those of a candidate. The candidate's packages, and those that the
/// application added to its old base's.
fn figures_on(image: Subject<'_>, base_layers: usize, candidate: Subject<'_>) -> Figures {
    let (own, other) = (figures(image), figures(candidate));
    let below = Tree::new(image.tree.layers()[..base_layers].to_vec());
    let (all, old) = (packages(image.tree), packages(&below));
    let added = all.iter().filter(|package| old.binary_search(package).is_err()).count();
    let of_base: u64 = image.image.layers[..base_layers].iter().map(|layer| layer.stored_bytes).sum();
    let files_of_base: u64 = below.layers().iter().map(|layer| layer.file_bytes()).sum();
    let sum = |base: Option<u64>, more: Option<u64>| Some(base? - files_of_base + more?);
    Figures {
        stored_bytes: own.stored_bytes - of_base + other.stored_bytes,
        file_bytes: sum(own.file_bytes, other.file_bytes),
        layers: own.layers - base_layers + other.layers,
        packages: other.packages.map(|packages| packages + added),
    }
}

/// Whether the application runs on a candidate; `None` where it can't be told from its base.
fn proof(
    image: &Scanned,
    base: &Base,
    request: &Request<'_>,
    candidate: &Scanned,
) -> Result<Option<Compatibility>, RecommendError> {
    let Some(base_layers) = base.layers else { return Ok(None) };
    let manifest = &image.image.manifest;
    let config = &manifest.config.config;
    let planned = request.plan.filter(|_| !request.built()).map(|plan| plan.runs_with(config)).transpose()?;
    let build_commands = match request.plan {
        Some(plan) => plan.build_commands()?,
        None => commands(manifest, base_layers),
    };
    let application = Application {
        image: image.subject(),
        base_layers,
        base: base.config.as_ref(),
        runs_with: planned.as_ref().unwrap_or(config),
        build_commands: &build_commands,
        built: request.built(),
    };
    Ok(Some(compat::check(&application, candidate.subject())))
}

/// The commands that history says made the layers above the base.
fn commands(manifest: &Manifest, base_layers: usize) -> Vec<String> {
    let steps = instructions(&manifest.config.history, manifest.layers.len());
    let above = steps.into_iter().skip(base_layers).flatten();
    let made = above.map(|step| instruction(&manifest.config.history[step].created_by));
    made.filter_map(|made| made.strip_prefix("RUN ").map(str::to_owned)).collect()
}

/// What makes two images the same to a person who looks for a base.
fn layers_of(manifest: &Manifest) -> &[DiffId] {
    &manifest.config.rootfs.diff_ids
}
