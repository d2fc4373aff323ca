//! `layerscope recommend IMAGE`.

mod compose;
mod trial;

use std::path::Path;

use anyhow::{Context, bail};
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::analyze::compat;
use crate::cli::args::{GlobalArgs, RecommendArgs};
use crate::cli::output::{emit, emit_report};
use crate::cli::{Verdict, settings, start};
use crate::dockerfile::NoteKind;
use crate::model::familiar;
use crate::recommend::{Candidate, Catalog, Finder, Patch, Plan, Recommendation, Request, recommend};
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
        commands: &[],
        from: from.and_then(|_| refs.next()),
        candidates: refs.collect(),
        deep: args.deep,
        setting: &setting,
        have: &have,
    };
    let mut found = settings::with_scanner(&args.images, global, false, |scanner| {
        let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline, remember: true };
        Ok(recommend(finder, &request, &report::today())?)
    })?;
    if args.trial.wanted {
        trial::run(&mut found, &args.trial)?;
    }
    if args.dockerfile.patch || args.dockerfile.write {
        return change(args, plan.as_ref(), &found);
    }
    let document = document::recommend(&found, plan.as_ref(), &setting);
    emit_report(&document, &args.report, global)?;
    Ok(Verdict::Done)
}

/// Prints the change to the best base, or makes it. What a person has to look at goes to standard error.
fn change(args: &RecommendArgs, plan: Option<&Plan>, found: &Recommendation) -> anyhow::Result<Verdict> {
    for missing in found.unavailable.iter().filter(|missing| missing.told) {
        tracing::warn!("{} was not looked at: {}", missing.name, missing.reason);
    }
    let best = match found.best() {
        Some(best) => best,
        None => untried(args, found)?,
    };
    let patch = best.patch.as_ref().context("the better base has no name that a Dockerfile could use")?;
    for note in patch.patched.notes.iter().filter(|note| note.kind == NoteKind::Look) {
        tracing::warn!("line {}: {}", note.line, note.what);
    }
    if patch.diff.is_empty() {
        tracing::warn!("the Dockerfile has nothing to change");
    }
    match (&args.dockerfile.file, args.dockerfile.write) {
        (Some(_), true) if patch.diff.is_empty() => {}
        (Some(file), true) => write(file, plan, patch)?,
        _ => emit(args.report.output.output.as_deref(), |to| to.write_all(patch.diff.as_bytes()))?,
    }
    Ok(Verdict::Done)
}

/// Changes a Dockerfile, if it still is what was read.
fn write(file: &Path, plan: Option<&Plan>, patch: &Patch) -> anyhow::Result<()> {
    let now = settings::text_of(file).with_context(|| format!("cannot read {}", file.display()))?;
    if plan.is_none_or(|plan| plan.text() != now) {
        bail!("{} was changed since it was read: it is left as it is", file.display());
    }
    emit(Some(file), |to| to.write_all(patch.patched.text.as_bytes()))
}

/// The base to show the change to where none is known to work, with what is known of it.
fn untried<'f>(args: &RecommendArgs, found: &'f Recommendation) -> anyhow::Result<&'f Candidate> {
    let best = found.worth_a_try().context("no slimmer base is known to work: nothing is changed")?;
    let name = familiar(best.names.first().map_or("", String::as_str));
    if args.dockerfile.write {
        bail!("no slimmer base is known to work: nothing is written; --patch prints the change to {name}, to be tried");
    }
    tracing::warn!("no slimmer base is known to work; this is the change to {}: try it", name);
    let reasons = best.compatibility.iter().flat_map(|found| &found.reasons);
    for reason in reasons.filter(|reason| reason.verdict != compat::Verdict::Works) {
        let mended = best.patch.as_ref().is_some_and(|patch| patch.mends(reason));
        let mended =
            if mended { format!("; the change installs {}", reason.packages.join(", ")) } else { String::new() };
        tracing::warn!("{}: {}{}", reason.verdict.name(), reason.what, mended);
    }
    Ok(best)
}

/// The Dockerfile, with the arguments of its build.
fn plan(file: &Path, args: &RecommendArgs) -> anyhow::Result<Plan> {
    let dockerfile = settings::dockerfile(file)?;
    let mut given = Vec::new();
    for argument in &args.dockerfile.build_args {
        let Some((name, value)) = argument.split_once('=') else { bail!("--build-arg {argument:?} is no NAME=VALUE") };
        given.push((name.to_owned(), value.to_owned()));
    }
    let platform = settings::platform(&args.images)?;
    // A patch names files from where it is applied.
    let here = std::env::current_dir().unwrap_or_default();
    let named = file.strip_prefix(here).unwrap_or(file).display().to_string();
    Plan::new(&named, dockerfile.with_args(given).with_platform(&platform), args.dockerfile.target.as_deref())
        .with_context(|| file.display().to_string())
}

/// The catalogue that ships, with what the user's configuration and the command line add.
fn catalog(args: &RecommendArgs) -> anyhow::Result<Catalog> {
    let mut catalog = Catalog::shipped()?;
    let own = choose_base_strategy().ok().map(|places| places.config_dir().join("layerscope/catalog.toml"));
    for path in own.filter(|path| path.exists()).iter().chain(&args.catalog) {
        let place = path.display().to_string();
        let text = settings::text_of(path).with_context(|| format!("cannot read the catalogue {place}"))?;
        catalog.extend(Catalog::parse(&place, &text)?);
    }
    Ok(catalog)
}
