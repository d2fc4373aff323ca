//! GitLab's code quality report (a subset of the Code Climate format): a list of issues in files.

use std::io::{self, Write};

use serde::Serialize;

use super::document::CheckDocument;
use super::issues::{Issue, Level, issues};
use super::json;

#[derive(Serialize)]
struct Entry<'d> {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location<'d>,
}

#[derive(Serialize)]
struct Location<'d> {
    path: &'d str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u64,
}

/// Writes broken rules and findings.
pub(super) fn write(document: &CheckDocument, to: &mut dyn Write) -> io::Result<()> {
    let entries: Vec<Entry<'_>> = issues(document).into_iter().map(entry).collect();
    json::write(&entries, to)
}

fn entry(issue: Issue<'_>) -> Entry<'_> {
    let severity = match issue.level {
        Level::Error => "critical",
        Level::Warning => "minor",
        Level::Note => "info",
    };
    Entry {
        description: format!("{}: {}", issue.title, issue.message),
        check_name: issue.rule,
        fingerprint: issue.fingerprint,
        severity,
        location: Location {
            path: issue.file.strip_prefix("./").unwrap_or(issue.file),
            lines: Lines { begin: issue.line },
        },
    }
}
