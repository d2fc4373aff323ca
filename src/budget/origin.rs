//! Which line of a Dockerfile made which layer.

use crate::analyze::instruction;
use crate::dockerfile::{Dockerfile, Instruction, Step};
use crate::model::{Image, instructions};

/// Where the layers of an image come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// For each layer, lowest first, the line of the instruction that made it, from 1.
    pub lines: Vec<Option<usize>>,
    /// The line of the stage's `FROM`: what is true of the whole image is said there.
    pub from: usize,
}

impl Origin {
    /// Lays a stage's instructions beside an image's history, from the end.
    ///
    /// A step whose text is not what the history has (a variable was replaced in it) is passed over: a layer then has no
    /// line, never a wrong one.
    pub fn of(dockerfile: &Dockerfile, stage: usize, image: &Image) -> Self {
        let stages = dockerfile.chain(stage).map_or_else(|_| vec![stage], |(stages, _)| stages);
        let own = stages.iter().filter_map(|stage| dockerfile.stages().get(*stage));
        let steps = own.flat_map(|stage| stage.steps.iter().rev());
        let history = &image.manifest.config.history;
        let mut made: Vec<Option<usize>> = vec![None; history.len()];
        let mut end = history.len();
        for step in steps {
            let made_it =
                |entry: &usize| is_made_by(&instruction(&history[*entry].created_by), step, dockerfile.text());
            if let Some(at) = (0..end).rev().find(made_it) {
                made[at] = Some(step.place.line);
                end = at;
            }
        }
        let layers = instructions(history, image.layers.len());
        let lines = layers.into_iter().map(|entry| made.get(entry?).copied().flatten()).collect();
        let from = dockerfile.stages().get(stage).map_or(1, |stage| stage.from.line);
        Self { lines, from }
    }

    /// The line that a layer, or the whole image, is told of at: `FROM` for those below the first that an instruction
    /// made. None for a layer that no instruction made.
    pub fn line(&self, layer: Option<u32>) -> Option<usize> {
        let Some(layer) = layer else { return Some(self.from) };
        let made = self.lines.get(layer as usize).copied().flatten();
        let first = self.lines.iter().position(Option::is_some);
        made.or_else(|| first.filter(|first| (layer as usize) < *first).map(|_| self.from))
    }
}

/// Whether an entry of a history is a step's. Of files that are copied, only where they go to is in both.
fn is_made_by(entry: &str, step: &Step, text: &str) -> bool {
    let (verb, rest) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
    let written = plain(&text[step.place.span.clone()]);
    let (own_verb, own) = written.split_once(' ').unwrap_or((&written, ""));
    if !verb.eq_ignore_ascii_case(own_verb) {
        return false;
    }
    let rest = plain(rest);
    match &step.instruction {
        Instruction::Copy { target, .. } => rest.ends_with(target.as_str()),
        Instruction::Run { flags, .. } => {
            rest.ends_with(own.split(' ').skip(flags.len()).collect::<Vec<_>>().join(" ").as_str())
        }
        _ => rest == own,
    }
}

/// Continued lines joined, blanks as one.
fn plain(text: &str) -> String {
    let joined: String = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    joined.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}
