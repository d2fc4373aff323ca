//! What became of a rule.

use super::amount::Amount;
use super::rule::Rule;
use crate::model::LayerPath;

/// Things that a rule tells as evidence, at most: the rest are counted.
const MOST: usize = 10;

/// Whether a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Pass,
    /// It is not.
    Fail,
    /// It can't be told: that counts as broken.
    Undecided,
}

impl Verdict {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undecided => "undecided",
        }
    }
}

/// A rule, and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// Whether it is kept.
    pub verdict: Verdict,
    /// What the image has; `None` where that can't be told.
    pub actual: Option<Amount>,
    /// In a sentence. Holds names from the image: escape it.
    pub message: String,
    /// What it is about, the most of it first; of a rule that is kept, nothing.
    pub evidence: Vec<Evidence>,
    /// How much there is of that, with what is not listed.
    pub evidence_total: usize,
}

/// A layer, a file, a package that a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What it is, in a few words. Holds names from the image: escape it.
    pub what: String,
    /// The file.
    pub path: Option<LayerPath>,
    /// The layer, from 0.
    pub layer: Option<u32>,
    /// Bytes.
    pub bytes: Option<u64>,
}

impl Evidence {
    pub(super) fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    pub(super) fn path(self, path: &LayerPath) -> Self {
        Self { path: Some(path.clone()), ..self }
    }

    pub(super) fn layer(self, layer: u32) -> Self {
        Self { layer: Some(layer), ..self }
    }

    pub(super) fn bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }
}

impl Outcome {
    fn new(rule: &Rule, verdict: Verdict, actual: Option<Amount>, message: String) -> Self {
        Self { rule: rule.clone(), verdict, actual, message, evidence: Vec::new(), evidence_total: 0 }
    }

    pub(super) fn pass(rule: &Rule, actual: impl Into<Option<Amount>>, message: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Pass, actual.into(), message.into())
    }

    pub(super) fn fail(rule: &Rule, actual: impl Into<Option<Amount>>, message: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Fail, actual.into(), message.into())
    }

    pub(super) fn undecided(rule: &Rule, message: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Undecided, None, message.into())
    }

    /// With what it is about, cut where it is more than anyone reads.
    pub(super) fn with(self, mut evidence: Vec<Evidence>) -> Self {
        let evidence_total = evidence.len();
        evidence.truncate(MOST);
        Self { evidence, evidence_total, ..self }
    }

    /// Whether it fails the image: what can't be decided counts as broken.
    pub fn fails(&self) -> bool {
        self.verdict != Verdict::Pass && self.rule.severity == super::rule::Severity::Error
    }
}
