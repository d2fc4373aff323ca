//! The page of `inspect`: the few numbers that matter, then layers, lost bytes, duplicates, packages, findings.

use std::collections::BTreeMap;

use super::{
    Page, Section, Table, Text, Tone, bytes, count, digest, facts, familiar, heading, left, right, shown, unread,
};
use crate::analyze::instruction;
use crate::report::document::{BaseDocument, FindingDocument, InspectDocument, LayerDocument};
use crate::report::human;
use crate::tree::Fate;

/// How many copies of a file are named.
const COPIES: usize = 3;

/// Lays out the document.
pub(in crate::report) fn inspect(document: &InspectDocument) -> Page {
    let sections = [
        Some(summary(document)),
        Some(layers(&document.layers)),
        fates(document),
        wasted(document),
        duplicates(document),
        packages(document),
        findings(&document.findings),
    ];
    Page { sections: sections.into_iter().flatten().collect() }
}

fn summary(document: &InspectDocument) -> Section {
    let totals = &document.totals;
    let row = |name: &str, number: Text, note: String| vec![name.into(), number, Text::from(note).toned(Tone::Dim)];
    let lost = if totals.wasted_bytes > 0 { Tone::Bad } else { Tone::Good };
    let layers = human::counted(totals.layers, "layer");
    let share = human::percent(1.0 - totals.efficiency);
    let rows = vec![
        row(
            "stored",
            bytes(totals.stored_bytes).toned(Tone::Strong),
            match document.image.layers_unpacked {
                None => format!("what a pull downloads, in {layers}"),
                Some(_) => format!("as it lies here, unpacked, in {layers}"),
            },
        ),
        row("files", bytes(totals.file_bytes), "data of the files of all layers".into()),
        row(
            "visible",
            bytes(totals.visible_bytes),
            format!("of {} in the merged tree", human::counted(totals.files, "file")),
        ),
        row(
            "lost",
            bytes(totals.wasted_bytes).toned(lost),
            format!("{share} of the data: stored, pulled, not to be seen"),
        ),
        row(
            "duplicates",
            bytes(document.duplicates.reclaimable_bytes),
            format!("further copies of visible files, in {}", human::counted(document.duplicates.groups, "group")),
        ),
    ];
    let table = Table { columns: vec![left(""), right(""), left("")], rows, one_line: false };
    let title = Text::of(&document.image.reference);
    let base = document.base.as_ref().map(base);
    let lines = [facts(&document.image), digest(&document.image)].into_iter().chain(base).collect();
    Section { title, level: 1, lines, table }
}

/// `on python:3.7: the lowest 7 layers (proven)`
fn base(base: &BaseDocument) -> Text {
    let name = base.reference.as_ref().map(|name| format!("on {}", familiar(name)));
    let layers = base.layers.map(|layers| format!("the lowest {} the base's", human::counted(layers, "layer")));
    let parts: Vec<String> = name.into_iter().chain(layers).collect();
    Text::of(format!("{} ({})", parts.join(": "), base.confidence)).toned(Tone::Dim)
}

/// Layers, the lowest first; also what `diff` shows of them.
pub(super) fn layer_table(layers: &[LayerDocument]) -> Table {
    let columns =
        vec![right("#"), right("stored"), right("files"), right("lost"), right("entries"), left("instruction")];
    let most = layers.iter().map(|layer| layer.stored_bytes).max().unwrap_or_default();
    let row = |layer: &LayerDocument| {
        let lost = if layer.wasted_bytes > 0 { Tone::Bad } else { Tone::Dim };
        vec![
            layer.index.to_string().into(),
            Text::bytes(layer.stored_bytes, most),
            bytes(layer.file_bytes),
            bytes(layer.wasted_bytes).toned(lost),
            count(layer.entries),
            layer.created_by.as_deref().map(instruction).unwrap_or_default().into(),
        ]
    };
    Table { columns, rows: layers.iter().map(row).collect(), one_line: true }
}

fn layers(layers: &[LayerDocument]) -> Section {
    Section { title: "Layers, the lowest first".into(), level: 2, lines: Vec::new(), table: layer_table(layers) }
}

