//! A Dockerfile: its stages, what they are built on, what they make of a base's config, and the change to another base.
//!
//! Pure: text in, data out. The grammar is `parse-dockerfile`'s; here documents, variables and meaning are ours, after
//! BuildKit and the Dockerfile reference (<https://docs.docker.com/reference/dockerfile/>).

mod commands;
mod config;
mod convert;
mod expand;
mod lines;
mod patch;
mod stage;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::Platform;

pub use patch::{Apart, Change, Distro, Libc, Manager, Note, NoteKind, Patched, unified_diff};
pub use stage::Base;

/// The longest Dockerfile that is read, in bytes.
pub const LONGEST: usize = 1 << 20;

/// A Dockerfile, read.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    text: String,
    escape: char,
    globals: Vec<Step>,
    stages: Vec<Stage>,
    args: BTreeMap<String, String>,
}

/// One stage: a `FROM` and what comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its place in the file, from 0.
    pub index: usize,
    /// `AS name`, as written.
    pub name: Option<String>,
    /// `--platform`, as written.
    pub platform: Option<String>,
    /// What it is built on, as written: `python:${VERSION}`.
    pub image: String,
    /// Bytes of that name in the file.
    pub image_span: Range<usize>,
    /// The whole `FROM`.
    pub from: Place,
    /// The other instructions, in order.
    pub steps: Vec<Step>,
}

/// Where an instruction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its bytes in the file, here documents included, the last line's end not.
    pub span: Range<usize>,
    /// Its first line, from 1.
    pub line: usize,
    /// Its last line.
    pub end_line: usize,
}

/// An instruction, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What.
    pub instruction: Instruction,
}

/// An instruction. Variables and quotes stand as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `ARG name[=default] …`.
    Arg(Vec<(String, Option<String>)>),
    /// `ENV name=value …`.
    Env(Vec<(String, String)>),
    /// `LABEL name=value …`.
    Label(Vec<(String, String)>),
    /// `RUN`.
    Run {
        /// `--mount=…` and others: names and values.
        flags: Vec<Flag>,
        /// The command; of a shell form with here documents, the line that opens them.
        command: Command,
        /// The here documents.
        documents: Vec<Document>,
    },
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `HEALTHCHECK CMD …`; `None` for `HEALTHCHECK NONE`.
    Healthcheck(Option<Command>),
    /// `SHELL ["…"]`.
    Shell(Vec<String>),
    /// `USER`.
    User(String),
    /// `WORKDIR`.
    Workdir(String),
    /// `EXPOSE`.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `STOPSIGNAL`.
    Stopsignal(String),
    /// `COPY` and `ADD`.
    Copy {
        /// `--from`, as written.
        from: Option<String>,
        /// Whether it is `ADD`.
        add: bool,
        /// What; here documents as `<<NAME`.
        sources: Vec<String>,
        /// Where to.
        target: String,
    },
    /// `ONBUILD`: the instruction that is kept for later, as text.
    Onbuild(String),
    /// `MAINTAINER`.
    Maintainer(String),
}

/// A flag's name and value: `--mount=type=cache` is `mount` and `type=cache`.
pub type Flag = (String, Option<String>);

/// A command in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// The form.
    pub form: Form,
}

/// The two forms of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `["program", "argument"]`.
    Exec(Vec<String>),
    /// A line for the shell, its continuation lines joined and comments within it dropped.
    Shell(String),
}

/// A here document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The word that ends it.
    pub name: String,
    /// Whether variables in it are the shell's to replace: its name was not quoted.
    pub expand: bool,
    /// Its lines, leading tabs taken off where `<<-` says so.
    pub text: String,
}

/// What is wrong with a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerfileError {
    /// Longer than [`LONGEST`].
    #[error("the Dockerfile has {bytes} bytes: at most {LONGEST} are read")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// No Dockerfile.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What was expected.
        reason: String,
    },
    /// A here document without an end.
    #[error("line {line}: the here document <<{name} has no line {name} to end it")]
    OpenDocument {
        /// Where it begins.
        line: usize,
        /// Its name.
        name: String,
    },
    /// No such stage.
    #[error("there is no stage {wanted:?}: the stages are {known}")]
    NoStage {
        /// What was asked for.
        wanted: String,
        /// Those that there are.
        known: String,
    },
    /// A `FROM` that depends on a value that the build gives.
    #[error("line {line}: {name} is only known in a build: give it with --build-arg {name}=VALUE")]
    Unknown {
        /// The line.
        line: usize,
        /// The variable.
        name: String,
    },
    /// A `FROM` that names nothing once variables are replaced.
    #[error("line {line}: FROM {image} is {resolved:?}, which names no image: give --build-arg {missing}=VALUE")]
    NoImage {
        /// The line.
        line: usize,
        /// As written.
        image: String,
        /// With variables replaced.
        resolved: String,
        /// The variables without a value, or what stands for one.
        missing: String,
    },
    /// Variables that cannot be replaced.
    #[error("line {line}: {reason}")]
    Variable {
        /// The line.
        line: usize,
        /// Why.
        reason: String,
    },
}

impl Dockerfile {
    /// Reads a Dockerfile of at most [`LONGEST`] bytes.
    pub fn parse(text: &str) -> Result<Self, DockerfileError> {
        convert::parse(text)
    }

    /// With what `--build-arg` gives: values of `ARG`s by name, those known only in a build (`TARGETARCH`) among them.
    #[must_use]
    pub fn with_args(mut self, args: impl IntoIterator<Item = (String, String)>) -> Self {
        self.args.extend(args);
        self
    }

    /// With the platform that it is built for: `TARGETPLATFORM`, `TARGETOS`, `TARGETARCH` and `TARGETVARIANT`, where
    /// [`with_args`](Self::with_args) gave none.
    #[must_use]
    pub fn with_platform(mut self, platform: &Platform) -> Self {
        let values = [
            ("TARGETPLATFORM", platform.to_string()),
            ("TARGETOS", platform.os.clone()),
            ("TARGETARCH", platform.architecture.clone()),
            ("TARGETVARIANT", platform.variant.clone().unwrap_or_default()),
        ];
        for (name, value) in values {
            self.args.entry(name.into()).or_insert(value);
        }
        self
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stages, in order; at least one.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The `ARG`s before the first `FROM`.
    pub fn globals(&self) -> &[Step] {
        &self.globals
    }
}

#[cfg(test)]
mod tests;
