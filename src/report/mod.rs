//! What people and programs get to see: documents, and the forms that they are written in.
//!
//! Analyses become a document of the command ([`document`]), typed and raw. A document is written as JSON as it is, or
//! becomes a page ([`page`]): headings and tables, defined once, which `terminal`, `markdown` and `html` write. Names from
//! images are escaped on their way into a page ([`escape`]).

mod comment;
pub mod document;
pub mod escape;
mod github;
mod gitlab;
mod html;
mod human;
mod issues;
mod json;
mod junit;
mod listing;
mod markdown;
pub mod page;
mod sarif;
mod terminal;

use std::io::{self, Write};

pub use html::Map;
pub use human::{bytes, signed_bytes, today};
pub use json::schemas;
pub use listing::write_listing;

use document::{
    CheckDocument, ComposeDocument, DiffDocument, InspectDocument, RecommendDocument, RewriteDocument,
    RewriteIndexDocument, StartDocument,
};
use page::Page;

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// One JSON document.
    Json,
    /// JSON lines, for lists.
    Jsonl,
    /// Markdown, as GitHub and GitLab show it.
    Markdown,
    /// One HTML page.
    Html,
}

/// The forms of a check's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFormat {
    /// For a person at a terminal.
    Table,
    /// One JSON document.
    Json,
    /// Markdown for a pull request's comment.
    Markdown,
    /// JUnit's XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// One HTML page.
    Html,
}

/// How a table looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether colours are used.
    pub color: bool,
    /// How many columns there are to fill.
    pub width: u16,
}

/// Width where nothing says how wide the terminal is: in a pipe, a file, a CI log.
const USUAL_WIDTH: u16 = 100;
/// A table is not squeezed into less than this: it would be all broken words.
const LEAST_WIDTH: u16 = 60;

impl Look {
    /// Fits `$COLUMNS`, if it is given, or else the terminal on standard output.
    pub fn new(color: bool, columns: Option<&str>) -> Self {
        let given = columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        Self { color, width: given.or_else(terminal::width).unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH) }
    }
}

/// A document that has every form.
pub trait Report: serde::Serialize {
    /// Its headings and tables.
    fn page(&self) -> Page;

    /// Its maps, for forms that have pictures.
    fn maps(&self) -> Vec<Map> {
        Vec::new()
    }
}

impl Report for InspectDocument {
    fn page(&self) -> Page {
        page::inspect(self)
    }

    fn maps(&self) -> Vec<Map> {
        let area = self.map.iter().cloned();
        let (label, layers) = (&self.image.reference, self.totals.layers);
        area.map(|area| Map { label: page::Text::of(label), layers, area }).collect()
    }
}

impl Report for CheckDocument {
    fn page(&self) -> Page {
        page::check(self)
    }

    fn maps(&self) -> Vec<Map> {
        let map = self.map.iter().cloned();
        map.map(|(layers, area)| Map { label: page::Text::of(&self.image.reference), layers, area }).collect()
    }
}

impl Report for DiffDocument<'_> {
    fn page(&self) -> Page {
        page::diff(self)
    }

    fn maps(&self) -> Vec<Map> {
        let sides = self.maps.iter().flatten().cloned().zip([&self.a, &self.b]);
        let map = |(area, side): (_, &document::SideDocument)| {
            let label = page::Text::of(&side.image.reference);
            Map { label, layers: side.totals.layers, area }
        };
        sides.map(map).collect()
    }
}

impl Report for RecommendDocument {
    fn page(&self) -> Page {
        page::recommend(self)
    }
}

impl Report for ComposeDocument {
    fn page(&self) -> Page {
        page::compose(self)
    }
}

impl Report for RewriteDocument {
    fn page(&self) -> Page {
        page::rewrite(self)
    }
}

impl Report for RewriteIndexDocument {
    fn page(&self) -> Page {
        page::rewrite_index(self)
    }
}

impl Report for StartDocument {
    fn page(&self) -> Page {
        page::start(self)
    }
}

/// Writes a document.
pub fn write(report: &impl Report, format: Format, look: Look, to: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => terminal::write(&report.page(), look, to),
        Format::Markdown => markdown::write(&report.page(), to),
        Format::Html => html::write(&report.page(), &report.maps(), to),
        Format::Json | Format::Jsonl => json::write(report, to),
    }
}

/// Writes what came of a check.
pub fn write_check(document: &CheckDocument, format: CheckFormat, look: Look, to: &mut dyn Write) -> io::Result<()> {
    match format {
        CheckFormat::Table => terminal::write(&document.page(), look, to),
        CheckFormat::Json => json::write(document, to),
        CheckFormat::Markdown => comment::write(document, to),
        CheckFormat::Junit => junit::write(document, to),
        CheckFormat::Sarif => sarif::write(document, to),
        CheckFormat::Github => github::write(document, to),
        CheckFormat::Gitlab => gitlab::write(document, to),
        CheckFormat::Html => html::write(&document.page(), &document.maps(), to),
    }
}
