//! What it starts: ENTRYPOINT and CMD, HEALTHCHECK, the interpreters of scripts.

use std::collections::BTreeSet;

use super::owner::Owners;
use super::process::Processes;
use super::summary::{Problem, UNREAD, news};
use super::world::{Found, World};
use super::{Facts, Verdict};
use crate::elf::{Loadable, Script};
use crate::model::LayerPath;
use crate::shell::{self, is_shell};

/// Scripts that start scripts, and programs that start the command behind their name: Linux allows four and five.
const DEEPEST: usize = 6;

/// Commands that are followed from one way in: scripts may run each other without end.
const MOST_COMMANDS: usize = 1000;

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
    /// Scripts that were read.
    read: BTreeSet<LayerPath>,
    commands: usize,
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
    led.commands += 1;
    if led.commands > MOST_COMMANDS {
        let untold = || Problem::new(Verdict::Undecided, UNREAD, format!("{what} runs too many commands to follow"));
        led.problems.extend((led.commands == MOST_COMMANDS + 1).then(untold));
        return;
    }
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
    led.programs.push(found.clone());
    let Some(depth) = depth.checked_sub(1) else { return };
    let calls = Calls { what, verdict, depth };
    if let Some(Loadable::Script(script)) = found.loadable {
        calls.interpreter(world, &found, script, led);
        match &script.text {
            Some(_) => calls.script(world, &found, script, rest, led),
            // Such scripts end by running their arguments, as a rule.
            None if name.contains("entrypoint") => follow(world, what, rest, Verdict::Undecided, depth, led),
            None => {}
        }
    } else if !is_shell(first) {
        follow(world, what, handed_on(&name, first, rest).unwrap_or_default(), verdict, depth, led);
    } else if let Some((text, arguments)) = shell_text(rest) {
        calls.text(world, text, arguments, led);
    } else if let Some((path, arguments)) = rest.split_first().filter(|(path, _)| !path.starts_with('-'))
        && let Some(found) = world.file(&world.absolute(path.as_bytes()))
        && let Some(Loadable::Script(script)) = found.loadable
    {
        calls.script(world, &found, script, arguments, led);
    }
}

/// How what a command runs in its turn is told of.
struct Calls<'c> {
    what: &'c str,
    verdict: Verdict,
    depth: usize,
}

impl Calls<'_> {
    /// What a script is for.
    fn interpreter<'w>(&self, world: &World<'w>, found: &Found<'w>, script: &Script, led: &mut Led<'w>) {
        let before = led.problems.len();
        let words = shell::shebang(&script.line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        follow(world, self.what, &words, self.verdict, self.depth, led);
        for problem in led.problems[before..].iter_mut().filter(|problem| problem.needed_by.is_none()) {
            problem.what = format!("{} starts a script whose interpreter is not there", self.what);
            problem.rule = "shebang";
            problem.needed_by = Some(found.path.clone());
        }
    }

    /// What a script runs, called with arguments.
    fn script<'w>(&self, world: &World<'w>, found: &Found<'w>, script: &Script, arguments: &[&str], led: &mut Led<'w>) {
        if !led.read.insert(found.path.clone()) {
            return;
        }
        let before = led.problems.len();
        let text = script.text.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        self.text(world, &text, arguments, led);
        for problem in led.problems[before..].iter_mut().filter(|problem| problem.needed_by.is_none()) {
            problem.needed_by = Some(found.path.clone());
        }
    }

    /// What a shell runs, of a text.
    fn text<'w>(&self, world: &World<'w>, text: &str, arguments: &[&str], led: &mut Led<'w>) {
        for command in shell::programs(text) {
            let mut words: Vec<&str> = command.words.iter().map(String::as_str).collect();
            if let Some(at) = words.iter().position(|word| *word == shell::ARGUMENTS) {
                words.splice(at..=at, arguments.iter().copied());
            }
            let verdict = if command.certain { self.verdict } else { self.verdict.min(Verdict::Undecided) };
            follow(world, self.what, &words, verdict, self.depth, led);
        }
    }
}

/// The text behind `-c`, and what it is called with: a name and arguments.
fn shell_text<'t, 'w>(words: &'t [&'w str]) -> Option<(&'w str, &'t [&'w str])> {
    let at = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    Some((words.get(at + 1)?, words.get(at + 3..).unwrap_or_default()))
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
    let path: Vec<LayerPath> = facts.new.env("PATH").unwrap_or_default().split(':').map(LayerPath::from).collect();
    for found in &facts.own_files {
        let Some(Loadable::Script(script)) = found.loadable else { continue };
        let folder = found.path.parent();
        let verdict = if path.contains(&folder) { Verdict::Undecided } else { Verdict::Works };
        for word in needs(facts, script) {
            let what = format!("scripts of the application need {word}, which is not there");
            let package = facts.owners.of_file(word.trim_start_matches('/'));
            problems.push(Problem::new(verdict, "script", what).missing(word).of(&found.path).in_package(package));
        }
    }
    problems
}

/// Programs that a script names, and only the old base has.
fn needs(facts: &Facts<'_>, script: &Script) -> BTreeSet<String> {
    let mut interpreter = shell::shebang(&script.line);
    if interpreter.first().is_some_and(|word| word.ends_with("/env")) && facts.new.program(&interpreter[0]).is_some() {
        interpreter.retain(|word| !word.ends_with("/env") && !word.starts_with('-') && !word.contains('='));
    }
    let text = script.text.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let commands = shell::programs(&text).into_iter().map(|command| command.words).chain([interpreter]);
    let words = commands.filter_map(|words| words.into_iter().next());
    words.filter(|word| facts.new.program(word).is_none() && facts.old.program(word).is_some()).collect()
}

/// Whether an image has a shell.
pub(super) fn has_shell(world: &World<'_>) -> bool {
    world.program("/bin/sh").is_some()
}
