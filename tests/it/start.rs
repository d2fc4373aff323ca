//! `layerscope start`: what it foretells, what it says of it, and that measuring leaves nothing behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use layerscope::measure::{Room, Stop, write_samples};
use serde_json::{Value, json};

use crate::support::{Sandbox, need};

fn workshop(tag: &str) -> String {
    format!("oci:{}/fixtures/workshop:{tag}", env!("CARGO_MANIFEST_DIR"))
}

/// `start` of the workshop's images, full to slim, with more arguments.
fn full_to_slim(sandbox: &Sandbox, more: &[&str]) -> String {
    let (full, slim) = (workshop("full"), workshop("slim"));
    let out = sandbox.ok([&["start", "--engine", "docker", &full, &slim][..], more].concat());
    out.replace(env!("CARGO_MANIFEST_DIR"), "[REPO]")
}

#[test]
fn the_table_leads_with_what_is_saved() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(full_to_slim(&sandbox, &["--bandwidth", "5Mbit", "--rtt", "50ms"]), @"
    Cold start with docker, custom: 5 Mbit/s, 50 ms round trip
    1  oci:[REPO]/fixtures/workshop:full
    2  oci:[REPO]/fixtures/workshop:slim
    Predicted with numbers of another machine: --calibrate measures this one.

       saved                      cold         range   pull     run    warm  download  requests
    1  -                ████████ 2.1 s  1.8 to 2.5 s  1.9 s  0.26 s  0.26 s  546.4 kB        15
    2  0.69 s ± 0.18 s  █████▍   1.4 s  1.2 to 1.8 s  1.2 s  0.26 s  0.26 s  199.7 kB         8

    What the cold start is made of
              requests         download           unpack           create            start
    1  0.48 s ± 0.13 s   1.2 s ± 0.18 s  0.21 s ± 0.11 s  0.06 s ± 0.03 s  0.20 s ± 0.10 s
    2  0.48 s ± 0.13 s  0.48 s ± 0.07 s  0.22 s ± 0.11 s  0.06 s ± 0.03 s  0.20 s ± 0.10 s

    Not validated
    - registries with TLS, tokens or redirects: each adds round trips that are not counted
    - this machine: the numbers are those of another one
    - the application: what it does itself until it is ready is counted as nothing; --app-start adds it
    ");
}

