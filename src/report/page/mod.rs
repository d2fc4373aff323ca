//! A page: headings and tables, whatever they are written as. Every table is defined here, once.
//!
//! A cell's text is escaped when it is made, so that no name from an image reaches a terminal as it is.

mod check;
mod compose;
mod diff;
mod inspect;
mod recommend;
mod rewrite;
mod start;

use super::document::{ImageDocument, UnreadDocument};
use super::escape::escape;
use super::human;
use crate::analyze::startup::Saving;
use crate::model::familiar;

pub(super) use check::{check, place, told, untold};
pub(super) use compose::compose;
pub(super) use diff::diff;
pub(super) use inspect::inspect;
pub(super) use recommend::recommend;
pub(super) use rewrite::{rewrite, rewrite_index};
pub(super) use start::start;

/// The longest text of a cell, in characters: a path may be as long (Linux, `PATH_MAX`), a label is without bound.
const LONGEST: usize = 4096;

/// What is shown, from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its sections.
    pub sections: Vec<Section>,
}

/// A heading, what is said below it, and a table.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its heading.
    pub title: Text,
    /// How much weight the heading has: 1 for an image, 2 for a table.
    pub level: u8,
    /// Lines below it.
    pub lines: Vec<Text>,
    /// Its table; empty for none.
    pub table: Table,
}

/// Rows and columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its columns; with names or, where all are empty, without a head.
    pub columns: Vec<Column>,
    /// Its rows: one text for a column.
    pub rows: Vec<Vec<Text>>,
    /// Whether a row is one line, cut where the width ends.
    pub one_line: bool,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds numbers, which stand at the right.
    pub right: bool,
    /// Whether it is left out on a terminal that is too narrow for all.
    pub spare: bool,
}

/// Text that is safe to show, and how it is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The escaped text; a newline is meant as one.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// The length of a bar beside it, in thousandths, where the form has bars.
    pub bar: Option<u16>,
}

/// How a text is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it stands.
    #[default]
    Plain,
    /// The number that matters.
    Strong,
    /// It names the sum of the rows above, which stays below them.
    Sum,
    /// Less.
    Good,
    /// More, or to be mended.
    Bad,
    /// To be looked at.
    Warn,
    /// By the way.
    Dim,
}

impl Text {
    /// Text of an image's: escaped, and cut where it is longer than anyone reads.
    pub fn of(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", escape(&text[..end])),
            None => escape(text),
        };
        Self { text, ..Self::default() }
    }

    /// Lines, escaped one by one.
    fn lines(lines: &[&str]) -> Self {
        let lines: Vec<String> = lines.iter().map(|line| Self::of(line).text).collect();
        Self { text: lines.join("\n"), ..Self::default() }
    }

    /// Bytes, with a bar beside them that tells how much of `most` they are.
    pub(super) fn bytes(bytes: u64, most: u64) -> Self {
        Self::from(human::bytes(bytes)).barred(bytes as f64, most as f64)
    }

    /// The same with a bar beside it; none where there is nothing to compare with.
    #[must_use]
    pub(super) fn barred(self, size: f64, most: f64) -> Self {
        let share = (size / most * 1000.0).clamp(0.0, 1000.0);
        Self { bar: (most > 0.0).then_some(share as u16), ..self }
    }

    /// The same with another tone.
    #[must_use]
    pub fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::of(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

pub(super) fn left(name: &'static str) -> Column {
    Column { name, right: false, spare: false }
}

pub(super) fn right(name: &'static str) -> Column {
    Column { name, right: true, spare: false }
}

/// Numbers that a narrow terminal can do without.
pub(super) fn spare(name: &'static str) -> Column {
    Column { spare: true, ..right(name) }
}

fn bytes(bytes: u64) -> Text {
    human::bytes(bytes).into()
}

fn count(count: u64) -> Text {
    human::count(count).into()
}

/// `10 of 123` where a list was cut, else `123`.
fn shown(shown: usize, all: u64) -> String {
    if (shown as u64) < all {
        format!("{} of {}", human::count(shown as u64), human::count(all))
    } else {
        human::count(all)
    }
}

/// A heading with how many rows the table below it has.
fn heading(title: &str, note: &str) -> Text {
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    format!("{title}{note}").into()
}

/// `linux/amd64 · created 2024-03-05T08:00:00Z`
fn facts(image: &ImageDocument) -> Text {
    let created = image.created.as_ref().map(|created| format!(" · created {created}")).unwrap_or_default();
    let unpacked = image.layers_unpacked.map(|_| " · unpacked layers: a pull downloads less").unwrap_or_default();
    Text::from(format!("{}{created}{unpacked}", image.platform)).toned(Tone::Dim)
}

/// What is not told of the packages of layers that were indexed from their tables of contents.
fn unread(UnreadDocument { files, bytes }: &UnreadDocument) -> Text {
    let (programs, size) = (human::counted(*files, "program"), human::bytes(*bytes));
    Text::from(format!("{programs} ({size}) not read: --verify full tells what they were built of, too"))
        .toned(Tone::Dim)
}

/// How seconds are meant that are saved; `None` where they are no more than what the forecast may be off.
fn gain(seconds: f64, error: f64) -> Option<Tone> {
    let tone = if seconds > 0.0 { Tone::Good } else { Tone::Bad };
    Saving { seconds, error }.is_measurable().then_some(tone)
}

/// The digest of the manifest, or of the config where there is none.
fn digest(image: &ImageDocument) -> Text {
    Text::of(image.digest.as_ref().unwrap_or(&image.config_digest)).toned(Tone::Dim)
}
