//! JSON: the documents as they are, and their schemas.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{DiffDocument, InspectDocument, ListDocument};

/// Writes one document, indented.
pub(super) fn write(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, document)?;
    writeln!(to)
}

/// Writes one line.
pub(super) fn write_line(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, document)?;
    writeln!(to)
}

/// The JSON Schema of every document, by command.
pub fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("inspect", schemars::schema_for!(InspectDocument).to_value()),
        ("diff", schemars::schema_for!(DiffDocument).to_value()),
        ("ls", schemars::schema_for!(ListDocument).to_value()),
    ]
}
