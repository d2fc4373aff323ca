//! SARIF 2.1.0 (OASIS): broken rules and findings, for code scanning.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::document::CheckDocument;
use super::issues::{Issue, Level, issues};
use super::json as writer;
use crate::analyze::finding::{self, RULES};
use crate::budget::KINDS;

/// What validates it.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes a log of one run.
pub(super) fn write(document: &CheckDocument, to: &mut dyn Write) -> io::Result<()> {
    let rules = rules();
    let image = &document.image;
    let results: Vec<Value> = issues(document).iter().map(|issue| result(issue, &rules, &image.reference)).collect();
    let driver = json!({
        "name": env!("CARGO_PKG_NAME"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules.iter().map(|rule| rule.value.clone()).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": { "driver": driver },
        "columnKind": "unicodeCodePoints",
        "properties": { "image": image.reference, "digest": image.digest, "verdict": document.verdict },
        "results": results,
    });
    writer::write(&json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] }), to)
}

/// What the tool can say.
struct Told {
    id: String,
    value: Value,
}

fn rules() -> Vec<Told> {
    let budget = KINDS.iter().map(|kind| {
        let id = format!("budget/{}", kind.name);
        told(id, kind.what, "A budget holds the image to it.", "error")
    });
    let findings = RULES.iter().map(|rule| {
        let level = match rule.severity {
            finding::Severity::Error => "error",
            finding::Severity::Warning => "warning",
            finding::Severity::Info => "note",
        };
        told(format!("finding/{}", rule.id), rule.what, rule.why, level)
    });
    budget.chain(findings).collect()
}

fn told(id: String, what: &str, why: &str, level: &str) -> Told {
    let value = json!({
        "id": id,
        "shortDescription": { "text": what },
        "fullDescription": { "text": format!("{what}. {why}") },
        "defaultConfiguration": { "level": level },
    });
    Told { id, value }
}

fn result(issue: &Issue<'_>, rules: &[Told], image: &str) -> Value {
    let level = match issue.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let physical = json!({ "artifactLocation": { "uri": uri(issue.file) }, "region": { "startLine": issue.line } });
    let mut location = json!({ "physicalLocation": physical });
    if let Some(path) = issue.path {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": format!("{image}:{path}"), "kind": "resource" }]);
    }
    let mut result = json!({
        "ruleId": issue.rule,
        "level": level,
        "message": { "text": text(&format!("{}: {}", issue.title, issue.message)) },
        "locations": [location],
        "partialFingerprints": { "layerscope/v1": issue.fingerprint },
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == issue.rule) {
        result["ruleIndex"] = index.into();
    }
    result
}

/// A message in which nothing is a link (SARIF 2.1.0, 3.11.6).
fn text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
}

/// A file's name as a URI (RFC 3986): relative to the repository, unless it is absolute.
fn uri(file: &str) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    let mut out = String::from(if file.starts_with('/') { "file://" } else { "" });
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_one_id_and_is_told_of() {
        let mut ids: Vec<String> = rules().into_iter().map(|rule| rule.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), all), (KINDS.len() + RULES.len(), KINDS.len() + RULES.len()));
    }

    #[test]
    fn files_are_uris_and_brackets_no_links() {
        assert_eq!(uri("./docker/My File:1"), "docker/My%20File%3A1");
        assert_eq!(uri("/a/b"), "file:///a/b");
        assert_eq!(text("[a](1) \\"), "\\[a\\](1) \\\\");
    }
}
