//! The page of `diff`: the sums first, then layers, directories, files, packages, configuration.

use super::inspect::layer_table;
use super::recommend::setting;
use super::{Page, Section, Table, Text, Tone, bytes, count, digest, facts, gain, heading, left, right, shown, unread};
use crate::analyze::instruction;
use crate::report::document::{ChangedDocument, DiffDocument, DiffStart, LayerDocument, StatDocument, TallyDocument};
use crate::report::human;

/// Lays out the document.
pub(in crate::report) fn diff(document: &DiffDocument<'_>) -> Page {
    let mut sections = vec![summary(document), shared(document)];
    let layers = &document.layers;
    for (title, list) in
        [("Layers of both", &layers.shared), ("Layers of A only", &layers.only_a), ("Layers of B only", &layers.only_b)]
    {
        sections.extend(layer_section(title, list));
    }
    sections.extend(document.is_empty().then(no_differences));
    sections
        .extend([directories(document), files(document), packages(document), config(document)].into_iter().flatten());
    Page { sections }
}

fn no_differences() -> Section {
    let title = "No differences in files, packages or configuration".into();
    Section { title, level: 2, lines: Vec::new(), table: Table::default() }
}

fn summary(document: &DiffDocument<'_>) -> Section {
    let (a, b) = (&document.a.totals, &document.b.totals);
    let sizes = [
        ("stored", a.stored_bytes, b.stored_bytes),
        ("files", a.file_bytes, b.file_bytes),
        ("visible", a.visible_bytes, b.visible_bytes),
        ("lost", a.wasted_bytes, b.wasted_bytes),
    ];
    let counts = [("layers", a.layers, b.layers), ("visible files", a.files, b.files)];
    let mut rows: Vec<_> = sizes.into_iter().map(|(name, a, b)| size_row(name, a, b)).collect();
    rows.extend(counts.into_iter().map(|(name, a, b)| {
        let difference = human::signed_count(difference(a, b)).into();
        vec![name.into(), count(a), count(b), difference, human::change(a, b).into()]
    }));
    rows.push(start_row(&document.start));
    let table =
        Table { columns: vec![left(""), right("A"), right("B"), right("B - A"), right("")], rows, one_line: false };
    let names = [("A", &document.a.image), ("B", &document.b.image)];
    let lines = names.into_iter().flat_map(|(name, image)| {
        [Text::of(format!("{name}  {}", image.reference)), indent(facts(image)), indent(digest(image))]
    });
    let lines = lines.chain([setting(&document.start.setting)]).collect();
    Section { title: "A and B".into(), level: 1, lines, table }
}

/// Cold starts, and the difference where it is more than what the forecast may be off.
fn start_row(start: &DiffStart) -> Vec<Text> {
    let most = start.a.total.max(start.b.total);
    let seconds = |seconds: f64| Text::from(format!("{seconds:.1} s")).barred(seconds, most);
    let difference = match gain(start.saved_seconds, start.error) {
        None => Text::from("no difference").toned(Tone::Dim),
        Some(tone) => Text::from(format!("{:+.1} s ± {:.1}", -start.saved_seconds, start.error)).toned(tone),
    };
    let [a, b] = [&start.a, &start.b].map(|side| seconds(side.total));
    vec!["cold start".into(), a, b, difference, Text::default()]
}

fn indent(text: Text) -> Text {
    Text { text: format!("   {}", text.text), ..text }
}

fn difference(a: u64, b: u64) -> i64 {
    (b as i64).saturating_sub(a as i64)
}

fn size_row(name: &str, a: u64, b: u64) -> Vec<Text> {
    let tone = if b < a { Tone::Good } else { Tone::Bad };
    let tone = if a == b { Tone::Plain } else { tone };
    let growth = human::signed_bytes(difference(a, b));
    let [a_text, b_text] = [a, b].map(|size| Text::bytes(size, a.max(b)));
    vec![name.into(), a_text, b_text, Text::from(growth).toned(tone), Text::from(human::change(a, b)).toned(tone)]
}

