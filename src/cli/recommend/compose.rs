//! `layerscope recommend --compose FILE`: all services of a compose file together.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};

use super::{catalog, write};
use crate::cli::args::{GlobalArgs, RecommendArgs};
use crate::cli::output::{emit, emit_report};
use crate::cli::{Verdict, settings, start};
use crate::compose::{Build, Compose, Service, dotenv, is_remote};
use crate::dockerfile::{Dockerfile, NoteKind};
use crate::model::{ImageRef, Platform};
use crate::recommend::{Command, Finder, Patch, Plan, Terms, Together, Wanted, together};
use crate::report::{self, document};

/// How many services are looked at: each may cost a hundred requests.
const MOST_SERVICES: usize = 64;

/// Looks at the images of all services, alone and together, and reports.
pub(super) fn run(file: &Path, args: &RecommendArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let catalog = catalog(args)?;
    let environment = environment(file)?;
    let compose = Compose::load(file, &environment, &|other| read(other, other != file))?;
    let profiles = profiles(args, &environment);
    let services: Vec<(&str, &Service)> = compose.with_profiles(&profiles).collect();
    let left_out = compose.services.keys().filter(|name| !services.iter().any(|(chosen, _)| chosen == name)).cloned();
    let left_out: Vec<String> = left_out.collect();
    if services.is_empty() {
        bail!("all services belong to profiles ({}): choose some with --compose-profile", left_out.join(", "));
    }
    if services.len() > MOST_SERVICES {
        bail!("{} has {} services: at most {MOST_SERVICES} are looked at together", file.display(), services.len());
    }
    let wanted = wanted(&services, &settings::platform(&args.images)?);
    let names: Vec<&str> = args.candidates.iter().map(String::as_str).collect();
    let terms = Terms {
        candidates: settings::locate(&names, &args.images)?,
        deep: args.deep,
        setting: &start::usual(&args.network),
        have: &settings::layers_of(&args.have, &args.images)?,
    };
    let found = settings::with_scanner(&args.images, global, false, |scanner| {
        let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline, remember: true };
        Ok(together(finder, &wanted, &terms, &report::today()))
    })?;
    if found.images.is_empty() {
        let told = found.missing.iter().map(|one| format!("{}: {}", one.name, one.reason)).collect::<Vec<_>>();
        bail!("no service's image could be had: {}", told.join("; "));
    }
    if args.dockerfile.patch || args.dockerfile.write {
        return change(args, &found);
    }
    emit_report(
        &document::compose(&file.display().to_string(), &found, left_out, terms.setting),
        &args.report,
        global,
    )?;
    Ok(Verdict::Done)
}

/// Prints the change of every Dockerfile, or writes it. What a person has to look at goes to standard error.
fn change(args: &RecommendArgs, found: &Together<'_>) -> anyhow::Result<Verdict> {
    let mut changes: BTreeMap<&str, (&Plan, &Patch)> = BTreeMap::new();
    for (image, candidate) in found.moves(found.advised()) {
        let name = image.wanted.services.join(", ");
        let planned = image.wanted.plan.as_ref().zip(candidate.and_then(|candidate| candidate.patch.as_ref()));
        let Some((plan, patch)) = planned.filter(|(_, patch)| !patch.diff.is_empty()) else { continue };
        let Some(path) = plan.path() else {
            tracing::warn!("{}: its Dockerfile is written in the compose file, which is not changed", name);
            continue;
        };
        if changes.get(path).is_some_and(|(_, known)| known.diff != patch.diff) {
            tracing::warn!("{}: {} is changed for another service first: run this again then", name, path);
            continue;
        }
        for note in patch.patched.notes.iter().filter(|note| note.kind == NoteKind::Look) {
            tracing::warn!("{}: line {}: {}", path, note.line, note.what);
        }
        changes.insert(path, (plan, patch));
    }
    if changes.is_empty() {
        bail!("no Dockerfile of a service has a slimmer base that is known to work: nothing is changed");
    }
    if args.dockerfile.write {
        changes.iter().try_for_each(|(path, (plan, patch))| write(Path::new(path), Some(plan), patch))?;
    } else {
        let text: String = changes.values().map(|(_, patch)| patch.diff.as_str()).collect();
        emit(args.report.output.output.as_deref(), |to| to.write_all(text.as_bytes()))?;
    }
    Ok(Verdict::Done)
}

/// What variables stand for: the process's, and below them those of `.env` beside the file.
fn environment(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let beside = file.with_file_name(".env");
    let text = if beside.is_file() { read(&beside, true) } else { Ok(String::new()) };
    let text = text.map_err(anyhow::Error::msg).with_context(|| beside.display().to_string())?;
    let mut variables = dotenv(&text);
    let own =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.extend(own);
    Ok(variables)
}

