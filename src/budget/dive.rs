//! A budget out of a `.dive-ci`, as dive 0.13 reads it: three rules below `rules`, in any case, the rest passed over.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{BudgetError, line_of};
use super::rule::{Budget, DiveFigure, Limit, Rule, Severity};

/// dive's rules, with what it asks where a file does not say.
const RULES: [(&str, DiveFigure, &str); 3] = [
    ("highestUserWastedPercent", DiveFigure::UserWastedPercent, "0.1"),
    ("highestWastedBytes", DiveFigure::WastedBytes, DISABLED),
    ("lowestEfficiency", DiveFigure::Efficiency, "0.9"),
];
/// What turns a rule off.
const DISABLED: &str = "disabled";

/// Sizes as dive takes them (go-humanize): the unit may be left out, and K is 1000 bytes.
const UNITS: [&str; 6] = ["k", "m", "g", "t", "p", "e"];

impl Budget {
    /// Reads a `.dive-ci`. `place` is how the user named it.
    pub fn parse_dive(place: &str, yaml: &str) -> Result<Self, BudgetError> {
        let error = |line: usize, reason: String| BudgetError::Config { place: place.into(), line, reason };
        let syntax = |wrong: serde_saphyr::Error| {
            let line = wrong.location().map_or(1, |location| location.line() as usize);
            // Below its first line it shows the place, which is told already.
            error(line, format!("this is no YAML: {}", wrong.to_string().lines().next().unwrap_or_default()))
        };
        let document: Value = match yaml.trim() {
            "" => Value::Null,
            _ => serde_saphyr::from_str(yaml).map_err(syntax)?,
        };
        let given = lower(&document).and_then(|mut top| lower(&top.remove("rules")?)).unwrap_or_default();
        let rules = RULES.iter().map(|(name, figure, usual)| {
            let value = given.get(&name.to_lowercase()).and_then(text).unwrap_or_else(|| (*usual).into());
            let line = line_with(yaml, name);
            let limit = limit(*figure, &value).map_err(|reason| error(line, format!("rule {name}: {reason}")))?;
            let (id, kind) = ((*name).to_owned(), *name);
            Ok(Rule { id, kind, limit, severity: Severity::Error, reason: None, line })
        });
        let rules: Result<Vec<Rule>, BudgetError> = rules.collect();
        Ok(Self { place: place.into(), ignore_base: false, exclude: None, baseline: None, rules: rules? })
    }
}

/// A mapping with its keys in lower case.
fn lower(value: &Value) -> Option<BTreeMap<String, Value>> {
    let keys = value.as_object()?.iter();
    Some(keys.map(|(key, value)| (key.to_lowercase(), value.clone())).collect())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn line_with(yaml: &str, name: &str) -> usize {
    yaml.to_lowercase().find(&name.to_lowercase()).map_or(1, |at| line_of(&yaml.to_lowercase(), at))
}

fn limit(figure: DiveFigure, value: &str) -> Result<Limit, String> {
    if value == DISABLED {
        return Ok(Limit::Disabled);
    }
    if figure == DiveFigure::WastedBytes {
        let wrong = || format!("expected a size as 20MB, or \"{DISABLED}\", not {value:?}");
        return bytes(value).map(|bytes| Limit::Dive(figure, bytes)).ok_or_else(wrong);
    }
    let part: Option<f64> = value.parse().ok();
    match part.filter(|part| !(*part < 0.0 || *part > 1.0)) {
        Some(part) => Ok(Limit::Dive(figure, part)),
        None => Err(format!("expected a number from 0 to 1, or \"{DISABLED}\", not {value:?}")),
    }
}

fn bytes(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").parse().ok()?;
    let unit = text[end..].trim().to_lowercase();
    let (letter, base) = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('i')) {
        Some(letter) => (letter, 1024_f64),
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000_f64),
    };
    let power = match letter {
        "" if base < 1024.0 => 0,
        letter => UNITS.iter().position(|unit| *unit == letter)? + 1,
    };
    let bytes = number * base.powi(power as i32);
    (bytes < u64::MAX as f64).then(|| bytes.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(yaml: &str) -> Vec<String> {
        let budget = Budget::parse_dive(".dive-ci", yaml).expect(yaml);
        budget.rules.iter().map(|rule| format!("{:?}", rule.limit)).collect()
    }

    #[test]
    fn what_is_left_out_is_what_dive_asks() {
        let usual = ["Dive(UserWastedPercent, 0.1)", "Disabled", "Dive(Efficiency, 0.9)"];
        for yaml in ["", "{}", "rules:\n", "lowestEfficiency: 0.5", "rules:\n  lowest-efficiency: 0.5\n"] {
            assert_eq!(shown(yaml), usual, "{yaml}");
        }
        let own =
            "rules:\n  lowestefficiency: \"0.5\"\n  HIGHESTWASTEDBYTES: 1 MB\n  highestUserWastedPercent: disabled\n";
        assert_eq!(shown(own), ["Disabled", "Dive(WastedBytes, 1000000.0)", "Dive(Efficiency, 0.5)"]);
    }

    #[test]
    fn sizes_are_go_humanizes() {
        for (text, expected) in [
            ("20MB", Some(20e6)),
            ("1,000kB", Some(1e6)),
            ("1.5 GiB", Some(1_610_612_736.0)),
            ("7", Some(7.0)),
            ("7k", Some(7000.0)),
            ("2Mi", Some(2_097_152.0)),
            ("7b", Some(7.0)),
            ("20XB", None),
            ("7ib", None),
            ("-5", None),
            ("", None),
            ("99EB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn what_dive_calls_misconfigured_has_its_line() {
        for (yaml, expected) in [
            ("rules:\n  lowestEfficiency: 1.5\n", ".dive-ci:2: rule lowestEfficiency: expected a number from 0 to 1"),
            ("rules:\n\n  highestWastedBytes: 20XB\n", ".dive-ci:3: rule highestWastedBytes: expected a size as 20MB"),
            ("rules:\n  lowestEfficiency: Disabled\n", "not \"Disabled\""),
            ("rules: [\n", "this is no YAML"),
        ] {
            let error = Budget::parse_dive(".dive-ci", yaml).expect_err(yaml).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
