//! `layerscope start IMAGE…`.

mod args;
mod calibration;
mod measuring;

use std::collections::HashSet;

use super::args::GlobalArgs;
use super::engine::EngineArg;
use super::output::emit_report;
use super::{Verdict, settings};
use crate::analyze::startup::{Coefficients, Engine, LayerCost, Prediction, Profile, Setting, Trust, predict};
use crate::measure::Measured;
use crate::model::{Digest, Manifest};
use crate::report::document;

pub(super) use args::{NetworkArgs, StartArgs};

use args::MeasureArgs;
use measuring::Bench;

/// An image, and what its layers cost.
struct Known {
    manifest: Manifest,
    layers: Vec<LayerCost>,
}

/// Foretells the starts, and with `--measure` measures them.
pub(super) fn run(args: &StartArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let engine = EngineArg::or_installed(args.engine);
    let mut setting = setting(args, engine);
    let images = known(args, global)?;
    let have = settings::layers_of(&args.have, &args.reading)?;
    let measured = measured(args, global, &images, &mut setting)?;
    if images.is_empty() {
        return Ok(Verdict::Done);
    }
    let started: Vec<document::Started<'_>> = images
        .iter()
        .zip(measured)
        .map(|(image, measured)| document::Started {
            manifest: &image.manifest,
            stored_bytes: image.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.stored_bytes)),
            predicted: told(image, &have, &setting),
            measured,
        })
        .collect();
    let document = document::start(&started, &setting, &args.have);
    emit_report(&document, &args.report, global)?;
    Ok(Verdict::Done)
}

/// What was measured of each image, if that was asked for. A calibration comes before, and goes into the setting.
fn measured(
    args: &StartArgs,
    global: &GlobalArgs,
    images: &[Known],
    setting: &mut Setting,
) -> anyhow::Result<Vec<Option<Measured>>> {
    let MeasureArgs { measure, calibrate, .. } = args.measuring;
    if !measure && !calibrate {
        return Ok(images.iter().map(|_| None).collect());
    }
    let mut bench = Bench::new(args, global, setting.engine)?;
    if calibrate {
        bench.calibrate(setting)?;
    }
    match measure {
        true => Ok(bench.measure(images, &setting.profile)?.into_iter().map(Some).collect()),
        false => Ok(images.iter().map(|_| None).collect()),
    }
}

fn told(image: &Known, have: &HashSet<Digest>, setting: &Setting) -> Prediction {
    predict(&image.layers, have, setting)
}

/// For commands that only mention the start: the link, and the engine that this machine was measured with, or Docker.
pub(super) fn usual(network: &NetworkArgs) -> Setting {
    let measured = Engine::ALL.into_iter().find_map(|engine| Some((engine, calibration::read(engine)?)));
    let trust = if measured.is_some() { Trust::Calibrated } else { Trust::Shipped };
    let (engine, costs) = measured.unwrap_or_else(|| (Engine::Docker, Coefficients::shipped(Engine::Docker)));
    Setting { profile: network.or(Profile::named("office")), engine, costs, trust, app: 0.0 }
}

/// The link, and the numbers of the engine.
fn setting(args: &StartArgs, engine: Engine) -> Setting {
    let usual = if args.measuring.measure { None } else { Profile::named("office") };
    let profile = args.network.or(usual);
    let kept = (!args.uncalibrated).then(|| calibration::read(engine)).flatten();
    let trust = if kept.is_some() { Trust::Calibrated } else { Trust::Shipped };
    let costs = kept.unwrap_or_else(|| Coefficients::shipped(engine));
    Setting { profile, engine, costs, trust, app: args.app_start }
}

/// The images, with layers that were read, or guessed.
fn known(args: &StartArgs, global: &GlobalArgs) -> anyhow::Result<Vec<Known>> {
    let names: Vec<&str> = args.images.iter().map(String::as_str).collect();
    if args.quick {
        let guessed = |manifest: Manifest| Known { layers: LayerCost::of_manifest(&manifest), manifest };
        return Ok(settings::resolve(&names, &args.reading)?.into_iter().map(guessed).collect());
    }
    let scanned = settings::scan(&names, &args.reading, global, false)?;
    let read = scanned.into_iter().map(|scanned| {
        let layers = LayerCost::of_image(scanned.subject());
        Known { layers, manifest: scanned.image.manifest }
    });
    Ok(read.collect())
}
