//! `RUN`s on the new base.

use super::super::commands::command_line;
use super::super::{Dockerfile, Form, Instruction, Step};
use super::packages::{CLEAN, Deed, builds, deed, translated, with_option};
use super::{Draft, Edit, Libc, Manager, shell_run};
use crate::shell::{self, Line, Simple};

/// Of `names`, those that no `RUN` installs yet, by whatever name the manager has for them.
pub(super) fn not_installed<'a>(
    steps: &[&Step],
    names: &[&'a str],
    manager: Option<Manager>,
    file: &Dockerfile,
) -> Vec<&'a str> {
    let lines: Vec<Line> =
        steps.iter().filter_map(|step| Some(shell::read(&file.text[shell_run(step)?.0], file.escape))).collect();
    let installs = |command: &&Simple| matches!(deed(command), Deed::AptInstall(_) | Deed::Other(_));
    let commands = lines.iter().flat_map(|line| &line.commands).filter(installs);
    let words: Vec<&str> = commands.flat_map(Simple::texts).collect();
    let there = |name: &str| {
        let elsewhere = manager.and_then(|manager| super::packages::install(manager, &[name]).ok()).unwrap_or_default();
        let own: Vec<&str> =
            elsewhere.split(' ').filter(|word| !word.starts_with('-') && !COMMANDS.contains(word)).collect();
        words.contains(&name) || !own.is_empty() && own.iter().all(|word| words.contains(word))
    };
    names.iter().copied().filter(|name| !there(name)).collect()
}

/// Words of installing commands that are no packages.
const COMMANDS: [&str; 13] = [
    "apt-get",
    "update",
    "&&",
    "install",
    "rm",
    "/var/lib/apt/lists/*",
    "apk",
    "add",
    "dnf",
    "microdnf",
    "clean",
    "all",
    "",
];

