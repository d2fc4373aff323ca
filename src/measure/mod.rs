//! Really pulling and starting images, and timing it: with an engine and an emptied store of its own.
//!
//! [`measure`] knows no engine: it goes through phases, drops runs that something else on the machine disturbed, and
//! cleans up. What an engine does is behind [`Runtime`]; the clock and the processors are behind [`Machine`].

mod attached;
mod containerd;
mod docker;
mod error;
mod figures;
mod machine;
mod podman;
mod process;
mod proxy;
mod ready;
mod room;
mod sample;
mod session;
#[cfg(test)]
mod tests;
mod trial;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::analyze::startup::Engine;

pub use error::MeasureError;
pub use figures::{Figures, Measured, Phase, Run};
pub use machine::{Host, Machine, Processors};
pub use proxy::Proxy;
pub use ready::{Ready, ReadyError};
pub use room::Room;
pub use sample::{SAMPLES, write_samples};
pub use session::{Container, Event, Plan, Runtime, Target, measure};
pub use trial::{Outcome, Trial};

/// Set when the person wants it to end: whatever waits looks at it.
pub type Stop = Arc<AtomicBool>;

/// Makes an engine ready, with an emptied store of its own in a room. `probe` is a small image that it can pull.
pub fn runtime(engine: Engine, room: &Arc<Room>, stop: &Stop, probe: &str) -> Result<Box<dyn Runtime>, MeasureError> {
    match engine {
        Engine::Podman => Ok(Box::new(podman::Podman::new(room, stop, probe)?)),
        Engine::Docker => Ok(Box::new(docker::Docker::new(room, stop)?)),
        Engine::Containerd | Engine::Nerdctl => Ok(Box::new(containerd::Ctr::new(room, stop)?)),
    }
}
