//! Real images, built out of Debian's packages and served by Debian's registry: what we say of them is what podman, syft
//! and dive say, whatever way they come.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::podman::{Podman, assert_same, listing_of};
use crate::support::{Sandbox, need, need_corpus, need_corpus_registry};

pub(crate) const IMAGES: [&str; 6] =
    ["debian:bookworm", "debian:bookworm-slim", "python:3.11", "python:3.11-slim", "workshop:full", "workshop:slim"];

/// The corpus, and who may read it.
struct Corpus {
    podman: Podman,
    registry: String,
}

fn corpus() -> Option<Corpus> {
    let (program, folder, registry) = (need("podman")?, need_corpus()?, need_corpus_registry()?);
    Some(Corpus { podman: Podman::new(program, &folder, "overlay"), registry })
}

impl Corpus {
    /// Writes an image of the store to an archive.
    fn save(&self, sandbox: &Sandbox, format: &str, image: &str) -> PathBuf {
        let file = sandbox.path(format!("{format}-{}.tar", image.replace([':', '/'], "-")));
        let image = format!("localhost/{image}");
        self.podman.run(&["save", "-q", "--format", format, "-o", file.to_str().unwrap(), &image]);
        file
    }
}

#[test]
fn every_image_lists_what_podman_mounts() {
    let Some(corpus) = corpus() else { return };
    let sandbox = Sandbox::new();
    for image in IMAGES {
        let name = format!("{}/library/{image}", corpus.registry);
        let ours = listing_of(&sandbox.ok(["ls", "--format", "jsonl", &name]));
        let theirs = corpus.podman.listing(&format!("localhost/{image}"));
        assert!(theirs.len() > 3000, "{image}: podman mounts {} names", theirs.len());
        assert_same(image, &ours, &theirs);
    }
}

/// What does not depend on how an image was packed and where it lay.
fn essence(mut document: Value) -> Value {
    let image = document["image"].as_object_mut().unwrap();
    ["reference", "digest", "media_type", "config_digest", "layers_unpacked"]
        .iter()
        .for_each(|key| drop(image.remove(*key)));
    document["totals"].as_object_mut().unwrap().remove("stored_bytes");
    // Which images are known to be under it depends on what was seen before.
    document.as_object_mut().unwrap().remove("base");
    for layer in document["layers"].as_array_mut().unwrap() {
        let layer = layer.as_object_mut().unwrap();
        ["digest", "media_type", "stored_bytes", "base"].iter().for_each(|key| drop(layer.remove(*key)));
    }
    for path in document["waste"]["paths"].as_array_mut().unwrap() {
        path.as_object_mut().unwrap().remove("download_bytes_estimate");
    }
    document
}

#[test]
fn an_image_is_the_same_from_everywhere() {
    let Some(corpus) = corpus() else { return };
    let sandbox = Sandbox::new();
    let registry = &corpus.registry;
    let conf = format!("[[registry]]\nprefix = 'docker.io'\nlocation = '{registry}'\n");
    sandbox.write("home/.config/containers/registries.conf", conf);
    let socket = sandbox.path("podman.sock");
    let _service = corpus.podman.serve(&socket);
    let file = |scheme: &str, path: PathBuf| format!("{scheme}:{}", path.display());
    let image = "python:3.11";
    let inspect = |name: &str| {
        let run = sandbox.layerscope(["inspect", "--format", "json", "--no-cache", name]);
        let socket = format!("unix://{}", socket.display());
        run.env("DOCKER_HOST", &socket).env("CONTAINER_HOST", &socket).run().json()
    };
    let pulled = inspect(image);
    assert_eq!(pulled["image"]["reference"], format!("docker.io/library/{image}"));
    let explicit = inspect(&format!("{registry}/library/{image}"));
    assert_eq!((&explicit["layers"], &explicit["totals"]), (&pulled["layers"], &pulled["totals"]));
    let expected = essence(pulled);
    assert!(expected["totals"]["file_bytes"].as_u64() > Some(1_000_000_000));
    assert_eq!(essence(explicit), expected);
    for name in [
        file("docker-archive", corpus.save(&sandbox, "docker-archive", image)),
        file("oci-archive", corpus.save(&sandbox, "oci-archive", image)),
        format!("podman:localhost/{image}"),
        format!("docker-daemon:localhost/{image}"),
    ] {
        assert!(essence(inspect(&name)) == expected, "{name} differs");
    }
}

/// The names and versions of an ecosystem's packages.
type Packages = BTreeSet<(String, String)>;

fn ours(document: &Value, ecosystem: &str) -> Packages {
    let packages = document["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages
        .filter(|package| package["ecosystem"] == ecosystem)
        .map(|package| (text(&package["name"]), text(&package["version"])))
        .collect()
}

fn syfts(document: &Value, kind: &str) -> Packages {
    let packages = document["artifacts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages
        .filter(|package| package["type"] == kind)
        .map(|package| (text(&package["name"]), text(&package["version"])))
        .collect()
}

#[test]
fn packages_are_those_that_syft_lists() {
    let (Some(corpus), Some(syft)) = (corpus(), need("syft")) else { return };
    let sandbox = Sandbox::new();
    for image in ["python:3.11", "workshop:slim"] {
        let file = corpus.save(&sandbox, "oci-archive", image);
        let document = sandbox.layerscope(["inspect", "--format", "json", file.to_str().unwrap()]).run().json();
        let mut command = Command::new(&syft);
        command.args(["scan", "-q", "-o", "json", &format!("oci-archive:{}", file.display())]);
        command.env("SYFT_CHECK_FOR_APP_UPDATE", "false").env("TMPDIR", sandbox.path(""));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (ecosystem, kind) in [("deb", "deb"), ("python", "python")] {
            let (ours, theirs) = (ours(&document, ecosystem), syfts(&theirs, kind));
            assert!(!theirs.is_empty(), "{image}: syft finds no {kind}");
            assert_eq!(ours, theirs, "{image}: {kind}");
        }
    }
}

#[test]
fn figures_under_dives_name_are_dives() {
    let (Some(corpus), Some(dive)) = (corpus(), need("dive")) else { return };
    let sandbox = Sandbox::new();
    for image in ["python:3.11", "workshop:full"] {
        let file = corpus.save(&sandbox, "docker-archive", image);
        let document = sandbox.layerscope(["inspect", "--format", "json", file.to_str().unwrap()]).run().json();
        let out = sandbox.path("dive.json");
        let mut command = Command::new(&dive);
        command.arg(format!("docker-archive://{}", file.display())).arg("--json").arg(&out);
        let output = command.env("HOME", sandbox.path("home")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let theirs: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        let ours = &document["compat"]["dive"];
        assert_eq!(ours["efficiency"], theirs["image"]["efficiencyScore"], "{image}");
        assert_eq!(ours["inefficient_bytes"], theirs["image"]["inefficientBytes"], "{image}");
    }
}
