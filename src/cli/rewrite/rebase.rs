//! `layerscope rebase IMAGE --onto REF -o DEST`.

use std::collections::HashSet;

use anyhow::Context;
use clap::Args as ClapArgs;

use super::{Planned, ToArgs, Writing, each};
use crate::analyze::{Base, compat};
use crate::cli::args::{GlobalArgs, ImageArgs};
use crate::cli::start::{NetworkArgs, usual};
use crate::cli::{Verdict, settings};
use crate::model::{History, ImageRef, familiar};
use crate::recommend::{Catalog, Finder, Request, Scanner, onto};
use crate::report::{self, document::Rewritten, escape::escape};
use crate::rewrite::{self, Allowed, Onto, Rebase};

/// `rebase`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct RebaseArgs {
    /// The image
    image: String,
    /// The base to put it on
    #[arg(long, value_name = "IMAGE")]
    onto: String,
    /// The base under it, if it is known; else it is found
    #[arg(long, value_name = "IMAGE")]
    from: Option<String>,
    /// Write it though the application is known to break there, or files of both can't be merged
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    images: ImageArgs,
}

/// Puts the application on another base.
pub(in crate::cli) fn rebase(args: &RebaseArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let names: Vec<&str> = [&*args.image, &*args.onto].into_iter().chain(args.from.as_deref()).collect();
    let refs = settings::locate(&names, &args.images)?;
    each(&refs[0], &args.to, &args.images, global, |scanner, image, writing| {
        one(args, &refs[1], refs.get(2), scanner, image, writing)
    })
}

/// … for one platform.
fn one(
    args: &RebaseArgs,
    base: &ImageRef,
    from: Option<&ImageRef>,
    scanner: Scanner<'_>,
    image: &ImageRef,
    writing: &mut Writing<'_>,
) -> anyhow::Result<()> {
    let catalog = Catalog::shipped()?;
    let request = Request {
        image: Some(image.clone()),
        plan: None,
        commands: &[],
        from: from.cloned(),
        candidates: Vec::new(),
        deep: 0,
        setting: &usual(&NetworkArgs::default()),
        have: &HashSet::new(),
    };
    let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline, remember: true };
    let found = onto(finder, &request, base, &report::today())?;
    let candidate = found.candidates.first().context("no base")?;
    let old_layers = found.base.layers.context("the base under it can't be told: name it with --from")?;
    let (on, known) = candidate.scanned.as_ref().zip(candidate.compatibility.as_ref()).context("it was not read")?;
    let name = candidate.names.first();
    let old_history = history(scanner, &found.base);
    let to = Onto {
        base: on,
        old_layers,
        old_config: found.base.config.as_ref(),
        old_history: &old_history,
        config: &known.config,
        name: name.filter(|name| is_in_registry(name)).cloned(),
    };
    let planned = rewrite::rebase(&found.image, &to)?;
    let told = Rewritten {
        command: "rebase",
        image: found.image.subject(),
        plan: &planned.plan,
        onto: Some((&on.image, candidate)),
        merged: &planned.merged,
        refused: &planned.refused,
        conflicts: &planned.conflicts,
        written: None,
    };
    let refusal = match known.verdict {
        _ if args.force => None,
        compat::Verdict::Breaks => Some(format!("it breaks on {}", escape(familiar(name.map_or("", String::as_str))))),
        _ => unmerged(&planned),
    };
    let allowed = Allowed { dropped: &|_, _| false, replaced: &planned.merged, deduped: false };
    writing.add(scanner, Planned { told, wanted: &planned.tree, allowed, refusal })
}

/// How a base was built, where it is at hand.
fn history(scanner: Scanner<'_>, base: &Base) -> Vec<History> {
    let Some(name) = base.names.first().and_then(|name| name.parse::<ImageRef>().ok()) else { return Vec::new() };
    let base = base.digest.and_then(|digest| name.pinned(&digest)).unwrap_or(name);
    let found = scanner.documents(&[base]).pop();
    found.and_then(Result::ok).map(|manifest| manifest.config.history).unwrap_or_default()
}

/// What of it can't be merged.
fn unmerged(planned: &Rebase<'_>) -> Option<String> {
    let (first, _) = planned.refused.first()?;
    let first = escape(&first.display());
    Some(match planned.refused.len() {
        1 => format!("{first} can't be merged"),
        files => format!("{files} files can't be merged, {first} first"),
    })
}

fn is_in_registry(name: &str) -> bool {
    matches!(name.parse(), Ok(ImageRef::Registry(_)))
}
