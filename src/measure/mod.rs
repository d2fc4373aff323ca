//! Really pulling and starting images, and timing it: with an engine and an emptied store of its own.
//!
//! [`session`] knows no engine: it goes through phases, drops runs that something else on the machine disturbed, and
//! cleans up. What an engine does is behind the trait [`engine::Runtime`].

mod figures;
mod ready;

pub use figures::{Figures, Measured, Phase, Run};
pub use ready::{Ready, ReadyError};
