//! What the arguments mean, with the environment and standard input taken into account.

use std::collections::HashSet;
use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use etcetera::{BaseStrategy, choose_base_strategy};

use super::args::{FormatArg, GlobalArgs, ImageArgs, ListFormatArg, ReportArgs, VerifyArg, When};
use super::progress::Progress;
use crate::blob::Verify;
use crate::dockerfile::{self, Dockerfile};
use crate::index::Cache;
use crate::index::toc::Needs;
use crate::model::{Digest, ImageRef, Manifest, Platform, PlatformError};
use crate::recommend::Scanner;
use crate::report::document::Top;
use crate::report::{Format, Look};
use crate::scan::{self, ScanEvent, Scanned};
use crate::source::{self, Credentials};

/// Rows of a list in a table, unless told.
const ROWS: usize = 10;
/// … where they can be filtered.
const ROWS_TO_FILTER: usize = 200;
/// The longest text that is read of what people write, in bytes: Dockerfiles and compose files may have as many.
const LONGEST_TEXT: u64 = dockerfile::LONGEST as u64;
/// A password longer than this is none, in bytes.
const LONGEST_PASSWORD: u64 = 64 << 10;

/// Finds and reads images together. `sha256` says whether each file's SHA-256 is wanted.
pub(super) fn scan(
    names: &[&str],
    args: &ImageArgs,
    global: &GlobalArgs,
    sha256: bool,
) -> anyhow::Result<Vec<Scanned>> {
    scan_of(Needs::Everything, names, args, global, sha256)
}

/// … and reads no more of them than is needed.
pub(super) fn scan_of(
    needs: Needs,
    names: &[&str],
    args: &ImageArgs,
    global: &GlobalArgs,
    sha256: bool,
) -> anyhow::Result<Vec<Scanned>> {
    let refs = locate(names, args)?;
    with_scanner_of(needs, args, global, sha256, |scanner| Ok(scanner.scan(&refs)?))
}

/// What names mean. All that a run is given go through here together: standard input can be read once.
pub(super) fn locate(names: &[&str], args: &ImageArgs) -> anyhow::Result<Vec<ImageRef>> {
    let refs = names.iter().map(|name| source::locate(name)).collect::<Result<Vec<_>, _>>()?;
    let from_stdin = refs.iter().filter(|reference| matches!(reference, ImageRef::Stdin)).count();
    if from_stdin + usize::from(args.password_stdin) > 1 {
        bail!("standard input can be read once: as one image, or as the password");
    }
    Ok(refs)
}

/// Calls `work` with what reads images, and shows what it is at.
pub(super) fn with_scanner<T>(
    args: &ImageArgs,
    global: &GlobalArgs,
    sha256: bool,
    work: impl FnOnce(Scanner<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_scanner_of(Needs::Everything, args, global, sha256, work)
}

/// … and reads no more of them than is needed.
pub(super) fn with_scanner_of<T>(
    needs: Needs,
    args: &ImageArgs,
    global: &GlobalArgs,
    sha256: bool,
    work: impl FnOnce(Scanner<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let options = scan::Options { needs, ..options(args, sha256)? };
    let progress = Progress::new(global);
    let wanted = args.platform.as_ref().map(|_| &options.platform);
    let on_event = |event: ScanEvent<'_>| {
        if let (ScanEvent::Resolved { manifest, .. }, Some(wanted)) = (&event, wanted) {
            warn_of_another(wanted, manifest);
        }
        progress.on(&event);
    };
    let done = work(Scanner { options: &options, on_event: &on_event });
    progress.end();
    done
}

/// Finds images together, and reads no layer of them.
pub(super) fn resolve(names: &[&str], args: &ImageArgs) -> anyhow::Result<Vec<Manifest>> {
    let refs = locate(names, args)?;
    Ok(scan::documents(&refs, &options(args, false)?).into_iter().collect::<Result<_, _>>()?)
}

/// The blobs of images' layers, which are on a host that has these images.
pub(super) fn layers_of(names: &[String], args: &ImageArgs) -> anyhow::Result<HashSet<Digest>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let manifests = resolve(&names, args).context("--have")?;
    Ok(manifests.iter().flat_map(|manifest| manifest.layers.iter().map(|layer| layer.digest)).collect())
}

/// A name that leads to one image alone gives that image, whatever it runs on.
fn warn_of_another(wanted: &Platform, manifest: &Manifest) {
    let own = manifest.config.platform();
    if own.serves(wanted).is_none() {
        tracing::warn!("{} is one image alone, for {own}: it is taken in place of {wanted}", manifest.reference);
    }
}

