//! Which slimmer base an image could stand on: the base that is under it, images that could take its place, whether the
//! application runs on each, and what is gained.

mod application;
pub mod base;
mod candidates;
pub mod catalog;
mod place;
mod plan;
mod runtime;
mod services;
pub mod tags;
mod together;
mod trial;

use std::collections::HashSet;

use crate::analyze::compat::Verdict;
use crate::analyze::startup::{LayerCost, Prediction, Setting, predict};
use crate::analyze::{Base, EvidenceKind, Subject, packages};
use crate::dockerfile::DockerfileError;
use crate::model::{DiffId, Digest, ImageRef, Manifest, RuntimeConfig};
use crate::scan::{self, OnEvent, ScanError, Scanned};
use crate::source::SourceError;

pub use base::Finder;
pub use candidates::{Candidate, EndOfLife, Unavailable};
pub use catalog::{Catalog, CatalogError, Family};
pub use plan::{Patch, Plan, StageBase};
pub use runtime::{Language, Signs};
pub use services::{Advice, Common, Looked, OneBase, Shared, Terms, Together, Wanted, together};
pub use together::Load;
pub use trial::{Trial, Tried};

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
    /// A base that is there already.
    #[error("{base} is what the image stands on already")]
    Same {
        /// It.
        base: String,
    },
    /// A registry that may not be asked.
    #[error("--offline: only what is in the cache was looked at")]
    Offline,
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

    /// … and asks something of their layers.
    pub fn scan_and<T: Send>(
        &self,
        refs: &[ImageRef],
        ask: impl FnOnce(&[scan::Layers]) -> T + Send,
    ) -> Result<(Vec<Scanned>, T), ScanError> {
        scan::scan_and(refs, self.options, self.on_event, ask)
    }

    /// Reads images of which some may not be readable: all at once, and one by one where that ends in an error, since
    /// a layer that can't be read stops the others.
    fn scan_each(&self, refs: &[ImageRef]) -> Vec<Result<Scanned, ScanError>> {
        match self.scan(refs) {
            Ok(all) => all.into_iter().map(Ok).collect(),
            Err(error) if refs.len() == 1 => vec![Err(error)],
            Err(_) => refs.iter().map(|reference| self.read(reference)).collect(),
        }
    }

    /// The documents of an image that must be there.
    fn document(&self, reference: &ImageRef) -> Result<Manifest, ScanError> {
        let found = scan::documents(std::slice::from_ref(reference), self.options).pop();
        found.unwrap_or_else(|| Err(ScanError::Offline { reference: reference.to_string() }))
    }

    /// The documents of images that may not be there.
    pub fn documents(&self, refs: &[ImageRef]) -> Vec<Result<Manifest, ScanError>> {
        scan::documents(refs, &self.speculative())
    }

    /// What may not be there is asked for once.
    fn speculative(&self) -> scan::Options {
        let mut options = self.options.clone();
        options.source.patience.tries = 1;
        options.source.speculative = true;
        options
    }
}

/// What is wanted.
pub struct Request<'a> {
    /// The built image. Without one, what can be told is told of its Dockerfile.
    pub image: Option<ImageRef>,
    /// How it is built.
    pub plan: Option<&'a Plan>,
    /// In what ways it is started, where its own is not the only one.
    pub commands: &'a [Command],
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

/// What is started in place of what an image or a Dockerfile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// In place of `ENTRYPOINT`; that the image's `CMD` goes with it is as with `docker run --entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// In place of `CMD`.
    pub cmd: Option<Vec<String>>,
}

impl Command {
    fn over(&self, config: &RuntimeConfig) -> RuntimeConfig {
        let mut config = config.clone();
        if self.entrypoint.is_some() {
            (config.entrypoint, config.cmd) = (self.entrypoint.clone(), None);
        }
        if self.cmd.is_some() {
            config.cmd.clone_from(&self.cmd);
        }
        config
    }
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
    /// What it is made for.
    pub signs: Signs,
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
    /// What it did when it was run, if it was.
    pub tried: Option<Tried>,
}

