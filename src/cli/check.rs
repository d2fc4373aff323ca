//! `layerscope check IMAGE`.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{CheckArgs, CheckFormatArg, GlobalArgs, ReportTo};
use super::output::{emit, is_special};
use super::{Verdict, settings};
use crate::analyze::{Base, Subject, area};
use crate::budget::{self, Baseline, Budget, BudgetError, Facts, Origin};
use crate::dockerfile::Dockerfile;
use crate::model::ImageRef;
use crate::recommend::{Catalog, Finder, RecommendError, Scanner};
use crate::report::document::{self, Checked, Top};
use crate::report::{self, CheckFormat};
use crate::scan::Scanned;

/// Budgets that are looked for, in this order.
const USUAL: [&str; 2] = ["layerscope.toml", ".dive-ci"];
/// A baseline's document longer than this is none, in bytes.
const LONGEST: u64 = 1 << 30;
/// Rows of what grew, but in JSON.
const ROWS: usize = 10;
/// GitHub's file for a job's summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Holds the image to its budget, and reports in every form that is asked for.
pub(super) fn run(args: &CheckArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    if args.init {
        return init(args, global);
    }
    apart(args)?;
    let budget = read_budget(args.config.as_deref().filter(|path| !path.as_os_str().is_empty()))?;
    let dockerfile = args.dockerfile.as_deref().filter(|path| !path.as_os_str().is_empty());
    let dockerfile = dockerfile.map(|path| read_dockerfile(path, args)).transpose()?;
    let told = args.baseline.as_deref().filter(|name| !name.is_empty()).or(budget.baseline.as_deref());
    let document = told.map(read_document).transpose()?.flatten();
    let names: Vec<&str> = std::iter::once(args.image.as_str())
        .chain(told.filter(|_| document.is_none()))
        .chain(args.from.as_deref())
        .collect();
    let mut refs = settings::locate(&names, &args.images)?;
    let from = args.from.as_ref().and_then(|_| refs.pop());
    let sha256 = document.as_ref().is_some_and(Baseline::is_by_sha256);
    settings::with_scanner(&args.images, global, sha256, |scanner| {
        let mut scanned = scanner.scan(&refs)?.into_iter();
        let image = scanned.next().context("no image")?;
        let before = scanned.next();
        let bases = Bases::find(scanner, &budget, &image, before.as_ref(), from.as_ref(), !args.images.offline)?;
        let baseline = match (document, &before) {
            (Some(document), _) => Some(document),
            (None, Some(before)) => Some(Baseline::of_image(before.subject(), bases.before.as_ref())),
            (None, None) => None,
        };
        let facts = Facts {
            subject: image.subject(),
            base: bases.image.as_ref(),
            current: bases.current,
            baseline: baseline.as_ref(),
        };
        let judged = budget::check(&budget, &facts);
        let origin = dockerfile
            .as_ref()
            .map(|(name, dockerfile, stage)| (name.as_str(), Origin::of(dockerfile, *stage, &image.image)));
        let checked = Checked {
            subject: facts.subject,
            budget: &budget,
            judged: &judged,
            base: facts.base,
            origin: origin.as_ref().map(|(name, origin)| (*name, origin)),
        };
        emit_all(&checked, args, global)?;
        let failed = judged.outcomes.iter().any(budget::Outcome::fails);
        Ok(if failed { Verdict::GateFailed } else { Verdict::Done })
    })
}

/// Of two reports in one file, only the last would be left.
fn apart(args: &CheckArgs) -> anyhow::Result<()> {
    let mut taken = HashSet::new();
    let reports = args.reports.iter().filter_map(|report| report.file.as_deref());
    for file in args.output.output.as_deref().into_iter().chain(reports) {
        if file != Path::new("-") && !is_special(file) && !taken.insert(place_of(file)) {
            bail!("two reports go to {}: give each a file of its own", file.display());
        }
    }
    Ok(())
}

/// A file that may not be there yet, by a name that no other file has.
fn place_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || Some(folder.canonicalize().ok()?.join(file.file_name()?));
    file.canonicalize().ok().or_else(beside).unwrap_or_else(|| file.to_owned())
}

/// The main form where it goes, then those of `--report`.
fn emit_all(checked: &Checked<'_>, args: &CheckArgs, global: &GlobalArgs) -> anyhow::Result<()> {
    let main = ReportTo { format: args.format, file: args.output.output.clone() };
    for ReportTo { format, file } in std::iter::once(&main).chain(&args.reports) {
        let top = if *format == CheckFormatArg::Json { Top(None) } else { Top(Some(ROWS)) };
        let mut document = document::check(checked, top);
        let Subject { image, tree } = checked.subject;
        document.map = (*format == CheckFormatArg::Html).then(|| (image.layers.len() as u64, area(tree)));
        let look = settings::look(global, file.is_some());
        emit(file.as_deref(), |to| report::write_check(&document, (*format).into(), look, to))?;
        if *format == CheckFormatArg::Github {
            summarize(&document, look)?;
        }
    }
    Ok(())
}

