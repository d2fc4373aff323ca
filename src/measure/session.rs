//! Going through phases, run by run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Machine, MeasureError, Measured, Ready, Run, Stop};

/// A run counts where others used no more than this part of all processor time.
const FOREIGN: f64 = 0.25;
/// A container that is not ready after so many seconds never will be.
pub(super) const PATIENCE: f64 = 300.0;
/// How often it is asked whether a container is ready.
const LOOK: Duration = Duration::from_millis(1);

/// An engine with a store of its own.
pub trait Runtime {
    /// Pulls an image.
    fn pull(&mut self, image: &str) -> Result<(), MeasureError>;
    /// Makes a container of it; its name. It runs what the image says, or a command if there is one.
    fn create(&mut self, image: &str, ready: &Ready, command: &[String]) -> Result<String, MeasureError>;
    /// Starts a container.
    fn start(&mut self, container: &str) -> Result<Box<dyn Container>, MeasureError>;
    /// Ends and removes a container, whatever it is at.
    fn remove(&mut self, container: &str);
    /// Removes all images.
    fn empty(&mut self);
}

/// A container that was started.
pub trait Container {
    /// What it has written so far.
    fn output(&mut self) -> Vec<u8>;
    /// Whether it has ended.
    fn ended(&mut self) -> bool;
    /// With which status it ended; `None` where that can't be told.
    fn status(&mut self) -> Option<i32>;
    /// Whether a condition on the network, or of its health, is met.
    fn is(&mut self, ready: &Ready) -> Result<bool, MeasureError>;
}

/// An image to measure.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name, for messages.
    pub name: String,
    /// Its name to the engine.
    pub pull: String,
    /// What tells that it is ready.
    pub ready: Ready,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The images, in turn.
    pub targets: Vec<Target>,
    /// How many runs of each should count.
    pub runs: u32,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A run begins.
    Begins {
        /// The image.
        image: &'a str,
        /// Which run it is, from 1.
        run: usize,
    },
    /// A run is done.
    Done {
        /// The image.
        image: &'a str,
        /// Its numbers.
        run: &'a Run,
    },
}

/// Measures all images, in turn and round after round. A run that others disturbed is made again, as often as there are
/// runs. The store is empty before each pull, and at the end, also of an error.
pub fn measure(
    runtime: &mut dyn Runtime,
    machine: &dyn Machine,
    plan: &Plan,
    stop: &Stop,
    on_event: &dyn Fn(Event<'_>),
) -> Result<Vec<Measured>, MeasureError> {
    let mut session = Session { runtime, machine, stop };
    let of = |target: &Target| Measured { runs: Vec::new(), ready_by: target.ready.describe() };
    let mut all: Vec<Measured> = plan.targets.iter().map(of).collect();
    let wanted = plan.runs as usize;
    for _ in 0..wanted * 2 {
        for (target, measured) in plan.targets.iter().zip(&mut all) {
            if measured.runs.iter().filter(|run| run.kept).count() >= wanted {
                continue;
            }
            on_event(Event::Begins { image: &target.name, run: measured.runs.len() + 1 });
            let run = session.run(target)?;
            on_event(Event::Done { image: &target.name, run: &run });
            measured.runs.push(run);
        }
    }
    Ok(all)
}

/// An engine that works, on a machine, until someone wants it to end.
pub(super) struct Session<'a> {
    pub(super) runtime: &'a mut dyn Runtime,
    pub(super) machine: &'a dyn Machine,
    pub(super) stop: &'a Stop,
}

impl Session<'_> {
    fn run(&mut self, target: &Target) -> Result<Run, MeasureError> {
        self.runtime.empty();
        self.machine.settle();
        let run = self.cold_and_warm(target);
        self.runtime.empty();
        run
    }

    fn cold_and_warm(&mut self, target: &Target) -> Result<Run, MeasureError> {
        let before = self.machine.processors();
        let begin = self.machine.now();
        self.runtime.pull(&target.pull)?;
        let pull = self.machine.now() - begin;
        let (create, ready) = self.container(target)?;
        let foreign = self.machine.processors().foreign_since(&before);
        let (again, ready_again) = self.container(target)?;
        let warm = again + ready_again;
        Ok(Run { pull, create, ready, warm, foreign, kept: foreign <= FOREIGN })
    }

    /// Makes a container, starts it, waits until it is ready, removes it: seconds to make it, and to get ready.
    fn container(&mut self, target: &Target) -> Result<(f64, f64), MeasureError> {
        let begin = self.machine.now();
        let name = self.runtime.create(&target.pull, &target.ready, &[])?;
        let made = self.machine.now();
        let ready = self.runtime.start(&name).and_then(|mut container| self.until_ready(&mut *container, target, made));
        self.runtime.remove(&name);
        Ok((made - begin, ready? - made))
    }

    /// When the container was ready.
    fn until_ready(&self, container: &mut dyn Container, target: &Target, begin: f64) -> Result<f64, MeasureError> {
        let (image, ready) = (target.name.clone(), target.ready.describe());
        match self.wait(container, &target.ready, begin + PATIENCE)? {
            Waited::Ready => Ok(self.machine.now()),
            Waited::Ended => {
                let said = super::process::tail(&container.output());
                Err(MeasureError::Ended { image, ready, said })
            }
            Waited::Late => Err(MeasureError::NeverReady { image, ready, seconds: PATIENCE as u64 }),
        }
    }

    /// Waits until a container is ready, until it ends, or until a time on the machine's clock.
    pub(super) fn wait(
        &self,
        container: &mut dyn Container,
        ready: &Ready,
        until: f64,
    ) -> Result<Waited, MeasureError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted);
            }
            // Asked first: what was written by then is read afterwards.
            let ended = container.ended();
            if is_ready(container, ready, ended)? {
                return Ok(Waited::Ready);
            }
            if ended {
                return Ok(Waited::Ended);
            }
            if self.machine.now() > until {
                return Ok(Waited::Late);
            }
            self.machine.pause(LOOK);
        }
    }
}

/// What came of waiting.
pub(super) enum Waited {
    /// The condition was met.
    Ready,
    /// The container ended before.
    Ended,
    /// It was not met in time.
    Late,
}

fn is_ready(container: &mut dyn Container, ready: &Ready, ended: bool) -> Result<bool, MeasureError> {
    match ready {
        Ready::Exit => Ok(ended),
        Ready::FirstOutput => Ok(ended || !container.output().is_empty()),
        Ready::Output(pattern) => Ok(pattern.is_match(&container.output())),
        Ready::Port(_) | Ready::Http { .. } | Ready::Healthy => Ok(!ended && container.is(ready)?),
    }
}
