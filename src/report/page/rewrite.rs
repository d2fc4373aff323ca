//! The page of `rebase` and `optimize`: what was won, how, and what proves it.

use super::recommend::verdict;
use super::{Page, Section, Table, Text, Tone, bytes, count, digest, facts, familiar, left, right};
use crate::report::document::{PlaceDocument, RewriteDocument, RewriteIndexDocument, SizesDocument, StepDocument};
use crate::report::human;

/// Lays out the document.
pub(in crate::report) fn rewrite(document: &RewriteDocument) -> Page {
    let sections =
        [Some(summary(document)), Some(steps(document)), refused(document), conflicts(document), reasons(document)];
    Page { sections: sections.into_iter().flatten().collect() }
}

/// Lays out those of all platforms, one after the other.
pub(in crate::report) fn rewrite_index(document: &RewriteIndexDocument) -> Page {
    let mut sections: Vec<Section> = document.images.iter().flat_map(|image| rewrite(image).sections).collect();
    sections.extend(document.written.as_ref().map(|place| Section {
        title: Text::of(format!("{} platforms", document.images.len())),
        level: 1,
        lines: vec![arrow(place)],
        table: Table::default(),
    }));
    Page { sections }
}

fn arrow(place: &PlaceDocument) -> Text {
    Text::of(format!("→ {}  {}", place.destination, place.digest)).toned(Tone::Strong)
}

fn summary(document: &RewriteDocument) -> Section {
    let before = document.before;
    let row = |name: &str, size: fn(&SizesDocument) -> u64, shown: fn(u64) -> Text| {
        let now = size(&before);
        let after = document.after.as_ref().map(size);
        let tone = |after: u64| if after < now { Tone::Good } else { Tone::Bad };
        let change = after.map_or_else(Text::default, |after| match after == now {
            true => Text::default(),
            false => Text::from(human::change(now, after)).toned(tone(after)),
        });
        vec![name.into(), shown(now), after.map_or_else(|| Text::from("?").toned(Tone::Dim), shown), change]
    };
    let rows = vec![
        row("stored", |it| it.stored_bytes, bytes),
        row("files", |it| it.file_bytes, bytes),
        row("lost", |it| it.wasted_bytes, bytes),
        row("layers", |it| it.layers, count),
    ];
    let table = Table { columns: vec![left(""), right("now"), right("new"), right("")], rows, one_line: false };
    let mut lines = vec![facts(&document.image), digest(&document.image)];
    lines.extend(document.onto.as_ref().map(|onto| Text::of(format!("onto {}", familiar(&onto.reference)))));
    lines.extend(document.written.as_ref().map(arrow));
    lines.push(match &document.proof {
        Some(proof) => {
            let left_out = match proof.dropped {
                0 => String::new(),
                files => format!(", {} left out", human::counted(files, "file")),
            };
            let same = human::counted(proof.same, "name");
            Text::from(format!("Read back and compared: {same} the same{left_out}.")).toned(Tone::Good)
        }
        None => Text::from("A plan: nothing was written.").toned(Tone::Dim),
    });
    Section { title: Text::of(&document.image.reference), level: 1, lines, table }
}

fn steps(document: &RewriteDocument) -> Section {
    let row = |step: &StepDocument| {
        let layers = match (step.first, step.layers) {
            (_, 0) => String::new(),
            (first, 1) => first.to_string(),
            (first, layers) => format!("{first} to {}", first + layers - 1),
        };
        let won = |bytes: u64, files: Option<u64>| match (bytes, files) {
            (0, _) => Text::from("-").toned(Tone::Dim),
            (bytes, None) => Text::from(human::bytes(bytes)).toned(Tone::Good),
            (bytes, Some(files)) => {
                let told = format!("{} in {}", human::bytes(bytes), human::counted(files, "file"));
                Text::from(told).toned(Tone::Good)
            }
        };
        let image = step.image.as_deref().map_or("", familiar);
        vec![
            Text::of(&step.step).toned(if step.step == "keep" { Tone::Dim } else { Tone::Strong }),
            layers.into(),
            bytes(step.file_bytes),
            bytes(step.new_file_bytes),
            won(step.lost_bytes, None),
            won(step.dropped_bytes, Some(step.dropped_files)),
            won(step.deduped_bytes, Some(step.deduped_files)),
            Text::of(image),
        ]
    };
    let columns = vec![
        left(""),
        left("layers"),
        right("files now"),
        right("new"),
        right("lost"),
        right("left out"),
        right("linked"),
        left("of"),
    ];
    let table = Table { columns, rows: document.steps.iter().map(row).collect(), one_line: false };
    let merged = (!document.merged.is_empty()).then(|| Text::of(format!("Merged: {}", document.merged.join(", "))));
    Section { title: "Layers, the lowest first".into(), level: 2, lines: merged.into_iter().collect(), table }
}

fn refused(document: &RewriteDocument) -> Option<Section> {
    let rows = document.refused.iter().map(|it| vec![Text::of(&it.path).toned(Tone::Bad), Text::of(&it.why)]);
    let table = Table { columns: vec![left("file"), left("why")], rows: rows.collect(), one_line: false };
    let title = "Not merged: these stay as the application has them".into();
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

fn conflicts(document: &RewriteDocument) -> Option<Section> {
    let rows = document.conflicts.iter().map(|it| {
        let text = [&it.setting, &it.old_base, &it.new_base, &it.application];
        text.into_iter().map(Text::of).collect()
    });
    let columns = vec![left("setting"), left("old base"), left("new base"), left("application: stays")];
    let table = Table { columns, rows: rows.collect(), one_line: false };
    let title = "Settings that both have changed".into();
    (!table.rows.is_empty()).then_some(Section { title, level: 2, lines: Vec::new(), table })
}

fn reasons(document: &RewriteDocument) -> Option<Section> {
    let known = document.verdict.as_ref()?;
    let rows: Vec<Vec<Text>> = document
        .reasons
        .iter()
        .map(|it| {
            let tone = if it.verdict == "works" { Text::from("remark").toned(Tone::Dim) } else { verdict(&it.verdict) };
            vec![tone, Text::of(&it.rule), Text::of(&it.what)]
        })
        .collect();
    let table = Table { columns: vec![left(""), left("rule"), left("what")], rows, one_line: false };
    Some(Section { title: Text::of(format!("On it: {known}")), level: 2, lines: Vec::new(), table })
}
