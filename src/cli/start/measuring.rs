//! Measuring: where the engine gets the images from, and the room that it works in.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;

use anyhow::{Context, bail};

use super::args::StartArgs;
use super::{Known, calibration};
use crate::analyze::startup::{Engine, Profile, Sample, Setting, Trust, fit};
use crate::cli::args::{GlobalArgs, ProgressArg};
use crate::cli::engine::{OwnEngine, served};
use crate::measure::{self, Event, Host, Measured, Plan, Proxy, Ready, Run, SAMPLES, Target};
use crate::model::ImageRef;
use crate::parallel::processors;
use crate::report::escape::escape;
use crate::source;

/// How often each of the images is pulled for a calibration. The middle run counts: a start is foretold as it usually is,
/// and what disturbs a disk (someone's writes that are still on their way to it) makes a run twice as slow now and then.
const CALIBRATING_RUNS: u32 = 5;

/// An engine in its room, for one run of the program.
pub(super) struct Bench<'a> {
    args: &'a StartArgs,
    global: &'a GlobalArgs,
    engine: Engine,
    own: OwnEngine,
    samples: String,
}

/// Where the engine pulls an image from, for as long as it lives.
struct Place {
    pull: String,
    _proxy: Option<Proxy>,
}

impl<'a> Bench<'a> {
    /// Makes an engine ready.
    pub(super) fn new(args: &'a StartArgs, global: &'a GlobalArgs, engine: Engine) -> anyhow::Result<Self> {
        Ok(Self { args, global, engine, own: OwnEngine::start(engine)?, samples: String::new() })
    }

    /// Measures this machine, and keeps and gives its numbers in a setting.
    pub(super) fn calibrate(&mut self, setting: &mut Setting) -> anyhow::Result<()> {
        let layers = measure::write_samples(&self.own.room, "samples", true, &self.own.stop)?;
        let (address, _) = served(self.own.room.path("samples"))?;
        self.samples = format!("{address}/samples");
        let target = |name: &&str| Target {
            name: format!("{name} image of this machine's files"),
            pull: format!("{}:{name}", self.samples),
            ready: Ready::FirstOutput,
        };
        let plan = Plan { targets: SAMPLES.iter().map(target).collect(), runs: CALIBRATING_RUNS };
        let measured = self.run(&plan)?;
        let sample = |(layers, measured): (_, &Measured)| {
            let middle = |phase| measured.figures(phase).map(|figures| figures.median);
            let (pull, create, ready) = (middle(|run| run.pull)?, middle(|run| run.create)?, middle(|run| run.ready)?);
            Some(Sample { layers, profile: Profile::loopback(), pull, create, ready })
        };
        let samples: Option<Vec<Sample>> = layers.into_iter().zip(&measured).map(sample).collect();
        let fitted = samples.and_then(|samples| fit(self.engine, &samples, processors() as f64));
        let fitted = fitted.context("nothing was measured")?;
        let file = calibration::write(self.engine, &fitted)?;
        self.say(&format!("{} is measured: {}", self.engine.name(), file.display()));
        (setting.costs, setting.trust) = (fitted.costs, Trust::Calibrated);
        Ok(())
    }

    /// Measures the images.
    pub(super) fn measure(&mut self, images: &[Known], profile: &Profile) -> anyhow::Result<Vec<Measured>> {
        let places = self.args.images.iter().zip(images).map(|(name, image)| self.place(name, image, profile));
        let places: Vec<Place> = places.collect::<anyhow::Result<_>>()?;
        let target = |(image, place): (&Known, &Place)| Target {
            name: image.manifest.reference.clone(),
            pull: place.pull.clone(),
            ready: self.args.measuring.ready.clone().unwrap_or_else(|| Ready::of_image(&image.manifest.config.config)),
        };
        let targets = images.iter().zip(&places).map(target).collect();
        self.run(&Plan { targets, runs: self.args.measuring.runs })
    }