impl Draft<'_> {
    /// Adapts a `RUN`.
    pub(super) fn run(&mut self, step: &Step) {
        let Instruction::Run { command, documents, .. } = &step.instruction else { return };
        let line = step.place.line;
        if !self.change.new.has_shell {
            self.look(
                line,
                "the new base has no shell to RUN this: do it in a build stage and COPY what it makes".into(),
            );
            return;
        }
        let Some((span, flags)) = shell_run(step) else {
            let text = command_line(&step.instruction).unwrap_or_default();
            let reads = documents.is_empty() || matches!(command.form, Form::Exec(_));
            self.look_only(&shell::read(&text, '\\'), line, if reads { "an exec form" } else { "a here document" });
            return;
        };
        let raw = &self.file.text[span.clone()];
        let read = shell::read(raw, self.file.escape);
        let cached = |path: &str| {
            flags.iter().any(|(name, value)| name == "mount" && value.as_deref().is_some_and(|v| v.contains(path)))
        };
        let upkeep = |command: &Simple| deed(command) == Deed::AptUpkeep;
        if self.change.new.manager.is_some_and(|manager| manager != Manager::Apt)
            && !read.complex
            && !read.commands.is_empty()
            && read.commands.iter().all(upkeep)
        {
            self.changed(line, "apt-get has nothing to do on the new base".into());
            return self.cut(step);
        }
        let mut edits = self.apt(&read, raw, line, cached("/var/"));
        edits.extend(self.pip(&read, line, cached("cache/pip") || cached("/root/.cache")));
        edits.extend(self.npm(&read, line, cached(".npm")));
        self.foreign(&read, line);
        for edit in edits {
            self.edit(span.start + edit.span.start..span.start + edit.span.end, edit.text);
        }
    }

    /// What cannot be changed in its place is told, if the new base has another way.
    fn look_only(&mut self, read: &Line, line: usize, what: &str) {
        let apt = read.commands.iter().any(|command| matches!(deed(command), Deed::AptInstall(_) | Deed::AptOther));
        if apt && self.change.new.manager != Some(Manager::Apt) {
            self.look(line, format!("apt-get in {what}: the new base has another package manager"));
        }
        self.foreign(read, line);
    }

    /// apt's commands: leaner where apt stays, else in the new manager's words.
    fn apt(&mut self, read: &Line, raw: &str, line: usize, cached: bool) -> Vec<Edit> {
        let deeds: Vec<Deed<'_>> = read.commands.iter().map(deed).collect();
        if !deeds.iter().any(|deed| matches!(deed, Deed::AptInstall(_) | Deed::AptUpkeep | Deed::AptOther)) {
            return Vec::new();
        }
        match self.change.new.manager {
            Some(Manager::Apt) => self.lean(read, &deeds, raw, line, cached),
            Some(manager) => match translated(read, manager) {
                Ok(edits) => {
                    self.changed(
                        line,
                        "apt-get becomes the new base's package manager, with its names of the packages".into(),
                    );
                    edits
                }
                Err(reason) => {
                    self.look(line, format!("apt-get is not on the new base, and was not translated: {reason}"));
                    Vec::new()
                }
            },
            None => {
                self.look(
                    line,
                    "the new base has no package manager: install in a build stage and COPY what is needed".into(),
                );
                Vec::new()
            }
        }
    }

    fn lean(&mut self, read: &Line, deeds: &[Deed<'_>], raw: &str, line: usize, cached: bool) -> Vec<Edit> {
        let installs: Vec<_> =
            read.commands.iter().zip(deeds).filter(|(_, deed)| matches!(deed, Deed::AptInstall(_))).collect();
        let mut edits: Vec<Edit> =
            installs.iter().filter_map(|(command, _)| with_option(command, "--no-install-recommends")).collect();
        if !edits.is_empty() {
            self.changed(line, "apt-get no longer installs recommended packages: name those that are needed".into());
        }
        let cleans = read
            .commands
            .iter()
            .any(|command| command.texts().iter().any(|word| word.starts_with("/var/lib/apt/lists")));
        if !cleans
            && !cached
            && line >= self.lists_until
            && !installs.is_empty()
            && !read.comment
            && !read.complex
            && !raw.ends_with(self.file.escape)
        {
            self.changed(line, "removes apt's lists in the layer that they came with".into());
            edits.push(self.appended(raw, CLEAN));
        }
        let builds = |deed: &Deed<'_>| matches!(deed, Deed::AptInstall(names) if names.iter().any(|name| builds(name)));
        if deeds.iter().any(builds) {
            self.look(
                line,
                "compilers and headers stay in the image: what they build could be built in a stage of its own".into(),
            );
        }
        edits
    }

    /// A command at the end of a line, on a line of its own where the line has several.
    fn appended(&self, raw: &str, command: &str) -> Edit {
        let indent = raw.rsplit_once('\n').map(|(_, last)| &last[..last.len() - last.trim_start().len()]);
        let text = match indent {
            Some(indent) => format!(" {}{}{indent}&& {command}", self.file.escape, self.line_end()),
            None => format!(" && {command}"),
        };
        Edit { span: raw.len()..raw.len(), text }
    }

    fn pip(&mut self, read: &Line, line: usize, cached: bool) -> Vec<Edit> {
        let installs: Vec<&Simple> = read.commands.iter().filter(|command| deed(command) == Deed::Pip).collect();
        if installs.is_empty() {
            return Vec::new();
        }
        let new = self.change.new;
        if !new.has_pip {
            self.look(line, "the new base has no pip: install in a build stage and COPY what it makes".into());
            return Vec::new();
        }
        self.compiles(line);
        if new.libc == Libc::Musl && self.change.old.libc != Libc::Musl {
            self.look(
                line,
                "wheels for glibc do not run on musl: packages without a musllinux wheel are compiled".into(),
            );
        }
        if cached || self.pip_keeps_none {
            return Vec::new();
        }
        let edits: Vec<Edit> =
            installs.into_iter().filter_map(|command| with_option(command, "--no-cache-dir")).collect();
        if !edits.is_empty() {
            self.changed(line, "pip keeps no cache in the image".into());
        }
        edits
    }

    /// Tells of what pip compiles where no compiler is.
    fn compiles(&mut self, line: usize) {
        let steps = self.file.stages.iter().flat_map(|stage| &stage.steps);
        let mut lines =
            steps.filter_map(|step| Some(shell::read(&self.file.text[shell_run(step)?.0], self.file.escape)));
        let tools = |read: &Line| {
            let mut deeds = read.commands.iter().map(deed);
            deeds.any(|deed| matches!(deed, Deed::AptInstall(names) if names.iter().any(|name| builds(name))))
        };
        if self.change.new.has_compiler || lines.any(|read| tools(&read)) {
            return;
        }
        match &self.change.compiled {
            Some(names) if !names.is_empty() => {
                let names = names.join(", ");
                self.look(
                    line,
                    format!("pip compiles {names}, and the new base has no compiler: the build fails, or does without"),
                );
            }
            None if self.change.old.has_compiler => {
                let what = "the new base has no compiler: a package that pip has to compile fails, or does without; the built image tells";
                self.look(line, what.into());
            }
            _ => {}
        }
    }

    fn npm(&mut self, read: &Line, line: usize, cached: bool) -> Vec<Edit> {
        const CLEAN_NPM: &str = "npm cache clean --force";
        let Some(last) = read.commands.iter().rfind(|command| deed(command) == Deed::Npm) else { return Vec::new() };
        if self.change.new.libc != self.change.old.libc {
            self.look(line, "native modules are built against another C library on the new base".into());
        }
        let cleans = read.commands.iter().any(|command| command.texts().starts_with(&["npm", "cache", "clean"]));
        if cached || cleans || read.complex || last.operator == "|" || last.operator == "&" {
            return Vec::new();
        }
        self.changed(line, "npm keeps no cache in the image".into());
        let end = last.span().end;
        vec![Edit { span: end..end, text: format!(" && {CLEAN_NPM}") }]
    }

    /// Programs of Debian's that a smaller base has not, or has under another name.
    fn foreign(&mut self, read: &Line, line: usize) {
        let (old, new) = (self.change.old.manager, self.change.new.manager);
        for command in &read.commands {
            let program = command.words[0].text.as_str();
            match deed(command) {
                Deed::Other(manager) if new != Some(manager) => {
                    self.look(line, format!("{program} is not on the new base"))
                }
                Deed::Nothing if new == Some(Manager::Apk) && old != new && ON_DEBIAN.contains(&program) => {
                    self.look(
                        line,
                        format!("{program} is not on Alpine by itself: busybox has adduser and addgroup, and sh"),
                    );
                }
                _ => {}
            }
        }
    }
}

const ON_DEBIAN: [&str; 6] = ["useradd", "groupadd", "usermod", "bash", "update-alternatives", "locale-gen"];
