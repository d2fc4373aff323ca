//! Whether an application still runs on another base.

use super::Subject;
use crate::model::{LayerPath, RuntimeConfig};

/// What is to run on another base.
pub struct Application<'a> {
    /// The built image; where only a Dockerfile is there, the old base itself.
    pub image: Subject<'a>,
    /// How many of its lowest layers are the old base's; those above are the application.
    pub base_layers: usize,
    /// What the old base itself runs with, where known.
    pub base: Option<&'a RuntimeConfig>,
    /// What the application runs with.
    pub runs_with: &'a RuntimeConfig,
    /// Shell commands that building it runs on the base, in order.
    pub build_commands: &'a [String],
    /// Whether the application's own files are known.
    pub built: bool,
}

/// What was found out.
#[derive(Clone, Debug)]
pub struct Compatibility {
    /// All in all.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What it would run with.
    pub config: RuntimeConfig,
}

/// Whether it runs. The best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It does.
    Works,
    /// That can't be told.
    Undecided,
    /// It does not.
    Breaks,
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

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it makes of the verdict; `Works` for a remark.
    pub verdict: Verdict,
    /// The rule's id.
    pub rule: &'static str,
    /// What is the matter.
    pub what: String,
    /// The file that needs it.
    pub needed_by: Option<LayerPath>,
    /// What is missing.
    pub missing: String,
    /// The nearest thing that would supply it.
    pub supplied_by: Option<String>,
}

/// Looks whether it runs on the candidate.
pub fn check(application: &Application<'_>, _candidate: Subject<'_>) -> Compatibility {
    let reasons = Vec::new();
    Compatibility { verdict: Verdict::Undecided, reasons, config: application.runs_with.clone() }
}
