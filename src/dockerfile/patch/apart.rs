//! Python packages that are built in a stage of their own on the old base, and copied to the new one.

use super::super::commands::command_line;
use super::super::{Command, Form, Instruction, Stage, Step};
use super::packages::{self, Deed, deed, needs_lists};
use super::{Apart, Draft, shell_run};
use crate::shell::{self, Simple};

/// Where packages lie in the virtual environment, and where in the folder.
const VENV: &str = "/opt/venv";
const FOLDER: &str = "/opt/packages";

/// What a step is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Installs with pip: in the build stage alone.
    Pip,
    /// Installs compilers and headers: in the build stage alone.
    Tools,
    /// Makes what pip may need: in both.
    Both,
    /// Says how the image is run: in the last alone.
    Last,
}

impl Draft<'_> {
    /// Parts the stage in two, if that is wanted and sure to build what was built before. Says why not.
    pub(super) fn apart(&mut self, stage: &Stage, now: &str) -> bool {
        let pip = |step: &&Step| self.deeds(step).is_some_and(|deeds| deeds.contains(&Kind::Pip));
        let Some(first) = stage.steps.iter().find(pip) else { return false };
        if self.change.apart == Apart::No || now == self.change.base {
            return false;
        }
        let line = first.place.line;
        let parts: Result<Vec<Part>, String> = stage.steps.iter().map(|step| self.part(step)).collect();
        match parts.and_then(|parts| self.sure(stage, &parts).map(|()| parts)) {
            Ok(parts) => {
                self.part_in_two(stage, &parts, now);
                true
            }
            Err(reason) => {
                self.look(line, format!("build what pip installs in a stage on the old base; not done here: {reason}"));
                false
            }
        }
    }

    fn part(&self, step: &Step) -> Result<Part, String> {
        Ok(match &step.instruction {
            Instruction::Run { .. } => {
                let deeds =
                    self.deeds(step).ok_or_else(|| format!("line {} is no plain line of commands", step.place.line))?;
                match deeds.as_slice() {
                    all if all.iter().all(|deed| *deed == Kind::Pip) => Part::Pip,
                    all if all.iter().all(|deed| matches!(deed, Kind::Tools | Kind::Upkeep)) => Part::Tools,
                    _ if needs_lists(&command_line(&step.instruction).unwrap_or_default()) => {
                        return Err(format!("line {} installs from lists that another line got", step.place.line));
                    }
                    all if all.iter().all(|deed| matches!(deed, Kind::Packages | Kind::Upkeep)) => Part::Both,
                    _ => return Err(format!("line {} does more than install", step.place.line)),
                }
            }
            Instruction::Shell(_) | Instruction::Onbuild(_) => {
                return Err(format!("line {} changes what commands mean", step.place.line));
            }
            Instruction::Arg(_) | Instruction::Env(_) | Instruction::Workdir(_) | Instruction::Copy { .. } => {
                Part::Both
            }
            _ => Part::Last,
        })
    }

    /// Whether the shape is one of which the two stages make the same.
    fn sure(&self, stage: &Stage, parts: &[Part]) -> Result<(), String> {
        let (old, new) = (self.change.old, self.change.new);
        if old.libc != new.libc || !old.has_shell || !old.has_pip {
            return Err("the old base has another C library, or no pip".into());
        }
        let last = parts.iter().rposition(|part| *part == Part::Pip).unwrap_or(0);
        let before = &stage.steps[..last];
        if before.iter().any(|step| matches!(step.instruction, Instruction::User(_))) {
            return Err("another user installs".into());
        }
        let installs: usize = stage
            .steps
            .iter()
            .zip(parts)
            .filter(|(_, part)| **part == Part::Pip)
            .filter_map(|(step, _)| Some(self.deeds(step)?.len()))
            .sum();
        if self.change.apart == Apart::Folder && installs > 1 {
            return Err("pip installs more than once, which into a folder is not the same".into());
        }
        let needs_shell = |(step, part): (&Step, &Part)| *part == Part::Both && shell_run(step).is_some();
        if !(new.has_shell && new.manager == old.manager) && stage.steps.iter().zip(parts).any(needs_shell) {
            return Err("the new base cannot install packages as the old one does".into());
        }
        if self.file.stages.iter().any(|other| other.index != stage.index && self.reaches(other, stage)) {
            return Err("another stage uses this one".into());
        }
        if stage.platform.as_deref().is_some_and(|platform| platform.contains("BUILD")) {
            return Err("the stage runs on the platform of the build".into());
        }
        let path = |step: &Step| matches!(&step.instruction, Instruction::Env(pairs) if pairs.iter().any(|(name, _)| name == "PATH" || name == "PYTHONPATH"));
        if stage.steps.iter().any(path) {
            return Err("the file has a PATH or PYTHONPATH of its own".into());
        }
        stage.steps.iter().try_for_each(|step| self.runs_by_name(step))
    }

    fn reaches(&self, other: &Stage, stage: &Stage) -> bool {
        let base = super::Base::Stage(stage.index);
        let copies = self.file.copies_from(other.index).map_or(true, |from| from.contains(&base));
        let built_on = self.file.base(other.index).is_ok_and(|own| own == base);
        let by_number = |step: &Step| {
            // A stage in front moves the numbers of those after it.
            matches!(&step.instruction, Instruction::Copy { from: Some(from), .. } if from.parse::<usize>().is_ok_and(|n| n >= stage.index))
        };
        copies || built_on || other.steps.iter().any(by_number)
    }

    /// What is run has to be found through `PATH`, and in a folder be Python itself.
    fn runs_by_name(&self, step: &Step) -> Result<(), String> {
        let (Instruction::Cmd(command) | Instruction::Entrypoint(command) | Instruction::Healthcheck(Some(command))) =
            &step.instruction
        else {
            return Ok(());
        };
        let Some(program) = program(command) else { return Ok(()) };
        let path = program.starts_with('/') && (program.contains("/bin/"));
        let through_python =
            self.change.apart == Apart::Venv || packages::is_python(&program) || program.starts_with('-');
        if path || !through_python {
            return Err(format!("line {} runs {program}, which may lie elsewhere then", step.place.line));
        }
        Ok(())
    }

    fn part_in_two(&mut self, stage: &Stage, parts: &[Part], now: &str) {
        let end = self.line_end();
        let name = self.free_name();
        let first = parts.iter().position(|part| *part == Part::Pip).unwrap_or(0);
        let last = parts.iter().rposition(|part| *part == Part::Pip).unwrap_or(0);
        let mut build = self.build_stage(stage, &parts[..=last], first, &name);
        build.push(String::new());
        let at = stage.from.span.start;
        self.edit(at..at, build.iter().map(|line| format!("{line}{end}")).collect());
        self.from(stage, now, true);
        self.missing(stage, &[stage.index], &[]);
        for (index, (step, part)) in stage.steps.iter().zip(parts).enumerate() {
            match part {
                Part::Pip if index == first => self.edit(step.place.span.clone(), self.copied(&name)),
                Part::Pip | Part::Tools => self.cut(step),
                Part::Both | Part::Last => self.run(step),
            }
        }
        let line = stage.steps[first].place.line;
        let base = &self.change.base;
        self.changed(line, format!("pip installs in a stage {name} on the old base; {base} gets what it made"));
        if self.change.compiled.is_none() {
            let what = "a package that links to a library of the old base needs that library on the new one too";
            self.look(line, what.into());
        }
    }

    /// The lines of the stage that builds.
    fn build_stage(&self, stage: &Stage, parts: &[Part], first: usize, name: &str) -> Vec<String> {
        let text = |span: &std::ops::Range<usize>| self.file.text[span.clone()].to_owned();
        let own = stage.platform.as_ref().map(|platform| format!("--platform={platform} ")).unwrap_or_default();
        let mut lines = vec![format!("FROM {own}{} AS {name}", stage.image)];
        for (index, (step, part)) in stage.steps.iter().zip(parts).enumerate() {
            if index == first && self.change.apart == Apart::Venv {
                lines.push(format!("RUN python3 -m venv {VENV}"));
                lines.push(format!("ENV PATH={VENV}/bin:$PATH"));
            }
            match part {
                Part::Pip => lines.push(self.pip_line(step)),
                Part::Both | Part::Tools => lines.push(text(&step.place.span)),
                Part::Last => {}
            }
        }
        lines
    }

    /// A `RUN` of pip's in the stage that builds.
    fn pip_line(&self, step: &Step) -> String {
        let whole = self.file.text[step.place.span.clone()].to_owned();
        let (Some((span, _)), Apart::Folder) = (shell_run(step), self.change.apart) else { return whole };
        let raw = &self.file.text[span.clone()];
        let read = shell::read(raw, self.file.escape);
        let option = format!("--target={FOLDER}");
        let edits = read.commands.iter().filter(|command| deed(command) == Deed::Pip);
        let edits: Vec<_> = edits.filter_map(|command| packages::with_option(command, &option)).collect();
        let offset = span.start - step.place.span.start;
        format!("{}{}", &whole[..offset], super::apply(raw, edits))
    }

    /// What the last stage has in place of pip.
    fn copied(&self, name: &str) -> String {
        let end = self.line_end();
        match self.change.apart {
            Apart::Folder => format!("COPY --from={name} {FOLDER} {FOLDER}{end}ENV PYTHONPATH={FOLDER}"),
            _ => format!("COPY --from={name} {VENV} {VENV}{end}ENV PATH={VENV}/bin:$PATH"),
        }
    }

    fn free_name(&self) -> String {
        let taken = |name: &str| {
            self.file.stages.iter().any(|stage| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        };
        let mut names = std::iter::once("build".to_owned()).chain((2..).map(|number| format!("build{number}")));
        names.find(|name| !taken(name)).unwrap_or_else(|| "build".into())
    }

    /// What a plain `RUN`'s commands do.
    fn deeds(&self, step: &Step) -> Option<Vec<Kind>> {
        let (span, _) = shell_run(step)?;
        let read = shell::read(&self.file.text[span], self.file.escape);
        let joined = |simple: &Simple| matches!(simple.operator.as_str(), "&&" | ";" | "");
        let plain = !read.complex && !read.commands.is_empty() && read.commands.iter().all(joined);
        plain.then(|| read.commands.iter().map(kind).collect())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pip,
    Tools,
    Packages,
    Upkeep,
    Other,
}

fn kind(command: &Simple) -> Kind {
    /// Where pip is told to put things, or to leave them.
    const PLACED: [&str; 8] = ["-e", "--editable", "--user", "-t", "--target", "--prefix", "--root", "--src"];
    let placed = |word: &str| PLACED.iter().any(|option| word == *option || word.starts_with(&format!("{option}=")));
    match deed(command) {
        // An interpreter's own pip with a path or a version may be another one than the virtual environment's.
        Deed::Pip if command.texts().iter().any(|word| placed(word) || word.contains('$')) => Kind::Other,
        Deed::Pip if matches!(command.words[0].text.as_str(), "pip" | "pip3" | "python" | "python3") => Kind::Pip,
        Deed::AptInstall(names) if !names.is_empty() && names.iter().all(|name| packages::builds(name)) => Kind::Tools,
        Deed::AptInstall(names) if !names.is_empty() && !names.iter().any(|name| packages::builds(name)) => {
            Kind::Packages
        }
        Deed::AptUpkeep => Kind::Upkeep,
        _ => Kind::Other,
    }
}

/// The program that a command runs.
fn program(command: &Command) -> Option<String> {
    match &command.form {
        Form::Exec(words) => words.first().cloned(),
        Form::Shell(line) => shell::read(line, '\\').commands.first().map(|simple| simple.words[0].text.clone()),
    }
}
