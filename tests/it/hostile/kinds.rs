//! What registries hold beside images, under the same kinds of names: caches, signatures, attestations.

use serde_json::{Value, json};

use super::Case;
use crate::support::{ImageSpec, LayerSpec, Layout, Tar};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest of this config's type with one blob of this type, tagged.
fn artifact(config_type: &str, blob_type: &str) -> Case {
    let mut layout = Layout::default();
    let config = layout.put(config_type, b"{}".to_vec());
    let blob = layout.put(blob_type, b"{\"some\":\"json\"}".to_vec());
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [blob] });
    let manifest = layout.put(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    layout.tag("test", manifest);
    Case::of_layout(&layout)
}

/// An image whose layer is JSON of this type: its config is that of any image.
fn of_json(media_type: &str) -> Case {
    let json = b"{\"payloadType\":\"application/vnd.in-toto+json\"}".to_vec();
    Case::of_layer(LayerSpec { media_type: Some(media_type.into()), ..LayerSpec::of_blob(json.clone(), json) })
}

#[test]
fn artifacts_say_what_they_are() {
    let said = |config, blob| artifact(config, blob).refused();
    insta::assert_snapshot!(said("application/vnd.oci.empty.v1+json", "application/spdx+json"), @"error: oci:[DIR]/image is an artifact of type application/vnd.oci.empty.v1+json, not a container image");
    insta::assert_snapshot!(said("application/vnd.buildkit.cacheconfig.v0", "application/vnd.oci.image.layer.v1.tar+gzip"), @"error: oci:[DIR]/image is an artifact of type application/vnd.buildkit.cacheconfig.v0, not a container image");
    insta::assert_snapshot!(said("application/vnd.wasm.config.v0+json", "application/wasm"), @"error: oci:[DIR]/image is an artifact of type application/vnd.wasm.config.v0+json, not a container image");
}

#[test]
fn signatures_and_attestations_look_like_images_but_for_their_layers() {
    insta::assert_snapshot!(of_json("application/vnd.dev.cosign.simplesigning.v1+json").refused(), @"error: oci:[DIR]/image is an artifact of type application/vnd.dev.cosign.simplesigning.v1+json, not a container image");
    insta::assert_snapshot!(of_json("application/vnd.in-toto+json").refused(), @"error: oci:[DIR]/image is an artifact of type application/vnd.in-toto+json, not a container image");
}

#[test]
fn a_cache_of_buildkit_is_an_index_of_layers() {
    let mut layout = Layout::default();
    let tar = Tar::new().file("a", "1").finish();
    let layer = layout.put("application/vnd.oci.image.layer.v1.tar+gzip", crate::support::compress::gzip(&tar));
    let config = layout.put("application/vnd.buildkit.cacheconfig.v0", b"{}".to_vec());
    let index = layout.put_index(&[layer, config]);
    layout.tag("test", index);
    insta::assert_snapshot!(Case::of_layout(&layout).refused(), @"error: oci:[DIR]/image is an index that lists no image");
}

#[test]
fn an_index_may_list_artifacts_beside_an_image() {
    let mut layout = Layout::default();
    let mut image = layout.put_image(&ImageSpec::of_tars([Tar::new().file("a", "1").finish()]));
    image.as_object_mut().unwrap().remove("platform");
    let cache = layout.put("application/vnd.buildkit.cacheconfig.v0", b"{}".to_vec());
    let index = layout.put_index(&[cache, image]);
    layout.tag("test", index);
    assert_eq!(Case::of_layout(&layout).ls(), "drwxr-xr-x 0:0 0 /\n-rw-r--r-- 0:0 1 /a\n");
}

#[test]
fn encrypted_layers_are_told_so() {
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let media_type = Some("application/vnd.oci.image.layer.v1.tar+gzip+encrypted".into());
    let layer = LayerSpec { media_type, ..LayerSpec::of_blob(noise.clone(), noise) };
    insta::assert_snapshot!(Case::of_layer(layer).refused(), @"error: layer sha256:… of oci:[DIR]/image is encrypted (application/vnd.oci.image.layer.v1.tar+gzip+encrypted): it cannot be analysed without its key");
}

#[test]
fn hostile_names_reach_no_terminal() {
    let hostile = "\u{1b}[31m\u{202e}\nfake: line\u{9b}2J";
    let mut image = ImageSpec::of_tars([Tar::new().file("a", "1").finish()]);
    image.config_patch = json!({ "created": hostile, "architecture": hostile, "author": hostile });
    image.history = vec![json!({ "created_by": format!("RUN {hostile}") })];
    for key in ["User", "WorkingDir"] {
        image.config.insert(key.into(), json!(hostile));
    }
    image.config.insert("Labels".into(), json!({ hostile: hostile }));
    image.config.insert("Env".into(), json!([format!("A={hostile}")]));
    let case = Case::new(&image);
    let other = Case::new(&ImageSpec::of_tars([]));
    let clean = |what: &str, text: &str| {
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{what}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("fake")), "{what}: {text}");
    };
    for format in ["table", "markdown"] {
        for args in [&["inspect", &case.name][..], &["diff", &case.name, &other.name], &["ls", &case.name]] {
            clean(format, &case.sandbox.ok([args, &["--format", format]].concat()));
        }
    }
    let words: [(&str, Value); 2] = [
        ("artifactType", json!({ "artifactType": hostile, "config": { "mediaType": hostile } })),
        ("digest", json!({ "layers": [{ "mediaType": "", "size": 1, "digest": hostile }] })),
    ];
    for (what, patch) in words {
        let mut image = image.clone();
        image.manifest_patch = patch;
        let said = Case::new(&image).refused();
        clean(what, &said);
        assert!(said.contains("fake: line"), "{said}");
    }
}
