//! The change of a Dockerfile to another base: what is sure is written, what is not is told.
//!
//! Edits are cut into the text, so all that is not touched stays as it is, byte for byte. Adapting what was adapted
//! changes nothing.

mod apart;
mod diff;
mod forms;
mod from;
mod packages;
mod run;

use std::ops::Range;

pub use diff::unified_diff;

use super::commands::command_line;
use super::{Base, Dockerfile, DockerfileError, Flag, Instruction, Stage, Step};

/// The change that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The new base as it is to be written, without a digest: `python:3.7-slim`.
    pub base: String,
    /// The digest of the new base, `sha256:…`: a name that was pinned is pinned again.
    pub digest: Option<String>,
    /// What the old base has.
    pub old: Distro,
    /// What the new base has.
    pub new: Distro,
    /// Whether both are of one release of one distribution, in which packages have the same names.
    pub same_release: bool,
    /// Debian's names of packages that the application needs and the new base lacks.
    pub missing_packages: Vec<String>,
    /// … that building it needs, where it is built on the new base.
    pub build_packages: Vec<String>,
    /// What pip compiles; `None` where that is not known.
    pub compiled: Option<Vec<String>>,
    /// Whether what pip installs is to be built in a stage of its own on the old base.
    pub apart: Apart,
}

/// How a Python application's packages come to a base that cannot build them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Apart {
    /// They are installed where they are now.
    #[default]
    No,
    /// In a virtual environment: the interpreter has the same version and the same path in both bases.
    Venv,
    /// In a folder on `PYTHONPATH`: the interpreter has the same version, elsewhere.
    Folder,
}

/// What a base has that commands of a Dockerfile need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distro {
    /// Its package manager.
    pub manager: Option<Manager>,
    /// Whether `/bin/sh` is there.
    pub has_shell: bool,
    /// Whether `pip` is there.
    pub has_pip: bool,
    /// Whether a C compiler is there.
    pub has_compiler: bool,
    /// Whether root runs what is built on it.
    pub is_root: bool,
    /// Its C library.
    pub libc: Libc,
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian's and Ubuntu's.
    Apt,
    /// Alpine's.
    Apk,
    /// Fedora's and UBI's.
    Dnf,
    /// The small one of UBI minimal.
    Microdnf,
}

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// Of most distributions.
    Glibc,
    /// Alpine's.
    Musl,
    /// None, or not known.
    Other,
}

/// A Dockerfile after the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patched {
    /// The new text.
    pub text: String,
    /// What was done and what is to be looked at, by line.
    pub notes: Vec<Note>,
    /// Packages of those that were missing that the new text installs.
    pub installs: Vec<String>,
}

/// One thing that was done, or that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line in the Dockerfile as it was, from 1.
    pub line: usize,
    /// What.
    pub what: String,
    /// Which of the two it is.
    pub kind: NoteKind,
}

/// Whether a note tells of a change or asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Done.
    Changed,
    /// Not sure: a person has to look.
    Look,
}

/// A piece of text in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    span: Range<usize>,
    text: String,
}

/// What comes together while a file is adapted.
struct Draft<'a> {
    file: &'a Dockerfile,
    change: &'a Change,
    edits: Vec<Edit>,
    notes: Vec<Note>,
    installs: Vec<String>,
    /// The last line that installs from lists that one before it got; 0 without one.
    lists_until: usize,
    /// Whether pip is told by a variable to keep no cache.
    pip_keeps_none: bool,
}

impl Dockerfile {
    /// Adapts a stage to another base: the `FROM` at the bottom of the stages that it is built on, and what they do.
    ///
    /// The result parses, has the same stages, and one more before them where packages are built apart. Errors where
    /// there is no such stage, or no name of an image below it. A base that is no image (`scratch`) is left alone. A file that
    /// was nearly [`LONGEST`](super::LONGEST) may grow past it.
    pub fn adapt(&self, stage: usize, change: &Change) -> Result<Patched, DockerfileError> {
        let (chain, base) = self.chain(stage)?;
        let mut draft = Draft::new(self, change);
        let (Base::Image(now), Some(bottom)) = (base, chain.last().and_then(|bottom| self.stages.get(*bottom))) else {
            let line = self.at(stage)?.from.line;
            draft.look(line, "the stage is built on nothing: there is no base to change".into());
            return Ok(draft.finish());
        };
        if !(chain.len() == 1 && draft.apart(bottom, &now)) {
            draft.from(bottom, &now, false);
            draft.missing(bottom, &chain, &change.build_packages);
            for index in chain.iter().rev() {
                self.stages[*index].steps.iter().for_each(|step| draft.run(step));
            }
        }
        chain.iter().for_each(|index| draft.forms(&self.stages[*index]));
        draft.others(&chain, bottom);
        draft.copies(&chain);
        Ok(draft.finish())
    }
}

impl<'a> Draft<'a> {
    fn new(file: &'a Dockerfile, change: &'a Change) -> Self {
        let steps = || file.stages.iter().flat_map(|stage| &stage.steps);
        let lists = |step: &&Step| command_line(&step.instruction).is_some_and(|text| packages::needs_lists(&text));
        let quiet = |step: &Step| matches!(&step.instruction, Instruction::Env(pairs) if pairs.iter().any(|(name, _)| name == "PIP_NO_CACHE_DIR"));
        Self {
            file,
            change,
            edits: Vec::new(),
            notes: Vec::new(),
            installs: Vec::new(),
            lists_until: steps().rfind(lists).map_or(0, |step| step.place.line),
            pip_keeps_none: steps().any(quiet),
        }
    }

