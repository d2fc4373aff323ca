//! The commands that build it, run on the candidate.

use std::collections::BTreeSet;

use super::commands::has_shell;
use super::shell;
use super::summary::{Problem, listed};
use super::world::World;
use super::{Facts, Verdict, commands};

/// Package managers of distributions.
const SYSTEM: [&str; 10] = ["apt-get", "apt", "aptitude", "dpkg", "apk", "dnf", "microdnf", "yum", "rpm", "zypper"];
/// Commands that bring files which are not known before they have run, with the word that makes them do so.
const BRINGS: [(&str, &str); 24] = [
    ("apt-get", "install"),
    ("apt", "install"),
    ("apk", "add"),
    ("dnf", "install"),
    ("microdnf", "install"),
    ("yum", "install"),
    ("zypper", "install"),
    ("pip", "install"),
    ("pip3", "install"),
    ("pipenv", "install"),
    ("poetry", "install"),
    ("uv", ""),
    ("conda", "install"),
    ("npm", "ci"),
    ("npm", "install"),
    ("npm", "i"),
    ("yarn", ""),
    ("pnpm", "install"),
    ("bundle", "install"),
    ("gem", "install"),
    ("composer", "install"),
    ("go", "build"),
    ("cargo", "build"),
    ("make", ""),
];

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let steps = facts.application.build_commands;
    if steps.is_empty() {
        return Vec::new();
    }
    let verdict = if facts.application.built { Verdict::Works } else { Verdict::Breaks };
    let old = World::new(facts.base, facts.application.base.unwrap_or(facts.application.runs_with), usize::MAX);
    let new = World::new(facts.candidate.tree, facts.new.config, usize::MAX);
    if !has_shell(&new) && has_shell(&old) {
        let what = "a rebuild fails: its RUN commands need a shell";
        let hint = "a stage of its own that builds, whose results are copied".to_owned();
        return vec![Problem::new(verdict, "rebuild-shell", what).missing("/bin/sh").hint(hint)];
    }
    let named: BTreeSet<String> = steps.iter().flat_map(|step| first_words(step)).collect();
    let lost = named.into_iter().filter(|word| old.program(word).is_some() && new.program(word).is_none());
    lost.map(|word| {
        let what = "a rebuild fails: its commands are not there";
        let hint = match SYSTEM.iter().find(|name| **name == word) {
            Some(_) => Some(package_manager(&new)),
            None => facts
                .owners
                .hint(&word)
                .or_else(|| Some("a stage of its own that builds, whose results are copied".into())),
        };
        Problem::new(verdict, "rebuild-command", what).missing(word).hint(hint)
    })
    .collect()
}

/// What the candidate installs with.
fn package_manager(new: &World<'_>) -> String {
    match SYSTEM.iter().find(|name| new.program(name).is_some()) {
        Some(name) => format!("this base installs with {name}: other lines, and other names of packages"),
        None => "this base has no package manager: a stage of its own that installs, whose results are copied".into(),
    }
}

fn first_words(step: &str) -> Vec<String> {
    shell::commands(step).into_iter().filter_map(|words| words.into_iter().next()).collect()
}

/// What can be told without the application's own files.
pub(super) fn unbuilt(facts: &Facts<'_>) -> Vec<Problem> {
    if facts.application.built {
        return Vec::new();
    }
    let commands = facts.application.build_commands.iter().flat_map(|step| shell::commands(step));
    let brings = |words: &Vec<String>| {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        let module = words.iter().position(|word| word == "-m").and_then(|at| words.get(at + 1));
        let name = module.filter(|_| name.starts_with("python")).map_or(name, String::as_str);
        let says = |verb: &str| verb.is_empty() || words.iter().any(|word| word == verb);
        BRINGS.iter().any(|(program, verb)| *program == name && says(verb))
    };
    let named: BTreeSet<String> = commands.filter(brings).map(|words| words.join(" ")).collect();
    let mut problems = Vec::new();
    let advice = "the built image, which tells".to_owned();
    if !named.is_empty() {
        let what = format!("what building it brings is not known: {}", listed(&named));
        problems.push(Problem::new(Verdict::Undecided, "not-built", what).hint(advice.clone()));
    }
    let started = commands::started(&facts.new);
    let starts = facts.new.config.entrypoint.iter().chain(&facts.new.config.cmd).flatten().next();
    if let (Some(word), true) = (starts, started.iter().all(|led| led.programs.is_empty())) {
        let what = "what it starts is not in the base, so that what that needs is not known";
        problems.push(Problem::new(Verdict::Undecided, "not-built", what).missing(word).hint(advice));
    }
    problems
}
