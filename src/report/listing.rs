//! The lines of `ls`, written as they are walked, however many there are.

use std::io::{self, Write};

use super::document::{EntryDocument, ImageDocument, ListDocument};
use super::escape::escape;
use super::page::{Page, Section, Text};
use super::{Format, html, human, json};

/// Writes a list of names.
pub fn write_listing(
    image: ImageDocument,
    mut entries: impl Iterator<Item = EntryDocument>,
    format: Format,
    to: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => entries.try_for_each(|entry| writeln!(to, "{}", line(&entry))),
        Format::Jsonl => entries.try_for_each(|entry| json::write_line(&entry, to)),
        Format::Json => {
            let document = ListDocument { schema: "layerscope.ls/1".into(), image, entries: entries.collect() };
            json::write(&document, to)
        }
        Format::Html => {
            let lines = entries.map(|entry| Text::of(line(&entry))).collect();
            let section = Section { title: Text::of(&image.reference), level: 1, lines, ..Section::default() };
            html::write(&Page { sections: vec![section] }, &[], to)
        }
        Format::Markdown => {
            writeln!(to, "```text")?;
            // A fence of three backticks cannot be closed from within: every line starts with a mode.
            entries.try_for_each(|entry| writeln!(to, "{}", line(&entry)))?;
            writeln!(to, "```")
        }
    }
}

/// `-rwsr-xr-x  0:0  62672  2024-03-05 08:00  /usr/bin/su`, as `tar tv` has it.
fn line(entry: &EntryDocument) -> String {
    let size = match entry.device {
        Some((major, minor)) => format!("{major},{minor}"),
        None => entry.stat.size.to_string(),
    };
    let (path, time) = (escape(&entry.path.path), human::time(entry.stat.mtime));
    let owner = format!("{}:{}", entry.stat.uid, entry.stat.gid);
    let link = entry.stat.link.as_ref().map(|target| format!(" -> {}", escape(target))).unwrap_or_default();
    format!("{} {owner:>9} {size:>10} {time} {path}{link}", mode(entry))
}

/// `drwxr-xr-t`.
fn mode(entry: &EntryDocument) -> String {
    let bits = u16::from_str_radix(&entry.stat.mode, 8).unwrap_or(0);
    let kind = match entry.stat.kind {
        "dir" => 'd',
        "symlink" => 'l',
        "char" => 'c',
        "block" => 'b',
        "fifo" => 'p',
        _ => '-',
    };
    let mut out = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let may = bits >> shift;
        out.push(if may & 4 != 0 { 'r' } else { '-' });
        out.push(if may & 2 != 0 { 'w' } else { '-' });
        out.push(match (bits & special != 0, may & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    out
}
