//! `layerscope rebase` and `layerscope optimize`: what they have in common. An image is planned, written, read back and
//! compared, for each platform that it is made for; then all of it is moved to its place.

mod optimize;
mod rebase;

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use clap::{Args as ClapArgs, ValueEnum};

use super::args::{FormatArg, GlobalArgs, ImageArgs, VerifyArg};
use super::output::{emit, removed_when_interrupted};
use super::{Verdict, settings};
use crate::blob::{Compression, Verify};
use crate::model::{Descriptor, ImageRef, Platform};
use crate::recommend::Scanner;
use crate::report;
use crate::report::document::{self, RewriteDocument, Rewritten};
use crate::rewrite::{self, Allowed, Destination, Encoding, LayoutWriter, Output, Plan};
use crate::scan::{self, Scanned};
use crate::source::{FULL_NAME, ImageIndex};
use crate::tree::Tree;

pub(super) use optimize::{OptimizeArgs, drops_help, optimize};
pub(super) use rebase::{RebaseArgs, rebase};

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

/// What is not verified is not written, and where no registry may be asked, none is written to.
fn may_write(images: &ImageArgs, to: &ToArgs) -> anyhow::Result<()> {
    if let (true, Some(Destination::Registry(_))) = (images.offline, &to.output) {
        bail!("--offline forbids to ask a registry: write to a layout or an archive");
    }
    if images.verify.is_some_and(|verify| verify != VerifyArg::Full) {
        bail!("what is written is verified: leave --verify out");
    }
    Ok(())
}

/// One platform's image, planned.
struct Planned<'p> {
    told: Rewritten<'p>,
    /// The merged tree that it is to have, and what may differ.
    wanted: &'p Tree,
    allowed: Allowed<'p>,
    /// Why it is not to be written.
    refusal: Option<String>,
}

