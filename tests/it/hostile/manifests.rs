//! Manifests, indexes and configs that are odd, old, or of something else.

use serde_json::{Value, json};

use super::Case;
use crate::support::{ImageSpec, LayerSpec, Layout, Tar};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn image() -> ImageSpec {
    ImageSpec::of_tars([Tar::new().file("a", "1").finish(), Tar::new().file("b", "22").finish()])
}

/// A layout whose only tag is this document.
fn tagged(media_type: &str, document: &Value) -> Case {
    let mut layout = Layout::default();
    let descriptor = layout.put(media_type, serde_json::to_vec(document).unwrap());
    layout.tag("test", descriptor);
    Case::of_layout(&layout)
}

fn instructions(image: &ImageSpec) -> String {
    let document = Case::new(image).inspect();
    let layers = document["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["created_by"].as_str().unwrap_or("-")).collect::<Vec<_>>().join(", ")
}

#[test]
fn history_may_be_missing_short_or_long() {
    assert_eq!(instructions(&image()), "RUN layer 0, RUN layer 1");
    let mut none = image();
    none.history.clear();
    assert_eq!(instructions(&none), "-, -");
    let mut short = image();
    short.history.pop();
    assert_eq!(instructions(&short), "RUN layer 0, -");
    let mut long = image();
    long.history.push(json!({ "created_by": "RUN one too many" }));
    assert_eq!(instructions(&long), "RUN layer 1, RUN one too many");
}

#[test]
fn what_is_optional_may_be_missing_or_null() {
    let mut image = image();
    image.created = None;
    image.config_patch = json!({ "config": null, "history": null, "author": null });
    let document = Case::new(&image).inspect();
    assert_eq!((&document["image"]["created"], document["totals"]["files"].as_u64()), (&Value::Null, Some(2)));
}

#[test]
fn null_where_layers_should_be_is_an_image_without_layers() {
    let mut image = ImageSpec::of_tars([]);
    image.manifest_patch = json!({ "layers": null });
    image.config_patch = json!({ "rootfs": { "diff_ids": null } });
    assert_eq!(Case::new(&image).ls(), "drwxr-xr-x 0:0 0 /\n");
}

#[test]
fn attestations_are_no_images() {
    let mut layout = Layout::default();
    let real = layout.put_image(&image());
    let statement = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [] });
    let mut attestation = layout.put(MANIFEST, serde_json::to_vec(&statement).unwrap());
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    let index = layout.put_index(&[attestation.clone(), real]);
    let nested = layout.put_index(&[index]);
    layout.tag("test", nested);
    assert_eq!(Case::of_layout(&layout).ls(), "drwxr-xr-x 0:0 0 /\n-rw-r--r-- 0:0 1 /a\n-rw-r--r-- 0:0 2 /b\n");
    let mut layout = Layout::default();
    layout.put("", serde_json::to_vec(&statement).unwrap());
    let index = layout.put_index(&[attestation]);
    layout.tag("test", index);
    insta::assert_snapshot!(Case::of_layout(&layout).refused(), @"error: oci:[DIR]/image is an index that lists no image");
}

#[test]
fn an_index_of_itself_ends() {
    let mut layout = Layout::default();
    let mut index = layout.put_index(&[]);
    for _ in 0..40 {
        index = layout.put_index(&[index]);
    }
    layout.tag("test", index);
    insta::assert_snapshot!(Case::of_layout(&layout).refused(), @"error: oci:[DIR]/image nests indexes more than 4 deep");
}

#[test]
fn schema_1_gets_a_clear_word() {
    let document = json!({ "schemaVersion": 1, "name": "library/x", "tag": "1", "fsLayers": [], "history": [] });
    let case = tagged("application/vnd.docker.distribution.manifest.v1+prettyjws", &document);
    insta::assert_snapshot!(case.refused(), @"error: oci:[DIR]/image is a Docker schema 1 manifest, a format that was withdrawn: push the image again with a current docker or podman");
}

#[test]
fn an_artifact_is_no_image() {
    let mut layout = Layout::default();
    let config = layout.put("application/vnd.cncf.helm.config.v1+json", b"{}".to_vec());
    let chart = layout.put("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart".to_vec());
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [chart] });
    let manifest = layout.put(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    layout.tag("test", manifest);
    insta::assert_snapshot!(Case::of_layout(&layout).refused(), @"error: oci:[DIR]/image is an artifact of type application/vnd.cncf.helm.config.v1+json, not a container image");
}

#[test]
fn a_windows_image_gets_a_clear_word() {
    let mut image = ImageSpec::new("test", "windows/amd64");
    image.push("RUN x", LayerSpec::new(Tar::new().dir("Files").file("Files/a", "1").finish()));
    insta::assert_snapshot!(Case::new(&image).refused(), @"error: oci:[DIR]/image is a Windows image: its layers are not Linux file systems and cannot be analysed");
}

#[test]
fn a_digest_is_no_path() {
    for digest in
        ["sha256:../../../../etc/passwd", "sha256:", "../../etc/passwd", "md5:d41d8cd98f00b204e9800998ecf8427e"]
    {
        let layer = json!({ "mediaType": "", "digest": digest, "size": 1 });
        let document = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": [layer] });
        let said = tagged(MANIFEST, &document).refused();
        assert!(said.contains("is no digest"), "{said}");
    }
}

#[test]
fn documents_of_other_shapes_are_refused() {
    for document in [json!([]), json!("text"), json!({}), json!({ "schemaVersion": 2, "layers": {} })] {
        let said = tagged(MANIFEST, &document).refused();
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
    }
}

/// What is warned of goes to terminals and logs, where a line may be a command.
#[test]
fn a_platform_forges_no_line_of_a_log() {
    let mut layout = Layout::default();
    let image = ImageSpec::of_tars([Tar::new().file("a", "x").finish()]);
    let (ours, mut other) = (layout.put_image(&image), layout.put_image(&image));
    other["platform"]["os"] = "windows\r\n::error::forged\r\n\u{202e}".into();
    let index = layout.put_index(&[ours, other]);
    layout.tag("1", index);
    let case = Case::of_layout(&layout);
    let to = format!("oci:{}", case.sandbox.path("new").display());
    let run = case.sandbox.layerscope(["optimize", &case.name, "--squash", "all", "-o", &to]).run();
    assert!(run.stderr.contains(r"windows\r\n::error::forged\r\n\u{202e}"), "{}", run.stderr);
}
