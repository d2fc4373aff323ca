//! The model against what was measured: `fixtures/start`, 239 pulls by three engines on three links.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::*;
use crate::model::Digest;

/// One pull and first run. Seconds.
#[derive(Deserialize)]
struct Run {
    rt: String,
    img: String,
    cond: String,
    pull: f64,
    other: f64,
    create: f64,
    start_first: f64,
    run_first: f64,
}

/// A layer: bytes compressed and of tar, entries, seconds to inflate.
#[derive(Deserialize)]
struct Measured {
    c: u64,
    u: u64,
    n: u64,
    #[serde(rename = "I")]
    inflate: f64,
    digest: String,
}

/// What the numbers of `fitted_on_a_part` were fitted on; all others are held out.
const FITTED: [&str; 6] = ["bb", "base", "synmany", "synrand", "synzero", "synl12"];

fn layers() -> HashMap<String, Vec<LayerCost>> {
    let text = include_str!("../../../fixtures/start/layers.json");
    let all: HashMap<String, Vec<Measured>> = serde_json::from_str(text).unwrap();
    let cost = |layer: &Measured| {
        LayerCost::new(layer.digest.parse().unwrap(), "application/tar+gzip", layer.c, layer.u, layer.n)
    };
    all.iter().map(|(image, layers)| (image.clone(), layers.iter().map(cost).collect())).collect()
}

/// Runs of an engine by image and link, those with much foreign work left out.
fn runs(engine: Engine) -> BTreeMap<(String, String), Vec<Run>> {
    let name = if engine == Engine::Containerd { "ctr" } else { engine.name() };
    let text = include_str!("../../../fixtures/start/measurements.jsonl");
    let mut out: BTreeMap<_, Vec<Run>> = BTreeMap::new();
    for line in text.lines() {
        let run: Run = serde_json::from_str(line).unwrap();
        if run.rt == name && run.other < 0.25 * run.pull.max(0.6) {
            out.entry((run.img.clone(), run.cond.clone())).or_default().push(run);
        }
    }
    out
}

fn link(name: &str) -> Profile {
    let loopback = Profile::loopback();
    match name {
        "loop" => loopback,
        "m50r30" => loopback.with(Some(50e6), Some(0.030)),
        "m200r20" => loopback.with(Some(200e6), Some(0.020)),
        other => panic!("{other} is no link of the measurements"),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 }
}

/// Relative errors of the pulls of some images.
fn errors(engine: Engine, costs: Coefficients, wanted: impl Fn(&str) -> bool) -> Vec<f64> {
    let layers = layers();
    let mut out = Vec::new();
    for ((image, cond), runs) in runs(engine).into_iter().filter(|((image, _), _)| wanted(image)) {
        let setting = Setting { costs, ..Setting::shipped(engine, link(&cond)) };
        let predicted = predict(&layers[&image], &HashSet::new(), &setting).pull;
        out.push((predicted / median(runs.iter().map(|run| run.pull).collect()) - 1.0).abs());
    }
    out
}

/// The numbers of the README that came with the measurements: fitted on six images, the others unseen.
fn fitted_on_a_part(engine: Engine) -> Coefficients {
    let [fixed, trips, blob_trips, layer, inflate, tar, entries, fetch_inflate, fetch] = match engine {
        Engine::Podman => [0.043, 9.5, 2.7, 0.032, 1.58, 0.0028, 0.042, 1.0, 0.0031],
        Engine::Docker => [0.062, 11.0, 2.4, 0.047, 0.39, 0.0052, 0.050, 0.0, 0.0054],
        _ => [0.109, 5.9, 1.0, 0.014, 0.54, 0.0043, 0.046, 0.0, 0.0095],
    };
    let shipped = Coefficients::shipped(engine);
    Coefficients { fixed, trips, blob_trips, layer, inflate, tar, entries, fetch_inflate, fetch, ..shipped }
}

#[test]
fn images_that_were_held_out_are_met_as_well_as_was_claimed() {
    // Mean errors of the README: 9.0, 4.7 and 4.3 %; slow start, which it had in its round trips, is told apart here.
    for (engine, mean_claimed, worst_claimed) in
        [(Engine::Podman, 0.095, 0.21), (Engine::Docker, 0.07, 0.13), (Engine::Containerd, 0.043, 0.22)]
    {
        let errors = errors(engine, fitted_on_a_part(engine), |image| !FITTED.contains(&image));
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let worst = errors.iter().copied().fold(0.0, f64::max);
        assert!(errors.len() >= 11, "{engine:?}: {} points", errors.len());
        assert!(mean <= mean_claimed && worst <= worst_claimed, "{engine:?}: mean {mean:.3}, worst {worst:.3}");
    }
}

#[test]
fn the_shipped_numbers_meet_what_they_were_fitted_on() {
    for engine in [Engine::Podman, Engine::Docker, Engine::Containerd] {
        let errors = errors(engine, Coefficients::shipped(engine), |_| true);
        let (middle, worst) = (median(errors.clone()), errors.iter().copied().fold(0.0, f64::max));
        assert!(middle <= 0.03 && worst <= 0.13, "{engine:?}: median {middle:.3}, worst {worst:.3}");
    }
}

