//! Whether an application still runs on another base: what it brings and what it starts, checked against the tree that
//! the candidate's layers and its own make together.
//!
//! Everything is told by comparison: what was already missing in the image as it is (a plug-in whose library never was
//! there) is no news. Nothing is run and no source is read, so that a name which only the application's code knows
//! (`ctypes`, `subprocess`) is not seen. What can't be told is undecided, which never counts as works.

mod commands;
mod compiled;
mod config;
mod data;
mod files;
mod imports;
mod loader;
mod node;
mod overlap;
mod owner;
mod platform;
mod process;
mod python;
mod rebuild;
mod runtime;
mod search;
mod summary;
#[cfg(test)]
mod tests;
mod users;
mod world;

use super::Subject;
use crate::model::{LayerPath, RuntimeConfig};
use crate::tree::Tree;
pub use compiled::compiled;
use owner::Owners;
use python::Pythons;
use summary::Problem;
use world::{Found, World, path_of};

/// What is to run on another base.
pub struct Application<'a> {
    /// The built image; where only a Dockerfile is there, the old base itself, all of whose layers are the base's.
    pub image: Subject<'a>,
    /// How many of its lowest layers are the old base's; those above are the application.
    pub base_layers: usize,
    /// What the old base itself runs with, where known: a setting the application left equal to it takes the new
    /// base's value.
    pub base: Option<&'a RuntimeConfig>,
    /// What the application runs with: the image's own config, or as a Dockerfile makes it of the old base's.
    pub runs_with: &'a RuntimeConfig,
    /// Shell commands that building it runs on the base, in order, as history or Dockerfile have them.
    pub build_commands: &'a [String],
    /// Instructions that bring files to it which are not known, where only a Dockerfile is there.
    pub copies: &'a [String],
    /// Whether the application's own files are known: not where only a Dockerfile is there.
    pub built: bool,
}

/// Whether it runs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// The worst of the reasons'.
    pub verdict: Verdict,
    /// Why; the worst first.
    pub reasons: Vec<Reason>,
    /// What it would run with on the candidate.
    pub config: RuntimeConfig,
}

/// The answer, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing that it needs is missing.
    Works,
    /// It can't be told.
    Undecided,
    /// Something that it needs is missing.
    Breaks,
}

impl Compatibility {
    /// What holds of two ways to start one application: the worse verdict, and the reasons of both.
    pub fn and(mut self, other: Self) -> Self {
        let more: Vec<Reason> = other.reasons.into_iter().filter(|reason| !self.reasons.contains(reason)).collect();
        self.reasons.extend(more);
        self.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
        self.verdict = self.verdict.max(other.verdict);
        self
    }
}

impl Verdict {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Undecided => "undecided",
            Self::Breaks => "breaks",
        }
    }
}

/// One thing that speaks against it, or that is good to know. Texts hold names from the image: escape them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it does to the verdict; [`Verdict::Works`] is only a remark.
    pub verdict: Verdict,
    /// The rule's name, in kebab-case; it never changes.
    pub rule: &'static str,
    /// What is the matter, in a sentence.
    pub what: String,
    /// The file that needs what is missing; the first of several.
    pub needed_by: Option<LayerPath>,
    /// What is missing; empty for a remark on nothing that is.
    pub missing: String,
    /// The nearest thing that would supply it.
    pub supplied_by: Option<String>,
    /// Packages of the old base that have what is missing.
    pub packages: Vec<String>,
    /// Whether these have all of it.
    pub all_packaged: bool,
}

/// What the checks look at.
struct Facts<'a> {
    application: &'a Application<'a>,
    candidate: Subject<'a>,
    /// The image as it is.
    old: World<'a>,
    /// The application on the candidate.
    new: World<'a>,
    /// What the old base has alone.
    base: &'a Tree,
    /// Which of its packages has which file.
    owners: Owners,
    /// The interpreters of the image as it is, and of the application on the candidate.
    old_pythons: Pythons<'a>,
    new_pythons: Pythons<'a>,
    /// Every regular file of the application, on the candidate, by path.
    own_files: Vec<Found<'a>>,
}

impl Facts<'_> {
    /// Whether Python source of the application imports a module.
    fn own_imports(&self, module: &str) -> bool {
        let imports = |file: &Found<'_>| self.new.tree.layers()[file.id.layer as usize].imports(file.id.row).flatten();
        self.own_files.iter().filter_map(imports).flatten().any(|import| *import.name == *module)
    }
}

/// A check: gives problems of the application on the candidate that it has not where it is.
type Check = fn(&Facts<'_>) -> Vec<Problem>;

const CHECKS: [Check; 13] = [
    platform::check,
    overlap::check,
    commands::check,
    files::check,
    python::check,
    imports::check,
    node::check,
    runtime::check,
    users::check,
    data::check,
    rebuild::check,
    rebuild::unbuilt,
    rebuild::alone,
];

/// Checks an application against a candidate for its base.
pub fn check(application: &Application<'_>, candidate: Subject<'_>) -> Compatibility {
    let image = application.image;
    let base_layers = application.base_layers.min(image.tree.layers().len());
    let (below, own) = image.tree.layers().split_at(base_layers);
    let union = Tree::new([candidate.tree.layers(), own].concat());
    let base = Tree::new(below.to_vec());
    let config = config::merged(application, &candidate.image.manifest.config.config);
    let environments = [application.base.unwrap_or(&config), application.runs_with, &config];
    let too_large = environments.iter().find_map(|config| world::too_large(config));
    if let Some(why) = too_large {
        let reasons = summary::reasons(vec![Problem::new(Verdict::Undecided, "environment", why)]);
        return Compatibility { verdict: Verdict::Undecided, reasons, config };
    }
    let (old_path, new_path) = (path_of(image.tree, application.runs_with), path_of(&union, &config));
    let old = World::new(image.tree, application.runs_with, &old_path, base_layers);
    let new = World::new(&union, &config, &new_path, candidate.tree.layers().len());
    let facts = Facts {
        application,
        candidate,
        old,
        new,
        base: &base,
        owners: Owners::of(&base),
        old_pythons: Pythons::of(old),
        new_pythons: Pythons::of(new),
        own_files: new.own_files().collect(),
    };
    let problems = CHECKS.iter().flat_map(|check| check(&facts)).collect();
    let reasons = summary::reasons(problems);
    let verdict = reasons.iter().map(|reason| reason.verdict).max().unwrap_or(Verdict::Works);
    Compatibility { verdict, reasons, config }
}