    fn run(&mut self, plan: &Plan) -> anyhow::Result<Vec<Measured>> {
        let shown = is_shown(self.global);
        let on_event = |event: Event<'_>| {
            if let (true, Event::Done { image, run }) = (shown, event) {
                say(&said(image, run));
            }
        };
        Ok(measure::measure(&mut *self.own.runtime, &Host::new(), plan, &self.own.stop, &on_event)?)
    }

    /// Registries are asked directly, or through a link on loopback; folders and archives are served.
    fn place(&self, name: &str, image: &Known, profile: &Profile) -> anyhow::Result<Place> {
        let shaped = is_shaped(self.args).then_some(profile);
        let reference = &image.manifest.reference;
        let (server, rest) = match source::locate(name)? {
            ImageRef::Registry(_) => match (loopback(reference), shaped) {
                (Some((server, rest)), _) => (server, rest),
                (None, None) => return Ok(Place { pull: reference.clone(), _proxy: None }),
                (None, Some(_)) => bail!(
                    "{reference}: a link can be imitated before a registry on this machine alone; \
                     `skopeo copy docker://{reference} oci:DIR` makes a folder that is served here"
                ),
            },
            ImageRef::OciLayout { dir: path, .. } | ImageRef::Archive { file: path, .. } => {
                let (server, images) = served(path)?;
                (
                    server,
                    named(&images, image)
                        .with_context(|| format!("{reference}: which of {images:?} it is can't be told"))?,
                )
            }
            _ => bail!("{reference}: save it first, and measure the archive (`docker save`, `skopeo copy`)"),
        };
        let Some(profile) = shaped else { return Ok(Place { pull: format!("{server}/{rest}"), _proxy: None }) };
        let proxy = Proxy::start(server, profile)?;
        Ok(Place { pull: format!("{}/{rest}", proxy.address()), _proxy: Some(proxy) })
    }

    fn say(&self, text: &str) {
        if !self.global.quiet {
            say(text);
        }
    }
}

/// The name by which a served image can be pulled: by digest, where it has one.
fn named(images: &[String], image: &Known) -> Option<String> {
    let repository = images.first()?.split([':', '@']).next()?;
    match image.manifest.digest {
        Some(digest) => Some(format!("{repository}@{digest}")),
        None => match images {
            [only] => Some(only.clone()),
            _ => images.iter().find(|name| image.manifest.reference.ends_with(name.as_str())).cloned(),
        },
    }
}

/// The address of a registry on this machine, and the rest of the name.
fn loopback(reference: &str) -> Option<(SocketAddr, String)> {
    let (host, rest) = reference.split_once('/')?;
    let server: SocketAddr = host.replace("localhost", "127.0.0.1").parse().ok()?;
    server.ip().is_loopback().then(|| (server, rest.to_owned()))
}

/// Whether a link was asked for that has to be imitated.
fn is_shaped(args: &StartArgs) -> bool {
    let network = &args.network;
    let named = network.profile.as_ref().is_some_and(|profile| profile.name != Profile::loopback().name);
    named || network.bandwidth.is_some() || network.rtt.is_some()
}

/// Runs are told of on a terminal, or where it was asked for.
fn is_shown(global: &GlobalArgs) -> bool {
    match global.progress {
        ProgressArg::None => false,
        ProgressArg::Plain => !global.quiet,
        ProgressArg::Auto => !global.quiet && (global.verbose > 0 || std::io::stderr().is_terminal()),
    }
}

/// `python:3.11: pull 9.81 s, create 0.05 s, ready 0.12 s, warm 0.15 s`
fn said(image: &str, run: &Run) -> String {
    let Run { pull, create, ready, warm, foreign, kept } = run;
    let note = if *kept {
        String::new()
    } else {
        format!("; does not count: others used {:.0}% of the processors", foreign * 100.0)
    };
    format!("{image}: pull {pull:.2} s, create {create:.2} s, ready {ready:.2} s, warm {warm:.2} s{note}")
}

fn say(text: &str) {
    writeln!(std::io::stderr(), "{}", escape(text)).ok();
}