#[test]
fn containers_are_made_and_started_as_measured() {
    let layers = layers();
    for engine in [Engine::Podman, Engine::Docker, Engine::Containerd] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for ((image, _), runs) in runs(engine) {
            let predicted = predict(&layers[&image], &HashSet::new(), &Setting::shipped(engine, Profile::loopback()));
            let of = |run: fn(&Run) -> f64| median(runs.iter().map(run).collect());
            cold.push((predicted.create + predicted.ready - of(|run| run.create + run.start_first)).abs());
            warm.push((predicted.warm - of(|run| run.create.min(0.06) + run.run_first)).abs());
        }
        let (cold, warm) = (median(cold), median(warm));
        assert!(cold < 0.04 && warm < 0.06, "{engine:?}: cold {cold:.3} s, warm {warm:.3} s");
    }
}

#[test]
fn inflating_is_derived_from_sizes() {
    let text = include_str!("../../../fixtures/start/layers.json");
    let all: HashMap<String, Vec<Measured>> = serde_json::from_str(text).unwrap();
    let mut off = Vec::new();
    for layer in all.values().flatten().filter(|layer| layer.u > 4_000_000 && layer.c * 10 > layer.u) {
        let cost = LayerCost::new(Digest::Sha256([0; 32]), "application/tar+gzip", layer.c, layer.u, layer.n);
        off.push((cost.inflate_seconds / layer.inflate - 1.0).abs());
    }
    let (middle, worst) = (median(off.clone()), off.iter().copied().fold(0.0, f64::max));
    assert!(off.len() > 15 && middle < 0.04 && worst < 0.12, "median {middle:.3}, worst {worst:.3}");
}

#[test]
fn differences_have_the_right_sign_and_size() {
    let layers = layers();
    let (mut pairs, mut wrong, mut off) = (0, 0, Vec::new());
    for engine in [Engine::Podman, Engine::Docker, Engine::Containerd] {
        let runs = runs(engine);
        for cond in ["loop", "m50r30", "m200r20"] {
            for (old, new) in [("py5", "py"), ("py5", "pyslim"), ("py", "pyslim"), ("pygcc", "py"), ("pygcc", "pyslim")]
            {
                let of = |image: &str| {
                    let found = runs.get(&(image.to_owned(), cond.to_owned()))?;
                    let setting = Setting::shipped(engine, link(cond));
                    let pull = median(found.iter().map(|run| run.pull).collect());
                    Some((predict(&layers[image], &HashSet::new(), &setting), pull))
                };
                let (Some((a, of_a)), Some((b, of_b))) = (of(old), of(new)) else { continue };
                let (saving, measured) = (compare(&a, &b), of_a - of_b);
                pairs += 1;
                wrong += usize::from(saving.seconds * measured <= 0.0 || !saving.is_measurable());
                off.push(((a.pull - b.pull) / measured - 1.0).abs());
            }
        }
    }
    assert!(pairs > 30 && wrong == 0, "{wrong} of {pairs}");
    assert!(median(off.clone()) < 0.07, "{:.3}", median(off));
}

/// Layers of so many MB stored and of tar.
fn image(layers: &[(u64, u64)]) -> Vec<LayerCost> {
    let digest = |at: usize| Digest::Sha256([at as u8 + 1; 32]);
    let cost = |(at, (stored, tar)): (usize, &(u64, u64))| {
        LayerCost::new(digest(at), "application/tar+gzip", stored * 1_000_000, tar * 1_000_000, tar * 20)
    };
    layers.iter().enumerate().map(cost).collect()
}

#[test]
fn what_is_there_costs_nothing() {
    let layers = image(&[(60, 150), (20, 50)]);
    let setting = Setting::shipped(Engine::Docker, Profile::named("office").unwrap());
    let cold = predict(&layers, &HashSet::new(), &setting);
    let half = predict(&layers, &HashSet::from([layers[0].digest]), &setting);
    let all = predict(&layers, &layers.iter().map(|layer| layer.digest).collect(), &setting);
    assert_eq!((cold.requests, half.requests, all.requests), (4, 3, 2));
    assert_eq!((cold.bytes, half.bytes, all.bytes), (80_000_000, 20_000_000, 0));
    assert!(cold.total > half.total && half.total > all.total && all.total > all.warm);
    assert_eq!((all.unpack, all.download), (0.0, 0.0));
    assert_eq!(half.bytes, predict(&layers[1..], &HashSet::new(), &setting).bytes);
}

#[test]
fn a_layer_that_an_image_has_twice_is_downloaded_once_and_unpacked_twice() {
    let once = image(&[(30, 80)]);
    let twice = [once.clone(), once.clone()].concat();
    let setting = Setting::shipped(Engine::Podman, Profile::named("office").unwrap());
    let [once, twice] = [once, twice].map(|layers| predict(&layers, &HashSet::new(), &setting));
    assert_eq!((once.bytes, once.requests), (twice.bytes, twice.requests));
    assert!(twice.unpack > 1.9 * once.unpack);
}

