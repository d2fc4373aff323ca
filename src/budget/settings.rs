//! Rules about what an image says of itself: its base, labels, user.

use std::collections::BTreeMap;

use super::amount::Amount;
use super::judge::Facts;
use super::outcome::{Evidence, Outcome};
use super::rule::{Names, Rule};
use crate::analyze::{Base, Subject, runs_as_root};
use crate::model::familiar;

/// A user that is anyone but root.
const NON_ROOT: &str = "non-root";

/// The base is one of those that are allowed, and its tag still leads to its layers.
pub(super) fn base(rule: &Rule, facts: &Facts<'_>, allowed: Option<&Names>, current: bool) -> Outcome {
    let Some(base) = facts.base else { return Outcome::undecided(rule, "the base was not looked for") };
    let names: Vec<String> = base.names.iter().map(|name| familiar(name).to_owned()).collect();
    let actual = Amount::Names(names.clone());
    let told =
        || base.evidence.iter().map(|evidence| Evidence::of(format!("{}: {}", evidence.kind.name(), evidence.says)));
    if let Some(allowed) = allowed {
        let is_allowed = |name: &String| allowed.have(name) || allowed.have(familiar(name));
        if names.is_empty() {
            return Outcome::undecided(rule, "nothing tells the name of the base").with(told().collect());
        }
        if !base.names.iter().any(is_allowed) {
            let (shown, list) = (actual.to_string(), allowed.written.join(", "));
            let message = format!("it stands on {shown}, which is none of {list}");
            return Outcome::fail(rule, actual, message).with(told().collect());
        }
    }
    if !current {
        return sure(rule, base, actual);
    }
    match &facts.current {
        Some(Ok(true)) => Outcome::pass(rule, actual.clone(), format!("{actual} is what lies under the image")),
        Some(Ok(false)) => {
            let message = "the base's tag leads to other layers by now: build the image again".to_owned();
            Outcome::fail(rule, actual, message).with(told().collect())
        }
        Some(Err(reason)) => Outcome::undecided(rule, format!("whether the base is current can't be told: {reason}")),
        None => Outcome::undecided(rule, "whether the base is current was not looked up"),
    }
}

/// A name that is only guessed decides nothing.
fn sure(rule: &Rule, base: &Base, actual: Amount) -> Outcome {
    match base.layers {
        Some(_) => Outcome::pass(rule, actual.clone(), format!("it stands on {actual} ({})", base.confidence.name())),
        None => Outcome::undecided(rule, format!("it claims to stand on {actual}, and no layer bears that out")),
    }
}

/// Labels that must be there.
pub(super) fn labels(rule: &Rule, wanted: &[(String, Option<Names>)], there: &BTreeMap<String, String>) -> Outcome {
    let wrong = wanted.iter().filter_map(|(name, values)| match (there.get(name), values) {
        (None, _) => Some(Evidence::of(format!("{name} is not set"))),
        (Some(value), Some(values)) if !values.have(value) => {
            Some(Evidence::of(format!("{name} is {value:?}, not {}", values.written.join(", "))))
        }
        _ => None,
    });
    let wrong: Vec<Evidence> = wrong.collect();
    let actual =
        Amount::Names(wanted.iter().map(|(name, _)| name).filter(|name| there.contains_key(*name)).cloned().collect());
    match wrong.len() {
        0 => Outcome::pass(rule, actual, "all are set"),
        1 => Outcome::fail(rule, actual, "a label is not as it must be").with(wrong),
        n => Outcome::fail(rule, actual, format!("{n} labels are not as they must be")).with(wrong),
    }
}

/// The user that the image runs as.
pub(super) fn user(rule: &Rule, allowed: &[String], subject: Subject<'_>) -> Outcome {
    let config = subject.image.manifest.config.config.user.as_str();
    let (name, is_root) = (config.split(':').next().unwrap_or_default(), runs_as_root(subject));
    let shown = if name.is_empty() { "root" } else { config };
    let fits = |allowed: &String| match allowed.as_str() {
        NON_ROOT => !is_root,
        "root" | "0" => is_root,
        other => other == name || other == config,
    };
    let actual = Amount::Names(vec![shown.into()]);
    let message = format!("it runs as {shown}");
    match allowed.iter().any(fits) {
        true => Outcome::pass(rule, actual, message),
        false => Outcome::fail(rule, actual, format!("{message}, not as {}", allowed.join(" or "))),
    }
}