/// The text of a file that people write, if it is not too long: a checkout may have a link to what never ends.
pub(super) fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST_TEXT + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST_TEXT {
        true => Err(std::io::Error::other(format!("it has more than {LONGEST_TEXT} bytes"))),
        false => Ok(text),
    }
}

/// A Dockerfile that was named.
pub(super) fn dockerfile(path: &Path) -> anyhow::Result<Dockerfile> {
    let text = text_of(path).with_context(|| format!("cannot read {}", path.display()))?;
    Dockerfile::parse(&text).with_context(|| path.display().to_string())
}

/// The platform that is wanted.
pub(super) fn platform(args: &ImageArgs) -> Result<Platform, PlatformError> {
    args.platform.as_deref().map_or_else(|| Ok(Platform::host()), str::parse)
}

fn options(args: &ImageArgs, sha256: bool) -> anyhow::Result<scan::Options> {
    let platform = platform(args)?;
    let verify = match args.verify {
        None | Some(VerifyArg::Full) => Verify::Full,
        Some(VerifyArg::Blob) => Verify::Blob,
        Some(VerifyArg::None) => Verify::None,
    };
    // Who says what is to be checked of layers wants them to be read.
    let ranges = args.verify.is_none();
    let place = cache_dir(args.cache_dir.as_deref()).ok();
    let cache = place.filter(|_| !args.no_cache).map(|dir| Cache::new(&dir));
    let source = source::Options { credentials: credentials(args)?, ..source::Options::default() };
    let (needs, held) = Default::default();
    Ok(scan::Options { platform, verify, needs, ranges, cache, offline: args.offline, sha256, source, held })
}

fn credentials(args: &ImageArgs) -> anyhow::Result<Option<Credentials>> {
    let Some(username) = args.username.clone().filter(|_| args.password_stdin) else { return Ok(None) };
    let mut password = String::new();
    let mut stdin = std::io::Read::take(std::io::stdin().lock(), LONGEST_PASSWORD);
    stdin.read_line(&mut password).context("cannot read the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        bail!("standard input holds no password");
    }
    Ok(Some(Credentials { username, password }))
}

/// The cache's folder: as told, else `$LAYERSCOPE_CACHE_DIR`, else the user's own.
pub(super) fn cache_dir(told: Option<&Path>) -> anyhow::Result<PathBuf> {
    let variable = std::env::var_os("LAYERSCOPE_CACHE_DIR").map(PathBuf::from);
    let told = told.map(PathBuf::from).or(variable);
    if let Some(dir) = told.filter(|dir| !dir.as_os_str().is_empty()) {
        return Ok(dir);
    }
    let places = choose_base_strategy().context("no home folder: say where the cache is with LAYERSCOPE_CACHE_DIR")?;
    Ok(places.cache_dir().join("layerscope"))
}

impl ReportArgs {
    /// The form of the report.
    pub(super) fn format(&self) -> Format {
        self.format.into()
    }

    /// Whether that form has pictures.
    pub(super) fn has_pictures(&self) -> bool {
        self.format == FormatArg::Html
    }

    /// How long its lists get.
    pub(super) fn top(&self) -> Top {
        let usual = match self.format {
            FormatArg::Json => None,
            FormatArg::Html => Some(ROWS_TO_FILTER),
            FormatArg::Table | FormatArg::Markdown => Some(ROWS),
        };
        Top(if self.all { None } else { self.top.or(usual) })
    }

    /// How a table looks, in a file or on standard output.
    pub(super) fn look(&self, global: &GlobalArgs) -> Look {
        look(global, self.output.output.is_some())
    }
}

/// How a table looks, in a file or on standard output.
pub(super) fn look(global: &GlobalArgs, to_file: bool) -> Look {
    let color = match global.color {
        When::Auto if to_file => false,
        when => use_color(when, &std::io::stdout()),
    };
    Look::new(color, std::env::var("COLUMNS").ok().as_deref())
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Json => Self::Json,
            FormatArg::Markdown => Self::Markdown,
            FormatArg::Html => Self::Html,
        }
    }
}

impl From<ListFormatArg> for Format {
    fn from(format: ListFormatArg) -> Self {
        match format {
            ListFormatArg::Table => Self::Table,
            ListFormatArg::Json => Self::Json,
            ListFormatArg::Jsonl => Self::Jsonl,
            ListFormatArg::Markdown => Self::Markdown,
        }
    }
}

/// Whether to use colours: as told, else on a terminal that knows them, where `NO_COLOR` is not set (no-color.org).
pub(super) fn use_color(when: When, stream: &impl IsTerminal) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let has = |name, value: &str| std::env::var_os(name).is_some_and(|set| set == value);
            let wanted = std::env::var_os("NO_COLOR").is_none() || has("NO_COLOR", "");
            wanted && !has("TERM", "dumb") && stream.is_terminal()
        }
    }
}
