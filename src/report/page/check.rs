//! The page of `check`: the verdict, the rules, what broke them, what grew.

use super::{Page, Section, Table, Text, Tone, bytes, facts, familiar, heading, left, right, shown};
use crate::analyze::instruction;
use crate::report::document::{BaselineDocument, ChangeDocument, CheckDocument, EvidenceOfRule, RuleDocument};
use crate::report::human;

/// Lays out the document.
pub(in crate::report) fn check(document: &CheckDocument) -> Page {
    let mut sections = vec![rules(document)];
    sections.extend(document.rules.iter().filter(|rule| rule.verdict != "pass").map(broken));
    sections.extend(document.baseline.as_ref().map(grown));
    Page { sections }
}

/// How a verdict is meant: a warning's is less bad.
fn tone(rule: &RuleDocument) -> Tone {
    match (rule.verdict.as_str(), rule.severity.as_str()) {
        ("pass", _) => Tone::Good,
        (_, "warning") => Tone::Warn,
        _ => Tone::Bad,
    }
}

fn rules(document: &CheckDocument) -> Section {
    let row = |rule: &RuleDocument| {
        let amount = |amount: &Option<_>| amount.as_ref().map_or_else(Text::default, |amount: &_| shown_amount(amount));
        let word = if rule.verdict != "pass" && rule.severity == "warning" { "warning" } else { &rule.verdict };
        vec![Text::of(word).toned(tone(rule)), Text::of(&rule.id), amount(&rule.actual), amount(&rule.limit)]
    };
    let columns = vec![left(""), left("rule"), right("now"), right("limit")];
    let table = Table { columns, rows: document.rules.iter().map(row).collect(), one_line: false };
    Section { title: title(document), level: 1, lines: lines(document), table }
}

fn shown_amount(amount: &crate::report::document::AmountDocument) -> Text {
    Text::of(&amount.text)
}

/// `FAIL  oci:app:1: 2 of 7 rules are broken`
fn title(document: &CheckDocument) -> Text {
    let missed = |warning: bool| {
        let missed = document.rules.iter().filter(|rule| rule.verdict != "pass");
        missed.filter(|rule| (rule.severity == "warning") == warning).count() as u64
    };
    let all = human::counted(document.rules.len() as u64, "rule");
    let broken = match missed(false) {
        0 if missed(true) == 0 => format!("all of {all} kept"),
        0 => format!("none of {all} broken"),
        n => format!("{n} of {all} broken"),
    };
    let warnings = (missed(true) > 0).then(|| human::counted(missed(true), "warning"));
    let told = [Some(broken), warnings].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Text::of(format!("{}  {}: {told}", document.verdict.to_uppercase(), familiar(&document.image.reference)))
}

fn lines(document: &CheckDocument) -> Vec<Text> {
    let base = document.base.as_ref().map(|base| {
        let name = base.reference.as_deref().map_or("an unknown base", familiar);
        Text::of(format!("on {name} ({})", base.confidence)).toned(Tone::Dim)
    });
    let budget = Text::of(format!("budget {}", document.budget)).toned(Tone::Dim);
    [facts(&document.image), budget].into_iter().chain(base).collect()
}

fn broken(rule: &RuleDocument) -> Section {
    let title = Text::of(format!("{}: {}", rule.id, rule.message)).toned(tone(rule));
    let reason = rule.reason.as_ref().map(|reason| Text::of(format!("Why: {reason}")));
    let mut rows: Vec<_> = rule.evidence.iter().map(evidence).collect();
    if let Some(more) = untold(rule) {
        let more = Text::from(more).toned(Tone::Dim);
        rows.push(vec![Text::default(), more, Text::default()]);
    }
    let table = Table { columns: vec![right(""), left(""), left("")], rows, one_line: false };
    Section { title, level: 2, lines: reason.into_iter().collect(), table }
}

fn evidence(evidence: &EvidenceOfRule) -> Vec<Text> {
    let size = evidence.bytes.map_or_else(Text::default, bytes);
    let parts = [evidence.path.as_deref().unwrap_or_default(), &evidence.what];
    let what: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    vec![size, Text::of(what.join("  ")), Text::of(place(evidence)).toned(Tone::Dim)]
}

/// What a rule found beside its evidence: `and 11 more`.
pub(in crate::report) fn untold(rule: &RuleDocument) -> Option<String> {
    let more = rule.evidence_total.saturating_sub(rule.evidence.len() as u64);
    (more > 0).then(|| format!("and {} more", human::count(more)))
}

/// Its size, path, what it is and where, as one line.
pub(in crate::report) fn told(evidence: &EvidenceOfRule, between: &str) -> String {
    let size = evidence.bytes.map(human::bytes);
    let parts = [size, evidence.path.clone(), Some(evidence.what.clone()), Some(place(evidence))];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

/// `layer 3, Dockerfile line 7: RUN make`
pub(in crate::report) fn place(evidence: &EvidenceOfRule) -> String {
    let layer = evidence.layer.map(|layer| format!("layer {layer}"));
    let line = evidence.line.map(|line| format!("line {line}"));
    let place: Vec<String> = layer.into_iter().chain(line).collect();
    let made_by = evidence.created_by.as_deref().map(instruction).filter(|made_by| !made_by.is_empty());
    match made_by {
        Some(made_by) => format!("{}: {}", place.join(", "), cut(&made_by)),
        None => place.join(", "),
    }
}

/// The longest piece of an instruction that is shown, in characters.
const QUOTE: usize = 60;

fn cut(text: &str) -> String {
    let cut: String = text.chars().take(QUOTE).collect();
    if cut.len() < text.len() { format!("{}…", cut.trim_end()) } else { cut }
}

fn grown(baseline: &BaselineDocument) -> Section {
    let change = |name: &str, change: &ChangeDocument| {
        let more = change.now as i64 - change.before as i64;
        let size = human::signed_bytes(more);
        let of = human::change(change.before, change.now);
        vec![Text::of(size), Text::of(format!("{name} {of}").trim()), Text::default()]
    };
    let sizes = [("stored", &baseline.stored), ("files", &baseline.files)];
    let mut rows: Vec<_> = sizes.iter().filter_map(|(name, of)| Some(change(name, of.as_ref()?))).collect();
    rows.extend(baseline.new_layers.iter().map(evidence));
    rows.extend(baseline.grown_files.iter().map(|file| {
        let what = if file.is_new { "new" } else { "larger" };
        let place = Text::from(format!("layer {}", file.layer)).toned(Tone::Dim);
        vec![bytes(file.bytes), Text::of(format!("{}  {what}", file.path.path)), place]
    }));
    rows.extend(baseline.packages.iter().map(|package| {
        let versions: Vec<&str> = [&package.before, &package.now].into_iter().flatten().map(String::as_str).collect();
        let what = format!("package {} {}", package.name, versions.join(" → "));
        let place = if package.before.is_none() { "new" } else { "another version" };
        vec![Text::of(&package.ecosystem), Text::of(what), Text::from(place).toned(Tone::Dim)]
    }));
    let files = shown(baseline.grown_files.len(), baseline.grown_files_total);
    let grew = if baseline.grown_files_total == 1 { "1 file grew".into() } else { format!("{files} files grew") };
    let from = baseline.grown_files_from.map(|from| format!(", of those of {} or more", human::bytes(from)));
    let grew = grew + &from.unwrap_or_default();
    let title = heading(&format!("Against {}", baseline.reference), &grew);
    let table = Table { columns: vec![right(""), left(""), left("")], rows, one_line: false };
    Section { title, level: 2, lines: Vec::new(), table }
}