    fn changed(&mut self, line: usize, what: String) {
        self.notes.push(Note { line, what, kind: NoteKind::Changed });
    }

    fn look(&mut self, line: usize, what: String) {
        self.notes.push(Note { line, what, kind: NoteKind::Look });
    }

    fn edit(&mut self, span: Range<usize>, text: String) {
        self.edits.push(Edit { span, text });
    }

    /// Cuts an instruction with the end of its line.
    fn cut(&mut self, step: &Step) {
        let rest = &self.file.text[step.place.span.end..];
        let feed = rest.len() - rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest).len();
        self.edit(step.place.span.start..step.place.span.end + feed, String::new());
    }

    /// The end of a line as this file has it.
    fn line_end(&self) -> &'static str {
        if self.file.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// Installs what the proof misses, after the `FROM`, with what building needs.
    fn missing(&mut self, bottom: &Stage, chain: &[usize], building: &'a [String]) {
        let steps: Vec<&Step> = chain.iter().flat_map(|index| &self.file.stages[*index].steps).collect();
        let missing = &self.change.missing_packages;
        let building = building.iter().filter(|name| !missing.contains(name));
        let names: Vec<&str> = missing.iter().chain(building).map(String::as_str).collect();
        let lacking = run::not_installed(&steps, &names, self.change.new.manager, self.file);
        let text = self.installing(&lacking, bottom.from.line);
        if self.change.same_release && self.change.new.manager == Some(Manager::Apt) {
            let there = names.iter().filter(|name| text.is_some() || !lacking.contains(name));
            self.installs.extend(there.map(|name| (*name).to_owned()));
        }
        if self.change.old.is_root && !self.change.new.is_root && steps.iter().any(|step| shell_run(step).is_some()) {
            let what = "the new base is not root's: a RUN that installs needs USER root before it";
            self.look(bottom.from.line, what.into());
        }
        if let Some(text) = text {
            let at = bottom.from.span.end;
            let end = self.line_end();
            self.edit(at..at, format!("{end}{text}"));
        }
    }

    /// A `RUN` that installs Debian's packages on the new base.
    fn installing(&mut self, packages: &[&str], line: usize) -> Option<String> {
        if packages.is_empty() {
            return None;
        }
        let names = packages.join(", ");
        let safe = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:".contains(c));
        let new = self.change.new;
        if new.manager == Some(Manager::Apt) && !self.change.same_release {
            let what =
                format!("the new base lacks {names}, and is of a release that may call it otherwise: install it");
            self.look(line, what);
            return None;
        }
        let usable = new.has_shell && new.is_root && packages.iter().all(|name| safe(name));
        match new.manager.filter(|_| usable).map(|manager| packages::install(manager, packages)) {
            Some(Ok(command)) => {
                self.changed(line, format!("installs {names}, which the new base lacks"));
                Some(format!("RUN {command}"))
            }
            Some(Err(_)) => {
                self.look(line, format!("the new base lacks {names}: install what it calls them"));
                None
            }
            None => {
                self.look(
                    line,
                    format!(
                        "the new base lacks {names} and cannot install packages: copy the files from a build stage"
                    ),
                );
                None
            }
        }
    }

    /// Tells of stages that the change reaches without being asked for.
    fn others(&mut self, chain: &[usize], bottom: &Stage) {
        for other in &self.file.stages {
            let reached = !chain.contains(&other.index)
                && self.file.chain(other.index).is_ok_and(|(other, _)| other.contains(&bottom.index));
            if reached {
                let name = other.name.clone().unwrap_or_else(|| other.index.to_string());
                self.look(other.from.line, format!("stage {name} is built on the changed one too"));
            }
        }
    }

    /// Tells of what was built for another C library.
    fn copies(&mut self, chain: &[usize]) {
        if self.change.new.libc == self.change.old.libc {
            return;
        }
        let steps = chain.iter().flat_map(|index| &self.file.stages[*index].steps);
        for step in steps {
            if let Instruction::Copy { from: Some(from), .. } = &step.instruction {
                self.look(
                    step.place.line,
                    format!("what comes from {from} was built for another C library, unless it needs none"),
                );
            }
        }
    }

    fn finish(mut self) -> Patched {
        self.notes.sort_by_key(|note| (note.line, note.kind));
        self.notes.dedup();
        Patched { text: apply(&self.file.text, self.edits), notes: self.notes, installs: self.installs }
    }
}

/// The text with edits in it; none lies in another.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let (mut out, mut at) = (String::with_capacity(text.len() + 256), 0);
    for edit in edits {
        // An edit within another one's place would make nonsense: the first one stands.
        if edit.span.start < at {
            continue;
        }
        out.push_str(&text[at..edit.span.start]);
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The command of a `RUN` in its shell form, with its bytes, if it has no here documents.
fn shell_run(step: &Step) -> Option<(Range<usize>, &[Flag])> {
    match &step.instruction {
        Instruction::Run { flags, command, documents } if documents.is_empty() => {
            matches!(command.form, super::Form::Shell(_)).then(|| (command.span.clone(), flags.as_slice()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
