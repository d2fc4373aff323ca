//! A budget's rules, as they are read, and the table of those there are.

use super::amount::Amount;
use crate::analyze::Globs;
use crate::analyze::finding;
use crate::analyze::startup::{Engine, Profile};

/// What an image is held to.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Where it stands, as the user named it.
    pub place: String,
    /// Whether the base's layers do not count.
    pub ignore_base: bool,
    /// Files that do not count.
    pub exclude: Option<Globs>,
    /// What growth is measured against, unless told otherwise.
    pub baseline: Option<String>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in reports: its kind's, unless it has one of its own.
    pub id: String,
    /// Its kind's name: see [`KINDS`].
    pub kind: &'static str,
    /// What it asks.
    pub limit: Limit,
    /// Whether breaking it fails the image.
    pub severity: Severity,
    /// Why there is a limit, for whoever breaks it.
    pub reason: Option<String>,
    /// Where it stands in the budget, from 1.
    pub line: usize,
}

/// What breaking a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The image fails.
    Error,
    /// It is said, and the image passes.
    Warning,
}

impl Severity {
    /// Its name in budgets and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A figure of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Bytes of the layers' blobs.
    Stored,
    /// Data of the files of all layers.
    Files,
    /// How many layers.
    Layers,
    /// The largest blob.
    Layer,
    /// Lost bytes.
    Wasted,
    /// … as a part of all.
    WastedPart,
    /// What is not lost, as a part of all.
    Efficiency,
    /// Bytes of further copies of visible files.
    Duplicates,
}

impl Figure {
    /// Whether it is of what a pull downloads.
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Stored | Self::Layer)
    }
}

/// A size that may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grows {
    /// Bytes of the layers' blobs.
    Stored,
    /// Data of the files of all layers.
    Files,
}

/// What a rule asks.
#[derive(Clone, Debug)]
pub enum Limit {
    /// A figure is at most this; efficiency at least.
    Figure(Figure, Amount),
    /// A size grows by at most this; what is up to the floor does not count.
    Growth {
        /// Which.
        of: Grows,
        /// Bytes, or a part of what it was.
        limit: Amount,
        /// Bytes that it may always grow by.
        floor: u64,
    },
    /// The visible files of these paths have at most so many bytes.
    Paths {
        /// Which.
        paths: Globs,
        /// As they are written.
        written: Vec<String>,
        /// Bytes.
        limit: u64,
    },
    /// No layer has a name of these.
    Forbidden {
        /// Which.
        paths: Globs,
        /// As they are written.
        written: Vec<String>,
    },
    /// No file that the baseline lacks is larger.
    NewFile(u64),
    /// No package of these.
    Packages {
        /// Which.
        packages: Names,
    },
    /// At most so many packages that the baseline lacks.
    Added {
        /// How many.
        limit: u64,
        /// Those that do not count.
        except: Names,
    },
    /// At most so many findings.
    Findings {
        /// How many.
        limit: u64,
        /// Of these rules; of all, where none is named.
        ids: Vec<String>,
        /// Not of these.
        except: Vec<String>,
        /// And at least as bad as this.
        at_least: finding::Severity,
    },
    /// The base.
    Base {
        /// It is one of these; any, where none is named.
        allowed: Option<Names>,
        /// Its tag still leads to the layers that are under the image.
        current: bool,
    },
    /// A cold start takes at most so long.
    Start {
        /// Seconds.
        limit: f64,
        /// Over which link.
        profile: Profile,
        /// By which engine, with the numbers that ship.
        engine: Engine,
    },
    /// The config has these labels: a name, or `name=value` with wildcards.
    Labels(Vec<(String, Option<Names>)>),
    /// The image runs as a user that is not root, or as one of these.
    User(Vec<String>),
    /// A figure of dive's, held to dive's rule.
    Dive(DiveFigure, f64),
    /// A rule that is there and asks nothing.
    Disabled,
}

/// dive's three rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiveFigure {
    /// `lowestEfficiency`.
    Efficiency,
    /// `highestWastedBytes`.
    WastedBytes,
    /// `highestUserWastedPercent`.
    UserWastedPercent,
}

/// Names with wildcards.
#[derive(Clone, Debug)]
pub struct Names {
    /// As they are written.
    pub written: Vec<String>,
    pub(super) set: globset::GlobSet,
}

