//! `layerscope completions SHELL`.

use super::args::{CompletionsArgs, command};
use super::{Verdict, output};

/// Writes the shell's completions.
pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "layerscope", &mut script);
    output::emit(None, |to| to.write_all(&script))?;
    Ok(Verdict::Done)
}
