//! What a stage runs while it is built.

use super::{Command, Dockerfile, DockerfileError, Document, Form, Instruction};

impl Dockerfile {
    /// The commands of the `RUN`s of a stage and of those it is built on in this file, in the order of the build, as
    /// lines for a shell. A `RUN <<EOF` is its here document; one that goes into a program follows it.
    pub fn build_commands(&self, stage: usize) -> Result<Vec<String>, DockerfileError> {
        self.built_by(stage, command_line)
    }

    /// The instructions of a stage, and of those that it stands on, that bring files from outside: `COPY . /app`. Here
    /// documents are none.
    pub fn copies(&self, stage: usize) -> Result<Vec<String>, DockerfileError> {
        self.built_by(stage, copied)
    }

    fn built_by(&self, stage: usize, told: fn(&Instruction) -> Option<String>) -> Result<Vec<String>, DockerfileError> {
        let (chain, _) = self.chain(stage)?;
        let steps = chain.iter().rev().flat_map(|index| &self.stages[*index].steps);
        Ok(steps.filter_map(|step| told(&step.instruction)).collect())
    }
}

/// The command of a `RUN`.
pub(super) fn command_line(instruction: &Instruction) -> Option<String> {
    let Instruction::Run { command, documents, .. } = instruction else { return None };
    Some(with_documents(command, documents))
}

fn copied(instruction: &Instruction) -> Option<String> {
    let Instruction::Copy { add, sources, target, .. } = instruction else { return None };
    let files: Vec<&str> = sources.iter().map(String::as_str).filter(|source| !source.starts_with("<<")).collect();
    let name = if *add { "ADD" } else { "COPY" };
    (!files.is_empty()).then(|| format!("{name} {} {target}", files.join(" ")))
}

fn with_documents(command: &Command, documents: &[Document]) -> String {
    let line = match &command.form {
        Form::Exec(words) => return words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        Form::Shell(line) => line,
    };
    if let ([document], true) = (documents, line.starts_with("<<") && line.split_whitespace().count() == 1) {
        return document.text.clone();
    }
    documents.iter().fold(line.clone(), |line, document| format!("{line}\n{}{}", document.text, document.name))
}

/// A word that a shell reads as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
