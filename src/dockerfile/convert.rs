//! From `parse-dockerfile`'s tree to ours.

use std::borrow::Cow;
use std::ops::Range;

use parse_dockerfile::{self as theirs, HealthcheckArguments, JsonOrStringArray, Source, UnescapedString};

use super::lines::{self, BOM, Logical, Scan};
use super::{Command, Dockerfile, DockerfileError, Document, Form, Instruction, LONGEST, Place, Stage, Step, words};

/// Reads a file.
pub(super) fn parse(text: &str) -> Result<Dockerfile, DockerfileError> {
    if text.len() > LONGEST {
        return Err(DockerfileError::TooLong { bytes: text.len() });
    }
    let Scan { lines, masked, escape } = lines::scan(text)?;
    let tree = theirs::parse(&masked)
        .map_err(|error| DockerfileError::Syntax { line: error.line().max(1), reason: format!("{error:#}") })?;
    let offset = if text.starts_with(BOM) { BOM.len_utf8() } else { 0 };
    let starts = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
    let converter = Converter { text, offset, starts, lines: &lines, escape };
    let mut file =
        Dockerfile { text: text.into(), escape, globals: Vec::new(), stages: Vec::new(), args: Default::default() };
    for instruction in &tree.instructions {
        converter.add(&mut file, instruction)?;
    }
    Ok(file)
}

/// One trigger of a base's `ONBUILD`.
pub(super) fn trigger(text: &str) -> Result<Option<Instruction>, DockerfileError> {
    let mut file = parse(&format!("FROM scratch\n{text}\n"))?;
    Ok(file.stages.pop().and_then(|mut stage| stage.steps.pop()).map(|step| step.instruction))
}

/// More stages than this are nobody's Dockerfile.
const MOST_STAGES: usize = 500;
/// … and so are more lines before the first.
const MOST_LINES_BEFORE: usize = 5000;

fn few(there: usize, most: usize, what: &str, line: usize) -> Result<(), DockerfileError> {
    let many = || DockerfileError::Syntax { line, reason: format!("more than {most} {what}") };
    (there < most).then_some(()).ok_or_else(many)
}

struct Converter<'a> {
    text: &'a str,
    /// What their spans lack.
    offset: usize,
    /// Where line feeds are.
    starts: Vec<usize>,
    lines: &'a [Logical],
    escape: char,
}

