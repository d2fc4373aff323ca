//! `layerscope rebase IMAGE --onto REF -o DEST` and `layerscope optimize IMAGE -o DEST`.

use anyhow::{Context, bail};
use clap::{Args as ClapArgs, ValueEnum};

use super::args::{FormatArg, GlobalArgs, ImageArgs, VerifyArg};
use super::output::{emit, remove_when_interrupted};
use super::start::{NetworkArgs, usual};
use super::{Verdict, settings};
use crate::analyze::compat;
use crate::blob::Compression;
use crate::model::{ImageRef, LayerPath, familiar};
use crate::recommend::{Catalog, Finder, Request, Scanner, onto};
use crate::report;
use crate::report::document::{self, Rewritten};
use crate::report::escape::escape;
use crate::rewrite::{self, Allowed, DROPS, Destination, Drops, Encoding, Onto, Optimize, Output, Plan, Proof};
use crate::scan::{self, Scanned};
use crate::tree::Tree;

/// `rebase`.
#[derive(Debug, ClapArgs)]
pub(super) struct RebaseArgs {
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

/// `optimize`.
#[derive(Debug, ClapArgs)]
pub(super) struct OptimizeArgs {
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
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    images: ImageArgs,
}

/// Where the new image goes.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
struct ToArgs {
    /// Where to write it: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], docker://REF
    #[arg(long, short, value_name = "DEST", required_unless_present = "dry_run",
          value_parser = |text: &str| text.parse::<Destination>())]
    output: Option<Destination>,
    /// Print the plan, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How new layers are compressed: gzip for engines of any age; zstd for those since 2020, which unpack it faster
    #[arg(long, value_name = "HOW", default_value = "gzip")]
    compression: CompressionArg,
    /// How hard: 1 to 9 for gzip, 1 to 22 for zstd [default: 6 and 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=22))]
    level: Option<u8>,
    /// Form of the report, on standard output
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    format: FormatArg,
}

/// Which layers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SquashArg {
    App,
    All,
}

/// How layers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CompressionArg {
    Gzip,
    Zstd,
    None,
}

impl ToArgs {
    fn encoding(&self) -> anyhow::Result<Encoding> {
        let compression = match self.compression {
            CompressionArg::Gzip => Compression::Gzip,
            CompressionArg::Zstd => Compression::Zstd,
            CompressionArg::None => Compression::None,
        };
        let usual = Encoding::usual(compression);
        let level = self.level.unwrap_or(usual.level);
        if level > Encoding::most(compression) {
            bail!("--level {level} is more than {compression} has: {} at most", Encoding::most(compression));
        }
        Ok(Encoding { level, ..usual })
    }
}

/// What `optimize --help` says of names for `--drop`.
pub(super) fn drops_help() -> String {
    let names = DROPS.iter().map(|(name, what)| format!("\n  {name:<15} {what}"));
    format!("What --drop knows by name, beside globs as /app/tests or *.pyc:{}", names.collect::<String>())
}

