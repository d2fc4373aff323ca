//! What is wrong with a checked image, one by one: what annotations, SARIF and code quality reports are made of.

use super::document::{CheckDocument, LocatedDocument, RuleDocument};
use super::escape::escape;
use super::page::told;

/// Things that a broken rule's message names.
const NAMED: usize = 3;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
}

/// A broken rule, or a finding. Its texts are escaped: what would steer a terminal or a log is shown.
pub(super) struct Issue<'d> {
    /// `budget/stored-size`, `finding/pip-cache`.
    pub(super) rule: String,
    /// Its name, for a heading.
    pub(super) title: String,
    pub(super) level: Level,
    pub(super) message: String,
    /// The file that it is told of at: the Dockerfile, or the budget.
    pub(super) file: &'d str,
    pub(super) line: u64,
    /// What it is about in the image, if it is about one path.
    pub(super) path: Option<&'d str>,
    /// The same for the same issue, however large it is.
    pub(super) fingerprint: String,
}

/// Broken rules in the order of the budget, then findings, worst first.
pub(super) fn issues(document: &CheckDocument) -> Vec<Issue<'_>> {
    let broken = document.rules.iter().filter(|rule| rule.verdict != "pass");
    let rules = broken.map(|rule| of_rule(document, rule));
    rules.chain(document.findings.iter().map(|finding| of_finding(document, finding))).collect()
}

fn of_rule<'d>(document: &'d CheckDocument, rule: &'d RuleDocument) -> Issue<'d> {
    let reason = rule.reason.iter().map(|reason| format!(" ({reason})"));
    let named = rule.evidence.iter().take(NAMED).map(|evidence| format!("; {}", told(evidence, " ")));
    let message: String = std::iter::once(rule.message.clone()).chain(reason).chain(named).collect();
    let at = rule.evidence.iter().find_map(|evidence| evidence.line);
    let (file, line) = match (&document.dockerfile, at) {
        (Some(file), Some(line)) => (file.as_str(), line),
        _ => (document.budget.as_str(), rule.line),
    };
    Issue {
        rule: format!("budget/{}", rule.kind),
        title: escape(&rule.id),
        level: if rule.severity == "warning" { Level::Warning } else { Level::Error },
        message: escape(&message),
        file,
        line,
        path: rule.evidence.first().and_then(|evidence| evidence.path.as_deref()),
        fingerprint: fingerprint(&[&rule.kind, &rule.id]),
    }
}

fn of_finding<'d>(document: &'d CheckDocument, located: &'d LocatedDocument) -> Issue<'d> {
    let finding = &located.finding;
    let (file, line) = match (&document.dockerfile, located.line) {
        (Some(file), Some(line)) => (file.as_str(), line),
        _ => (document.budget.as_str(), 1),
    };
    Issue {
        rule: format!("finding/{}", finding.rule),
        title: escape(&finding.rule),
        level: match finding.severity.as_str() {
            "error" => Level::Error,
            "warning" => Level::Warning,
            _ => Level::Note,
        },
        message: escape(&format!("{}. To mend it: {}", finding.message, finding.fix)),
        file,
        line,
        path: finding.path.as_deref(),
        fingerprint: fingerprint(&[&finding.rule, finding.path.as_deref().unwrap_or_default(), &finding.message]),
    }
}

fn fingerprint(parts: &[&str]) -> String {
    blake3::hash(parts.join("\0").as_bytes()).to_hex()[..32].to_owned()
}
