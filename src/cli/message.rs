//! How errors are told: in one line, and without what libraries say to who programs with them.

use clap::error::{ContextKind, ContextValue};

/// What only a program could do, or calls a thing by a program's name for it, and what is told in its place.
const TALK: [(&str, &str); 4] = [
    (", set DuplicateKeyPolicy in Options if acceptable", ""),
    ("; use from_str_multiple or from_str_multiple_with_options", ""),
    ("missing property `", "no value for the variable `"),
    ("empty property `", "no value for the variable `"),
];

/// An error with its causes, less those that it quotes already.
pub(super) fn message(error: &anyhow::Error) -> String {
    error.chain().map(|cause| plain(&cause.to_string())).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        told if told.contains(&cause) => text,
        told => format!("{told}: {cause}"),
    })
}

/// Less what libraries add. One that reads TOML draws the line that is wrong, in lines of its own: what it says around
/// the drawing is one line.
fn plain(text: &str) -> String {
    let is_drawn = |line: &&str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    let said: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !is_drawn(line)).collect();
    let line = if text.lines().skip(1).any(|line| is_drawn(&line)) { said.join(": ") } else { text.to_owned() };
    TALK.iter().fold(line, |line, (talk, plain)| line.replace(talk, plain))
}

/// What is wrong with the command line. A command's short name of one letter is like every word that has the letter: it is
/// not what was meant.
pub(super) fn of_usage(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::Strings(mut names)) = error.remove(ContextKind::SuggestedSubcommand) {
        names.retain(|name| name.len() > 1);
        match names.is_empty() {
            // Without this an empty line is left of it.
            true => error.remove(ContextKind::Suggested),
            false => error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(names)),
        };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_add_is_left_out() {
        let toml =
            "x.toml is broken: TOML parse error at line 2, column 6\n  |\n2 | id = 3\n  |      ^\ninvalid type\n";
        assert_eq!(plain(toml), "x.toml is broken: TOML parse error at line 2, column 6: invalid type");
        let twice = "duplicate mapping key: a, set DuplicateKeyPolicy in Options if acceptable at line 3";
        assert_eq!(plain(twice), "duplicate mapping key: a at line 3");
        assert_eq!(plain("a file `b\nc` | d"), "a file `b\nc` | d", "names may have any form");
    }
}
