//! A first budget, made from an image's figures: a little room above each.

use std::fmt::Write;

use super::amount::Amount;
use super::contents;
use super::rule::Figure;
use super::scope::Scope;
use crate::analyze::Subject;
use crate::analyze::finding;
use crate::model;

/// Room above a figure of today.
const ROOM: f64 = 1.05;
/// Layers more than today.
const LAYERS: u64 = 2;
/// A limit on what is lost or double is no less than this part of all file bytes.
const LEAST_LOST: f64 = 0.01;

/// Lines that are there to be made rules of.
const MORE: &str = r#"
# With something to compare with (--baseline IMAGE, or the JSON of an earlier `inspect`):
# stored-growth-percent = { limit = "5%", floor = "1MB", reason = "ask before an image grows" }
# new-file-size = "10MB"
# added-packages = 5

# What it may hold:
# forbidden-paths = { paths = ["*.pem", "/root/.ssh"], reason = "whoever can pull the image can read it" }
# forbidden-packages = ["gcc*", "deb:curl"]
# path-size = { paths = ["/app/static"], limit = "5MB" }

# What it must be:
# base-image = { allowed = ["python:3.*-slim"], current = true }
# start-time = { limit = "12s", profile = "office", engine = "docker" }
# labels = ["org.opencontainers.image.source"]
# user = "non-root"

# A rule with all that it can have; several of a kind are told apart by their ids:
# [[rules.path-size]]
# id = "static files"
# paths = ["/app/static"]
# limit = "5MB"
# severity = "warning"
# reason = "they belong on the CDN"
"#;

/// The text of a budget that an image keeps today.
pub fn init(subject: Subject<'_>) -> String {
    let scope = Scope::whole(subject);
    let name = subject.image.manifest.reference.escape_default();
    let mut text = format!(
        "# What {name} may cost, with a little room above its figures of today.\n\
         # `layerscope check IMAGE` ends with status 1 where a rule is broken. MB is 1000² bytes, MiB is 1024².\n\n\
         # base = \"ignore\"                 # only the layers above the base count\n\
         # exclude = [\"*.pyc\"]             # files that do not count\n\
         # baseline = \"example.com/app:1\"  # what growth is measured against\n\n[rules]\n"
    );
    let files = scope.bytes(Figure::Files);
    let least = (files as f64 * LEAST_LOST) as u64;
    let sizes = [
        ("stored-size", Figure::Stored, 0, "what a pull downloads"),
        ("file-size", Figure::Files, 0, "data of the files of all layers"),
        ("layer-size", Figure::Layer, 0, "the largest layer, as it is stored"),
        ("wasted-size", Figure::Wasted, least, "stored, pulled, not to be seen"),
        ("duplicate-size", Figure::Duplicates, least, "further copies of visible files"),
    ];
    let unpacked = subject.image.manifest.lies_unpacked();
    for (rule, figure, least, what) in sizes {
        if unpacked && figure.is_stored() {
            writeln!(text, "# {rule}: not told here, since its layers lie unpacked; an image in a registry tells it")
                .ok();
            continue;
        }
        let today = scope.bytes(figure);
        let limit = roomy(((today as f64 * ROOM) as u64).max(least));
        line(&mut text, &format!("{rule} = {limit:?}"), &format!("today {}: {what}", model::bytes(today)));
    }
    if let Amount::Fraction(today) = scope.figure(Figure::Efficiency) {
        let limit = (today * 100.0 - 1.0).floor().max(0.0);
        let today = Amount::Fraction(today);
        line(
            &mut text,
            &format!("efficiency = \"{limit}%\""),
            &format!("today {today}: the part of all data that can be seen"),
        );
    }
    let layers = subject.image.layers.len() as u64;
    line(&mut text, &format!("layers = {}", layers + LAYERS), &format!("today {layers}"));
    let findings = contents::in_scope(&scope);
    let count = findings.iter().filter(|finding| finding.severity <= finding::Severity::Warning).count();
    line(&mut text, &format!("findings = {count}"), "what `layerscope inspect` would mend: less is better");
    text.push_str(MORE);
    text
}

fn line(text: &mut String, rule: &str, comment: &str) {
    writeln!(text, "{rule:<28} # {comment}").ok();
}

/// Rounded up to two digits, as people write sizes.
fn roomy(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];
    let (unit, size) = units.into_iter().find(|(_, size)| bytes >= *size).unwrap_or(("B", 1));
    let digits = bytes.checked_ilog10().unwrap_or(0).saturating_sub(1);
    let step = 10_u64.pow(digits).max(1);
    let rounded = bytes.div_ceil(step).saturating_mul(step);
    let (whole, tenths) = (rounded / size, rounded % size * 10 / size);
    if tenths > 0 { format!("{whole}.{tenths}{unit}") } else { format!("{whole}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_round_and_never_below() {
        for (bytes, shown) in
            [(0, "0B"), (7, "7B"), (101, "110B"), (1_234, "1.3kB"), (117_900_000, "120MB"), (9_990_000_001, "10GB")]
        {
            assert_eq!(roomy(bytes), shown);
            assert!(super::super::amount::size(&roomy(bytes)).expect("a size") >= bytes);
        }
    }
}
