//! `recommend` over registries: images that the catalogue names, and bases that a builder's provenance names. All names
//! lead, by `registries.conf`, to one server.

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::{Layout, Sandbox, images};

const SYSTEM: &str = r#"
tree system
  file /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 755 elf="soname=ld-linux-x86-64.so.2"
  link /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  file /lib/x86_64-linux-gnu/libc.so.6 755 elf="soname=libc.so.6 provides=GLIBC_2.34"
tree debian
  file /etc/os-release "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n"
tree app
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.34"
"#;

/// Serves a layout to whoever asks for images of these registries.
fn served(sandbox: &Sandbox, layout: &Layout, registries: &[&str]) -> Server {
    layout.write_dir(&sandbox.path("all"));
    let server = Server::start(vec![sandbox.path("all")]);
    let mapped =
        registries.iter().map(|from| format!("[[registry]]\nprefix = '{from}'\nlocation = '{}'\n", server.address));
    sandbox.write("home/.config/containers/registries.conf", mapped.collect::<String>());
    server
}

fn recommended(sandbox: &Sandbox, image: &str, options: &[&str]) -> Value {
    let args = [&["recommend", "--format", "json", image], options].concat();
    sandbox.layerscope(args).run().json()
}

#[test]
fn images_of_the_catalogue_are_found_where_registries_conf_has_them() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&images(
        &format!(
            r#"{SYSTEM}
        image debian:12 linux/amd64 full-name
        layer "ADD rootfs.tar /"
          include system
          include debian
          file /usr/share/doc/manual size=90k
        image debian:12-slim linux/amd64 full-name
        layer "ADD rootfs.tar /"
          include system
          include debian
          file /usr/share/perl5/Some.pm size=40k
        image gcr.io/distroless/cc-debian12:nonroot linux/amd64 full-name
        layer "bazel build"
          include system
          include debian
        image team/app:1 linux/amd64 full-name
        from debian:12
        layer "COPY app /app"
          include app
        entrypoint ["/app/run"]
        "#
        )
        .replace("\n        ", "\n"),
    ));
    let server = served(&sandbox, &layout, &["docker.io", "gcr.io"]);
    assert!(server.images.contains(&"distroless/cc-debian12:nonroot".to_owned()), "{:?}", server.images);
    let document = recommended(&sandbox, "team/app:1", &[]);
    assert_eq!(document["base"]["names"], json!(["docker.io/library/debian:12"]), "{document:#}");
    assert_eq!(document["recommended"], "gcr.io/distroless/cc-debian12:nonroot", "{document:#}");
    let found: Vec<_> = document["candidates"].as_array().unwrap().iter().collect();
    let told: Vec<_> = found.iter().map(|one| (&one["reference"], &one["verdict"], &one["family"]["id"])).collect();
    let expected = [
        ("gcr.io/distroless/cc-debian12:nonroot", "works", json!("distroless-cc")),
        ("docker.io/library/debian:12-slim", "works", json!("debian-slim")),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(name, verdict, id)| (json!(name), json!(verdict), id)).collect();
    assert_eq!(told, expected.iter().map(|(name, verdict, id)| (name, verdict, id)).collect::<Vec<_>>());
    // The catalogue has one more, which is not served.
    let missing = document["unavailable"].as_array().unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["name"], "gcr.io/distroless/base-debian12:nonroot");
    // In a room without a network what was seen before is looked at again, and it is told that there may be more.
    drop(server);
    let offline = recommended(&sandbox, "team/app:1", &["--offline"]);
    assert_eq!(offline["candidates"], document["candidates"]);
    insta::assert_snapshot!(offline["unavailable"], @r#"[{"name":"docker.io/library/debian","reason":"--offline: only what is in the cache was looked at"}]"#);
}

/// Data alone may be the same on all platforms.
#[test]
fn a_base_is_one_of_the_images_platform() {
    let sandbox = Sandbox::new();
    let debian = "layer rootfs\n  include system\n  include debian\n";
    let layout = Layout::of(&images(&format!(
        "{SYSTEM}image debian:12 linux/arm64 full-name\n{debian}\
         image team/app:1 linux/amd64 full-name\n{debian}layer app\n  include app\n"
    )));
    let _server = served(&sandbox, &layout, &["docker.io"]);
    let base = |image: &str| {
        let inspected = sandbox.layerscope(["inspect", "--platform", "linux/amd64", "-f", "json", image]).run();
        inspected.json()["base"]["names"].clone()
    };
    sandbox.ok(["inspect", "--platform", "linux/arm64", "debian:12"]);
    assert_eq!(base("team/app:1"), Value::Null);
}

