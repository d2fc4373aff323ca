//! The page of `recommend`: what is under the image, what could be, and why or why not.

use super::{Page, Section, Table, Text, Tone, digest, facts, familiar, gain, left, right, spare};
use crate::report::document::{
    CandidateDocument, FiguresDocument, ReasonDocument, RecommendDocument, SavedDocument, SettingDocument,
};
use crate::report::human;

/// Lays out the document.
pub(in crate::report) fn recommend(document: &RecommendDocument) -> Page {
    let mut sections = vec![summary(document), bases(document)];
    sections.extend(tried(document));
    sections.extend(document.candidates.iter().filter_map(reasons));
    sections.extend(unavailable(document));
    Page { sections }
}

fn summary(document: &RecommendDocument) -> Section {
    let base = &document.base;
    let name = if base.names.is_empty() {
        "not known".into()
    } else {
        base.names.iter().map(|name| familiar(name)).collect::<Vec<_>>().join(", ")
    };
    let layers =
        base.layers.map_or_else(String::new, |layers| format!("the lowest {}", human::counted(layers, "layer")));
    let mut rows = vec![vec!["base".into(), Text::of(name).toned(Tone::Strong), Text::from(base.confidence.as_str())]];
    rows.push(vec!["".into(), layers.into(), Text::default()]);
    for evidence in &base.evidence {
        let (holds, tone) = match evidence.holds {
            Some(true) => ("holds", Tone::Good),
            Some(false) => ("does not hold", Tone::Bad),
            None => ("not checked", Tone::Dim),
        };
        rows.push(vec![Text::of(&evidence.kind), Text::of(&evidence.says), Text::from(holds).toned(tone)]);
    }
    if let Some(ended) = &document.end_of_life {
        let says = format!("{}: no security updates since {}", ended.release, ended.since);
        rows.push(vec!["past its end".into(), Text::of(says).toned(Tone::Bad), Text::default()]);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.text.is_empty()));
    let table = Table { columns: vec![left(""), left(""), left("")], rows, one_line: false };
    let title = Text::of(&document.image.reference);
    Section { title, level: 1, lines: vec![facts(&document.image), digest(&document.image)], table }
}

fn bases(document: &RecommendDocument) -> Section {
    let columns = vec![
        left("on"),
        left("verdict"),
        right("stored"),
        right(""),
        spare("files"),
        spare(""),
        spare("packages"),
        spare("layers"),
        right("cold start"),
        right("saved"),
    ];
    let now = &document.now;
    let most = most(document);
    let mut rows = vec![row(
        "now".into(),
        Text::default(),
        now,
        now,
        most,
        [seconds(document.start.total).barred(document.start.total, most.1), Text::default()],
    )];
    rows.extend(document.candidates.iter().map(|candidate| {
        let best = document.recommended.as_ref() == Some(&candidate.reference);
        let name = Text::of(beside(&document.image.reference, &candidate.reference)).toned(if best {
            Tone::Strong
        } else {
            Tone::Plain
        });
        let start =
            [seconds(candidate.start.total).barred(candidate.start.total, most.1), start_saved(&candidate.saved)];
        row(name, verdict(&candidate.verdict), &candidate.figures, now, most, start)
    }));
    let line = match &document.recommended {
        Some(best) => Text::of(format!("→ {}", familiar(best))).toned(Tone::Good),
        None if document.candidates.is_empty() => "Nothing smaller was found that could take its place.".into(),
        None => match &document.worth_a_try {
            Some(name) => {
                let what = "None of these is known to work as it is; worth a try with the Dockerfile's change:";
                Text::of(format!("{what} {}", familiar(name))).toned(Tone::Warn)
            }
            None => "None of these is known to work.".into(),
        },
    };
    let table = Table { columns, rows, one_line: false };
    Section { title: "Bases".into(), level: 2, lines: vec![line, setting(&document.setting)], table }
}

/// The largest numbers, for bars: stored bytes, and the cold start's seconds.
fn most(document: &RecommendDocument) -> (u64, f64) {
    let stored = document.candidates.iter().map(|candidate| candidate.figures.stored_bytes);
    let starts = document.candidates.iter().map(|candidate| candidate.start.total);
    (stored.fold(document.now.stored_bytes, u64::max), starts.fold(document.start.total, f64::max))
}

/// A candidate's name for a narrow column: without the layout's where the image lies in the same one.
fn beside<'n>(image: &str, name: &'n str) -> &'n str {
    let layout = image.starts_with("oci:").then(|| image.rsplit_once(':')).flatten();
    let here = layout.and_then(|(layout, _)| name.strip_prefix(layout)?.strip_prefix(':'));
    here.unwrap_or_else(|| familiar(name))
}

