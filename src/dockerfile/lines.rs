//! The lines of a Dockerfile: which of them make one instruction, and where its here documents lie.
//!
//! `parse-dockerfile` 0.1.9 knows a here document only at the start of a `RUN`, and one of them. So they are found here,
//! by BuildKit's rules (`frontend/dockerfile/parser`), and hidden from it: same length, no meaning. So is an escaped escape
//! at a line's end, which goes on for it and does not for BuildKit.

use std::ops::Range;

use super::{DockerfileError, Document};

/// One instruction's lines.
#[derive(Debug)]
pub(super) struct Logical {
    /// From its first byte that is no white space to the end of its last line, here documents included.
    pub(super) span: Range<usize>,
    /// Its here documents, in order.
    pub(super) documents: Vec<Document>,
}

/// All instructions' lines, and the text with the here documents hidden.
pub(super) struct Scan {
    pub(super) lines: Vec<Logical>,
    pub(super) masked: String,
    pub(super) escape: char,
}

/// The byte order mark, which may open the file.
pub(super) const BOM: char = '\u{feff}';

/// Scans a file.
pub(super) fn scan(text: &str) -> Result<Scan, DockerfileError> {
    let escape = escape(text);
    let mut scanner = Scanner { text, at: if text.starts_with(BOM) { BOM.len_utf8() } else { 0 }, line: 0, escape };
    let (mut lines, mut masked) = (Vec::new(), text.as_bytes().to_vec());
    while let Some((start, _)) = scanner.instruction() {
        let head = start..scanner.content_end();
        let trimmed = text[head.clone()].trim_end();
        if trimmed.ends_with(escape) && continued(trimmed, escape).is_none() {
            masked[start + trimmed.len() - 1] = b'_';
        }
        let mut documents = Vec::new();
        for opening in openings(text, head.clone(), escape) {
            masked[opening.arrows.clone()].fill(b'_');
            let (document, body) = scanner.document(&opening)?;
            hide(&mut masked[body]);
            documents.push(document);
        }
        lines.push(Logical { span: start..scanner.content_end(), documents });
    }
    let masked = String::from_utf8(masked).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
    Ok(Scan { lines, masked, escape })
}

/// `# escape=` among the directives that open a file.
fn escape(text: &str) -> char {
    let directives = text.trim_start_matches(BOM).lines().map_while(|line| {
        let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
        let key = key.trim().to_ascii_lowercase();
        matches!(key.as_str(), "syntax" | "escape" | "check").then(|| (key, value.trim()))
    });
    let mut found = directives.filter(|(key, _)| key == "escape");
    if found.next().is_some_and(|(_, value)| value == "`") { '`' } else { '\\' }
}

/// Makes comments of a here document's lines.
fn hide(body: &mut [u8]) {
    let mut first = true;
    for byte in body {
        match *byte {
            b'\n' => first = true,
            b'\r' => {}
            _ => {
                *byte = if first { b'#' } else { b' ' };
                first = false;
            }
        }
    }
}

/// Where a here document is asked for.
struct Opening {
    arrows: Range<usize>,
    name: String,
    expand: bool,
    strip: bool,
}

struct Scanner<'a> {
    text: &'a str,
    /// Where the next line begins.
    at: usize,
    /// Lines passed.
    line: usize,
    escape: char,
}

impl<'a> Scanner<'a> {
    /// The next line with its end, and where it begins.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
        self.at += length;
        self.line += 1;
        Some((start, &rest[..length]))
    }

    /// Passes over one instruction but for its here documents: where it begins, and its first line's number.
    fn instruction(&mut self) -> Option<(usize, usize)> {
        let mut begun = None;
        while let Some((start, line)) = self.next() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            begun.get_or_insert((start + line.len() - line.trim_start().len(), self.line));
            if continued(line, self.escape).is_none() {
                break;
            }
        }
        begun
    }

    /// The end of what was passed, without the line's end.
    fn content_end(&self) -> usize {
        self.text[..self.at].trim_end_matches(['\n', '\r']).len()
    }

    /// Passes over a here document, its last line included.
    fn document(&mut self, opening: &Opening) -> Result<(Document, Range<usize>), DockerfileError> {
        let (begun, line, mut text) = (self.at, self.line, String::new());
        while let Some((_, whole)) = self.next() {
            let line = if opening.strip { whole.trim_start_matches('\t') } else { whole };
            if line.trim_end_matches(['\n', '\r']) == opening.name {
                let document = Document { name: opening.name.clone(), expand: opening.expand, text };
                return Ok((document, begun..self.at));
            }
            text.push_str(line);
        }
        Err(DockerfileError::OpenDocument { line, name: opening.name.clone() })
    }
}

/// The here documents that an instruction opens.
fn openings(text: &str, head: Range<usize>, escape: char) -> Vec<Opening> {
    let line = &text[head.clone()];
    let mut keywords = line.split_whitespace().map(str::to_ascii_uppercase);
    let first = keywords.next().filter(|word| word != "ONBUILD").or_else(|| keywords.next());
    if !matches!(first.as_deref(), Some("RUN" | "COPY" | "ADD")) || !line.contains("<<") {
        return Vec::new();
    }
    raw_words(line, escape).into_iter().filter_map(|word| opening(line, word, head.start)).collect()
}

/// `<<NAME`, `<<-NAME`, `3<<"NAME"`.
fn opening(line: &str, word: Range<usize>, offset: usize) -> Option<Opening> {
    let text = &line[word.clone()];
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = text[digits..].strip_prefix("<<")?;
    let (strip, name) = match rest.strip_prefix(['-', '~']) {
        Some(name) => (rest.starts_with('-'), name),
        None => (false, rest),
    };
    let quoted = name.contains(['"', '\'', '\\']);
    let name: String = name.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect();
    let arrows = offset + word.start + digits;
    let good = !name.is_empty() && !name.contains(['<', '\n']);
    good.then(|| Opening { arrows: arrows..arrows + 2, name, expand: !quoted, strip })
}

/// Where the words of an instruction lie: white space parts them, but not within quotes.
pub(super) fn raw_words(line: &str, escape: char) -> Vec<Range<usize>> {
    let (mut words, mut start, mut quote, mut escaped) = (Vec::new(), None, None, false);
    for (at, c) in line.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(start.take().map(|start| start..at)),
            (None | Some('"'), c) if c == escape => {
                escaped = true;
                start.get_or_insert(at);
            }
            (None, '"' | '\'') => {
                quote = Some(c);
                start.get_or_insert(at);
            }
            (Some(open), c) if open == c => quote = None,
            _ => {
                start.get_or_insert(at);
            }
        }
    }
    words.extend(start.map(|start| start..line.len()));
    words
}

/// A line that goes on in the next one, without what says so: a last escape that is not itself escaped.
fn continued(line: &str, escape: char) -> Option<&str> {
    line.trim_end().strip_suffix(escape).filter(|before| !before.ends_with(escape))
}

/// A shell form as the shell gets it: continuation lines joined, comments and empty lines within dropped.
pub(super) fn join(raw: &str, escape: char) -> String {
    let mut out = String::with_capacity(raw.len());
    for (number, line) in raw.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim();
        if number > 0 && (trimmed.is_empty() || trimmed.starts_with('#')) {
            continue;
        }
        match continued(line, escape) {
            Some(kept) => out.push_str(kept),
            None => out.push_str(line),
        }
    }
    out.trim().to_owned()
}
