//! The workshop's bonus step on real images: from advice to a slim image that answers as the full one does.

use serde_json::Value;

use super::totals;
use crate::support::podman::Podman;
use crate::support::{Sandbox, need, need_corpus_registry};

/// What the application answers, from inside of its container: it has no network.
const ASK: &str = "import urllib.request as u, time\nfor _ in range(100):\n  try: print(u.urlopen('http://127.0.0.1:5000/').read().decode()); break\n  except OSError: time.sleep(0.1)";

fn answer(podman: &Podman, image: &str) -> String {
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
    // What works on a machine without systemd, too.
    let run = |args: &[&str]| {
        podman.run(&[&["--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime=runc"][..], args].concat())
    };
    let id = run(&[&["run", "-d", "--network=none"][..], &limits, &["--env=NAME=slim", image]].concat());
    let said = run(&["exec", &id, "python", "-c", ASK]);
    run(&["rm", "-f", "-t0", &id]);
    said
}

#[test]
fn the_workshops_image_answers_on_slim_as_on_full() {
    let (Some(program), Some(registry)) = (need("podman"), need_corpus_registry()) else { return };
    let sandbox = Sandbox::new();
    let named = |name: &str| format!("{registry}/library/{name}");
    let (full, base) = (named("workshop:full"), named("python:3.11-slim"));
    let podman = Podman::new(program, &sandbox.path("podman"), "overlay");
    podman.run(&["pull", "-q", "--tls-verify=false", &full]);
    let before = answer(&podman, &full);
    let advice =
        sandbox.layerscope(["recommend", &full, "--candidate", &base, "--deep", "0", "--format", "json"]).run().json();
    assert_eq!(advice["candidates"][0]["verdict"], "works", "{advice:#}");
    let archive = sandbox.path("slim.tar");
    let to = format!("docker-archive:{}:localhost/workshop:slim", archive.display());
    let document: Value =
        sandbox.layerscope(["rebase", &full, "--onto", &base, "-o", &to, "--format", "json"]).run().json();
    assert!(
        document["after"]["stored_bytes"].as_u64().unwrap() * 3 < document["before"]["stored_bytes"].as_u64().unwrap()
    );
    podman.run(&["load", "-q", "-i", archive.to_str().unwrap()]);
    assert_eq!(answer(&podman, "localhost/workshop:slim"), before);
    // And smaller still, with the same tree but for what is named.
    let small = format!("docker-archive:{}:localhost/workshop:small", sandbox.path("small.tar").display());
    sandbox.ok(["optimize", &to, "--from", &base, "--drop", "pip-cache,docs", "-o", &small]);
    podman.run(&["load", "-q", "-i", sandbox.path("small.tar").to_str().unwrap()]);
    assert_eq!(answer(&podman, "localhost/workshop:small"), before);
    assert!(totals(&sandbox, &small)["file_bytes"].as_u64() <= totals(&sandbox, &to)["file_bytes"].as_u64());
}
