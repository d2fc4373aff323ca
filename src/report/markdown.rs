//! Pages as Markdown (GitHub Flavored Markdown, "Tables"), for job summaries and comments.

use std::io::{self, Write};

use super::page::{Page, Section, Table, Text, Tone};

/// Writes a page.
pub(super) fn write(page: &Page, to: &mut dyn Write) -> io::Result<()> {
    for (at, section) in page.sections.iter().enumerate() {
        if at > 0 {
            writeln!(to)?;
        }
        write_section(section, to)?;
    }
    Ok(())
}

fn write_section(section: &Section, to: &mut dyn Write) -> io::Result<()> {
    let marks = "#".repeat(usize::from(section.level) + 1);
    writeln!(to, "{marks} {}", plain(&section.title.text))?;
    for line in &section.lines {
        writeln!(to, "\n{}", plain(line.text.trim_start()))?;
    }
    if !section.table.rows.is_empty() {
        writeln!(to)?;
        write_table(&section.table, to)?;
    }
    Ok(())
}

fn write_table(table: &Table, to: &mut dyn Write) -> io::Result<()> {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    writeln!(to, "{}", line(table.columns.iter().map(|column| column.name.to_owned()).collect()))?;
    let rules = table.columns.iter().map(|column| if column.right { "---:" } else { "---" }.to_owned());
    writeln!(to, "{}", line(rules.collect()))?;
    for row in &table.rows {
        writeln!(to, "{}", line(row.iter().map(cell).collect()))?;
    }
    Ok(())
}

fn cell(text: &Text) -> String {
    let lines: Vec<String> = text.text.lines().map(plain).collect();
    let joined = lines.join("<br>");
    if matches!(text.tone, Tone::Strong | Tone::Sum) && !joined.is_empty() { format!("**{joined}**") } else { joined }
}

/// Text that is nothing but text: no markup, no links, no formulas, no cells of its own, no one mentioned by `@name`.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '$' => out.push_str("&#36;"),
            '@' => out.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    // What GitHub makes links of by itself.
    out.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text() {
        assert_eq!(plain("a|b <img> [x](y) *z* @you"), r"a\|b &lt;img&gt; \[x\](y) \*z\* @".to_owned() + "\u{200b}you");
        assert_eq!(cell(&Text::of("1 MB").toned(Tone::Strong)), "**1 MB**");
    }
}
