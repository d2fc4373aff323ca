//! What Python source imports: the names at the beginning of `import a.b, c` and `from a.b import c`.
//!
//! Source is read line by line as it comes, not parsed: a line of a string that looks like an import counts as one, an
//! import by a function (`importlib`) is not seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::LayerPath;

/// So many names of a file are kept; no honest file has a tenth.
const MOST_NAMES: usize = 1000;
/// So much of a line is looked at, in bytes.
const LONGEST_LINE: usize = 1000;
/// Bits of a mode that let someone run a file.
const EXECUTABLE: u16 = 0o111;

/// A module that source imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The first part of its name: `os` of `os.path`.
    pub name: Box<str>,
    /// Whether it is imported without condition: by a line that is not indented.
    pub always: bool,
}

impl Import {
    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

/// Reads source that comes in pieces.
pub struct ImportScanner {
    /// Whether it is known to be Python; else the first line tells.
    known: bool,
    line: Vec<u8>,
    found: BTreeMap<Box<str>, bool>,
}

impl ImportScanner {
    /// For a file that may be Python source, by its name and mode.
    pub fn of(path: &LayerPath, mode: u16) -> Option<Self> {
        let known = path.file_name().ends_with(b".py");
        let maybe = known || mode & EXECUTABLE != 0 && !path.file_name().contains(&b'.');
        maybe.then(|| Self { known, line: Vec::new(), found: BTreeMap::new() })
    }

    /// Takes the next bytes; `false` once it is known to be no Python.
    pub fn data(&mut self, bytes: &[u8]) -> bool {
        if !self.known && self.line.is_empty() && !bytes.starts_with(b"#") {
            return false;
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.line.is_empty() {
                self.read(&rest[..end.min(LONGEST_LINE)]);
            } else {
                self.keep(&rest[..end]);
                let line = std::mem::take(&mut self.line);
                self.read(&line);
            }
            if !self.known {
                return false;
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest);
        true
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// What was found, by name; `None` of what is no Python.
    pub fn finish(mut self) -> Option<Vec<Import>> {
        let line = std::mem::take(&mut self.line);
        self.read(&line);
        let found = self.found.into_iter().map(|(name, always)| Import { name, always });
        self.known.then(|| found.collect())
    }

    fn read(&mut self, line: &[u8]) {
        if !self.known {
            self.known = line.starts_with(b"#!") && memchr::memmem::find(line, b"python").is_some();
            return;
        }
        let text = line.trim_ascii_start();
        if !text.starts_with(b"import") && !text.starts_with(b"from") {
            return;
        }
        let always = text.len() == line.len();
        let Ok(text) = std::str::from_utf8(text) else { return };
        let code = text.split('#').next().unwrap_or_default();
        for statement in code.split(';').map(str::trim) {
            if let Some(names) = statement.strip_prefix("import ") {
                names.split(',').for_each(|name| self.add(name, always));
            } else if let Some((name, _)) = statement.strip_prefix("from ").and_then(|rest| rest.split_once(" import"))
            {
                self.add(name, always);
            }
        }
    }

    fn add(&mut self, name: &str, always: bool) {
        let first = name.trim().split(['.', ' ', '\t']).next().unwrap_or_default();
        let is_name = first.chars().all(|c| c == '_' || c.is_alphanumeric());
        // A relative import begins with a dot, and has an empty first part.
        if first.is_empty() || !is_name || self.found.len() >= MOST_NAMES {
            return;
        }
        *self.found.entry(first.into()).or_default() |= always;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(path: &str, mode: u16, text: &str, piece: usize) -> Option<Vec<String>> {
        let mut scanner = ImportScanner::of(&path.into(), mode)?;
        let going = text.as_bytes().chunks(piece).all(|piece| scanner.data(piece));
        let found = going.then(|| scanner.finish()).flatten()?;
        Some(found.iter().map(|one| format!("{}{}", one.name, if one.always { "" } else { "?" })).collect())
    }

    const SOURCE: &str = "import os\nimport a.b as c, d # e\nfrom x.y import (z,\n    w)\nfrom . import near\nfrom .n import m\n\
                          try:\n    import maybe\nexcept ImportError: pass\nimportant = 1\nimport os; import sys\n  import os\n";

    #[test]
    fn first_names_are_found_however_the_source_comes() {
        for piece in [1, 2, 7, 1000] {
            let found = imports("app/a.py", 0o644, SOURCE, piece).unwrap();
            assert_eq!(found, ["a", "d", "maybe?", "os", "sys", "x"], "in pieces of {piece}");
        }
    }

    #[test]
    fn scripts_tell_by_their_first_line() {
        assert_eq!(imports("bin/x", 0o755, "#!/usr/bin/python3\nimport y", 3), Some(vec!["y".into()]));
        assert_eq!(imports("bin/x", 0o755, "#!/bin/sh\nimport y", 3), None);
        assert_eq!(imports("bin/x", 0o755, "\x7fELF", 4), None);
        assert_eq!(imports("bin/x", 0o644, "#!/usr/bin/python3\nimport y", 3), None, "nobody may run it");
    }
}
