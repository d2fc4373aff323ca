//! The user and group that it runs as, where they have names.

use super::summary::Problem;
use super::world::{Text, World};
use super::{Facts, Verdict};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let user = &facts.new.config.user;
    let (name, group) = user.split_once(':').map_or((user.as_str(), None), |(name, group)| (name, Some(group)));
    let named = [("etc/passwd", "user", Some(name)), ("etc/group", "group", group)];
    let named =
        named.into_iter().filter_map(|(file, kind, name)| Some((file, kind, name.filter(|name| !name.is_empty())?)));
    named.filter_map(|(file, kind, name)| lost(facts, file, kind, name)).collect()
}

/// Engines look a name up before they start a container; a number needs no entry.
fn lost(facts: &Facts<'_>, file: &str, kind: &str, name: &str) -> Option<Problem> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) || has(&facts.new, file, name) == Some(true) {
        return None;
    }
    // A name that never was there did not run before either; with only a Dockerfile, its commands may make it.
    let (verdict, what) = match (has(&facts.new, file, name), facts.application.built) {
        (None, _) => (Verdict::Undecided, format!("/{file} could not be read, which should have the {kind} {name}")),
        (_, false) => (Verdict::Undecided, format!("the base has no {kind} {name}, unless a command makes it")),
        _ => (Verdict::Breaks, format!("it runs as the {kind} {name}, which /{file} does not have")),
    };
    let old = facts.application.built && has(&facts.old, file, name) == Some(false);
    let hint = format!("a line in the Dockerfile that adds the {kind}, or its number instead of its name");
    (!old).then(|| Problem::new(verdict, "user", what).missing(name).hint(hint))
}

/// Whether a file of lines `name:…` has a name; `None` if that is not known.
pub(super) fn has(world: &World<'_>, file: &str, name: &str) -> Option<bool> {
    match world.text(&file.into()) {
        Text::Missing => Some(false),
        Text::Unknown => None,
        Text::Known(text) => Some(text.lines().any(|line| line.split(':').next() == Some(name))),
    }
}
