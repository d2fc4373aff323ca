//! The page of `start`: the seconds saved first, then what was measured, the terms, and what nobody has checked.

use super::{Page, Section, Table, Text, Tone, bytes, count, gain, left, right};
use crate::report::document::{StartDocument, StartImageDocument, TermDocument};
use crate::report::human::{self, seconds};

/// The terms, in the order in which they pass.
const TERMS: [&str; 6] = ["requests", "download", "unpack", "create", "start", "application"];

/// Lays out the document.
pub(in crate::report) fn start(document: &StartDocument) -> Page {
    let sections = [Some(summary(document)), measured(document), Some(terms(document)), not_validated(document)];
    Page { sections: sections.into_iter().flatten().collect() }
}

fn summary(document: &StartDocument) -> Section {
    let profile = &document.setting.profile;
    let link = human::link(profile.bandwidth, profile.rtt);
    let title = format!("Cold start with {}, {}: {link} round trip", document.setting.engine, profile.name);
    let numbers = match document.setting.calibrated {
        true => "Predicted with numbers that were measured on this machine (--calibrate).",
        false => "Predicted with numbers of another machine: --calibrate measures this one.",
    };
    let name = |(at, image): (usize, &StartImageDocument)| Text::of(format!("{}  {}", at + 1, image.image.reference));
    let mut lines: Vec<Text> = document.images.iter().enumerate().map(name).collect();
    lines.push(Text::from(numbers).toned(Tone::Dim));
    if !document.have.is_empty() {
        lines.push(Text::of(format!("On the host already: {}", document.have.join(", "))).toned(Tone::Dim));
    }
    let most = document.images.iter().map(|image| image.predicted.total).fold(0.0, f64::max);
    let rows = document.images.iter().enumerate().map(|(at, image)| {
        let it = &image.predicted;
        vec![
            number(at),
            saving(document, at),
            Text::from(seconds(it.total)).toned(Tone::Strong).barred(it.total, most),
            range(it.low, it.high),
            seconds(it.pull).into(),
            seconds(it.create + it.ready).into(),
            seconds(it.warm).into(),
            bytes(it.bytes),
            count(it.requests),
        ]
    });
    let columns = vec![
        left(""),
        left("saved"),
        right("cold"),
        right("range"),
        right("pull"),
        right("run"),
        right("warm"),
        right("download"),
        right("requests"),
    ];
    let table = Table { columns, rows: rows.collect(), one_line: false };
    Section { title: title.into(), level: 1, lines, table }
}

/// What an image saves against the first: `4.1 s ± 0.6`, or that it can't be told.
fn saving(document: &StartDocument, at: usize) -> Text {
    let Some(saved) = at.checked_sub(1).and_then(|at| document.saved.get(at)) else {
        return Text::from("-").toned(Tone::Dim);
    };
    match gain(saved.seconds, saved.error) {
        None => Text::from("no measurable difference").toned(Tone::Dim),
        Some(tone) => Text::from(format!("{} ± {}", seconds(saved.seconds), seconds(saved.error))).toned(tone),
    }
}

fn measured(document: &StartDocument) -> Option<Section> {
    let rows: Vec<Vec<Text>> =
        document.images.iter().enumerate().filter_map(|(at, image)| measured_row(document, at, image)).collect();
    let names = ["saved", "cold", "range", "predicted", "error", "pull", "create", "ready", "warm", "runs"];
    let columns = [left("")].into_iter().chain(names.into_iter().map(right)).chain([left("ready by")]).collect();
    let lines = vec![
        Text::from("Medians, with containers that have no network; runs that others disturbed do not count.")
            .toned(Tone::Dim),
    ];
    let table = Table { columns, rows, one_line: false };
    (!table.rows.is_empty()).then(|| Section { title: "Measured".into(), level: 2, lines, table })
}

fn measured_row(document: &StartDocument, at: usize, image: &StartImageDocument) -> Option<Vec<Text>> {
    let it = image.measured.as_ref()?;
    let saved = at.checked_sub(1).and_then(|at| document.saved.get(at)?.measured_seconds);
    let kept = it.runs.iter().filter(|run| run.kept).count();
    let error = image.prediction_error.map(|error| format!("{:+.0}%", error * 100.0)).unwrap_or_default();
    Some(vec![
        number(at),
        saved.map_or_else(|| Text::from("-").toned(Tone::Dim), |saved| seconds(saved).into()),
        Text::from(seconds(it.median.total)).toned(Tone::Strong),
        range(it.least.total, it.most.total),
        seconds(image.predicted.total).into(),
        error.into(),
        seconds(it.median.pull).into(),
        seconds(it.median.create).into(),
        seconds(it.median.ready).into(),
        seconds(it.median.warm).into(),
        super::shown(kept, it.runs.len() as u64).into(),
        Text::of(&it.ready_by),
    ])
}

/// The number by which the lines at the top name an image.
fn number(at: usize) -> Text {
    (at + 1).to_string().into()
}

/// `0.72 to 1.2 s`
fn range(low: f64, high: f64) -> Text {
    let low = seconds(low);
    format!("{} to {}", low.trim_end_matches(" s"), seconds(high)).into()
}

fn terms(document: &StartDocument) -> Section {
    let has = |name: &&str| document.images.iter().any(|image| term(image, name).is_some());
    let names: Vec<&'static str> = TERMS.into_iter().filter(|name| has(name)).collect();
    let row = |(at, image): (usize, &StartImageDocument)| {
        let cell = |name: &&str| match term(image, name) {
            Some(term) => format!("{} ± {}", seconds(term.seconds), seconds(term.error)).into(),
            None => Text::from("-").toned(Tone::Dim),
        };
        [number(at)].into_iter().chain(names.iter().map(cell)).collect()
    };
    let columns = [left("")].into_iter().chain(names.iter().map(|name| right(name))).collect();
    let table = Table { columns, rows: document.images.iter().enumerate().map(row).collect(), one_line: false };
    Section { title: "What the cold start is made of".into(), level: 2, lines: Vec::new(), table }
}

fn term<'a>(image: &'a StartImageDocument, name: &str) -> Option<&'a TermDocument> {
    image.predicted.terms.iter().find(|term| term.name == name)
}

fn not_validated(document: &StartDocument) -> Option<Section> {
    let lines: Vec<Text> = document.not_validated.iter().map(|what| Text::of(format!("- {what}"))).collect();
    let title = "Not validated".into();
    (!lines.is_empty()).then(|| Section { title, level: 2, lines, table: Table::default() })
}