impl Names {
    /// Whether a name is one of them.
    pub(super) fn have(&self, name: &str) -> bool {
        self.set.is_match(name)
    }
}

/// A kind of rule.
pub struct Kind {
    /// Its name in a budget.
    pub name: &'static str,
    /// What it holds an image to, in one line.
    pub what: &'static str,
}

const fn kind(name: &'static str, what: &'static str) -> Kind {
    Kind { name, what }
}

/// Every kind of rule there is: what the README, SARIF and errors say of them comes from here.
pub static KINDS: &[Kind] = &[
    kind("stored-size", "What a pull downloads: bytes of all layers as they are stored"),
    kind("file-size", "Data of the files of all layers"),
    kind("layers", "How many layers the image has"),
    kind("layer-size", "Stored bytes of any single layer"),
    kind("wasted-size", "Bytes of files that the merged tree does not have"),
    kind("wasted-percent", "The same as a part of all file bytes"),
    kind("efficiency", "The part of all file bytes that the merged tree has"),
    kind("duplicate-size", "Bytes of further copies of visible files"),
    kind("stored-growth", "By how many stored bytes the image is larger than the baseline"),
    kind("stored-growth-percent", "The same as a part of the baseline"),
    kind("file-growth", "By how many file bytes the image is larger than the baseline"),
    kind("file-growth-percent", "The same as a part of the baseline"),
    kind("path-size", "Bytes of visible files of some paths"),
    kind("forbidden-paths", "Paths that no layer may have"),
    kind("new-file-size", "The largest file that the baseline has not"),
    kind("forbidden-packages", "Packages that the image must not have"),
    kind("added-packages", "How many packages the image has that the baseline has not"),
    kind("findings", "How many findings of inspect the image may have"),
    kind("base-image", "The base under the image"),
    kind("start-time", "The predicted cold start"),
    kind("labels", "Labels that the image must have"),
    kind("user", "The user that the image runs as"),
    kind("lowestEfficiency", "dive's efficiency, from a .dive-ci file"),
    kind("highestWastedBytes", "dive's wasted bytes, from a .dive-ci file"),
    kind("highestUserWastedPercent", "dive's wasted bytes as a part of the upper layers, from a .dive-ci file"),
];

impl Limit {
    /// The limit as reports show it; `None` where the rule asks nothing.
    pub fn amount(&self) -> Option<Amount> {
        let names = |names: &[String]| Amount::Names(names.to_vec());
        Some(match self {
            Self::Figure(_, amount) | Self::Growth { limit: amount, .. } => amount.clone(),
            Self::Paths { limit, .. } | Self::NewFile(limit) => Amount::Bytes(*limit),
            Self::Forbidden { written, .. } => names(written),
            Self::Packages { packages } => names(&packages.written),
            Self::Added { limit, .. } | Self::Findings { limit, .. } => Amount::Count(*limit),
            Self::Base { allowed: Some(allowed), .. } => names(&allowed.written),
            Self::Base { allowed: None, .. } => Amount::Names(vec!["current".into()]),
            Self::Start { limit, .. } => Amount::Seconds(*limit),
            Self::Labels(labels) => Amount::Names(labels.iter().map(|(name, _)| name.clone()).collect()),
            Self::User(allowed) => names(allowed),
            Self::Dive(DiveFigure::WastedBytes, bytes) => Amount::Bytes(*bytes as u64),
            Self::Dive(_, part) => Amount::Fraction(*part),
            Self::Disabled => return None,
        })
    }

    /// Whether the limit is the least that is allowed, not the most.
    pub fn is_least(&self) -> bool {
        matches!(self, Self::Figure(Figure::Efficiency, _) | Self::Dive(DiveFigure::Efficiency, _))
    }

    fn needs_baseline(&self) -> bool {
        matches!(self, Self::Growth { .. } | Self::NewFile(_) | Self::Added { .. })
    }
}

impl Budget {
    /// Whether the base has to be found.
    pub fn needs_base(&self) -> bool {
        self.ignore_base || self.rules.iter().any(|rule| matches!(rule.limit, Limit::Base { .. }))
    }

    /// Whether the base's tag has to be looked up.
    pub fn needs_current_base(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.limit, Limit::Base { current: true, .. }))
    }

    /// Whether it says anything of growth.
    pub fn needs_baseline(&self) -> bool {
        self.rules.iter().any(|rule| rule.limit.needs_baseline())
    }
}
