//! JSON: the documents as they are, and their schemas.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{
    CheckDocument, ComposeDocument, DiffDocument, InspectDocument, ListDocument, RecommendDocument, RewriteDocument,
    RewriteIndexDocument, StartDocument,
};
use super::escape::is_invisible;

/// Writes one document, indented.
pub(super) fn write(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let mut escaping = Escaping::new(to);
    serde_json::to_writer_pretty(&mut escaping, document)?;
    escaping.end()
}

/// Writes one line.
pub(super) fn write_line(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let mut escaping = Escaping::new(to);
    serde_json::to_writer(&mut escaping, document)?;
    escaping.end()
}

/// JSON may hold any character but the control characters of ASCII: those that would steer a terminal are escaped as
/// well. They stand in strings only, and a string comes in whole characters.
struct Escaping<'w> {
    to: &'w mut dyn Write,
    /// What is looked through together: it comes in very small pieces.
    held: Vec<u8>,
}

/// Bytes that are held, about.
const HELD: usize = 64 << 10;
/// … and room for a line.
const LINE: usize = 1 << 10;

impl<'w> Escaping<'w> {
    fn new(to: &'w mut dyn Write) -> Self {
        Self { to, held: Vec::with_capacity(HELD + LINE) }
    }

    fn end(mut self) -> io::Result<()> {
        self.held.push(b'\n');
        self.pass_on()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        // What holds characters of one byte alone, and none that steers, is as it is.
        let plain = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & matches!(byte, b'\n' | b' '..=b'~'));
        if !self.held.chunks(LINE).all(plain) {
            let text = std::str::from_utf8(&self.held).map_err(io::Error::other)?;
            let mut written = 0;
            for (at, c) in text.char_indices().filter(|(_, c)| *c != '\n' && is_invisible(*c)) {
                self.to.write_all(&self.held[written..at])?;
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(self.to, "\\u{unit:04x}"))?;
                written = at + c.len_utf8();
            }
            self.held.drain(..written);
        }
        self.to.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

impl Write for Escaping<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= HELD { self.pass_on() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The JSON Schema of every document, by command.
pub fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("inspect", schemars::schema_for!(InspectDocument).to_value()),
        ("diff", schemars::schema_for!(DiffDocument).to_value()),
        ("ls", schemars::schema_for!(ListDocument).to_value()),
        ("recommend", schemars::schema_for!(RecommendDocument).to_value()),
        ("check", schemars::schema_for!(CheckDocument).to_value()),
        ("compose", schemars::schema_for!(ComposeDocument).to_value()),
        ("rewrite", schemars::schema_for!(RewriteDocument).to_value()),
        ("rewrite-index", schemars::schema_for!(RewriteIndexDocument).to_value()),
        ("start", schemars::schema_for!(StartDocument).to_value()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_escaped_and_means_the_same() {
        let names = ["plain", "bidi\u{202e}x", "c1\u{9b}2J\u{7f}", "tag\u{e0041}é🦀", "\n\u{1b}"];
        let mut out = Vec::new();
        write_line(&names, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "[\"plain\",\"bidi\\u202ex\",\"c1\\u009b2J\\u007f\",\"tag\\udb40\\udc41é🦀\",\"\\n\\u001b\"]\n"
        );
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), names);
    }
}