/// Adds to the summary of a GitHub job, where there is one.
fn summarize(document: &document::CheckDocument, look: report::Look) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os(SUMMARY).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let mut text = Vec::new();
    report::write_check(document, CheckFormat::Markdown, look, &mut text)?;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(&text));
    written.with_context(|| format!("cannot write the job's summary to {}", path.display()))
}

/// The bases that a budget asks about.
struct Bases {
    image: Option<Base>,
    before: Option<Base>,
    /// Whether the image's base is still what its tag leads to.
    current: Option<Result<bool, String>>,
}

impl Bases {
    fn find(
        scanner: Scanner<'_>,
        budget: &Budget,
        image: &Scanned,
        before: Option<&Scanned>,
        from: Option<&ImageRef>,
        ask: bool,
    ) -> anyhow::Result<Self> {
        if !budget.needs_base() {
            return Ok(Self { image: None, before: None, current: None });
        }
        let catalog = Catalog::shipped()?;
        // A gate has one verdict, whatever was looked at before; offline there is nothing else to go by.
        let finder = Finder { scanner, catalog: &catalog, ask, remember: !ask };
        // A tag that moved on is what such a rule is to find.
        let (base, moved) = match finder.base_of(image, from) {
            Err(RecommendError::NotUnder { .. }) if budget.needs_current_base() => (finder.base_of(image, None)?, true),
            found => (found?, false),
        };
        let is_current = || if moved { Ok(false) } else { finder.is_current(image, &base) };
        let current = budget.needs_current_base().then(is_current);
        // The baseline may stand on another base.
        let before = before.map(|before| finder.base_of(before, from).or_else(|_| finder.base_of(before, None)));
        let before = before.transpose()?;
        Ok(Self { image: Some(base), before, current })
    }
}

/// The budget of a file; of the usual one, where none is named.
fn read_budget(told: Option<&Path>) -> anyhow::Result<Budget> {
    let usual = || USUAL.iter().map(Path::new).find(|path| path.exists());
    let Some(path) = told.or_else(usual) else {
        bail!("there is no {} here: name a budget with --config, or make one with --init", USUAL.join(" and no "));
    };
    let place = path.display().to_string();
    let text = settings::text_of(path).with_context(|| format!("cannot read the budget {place}"))?;
    let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let is_dive = is_yaml || path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".dive-ci"));
    Ok(if is_dive { Budget::parse_dive(&place, &text)? } else { Budget::parse(&place, &text)? })
}

/// The baseline, if it is a file that `inspect` wrote; `None` for the name of an image.
fn read_document(name: &str) -> anyhow::Result<Option<Baseline<'static>>> {
    let path = Path::new(name);
    let ends_as_one = name.ends_with(".json") && !name.contains(':');
    if ends_as_one && !path.exists() {
        bail!("there is no baseline {name}: write one with `layerscope inspect IMAGE --format json -o {name}`");
    }
    if !path.is_file() && !ends_as_one {
        return Ok(None);
    }
    let unreadable = || format!("cannot read the baseline {name}");
    let mut file = std::fs::File::open(path).with_context(unreadable)?;
    let mut start = [0; 1];
    let is_json = std::io::Read::read(&mut file, &mut start).with_context(unreadable)? == 1 && start == *b"{";
    if !is_json && ends_as_one {
        return Err(BudgetError::Baseline { place: name.into(), reason: "it is no JSON object".into() }.into());
    }
    if !is_json {
        return Ok(None);
    }
    let mut bytes = start.to_vec();
    let mut rest = std::io::Read::take(file, LONGEST);
    std::io::Read::read_to_end(&mut rest, &mut bytes).with_context(unreadable)?;
    Ok(Some(Baseline::of_document(name, &bytes)?))
}

/// The Dockerfile, its name, and the stage that is built.
fn read_dockerfile(path: &Path, args: &CheckArgs) -> anyhow::Result<(String, Dockerfile, usize)> {
    let place = path.display().to_string();
    let dockerfile = settings::dockerfile(path)?;
    let stage = dockerfile.target(args.target.as_deref()).with_context(|| place.clone())?.index;
    Ok((place, dockerfile, stage))
}

/// Writes a first budget: to `-o`, or to where it is looked for. What is there stays.
fn init(args: &CheckArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let config = args.config.clone().unwrap_or_else(|| USUAL[0].into());
    let path = args.output.output.clone().unwrap_or(config);
    if path != Path::new("-") && path.exists() {
        bail!("{} is there already: remove it, or name another file with -o", path.display());
    }
    let scanned = settings::scan(&[&args.image], &args.images, global, false)?;
    let text = budget::init(scanned.first().context("no image")?.subject());
    emit(Some(&path), |to| to.write_all(text.as_bytes()))?;
    Ok(Verdict::Done)
}

impl From<CheckFormatArg> for CheckFormat {
    fn from(format: CheckFormatArg) -> Self {
        match format {
            CheckFormatArg::Table => Self::Table,
            CheckFormatArg::Json => Self::Json,
            CheckFormatArg::Markdown => Self::Markdown,
            CheckFormatArg::Junit => Self::Junit,
            CheckFormatArg::Sarif => Self::Sarif,
            CheckFormatArg::Github => Self::Github,
            CheckFormatArg::Gitlab => Self::Gitlab,
            CheckFormatArg::Html => Self::Html,
        }
    }
}
