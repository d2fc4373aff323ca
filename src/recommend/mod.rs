//! Which slimmer base an image could stand on: the base that is under it, images that could take its place, whether the
//! application runs on each, and what is gained.

pub mod base;
mod candidates;
pub mod catalog;
mod place;
mod runtime;
pub mod tags;

use crate::analyze::compat::{self, Application, Compatibility, Verdict};
use crate::analyze::{Base, EvidenceKind, Subject, packages};
use crate::model::{DiffId, ImageRef, Manifest, RuntimeConfig};
use crate::scan::{self, OnEvent, ScanError, Scanned};
use crate::source::SourceError;
use crate::tree::Tree;

pub use base::Finder;
pub use candidates::{Candidate, EndOfLife, Unavailable};
pub use catalog::{Catalog, CatalogError, Family};
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
    /// The built image; where there is only a Dockerfile, the base that it names.
    pub image: ImageRef,
    /// The base, where someone knows it, and how it is known.
    pub from: Option<(EvidenceKind, ImageRef)>,
    /// Where there is only a Dockerfile: what it makes of the base's configuration.
    pub runs_with: Option<&'a dyn Fn(&RuntimeConfig) -> RuntimeConfig>,
    /// Commands that building it runs.
    pub build_commands: &'a [String],
    /// Images that are to be looked at in any case.
    pub candidates: Vec<ImageRef>,
    /// How many of those that were found are read to their ends, beside these.
    pub deep: usize,
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
    let image = finder.scanner.read(&request.image)?;
    let base = match &request.from {
        Some((kind, base)) => finder.told(&image, *kind, base)?,
        None => finder.find(&image)?,
    };
    let search = Search::new(finder, request, &image, &base, today);
    let (mut candidates, unavailable) = search.run()?;
    candidates.sort_by_key(|candidate| (candidate.verdict(), candidate.figures.stored_bytes));
    let (language, distribution, end_of_life) =
        (search.language.clone(), search.distribution.clone(), search.end_of_life());
    let now = figures(image.subject());
    let built = request.runs_with.is_none();
    Ok(Recommendation { base, language, distribution, end_of_life, built, now, candidates, unavailable, image })
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

/// Whether the application runs on a candidate.
fn proof(image: &Scanned, base: &Base, request: &Request<'_>, candidate: &Scanned) -> Option<Compatibility> {
    let base_layers = base.layers?;
    let config = &image.image.manifest.config.config;
    let changed = request.runs_with.map(|change| change(config));
    let application = Application {
        image: image.subject(),
        base_layers,
        base: base.config.as_ref(),
        runs_with: changed.as_ref().unwrap_or(config),
        build_commands: request.build_commands,
        built: request.runs_with.is_none(),
    };
    Some(compat::check(&application, candidate.subject()))
}

/// What makes two images the same to a person who looks for a base.
fn layers_of(manifest: &Manifest) -> &[DiffId] {
    &manifest.config.rootfs.diff_ids
}
