//! `--try`: the image is written on each base, served on loopback, pulled and run by an engine of our own.

use crate::cli::args::TrialArgs;
use crate::cli::engine::{EngineArg, OwnEngine, served};
use crate::measure::{Host, Trial};
use crate::recommend::Recommendation;
use crate::rewrite::LayoutWriter;

/// Runs what was found.
pub(super) fn run(found: &mut Recommendation, args: &TrialArgs) -> anyhow::Result<()> {
    let engine = EngineArg::or_installed(args.engine);
    let mut own = OwnEngine::start(engine)?;
    let folder = own.room.path("trial");
    let mut layout = LayoutWriter::create(&folder)?;
    found.write_trials(&mut layout)?;
    layout.finish()?;
    let (address, _) = served(folder)?;
    let ready = args.ready.clone().unwrap_or_else(|| found.ready());
    let trial = Trial::new(ready, args.command.clone());
    let host = Host::new();
    let mut run =
        |name: &str, trial: &Trial| trial.run(&format!("{address}/trial:{name}"), &mut *own.runtime, &host, &own.stop);
    Ok(found.try_all(engine.name(), trial, &mut run)?)
}
