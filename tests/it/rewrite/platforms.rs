//! Images for several platforms: all of them are written, under one index.

use serde_json::{Value, json};

use super::{digest, inside, listing, named};
use crate::support::layout::Layout;
use crate::support::{Sandbox, images};

pub(super) const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64/v8"];

/// A base and an application, both for two platforms.
pub(crate) const APP: &str = r#"
stage full
layer "ADD full"
  file /etc/os "1"
  file /usr/share/big size=90k seed=1
image base:full linux/amd64 full-name
from full
image base:full linux/arm64/v8 full-name
from full
image base:slim linux/amd64 full-name
layer "ADD slim for amd64"
  file /etc/os "1"
  file /etc/kind "amd64"
image base:slim linux/arm64/v8 full-name
layer "ADD slim for arm64"
  file /etc/os "1"
  file /etc/kind "arm64"
image app:1 linux/amd64 full-name
from full
layer "COPY amd64"
  file /app/data size=20k seed=2
layer "COPY again"
  file /app/data size=20k seed=3
image app:1 linux/arm64/v8 full-name
from full
layer "COPY arm64"
  file /app/data size=30k seed=4
layer "RUN rm"
  whiteout /app/data
"#;

fn on(sandbox: &Sandbox, platform: &str, args: &[&str]) -> String {
    sandbox.ok([args, &["--platform", platform]].concat())
}

#[test]
fn optimize_takes_them_all() {
    let sandbox = Sandbox::new();
    let (oci, out) = (sandbox.oci(APP), format!("oci:{}", sandbox.path("new").display()));
    let (app, new) = (format!("{oci}:app:1"), format!("{out}:1"));
    let args = ["optimize", &app, "--squash", "all", "-o", &new, "--format", "json"];
    let document = sandbox.layerscope(args).run().json();
    assert_eq!(document["schema"], "layerscope.rewrite-index/1");
    let images = document["images"].as_array().unwrap();
    let written: Vec<&Value> = images.iter().map(|image| &image["written"]["digest"]).collect();
    let listed = named(&out, "1");
    let of = |key: &str| listed["manifests"].as_array().unwrap().iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("digest").iter().collect::<Vec<_>>(), written);
    assert_eq!(
        of("platform"),
        [
            json!({ "os": "linux", "architecture": "amd64" }),
            json!({ "os": "linux", "architecture": "arm64", "variant": "v8" })
        ]
    );
    for platform in PLATFORMS {
        let ls = |image: &str| {
            on(&sandbox, platform, &["ls", "--format", "jsonl", image]).replace("\"layer\":1", "\"layer\":0")
        };
        let ls = |image: &str| ls(image).replace("\"layer\":2", "\"layer\":0");
        assert_eq!(ls(&new).lines().count(), ls(&app).lines().count());
        let lost = on(&sandbox, platform, &["inspect", "--format", "json", &new]);
        let lost: Value = serde_json::from_str(&lost).unwrap();
        assert_eq!((&lost["totals"]["wasted_bytes"], &lost["totals"]["layers"]), (&0.into(), &1.into()), "{platform}");
    }
    // The same gives the same, in an archive as well.
    let archive = format!("oci-archive:{}:1", sandbox.path("new.tar").display());
    let again =
        sandbox.layerscope(["optimize", &app, "--squash", "all", "-o", &archive, "--format", "json"]).run().json();
    assert_eq!(again["written"]["digest"], document["written"]["digest"]);
    assert_eq!(digest(&sandbox, &archive), digest(&sandbox, &new));
}

#[test]
fn one_is_written_where_it_was_chosen_or_no_more_fit() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(APP);
    let app = format!("{oci}:app:1");
    let write = |more: &[&str], to: &str| {
        let args = [&["optimize", &app, "--squash", "all", "--format", "json", "-o", to][..], more].concat();
        sandbox.layerscope(args).run().json()
    };
    let chosen = format!("oci:{}:1", sandbox.path("chosen").display());
    let document = write(&["--platform", "linux/arm64"], &chosen);
    assert_eq!(
        (&document["schema"], &document["image"]["platform"]),
        (&"layerscope.rewrite/1".into(), &"linux/arm64/v8".into())
    );
    assert!(!listing(&sandbox, &chosen).contains("app/data"));
    let docker = format!("docker-archive:{}:app:1", sandbox.path("docker.tar").display());
    assert_eq!(write(&["--platform", "linux/amd64"], &docker)["image"]["platform"], "linux/amd64");
    assert_eq!(write(&[], &docker)["schema"], "layerscope.rewrite/1");
}

