//! `CMD`, `ENTRYPOINT` and `HEALTHCHECK` on a base without a shell.

use super::super::{Command, Form, Instruction, Stage, Step};
use super::Draft;
use crate::shell;

impl Draft<'_> {
    /// Makes exec forms of what needs no shell, where there is none any more.
    pub(super) fn forms(&mut self, stage: &Stage) {
        if self.change.new.has_shell {
            return;
        }
        let is = |test: fn(&Instruction) -> bool| stage.steps.iter().any(|step| test(&step.instruction));
        let own_shell = is(|instruction| matches!(instruction, Instruction::Shell(_)));
        let entrypoint = is(|instruction| matches!(instruction, Instruction::Entrypoint(_)));
        let cmd = is(|instruction| matches!(instruction, Instruction::Cmd(_)));
        for step in &stage.steps {
            match &step.instruction {
                Instruction::Cmd(command) => self.form(step, command, "CMD", own_shell || entrypoint),
                Instruction::Entrypoint(command) => self.form(step, command, "ENTRYPOINT", own_shell || cmd),
                Instruction::Healthcheck(Some(command)) => self.form(step, command, "HEALTHCHECK", own_shell),
                _ => {}
            }
        }
    }

    fn form(&mut self, step: &Step, command: &Command, what: &str, means_more: bool) {
        let line = step.place.line;
        let text = match &command.form {
            Form::Shell(text) => text,
            Form::Exec(words) => {
                let script = |word: &String| {
                    word.ends_with(".sh") || matches!(word.as_str(), "sh" | "bash" | "/bin/sh" | "/bin/bash")
                };
                if words.first().is_some_and(script) {
                    self.look(line, format!("{what} runs a shell script, and the new base has no shell"));
                }
                return;
            }
        };
        match shell::plain_words(text).filter(|_| !means_more) {
            Some(words) => {
                let array = serde_json::json!(words).to_string().replace("\",\"", "\", \"");
                self.changed(line, format!("{what} no longer asks for a shell, which the new base has not"));
                self.edit(command.span.clone(), array);
            }
            None => self.look(
                line,
                format!("{what} needs a shell, and the new base has none: write it as [\"program\", \"argument\"]"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BARE, DEBIAN, adapt, to};

    #[test]
    fn shell_forms_without_a_shell() {
        let bare = to("x", BARE);
        let made = |text: &str| adapt(text, &bare).text.lines().skip(1).collect::<Vec<_>>().join("; ");
        for (text, expected) in [
            ("CMD python app.py", "CMD [\"python\", \"app.py\"]"),
            ("CMD exec a \\\n  b", "CMD [\"a\", \"b\"]"),
            ("ENTRYPOINT a", "ENTRYPOINT [\"a\"]"),
            ("HEALTHCHECK --interval=3s CMD a b", "HEALTHCHECK --interval=3s CMD [\"a\", \"b\"]"),
            ("CMD a $B", "CMD a $B"),
            ("ENTRYPOINT [\"a\"]\nCMD b", "ENTRYPOINT [\"a\"]; CMD b"),
            ("CMD [\"a\"]", "CMD [\"a\"]"),
        ] {
            assert_eq!(made(&format!("FROM python:3.7\n{text}")), expected);
        }
        assert_eq!(adapt("FROM y\nCMD python app.py", &to("x", DEBIAN)).text, "FROM x\nCMD python app.py");
    }
}
