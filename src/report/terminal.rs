//! Pages on a terminal, fitted to its width.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table as Grid};

use super::Look;
use super::page::{Column, Page, Section, Table, Text, Tone};

/// Blanks between columns.
const GAP: u16 = 2;
/// What a column of texts needs at least, unless they are shorter.
const TEXTS: usize = 24;
/// How long the longest bar is.
const BAR: usize = 8;
/// The end of a bar, by eighths of a place.
const ENDS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The width of the terminal on standard output, if there is one.
pub(super) fn width() -> Option<u16> {
    Grid::new().width()
}

/// Writes a page.
pub(super) fn write(page: &Page, look: Look, to: &mut dyn Write) -> io::Result<()> {
    for (at, section) in page.sections.iter().enumerate() {
        if at > 0 {
            writeln!(to)?;
        }
        write_section(section, look, to)?;
    }
    Ok(())
}

fn write_section(section: &Section, look: Look, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}", paint(&section.title.text, Tone::Strong, look))?;
    for line in &section.lines {
        writeln!(to, "{}", paint(&line.text, line.tone, look))?;
    }
    if section.level == 1 && !section.lines.is_empty() {
        writeln!(to)?;
    }
    for line in grid(&section.table, look).lines().filter(|_| !section.table.rows.is_empty()) {
        writeln!(to, "{}", line.trim_end())?;
    }
    Ok(())
}

