//! Pages on a terminal, fitted to its width.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table as Grid};

use super::Look;
use super::page::{Column, Page, Section, Table, Text, Tone};

/// Blanks between columns.
const GAP: u16 = 2;

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
    for texts in &table.rows {
        let mut row =
            Row::from(texts.iter().zip(&table.columns).map(|(text, column)| cell(text, *column)).collect::<Vec<_>>());
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

fn cell(text: &Text, column: Column) -> Cell {
    let align = if column.right { CellAlignment::Right } else { CellAlignment::Left };
    let cell = Cell::new(&text.text).set_alignment(align);
    match text.tone {
        Tone::Plain => cell,
        Tone::Strong => cell.add_attribute(Attribute::Bold),
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
        Tone::Strong => 1,
        Tone::Dim => 2,
        Tone::Bad => 31,
        Tone::Good => 32,
        Tone::Warn => 33,
    };
    if look.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
}
