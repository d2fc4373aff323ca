//! Annotations of GitHub's workflows: workflow commands, a line each.

use std::io::{self, Write};

use super::document::CheckDocument;
use super::issues::{Issue, Level, issues};

/// Writes broken rules and findings as annotations.
///
/// A finding that no rule asks about does not look like a failure.
pub(super) fn write(document: &CheckDocument, to: &mut dyn Write) -> io::Result<()> {
    for issue in issues(document) {
        let is_rule = issue.rule.starts_with("budget/");
        let command = match issue.level {
            Level::Error if is_rule => "error",
            Level::Error | Level::Warning => "warning",
            Level::Note => "notice",
        };
        writeln!(to, "::{command} {}::{}", properties(&issue), data(&issue.message))?;
    }
    Ok(())
}

fn properties(issue: &Issue<'_>) -> String {
    let Issue { file, line, title, .. } = issue;
    format!("file={},line={line},title={}", property(file), property(&format!("layerscope: {title}")))
}

/// A message: a percent sign would be read as an escape, a line's end would begin another command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value: what ends it, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
