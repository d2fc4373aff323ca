//! The new name in a `FROM`, or in the `ARG` that it comes from.

use std::ops::Range;

use super::super::lines::raw_words;
use super::super::{Instruction, Stage};
use super::Draft;

/// How far defaults of `ARG`s are followed.
const DEEPEST: usize = 8;

/// What a default of an `ARG` is, and where it stands.
struct Default {
    span: Range<usize>,
    text: String,
}

impl Draft<'_> {
    /// Writes the new base where the old one's name comes from.
    /// `kept`: the old name stays in use elsewhere, and with it the `ARG`.
    pub(super) fn from(&mut self, bottom: &Stage, now: &str, kept: bool) {
        let line = bottom.from.line;
        let wanted = self.wanted(now, line);
        if now == wanted {
            return;
        }
        self.changed(line, format!("{now} becomes {wanted}"));
        let source = if kept { None } else { self.source(&bottom.image, bottom.image_span.clone(), &wanted, DEEPEST) };
        match source {
            Some((span, text)) => self.edit(span, text),
            None if !bottom.image.contains('$') => self.edit(bottom.image_span.clone(), wanted),
            None => {
                self.look(
                    line,
                    format!(
                        "the new name stands in FROM itself, where {} was: a --build-arg no longer changes it",
                        bottom.image
                    ),
                );
                self.edit(bottom.image_span.clone(), wanted);
            }
        }
    }

    /// The new name, pinned where the old one was and the digest is known.
    fn wanted(&mut self, now: &str, line: usize) -> String {
        let base = &self.change.base;
        match (now.contains('@'), &self.change.digest) {
            (false, _) => base.clone(),
            (true, Some(digest)) => format!("{base}@{digest}"),
            (true, None) if now.starts_with(&format!("{base}@")) => now.into(),
            (true, None) => {
                self.look(line, "the old base was pinned by digest, the new one is not: pin it".into());
                base.clone()
            }
        }
    }

    /// What to write where, so that `template` becomes `wanted`; none where a variable cannot carry it.
    fn source(&self, template: &str, span: Range<usize>, wanted: &str, depth: usize) -> Option<(Range<usize>, String)> {
        let Some((before, name, after)) = variable(template)? else { return Some((span, wanted.into())) };
        let value = wanted.strip_prefix(before)?.strip_suffix(after)?;
        let safe = !value.is_empty() && !value.contains(['$', '"', '\'', '\\', '`', ' ']);
        if !safe || depth == 0 || self.file.args.contains_key(name) || self.uses(name) != 1 {
            return None;
        }
        let default = self.default(name)?;
        self.source(&default.text, default.span, value, depth - 1)
    }

    /// How often a variable is used or taken over from before the first `FROM`.
    fn uses(&self, name: &str) -> usize {
        let uses = |text: &str| text.split('$').skip(1).filter(|part| is_use(part, name)).count();
        let defaults = |instruction: &Instruction| match instruction {
            Instruction::Arg(options) => options.iter().filter_map(|(_, default)| default.as_deref()).map(uses).sum(),
            _ => 0,
        };
        let inherits = |instruction: &Instruction| match instruction {
            Instruction::Arg(options) => {
                options.iter().filter(|(own, default)| own == name && default.is_none()).count()
            }
            Instruction::Copy { from: Some(from), .. } => uses(from),
            _ => 0,
        };
        let globals: usize = self.file.globals.iter().map(|step| defaults(&step.instruction)).sum();
        let stages = self.file.stages.iter().map(|stage| {
            let steps: usize = stage.steps.iter().map(|step| inherits(&step.instruction)).sum();
            uses(&stage.image) + stage.platform.as_deref().map_or(0, uses) + steps
        });
        globals + stages.sum::<usize>()
    }

    /// The default of the only `ARG` of a name before the first `FROM`.
    fn default(&self, name: &str) -> Option<Default> {
        let mut found = None;
        for step in &self.file.globals {
            let start = step.place.span.start;
            let text = &self.file.text[step.place.span.clone()];
            for word in raw_words(text, self.file.escape) {
                let Some(value) = text[word.clone()].strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) else {
                    continue;
                };
                let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
                let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
                if found.is_some()
                    || inner.contains(['"', '\'', '\\', '`'])
                    || quote == Some('\'') && inner.contains('$')
                {
                    return None;
                }
                let at = start + word.end - value.len() + usize::from(inner.len() < value.len());
                found = Some(Default { span: at..at + inner.len(), text: inner.into() });
            }
        }
        found
    }
}

/// A template of at most one variable, without more than its name: what is before, its name, what is after. `None`
/// outside is more than that, inside no variable.
#[expect(clippy::option_option, reason = "not understood, and nothing to understand, are two things")]
fn variable(template: &str) -> Option<Option<(&str, &str, &str)>> {
    let Some((before, rest)) = template.split_once('$') else { return Some(None) };
    let (name, after) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?,
        None => rest.split_at(rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len())),
    };
    let good = !name.is_empty() && name.chars().all(is_of_name) && !after.contains('$');
    good.then_some(Some((before, name, after)))
}

fn is_use(part: &str, name: &str) -> bool {
    let part = part.strip_prefix('{').unwrap_or(part);
    part.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_of_name))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
