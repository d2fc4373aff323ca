//! Running a container once, to see whether it runs.

use std::fmt;

use super::process::tail;
use super::session::{PATIENCE, Session, Waited};
use super::{Machine, MeasureError, Ready, Runtime, Stop};

/// What runs for so many seconds and says nothing of when it is ready, runs.
const SETTLED: f64 = 5.0;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What tells that it is ready. Output alone tells nothing, since errors are output, too: where nothing better is
    /// known, what still runs after 5 s is ready.
    pub ready: Ready,
    /// Run in place of what the image says, and to its end; nothing for the image's own.
    pub command: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was ready, by what was waited for.
    Ready(String),
    /// It still ran after so many seconds.
    Runs(u64),
    /// It ended by itself.
    Ended {
        /// Its status; `None` where that can't be told.
        status: Option<i32>,
        /// The end of what it wrote.
        said: String,
    },
    /// It was not ready in time.
    NeverReady {
        /// What was waited for.
        ready: String,
        /// Seconds that it had.
        seconds: u64,
        /// The end of what it wrote.
        said: String,
    },
    /// The engine made no container of it.
    Refused(String),
}

impl Outcome {
    /// Whether it is what one hopes for.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Ready(_) | Self::Runs(_) | Self::Ended { status: Some(0), .. })
    }

    /// Whether it ended by itself.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

impl Trial {
    /// Of what an image says of itself, or by what a person says.
    pub fn new(ready: Ready, command: Vec<String>) -> Self {
        Self { ready: if command.is_empty() { ready } else { Ready::Exit }, command }
    }

    /// The same for what should do as another did: where that one ended by itself, it has all the time it needs to end.
    #[must_use]
    pub fn beside(self, other: &Outcome) -> Self {
        match (&self.ready, other) {
            (Ready::FirstOutput, Outcome::Ended { .. }) => Self { ready: Ready::Exit, ..self },
            _ => self,
        }
    }

    /// Pulls an image and runs a container of it. The store is empty afterwards.
    pub fn run(
        &self,
        image: &str,
        runtime: &mut dyn Runtime,
        machine: &dyn Machine,
        stop: &Stop,
    ) -> Result<Outcome, MeasureError> {
        let mut session = Session { runtime, machine, stop };
        let outcome = session.runtime.pull(image).and_then(|()| self.run_pulled(image, &mut session));
        session.runtime.empty();
        outcome
    }

    fn run_pulled(&self, image: &str, session: &mut Session<'_>) -> Result<Outcome, MeasureError> {
        let name = match session.runtime.create(image, &self.ready, &self.command) {
            Ok(name) => name,
            Err(MeasureError::Failed { said, .. }) => return Ok(Outcome::Refused(said)),
            Err(error) => return Err(error),
        };
        let outcome = self.run_made(&name, session);
        session.runtime.remove(&name);
        outcome
    }

    fn run_made(&self, name: &str, session: &mut Session<'_>) -> Result<Outcome, MeasureError> {
        let (ready, patience) = match self.ready {
            Ready::FirstOutput => (&Ready::Exit, SETTLED),
            _ => (&self.ready, PATIENCE),
        };
        let mut container = session.runtime.start(name)?;
        let waited = session.wait(&mut *container, ready, session.machine.now() + patience)?;
        let seconds = patience as u64;
        let mut said = || tail(&container.output());
        Ok(match (waited, &self.ready) {
            (Waited::Ended, _) | (Waited::Ready, Ready::Exit | Ready::FirstOutput) => {
                Outcome::Ended { said: said(), status: container.status() }
            }
            (Waited::Ready, ready) => Outcome::Ready(ready.describe()),
            (Waited::Late, Ready::FirstOutput) => Outcome::Runs(seconds),
            (Waited::Late, ready) => Outcome::NeverReady { ready: ready.describe(), seconds, said: said() },
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(by) => write!(f, "ready ({by})"),
            Self::Runs(seconds) => write!(f, "still running after {seconds} s"),
            Self::Ended { status: Some(0), .. } => f.write_str("ended with status 0"),
            Self::Ended { status: Some(status), said } => write!(f, "ended with status {status}: {said}"),
            Self::Ended { status: None, said } => write!(f, "ended by a signal: {said}"),
            Self::NeverReady { ready, seconds, said } => write!(f, "not ready after {seconds} s ({ready}): {said}"),
            Self::Refused(said) => write!(f, "no container could be made: {said}"),
        }
    }
}
