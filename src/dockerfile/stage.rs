//! Which stage, and what it is built on.

use std::collections::BTreeMap;

use super::expand::{Expander, Failure, Value};
use super::{Dockerfile, DockerfileError, Instruction, Stage, Step};

/// What a stage is built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage, by its place.
    Stage(usize),
    /// An image, by its name with variables replaced.
    Image(String),
}

/// Variables that BuildKit sets by itself, in `FROM` and for a stage's `ARG`s.
const OF_THE_BUILD: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// Variables by name; `None` was declared and has no value.
pub(super) type Variables = BTreeMap<String, Option<String>>;

/// All text that variables may make in one go, in bytes.
pub(super) const ROOM: usize = 2 << 20;

impl Dockerfile {
    /// The stage of a name or number, as `--target` takes it; without one the last, which is what a build makes.
    pub fn target(&self, wanted: Option<&str>) -> Result<&Stage, DockerfileError> {
        let Some(wanted) = wanted else { return self.at(self.stages.len().saturating_sub(1)) };
        let named = self.named(wanted, self.stages.len());
        match named.or_else(|| wanted.parse().ok()).and_then(|index| self.stages.get(index)) {
            Some(stage) => Ok(stage),
            None => Err(DockerfileError::NoStage { wanted: wanted.into(), known: self.known() }),
        }
    }

    /// What a stage is built on. Of variables, `FROM` knows the `ARG`s before the first `FROM` alone.
    ///
    /// Errors where it names nothing, or what only a build knows (`TARGETARCH`).
    pub fn base(&self, stage: usize) -> Result<Base, DockerfileError> {
        self.base_of(self.at(stage)?, &self.global_values()?)
    }

    fn base_of(&self, stage: &Stage, globals: &Variables) -> Result<Base, DockerfileError> {
        let line = stage.from.line;
        let image = self.resolve(&stage.image, globals, line)?;
        if image == "scratch" {
            return Ok(Base::Scratch);
        }
        if let Some(earlier) = self.named(&image, stage.index) {
            return Ok(Base::Stage(earlier));
        }
        let no_name =
            |image: &str| image.is_empty() || image.starts_with([':', '/', '@']) || image.ends_with([':', '/', '@']);
        if no_name(&image) || image.contains(char::is_whitespace) {
            let missing = unset(&stage.image, globals);
            return Err(DockerfileError::NoImage { line, image: stage.image.clone(), resolved: image, missing });
        }
        Ok(Base::Image(image))
    }

    /// The stage and those that it is built on, from it down, and the image or nothing below the last.
    pub fn chain(&self, stage: usize) -> Result<(Vec<usize>, Base), DockerfileError> {
        let globals = self.global_values()?;
        let (mut chain, mut at) = (Vec::new(), stage);
        loop {
            let stage = self.at(at)?;
            chain.push(stage.index);
            match self.base_of(stage, &globals)? {
                // Only earlier stages are found by name, so this ends.
                Base::Stage(earlier) => at = earlier,
                outside => return Ok((chain, outside)),
            }
        }
    }

