//! `layerscope cat IMAGE PATH`.

use std::os::unix::ffi::OsStrExt;

use super::args::{CatArgs, GlobalArgs};
use super::output::emit;
use super::{Verdict, settings};
use crate::index::toc::Needs;
use crate::model::LayerPath;
use crate::scan;

/// Writes one file's bytes, once they were verified: they alone, where the layer that holds them has a table of
/// contents, else that layer to its end.
pub(super) fn run(args: &CatArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let scanned = settings::scan_of(Needs::Rows, &[&args.image], &args.images, global, false)?;
    for scanned in &scanned {
        let mut file = scan::read_file(scanned, &LayerPath::clean(args.path.as_bytes()))?;
        emit(args.output.output.as_deref(), |to| std::io::copy(&mut file, to).map(drop))?;
    }
    Ok(Verdict::Done)
}
