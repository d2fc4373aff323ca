//! What it starts: ENTRYPOINT and CMD, HEALTHCHECK, the interpreters of scripts.

use std::collections::BTreeSet;

use super::owner::Owners;
use super::process::Processes;
use super::summary::{Problem, news};
use super::world::{Found, World};
use super::{Facts, Verdict};
use crate::elf::Loadable;
use crate::model::LayerPath;
use crate::shell;

/// Scripts that start scripts, and programs that start the command behind their name: Linux allows four and five.
const DEEPEST: usize = 6;

/// One way in.
pub(super) struct Start {
    /// `its command`, `its health check`.
    what: &'static str,
    words: Vec<String>,
}

/// What a command leads to.
#[derive(Default)]
pub(super) struct Led<'w> {
    /// Programs that run, links followed: the command's own, interpreters, shells.
    pub(super) programs: Vec<Found<'w>>,
    problems: Vec<Problem>,
}

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let old = problems(&facts.old, &facts.owners, facts.application.built);
    let mut found = news(&old, problems(&facts.new, &facts.owners, facts.application.built));
    found.extend(entrypoint(facts));
    found.extend(shebangs(facts));
    found
}

fn problems(world: &World<'_>, owners: &Owners, built: bool) -> Vec<Problem> {
    let led = started(world);
    let processes = Processes::new(*world, owners);
    let problems = led.iter().flat_map(|led| led.problems.clone()).filter(|_| built);
    let mut problems: Vec<Problem> = problems
        .map(|problem| {
            let package = owners.of_file(problem.missing.trim_start_matches('/'));
            problem.in_package(package)
        })
        .collect();
    let mut seen = BTreeSet::new();
    for program in led.into_iter().flat_map(|led| led.programs) {
        if seen.insert(program.path.clone()) {
            problems.extend(processes.program(&program));
        }
    }
    problems
}

/// All that a world's settings start.
pub(super) fn started<'w>(world: &World<'w>) -> Vec<Led<'w>> {
    starts(world).iter().map(|start| lead(world, start)).collect()
}

fn starts(world: &World<'_>) -> Vec<Start> {
    let config = world.config;
    let words = [config.entrypoint.clone().unwrap_or_default(), config.cmd.clone().unwrap_or_default()].concat();
    let mut starts = vec![Start { what: "its command", words }];
    let health = config.healthcheck.as_ref().map(|health| health.test.as_slice()).unwrap_or_default();
    let words = match health {
        [kind, words @ ..] if kind == "CMD" => words.to_vec(),
        [kind, text] if kind == "CMD-SHELL" => {
            let shell = config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
            [shell, vec![text.clone()]].concat()
        }
        _ => Vec::new(),
    };
    starts.push(Start { what: "its health check", words });
    starts.retain(|start| !start.words.is_empty());
    starts
}

fn lead<'w>(world: &World<'w>, start: &Start) -> Led<'w> {
    let mut led = Led::default();
    let words: Vec<&str> = start.words.iter().map(String::as_str).collect();
    follow(world, start.what, &words, Verdict::Breaks, DEEPEST, &mut led);
    led
}

/// Follows a command to the programs that run.
fn follow<'w>(world: &World<'w>, what: &str, words: &[&str], verdict: Verdict, depth: usize, led: &mut Led<'w>) {
    let Some((first, rest)) = words.split_first() else { return };
    let Some(found) = world.program(first) else {
        let is_shell = is_shell(first);
        let (rule, what) = if is_shell {
            ("shell", format!("{what} needs a shell"))
        } else {
            ("command", format!("{what} starts {first}, which is not there"))
        };
        led.problems.push(Problem::new(verdict, rule, what).missing(*first));
        return;
    };
    let name = String::from_utf8_lossy(found.path.file_name()).into_owned();
    let script = script(world, what, &found, depth, led);
    led.programs.push(found);
    let Some(depth) = depth.checked_sub(1) else { return };
    if let Some(text) = is_shell(first).then(|| shell_text(rest)).flatten() {
        for (at, words) in shell::programs(text).iter().enumerate() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let verdict = if at == 0 { verdict } else { verdict.min(Verdict::Undecided) };
            follow(world, what, &words, verdict, depth, led);
        }
    } else if let Some(rest) = handed_on(&name, first, rest) {
        follow(world, what, rest, verdict, depth, led);
    } else if script && name.contains("entrypoint") {
        // Such scripts end with `exec "$@"`, as a rule.
        follow(world, what, rest, Verdict::Undecided, depth, led);
    }
}