fn grid(table: &Table, look: Look) -> Grid {
    let table = &*fitted(table, look.width);
    let mut grid = Grid::new();
    grid.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(look.width);
    if look.color {
        grid.enforce_styling();
        // `--color always` stands over `NO_COLOR`, which crossterm looks at behind comfy-table.
        crossterm::style::force_color_output(true);
    } else {
        grid.force_no_tty();
    }
    if table.columns.iter().any(|column| !column.name.is_empty()) {
        grid.set_header(table.columns.iter().map(|column| cell(&Text::from(column.name).toned(Tone::Dim), *column)));
    }
    let bars = bars(table, look);
    for texts in &table.rows {
        let cells = texts.iter().zip(&table.columns).zip(&bars);
        let cells = cells.map(|((text, column), width)| match text.bar.zip(*width) {
            Some((share, width)) => {
                let text = Text { text: format!("{} {:>width$}", bar(share), text.text), ..text.clone() };
                cell(&text, *column)
            }
            None => cell(text, *column),
        });
        let mut row = Row::from(cells.collect::<Vec<_>>());
        if table.one_line {
            row.max_height(1);
        }
        grid.add_row(row);
    }
    let last = table.columns.len().saturating_sub(1);
    for ((at, column), meant) in grid.column_iter_mut().enumerate().zip(&table.columns) {
        column.set_padding((0, if at == last { 0 } else { GAP }));
        if meant.right {
            // Half a number is none.
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    grid
}

/// The table without what it can do without, as far as there is no room: the last such columns go first.
fn fitted(table: &Table, room: u16) -> Cow<'_, Table> {
    if !table.columns.iter().any(|column| column.spare) {
        return Cow::Borrowed(table);
    }
    let needed = |(at, column): (usize, &Column)| {
        let widest = widest(table, at);
        usize::from(GAP) + if column.right { widest } else { widest.min(TEXTS) }
    };
    let needed: Vec<usize> = table.columns.iter().enumerate().map(needed).collect();
    let mut shown: Vec<usize> = (0..table.columns.len()).collect();
    while shown.iter().map(|at| needed[*at]).sum::<usize>() > usize::from(room + GAP) {
        let Some(last) = shown.iter().rposition(|at| table.columns[*at].spare) else { break };
        shown.remove(last);
    }
    let row = |row: &Vec<Text>| shown.iter().filter_map(|at| row.get(*at).cloned()).collect();
    let columns = shown.iter().map(|at| table.columns[*at]).collect();
    Cow::Owned(Table { columns, rows: table.rows.iter().map(row).collect(), one_line: table.one_line })
}

/// How wide the widest cell of a column is.
fn widest(table: &Table, at: usize) -> usize {
    let texts = table.rows.iter().filter_map(|row| row.get(at)).flat_map(|text| text.text.lines());
    texts.chain([table.columns[at].name]).map(|line| line.chars().count()).max().unwrap_or(0)
}

/// For each column that has bars, if there is room for all of them: the width of what stands beside them.
fn bars(table: &Table, look: Look) -> Vec<Option<usize>> {
    let has_bar = |at: usize| table.rows.iter().any(|row| row.get(at).is_some_and(|text| text.bar.is_some()));
    let columns: Vec<(usize, bool)> = (0..table.columns.len()).map(|at| (widest(table, at), has_bar(at))).collect();
    let needed = |(width, bar): &(usize, bool)| width + usize::from(GAP) + if *bar { BAR + 1 } else { 0 };
    let fits = columns.iter().map(needed).sum::<usize>() <= usize::from(look.width + GAP);
    columns.into_iter().map(|(width, bar)| (bar && fits && !table.one_line).then_some(width)).collect()
}

/// So many thousandths of the longest bar; what is more than nothing is seen.
fn bar(share: u16) -> String {
    let eighths = (usize::from(share) * BAR * 8 / 1000).max(usize::from(share > 0));
    let bar = "█".repeat(eighths / 8) + ENDS[eighths % 8];
    format!("{bar:<BAR$}")
}

fn cell(text: &Text, column: Column) -> Cell {
    let align = if column.right { CellAlignment::Right } else { CellAlignment::Left };
    let cell = Cell::new(&text.text).set_alignment(align);
    match text.tone {
        Tone::Plain => cell,
        Tone::Strong | Tone::Sum => cell.add_attribute(Attribute::Bold),
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Warn => cell.fg(Color::Yellow),
        Tone::Dim => cell.add_attribute(Attribute::Dim),
    }
}

/// A line outside of a table, in colour where that is wanted (ECMA-48, "SGR").
fn paint(text: &str, tone: Tone, look: Look) -> String {
    let code = match tone {
        Tone::Plain => return text.into(),
        Tone::Strong | Tone::Sum => 1,
        Tone::Dim => 2,
        Tone::Bad => 31,
        Tone::Good => 32,
        Tone::Warn => 33,
    };
    if look.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::super::page::{left, right, spare};
    use super::*;

    #[test]
    fn bars_stand_where_there_is_room() {
        let rows = [1_000_u64, 1_000_000, 620_000, 0];
        let row = |bytes: u64| vec!["x".into(), Text::bytes(bytes, 1_000_000)];
        let table =
            Table { columns: vec![left("image"), right("stored")], rows: rows.map(row).into(), one_line: false };
        let shown = |width| grid(&table, Look { color: false, width }).to_string();
        insta::assert_snapshot!(shown(60), @"
        image             stored
        x      ▏          1.0 kB
        x      ████████   1.0 MB
        x      ████▉    620.0 kB
        x                    0 B
        ");
        insta::assert_snapshot!(shown(20), @"
        image    stored
        x        1.0 kB
        x        1.0 MB
        x      620.0 kB
        x           0 B
        ");
    }

    #[test]
    fn what_can_be_spared_makes_room_for_names() {
        let row = |name: &str| [name, "works", "1.0 MB", "10", "-4.5 s"].map(Text::from).into();
        let columns = vec![left("on"), left("verdict"), right("stored"), spare("layers"), right("saved")];
        let table = Table { columns, rows: vec![row("python:3.11-slim")], one_line: false };
        let shown = |width| grid(&table, Look { color: false, width }).to_string();
        insta::assert_snapshot!(shown(60), @"
        on                verdict  stored  layers   saved
        python:3.11-slim  works    1.0 MB      10  -4.5 s
        ");
        insta::assert_snapshot!(shown(42), @"
        on                verdict  stored   saved
        python:3.11-slim  works    1.0 MB  -4.5 s
        ");
    }
}