/// Works on the image for each platform; then moves all to its place, and tells of it.
fn each(
    image: &ImageRef,
    to: &ToArgs,
    images: &ImageArgs,
    global: &GlobalArgs,
    work: impl Fn(Scanner<'_>, &ImageRef, &mut Writing<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Verdict> {
    may_write(images, to)?;
    let mut writing = Writing::new(to)?;
    settings::with_scanner(images, global, false, |scanner| {
        let index = index_of(image, to, images, scanner)?;
        for platform in platforms(image, index.as_ref(), scanner)? {
            let options = scan::Options { platform: platform.platform, ..scanner.options.clone() };
            writing.child = platform.child;
            work(Scanner { options: &options, on_event: scanner.on_event }, &platform.image, &mut writing)?;
            if writing.refusal.is_some() && !to.dry_run {
                // What was written of others goes nowhere: there is nothing to tell of it.
                writing.documents.drain(..writing.documents.len() - 1);
                break;
            }
        }
        if writing.refusal.is_none() {
            writing.publish(index, scanner)?;
        }
        writing.tell(global)
    })?;
    match writing.refusal {
        Some(refusal) => bail!("{refusal}: nothing is written without --force"),
        None => Ok(Verdict::Done),
    }
}

/// The index whose images are all taken: of several, and none was chosen.
fn index_of(
    image: &ImageRef,
    to: &ToArgs,
    images: &ImageArgs,
    scanner: Scanner<'_>,
) -> anyhow::Result<Option<ImageIndex>> {
    let whole = images.platform.is_none() && to.output.as_ref().is_none_or(Destination::takes_indexes);
    let index = if whole { scan::index(image, scanner.options)? } else { None };
    Ok(index.filter(|index| index.images.len() > 1))
}

/// An image for one platform.
struct ForOne {
    image: ImageRef,
    platform: Platform,
    /// What its index says of it.
    child: Option<Descriptor>,
}

fn platforms(image: &ImageRef, index: Option<&ImageIndex>, scanner: Scanner<'_>) -> anyhow::Result<Vec<ForOne>> {
    let Some(index) = index else {
        return Ok(vec![ForOne { image: image.clone(), platform: scanner.options.platform.clone(), child: None }]);
    };
    if index.attested > 0 {
        tracing::info!("what its builder attests is of other bytes than the new image's, and left out");
    }
    let (others, images): (Vec<_>, Vec<_>) = index
        .images
        .iter()
        .partition(|child| child.platform.as_ref().is_some_and(|own| !matches!(&*own.os, "linux" | "")));
    for other in others {
        let platform = other.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::warn!("the image for {platform} is left out: its layers are no Linux file systems");
    }
    let one = |child: &Descriptor| {
        let image = image.pinned(&child.digest).context("its images can't be told apart")?;
        let told = child.platform.clone().filter(|own| !own.os.is_empty());
        let platform = told.map_or_else(|| platform_of(&image, scanner), Ok)?;
        Ok(ForOne { image, platform, child: Some(child.clone()) })
    };
    images.into_iter().map(one).collect()
}

/// What an image is made for of which its index does not tell.
fn platform_of(image: &ImageRef, scanner: Scanner<'_>) -> anyhow::Result<Platform> {
    let mut documents = scan::documents(std::slice::from_ref(image), scanner.options);
    Ok(documents.pop().context("it has no documents")??.config.platform())
}

/// Images on their way to their place.
struct Writing<'d> {
    to: &'d ToArgs,
    encoding: Encoding,
    output: Option<(Output<'d>, LayoutWriter)>,
    /// What the index says of the image in hand.
    child: Option<Descriptor>,
    /// The manifests that were written.
    images: Vec<Descriptor>,
    /// … and what is said in them.
    annotations: Vec<BTreeMap<String, String>>,
    /// What is told of each image.
    documents: Vec<RewriteDocument>,
    /// The index that was written.
    index: Option<Descriptor>,
    /// Why the image in hand, and with it all, is not to be written.
    refusal: Option<String>,
}

impl<'d> Writing<'d> {
    fn new(to: &'d ToArgs) -> anyhow::Result<Self> {
        Ok(Self {
            to,
            encoding: to.encoding()?,
            output: None,
            child: None,
            images: Vec::new(),
            annotations: Vec::new(),
            documents: Vec::new(),
            index: None,
            refusal: None,
        })
    }

    /// Writes what was planned where nobody looks for it, reads it back, compares, and only then sends anything.
    fn add(&mut self, scanner: Scanner<'_>, planned: Planned<'_>) -> anyhow::Result<()> {
        let Planned { told, wanted, allowed, refusal } = planned;
        let to = self.to.output.as_ref().filter(|_| !self.to.dry_run && refusal.is_none());
        self.refusal = self.refusal.take().or(refusal);
        let Some(to) = to else {
            self.documents.push(document::rewrite(&told));
            return Ok(());
        };
        let (output, writer) = match &mut self.output {
            Some(open) => open,
            None => {
                let output = removed_when_interrupted(|| Output::create(to), |output| output.folder().to_owned())?;
                let writer = output.writer()?;
                self.output.insert((output, writer))
            }
        };
        if to.takes_indexes() && loses_its_check(&told) {
            tracing::warn!("it is written as an OCI image: Docker heeds its HEALTHCHECK there, and podman does not");
        }
        let image = told.plan.write(writer, self.encoding, &|image| to.has(image))?;
        writer.finish()?;
        let written = read_back(output, &image, told.plan, scanner)?;
        let proof = rewrite::prove(wanted, &written.tree, &allowed);
        if !proof.holds() {
            bail!(
                "what was written is not what it should be, in {} names, and is not kept: {}",
                proof.different,
                proof.differences.join("; ")
            );
        }
        output.send(told.plan, &written.image.manifest, &scanner.options.source)?;
        self.images.push(match &self.child {
            Some(child) => rewrite::listed(image, child, &told.image.image.manifest, told.plan),
            None => image,
        });
        self.annotations.push(told.plan.annotations.clone());
        let told = Rewritten { written: Some((to.to_string(), written.subject(), &proof)), ..told };
        self.documents.push(document::rewrite(&told));
        Ok(())
    }

    /// Moves all that was written to its place.
    fn publish(&mut self, index: Option<ImageIndex>, scanner: Scanner<'_>) -> anyhow::Result<()> {
        let Some((output, mut writer)) = self.output.take() else { return Ok(()) };
        let options = &scanner.options.source;
        let on_another = self.documents.iter().any(|it| it.onto.is_some());
        let annotations = |index| rewrite::of_all(index, &self.annotations, on_another);
        self.index = index.map(|index| writer.index(&self.images, &annotations(index))).transpose()?;
        let listed: &[Descriptor] = if self.index.is_some() { &self.images } else { &[] };
        let root = self.index.as_ref().or(self.images.first()).context("no image was written")?;
        let to = self.to.output.as_ref();
        let full_name = to.and_then(Destination::full_name).map(|name| (FULL_NAME.to_owned(), name));
        let mut named = root.clone();
        named.annotations.extend(full_name);
        writer.list(named, to.and_then(Destination::name));
        writer.finish()?;
        Ok(output.publish(root, listed, options)?)
    }

    /// Tells of the image; or of all, where they are several.
    fn tell(&self, global: &GlobalArgs) -> anyhow::Result<()> {
        let (format, look) = (self.to.format.into(), settings::look(global, false));
        match &self.documents[..] {
            [only] if self.index.is_none() => emit(None, |to| report::write(only, format, look, to)),
            all => {
                let document = document::rewrite_index(all, self.index.as_ref());
                emit(None, |to| report::write(&document, format, look, to))
            }
        }
    }
}

/// Whether podman heeds its health check as it is, of Docker's type, and as an OCI image no longer.
fn loses_its_check(told: &Rewritten<'_>) -> bool {
    let check = told.plan.config.config.healthcheck.as_ref();
    let is_checked = check.is_some_and(|check| check.test.first().is_some_and(|first| first != "NONE"));
    is_checked && told.image.image.manifest.media_type.starts_with("application/vnd.docker.")
}

/// An image out of the folder that nobody looks for. Layers that stay were held against their digests when they were copied;
/// all others are read.
fn read_back(
    output: &Output<'_>,
    image: &Descriptor,
    plan: &Plan<'_>,
    scanner: Scanner<'_>,
) -> anyhow::Result<Scanned> {
    let options = scan::Options {
        cache: None,
        verify: Verify::Full,
        offline: false,
        platform: plan.config.platform(),
        ..scanner.options.clone()
    };
    let place = ImageRef::OciLayout { dir: output.folder().to_owned(), select: Some(format!("@{}", image.digest)) };
    scan::scan(&[place], &options, &|_| {})?.pop().context("no image was written")
}
