//! `layerscope recommend IMAGE`.

mod compose;
mod trial;

use std::path::Path;

use anyhow::{Context, bail};
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::cli::args::{GlobalArgs, RecommendArgs};
use crate::cli::output::{emit, emit_report};
use crate::cli::{Verdict, settings, start};
use crate::dockerfile::{Dockerfile, NoteKind};
use crate::recommend::{Catalog, Finder, Plan, Recommendation, Request, recommend};
use crate::report::escape::escape;
use crate::report::{self, document};

/// Finds the base, looks for others, and reports.
pub(in crate::cli) fn run(args: &RecommendArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    if let Some(file) = &args.compose.file {
        return compose::run(file, args, global);
    }
    let catalog = catalog(args)?;
    let plan = args.dockerfile.file.as_deref().map(|file| plan(file, args)).transpose()?;
    let (image, from) = (args.image.as_deref(), args.from.as_deref());
    let names: Vec<&str> = image.into_iter().chain(from).chain(args.candidates.iter().map(String::as_str)).collect();
    let mut refs = settings::locate(&names, &args.images)?.into_iter();
    let setting = start::usual(&args.network);
    let have = settings::layers_of(&args.have, &args.images)?;
    let request = Request {
        image: image.and_then(|_| refs.next()),
        plan: plan.as_ref(),
        from: from.and_then(|_| refs.next()),
        candidates: refs.collect(),
        deep: args.deep,
        setting: &setting,
        have: &have,
    };
    let mut found = settings::with_scanner(&args.images, global, false, |scanner| {
        let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline };
        Ok(recommend(finder, &request, &report::today())?)
    })?;
    if args.trial.wanted {
        trial::run(&mut found, &args.trial)?;
    }
    if args.dockerfile.patch || args.dockerfile.write {
        return change(args, &found);
    }
    let document = document::recommend(&found, plan.as_ref(), &setting);
    emit_report(&document, &args.report, global)?;
    Ok(Verdict::Done)
}

/// Prints the change to the best base, or makes it. What a person has to look at goes to standard error.
fn change(args: &RecommendArgs, found: &Recommendation) -> anyhow::Result<Verdict> {
    for missing in found.unavailable.iter().filter(|missing| missing.told) {
        tracing::warn!("{} was not looked at: {}", escape(&missing.name), escape(&missing.reason));
    }
    let best = found.best().context("no slimmer base is known to work: nothing is changed")?;
    let patch = best.patch.as_ref().context("the better base has no name that a Dockerfile could use")?;
    for note in patch.patched.notes.iter().filter(|note| note.kind == NoteKind::Look) {
        tracing::warn!("line {}: {}", note.line, escape(&note.what));
    }
    let (file, text) = match (&args.dockerfile.file, args.dockerfile.write) {
        (Some(file), true) => (Some(file.as_path()), &patch.patched.text),
        _ => (args.report.output.output.as_deref(), &patch.diff),
    };
    emit(file, |to| to.write_all(text.as_bytes()))?;
    Ok(Verdict::Done)
}

/// The Dockerfile, with the arguments of its build.
fn plan(file: &Path, args: &RecommendArgs) -> anyhow::Result<Plan> {
    let place = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", place()))?;
    let mut given = Vec::new();
    for argument in &args.dockerfile.build_args {
        let Some((name, value)) = argument.split_once('=') else { bail!("--build-arg {argument:?} is no NAME=VALUE") };
        given.push((name.to_owned(), value.to_owned()));
    }
    let platform = settings::platform(&args.images)?;
    let dockerfile = Dockerfile::parse(&text).with_context(place)?;
    Plan::new(&place(), dockerfile.with_args(given).with_platform(&platform), args.dockerfile.target.as_deref())
        .with_context(place)
}

/// The catalogue that ships, with what the user's configuration and the command line add.
fn catalog(args: &RecommendArgs) -> anyhow::Result<Catalog> {
    let mut catalog = Catalog::shipped()?;
    let own = choose_base_strategy().ok().map(|places| places.config_dir().join("layerscope/catalog.toml"));
    for path in own.filter(|path| path.exists()).iter().chain(&args.catalog) {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the catalogue {place}"))?;
        catalog.extend(Catalog::parse(&place, &text)?);
    }
    Ok(catalog)
}
