//! `layerscope optimize IMAGE -o DEST`.

use anyhow::{Context, bail};
use clap::{Args as ClapArgs, ValueEnum};

use super::{Planned, ToArgs, Writing, each};
use crate::cli::args::{GlobalArgs, ImageArgs};
use crate::cli::{Verdict, settings};
use crate::model::{EntryKind, ImageRef, LayerPath};
use crate::recommend::{Catalog, Finder, Scanner};
use crate::report::document::Rewritten;
use crate::rewrite::{self, Allowed, DROPS, Drops, Optimize};
use crate::scan::Scanned;

/// `optimize`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct OptimizeArgs {
    /// The image
    image: String,
    /// Which layers become one: the application's, so that the base's stay shared with other images, or all
    #[arg(long, value_name = "LAYERS", default_value = "app")]
    squash: SquashArg,
    /// The base under it, if it is known; else it is found
    #[arg(long, value_name = "IMAGE")]
    from: Option<String>,
    /// Make files of the same contents, mode, owner, times and attributes hard links of one: with overlayfs a write to one
    /// leaves the others as they are; where an engine copies whole images (vfs), it changes all of them
    #[arg(long)]
    dedupe: bool,
    /// Leave files out, by name or by glob (may be repeated); see below for names
    #[arg(long, value_name = "WHAT")]
    drop: Vec<String>,
    /// Compress the layers that stay anew, too: they are then no longer shared with the base
    #[arg(long)]
    recompress: bool,
    /// Make two layers of those that become one: above what package managers installed the application's own files, so that
    /// a release which changes only these shares the lower layer
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    images: ImageArgs,
}

/// Which layers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SquashArg {
    App,
    All,
}

/// What `optimize --help` says of names for `--drop`.
pub(in crate::cli) fn drops_help() -> String {
    let names = DROPS.iter().map(|(name, what)| format!("\n  {name:<15} {what}"));
    format!("What --drop knows by name, beside globs as /app/tests or *.pyc:{}", names.collect::<String>())
}

/// Writes the same merged tree in fewer bytes.
pub(in crate::cli) fn optimize(args: &OptimizeArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    if let (SquashArg::All, Some(_)) = (args.squash, &args.from) {
        bail!("--squash all makes the base's layers one with the others: leave --from out");
    }
    let drops = Drops::new(args.drop.iter().map(String::as_str))?;
    let names: Vec<&str> = std::iter::once(args.image.as_str()).chain(args.from.as_deref()).collect();
    let refs = settings::locate(&names, &args.images)?;
    each(&refs[0], &args.to, &args.images, global, |scanner, image, writing| {
        one(args, &drops, refs.get(1), scanner, image, writing)
    })
}

/// … for one platform.
fn one(
    args: &OptimizeArgs,
    drops: &Drops,
    from: Option<&ImageRef>,
    scanner: Scanner<'_>,
    image: &ImageRef,
    writing: &mut Writing<'_>,
) -> anyhow::Result<()> {
    let image = scanner.read(image)?;
    let keep = match args.squash {
        SquashArg::All => 0,
        SquashArg::App => base_layers(scanner, &image, from, !args.images.offline)?,
    };
    let how = Optimize { keep, dedupe: args.dedupe, drops, recompress: args.recompress, split: args.split };
    let plan = rewrite::optimize(&image, &how)?;
    if !args.drop.is_empty() && !plan.drops_anything() {
        tracing::warn!("nothing of what --drop names is in the layers that become one; what the base has stays there");
    }
    let told = Rewritten {
        command: "optimize",
        image: image.subject(),
        plan: &plan,
        onto: None,
        merged: &[],
        refused: &[],
        conflicts: &[],
        written: None,
    };
    // What the base has stays in its layers.
    let from = keep as u32;
    let is_own = |path: &LayerPath| image.tree.get(path).is_some_and(|id| image.tree.node(id).layer() >= from);
    let dropped = |path: &LayerPath, kind: &EntryKind| drops.drops(path, kind) && is_own(path);
    let allowed = Allowed { dropped: &dropped, replaced: &[], deduped: args.dedupe };
    writing.add(scanner, Planned { told, wanted: &image.tree, allowed, refusal: None })
}

/// How many of an image's lowest layers are its base's.
fn base_layers(scanner: Scanner<'_>, image: &Scanned, told: Option<&ImageRef>, ask: bool) -> anyhow::Result<usize> {
    let catalog = Catalog::shipped()?;
    let finder = Finder { scanner, catalog: &catalog, ask, remember: true };
    finder
        .base_of(image, told)?
        .layers
        .context("its base can't be told: name it with --from, or make all layers one with --squash all")
}