/// The interpreter of a script; whether it is one.
fn script<'w>(world: &World<'w>, what: &str, found: &Found<'w>, depth: usize, led: &mut Led<'w>) -> bool {
    let Some(Loadable::Script(line)) = found.loadable else { return false };
    let before = led.problems.len();
    let Some(depth) = depth.checked_sub(1) else { return true };
    let words = shebang(line);
    follow(world, what, &words.iter().map(String::as_str).collect::<Vec<_>>(), Verdict::Breaks, depth, led);
    for problem in &mut led.problems[before..] {
        if problem.needed_by.is_none() {
            problem.what = format!("{what} starts a script whose interpreter is not there");
            problem.rule = "shebang";
            problem.needed_by = Some(found.path.clone());
        }
    }
    true
}

/// What the kernel starts for a script's first line: a program, and at most one argument; `env` looks further.
fn shebang(line: &[u8]) -> Vec<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let (program, argument) = line.split_once([' ', '\t']).map_or((line, ""), |(program, rest)| (program, rest.trim()));
    let argument = argument.strip_prefix("-S").map_or(argument, str::trim);
    let arguments = argument.split_whitespace().map(str::to_owned);
    std::iter::once(program.to_owned()).chain(arguments).filter(|word| !word.is_empty()).collect()
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash" | "zsh" | "ksh"))
}

/// The text behind `-c`.
fn shell_text<'t>(words: &[&'t str]) -> Option<&'t str> {
    let at = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    words.get(at + 1).copied()
}

/// The command behind a program that only starts another: `tini -- python`, `env A=1 python`, `gosu user python`.
fn handed_on<'t, 'w>(name: &str, called: &str, words: &'t [&'w str]) -> Option<&'t [&'w str]> {
    let called = called.rsplit('/').next().unwrap_or(called);
    let users = match (name, called) {
        ("tini" | "tini-static" | "dumb-init" | "catatonit" | "docker-init" | "nohup" | "setsid", _) | (_, "env") => 0,
        ("gosu" | "su-exec", _) => 1,
        _ => return None,
    };
    let passed_over = |word: &&&str| word.starts_with('-') || called == "env" && word.contains('=');
    let options = match words.iter().position(|word| *word == "--") {
        Some(at) if called != "env" => at + 1,
        _ => words.iter().take_while(passed_over).count(),
    };
    words.get(options + users..)
}

/// An ENTRYPOINT that only the candidate has takes the application's command for its arguments.
fn entrypoint(facts: &Facts<'_>) -> Option<Problem> {
    let own = facts.application.runs_with;
    let (new, cmd) = (facts.new.config.entrypoint.as_ref()?, own.cmd.as_ref()?);
    if new.is_empty() || cmd.is_empty() || Some(new) == own.entrypoint.as_ref() || facts.new.config.cmd != own.cmd {
        return None;
    }
    let what = format!("the base's ENTRYPOINT {new:?} takes its command {cmd:?} for arguments");
    let program = facts.new.program(new.first()?);
    let passes_on = program.is_none_or(|program| matches!(program.loadable, Some(Loadable::Script(_))));
    let verdict = if passes_on { Verdict::Undecided } else { Verdict::Breaks };
    let hint = "an ENTRYPOINT of the application's own, with its command".to_owned();
    Some(Problem::new(verdict, "entrypoint", what).hint(hint))
}

/// Scripts of the application that nothing is known to start.
fn shebangs(facts: &Facts<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for found in &facts.own_files {
        let Some(Loadable::Script(line)) = found.loadable else { continue };
        let mut interpreter = shebang(line);
        if interpreter.first().is_some_and(|word| word.ends_with("/env"))
            && facts.new.program(&interpreter[0]).is_some()
        {
            interpreter.retain(|word| !word.ends_with("/env") && !word.starts_with('-') && !word.contains('='));
        }
        let Some(word) = interpreter.first() else { continue };
        if facts.new.program(word).is_some() || facts.old.program(word).is_none() {
            continue;
        }
        let folder = found.path.parent();
        let in_path = facts.new.env("PATH").unwrap_or_default().split(':').any(|path| LayerPath::from(path) == folder);
        let verdict = if in_path { Verdict::Undecided } else { Verdict::Works };
        let what = format!("scripts of the application need {word}, which is not there");
        let package = facts.owners.of_file(word.trim_start_matches('/'));
        problems.push(Problem::new(verdict, "script", what).missing(word).of(&found.path).in_package(package));
    }
    problems
}

/// Whether an image has a shell.
pub(super) fn has_shell(world: &World<'_>) -> bool {
    world.program("/bin/sh").is_some()
}