/// Writes the same merged tree in fewer bytes.
pub(super) fn optimize(args: &OptimizeArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    may_write(&args.images, &args.to)?;
    if let (SquashArg::All, Some(_)) = (args.squash, &args.from) {
        bail!("--squash all makes the base's layers one with the others: leave --from out");
    }
    let drops = Drops::new(args.drop.iter().map(String::as_str))?;
    let names: Vec<&str> = std::iter::once(args.image.as_str()).chain(args.from.as_deref()).collect();
    let refs = settings::locate(&names, &args.images)?;
    let encoding = args.to.encoding()?;
    settings::with_scanner(&args.images, global, false, |scanner| {
        let image = scanner.read(&refs[0])?;
        let keep = match args.squash {
            SquashArg::All => 0,
            SquashArg::App => base_layers(scanner, &image, refs.get(1), !args.images.offline)?,
        };
        let how = Optimize { keep, dedupe: args.dedupe, drops, recompress: args.recompress };
        let plan = rewrite::optimize(&image, &how)?;
        if !args.drop.is_empty() && !plan.drops_anything() {
            tracing::warn!(
                "nothing of what --drop names is in the layers that become one; what the base has stays there"
            );
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
        let from = how.keep as u32;
        let is_own = |path: &LayerPath| image.tree.get(path).is_some_and(|id| image.tree.node(id).layer >= from);
        let dropped = |path: &LayerPath| how.drops.drops(path) && is_own(path);
        let allowed = Allowed { dropped: &dropped, replaced: &[], deduped: args.dedupe };
        finish(&args.to, scanner, encoding, told, &image.tree, &allowed, global)
    })
}

/// What is not verified is not written, and where no registry may be asked, none is written to.
fn may_write(images: &ImageArgs, to: &ToArgs) -> anyhow::Result<()> {
    if let (true, Some(Destination::Registry(_))) = (images.offline, &to.output) {
        bail!("--offline forbids to ask a registry: write to a layout or an archive");
    }
    if images.verify != VerifyArg::Full {
        bail!("what is written is verified: leave --verify out");
    }
    Ok(())
}

/// How many of an image's lowest layers are its base's.
fn base_layers(scanner: Scanner<'_>, image: &Scanned, told: Option<&ImageRef>, ask: bool) -> anyhow::Result<usize> {
    let catalog = Catalog::shipped()?;
    let finder = Finder { scanner, catalog: &catalog, ask };
    finder
        .base_of(image, told)?
        .layers
        .context("its base can't be told: name it with --from, or make all layers one with --squash all")
}

/// Puts the application on another base.
pub(super) fn rebase(args: &RebaseArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    may_write(&args.images, &args.to)?;
    let names: Vec<&str> = [&*args.image, &*args.onto].into_iter().chain(args.from.as_deref()).collect();
    let mut refs = settings::locate(&names, &args.images)?.into_iter();
    let (image, base) = (refs.next(), refs.next().context("no base")?);
    let encoding = args.to.encoding()?;
    let catalog = Catalog::shipped()?;
    let setting = usual(&NetworkArgs::default());
    let have = std::collections::HashSet::new();
    let request = Request {
        image,
        plan: None,
        from: refs.next(),
        candidates: Vec::new(),
        deep: 0,
        setting: &setting,
        have: &have,
    };
    settings::with_scanner(&args.images, global, false, |scanner| {
        let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline };
        let found = onto(finder, &request, &base, &report::today())?;
        let candidate = found.candidates.first().context("no base")?;
        let old_layers = found.base.layers.context("the base under it can't be told: name it with --from")?;
        let (on, known) =
            candidate.scanned.as_ref().zip(candidate.compatibility.as_ref()).context("it was not read")?;
        let to = Onto {
            base: on,
            old_layers,
            old_config: found.base.config.as_ref(),
            config: &known.config,
            name: candidate.names.first().filter(|name| is_in_registry(name)).cloned(),
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
        let name = familiar(candidate.names.first().map_or("", String::as_str)).to_owned();
        let breaks = known.verdict == compat::Verdict::Breaks;
        if !args.force && !args.to.dry_run && (breaks || !planned.refused.is_empty()) {
            emit_told(&told, &args.to, global)?;
            match planned.refused.first() {
                _ if breaks => bail!("it breaks on {}: nothing is written without --force", escape(&name)),
                first => bail!(
                    "{} files can't be merged, {} first: nothing is written without --force",
                    planned.refused.len(),
                    first.map(|(path, _)| escape(&path.display())).unwrap_or_default()
                ),
            }
        }
        let allowed = Allowed { dropped: &|_| false, replaced: &planned.merged, deduped: false };
        finish(&args.to, scanner, encoding, told, &planned.tree, &allowed, global)
    })
}

fn is_in_registry(name: &str) -> bool {
    matches!(name.parse(), Ok(ImageRef::Registry(_)))
}

/// Writes what was planned, reads it back, compares, and only then moves it to its place.
fn finish(
    args: &ToArgs,
    scanner: Scanner<'_>,
    encoding: Encoding,
    told: Rewritten<'_>,
    wanted: &Tree,
    allowed: &Allowed<'_>,
    global: &GlobalArgs,
) -> anyhow::Result<Verdict> {
    let Some(to) = args.output.as_ref().filter(|_| !args.dry_run) else {
        emit_told(&told, args, global)?;
        return Ok(Verdict::Done);
    };
    let output = Output::create(to)?;
    remove_when_interrupted(output.folder().to_owned());
    let (written, proof) = write(&output, told.plan, to, encoding, scanner, wanted, allowed)?;
    if !proof.holds() {
        bail!(
            "what was written is not what it should be, in {} names, and is not kept: {}",
            proof.different,
            proof.differences.join("; ")
        );
    }
    output.publish(told.plan, &written.image.manifest, &scanner.options.source)?;
    let told = Rewritten { written: Some((to.to_string(), written.subject(), &proof)), ..told };
    emit_told(&told, args, global)?;
    Ok(Verdict::Done)
}

fn write(
    output: &Output<'_>,
    plan: &Plan<'_>,
    to: &Destination,
    encoding: Encoding,
    scanner: Scanner<'_>,
    wanted: &Tree,
    allowed: &Allowed<'_>,
) -> anyhow::Result<(Scanned, Proof)> {
    let mut writer = output.writer()?;
    plan.write(&mut writer, to.name(), encoding, &|image| to.has(image))?;
    writer.finish()?;
    // Layers that stay were held against their digests when they were copied; all others are read.
    let options = scan::Options {
        cache: None,
        verify: crate::blob::Verify::Full,
        offline: false,
        platform: plan.config.platform(),
        ..scanner.options.clone()
    };
    let place = ImageRef::OciLayout { dir: output.folder().to_owned(), select: None };
    let written = scan::scan(&[place], &options, &|_| {})?.pop().context("no image was written")?;
    let proof = rewrite::prove(wanted, &written.tree, allowed);
    Ok((written, proof))
}

fn emit_told(told: &Rewritten<'_>, args: &ToArgs, global: &GlobalArgs) -> anyhow::Result<()> {
    let document = document::rewrite(told);
    emit(None, |to| report::write(&document, args.format.into(), settings::look(global, false), to))
}