    /// The stages whose `FROM` names an image, with the name: what could be changed.
    pub fn external(&self) -> Vec<(&Stage, Result<String, DockerfileError>)> {
        let globals = self.global_values();
        let base = |stage: &Stage| match &globals {
            Ok(globals) => self.base_of(stage, globals),
            Err(error) => Err(error.clone()),
        };
        let image = |stage: &Stage| match base(stage) {
            Ok(Base::Image(image)) => Some(Ok(image)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        self.stages.iter().filter_map(|stage| image(stage).map(|image| (stage, image))).collect()
    }

    /// What a stage copies from: `COPY --from` names an earlier stage by name or number, else an image.
    pub fn copies_from(&self, stage: usize) -> Result<Vec<Base>, DockerfileError> {
        let stage = self.at(stage)?;
        let globals = self.global_values()?;
        let mut found = Vec::new();
        for step in &stage.steps {
            let Instruction::Copy { from: Some(from), .. } = &step.instruction else { continue };
            let from = self.resolve(from, &globals, step.place.line)?;
            let number = || from.parse().ok().filter(|number| *number < stage.index);
            found.push(match self.named(&from, stage.index).or_else(number) {
                Some(earlier) => Base::Stage(earlier),
                None => Base::Image(from),
            });
        }
        Ok(found)
    }

    /// A stage by its place.
    pub(super) fn at(&self, index: usize) -> Result<&Stage, DockerfileError> {
        let missing = || DockerfileError::NoStage { wanted: index.to_string(), known: self.known() };
        self.stages.get(index).ok_or_else(missing)
    }

    /// The stage of a name among the first `before`.
    fn named(&self, name: &str, before: usize) -> Option<usize> {
        let is = |stage: &&Stage| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.stages.iter().take(before).rev().find(is).map(|stage| stage.index)
    }

    fn known(&self) -> String {
        let name = |stage: &Stage| stage.name.clone().unwrap_or_else(|| stage.index.to_string());
        let names: Vec<_> = self.stages.iter().take(20).map(name).collect();
        names.join(", ") + if self.stages.len() > 20 { ", …" } else { "" }
    }

    /// The values of the `ARG`s before the first `FROM`, and of what a build sets there; a stage sees of both what it
    /// declares.
    pub(super) fn global_values(&self) -> Result<Variables, DockerfileError> {
        let of_the_build = OF_THE_BUILD.iter().map(|name| ((*name).to_owned(), self.args.get(*name).cloned()));
        let (mut values, mut room): (Variables, _) = (of_the_build.collect(), ROOM);
        for step in &self.globals {
            self.arg(step, &mut values, &BTreeMap::new(), &mut room)?;
        }
        Ok(values)
    }

    /// Takes an `ARG` into `values`: what the caller gave, else its default, else what `outer` has.
    pub(super) fn arg(
        &self,
        step: &Step,
        values: &mut Variables,
        outer: &Variables,
        room: &mut usize,
    ) -> Result<(), DockerfileError> {
        let Instruction::Arg(options) = &step.instruction else { return Ok(()) };
        for (name, default) in options {
            let value = match (self.args.get(name), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.replace(default, values, step.place.line, room)?),
                (None, None) => outer.get(name).cloned().flatten(),
            };
            values.insert(name.clone(), value);
        }
        Ok(())
    }

    fn resolve(&self, word: &str, values: &Variables, line: usize) -> Result<String, DockerfileError> {
        let mut room = ROOM;
        self.replace(word, values, line, &mut room)
    }

    /// A word with variables replaced.
    pub(super) fn replace(
        &self,
        word: &str,
        values: &Variables,
        line: usize,
        room: &mut usize,
    ) -> Result<String, DockerfileError> {
        let lookup = |name: &str| value(name, values);
        Expander { escape: self.escape, lookup, room }.expand(word).map_err(|failure| failed(failure, line))
    }
}

fn failed(failure: Failure, line: usize) -> DockerfileError {
    match failure {
        Failure::Unknown(name) => DockerfileError::Unknown { line, name },
        Failure::Other(reason) => DockerfileError::Variable { line, reason },
    }
}

fn value<'a>(name: &str, values: &'a Variables) -> Value<'a> {
    match values.get(name) {
        Some(Some(value)) => Value::Set(value),
        Some(None) if OF_THE_BUILD.contains(&name) => Value::Unknown,
        _ => Value::Unset,
    }
}

/// The first variable in a word that has no value.
fn unset(word: &str, values: &Variables) -> String {
    let names = word.split('$').skip(1).map(|part| {
        let part = part.strip_prefix('{').unwrap_or(part);
        part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
    });
    let empty = |name: &&str| !matches!(value(name, values), Value::Set(value) if !value.is_empty());
    names.filter(|name| !name.is_empty()).find(empty).unwrap_or("NAME").into()
}
