//! What a stage makes of its base's config, instruction by instruction, as BuildKit does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stage::{ROOM, Variables};
use super::{Command, Dockerfile, DockerfileError, Form, Instruction, Place, Step, convert};
use crate::model::{Healthcheck, RuntimeConfig};

impl Dockerfile {
    /// What containers of a stage run with, if the image below the stages in this file has the config `base`: its
    /// `ONBUILD`s are carried out, then every stage's instructions.
    ///
    /// Errors where a value depends on what only a build knows.
    pub fn runs_with(&self, stage: usize, base: &RuntimeConfig) -> Result<RuntimeConfig, DockerfileError> {
        let (chain, _) = self.chain(stage)?;
        let globals = self.global_values()?;
        let mut build = Build::new(self, base, &globals);
        for index in chain.iter().rev() {
            let stage = &self.stages[*index];
            build.begin(&stage.from)?;
            stage.steps.iter().try_for_each(|step| build.step(step))?;
        }
        Ok(build.finish())
    }
}

/// A build's state: `values` are the environment and the `ARG`s that it does not hide.
struct Build<'a> {
    file: &'a Dockerfile,
    globals: &'a Variables,
    config: RuntimeConfig,
    /// Names in `config.env`, by place.
    env: BTreeMap<String, usize>,
    values: Variables,
    has_cmd: bool,
    room: usize,
}

impl<'a> Build<'a> {
    fn new(file: &'a Dockerfile, base: &RuntimeConfig, globals: &'a Variables) -> Self {
        let config = RuntimeConfig { env: Vec::new(), ..base.clone() };
        let (env, values) = Default::default();
        let mut build = Self { file, globals, config, env, values, has_cmd: false, room: ROOM };
        for pair in &base.env {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            build.set_env(name, value);
        }
        build
    }

