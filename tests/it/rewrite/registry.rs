//! New images in Debian's `docker-registry`: what was pushed comes back with the same digests, and what is there already
//! is not sent again.

use std::path::Path;
use std::process::Command;

use super::{digest, layers, listing};
use crate::support::{DockerRegistry, Sandbox, need};

const IMAGES: &str = r#"
stage full
layer "ADD full"
  file /etc/os "1"
  file /usr/share/big size=9M seed=1
image base:full linux/amd64 full-name
from full
image base:slim linux/amd64 full-name
layer "ADD slim"
  file /etc/os "1"
image app:1 linux/amd64 full-name
from full
layer "COPY one"
  file /app/data size=20M seed=2
  file /app/gone size=2M seed=3
layer "COPY two"
  whiteout /app/gone
"#;

#[test]
fn a_pushed_image_comes_back_as_it_was_written() {
    let Some(registry) = DockerRegistry::start() else { return };
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:full"));
    let local = format!("oci:{}:x", sandbox.path("local").display());
    let args = ["optimize", &app, "--from", &base, "-o"];
    sandbox.ok([&args[..], &[&local]].concat());
    let pushed = format!("docker://{}/team/app:small", registry.host);
    for _ in 0..2 {
        sandbox.ok([&args[..], &[&pushed]].concat());
    }
    assert_eq!(digest(&sandbox, &pushed), digest(&sandbox, &local));
    assert_eq!(layers(&sandbox, &pushed), layers(&sandbox, &local));
    assert_eq!(listing(&sandbox, &pushed), listing(&sandbox, &app));
    // The second time all was there but the manifest, which was put again.
    assert_eq!(registry.requests("PUT").iter().filter(|path| path.contains("/blobs/uploads/")).count(), 3);
    assert_eq!(registry.requests("PUT").last().unwrap(), "/v2/team/app/manifests/small");
    let pieces = registry.requests("PATCH").len();
    assert!((5..=6).contains(&pieces), "20 MB and 9 MB in pieces of 8 MiB, and a config: {pieces}");
}

#[test]
fn within_a_registry_only_documents_move() {
    let Some(registry) = DockerRegistry::start() else { return };
    let Some(skopeo) = need("skopeo") else { return };
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let names = [("app:1", "team/app:1"), ("base:full", "library/base:full"), ("base:slim", "library/base:slim")];
    for (local, there) in names {
        copy(&skopeo, &format!("{oci}:{local}"), &format!("docker://{}/{there}", registry.host));
    }
    let named = |name: &str| format!("{}/{name}", registry.host);
    let (app, full, slim, new) =
        (named("team/app:1"), named("library/base:full"), named("library/base:slim"), named("other/app:slim"));
    // The analysis has read them before, as a CI job that keeps its cache has.
    for image in [&app, &slim] {
        sandbox.ok(["inspect", image]);
    }
    let before = (registry.requests("GET"), registry.requests("PATCH").len());
    sandbox.ok(["rebase", &app, "--from", &full, "--onto", &slim, "-o", &format!("docker://{new}")]);
    let blobs = |all: &[String]| all.iter().filter(|path| path.contains("/blobs/sha256")).cloned().collect::<Vec<_>>();
    let got = blobs(&registry.requests("GET")[before.0.len()..]);
    let known: Vec<String> = [&app, &slim].into_iter().flat_map(|image| layers(&sandbox, image)).collect();
    assert!(!got.iter().any(|path| known.iter().any(|layer| path.ends_with(layer.as_str()))), "configs alone: {got:?}");
    assert_eq!(registry.requests("PATCH").len() - before.1, 1, "the config went up");
    assert_eq!(layers(&sandbox, &new)[0], layers(&sandbox, &slim)[0]);
    assert_eq!(layers(&sandbox, &new)[1..], layers(&sandbox, &app)[1..]);
    assert!(listing(&sandbox, &new).contains("app/data"));
}

#[test]
fn a_refused_upload_leaves_the_tag_where_it_was() {
    let Some(mut registry) = DockerRegistry::start() else { return };
    let sandbox = Sandbox::new();
    let app = format!("{}:app:1", sandbox.oci(IMAGES));
    let pushed = format!("docker://{}/team/app:1", registry.host);
    sandbox.ok(["optimize", &app, "--squash", "all", "-o", &pushed]);
    let before = digest(&sandbox, &pushed);
    registry.refuse_pushes();
    let args = ["optimize", &app, "--squash", "all", "--drop", "/app/data", "-o", &pushed];
    let said = sandbox.fails(args);
    assert!(said.contains("405"), "{said}");
    assert_eq!(digest(&sandbox, &pushed), before);
    assert!(!registry.requests("PUT").iter().any(|path| path.contains("manifests")), "no manifest was sent");
}

#[test]
fn all_platforms_come_back_under_one_tag() {
    let Some(registry) = DockerRegistry::start() else { return };
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci(super::platforms::APP));
    let local = format!("oci:{}:1", sandbox.path("local").display());
    let pushed = format!("docker://{}/team/app:1", registry.host);
    for to in [&local, &pushed] {
        sandbox.ok(["optimize", &app, "--squash", "all", "-o", to]);
    }
    for platform in super::platforms::PLATFORMS {
        let layers = |image: &str| {
            let args = ["inspect", "--format", "json", "--platform", platform, image];
            sandbox.layerscope(args).run().json()["layers"].clone()
        };
        assert_eq!(layers(&pushed), layers(&local), "{platform}");
    }
    let manifests = registry.requests("PUT").into_iter().filter(|path| path.contains("/manifests/"));
    let named: Vec<bool> = manifests.map(|path| path.ends_with("/manifests/1")).collect();
    assert_eq!(named, [false, false, true], "the tag comes last");
}

fn copy(skopeo: &Path, from: &str, to: &str) {
    let mut command = Command::new(skopeo);
    command.args(["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", from, to]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