impl Recommendation {
    /// The best first.
    fn sort(&mut self) {
        self.candidates.sort_by_key(|candidate| (candidate.verdict(), candidate.figures.stored_bytes));
    }

    /// The best candidate on which the application works and by which something is gained.
    pub fn best(&self) -> Option<&Candidate> {
        let gains = |candidate: &&Candidate| candidate.figures.stored_bytes < self.now.stored_bytes;
        self.candidates.iter().find(|candidate| candidate.verdict() == Verdict::Works && gains(candidate))
    }

    /// The candidate whose change is worth a try where none is known to work: one of which all is mended by what the
    /// change installs, or else one of which nothing is known to break.
    pub fn worth_a_try(&self) -> Option<&Candidate> {
        let smaller = self.candidates.iter().filter(|one| one.figures.stored_bytes < self.now.stored_bytes);
        // What broke when it was run, for no reason that was foreseen, is not mended.
        let left = smaller.filter_map(|one| {
            let found = one.compatibility.as_ref()?;
            (one.verdict() <= found.verdict).then_some((one.patch.as_ref()?.leaves(found), one))
        });
        let open = left.filter(|(left, _)| *left < Verdict::Breaks);
        open.min_by_key(|(left, one)| (*left, one.verdict())).map(|(_, one)| one)
    }
}

/// Looks for slimmer bases. `today` is `YYYY-MM-DD`.
pub fn recommend(finder: Finder<'_>, request: &Request<'_>, today: &str) -> Result<Recommendation, RecommendError> {
    look(finder, request, today, |search| search.run())
}

/// Looks at one base that is named, and at no other.
pub fn onto(
    finder: Finder<'_>,
    request: &Request<'_>,
    base: &ImageRef,
    today: &str,
) -> Result<Recommendation, RecommendError> {
    look(finder, request, today, |search| Ok((vec![search.only(base)?], Vec::new())))
}

fn look(
    finder: Finder<'_>,
    request: &Request<'_>,
    today: &str,
    find: impl FnOnce(&Search<'_>) -> Result<(Vec<Candidate>, Vec<Unavailable>), RecommendError>,
) -> Result<Recommendation, RecommendError> {
    let image = finder.scanner.read(&request.subject()?)?;
    let signs = Signs::of(image.subject(), finder.catalog);
    let base = match (&request.from, request.plan) {
        (Some(base), _) => finder.told(&image, EvidenceKind::Told, base)?,
        (None, Some(plan)) if !request.built() => finder.told(&image, EvidenceKind::Dockerfile, &plan.base()?)?,
        (None, plan) => finder.find(&image, &signs, plan.map(Plan::claim)),
    };
    let application = application::Application::new(request, &image, &base)?;
    let search =
        Search { finder, request, image: &image, base: &base, signs: &signs, today, application: &application };
    let (candidates, unavailable) = find(&search)?;
    let mut found = Recommendation {
        end_of_life: search.end_of_life(),
        built: request.built(),
        now: figures(image.subject()),
        start: predict(&LayerCost::of_image(image.subject()), request.have, request.setting),
        candidates,
        unavailable,
        tried: None,
        base,
        signs,
        image,
    };
    found.sort();
    Ok(found)
}

/// Looks at further bases for an image that was looked at before: of each, the first of its names that can be had.
fn further(
    finder: Finder<'_>,
    request: &Request<'_>,
    found: &Recommendation,
    names: &[Vec<ImageRef>],
    today: &str,
) -> Result<Vec<Candidate>, RecommendError> {
    let Recommendation { image, base, signs, .. } = found;
    let application = application::Application::new(request, image, base)?;
    let search = Search { finder, request, image, base, signs, today, application: &application };
    let first = |names: &Vec<ImageRef>| names.iter().find_map(|name| search.only(name).ok());
    Ok(names.iter().filter_map(first).collect())
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

/// What makes two images the same to a person who looks for a base.
fn diff_ids(manifest: &Manifest) -> &[DiffId] {
    &manifest.config.rootfs.diff_ids
}