    /// A stage begins: what the image below it kept for it comes first.
    fn begin(&mut self, from: &Place) -> Result<(), DockerfileError> {
        self.has_cmd = false;
        for text in self.config.on_build.take().unwrap_or_default() {
            let at =
                |reason| DockerfileError::Syntax { line: from.line, reason: format!("ONBUILD of the base: {reason}") };
            let Some(instruction) = convert::trigger(&text).map_err(|error| at(error.to_string()))? else { continue };
            self.step(&Step { place: from.clone(), instruction })?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), DockerfileError> {
        let line = step.place.line;
        match &step.instruction {
            Instruction::Arg(_) => self.arg(step)?,
            Instruction::Env(pairs) => {
                for (name, value) in self.pairs(pairs, line)? {
                    self.set_env(&name, &value);
                }
            }
            Instruction::Label(pairs) => {
                let pairs = self.pairs(pairs, line)?;
                self.config.labels.extend(pairs);
            }
            Instruction::Cmd(command) => {
                self.config.cmd = Some(self.words(command));
                self.has_cmd = true;
            }
            Instruction::Entrypoint(command) => {
                self.config.entrypoint = Some(self.words(command));
                // The base's arguments were meant for the base's command.
                if !self.has_cmd {
                    self.config.cmd = None;
                }
            }
            Instruction::Healthcheck(command) => self.config.healthcheck = Some(healthcheck(command.as_ref())),
            Instruction::Shell(words) => self.config.shell = Some(words.clone()),
            Instruction::User(user) => self.config.user = self.replace(user, line)?,
            Instruction::Workdir(path) => {
                let path = self.replace(path, line)?;
                self.config.working_dir = within(&self.config.working_dir, &path);
                self.take(self.config.working_dir.len(), line)?;
            }
            Instruction::Expose(ports) => self.expose(ports, line)?,
            Instruction::Volume(paths) => {
                for path in paths {
                    let path = self.replace(path, line)?;
                    self.config.volumes.insert(path, json!({}));
                }
            }
            Instruction::Stopsignal(signal) => self.config.stop_signal = Some(self.replace(signal, line)?),
            Instruction::Onbuild(text) => self.config.on_build.get_or_insert_default().push(text.clone()),
            Instruction::Maintainer(_) | Instruction::Run { .. } | Instruction::Copy { .. } => {}
        }
        Ok(())
    }

    /// An `ARG` hides nothing of the environment.
    fn arg(&mut self, step: &Step) -> Result<(), DockerfileError> {
        let kept = self.names(step);
        self.file.arg(step, &mut self.values, self.globals, &mut self.room)?;
        self.values.extend(kept);
        Ok(())
    }

    /// The names of an `ARG` that the environment has, with their values.
    fn names(&self, step: &Step) -> Vec<(String, Option<String>)> {
        let Instruction::Arg(options) = &step.instruction else { return Vec::new() };
        let known = options.iter().filter(|(name, _)| self.env.contains_key(name));
        known.filter_map(|(name, _)| Some((name.clone(), self.values.get(name)?.clone()))).collect()
    }

    /// All of one instruction see what was before it.
    fn pairs(&mut self, pairs: &[(String, String)], line: usize) -> Result<Vec<(String, String)>, DockerfileError> {
        pairs.iter().map(|(name, value)| Ok((self.replace(name, line)?, self.replace(value, line)?))).collect()
    }

    fn replace(&mut self, word: &str, line: usize) -> Result<String, DockerfileError> {
        self.file.replace(word, &self.values, line, &mut self.room)
    }

    fn set_env(&mut self, name: &str, value: &str) {
        self.values.insert(name.into(), Some(value.into()));
        let pair = format!("{name}={value}");
        match self.env.get(name) {
            Some(place) => self.config.env[*place] = pair,
            None => {
                self.env.insert(name.into(), self.config.env.len());
                self.config.env.push(pair);
            }
        }
    }

    fn words(&self, command: &Command) -> Vec<String> {
        match &command.form {
            Form::Exec(words) => words.clone(),
            Form::Shell(line) => {
                let shell = self.config.shell.clone().filter(|shell| !shell.is_empty());
                let mut words = shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
                words.push(line.clone());
                words
            }
        }
    }

    /// `5000`, `53/udp`, `8000-8010`.
    fn expose(&mut self, ports: &[String], line: usize) -> Result<(), DockerfileError> {
        for written in ports {
            let text = self.replace(written, line)?;
            let bad = || DockerfileError::Syntax {
                line,
                reason: format!("{text:?} is no port: expected 5000, 53/udp or 8000-8010"),
            };
            for word in text.split_whitespace() {
                let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let number = |text: &str| text.parse::<u16>().map_err(|_| bad());
                let ports = number(first)?..=number(last)?;
                self.take(ports.len() * 16, line)?;
                let name = |port| (format!("{port}/{}", protocol.to_ascii_lowercase()), json!({}));
                self.config.exposed_ports.extend(ports.map(name).collect::<BTreeMap<String, Value>>());
            }
        }
        Ok(())
    }

    /// Takes of the room that all that is made has.
    fn take(&mut self, bytes: usize, line: usize) -> Result<(), DockerfileError> {
        let full = || DockerfileError::Variable { line, reason: "the config grows past what is kept".into() };
        self.room = self.room.checked_sub(bytes).ok_or_else(full)?;
        Ok(())
    }

    fn finish(self) -> RuntimeConfig {
        self.config
    }
}

fn healthcheck(command: Option<&Command>) -> Healthcheck {
    let test = match command.map(|command| &command.form) {
        None => vec!["NONE".into()],
        Some(Form::Shell(line)) => vec!["CMD-SHELL".into(), line.clone()],
        Some(Form::Exec(words)) => [vec!["CMD".to_owned()], words.clone()].concat(),
    };
    Healthcheck { test, ..Healthcheck::default() }
}

/// A path as seen from a folder, cleaned of `.` and `..`.
fn within(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