/// The profiles that are chosen: as told, else `$COMPOSE_PROFILES`.
fn profiles(args: &RecommendArgs, environment: &BTreeMap<String, String>) -> Vec<String> {
    let told = &args.compose.profiles;
    let usual = environment.get("COMPOSE_PROFILES").filter(|_| told.is_empty()).into_iter();
    let usual = usual.flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty());
    told.iter().cloned().chain(usual.map(str::to_owned)).collect()
}

/// The images of the services, those that are the same once, however they are written.
fn wanted(services: &[(&str, &Service)], platform: &Platform) -> Vec<Wanted> {
    let mut known: Vec<(Wanted, &Option<Build>)> = Vec::new();
    for (name, service) in services {
        let new = image_of(name, service, platform);
        let same = |(other, build): &&mut (Wanted, &Option<Build>)| {
            (&other.image, &other.platform, &other.notes, *build)
                == (&new.image, &new.platform, &new.notes, &service.build)
        };
        match known.iter_mut().find(same) {
            Some((other, _)) => {
                other.services.extend(new.services);
                let more = new.commands.into_iter().filter(|command| !other.commands.contains(command));
                other.commands.extend(more.collect::<Vec<_>>());
            }
            None => known.push((new, &service.build)),
        }
    }
    known.into_iter().map(|(wanted, _)| wanted).collect()
}

/// What a service runs, as far as files tell.
fn image_of(name: &str, service: &Service, usual: &Platform) -> Wanted {
    let mut notes = Vec::new();
    let mut noted = |what: &str, error: String| notes.push(format!("{what}: {error}"));
    let platform = service.platform.as_deref().map_or_else(|| Ok(usual.clone()), str::parse::<Platform>);
    let Ok(platform) = platform.map_err(|error| noted("platform", error.to_string())) else {
        let (services, platform) = (vec![name.into()], usual.clone());
        return Wanted { services, image: None, plan: None, commands: Vec::new(), platform, notes };
    };
    let image =
        service.image.as_deref().and_then(|image| image_named(image).map_err(|error| noted("image", error)).ok());
    let plan =
        service.build.as_ref().and_then(|build| plan(build, &platform).map_err(|error| noted("build", error)).ok());
    if service.image.is_none() && service.build.is_none() {
        notes.push("it has neither image: nor build:".into());
    }
    let commands = vec![Command { entrypoint: service.entrypoint.clone(), cmd: service.command.clone() }];
    Wanted { services: vec![name.into()], image, plan, commands, platform, notes }
}

/// An image of a registry, or one of the other kinds that have a name; standard input is none.
fn image_named(text: &str) -> Result<ImageRef, String> {
    match text.parse() {
        Ok(ImageRef::Stdin) => Err("- is no image of a service".into()),
        // A pipe or a device, which the compose file of others may name, never ends.
        Ok(ImageRef::Archive { file, .. }) if file.exists() && !file.is_file() => {
            Err(format!("{} is no regular file", file.display()))
        }
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

/// How a service is built.
fn plan(build: &Build, platform: &Platform) -> Result<Plan, String> {
    let context = build.context.as_deref().unwrap_or(".");
    let path = (build.dockerfile_inline.is_none()).then(|| {
        let path = Path::new(context).join(build.dockerfile.as_deref().unwrap_or("Dockerfile"));
        tidy(&path)
    });
    let text = match (&build.dockerfile_inline, &path) {
        (Some(text), _) => text.clone(),
        (None, _) if is_remote(context) => return Err(format!("{context} is not here: it is fetched by the builder")),
        (None, Some(path)) => read(path, true).map_err(|error| format!("{}: {error}", path.display()))?,
        (None, None) => return Err("there is no Dockerfile".into()),
    };
    let shown = path.map(|path| path.display().to_string());
    let in_file =
        |error: &dyn std::fmt::Display| format!("{}: {error}", shown.as_deref().unwrap_or("dockerfile_inline"));
    let dockerfile = Dockerfile::parse(&text).map_err(|error| in_file(&error))?;
    let dockerfile = dockerfile.with_args(build.args.clone()).with_platform(platform);
    Plan::new(shown.as_deref().unwrap_or_default(), dockerfile, build.target.as_deref())
        .map_err(|error| in_file(&error))
}

/// The same file without a way down and up again, as patches need it.
fn tidy(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match (part, short.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(short.pop()),
            (Component::CurDir, _) => {}
            _ => short.push(part),
        }
    }
    // Where the way goes over a link, it is another file.
    let same = short.canonicalize().ok() == path.canonicalize().ok();
    if same { short } else { path.to_owned() }
}

/// A file's text, if it is not too long. What another file names must be a plain file: a pipe would never end.
fn read(path: &Path, plain: bool) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    if plain && !path.metadata().map_err(failed)?.is_file() {
        return Err("this is no file".into());
    }
    settings::text_of(path).map_err(failed)
}