/// Images with what BuildKit attests of one (attestation-storage.md, slsa-provenance.md): an index with the image and,
/// behind it, a manifest whose layer is the statement.
fn attested(predicate: impl Fn(Value) -> (&'static str, Value)) -> Layout {
    let all = images(&format!(
        r#"{SYSTEM}
image registry.example/base/python:7 linux/amd64 full-name
layer "built by nobody that we know"
  include system
image registry.example/base/builder:1 linux/amd64 full-name
layer "of a stage that only builds"
  file /usr/bin/cc 755 size=1k
image registry.example/team/app:1 linux/amd64 full-name
from registry.example/base/python:7
layer "COPY app /app"
  include app
entrypoint ["/app/run"]
"#
    ));
    let mut layout = Layout::default();
    // BuildKit names what the name of a base led to: here an index.
    let [base, builder] = [&all[0], &all[1]].map(|image| {
        let child = layout.put_image(image);
        let index = layout.put_index(&[child]);
        layout.tag(&image.name, index.clone());
        index
    });
    let image = layout.put_image(&all[2]);
    let hex = |descriptor: &Value| descriptor["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let (kind, predicate) = predicate(materials(&hex(&builder), &hex(&base)));
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": kind,
        "subject": [{ "name": "_", "digest": { "sha256": hex(&image) } }],
        "predicate": predicate,
    });
    let mut blob = layout.put("application/vnd.in-toto+json", statement.to_string().into_bytes());
    blob["annotations"] = json!({ "in-toto.io/predicate-type": kind });
    let config = json!({
        "os": "unknown", "architecture": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [blob["digest"]] },
    });
    let config = layout.put("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [blob] });
    let mut attestation = layout.put(media_type, manifest.to_string().into_bytes());
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"],
    });
    let index = layout.put_index(&[image, attestation]);
    layout.tag(&all[2].name, index);
    layout
}

/// What a build used: its frontend, and the bases of its stages.
fn materials(builder: &str, base: &str) -> Value {
    json!([
        { "uri": "pkg:docker/docker/dockerfile@1", "digest": { "sha256": "ab".repeat(32) } },
        { "uri": "pkg:docker/registry.example/base/builder@1", "digest": { "sha256": builder } },
        {
            "uri": "pkg:docker/registry.example/base/python@7?platform=linux%2Famd64",
            "digest": { "sha256": base },
        },
    ])
}

fn evidence(document: &Value) -> Vec<(&str, &str, Option<bool>)> {
    let all = document["base"]["evidence"].as_array().unwrap().iter();
    all.map(|one| {
        let says = one["says"].as_str().unwrap();
        (one["kind"].as_str().unwrap(), says.split(' ').next().unwrap(), one["holds"].as_bool())
    })
    .collect()
}

#[test]
fn a_base_is_found_by_the_provenance_that_buildkit_attests() {
    let old = |materials| ("https://slsa.dev/provenance/v0.2", json!({ "materials": materials }));
    let new = |materials| {
        let definition = json!({ "resolvedDependencies": materials });
        ("https://slsa.dev/provenance/v1", json!({ "buildDefinition": definition }))
    };
    for layout in [attested(old), attested(new)] {
        let sandbox = Sandbox::new();
        let _server = served(&sandbox, &layout, &["docker.io", "registry.example"]);
        let document = recommended(&sandbox, "registry.example/team/app:1", &[]);
        let base = &document["base"];
        assert_eq!((&base["confidence"], &base["layers"]), (&json!("proven"), &json!(1)), "{document:#}");
        assert_eq!(base["names"], json!(["registry.example/base/python:7"]));
        let expected = [
            ("provenance", "docker/dockerfile:1", None),
            ("provenance", "registry.example/base/builder:1", Some(false)),
            ("provenance", "registry.example/base/python:7", Some(true)),
            ("layers", "its", Some(true)),
        ];
        assert_eq!(evidence(&document), expected);
        // In a layout, the same without a network.
        let image = format!("oci:{}:registry.example/team/app:1", sandbox.path("all").display());
        assert_eq!(evidence(&recommended(&sandbox, &image, &["--offline"])), expected);
    }
}