impl Converter<'_> {
    fn add(&self, file: &mut Dockerfile, instruction: &theirs::Instruction<'_>) -> Result<(), DockerfileError> {
        if let theirs::Instruction::From(from) = instruction {
            let (place, _) = self.place(&from.from.span)?;
            few(file.stages.len(), MOST_STAGES, "stages", place.line)?;
            file.stages.push(self.stage(file.stages.len(), place, from));
            return Ok(());
        }
        let (place, documents) = self.place(keyword(instruction))?;
        let instruction = self.instruction(instruction, documents, &place)?;
        let step = Step { place, instruction };
        match file.stages.last_mut() {
            Some(stage) => stage.steps.push(step),
            None => {
                few(step.place.end_line, MOST_LINES_BEFORE, "lines before the first FROM", step.place.line)?;
                file.globals.push(step);
            }
        }
        Ok(())
    }

    fn stage(&self, index: usize, from: Place, theirs: &theirs::FromInstruction<'_>) -> Stage {
        let platform = theirs.options.iter().find(|flag| flag.name.value == "platform");
        Stage {
            index,
            name: theirs.as_.as_ref().map(|(_, name)| name.value.to_string()),
            platform: platform.and_then(|flag| flag.value.as_ref()).map(|value| value.value.to_string()),
            image: theirs.image.value.to_string(),
            image_span: self.span(&theirs.image.span),
            from,
            steps: Vec::new(),
        }
    }

    fn span(&self, theirs: &Range<usize>) -> Range<usize> {
        theirs.start + self.offset..theirs.end + self.offset
    }

    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|feed| *feed < at) + 1
    }

    /// The lines that an instruction's keyword stands in.
    fn place(&self, keyword: &Range<usize>) -> Result<(Place, &[Document]), DockerfileError> {
        let at = self.span(keyword).start;
        let index = self.lines.partition_point(|logical| logical.span.end <= at);
        let Some(logical) = self.lines.get(index).filter(|logical| logical.span.start == at) else {
            let reason = "an instruction begins where a line goes on".into();
            return Err(DockerfileError::Syntax { line: self.line(at), reason });
        };
        let span = logical.span.clone();
        let place = Place { line: self.line(span.start), end_line: self.line(span.end), span };
        Ok((place, &logical.documents))
    }

    fn instruction(
        &self,
        theirs: &theirs::Instruction<'_>,
        documents: &[Document],
        place: &Place,
    ) -> Result<Instruction, DockerfileError> {
        use theirs::Instruction as T;
        let pairs = |text: &str| {
            let reason = || "expected NAME=VALUE, or NAME and a value".to_owned();
            words::pairs(text, self.escape)
                .ok_or_else(|| DockerfileError::Syntax { line: place.line, reason: reason() })
        };
        Ok(match theirs {
            T::Arg(i) => Instruction::Arg(words::options(&self.joined(&i.arguments.span), self.escape)),
            T::Env(i) => Instruction::Env(pairs(&self.joined(&i.arguments.span))?),
            T::Label(i) => Instruction::Label(pairs(&self.joined(&i.arguments.span))?),
            T::Run(i) => Instruction::Run {
                flags: i.options.iter().map(flag).collect(),
                command: self.command(&i.arguments),
                documents: documents.to_vec(),
            },
            T::Cmd(i) => Instruction::Cmd(self.command(&i.arguments)),
            T::Entrypoint(i) => Instruction::Entrypoint(self.command(&i.arguments)),
            T::Healthcheck(i) => Instruction::Healthcheck(match &i.arguments {
                HealthcheckArguments::Cmd { arguments, .. } => Some(self.command(arguments)),
                _ => None,
            }),
            T::Shell(i) => Instruction::Shell(strings(&i.arguments)),
            T::User(i) => Instruction::User(i.arguments.value.to_string()),
            T::Workdir(i) => Instruction::Workdir(i.arguments.value.to_string()),
            T::Expose(i) => Instruction::Expose(strings(&i.arguments)),
            T::Volume(i) => Instruction::Volume(match &i.arguments {
                JsonOrStringArray::Json(array) => strings(&array.value),
                JsonOrStringArray::String(words) => strings(words),
            }),
            T::Stopsignal(i) => Instruction::Stopsignal(i.arguments.value.to_string()),
            T::Copy(i) => self.copy(false, &i.options, &i.src, &i.dest),
            T::Add(i) => self.copy(true, &i.options, &i.src, &i.dest),
            T::Maintainer(i) => Instruction::Maintainer(i.name.value.to_string()),
            T::Onbuild(_) => {
                let kept = self.text[place.span.clone()].trim_start_matches(|c: char| !c.is_whitespace());
                Instruction::Onbuild(kept.trim_start().into())
            }
            _ => {
                let reason = "an instruction that is not known here".into();
                return Err(DockerfileError::Syntax { line: place.line, reason });
            }
        })
    }

    /// What stands there in the file, its lines joined.
    fn joined(&self, theirs: &Range<usize>) -> String {
        lines::join(&self.text[self.span(theirs)], self.escape)
    }

    fn command(&self, theirs: &theirs::Command<'_>) -> Command {
        match theirs {
            theirs::Command::Exec(words) => {
                Command { span: self.span(&words.span), form: Form::Exec(strings(&words.value)) }
            }
            theirs::Command::Shell(line) => {
                Command { span: self.span(&line.span), form: Form::Shell(self.joined(&line.span)) }
            }
            _ => Command { span: 0..0, form: Form::Exec(Vec::new()) },
        }
    }

    fn copy(
        &self,
        add: bool,
        flags: &[theirs::Flag<'_>],
        sources: &[Source<'_>],
        target: &UnescapedString<'_>,
    ) -> Instruction {
        let from = flags.iter().find(|flag| flag.name.value == "from").and_then(|flag| flag.value.as_ref());
        let source = |source: &Source<'_>| match source {
            Source::Path(path) if self.opens_document(&path.span) => self.text[self.span(&path.span)].to_owned(),
            Source::Path(path) => path.value.to_string(),
            _ => String::new(),
        };
        Instruction::Copy {
            from: from.map(|value| value.value.to_string()),
            add,
            sources: sources.iter().map(source).collect(),
            target: target.value.to_string(),
        }
    }

    fn opens_document(&self, span: &Range<usize>) -> bool {
        self.text[self.span(span)].trim_start_matches(|c: char| c.is_ascii_digit()).starts_with("<<")
    }
}

fn flag(flag: &theirs::Flag<'_>) -> (String, Option<String>) {
    (flag.name.value.to_string(), flag.value.as_ref().map(|value| value.value.to_string()))
}

fn strings(words: &[UnescapedString<'_>]) -> Vec<String> {
    words.iter().map(|word| Cow::into_owned(word.value.clone())).collect()
}

fn keyword<'a>(instruction: &'a theirs::Instruction<'_>) -> &'a Range<usize> {
    use theirs::Instruction as T;
    match instruction {
        T::Arg(i) => &i.arg.span,
        T::Env(i) => &i.env.span,
        T::Label(i) => &i.label.span,
        T::Run(i) => &i.run.span,
        T::Cmd(i) => &i.cmd.span,
        T::Entrypoint(i) => &i.entrypoint.span,
        T::Healthcheck(i) => &i.healthcheck.span,
        T::Shell(i) => &i.shell.span,
        T::User(i) => &i.user.span,
        T::Workdir(i) => &i.workdir.span,
        T::Expose(i) => &i.expose.span,
        T::Volume(i) => &i.volume.span,
        T::Stopsignal(i) => &i.stopsignal.span,
        T::Copy(i) => &i.copy.span,
        T::Add(i) => &i.add.span,
        T::Maintainer(i) => &i.maintainer.span,
        T::Onbuild(i) => &i.onbuild.span,
        T::From(i) => &i.from.span,
        _ => &NOWHERE,
    }
}

static NOWHERE: Range<usize> = usize::MAX / 2..usize::MAX / 2;