#[test]
fn terms_add_up_and_the_total_lies_within_its_range() {
    for engine in Engine::ALL {
        for profile in Profile::names().map(|name| Profile::named(name).unwrap()) {
            let setting = Setting { app: 0.5, ..Setting::shipped(engine, profile) };
            let start = predict(&image(&[(40, 100), (1, 2), (300, 900)]), &HashSet::new(), &setting);
            let sum: f64 = start.terms.iter().map(|term| term.seconds).sum();
            assert!((sum - start.total).abs() < 1e-6, "{engine:?}: {sum} {start:?}");
            assert!(
                start.low < start.total && start.total < start.high && start.terms.iter().all(|term| term.error > 0.0)
            );
            let calibrated = predict(
                &image(&[(40, 100)]),
                &HashSet::new(),
                &Setting { trust: Trust::Calibrated, ..setting.clone() },
            );
            let shipped = predict(&image(&[(40, 100)]), &HashSet::new(), &setting);
            assert!(calibrated.high - calibrated.low < shipped.high - shipped.low);
        }
    }
}

#[test]
fn an_image_does_not_differ_from_itself() {
    let setting = Setting::shipped(Engine::Podman, Profile::named("office").unwrap());
    let start = |layers| predict(&image(layers), &HashSet::new(), &setting);
    let (one, same, less) = (start(&[(40, 100)]), start(&[(40, 100)]), start(&[(10, 25)]));
    assert_eq!(compare(&one, &same).seconds, 0.0);
    assert!(!compare(&one, &same).is_measurable() && compare(&one, &less).is_measurable());
    assert!(!compare(&one, &start(&[(40, 101)])).is_measurable());
    assert!(compare(&less, &one).seconds < 0.0);
}

#[test]
fn a_slower_machine_is_learnt_from_two_images() {
    for engine in [Engine::Podman, Engine::Docker, Engine::Containerd] {
        let shipped = Coefficients::shipped(engine);
        let truth = Coefficients { fixed: 0.2, create: 0.07, create_tar: 0.001, start: 0.3, ..shipped.with_work(2.5) };
        let setting = Setting { costs: truth, ..Setting::shipped(engine, Profile::loopback()) };
        let sample = |layers: Vec<LayerCost>| {
            let start = predict(&layers, &HashSet::new(), &setting);
            let Prediction { pull, create, ready, .. } = start;
            Sample { layers, profile: setting.profile.clone(), pull, create, ready }
        };
        let found = fit(engine, &[sample(image(&[(1, 2)])), sample(image(&[(50, 130), (9, 20)]))], 2.0).unwrap();
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.01;
        assert!(near(found.costs.tar, truth.tar) && near(found.costs.fixed, 0.2), "{engine:?}: {found:?}");
        assert!(near(found.costs.create, 0.07) && near(found.costs.create_tar, 0.001), "{found:?}");
        assert!(found.residual < 0.01);
    }
    assert_eq!(fit(Engine::Podman, &[], 2.0), None);
}

#[test]
fn a_machine_that_is_slow_with_files_alone_is_learnt_from_three() {
    for engine in [Engine::Podman, Engine::Docker, Engine::Containerd] {
        let shipped = Coefficients::shipped(engine);
        let truth = Coefficients { entries: shipped.entries * 4.0, ..shipped.with_work(1.5) };
        let setting = Setting { costs: truth, ..Setting::shipped(engine, Profile::loopback()) };
        let sample = |stored: u64, tar: u64, entries: u64| {
            let layers = vec![LayerCost::new(digest(1), "application/tar+gzip", stored, tar, entries)];
            let Prediction { pull, create, ready, .. } = predict(&layers, &HashSet::new(), &setting);
            Sample { layers, profile: setting.profile.clone(), pull, create, ready }
        };
        let samples = [sample(1 << 20, 2 << 20, 8), sample(9 << 20, 24 << 20, 9000), sample(70 << 20, 200 << 20, 5000)];
        let found = fit(engine, &samples, 2.0).unwrap();
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.01;
        assert!(near(found.costs.entries, truth.entries) && near(found.costs.tar, truth.tar), "{engine:?}: {found:?}");
        // A handful of files tells nothing of what files cost.
        let few = [sample(1 << 20, 2 << 20, 8), sample(2 << 20, 3 << 20, 900), sample(70 << 20, 200 << 20, 500)];
        let found = fit(engine, &few, 2.0).unwrap();
        assert!(near(found.costs.entries / found.costs.tar, shipped.entries / shipped.tar), "{engine:?}: {found:?}");
    }
}

fn digest(at: u32) -> Digest {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&at.to_le_bytes());
    Digest::Sha256(bytes)
}

#[test]
fn hostile_sizes_end() {
    let layers: Vec<LayerCost> = (0..2000)
        .map(|at| {
            LayerCost::new(digest(at), "application/tar+gzip", u64::MAX >> (at % 64), u64::MAX >> (at % 7), at.into())
        })
        .collect();
    for engine in Engine::ALL {
        let start = predict(&layers, &HashSet::new(), &Setting::shipped(engine, Profile::named("edge").unwrap()));
        assert!(start.total.is_finite() && start.total > 0.0);
    }
}
