//! `layerscope ls IMAGE [PATH]`.

use std::os::unix::ffi::OsStrExt;

use anyhow::Context;

use super::args::{GlobalArgs, ListFormatArg, LsArgs};
use super::filter::Filter;
use super::output::emit;
use super::{Verdict, settings};
use crate::index::toc::Needs;
use crate::model::LayerPath;
use crate::report::{self, document};
use crate::tree::{FollowError, NodeId, Tree};

/// Lists what is at and below the path.
pub(super) fn run(args: &LsArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let filter = Filter::new(&args.filter)?;
    let sha256 = matches!(args.format, ListFormatArg::Json | ListFormatArg::Jsonl);
    let scanned = settings::scan_of(Needs::Rows, &[&args.image], &args.images, global, sha256)?;
    for scanned in &scanned {
        let tree = &scanned.tree;
        let image = &scanned.image;
        let start = find(tree, &LayerPath::clean(args.path.as_bytes()));
        let start = start.with_context(|| image.manifest.reference.clone())?;
        let items = tree.walk_from(start).filter(|item| filter.wants(&item.path()));
        let entries = items.map(|item| document::entry(tree, &item));
        emit(args.output.output.as_deref(), |to| report::write_listing(image.into(), entries, args.format.into(), to))?;
    }
    Ok(Verdict::Done)
}

/// Where to begin: at a directory, links to it followed, or at the name itself.
fn find(tree: &Tree, path: &LayerPath) -> Result<NodeId, FollowError> {
    let found = |last| tree.follow(path, last).map(|(_, id)| id);
    let directory = found(true).ok().filter(|&id| tree.node(id).is_dir());
    directory.map_or_else(|| found(false), Ok)
}
