//! A table of a budget: values are asked for by key, and what nobody asked for is an error that names what was meant.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::amount;
use super::error::{BudgetError, hint, line_of};
use super::rule::Names;
use crate::analyze::Globs;
use crate::model::nearest;
use crate::pkgdb::Ecosystem;

/// The text of a budget, and where it is from.
#[derive(Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) place: &'t str,
    pub(super) text: &'t str,
}

impl Text<'_> {
    pub(super) fn line(self, at: usize) -> usize {
        line_of(self.text, at)
    }

    pub(super) fn error(self, at: usize, reason: impl Into<String>) -> BudgetError {
        BudgetError::Config { place: self.place.into(), line: self.line(at), reason: reason.into() }
    }
}

/// A value, and where it stands.
pub(super) type Value<'d> = Spanned<DeValue<'d>>;

/// A table's values that nobody has asked for yet.
pub(super) struct Fields<'t, 'd> {
    pub(super) text: Text<'t>,
    /// What the table is, for messages: `rule stored-size`.
    what: String,
    /// Where it begins.
    at: usize,
    rest: Vec<(&'d str, Range<usize>, &'d Value<'d>)>,
    known: Vec<&'static str>,
}

type Result<T> = std::result::Result<T, BudgetError>;

impl<'t, 'd> Fields<'t, 'd> {
    pub(super) fn of(text: Text<'t>, what: impl Into<String>, at: usize, table: &'d DeTable<'d>) -> Self {
        let rest = table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
        Self { text, what: what.into(), at, rest, known: Vec::new() }
    }

    /// A bare value, as if it stood in a table under this key.
    pub(super) fn bare(text: Text<'t>, what: impl Into<String>, key: &'static str, value: &'d Value<'d>) -> Self {
        let rest = vec![(key, value.span(), value)];
        Self { text, what: what.into(), at: value.span().start, rest, known: Vec::new() }
    }

    pub(super) fn line(&self) -> usize {
        self.text.line(self.at)
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> BudgetError {
        self.text.error(self.at, reason)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'d Value<'d>> {
        self.known.push(key);
        let at = self.rest.iter().position(|(name, ..)| *name == key)?;
        Some(self.rest.swap_remove(at).2)
    }

    /// A value that must be there, read by `read`.
    pub(super) fn need<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'d DeValue<'d>) -> std::result::Result<T, String>,
    ) -> Result<T> {
        match self.maybe(key, read)? {
            Some(value) => Ok(value),
            None => Err(self.missing(key)),
        }
    }

    /// Most often it is there, misspelt.
    fn missing(&self, key: &'static str) -> BudgetError {
        let misspelt = self.rest.iter().find(|(name, ..)| nearest(name, std::iter::once(key)).is_some());
        match misspelt {
            Some((name, span, _)) => self.unknown(name, span, [key]),
            None => self.error(format!("{} needs `{key}`", self.what)),
        }
    }

    fn unknown(&self, key: &str, span: &Range<usize>, known: impl IntoIterator<Item = &'static str>) -> BudgetError {
        let hint = hint(key, known.into_iter());
        self.text.error(span.start, format!("{} has no `{key}`: {hint}", self.what))
    }

    /// A value that may be there.
    pub(super) fn maybe<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'d DeValue<'d>) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let wrong = |reason: String| self.text.error(value.span().start, format!("{}: `{key}`: {reason}", self.what));
        read(value.get_ref()).map(Some).map_err(wrong)
    }

    /// Nothing else may be there.
    pub(super) fn end(self) -> Result<()> {
        let Some((key, span, _)) = self.rest.iter().min_by_key(|(_, span, _)| span.start) else { return Ok(()) };
        Err(self.unknown(key, span, self.known.iter().copied()))
    }
}

type Read<T> = std::result::Result<T, String>;

