//! `layerscope serve DIR…`.

use std::io::Write;

use super::Verdict;
use super::args::{GlobalArgs, ServeArgs};
use crate::report::escape::escape;
use crate::serve::{self, Options};

/// Serves until it is told to stop. What can be pulled goes to standard output, a name a line.
pub(super) fn run(args: &ServeArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let options = Options { paths: args.paths.clone(), listen: args.listen };
    let announce = |ready: serve::Ready<'_>| {
        let mut out = std::io::stdout().lock();
        let names = ready.images.iter().map(|name| format!("{}/{}\n", ready.address, escape(name)));
        // Nobody may be listening; the server is there all the same.
        out.write_all(names.collect::<String>().as_bytes()).and_then(|()| out.flush()).ok();
        for left in ready.left_out {
            tracing::warn!("{} is not served: {}", left.path, left.error);
        }
        if !global.quiet {
            writeln!(std::io::stderr(), "serving on http://{}; Ctrl-C ends it", ready.address).ok();
        }
    };
    serve::serve(&options, announce, serve::interrupted())?;
    Ok(Verdict::Done)
}
