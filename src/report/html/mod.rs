//! Pages as one HTML file that needs nothing else: no network, and no script for whoever only reads.
//!
//! Every text is a [`Text`](super::page::Text), escaped for people, and escaped again for HTML by the template. The
//! policy in the page's head allows the two things that we put in ourselves, by their hashes, and nothing else.

mod map;
mod squarify;

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::page::{Column, Page, Section, Table, Text, Tone};

pub use map::Map;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes a page, with the maps below its first section, and their numbers at its end.
pub(super) fn write(page: &Page, maps: &[Map], to: &mut dyn Write) -> io::Result<()> {
    let tables = map::directories(maps);
    let mut sections = page.sections.iter().chain(&tables).enumerate().map(|(at, one)| section(at, one));
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title(page, maps)) " · layerscope" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @if let Some(first) = sections.next() { (first) }
                    @if !maps.is_empty() { (map::figures(maps)) }
                    @for section in sections { (section) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    writeln!(to, "{}", whole.into_string())
}

/// What the browser may do for this page: our style and our script, and nothing else.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!("default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'")
}

fn title(page: &Page, maps: &[Map]) -> String {
    let names: Vec<&str> = maps.iter().map(|map| map.label.text.as_str()).collect();
    let first = page.sections.first().map_or("", |section| &section.title.text);
    if names.is_empty() { first.to_owned() } else { names.join(" and ") }
}

fn section(at: usize, section: &Section) -> Markup {
    let id = format!("section-{at}");
    let title = &section.title.text;
    html! {
        section aria-labelledby=(id) {
            @if at == 0 { h1 id=(id) { (title) } } @else { h2 id=(id) { (title) } }
            @for line in &section.lines {
                p class={ "line " (class(line.tone)) } { (line.text) }
            }
            @if !section.table.rows.is_empty() { (table(&section.table, &id)) }
        }
    }
}

fn table(table: &Table, label: &str) -> Markup {
    let headed = table.columns.iter().any(|column| !column.name.is_empty());
    let is_sum = |row: &&Vec<Text>| row.iter().any(|text| text.tone == Tone::Sum);
    let (sums, rows): (Vec<_>, Vec<_>) = table.rows.iter().partition(is_sum);
    html! {
        div.wide {
            table aria-labelledby=(label) {
                @if headed {
                    thead { tr { @for column in &table.columns { (head(*column)) } } }
                }
                tbody { @for row in rows { (line(row, table, headed)) } }
                @if !sums.is_empty() { tfoot { @for row in sums { (line(row, table, headed)) } } }
            }
        }
    }
}

fn line(row: &[Text], table: &Table, headed: bool) -> Markup {
    html! {
        tr {
            @for (at, (text, column)) in row.iter().zip(&table.columns).enumerate() {
                @if at == 0 && !headed && !text.text.is_empty() { th scope="row" { (content(text)) } }
                @else { td class=[column.right.then_some("number")] { (content(text)) } }
            }
        }
    }
}

/// A head without a name heads nothing.
fn head(column: Column) -> Markup {
    let class = column.right.then_some("number");
    html! {
        @if column.name.is_empty() { td class=[class] {} } @else { th scope="col" class=[class] { (column.name) } }
    }
}

fn content(text: &Text) -> Markup {
    html! {
        @if let Some(share) = text.bar {
            svg.bar aria-hidden="true" { rect width={ (f64::from(share) / 10.0) "%" } height="100%" {} }
        }
        @if text.tone == Tone::Plain { (text.text) } @else { span class=(class(text.tone)) { (text.text) } }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong | Tone::Sum => "strong",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Dim => "dim",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let section = Section { title: text.into(), lines: vec![text.into()], ..Section::default() };
        let mut out = Vec::new();
        write(&Page { sections: vec![section] }, &[], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_text() {
        let page = written("</script><img src=x onerror=\"a\">'&amp;\u{202e}");
        assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=&quot;a&quot;&gt;'&amp;amp;\\u{202e}"), "{page}");
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(!page.contains("<img"));
    }

    #[test]
    fn what_we_put_in_ends_where_it_ends() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!SCRIPT.contains("innerHTML"), "text becomes text");
    }
}
