//! OCI layouts, as folders and in tars.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::{app, diff_ids, error, open, open_with, options, typed};
use crate::support::compress::{Packing, gzip};
use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::{ImageSpec, Layout, Sandbox, sha256};

const FULL_NAME: &str = "io.containerd.image.name";

fn write(sandbox: &Sandbox, name: &str, layout: &Layout) -> String {
    layout.write_dir(&sandbox.path(name));
    typed("oci:", &sandbox.path(name), "")
}

#[test]
fn every_form_of_an_image_has_the_same_layers() {
    let sandbox = Sandbox::new();
    let image = app("shop/app:1");
    let layout = Layout::of(std::slice::from_ref(&image));
    let (oci, docker, old) = (
        layout.archive(),
        docker_archive(std::slice::from_ref(&image)),
        old_docker_archive(std::slice::from_ref(&image)),
    );
    write(&sandbox, "dir", &layout);
    for (name, bytes) in [
        ("oci.tar", oci.clone()),
        ("oci.tar.gz", gzip(&oci)),
        ("oci.tar.zst", Packing::ZstdFrames.pack(&oci)),
        ("docker.tar", docker.clone()),
        ("docker.tgz", Packing::GzipMembers.pack(&docker)),
        ("old.tar", old),
    ] {
        sandbox.write(name, bytes);
    }
    let at = |text: &str| text.replace("DIR", sandbox.path("").to_str().unwrap().trim_end_matches('/'));
    for text in [
        "oci:DIR/dir",
        "oci:DIR/dir:1",
        "DIR/dir",
        "DIR/dir:1",
        "oci-archive:DIR/oci.tar",
        "oci-archive:DIR/oci.tar.gz:1",
        "DIR/oci.tar.zst",
        "DIR/oci.tar:1",
        "oci-archive:DIR/docker.tar",
        "docker-archive:DIR/docker.tar",
        "docker-archive:DIR/docker.tgz:shop/app:1",
        "DIR/docker.tgz:docker.io/shop/app:1",
        "docker-archive:DIR/old.tar",
        "DIR/old.tar:shop/app:1",
        "DIR/old.tar:1",
    ] {
        let (manifest, layers) = open(at(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(diff_ids(&manifest), [image.layers[0].diff_id(), image.layers[1].diff_id()], "{text}");
        assert_eq!(manifest.config_digest.to_string(), sha256(&image.documents().config), "{text}");
        let plain = text.contains("docker") || text.contains("old");
        let expected = image.layers.iter().map(|layer| if plain { layer.tar.clone() } else { layer.stored() });
        assert_eq!(layers, expected.collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn the_reference_is_what_gives_the_same_image_again() {
    let sandbox = Sandbox::new();
    write(&sandbox, "dir", &Layout::of(&[app("a:1"), app("a:2")]));
    let bare = format!("{}:2", sandbox.path("dir").display());
    let (manifest, _) = open(&bare).unwrap();
    assert_eq!(manifest.reference, format!("oci:{bare}"));
    assert_eq!(open(&manifest.reference).unwrap().0.digest, manifest.digest);
}

#[test]
fn an_image_is_chosen_by_tag_name_or_digest() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::of(&[app("one"), app("two")]);
    layout.index[0]["annotations"][FULL_NAME] = json!("docker.io/library/shop:one");
    let hidden = layout.put_image(&app("hidden"));
    let oci = write(&sandbox, "dir", &layout);
    let chosen = |select: &str| open(format!("{oci}{select}")).map(|(manifest, _)| diff_ids(&manifest));
    let diff_ids_of = |name| Ok(app(name).layers.iter().map(|layer| layer.diff_id()).collect::<Vec<_>>());
    for select in [":one", ":shop:one", ":docker.io/library/shop:one"] {
        assert_eq!(chosen(select), diff_ids_of("one"), "{select}");
    }
    assert_eq!(chosen(":two"), diff_ids_of("two"));
    let digest = |value: &serde_json::Value| format!("@{}", value["digest"].as_str().unwrap());
    assert_eq!(chosen(&digest(&layout.index[1])), diff_ids_of("two"));
    // It need not be in the index.
    assert_eq!(chosen(&digest(&hidden)), diff_ids_of("hidden"));
    insta::assert_snapshot!(error(&sandbox, &oci), @"[DIR]/dir has several images, choose one by its name: one, two");
    insta::assert_snapshot!(error(&sandbox, format!("{oci}:three")), @"[DIR]/dir has no image three; it has: one, two");
    insta::assert_snapshot!(error(&sandbox, format!("{oci}:../../x")), @"[DIR]/dir has no image ../../x; it has: one, two");
    insta::assert_snapshot!(error(&sandbox, format!("{oci}@sha256:../../../etc/passwd")), @r#"cannot choose an image of [DIR]/dir: "sha256:../../../etc/passwd" is no digest: expected 64 lower-case hex digits after the colon"#);
}

#[test]
fn names_may_be_full_ones() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::of(&[app("one"), app("two")]);
    for (i, name) in ["localhost:5000/a:latest", "localhost:5000/b:latest"].into_iter().enumerate() {
        layout.index[i]["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    }
    let oci = write(&sandbox, "dir", &layout);
    let (manifest, _) = open(format!("{oci}:localhost:5000/b:latest")).unwrap();
    assert_eq!(diff_ids(&manifest)[0], app("two").layers[0].diff_id());
    // A tag that two of them have does not tell which is meant.
    insta::assert_snapshot!(error(&sandbox, format!("{oci}:latest")), @"[DIR]/dir has several images, choose one by its name: localhost:5000/a:latest, localhost:5000/b:latest");
}

#[test]
fn several_platforms_of_a_tag_are_one_image() {
    let sandbox = Sandbox::new();
    let arm = ImageSpec { platform: "linux/arm64".into(), ..app("arm") };
    let mut layout = Layout::default();
    for image in [&app("amd"), &arm] {
        let descriptor = layout.put_image(image);
        layout.tag("x", descriptor);
    }
    let other = layout.put_image(&app("other"));
    layout.tag("y", other);
    let oci = write(&sandbox, "dir", &layout) + ":x";
    for (platform, image) in [("linux/amd64", &app("amd")), ("linux/arm64", &arm)] {
        let (manifest, _) = open_with(&oci, &options(), platform).unwrap();
        assert_eq!(diff_ids(&manifest)[0], image.layers[0].diff_id());
    }
    insta::assert_snapshot!(sandbox.filter(&open_with(&oci, &options(), "linux/s390x").unwrap_err()), @"oci:[DIR]/dir:x has no image for linux/s390x: it has linux/amd64, linux/arm64; choose one with --platform");
}

#[test]
fn one_image_under_two_names_is_one() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::of(&[app("one")]);
    let again = layout.index[0].clone();
    layout.tag("two", again);
    assert!(open(write(&sandbox, "dir", &layout)).is_ok());
}

#[test]
fn links_in_a_folder_are_followed() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("one")]);
    let oci = write(&sandbox, "dir", &layout);
    std::fs::rename(sandbox.path("dir/blobs"), sandbox.path("elsewhere")).unwrap();
    symlink("../elsewhere", sandbox.path("dir/blobs")).unwrap();
    assert!(open(oci).is_ok());
}

#[test]
fn what_is_missing_is_named() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("one")]);
    let (layer, config) = (app("one").documents().blobs.remove(1), app("one").documents().config);
    for (what, blob) in [("layer", sha256(&layer)), ("config", sha256(&config))] {
        let mut layout = layout.clone();
        layout.blobs.remove(&blob);
        let oci = write(&sandbox, what, &layout);
        let archive = sandbox.write(format!("{what}.tar"), layout.archive());
        for text in [oci, typed("oci-archive:", &archive, "")] {
            let error = error(&sandbox, text);
            assert!(error.contains(&blob.replace(':', "/")) && error.contains("incomplete"), "{error}");
        }
    }
    let oci = write(&sandbox, "dir", &layout);
    std::fs::remove_file(sandbox.path("dir/index.json")).unwrap();
    insta::assert_snapshot!(error(&sandbox, &oci), @"[DIR]/dir is no OCI image layout: it has no index.json");
    insta::assert_snapshot!(error(&sandbox, oci.replace("/dir", "/nowhere")), @"cannot read [DIR]/nowhere: No such file or directory (os error 2)");
}

