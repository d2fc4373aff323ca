//! Amounts as people write them in a budget, and as they are shown.

use std::fmt;

use crate::model;

/// What a rule limits, and what the image has.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// Things.
    Count(u64),
    /// A part of a whole: 1 is all of it.
    Fraction(f64),
    /// Seconds.
    Seconds(f64),
    /// Names.
    Names(Vec<String>),
}

/// Names that an amount is shown with, at most.
const SHOWN: usize = 3;
/// Digits behind the point, at most.
const MOST_DIGITS: usize = 15;

impl Amount {
    /// Whether it is more than a limit of its kind.
    pub(super) fn exceeds(&self, limit: &Self) -> bool {
        match (self, limit) {
            (Self::Bytes(own), Self::Bytes(limit)) | (Self::Count(own), Self::Count(limit)) => own > limit,
            (Self::Fraction(own), Self::Fraction(limit)) | (Self::Seconds(own), Self::Seconds(limit)) => own > limit,
            _ => false,
        }
    }

    /// With so many digits behind the point; of bytes, all.
    fn exact(&self, digits: usize) -> String {
        match self {
            Self::Bytes(bytes) => format!("{bytes} bytes"),
            Self::Fraction(part) => format!("{:.digits$}%", part * 100.0),
            Self::Seconds(seconds) => format!("{seconds:.digits$} s"),
            Self::Count(_) | Self::Names(_) => self.to_string(),
        }
    }

    /// This amount and another, with as many digits as it takes to tell them apart.
    pub fn beside(&self, other: &Self) -> (String, String) {
        let usual = (self.to_string(), other.to_string());
        if usual.0 != usual.1 || self == other {
            return usual;
        }
        let mut longer = (2..=MOST_DIGITS).map(|digits| (self.exact(digits), other.exact(digits)));
        longer.find(|(one, other)| one != other).unwrap_or(usual)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&model::bytes(*bytes)),
            Self::Count(count) => write!(f, "{count}"),
            Self::Fraction(part) => write!(f, "{:.1}%", part * 100.0),
            Self::Seconds(seconds) => write!(f, "{seconds:.1} s"),
            Self::Names(names) => {
                f.write_str(&names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "))?;
                if names.len() > SHOWN { write!(f, " and {} more", names.len() - SHOWN) } else { Ok(()) }
            }
        }
    }
}

/// Units of sizes: powers of 1000 and of 1024.
const UNITS: [(&str, u64); 11] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("bytes", 1),
    ("byte", 1),
    ("b", 1),
];

/// `120MB`, `1.5 GiB`, `800 kB`: bytes. MB is 1000² bytes, MiB is 1024².
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let bits = unit.len() == 2 && unit.ends_with('b') && unit.starts_with(['k', 'M', 'G', 'T']) && unit != "kb";
    if bits {
        return Err(format!("{unit} are bits: say {}B", &unit[..1]));
    }
    let lower = unit.to_ascii_lowercase();
    if let "k" | "m" | "g" | "t" | "ki" | "mi" | "gi" | "ti" = lower.as_str() {
        let letter = lower[..1].to_ascii_uppercase();
        let thousand = if letter == "K" { "k" } else { &letter };
        return Err(format!("{unit} is no unit: say {thousand}B (powers of 1000) or {letter}iB (of 1024)"));
    }
    let known = UNITS.iter().find(|(name, _)| *name == lower);
    let (_, factor) = known.ok_or_else(|| format!("expected a size as 120MB or 1.5GiB, not {text:?}"))?;
    scaled(number, *factor).ok_or_else(|| format!("{text} is more than can be counted"))
}

/// Digits are multiplied as integers, so that what is written is what is meant.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: f64 = if part.is_empty() { 0.0 } else { format!("0.{part}").parse().ok()? };
    whole.checked_mul(factor)?.checked_add((part * factor as f64).round() as u64)
}

/// `5%`, `12.5 %`: a part of a whole.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("expected a percentage as 5%, not {text:?}");
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
    let (number, unit) = split(number).map_err(|_| wrong())?;
    let value: f64 = number.parse().map_err(|_| wrong())?;
    if unit.is_empty() { Ok(value / 100.0) } else { Err(wrong()) }
}

/// `12s`, `1.5 s`, `800ms`, `2min`: seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let wrong = || format!("expected a time as 12s, 800ms or 2min, not {text:?}");
    let (number, unit) = split(text).map_err(|_| wrong())?;
    let units = [("ms", 0.001), ("s", 1.0), ("min", 60.0)];
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.parse::<f64>().map(|number| number * factor).map_err(|_| wrong())
}

/// A number and what follows it.
fn split(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.parse::<f64>().is_err() {
        return Err(format!("{text:?} does not begin with a number"));
    }
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_mean_what_they_say() {
        for (text, bytes) in [
            ("120MB", 120_000_000),
            ("1.5GiB", 1_610_612_736),
            ("800 kB", 800_000),
            ("800KB", 800_000),
            ("5mb", 5_000_000),
            ("0 B", 0),
            ("7bytes", 7),
            (".5KiB", 512),
            ("18446744073709551615B", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, hint) in [
            ("120M", "say MB (powers of 1000) or MiB"),
            ("12k", "say kB (powers of 1000) or KiB"),
            ("1Gb", "Gb are bits: say GB"),
            ("120", "expected a size as 120MB"),
            ("-5MB", "does not begin with a number"),
            ("MB", "does not begin with a number"),
            ("1.2.3MB", "does not begin with a number"),
            ("5 apples", "expected a size"),
            ("20000000TB", "more than can be counted"),
        ] {
            let error = size(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn percentages_and_times() {
        assert_eq!((percent("5%"), percent("12.5 %")), (Ok(0.05), Ok(0.125)));
        assert_eq!((seconds("12s"), seconds("800 ms"), seconds("2min")), (Ok(12.0), Ok(0.8), Ok(120.0)));
        assert!(["5", "%", "-1%", "5%%", "5 MB%"].iter().all(|text| percent(text).is_err()));
        assert!(["12", "s", "-1s", "1h"].iter().all(|text| seconds(text).is_err()));
    }

    #[test]
    fn what_is_shown_can_be_told_apart() {
        let (own, limit) = (Amount::Bytes(120_000_001), Amount::Bytes(120_000_000));
        assert_eq!(own.beside(&limit), ("120000001 bytes".into(), "120000000 bytes".into()));
        let (own, part) = (Amount::Fraction(0.833_48), Amount::Fraction(0.833_49));
        assert_eq!(own.beside(&part), ("83.348%".into(), "83.349%".into()));
        assert_eq!(limit.beside(&limit), ("120.0 MB".into(), "120.0 MB".into()));
        let names = |n: usize| Amount::Names((0..n).map(|n| n.to_string()).collect());
        assert_eq!((names(2).to_string(), names(5).to_string()), ("0, 1".into(), "0, 1, 2 and 2 more".into()));
    }
}
