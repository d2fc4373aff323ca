//! Rules that look for what a person would want to mend. One file for each family; the table of all is [`RULES`].

mod build_tools;
mod copies;
mod facts;
mod logs;
mod oddities;
mod places;
mod privileges;
mod rules;
mod secrets;
#[cfg(test)]
mod tests;
mod trees;

use super::{Subject, Waste};
use crate::model::LayerPath;
use crate::parallel::{self, processors};
use facts::Facts;

pub use places::is_place;
pub use rules::RULES;

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
    run: fn(&Facts<'_>) -> Vec<Found>,
}

/// Something to mend: one for a rule, a layer and a directory, however many files it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in a sentence without its bytes. Holds names from the image: escape it.
    pub message: String,
    /// The file, or the directory that holds all of them.
    pub path: Option<LayerPath>,
    /// The layer it is about, from 0; `None` for the whole image.
    pub layer: Option<u32>,
    /// The instruction that made that layer, as history has it: see [`instruction`](crate::analyze::instruction).
    pub created_by: Option<String>,
    /// How many files it is about.
    pub files: u64,
    /// Bytes it is about.
    pub bytes: u64,
    /// What to do.
    pub fix: String,
}

/// What a rule found.
struct Found {
    message: String,
    path: Option<LayerPath>,
    layer: Option<u32>,
    files: u64,
    bytes: u64,
    fix: String,
}

/// Runs every rule. Worst first, then by bytes, rule, layer and path.
pub fn findings(subject: Subject<'_>, waste: &Waste) -> Vec<Finding> {
    let facts = Facts::new(subject, waste);
    let found = parallel::map(RULES, processors(), |rule| (rule.run)(&facts));
    let found = RULES.iter().zip(found).flat_map(|(rule, found)| found.into_iter().map(move |found| (rule, found)));
    let mut findings: Vec<Finding> = found.map(|(rule, found)| finding(subject, rule, found)).collect();
    findings.sort_by(|a, b| {
        let order = a.severity.cmp(&b.severity).then_with(|| b.bytes.cmp(&a.bytes));
        order.then_with(|| (a.rule, a.layer, &a.path).cmp(&(b.rule, b.layer, &b.path)))
    });
    findings
}

fn finding(subject: Subject<'_>, rule: &'static Rule, found: Found) -> Finding {
    let Found { message, path, layer, files, bytes, fix } = found;
    let made_by = layer.and_then(|layer| subject.image.layers.get(layer as usize)?.created_by.clone());
    Finding { rule: rule.id, severity: rule.severity, message, path, layer, created_by: made_by, files, bytes, fix }
}