#[test]
fn an_image_against_itself_makes_no_difference() {
    let sandbox = Sandbox::new();
    let slim = workshop("slim");
    let out = sandbox.ok(["start", "--engine", "podman", "--format", "markdown", "--app-start", "0.5", &slim, &slim]);
    insta::assert_snapshot!(out.replace(env!("CARGO_MANIFEST_DIR"), "[REPO]"), @"
    ## Cold start with podman, office: 100 Mbit/s, 20 ms round trip

    1  oci:[REPO]/fixtures/workshop:slim

    2  oci:[REPO]/fixtures/workshop:slim

    Predicted with numbers of another machine: --calibrate measures this one.

    |  | saved | cold | range | pull | run | warm | download | requests |
    | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | - | **1.2 s** | 0.84 to 1.6 s | 0.52 s | 0.64 s | 0.64 s | 199.7 kB | 8 |
    | 2 | no measurable difference | **1.2 s** | 0.84 to 1.6 s | 0.52 s | 0.64 s | 0.64 s | 199.7 kB | 8 |

    ### What the cold start is made of

    |  | requests | download | unpack | create | start | application |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | 0.20 s ± 0.05 s | 0.11 s ± 0.02 s | 0.21 s ± 0.11 s | 0.04 s ± 0.02 s | 0.10 s ± 0.05 s | 0.50 s ± 0.25 s |
    | 2 | 0.20 s ± 0.05 s | 0.11 s ± 0.02 s | 0.21 s ± 0.11 s | 0.04 s ± 0.02 s | 0.10 s ± 0.05 s | 0.50 s ± 0.25 s |

    ### Not validated

    - registries with TLS, tokens or redirects: each adds round trips that are not counted

    - this machine: the numbers are those of another one
    ");
}

fn json_of(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox.layerscope([&["start", "--format", "json"], args].concat()).run().json()
}

#[test]
fn layers_that_are_there_are_not_downloaded() {
    let sandbox = Sandbox::new();
    let (full, slim) = (workshop("full"), workshop("slim"));
    let document = json_of(&sandbox, &["--engine", "containerd", "--have", &full, &full, &slim]);
    let [full_bytes, slim_bytes] = [0, 1].map(|at| document["images"][at]["predicted"]["bytes"].as_u64().unwrap());
    let stored = document["images"][1]["stored_bytes"].as_u64().unwrap();
    assert!(full_bytes == 0 && slim_bytes > 0 && slim_bytes <= stored, "{full_bytes} {slim_bytes} of {stored}");
    assert_eq!(document["have"], json!([full]));
    assert_eq!(document["images"][0]["measured"], Value::Null);
}

#[test]
fn a_manifest_alone_gives_a_wider_range() {
    let sandbox = Sandbox::new();
    let slim = workshop("slim");
    let of = |document: &Value| {
        let it = &document["images"][0]["predicted"];
        let number = |name: &str| it[name].as_f64().unwrap();
        ((number("high") - number("low")) / number("total"), it["estimated"].as_bool().unwrap())
    };
    let (read, guessed) = (of(&json_of(&sandbox, &[&slim])), of(&json_of(&sandbox, &["--quick", &slim])));
    assert!(guessed.0 > read.0 && guessed.1 && !read.1, "{read:?} {guessed:?}");
}

#[test]
fn what_is_no_link_or_condition_is_said() {
    let sandbox = Sandbox::new();
    let slim = workshop("slim");
    let said = |args: &[&str]| {
        let text = sandbox.fails([&["start", &slim][..], args].concat());
        text.lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(said(&["--bandwidth", "50"]), @r#"error: invalid value '50' for '--bandwidth <RATE>': "50" is no bandwidth: say it as 50Mbit, 1Gbit or 800kbit (a second)"#);
    insta::assert_snapshot!(said(&["--rtt", "1 minute"]), @r#"error: invalid value '1 minute' for '--rtt <TIME>': "1 minute" is no round trip: say it as 30ms, 0.5ms or 1s, up to 10s"#);
    insta::assert_snapshot!(said(&["--profile", "moon"]), @"error: invalid value 'moon' for '--profile <NAME>': expected one of office, ci, cloud, edge, lan, loopback");
    insta::assert_snapshot!(said(&["--measure", "--ready", "soon"]), @r#"error: invalid value 'soon' for '--ready <WHAT>': "soon" tells nothing: say exit, output=REGEX, port=N or http=URL"#);
    insta::assert_snapshot!(said(&["--app-start", "-1"]), @"error: unexpected argument '-1' found");
    insta::assert_snapshot!(sandbox.fails(["start"]).lines().next().unwrap_or_default(), @"error: the following required arguments were not provided:");
}

#[test]
fn numbers_of_this_machine_are_used_and_a_broken_file_is_not() {
    let sandbox = Sandbox::new();
    let slim = workshop("slim");
    let args = ["--engine", "podman", "--profile", "loopback", &slim];
    let shipped = json_of(&sandbox, &args);
    let costs = json!({
        "fixed": 5.0, "trips": 0.0, "blob_trips": 0.0, "layer": 0.0, "inflate": 0.0, "tar": 0.0, "entries": 0.0,
        "fetch_inflate": 0.0, "fetch": 0.0, "create": 2.0, "create_tar": 0.0, "start": 1.0, "start_tar": 0.0,
        "processors": 2.0,
    });
    let file = |content: &Value| sandbox.write("home/.local/share/layerscope/start-1/podman.json", content.to_string());
    let schema = "layerscope.calibration/1";
    file(&json!({ "schema": schema, "engine": "podman", "costs": costs, "residual": 0.0 }));
    let own = json_of(&sandbox, &args);
    assert_eq!((&shipped["calibrated"], &own["calibrated"]), (&json!(false), &json!(true)));
    let it = &own["images"][0]["predicted"];
    assert_eq!((&it["create"], &it["ready"]), (&json!(2.0), &json!(1.0)));
    assert_eq!(json_of(&sandbox, &[&["--uncalibrated"][..], &args].concat()), shipped);
    let mut hostile = costs;
    hostile["fixed"] = json!(-1e9);
    for content in [json!({ "schema": schema, "engine": "podman", "costs": hostile, "residual": 0.0 }), json!([])] {
        file(&content);
        let output = sandbox.layerscope([&["start", "--format", "json"], &args[..]].concat()).run();
        assert!(output.stderr.contains("podman.json is no calibration"), "{}", output.stderr);
        assert_eq!(output.json(), shipped);
    }
}

/// A small image that runs, made of this machine's shell, as an OCI layout in the sandbox.
fn runnable(sandbox: &Sandbox) -> String {
    let room = Room::new().unwrap();
    write_samples(&room, "image", false, &Stop::default()).unwrap();
    let (from, to) = (room.path("image"), sandbox.path("image"));
    let copied = Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    format!("oci:{}:small", to.display())
}

/// Rooms of engines that are still there.
fn rooms(sandbox: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sandbox.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("layerscope-")).collect()
}

#[test]
fn podman_really_does_it_and_nothing_is_left() {
    let Some(_) = need("podman") else { return };
    let sandbox = Sandbox::new();
    let image = runnable(&sandbox);
    let link = ["--bandwidth", "1Gbit", "--rtt", "1ms"];
    for more in [&[][..], &link, &["--ready", "output=^ready"]] {
        let args = [&["--engine", "podman", "--measure", "--runs", "1", &image][..], more].concat();
        let document = json_of(&sandbox, &args);
        let measured = &document["images"][0]["measured"];
        let runs = measured["runs"].as_array().unwrap();
        assert!((1..=2).contains(&runs.len()), "{measured}");
        for phase in ["pull", "create", "ready", "total", "warm"] {
            assert!(measured["median"][phase].as_f64().unwrap() > 0.0, "{phase}: {measured}");
        }
        assert!(document["images"][0]["prediction_error"].is_f64());
        assert_eq!(rooms(&sandbox), Vec::<String>::new());
    }
    let error = sandbox.fails(["start", "--engine", "podman", "--measure", "--ready", "port=80", &image]);
    insta::assert_snapshot!(sandbox.filter(&error), @"error: oci:[DIR]/image:small ended before it was ready (port=80): ready");
    assert_eq!(rooms(&sandbox), Vec::<String>::new());
}

#[test]
fn ctrl_c_leaves_nothing() {
    let Some(_) = need("podman") else { return };
    let sandbox = Sandbox::new();
    let image = runnable(&sandbox);
    let run = sandbox.layerscope(["start", "--engine", "podman", "--measure", "--runs", "100", &image]);
    let mut command = run.command();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while rooms(&sandbox).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no room was made");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait().map(|status| (status, child.stderr.take())).unwrap();
    let said = std::io::read_to_string(output.1.unwrap()).unwrap();
    assert_eq!((output.0.code(), said.as_str()), (Some(2), "error: interrupted: nothing was measured\n"));
    assert_eq!(rooms(&sandbox), Vec::<String>::new());
}