#[test]
fn a_pipe_is_no_blob() {
    let sandbox = Sandbox::new();
    let image = app("one");
    let oci = write(&sandbox, "dir", &Layout::of(std::slice::from_ref(&image)));
    let blob = sandbox.path("dir/blobs").join(sha256(&image.layers[0].stored()).replace(':', "/"));
    std::fs::remove_file(&blob).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&blob).status().unwrap();
    assert!(made.success());
    let error = error(&sandbox, oci);
    assert!(error.ends_with("is no regular file"), "{error}");
}

#[test]
fn broken_documents_are_refused() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("one")]);
    let oci = write(&sandbox, "dir", &layout);
    let index = |text: &[u8]| {
        std::fs::write(sandbox.path("dir/index.json"), text).unwrap();
        error(&sandbox, &oci)
    };
    insta::assert_snapshot!(index(b"{"), @"index.json of [DIR]/dir is broken: EOF while parsing an object at line 1 column 1");
    insta::assert_snapshot!(index(b"[1]"), @"index.json of [DIR]/dir is broken: invalid type: integer `1`, expected a sequence at line 1 column 2");
    insta::assert_snapshot!(index(br#"{"manifests":null}"#), @"[DIR]/dir has no image in it");
    insta::assert_snapshot!(index(br#"{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}"#), @r#"index.json of [DIR]/dir is broken: "sha256:../../../../etc/passwd" is no digest: expected 64 lower-case hex digits after the colon at line 1 column 55"#);
    insta::assert_snapshot!(index(&vec![b' '; (4 << 20) + 1]), @"[DIR]/dir/index.json has 4194305 bytes: more than 4194304 are refused");
    let deep = [b"{\"manifests\":".as_slice(), &vec![b'['; 1_000_000]].concat();
    insta::assert_snapshot!(index(&deep), @"index.json of [DIR]/dir is broken: invalid type: sequence, expected a string at line 1 column 15");
}

#[test]
fn corrupt_manifests_and_configs_are_refused() {
    let sandbox = Sandbox::new();
    let documents = app("one").documents();
    for (what, bytes) in [("manifest", documents.manifest), ("config", documents.config)] {
        let mut layout = Layout::of(&[app("one")]);
        let flipped = layout.blobs.get_mut(&sha256(&bytes)).unwrap();
        let last = flipped.len() - 3;
        flipped[last] ^= 1;
        let error = error(&sandbox, write(&sandbox, what, &layout));
        assert!(error.starts_with(&format!("{what} {} is corrupt", sha256(&bytes))), "{error}");
    }
}
