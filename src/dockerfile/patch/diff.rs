//! A unified diff that `patch -p1` and `git apply` take.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

/// How long the smallest patch is looked for; after that any that does.
const LONGEST: Duration = Duration::from_secs(2);

/// The change from `old` to `new` of the file `path`, as a patch; empty where there is none. Line ends stay in it as they
/// are, and the lack of one at the end is marked.
pub fn unified_diff(old: &str, new: &str, path: &str) -> String {
    if old == new {
        return String::new();
    }
    // Not `from_lines`: to it a carriage return alone ends a line, to patch it does not.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(LONGEST)
        .newline_terminated(true)
        .diff_slices(&old, &new);
    diff.unified_diff().context_radius(3).header(&named("a", path), &named("b", path)).to_string()
}

/// A name as git writes it: quoted where it has more than plain characters.
fn named(side: &str, path: &str) -> String {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\' && c.is_ascii();
    if path.chars().all(plain) {
        // A tab ends a name, so that spaces in it do not.
        let tab = if path.contains(' ') { "\t" } else { "" };
        return format!("{side}/{path}{tab}");
    }
    let octal = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\{byte:03o}"),
    };
    format!("\"{side}/{}\"", path.bytes().map(octal).collect::<String>())
}
