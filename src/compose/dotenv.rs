//! `.env`: the variables beside a compose file.

use std::collections::BTreeMap;

/// Reads `NAME=value` lines: `export ` before a name, comments, single quotes (as they stand) and double quotes (with
/// `\n`, `\t`, `\"`, `\\`) as Compose has them. A value's own `$NAME` stays as it is. Lines that are none are passed
/// over.
pub fn dotenv(text: &str) -> BTreeMap<String, String> {
    text.trim_start_matches('\u{feff}').lines().filter_map(pair).collect()
}

fn pair(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim();
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    good.then(|| (name.to_owned(), unquoted(value.trim())))
}

fn unquoted(value: &str) -> String {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split('\'').next().unwrap_or_default().into();
    }
    if let Some(rest) = value.strip_prefix('"') {
        return double(rest);
    }
    // A comment needs a space before it.
    let end = [" #", "\t#"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
    if value.starts_with('#') { String::new() } else { value[..end].trim_end().into() }
}

fn double(rest: &str) -> String {
    let (mut out, mut chars) = (String::new(), rest.chars());
    while let Some(c) = chars.next().filter(|c| *c != '"') {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_lines() {
        let text = "# c\nA=1\n export B = two words # c\nC='$x #'\nD=\"a\\\"\\nb\" # c\nE=\nF=a#b\nnone\n=x\nG=#c\n";
        let read = dotenv(text);
        let pairs: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "$x #"), ("D", "a\"\nb"), ("E", ""), ("F", "a#b"), ("G", "")];
        assert_eq!(pairs, expected);
    }
}
