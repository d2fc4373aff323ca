//! Running a container once, to see whether it runs.

use std::fmt;

use super::process::tail;
use super::session::{PATIENCE, Waited, wait};
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

    /// From now on, whatever says nothing of when it is ready is waited for until it ends.
    pub fn to_its_end(&mut self) {
        if matches!(self.ready, Ready::FirstOutput) {
            self.ready = Ready::Exit;
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
        let outcome = runtime.pull(image).and_then(|()| self.run_pulled(image, runtime, machine, stop));
        runtime.empty();
        outcome
    }

    fn run_pulled(
        &self,
        image: &str,
        runtime: &mut dyn Runtime,
        machine: &dyn Machine,
        stop: &Stop,
    ) -> Result<Outcome, MeasureError> {
        let name = match runtime.create(image, &self.ready, &self.command) {
            Ok(name) => name,
            Err(MeasureError::Failed { said, .. }) => return Ok(Outcome::Refused(said)),
            Err(error) => return Err(error),
        };
        let outcome = self.run_made(&name, runtime, machine, stop);
        runtime.remove(&name);
        outcome
    }

    fn run_made(
        &self,
        name: &str,
        runtime: &mut dyn Runtime,
        machine: &dyn Machine,
        stop: &Stop,
    ) -> Result<Outcome, MeasureError> {
        let (ready, patience) = match self.ready {
            Ready::FirstOutput => (&Ready::Exit, SETTLED),
            _ => (&self.ready, PATIENCE),
        };
        let mut container = runtime.start(name)?;
        let waited = wait(&mut *container, machine, ready, machine.now() + patience, stop)?;
        Ok(match (waited, &self.ready) {
            (Waited::Ended, _) | (Waited::Ready, Ready::Exit | Ready::FirstOutput) => {
                Outcome::Ended { said: tail(&container.output()), status: container.status() }
            }
            (Waited::Ready, ready) => Outcome::Ready(ready.describe()),
            (Waited::Late, Ready::FirstOutput) => Outcome::Runs(patience as u64),
            (Waited::Late, ready) => Outcome::NeverReady {
                ready: ready.describe(),
                seconds: patience as u64,
                said: tail(&container.output()),
            },
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
