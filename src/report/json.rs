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
    serde_json::to_writer_pretty(Escaping(to), document)?;
    writeln!(to)
}

/// Writes one line.
pub(super) fn write_line(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(Escaping(to), document)?;
    writeln!(to)
}

/// JSON may hold any character but the control characters of ASCII: those that would steer a terminal are escaped as
/// well. They stand in strings only, and a string comes in whole characters.
struct Escaping<'w>(&'w mut dyn Write);

impl Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return self.0.write_all(bytes).map(|()| bytes.len());
        }
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let mut written = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_invisible(*c)) {
            self.0.write_all(&bytes[written..at])?;
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(self.0, "\\u{unit:04x}"))?;
            written = at + c.len_utf8();
        }
        self.0.write_all(&bytes[written..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
