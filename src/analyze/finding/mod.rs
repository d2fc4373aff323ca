//! Rules that look for what a person would want to mend. One file for each family; the table of all is [`RULES`].

use super::Subject;
use crate::model::LayerPath;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Mend it before anyone gets the image.
    Error,
    /// It costs something, or may.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A rule: its name never changes, so that it can be ignored by name.
pub struct Rule {
    /// Its name, in kebab-case.
    pub id: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// What it looks for, in one line.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
}

/// Something to mend: one for a rule, a layer and a directory, however many files it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in a sentence. Holds names from the image: escape it.
    pub message: String,
    /// The file, or the directory that holds all of them.
    pub path: Option<LayerPath>,
    /// The layer it is about, from 0; `None` for the whole image.
    pub layer: Option<u32>,
    /// The instruction that made that layer, where history tells.
    pub created_by: Option<String>,
    /// How many files it is about.
    pub files: u64,
    /// Bytes it is about.
    pub bytes: u64,
    /// What to do.
    pub fix: String,
}

/// Every rule there is, by id.
pub static RULES: &[Rule] = &[];

/// Runs every rule. Worst first, then by bytes, rule, layer and path.
pub fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let _ = subject;
    Vec::new()
}
