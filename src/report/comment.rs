//! A check as Markdown for a pull request's comment or a job's summary: short, the details folded.

use std::io::{self, Write};

use super::document::{BaselineDocument, CheckDocument, EvidenceOfRule, RuleDocument};
use super::human;
use super::markdown::plain;
use super::page::{Text, place, untold};
use crate::model::familiar;

/// By this a bot finds its own comment again.
const MARK: &str = "<!-- layerscope check -->";
/// Rows of what grew.
const ROWS: usize = 10;

/// Writes a check.
pub(super) fn write(document: &CheckDocument, to: &mut dyn Write) -> io::Result<()> {
    let broken: Vec<&RuleDocument> = document.rules.iter().filter(|rule| rule.verdict != "pass").collect();
    writeln!(to, "{MARK}\n### {}\n", title(document, broken.len()))?;
    writeln!(to, "| | rule | now | limit |\n| --- | --- | ---: | ---: |")?;
    for rule in &document.rules {
        writeln!(to, "{}", row(rule))?;
    }
    for rule in broken {
        fold(to, &format!("{}: {}", rule.id, rule.message), &details(rule))?;
    }
    if let Some(baseline) = &document.baseline {
        fold(to, &format!("Against {}", familiar(&baseline.reference)), &growth(baseline))?;
    }
    Ok(())
}

fn title(document: &CheckDocument, broken: usize) -> String {
    let name = familiar(&document.image.reference);
    let rules = human::counted(document.rules.len() as u64, "rule");
    let (sign, told) = match (document.verdict.as_str(), broken) {
        (_, 0) => ("✅", format!("all of {rules} kept")),
        ("pass", n) => ("⚠️", format!("{n} of {rules} broken, none that fails the image")),
        (_, n) => ("❌", format!("{n} of {rules} broken")),
    };
    format!("{sign} {}: {told}", text(name))
}

/// Escaped for a terminal's sake, then for Markdown's.
fn text(text: &str) -> String {
    plain(&Text::of(text).text)
}

fn sign(rule: &RuleDocument) -> &'static str {
    match (rule.verdict.as_str(), rule.severity.as_str()) {
        ("pass", _) => "✅",
        (_, "warning") => "⚠️",
        ("undecided", _) => "❓",
        _ => "❌",
    }
}

fn row(rule: &RuleDocument) -> String {
    let amount =
        |amount: &Option<_>| amount.as_ref().map(|amount: &super::document::AmountDocument| text(&amount.text));
    let (actual, limit) = (amount(&rule.actual).unwrap_or_default(), amount(&rule.limit).unwrap_or_default());
    format!("| {} | {} | {actual} | {limit} |", sign(rule), text(&rule.id))
}

fn details(rule: &RuleDocument) -> Vec<String> {
    let reason = rule.reason.iter().map(|reason| format!("Why: {}", text(reason)));
    reason.chain(rule.evidence.iter().map(evidence)).chain(untold(rule)).collect()
}

fn evidence(evidence: &EvidenceOfRule) -> String {
    let size = evidence.bytes.map(|bytes| format!("**{}**", human::bytes(bytes)));
    let path = evidence.path.as_deref().map(text);
    let what = Some(text(&evidence.what)).filter(|what| !what.is_empty());
    let place = Some(text(&place(evidence))).filter(|place| !place.is_empty()).map(|place| format!("({place})"));
    size.into_iter().chain(path).chain(what).chain(place).collect::<Vec<_>>().join(" ")
}

fn growth(baseline: &BaselineDocument) -> Vec<String> {
    let change = |name: &str, change: &super::document::ChangeDocument| {
        let (before, now) = (human::bytes(change.before), human::bytes(change.now));
        format!("{name}: {before} → {now} {}", human::change(change.before, change.now)).trim_end().to_owned()
    };
    let sizes = [("stored", &baseline.stored), ("files", &baseline.files)];
    let sizes = sizes.into_iter().filter_map(|(name, of)| Some(change(name, of.as_ref()?)));
    let layers = baseline.new_layers.iter().take(ROWS).map(evidence);
    let files = baseline.grown_files.iter().take(ROWS).map(|file| {
        let what = if file.is_new { "new" } else { "larger" };
        format!("**{}** {} {what} (layer {})", human::bytes(file.bytes), text(&file.path.path), file.layer)
    });
    let packages = baseline.packages.iter().take(ROWS).map(|package| {
        let versions: Vec<&str> = [&package.before, &package.now].into_iter().flatten().map(String::as_str).collect();
        text(&format!("package {} {} ({})", package.name, versions.join(" → "), package.ecosystem))
    });
    sizes.chain(layers).chain(files).chain(packages).collect()
}

/// A part that opens with a click. Its summary is HTML, where a backslash is one.
fn fold(to: &mut dyn Write, summary: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return writeln!(to, "\n{}", text(summary));
    }
    let summary = Text::of(summary).text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let summary = summary.replace('@', "@\u{200b}").replace("://", ":&#47;&#47;").replace("www.", "www&#46;");
    writeln!(to, "\n<details><summary>{summary}</summary>\n")?;
    lines.iter().try_for_each(|line| writeln!(to, "- {line}"))?;
    writeln!(to, "\n</details>")
}