fn fates(document: &InspectDocument) -> Option<Section> {
    let sums = Fate::WASTE.iter().filter_map(|fate| Some((fate, document.waste.by_fate.get(fate.name())?)));
    let rows: Vec<_> = sums
        .filter(|(_, sum)| sum.files > 0)
        .map(|(fate, sum)| {
            vec![bytes(sum.bytes), count(sum.files), fate.name().into(), Text::from(meaning(*fate)).toned(Tone::Dim)]
        })
        .collect();
    let table = Table { columns: vec![right("bytes"), right("files"), left("fate"), left("")], rows, one_line: false };
    let title = "Lost bytes by what became of them".into();
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

fn meaning(fate: Fate) -> &'static str {
    match fate {
        Fate::Visible => "it is in the merged tree",
        Fate::ContentReplaced => "a later entry has other content",
        Fate::MetadataOnly => "stored again for another mode, owner or xattrs",
        Fate::UnchangedCopy => "stored again without a change",
        Fate::Deleted => "a later layer deleted it",
        Fate::Opaque => "an opaque directory hides it",
        Fate::TypeReplaced => "something of another type took its place",
        Fate::SameLayer => "its own layer has the path again",
    }
}

fn wasted(document: &InspectDocument) -> Option<Section> {
    let waste = &document.waste;
    let rows: Vec<_> = (waste.paths.iter())
        .map(|file| {
            vec![
                bytes(file.bytes),
                file.layer.to_string().into(),
                file.by_layer.to_string().into(),
                Text::of(&file.fate),
                Text::of(&file.path.path),
            ]
        })
        .collect();
    let title = heading("Lost files, the largest first", &shown(rows.len(), waste.paths_total));
    let columns = vec![right("bytes"), right("in layer"), right("lost by"), left("fate"), left("path")];
    let table = Table { columns, rows, one_line: false };
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

fn duplicates(document: &InspectDocument) -> Option<Section> {
    let duplicates = &document.duplicates;
    let rows: Vec<_> = (duplicates.top.iter())
        .map(|group| {
            let mut paths: Vec<&str> = group.copies.iter().take(COPIES).map(|copy| copy.path.path.as_str()).collect();
            let more = format!("and {} more", group.copies.len().saturating_sub(COPIES));
            if group.copies.len() > COPIES {
                paths.push(&more);
            }
            let spread = if group.spread == "one_layer" { "one layer" } else { "several layers" };
            vec![
                bytes(group.reclaimable_bytes),
                count(group.copies.len() as u64),
                bytes(group.size),
                spread.into(),
                Text::lines(&paths),
            ]
        })
        .collect();
    let title = heading("Duplicates, the most reclaimable first", &shown(rows.len(), duplicates.groups));
    let columns = vec![right("reclaimable"), right("copies"), right("each"), left("in"), left("paths")];
    let lines = if duplicates.several_layers_bytes > 0 {
        let (several, one) = (human::bytes(duplicates.several_layers_bytes), human::bytes(duplicates.one_layer_bytes));
        let text = format!("{several} across layers, {one} within one: a union filesystem shares layers, not files");
        vec![Text::from(text).toned(Tone::Dim)]
    } else {
        Vec::new()
    };
    let table = Table { columns, rows, one_line: false };
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines, table })
}

fn packages(document: &InspectDocument) -> Option<Section> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    document.packages.iter().for_each(|package| *counts.entry(&package.ecosystem).or_default() += 1);
    let list: Vec<String> = counts.iter().map(|(ecosystem, n)| format!("{} {ecosystem}", human::count(*n))).collect();
    let title = heading("Packages", &human::count(document.packages.len() as u64));
    let unread = document.programs_unread.as_ref().map(unread);
    let lines: Vec<Text> = (!list.is_empty()).then(|| list.join(", ").into()).into_iter().chain(unread).collect();
    (!lines.is_empty()).then(|| Section { title, level: 2, lines, table: Table::default() })
}

fn findings(findings: &[FindingDocument]) -> Option<Section> {
    let row = |finding: &FindingDocument| {
        let tone = match finding.severity.as_str() {
            "error" => Tone::Bad,
            "warning" => Tone::Warn,
            _ => Tone::Dim,
        };
        let size = if finding.bytes > 0 { bytes(finding.bytes) } else { Text::default() };
        let fix = format!("→ {}", finding.fix);
        vec![
            Text::of(&finding.severity).toned(tone),
            size,
            Text::of(&finding.rule),
            Text::lines(&[&finding.message, &fix]),
        ]
    };
    let table = Table {
        columns: vec![left(""), right("bytes"), left("rule"), left("what, and what to do")],
        rows: findings.iter().map(row).collect(),
        one_line: false,
    };
    let title = heading("Findings", &human::count(findings.len() as u64));
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}