fn row(
    name: Text,
    verdict: Text,
    figures: &FiguresDocument,
    now: &FiguresDocument,
    most: (u64, f64),
    [start, saved]: [Text; 2],
) -> Vec<Text> {
    let unknown = || Text::from("?").toned(Tone::Dim);
    let less = |now: u64, then: u64| {
        Text::from(human::change(now, then)).toned(if then < now { Tone::Good } else { Tone::Bad })
    };
    let files = figures.file_bytes.zip(now.file_bytes);
    vec![
        name,
        verdict,
        Text::bytes(figures.stored_bytes, most.0),
        less(now.stored_bytes, figures.stored_bytes),
        figures.file_bytes.map_or_else(unknown, |bytes| human::bytes(bytes).into()),
        files.map_or_else(Text::default, |(then, now)| less(now, then)),
        figures.packages.map_or_else(unknown, |packages| human::count(packages).into()),
        human::count(figures.layers).into(),
        start,
        saved,
    ]
}

/// `8.1 s ± 0.6`, or nothing where it can't be told from nothing.
fn start_saved(saved: &SavedDocument) -> Text {
    match gain(saved.start_seconds, saved.start_error) {
        None => Text::from("no difference").toned(Tone::Dim),
        Some(tone) => Text::from(format!("{:.1} s ± {:.1}", saved.start_seconds, saved.start_error)).toned(tone),
    }
}

fn seconds(seconds: f64) -> Text {
    format!("{seconds:.1} s").into()
}

/// What cold starts are foretold for.
pub(super) fn setting(setting: &SettingDocument) -> Text {
    let SettingDocument { engine, calibrated, profile } = setting;
    let known = if *calibrated { "measured on this machine" } else { "with the numbers that ship" };
    let (name, link) = (&profile.name, human::link(profile.bandwidth, profile.rtt));
    Text::from(format!("cold start: {engine} over {name} ({link}), {known}")).toned(Tone::Dim)
}

pub(super) fn verdict(name: &str) -> Text {
    Text::of(name).toned(match name {
        "works" => Tone::Good,
        "breaks" => Tone::Bad,
        _ => Tone::Warn,
    })
}

fn reasons(candidate: &CandidateDocument) -> Option<Section> {
    let columns = vec![left(""), left("rule"), left("what")];
    let row = |reason: &ReasonDocument| {
        let needed = reason.needed_by.as_ref().map(|path| format!("needed by {path}"));
        let installs = if reason.patch_installs.is_empty() { "" } else { ", which the Dockerfile's change installs" };
        let supplied = reason.supplied_by.as_ref().map(|supplier| format!("→ {supplier}{installs}"));
        let lines = [Some(reason.what.clone()), needed, supplied];
        let lines: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
        let tone =
            if reason.verdict == "works" { Text::from("remark").toned(Tone::Dim) } else { verdict(&reason.verdict) };
        vec![tone, Text::of(&reason.rule), Text::lines(&lines)]
    };
    let rows: Vec<_> = candidate.reasons.iter().map(row).collect();
    let table = Table { columns, rows, one_line: false };
    let title = format!("On {}: {}", familiar(&candidate.reference), candidate.verdict).into();
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

/// What it did, and the end of what it wrote, line by line.
fn said(says: &str) -> Text {
    Text::lines(&says.lines().collect::<Vec<_>>())
}

/// What was run, and what it did.
fn tried(document: &RecommendDocument) -> Option<Section> {
    let tried = document.tried.as_ref()?;
    let mut rows = vec![vec!["now".into(), Text::default(), said(&tried.now)]];
    let trials = document.candidates.iter().filter_map(|candidate| Some((candidate, candidate.trial.as_ref()?)));
    rows.extend(trials.map(|(candidate, trial)| {
        vec![Text::of(familiar(&candidate.reference)), verdict(&trial.verdict), said(&trial.says)]
    }));
    let what: String = if tried.command.is_empty() { "as its image says".into() } else { tried.command.join(" ") };
    let lines = vec![Text::of(format!("each was run once with {}: {what}", tried.engine)).toned(Tone::Dim)];
    let table = Table { columns: vec![left("on"), left(""), left("what it did")], rows, one_line: false };
    Some(Section { title: "Tried".into(), level: 2, lines, table })
}

fn unavailable(document: &RecommendDocument) -> Option<Section> {
    let rows: Vec<_> = document
        .unavailable
        .iter()
        .map(|one| vec![Text::of(familiar(&one.name)), Text::of(&one.reason).toned(Tone::Dim)])
        .collect();
    let title = "Not looked at".into();
    let table = Table { columns: vec![left(""), left("")], rows, one_line: true };
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}
