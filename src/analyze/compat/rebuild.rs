//! The commands that build it, run on the candidate.

use std::collections::BTreeSet;

use super::commands::has_shell;
use super::summary::{Problem, listed};
use super::world::{World, path_of};
use super::{Facts, Verdict, commands, compiled};
use crate::shell;

/// Package managers of distributions.
const SYSTEM: [&str; 10] = ["apt-get", "apt", "aptitude", "dpkg", "apk", "dnf", "microdnf", "yum", "rpm", "zypper"];
/// Compilers of C.
const COMPILERS: [&str; 3] = ["cc", "gcc", "clang"];
/// What makes up for all that is missing while building.
const APART: &str = "a stage of its own that builds, whose results are copied";
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
    let (config, candidate) = (facts.application.base.unwrap_or(facts.application.runs_with), facts.candidate.tree);
    let (old_path, new_path) = (path_of(facts.base, config), path_of(candidate, facts.new.config));
    let old = World::new(facts.base, config, &old_path, usize::MAX);
    let new = World::new(candidate, facts.new.config, &new_path, usize::MAX);
    if !has_shell(&new) && has_shell(&old) {
        let what = "a rebuild fails: its RUN commands need a shell";
        return vec![Problem::new(verdict, "rebuild-shell", what).missing("/bin/sh").hint(APART.to_owned())];
    }
    let named: BTreeSet<String> = steps.iter().flat_map(|step| first_words(step)).collect();
    let lost = named.into_iter().filter(|word| old.program(word).is_some() && new.program(word).is_none());
    let lost = lost.map(|word| {
        let what = "a rebuild fails: its commands are not there";
        let problem = Problem::new(verdict, "rebuild-command", what).missing(word.as_str());
        if SYSTEM.contains(&word.as_str()) {
            return problem.hint(package_manager(&new));
        }
        // Another pip than the old base's may install for another Python.
        let package = facts.owners.of_file(&word).filter(|_| !word.starts_with("pip"));
        problem.hint(APART.to_owned()).in_package(package)
    });
    lost.chain(compiler(facts, &old, &new)).collect()
}

/// Packages that pip compiled, on a candidate that can't.
fn compiler(facts: &Facts<'_>, old: &World<'_>, new: &World<'_>) -> Vec<Problem> {
    let has = |world: &World<'_>| COMPILERS.iter().any(|name| world.program(name).is_some());
    if !facts.application.built || !has(old) || has(new) {
        return Vec::new();
    }
    let what = "a rebuild in one stage fails, or does without, unless it installs a compiler: pip compiles packages";
    let problem = |name: String| Problem::new(Verdict::Works, "rebuild-compiler", what).missing(name);
    let compiled = compiled(facts.old.tree, facts.application.base_layers).into_iter();
    compiled.map(|name| problem(name).hint(APART.to_owned())).collect()
}

/// What the candidate installs with.
fn package_manager(new: &World<'_>) -> String {
    match SYSTEM.iter().find(|name| new.program(name).is_some()) {
        Some(name) => format!("this base installs with {name}: other lines, and other names of packages"),
        None => "this base has no package manager: a stage of its own that installs, whose results are copied".into(),
    }
}

fn first_words(step: &str) -> Vec<String> {
    shell::programs(step).into_iter().filter_map(|command| command.words.into_iter().next()).collect()
}

/// What can be told without the application's own files.
pub(super) fn unbuilt(facts: &Facts<'_>) -> Vec<Problem> {
    if facts.application.built {
        return Vec::new();
    }
    let commands =
        facts.application.build_commands.iter().flat_map(|step| shell::programs(step)).map(|command| command.words);
    let brings = |words: &Vec<String>| {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        let module = words.iter().position(|word| word == "-m").and_then(|at| words.get(at + 1));
        let name = module.filter(|_| name.starts_with("python")).map_or(name, String::as_str);
        let says = |verb: &str| verb.is_empty() || words.iter().any(|word| word == verb);
        BRINGS.iter().any(|(program, verb)| *program == name && says(verb))
    };
    let copies = facts.application.copies.iter().cloned();
    let named: BTreeSet<String> = commands.filter(brings).map(|words| words.join(" ")).chain(copies).collect();
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

/// An image that is its base, with nothing on it and nothing else to start: whatever runs there may miss anything.
pub(super) fn alone(facts: &Facts<'_>) -> Vec<Problem> {
    let application = facts.application;
    let own = application.runs_with;
    let is_base = application.base.is_some_and(|base| base.entrypoint == own.entrypoint && base.cmd == own.cmd);
    if !application.built || !is_base || application.base_layers < application.image.tree.layers().len() {
        return Vec::new();
    }
    let what = "nothing stands on this base: what is to run there is not known";
    let advice = "the image of an application, or its Dockerfile";
    vec![Problem::new(Verdict::Undecided, "no-application", what).hint(advice.to_owned())]
}