fn shared(document: &DiffDocument<'_>) -> Section {
    let totals = &document.totals;
    let row = |name: &str, number: Text, note: &str| vec![name.into(), number, Text::from(note).toned(Tone::Dim)];
    let layers = human::counted(totals.shared_layers, "layer");
    let rows = vec![
        row(
            "pull of B after A",
            bytes(totals.pull_b_after_a_bytes).toned(Tone::Strong),
            "what is downloaded where A is there already",
        ),
        row("shared stored", bytes(totals.shared_stored_bytes), "blobs that both have"),
        row("shared layers", bytes(totals.shared_layer_file_bytes), &format!("files in the {layers} that both have")),
        row("shared content", bytes(totals.shared_content_bytes), "equal files, whatever their path and layer"),
    ];
    let table = Table { columns: vec![left(""), right(""), left("")], rows, one_line: false };
    Section { title: "Sharing".into(), level: 2, lines: Vec::new(), table }
}

fn layer_section(title: &str, layers: &[LayerDocument]) -> Option<Section> {
    let title = heading(title, &human::count(layers.len() as u64));
    (!layers.is_empty()).then(|| Section { title, level: 2, lines: Vec::new(), table: layer_table(layers) })
}

fn directories(document: &DiffDocument<'_>) -> Option<Section> {
    let totals = &document.totals;
    let tally = |tally: &TallyDocument, sign: &str| match tally.names {
        0 => Text::from("-").toned(Tone::Dim),
        names if tally.bytes == 0 => human::count(names).into(),
        names => format!("{}: {sign}{}", human::count(names), human::bytes(tally.bytes)).into(),
    };
    let row = |path: Text, added, removed, changed, moved, growth| {
        let growth_tone = if growth <= 0 { Tone::Good } else { Tone::Bad };
        vec![
            Text::from(human::signed_bytes(growth)).toned(growth_tone),
            tally(added, "+"),
            tally(removed, "-"),
            tally(changed, ""),
            tally(moved, ""),
            path,
        ]
    };
    let mut rows: Vec<_> = (document.directories.iter())
        .map(|dir| {
            let rest = if dir.rest { " (the rest)" } else { "" };
            let path = Text::of(format!("{}{rest}", dir.path.path));
            row(path, &dir.added, &dir.removed, &dir.changed, &dir.moved, dir.growth_bytes)
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let all = Text::from("in all").toned(Tone::Sum);
    rows.push(row(all, &totals.added, &totals.removed, &totals.changed, &totals.moved, totals.growth_bytes));
    let columns =
        vec![right("growth"), right("added"), right("removed"), right("changed"), right("moved"), left("directory")];
    let table = Table { columns, rows, one_line: false };
    Some(Section { title: "Files by directory: names and bytes".into(), level: 2, lines: Vec::new(), table })
}

/// The largest differences of every kind.
fn files(document: &DiffDocument<'_>) -> Option<Section> {
    let files = &document.files;
    let row = |growth: i64, kind: &str, tone: Tone, path: Text, note: Text| {
        vec![human::signed_bytes(growth).into(), Text::from(kind).toned(tone), path, note.toned(Tone::Dim)]
    };
    let size = |bytes: u64| bytes.min(i64::MAX as u64) as i64;
    let mut rows: Vec<(u64, Vec<Text>)> = Vec::new();
    for file in files.removed.iter() {
        rows.push((
            file.bytes,
            row(-size(file.bytes), "removed", Tone::Good, name(&file.path.path, &file.stat), Text::default()),
        ));
    }
    for file in files.added.iter() {
        rows.push((
            file.bytes,
            row(size(file.bytes), "added", Tone::Bad, name(&file.path.path, &file.stat), Text::default()),
        ));
    }
    for file in files.changed.iter() {
        let path = name(&file.path.path, &file.b);
        rows.push((
            file.growth_bytes.unsigned_abs(),
            row(file.growth_bytes, "changed", Tone::Warn, path, changes(&file).into()),
        ));
    }
    for file in files.moved.iter() {
        let note = format!("from {}", file.from);
        rows.push((0, row(0, "moved", Tone::Plain, Text::of(&file.to), note.into())));
    }
    let (listed, all) = (rows.len(), document.totals.names());
    rows.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let title = heading("Files, the largest differences first", &shown(listed, all));
    let columns = vec![right("growth"), left(""), left("path"), left("")];
    let table = Table { columns, rows: rows.into_iter().map(|(_, row)| row).collect(), one_line: false };
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

fn name(path: &str, stat: &StatDocument) -> Text {
    match (stat.kind, &stat.link) {
        ("dir", _) => Text::of(format!("{path}/")),
        (_, Some(target)) => Text::of(format!("{path} -> {target}")),
        _ => Text::of(path),
    }
}

/// `content, mode 0644 → 0755`
fn changes(file: &ChangedDocument) -> String {
    let (a, b) = (&file.a, &file.b);
    let time = |stat: &StatDocument| human::exact_time(stat.mtime, stat.mtime_nanos.unwrap_or_default());
    let change = |what: &String| match what.as_str() {
        "mode" => format!("mode {} → {}", a.mode, b.mode),
        "owner" => format!("owner {}:{} → {}:{}", a.uid, a.gid, b.uid, b.gid),
        "type" => format!("{} → {}", a.kind, b.kind),
        "mtime" => format!("mtime {} → {}", time(a), time(b)),
        "link" if a.link.is_some() => format!("link was {}", a.link.as_deref().unwrap_or_default()),
        other => other.to_owned(),
    };
    file.what.iter().filter(|what| *what != "mtime" || file.what.len() == 1).map(change).collect::<Vec<_>>().join(", ")
}

fn packages(document: &DiffDocument<'_>) -> Option<Section> {
    let packages = &document.packages;
    let rows = document.top.of(packages.iter()).into_iter().map(|package| {
        let (kind, tone) = match (&package.a, &package.b) {
            (None, _) => ("added", Tone::Bad),
            (_, None) => ("removed", Tone::Good),
            _ => ("changed", Tone::Warn),
        };
        let version = |version: &Option<String>| version.as_deref().map_or_else(Text::default, Text::of);
        vec![
            Text::of(&package.ecosystem),
            Text::from(kind).toned(tone),
            Text::of(&package.name),
            version(&package.a),
            version(&package.b),
        ]
    });
    let columns = vec![left(""), left(""), left("package"), left("A"), left("B")];
    let table = Table { columns, rows: rows.collect(), one_line: false };
    let title = heading("Packages", &package_sums(document, table.rows.len()));
    let lines: Vec<Text> = document.programs_unread.iter().map(unread).collect();
    (!table.rows.is_empty() || !lines.is_empty()).then_some(Section { title, level: 2, lines, table })
}

/// `20 of 410: 3 added, 400 removed, 7 changed`
fn package_sums(document: &DiffDocument<'_>, listed: usize) -> String {
    let packages = &document.packages;
    let all = shown(listed, packages.len() as u64);
    let added = packages.iter().filter(|package| package.a.is_none()).count() as u64;
    let removed = packages.iter().filter(|package| package.b.is_none()).count() as u64;
    let changed = packages.len() as u64 - added - removed;
    let [added, removed, changed] = [added, removed, changed].map(human::count);
    format!("{all}: {added} added, {removed} removed, {changed} changed")
}

fn config(document: &DiffDocument<'_>) -> Option<Section> {
    let value = |key: &str, value: &Option<String>| match value {
        None => Text::from("-").toned(Tone::Dim),
        Some(value) if key.starts_with("History.") => Text::of(instruction(value)),
        Some(value) => Text::of(value),
    };
    let listed = document.top.of(document.config.iter());
    let rows = listed
        .into_iter()
        .map(|change| vec![Text::of(&change.key), value(&change.key, &change.a), value(&change.key, &change.b)]);
    let columns = vec![left("setting"), left("A"), left("B")];
    let table = Table { columns, rows: rows.collect(), one_line: document.top.0.is_some() };
    let title = heading("Configuration", &shown(table.rows.len(), document.config.len() as u64));
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}