fn expected<T>(what: &str, value: &DeValue<'_>) -> Read<T> {
    Err(format!("expected {what}, not {}", shown(value)))
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => format!("a value of type {}", other.type_str()),
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

pub(super) fn text(value: &DeValue<'_>) -> Read<String> {
    match value.as_str().filter(|text| !text.trim().is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => expected("a text", value),
    }
}

pub(super) fn flag(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().map_or_else(|| expected("true or false", value), Ok)
}

pub(super) fn count(value: &DeValue<'_>) -> Read<u64> {
    match integer(value).and_then(|number| u64::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => expected("a whole number from 0", value),
    }
}

/// A size as text, or bytes.
pub(super) fn size(value: &DeValue<'_>) -> Read<u64> {
    match value.as_str() {
        Some(text) => amount::size(text),
        None => count(value).or_else(|_| expected("a size as \"120MB\", or a whole number of bytes", value)),
    }
}

/// A percentage as text, or a fraction of 1.
pub(super) fn part(value: &DeValue<'_>) -> Read<f64> {
    if let Some(text) = value.as_str() {
        return amount::percent(text);
    }
    let fraction = match value.as_float().map(|float| float.as_str().parse::<f64>()) {
        Some(Ok(fraction)) => Some(fraction),
        // 1 is one per cent to some, all to others.
        _ => integer(value).filter(|number| *number == 0).map(|_| 0.0),
    };
    match fraction {
        Some(fraction) if fraction >= 0.0 && fraction.is_finite() => Ok(fraction),
        _ => expected("a percentage as \"5%\", or a fraction as 0.05", value),
    }
}

/// The same, of at most the whole.
pub(super) fn part_of_whole(value: &DeValue<'_>) -> Read<f64> {
    let part = part(value)?;
    if part <= 1.0 { Ok(part) } else { expected("at most 100%", value) }
}

/// A time as text, or seconds.
pub(super) fn seconds(value: &DeValue<'_>) -> Read<f64> {
    match value {
        DeValue::String(text) => amount::seconds(text),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(seconds) if seconds >= 0.0 && seconds.is_finite() => Ok(seconds),
            _ => expected("seconds", value),
        },
        _ => count(value).map(|seconds| seconds as f64).or_else(|_| expected("a time as \"12s\"", value)),
    }
}

/// One text, or several; at least one.
pub(super) fn texts(value: &DeValue<'_>) -> Read<Vec<String>> {
    let Some(items) = value.as_array() else { return Ok(vec![text(value)?]) };
    let all: Read<Vec<String>> = items.iter().map(|item| text(item.get_ref())).collect();
    match all? {
        none if none.is_empty() => expected("at least one text", value),
        all => Ok(all),
    }
}

/// Globs over paths, with how they are written.
pub(super) fn globs(value: &DeValue<'_>) -> Read<(Vec<String>, Globs)> {
    let written = texts(value)?;
    let globs = Globs::new(written.iter().map(String::as_str)).map_err(|error| error.to_string())?;
    Ok((written, globs))
}

/// Names with `*` and `?`.
pub(super) fn names(value: &DeValue<'_>) -> Read<Names> {
    names_of(texts(value)?)
}

/// Packages: `gcc*`, `deb:gcc*`. Of Python, whatever way a name is written that pip takes for the same (PEP 503).
pub(super) fn packages(value: &DeValue<'_>) -> Read<Names> {
    let written = texts(value)?;
    for name in &written {
        let ecosystem = name.split_once(':').map(|(ecosystem, _)| ecosystem);
        let known = || Ecosystem::ALL.map(Ecosystem::name);
        let unknown = ecosystem.filter(|one| one.chars().all(|c| c.is_ascii_alphanumeric()) && !known().contains(one));
        if let Some(unknown) = unknown {
            return Err(format!("{name:?}: {unknown} is no kind of packages: expected one of {}", known().join(", ")));
        }
    }
    let python = |name: &String| {
        let name = name.strip_prefix("python:").unwrap_or(name);
        (!name.contains(':')).then(|| format!("python:{}", name.to_lowercase().replace(['_', '.'], "-")))
    };
    let names = names_of(written.iter().cloned().chain(written.iter().filter_map(python)).collect())?;
    Ok(Names { written, ..names })
}

pub(super) fn names_of(written: Vec<String>) -> Read<Names> {
    let mut set = globset::GlobSetBuilder::new();
    for name in &written {
        set.add(globset::Glob::new(name).map_err(|error| error.to_string())?);
    }
    Ok(Names { set: set.build().map_err(|error| error.to_string())?, written })
}
