//! The page of `recommend --compose`: the services, what they share, and what they would on one base.

use std::collections::HashSet;

use super::recommend::{setting, verdict};
use super::{Page, Section, Table, Text, Tone, bytes, count, familiar, gain, left, right};
use crate::report::document::{ComposeDocument, OnBaseDocument, OneBaseDocument, ServiceDocument, SharedDocument};
use crate::report::human;

/// Lays out the document.
pub(in crate::report) fn compose(document: &ComposeDocument) -> Page {
    let mut sections = vec![services(document), together(document)];
    sections.extend(document.one_base.as_ref().map(on_one_base));
    sections.extend(not_looked_at(document));
    Page { sections }
}

fn services(document: &ComposeDocument) -> Section {
    let columns = vec![
        left("service"),
        left("base"),
        right("stored"),
        left("best alone"),
        left("verdict"),
        right("stored"),
        right(""),
    ];
    let rows = document.services.iter().map(service).collect();
    let mut lines = Vec::new();
    for service in document.services.iter().filter(|one| !one.recommend.built) {
        let says = format!("{}: the base alone, for only its Dockerfile is known", service.service);
        lines.push(Text::of(says).toned(Tone::Dim));
    }
    for (service, note) in document.services.iter().flat_map(|one| one.notes.iter().map(move |note| (one, note))) {
        lines.push(Text::of(format!("{}: {note}", service.service)).toned(Tone::Warn));
    }
    let title = Text::of(&document.file);
    Section { title, level: 1, lines, table: Table { columns, rows, one_line: false } }
}

fn service(service: &ServiceDocument) -> Vec<Text> {
    let found = &service.recommend;
    let base = found.base.reference.as_deref().map_or("not known", familiar);
    let now = found.now.stored_bytes;
    let mut row = vec![Text::of(&service.service), Text::of(base), bytes(now)];
    let best = found.candidates.iter().find(|one| found.recommended.as_ref() == Some(&one.reference));
    match best.or(found.candidates.first()) {
        None => row.extend(std::iter::repeat_n(Text::from("-").toned(Tone::Dim), 4)),
        Some(one) => row.extend([
            Text::of(familiar(&one.reference)).toned(if best.is_some() { Tone::Strong } else { Tone::Plain }),
            verdict(&one.verdict),
            bytes(one.figures.stored_bytes),
            less(now, one.figures.stored_bytes),
        ]),
    }
    row
}

fn less(now: u64, then: u64) -> Text {
    Text::from(human::change(now, then)).toned(if then < now { Tone::Good } else { Tone::Bad })
}

fn together(document: &ComposeDocument) -> Section {
    let columns = vec![
        left(""),
        right("sum"),
        right("pull of all"),
        right(""),
        right("shared"),
        right("layers"),
        right("pull time"),
        right("saved"),
    ];
    let mut rows = vec![row("now".into(), &document.now, None)];
    rows.push(row("each best".into(), &document.each_best, Some(&document.now)));
    rows.extend(document.one_base.as_ref().map(|one| row("one base".into(), &one.shared, Some(&document.now))));
    let advice = match (document.recommended.as_str(), &document.one_base) {
        ("one_base", Some(one)) => format!("→ {}", on(one)),
        ("each_best", _) => "→ each on the base that is best for it alone".into(),
        _ => "Nothing costs less together than what there is.".into(),
    };
    let tone = if document.recommended == "now" { Tone::Plain } else { Tone::Good };
    let images = human::counted(document.now.images, "image");
    let alike =
        format!("{images}; {} of equal files are in more than one", human::bytes(document.shared_content_bytes));
    let lines = vec![Text::of(advice).toned(tone), Text::from(alike).toned(Tone::Dim), setting(&document.setting)];
    Section { title: "Together".into(), level: 2, lines, table: Table { columns, rows, one_line: false } }
}

/// `all on python:3.7-slim`, `2 of 3 on python:3.7-slim`.
fn on(one: &OneBaseDocument) -> String {
    let there = one.services.iter().filter(|service| service.verdict == "works").count();
    let name = familiar(&one.reference);
    if there == one.services.len() {
        format!("all on {name}")
    } else {
        format!("{there} of {} on {name}", one.services.len())
    }
}

fn row(name: String, shared: &SharedDocument, now: Option<&SharedDocument>) -> Vec<Text> {
    let saved = &shared.saved;
    let gained = match (now, gain(saved.pull_seconds, saved.pull_error)) {
        (None, _) => Text::default(),
        (_, None) => Text::from("no difference").toned(Tone::Dim),
        (_, Some(tone)) => Text::from(format!("{:.1} s ± {:.1}", saved.pull_seconds, saved.pull_error)).toned(tone),
    };
    vec![
        Text::of(name),
        bytes(shared.stored_bytes),
        bytes(shared.pull_bytes).toned(Tone::Strong),
        now.map_or_else(Text::default, |now| less(now.pull_bytes, shared.pull_bytes)),
        bytes(shared.shared_stored_bytes),
        count(shared.shared_layers),
        human::seconds(shared.pull_seconds).into(),
        gained,
    ]
}

fn on_one_base(one: &OneBaseDocument) -> Section {
    let row = |service: &OnBaseDocument| {
        let worst = service.reasons.first().filter(|_| service.verdict != "works");
        let what = match (service.already, worst, &service.moves_to) {
            (true, ..) => "stands on it".into(),
            (_, Some(reason), _) => reason.what.clone(),
            (_, None, _) if service.verdict == "works" => "moves to it".into(),
            (_, None, _) => "was not looked at on it".into(),
        };
        let elsewhere = service.moves_to.as_ref().filter(|_| service.verdict != "works");
        let then = elsewhere.map(|name| format!("→ {}", familiar(name)));
        let lines: Vec<&str> = std::iter::once(&what).chain(&then).map(String::as_str).collect();
        vec![Text::of(&service.service), verdict(&service.verdict), Text::lines(&lines)]
    };
    let table = Table {
        columns: vec![left(""), left(""), left("")],
        rows: one.services.iter().map(row).collect(),
        one_line: false,
    };
    let title = format!("One base: {}", familiar(&one.reference)).into();
    Section { title, level: 2, lines: Vec::new(), table }
}

/// Services, and once each the bases that some service was to be looked at on.
fn not_looked_at(document: &ComposeDocument) -> Option<Section> {
    let bases = document.services.iter().flat_map(|service| &service.recommend.unavailable);
    let missing = document.unavailable.iter().chain(bases).map(|one| (one.name.as_str(), one.reason.as_str()));
    let left_out = document.left_out.iter().map(|name| (name.as_str(), "its profile was not chosen"));
    let mut seen = HashSet::new();
    let once = missing.chain(left_out).filter(|(name, _)| seen.insert(*name));
    let rows: Vec<_> = once.map(|(name, why)| vec![Text::of(familiar(name)), Text::of(why).toned(Tone::Dim)]).collect();
    let table = Table { columns: vec![left(""), left("")], rows, one_line: false };
    (!table.rows.is_empty()).then(|| Section { title: "Not looked at".into(), level: 2, lines: Vec::new(), table })
}