#[test]
fn rebase_puts_each_on_the_base_of_its_platform() {
    let sandbox = Sandbox::new();
    let (oci, out) = (sandbox.oci(APP), format!("oci:{}", sandbox.path("new").display()));
    let [app, full, slim] = ["app:1", "base:full", "base:slim"].map(|name| format!("{oci}:{name}"));
    let new = format!("{out}:1");
    let args = ["rebase", &app, "--from", &full, "--onto", &slim, "--offline"];
    let said = sandbox.ok([&args[..], &["-o", &new]].concat());
    assert!(said.contains("2 platforms\n→ oci:[DIR]/new:1  sha256:"), "{said}");
    for (platform, kind) in PLATFORMS.into_iter().zip(["amd64", "arm64"]) {
        assert_eq!(on(&sandbox, platform, &["cat", &new, "/etc/kind"]), kind);
    }
    let names: Vec<Value> =
        named(&out, "1")["manifests"].as_array().unwrap().iter().map(|it| it["platform"].clone()).collect();
    assert_eq!(names.len(), 2);
    // One of them breaks: nothing is written of the other either.
    let amd = sandbox.oci(&APP.replace("image base:slim linux/arm64/v8", "image base:other linux/arm64/v8"));
    let slim = format!("{amd}:base:slim");
    let to = format!("oci:{}:1", sandbox.path("made/other").display());
    let run = sandbox.layerscope(["rebase", &app, "--from", &full, "--onto", &slim, "--offline", "-o", &to]).run();
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr.contains("breaks"), "{}", run.stderr);
    assert!(run.stdout.contains("linux/arm64") && !run.stdout.contains("→"), "nothing was written: {}", run.stdout);
    assert!(!sandbox.path("made").exists() || inside(&sandbox.path("made")).is_empty());
}

#[test]
fn what_an_index_says_is_kept_and_attestations_are_not() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::default();
    let mut children: Vec<Value> =
        images(APP).iter().filter(|image| image.name == "app:1").map(|image| layout.put_image(image)).collect();
    children[0]["annotations"] = json!({ "org.example.child": "kept" });
    let statement = layout.put("application/vnd.oci.image.manifest.v1+json", b"{}".to_vec());
    let mut attestation = statement;
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    let mut windows = children[0].clone();
    windows["platform"] = json!({ "os": "windows", "architecture": "amd64" });
    children.extend([attestation, windows]);
    // One that is said to be an index, and is none; and of which only its config says what it is made for.
    children[1]["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
    children[1]["platform"].take();
    let inner = layout.put_index(&children);
    let told = json!({ "org.example.index": "kept", "org.opencontainers.image.base.name": "docker.io/library/base:1" });
    let outer = json!({ "schemaVersion": 2, "manifests": [inner], "annotations": told });
    let outer = layout.put("application/vnd.oci.image.index.v1+json", outer.to_string().into_bytes());
    layout.tag("1", outer);
    layout.write_dir(&sandbox.path("old"));
    let (old, out) =
        (format!("oci:{}:1", sandbox.path("old").display()), format!("oci:{}", sandbox.path("new").display()));
    let run = sandbox.layerscope(["optimize", &old, "--squash", "all", "-o", &format!("{out}:1")]).run();
    assert_eq!(run.stderr, " WARN the image for windows/amd64 is left out: its layers are no Linux file systems\n");
    let new = named(&out, "1");
    assert_eq!(new["annotations"], told, "the base stays as well");
    assert_eq!(new["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(new["manifests"][0]["annotations"], json!({ "org.example.child": "kept" }));
}
