//! `layerscope man [COMMAND]`.

use anyhow::Context;

use super::args::{ManArgs, command};
use super::{Verdict, output};

/// Writes the manual page of the program, or of one command.
pub(super) fn run(args: &ManArgs) -> anyhow::Result<Verdict> {
    let mut all = command();
    all.build();
    let page = match &args.command {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(name).with_context(|| format!("{name:?} is no command"))?;
            found.clone()
        }
    };
    let page = clap_mangen::Man::new(page);
    output::emit(None, |to| page.render(to))?;
    Ok(Verdict::Done)
}
