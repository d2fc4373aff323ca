//! What `docker save` and `podman save` write, of any age.

use serde_json::json;

use super::{app, diff_ids, error, open, typed};
use crate::support::compress::Packing;
use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::{Header, ImageSpec, Sandbox, Tar, sha256};

/// The hex digits of a digest.
fn hex(bytes: &[u8]) -> String {
    sha256(bytes)["sha256:".len()..].to_owned()
}

/// An archive of one image, whose layers are the members of these names; `members` writes them.
fn archive_of(image: &ImageSpec, layers: &[&str], members: impl FnOnce(&mut Tar)) -> Vec<u8> {
    let config = image.documents().config;
    let name = format!("{}.json", hex(&config));
    let mut tar = Tar::new();
    tar.file(&name, &config);
    members(&mut tar);
    let list = json!([{ "Config": name, "RepoTags": [image.name], "Layers": layers }]);
    tar.file("manifest.json", list.to_string());
    tar.finish()
}

fn write(sandbox: &Sandbox, bytes: Vec<u8>) -> String {
    typed("docker-archive:", &sandbox.write("x.tar", bytes), "")
}

/// An archive with this `manifest.json` and nothing else.
fn with_manifest(sandbox: &Sandbox, manifest: &[u8]) -> String {
    write(sandbox, Tar::new().file("manifest.json", manifest).finish())
}

#[test]
fn an_image_is_chosen_by_name_or_id() {
    let sandbox = Sandbox::new();
    let images = [app("python:3.11"), app("localhost/shop:3.12"), app("localhost:5000/shop")];
    for bytes in [docker_archive(&images), old_docker_archive(&images)] {
        let archive = write(&sandbox, bytes);
        let id = format!("@{}", sha256(&images[1].documents().config));
        for (select, image) in [
            (":python:3.11", 0),
            (":docker.io/library/python:3.11", 0),
            (":localhost/shop:3.12", 1),
            (":3.12", 1),
            (&id, 1),
            (":localhost:5000/shop:latest", 2),
            (":@1", 1),
        ] {
            let (manifest, _) = open(format!("{archive}{select}")).unwrap_or_else(|e| panic!("{select}: {e}"));
            assert_eq!(diff_ids(&manifest)[0], images[image].layers[0].diff_id(), "{select}");
        }
        for unknown in [":python:3.12", ":shop:3.12", ":latest", "@sha256:00"] {
            let error = error(&sandbox, format!("{archive}{unknown}"));
            assert!(error.contains("has no image"), "{unknown}: {error}");
        }
    }
    let archive = write(&sandbox, old_docker_archive(&images));
    insta::assert_snapshot!(error(&sandbox, &archive), @"[DIR]/x.tar has several images, choose one by its name: localhost/shop:3.12, localhost:5000/shop, python:3.11");
    insta::assert_snapshot!(error(&sandbox, format!("{archive}:python:3.12")), @"[DIR]/x.tar has no image python:3.12; it has: localhost/shop:3.12, localhost:5000/shop, python:3.11");
}

#[test]
fn images_without_a_name_go_by_their_id() {
    let sandbox = Sandbox::new();
    let mut list = Vec::new();
    let mut tar = Tar::new();
    for image in [app("a"), app("b")] {
        let config = image.documents().config;
        tar.file(format!("{}.json", hex(&config)), &config);
        for layer in &image.layers {
            tar.file(hex(&layer.tar), &layer.tar);
        }
        let layers: Vec<_> = image.layers.iter().map(|layer| hex(&layer.tar)).collect();
        list.push(json!({ "Config": format!("{}.json", hex(&config)), "RepoTags": null, "Layers": layers }));
    }
    let archive = write(&sandbox, tar.file("manifest.json", json!(list).to_string()).finish());
    let id = sha256(&app("b").documents().config);
    let (manifest, _) = open(format!("{archive}@{id}")).unwrap();
    assert_eq!(manifest.config_digest.to_string(), id);
    assert!(error(&sandbox, &archive).contains(&id));
}

#[test]
fn layers_are_in_the_manifests_order() {
    let sandbox = Sandbox::new();
    let image = app("x:1");
    let [base, app] = [&image.layers[0].tar, &image.layers[1].tar];
    let bytes = archive_of(&image, &["base/layer.tar", "app/layer.tar"], |tar| {
        tar.file("app/layer.tar", app).file("base/layer.tar", base);
    });
    let (_, layers) = open(write(&sandbox, bytes)).unwrap();
    assert_eq!(layers, [base.clone(), app.clone()]);
}

#[test]
fn layers_may_be_links_within_the_archive() {
    let sandbox = Sandbox::new();
    let image = app("x:1");
    let [base, app] = [&image.layers[0].tar, &image.layers[1].tar];
    let bytes = archive_of(&image, &["a/layer.tar", "./b//layer.tar"], |tar| {
        tar.entry(&Header::symlink("a/layer.tar", "../hop"), b"");
        tar.entry(&Header::symlink("hop", "/base.tar"), b"");
        tar.entry(&Header::hard("b/layer.tar", "./app.tar"), b"");
        tar.file("base.tar", base).file("app.tar", app);
    });
    let (_, layers) = open(write(&sandbox, bytes)).unwrap();
    assert_eq!(layers, [base.clone(), app.clone()]);
}

#[test]
fn links_that_lead_nowhere_are_missing_layers() {
    let sandbox = Sandbox::new();
    let image = app("x:1");
    let secret = sandbox.write("secret", "not in the archive");
    for (name, target) in
        [("a", "a"), ("a", "../../../../../../etc/passwd"), ("a", secret.to_str().unwrap()), ("a", "b"), ("a", "")]
    {
        let bytes = archive_of(&image, &["a", "a"], |tar| {
            tar.entry(&Header::symlink(name, target), b"").entry(&Header::symlink("b", "a"), b"");
        });
        let error = error(&sandbox, write(&sandbox, bytes));
        assert_eq!(error, "[DIR]/x.tar has no a: the image is incomplete, save or copy it again", "{target}");
    }
}

#[test]
fn names_that_climb_out_stay_in_the_archive() {
    let sandbox = Sandbox::new();
    let image = app("x:1");
    for layer in ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ"] {
        let error = error(&sandbox, write(&sandbox, archive_of(&image, &[layer, layer], |_| {})));
        assert!(error.contains("has no "), "{error}");
    }
    let [base, app] = [&image.layers[0].tar, &image.layers[1].tar];
    let bytes = archive_of(&image, &["/x/../base", "../app"], |tar| {
        tar.file("../../base", base).file("/app", app);
    });
    assert_eq!(open(write(&sandbox, bytes)).unwrap().1, [base.clone(), app.clone()]);
}

#[test]
fn packed_layers_have_the_digest_of_their_bytes() {
    let sandbox = Sandbox::new();
    let mut image = app("x:1");
    image.layers[1].packing = Packing::Zstd;
    let (gzip, zstd) = (image.layers[0].stored(), image.layers[1].stored());
    // Bazel's and kaniko's names, one with digits of something else, and Docker's with those of the blob.
    let blob = format!("blobs/sha256/{}", hex(&zstd));
    let other = format!("{}.tar.gz", hex(b"other"));
    for names in [["layer0.tar.gz", "layer1"], [&other, &blob]] {
        let bytes = archive_of(&image, &names, |tar| {
            tar.file(names[0], &gzip).file(names[1], &zstd);
        });
        let (manifest, layers) = open(write(&sandbox, bytes)).unwrap();
        assert_eq!(layers, [gzip.clone(), zstd.clone()]);
        let types: Vec<_> = manifest.layers.iter().map(|layer| layer.media_type.rsplit('.').next().unwrap()).collect();
        assert_eq!(types, ["tar+gzip", "tar+zstd"]);
    }
}

#[test]
fn one_layer_twice_is_two_layers() {
    let sandbox = Sandbox::new();
    let layer = app("x").layers.remove(0);
    let image = ImageSpec { name: "x:1".into(), ..ImageSpec::of_layers([layer.clone(), layer.clone()]) };
    for bytes in [docker_archive(std::slice::from_ref(&image)), old_docker_archive(std::slice::from_ref(&image))] {
        assert_eq!(open(write(&sandbox, bytes)).unwrap().1, [layer.tar.clone(), layer.tar.clone()]);
    }
}

#[test]
fn diff_ids_and_layers_are_as_many() {
    let sandbox = Sandbox::new();
    for (extra, counts) in [(1, "3 diff IDs, its manifest 2 layers"), (-1, "1 diff IDs, its manifest 2 layers")] {
        let image = ImageSpec { extra_diff_ids: extra, ..app("x:1") };
        let error = error(&sandbox, write(&sandbox, old_docker_archive(&[image])));
        assert!(error.ends_with(counts), "{error}");
    }
}

#[test]
fn a_config_that_is_not_what_its_name_says_is_refused() {
    let sandbox = Sandbox::new();
    let image = app("x:1");
    let config = image.documents().config;
    let mut bytes = old_docker_archive(&[image]);
    let at = bytes.windows(config.len()).position(|window| window == config).unwrap();
    bytes[at + config.len() - 3] ^= 1;
    let error = error(&sandbox, write(&sandbox, bytes));
    assert!(error.starts_with(&format!("config {} is corrupt", sha256(&config))), "{error}");
}

#[test]
fn very_old_archives_get_a_clear_word() {
    let sandbox = Sandbox::new();
    let bytes = Tar::new().file("repositories", "{}").finish();
    let docker = write(&sandbox, bytes);
    insta::assert_snapshot!(error(&sandbox, &docker), @"[DIR]/x.tar was saved by a Docker older than 1.10, without manifest.json: load it with a current Docker and save it again");
    let bare = docker.trim_start_matches("docker-archive:").to_owned();
    assert_eq!(error(&sandbox, bare), error(&sandbox, docker));
}

#[test]
fn broken_manifests_are_refused() {
    let sandbox = Sandbox::new();
    let with = |manifest: &[u8]| error(&sandbox, with_manifest(&sandbox, manifest));
    insta::assert_snapshot!(with(b"["), @"manifest.json of [DIR]/x.tar is broken: EOF while parsing a list at line 1 column 1");
    insta::assert_snapshot!(with(b"[]"), @"[DIR]/x.tar has no image in it");
    insta::assert_snapshot!(with(b"null"), @"[DIR]/x.tar has no image in it");
    insta::assert_snapshot!(with(br#"[{"RepoTags":null,"Layers":null}]"#), @"manifest.json of [DIR]/x.tar is broken: missing field `Config` at line 1 column 32");
    insta::assert_snapshot!(with(br#"[{"Config":"","RepoTags":null,"Layers":null}]"#), @"[DIR]/x.tar has no : the image is incomplete, save or copy it again");
    insta::assert_snapshot!(with(br#"[{"Config":"../../x","Layers":null}]"#), @"[DIR]/x.tar has no ../../x: the image is incomplete, save or copy it again");
    insta::assert_snapshot!(with(&vec![b'['; 1_000_000]), @"manifest.json of [DIR]/x.tar is broken: invalid type: sequence, expected a string at line 1 column 2");
    insta::assert_snapshot!(with(&vec![b' '; (4 << 20) + 1]), @"manifest.json in [DIR]/x.tar has 4194305 bytes: more than 4194304 are refused");
}

#[test]
fn another_platform_is_no_reason_to_refuse() {
    let sandbox = Sandbox::new();
    let image = ImageSpec { platform: "linux/s390x".into(), ..app("x:1") };
    let (manifest, _) = open(write(&sandbox, old_docker_archive(&[image]))).unwrap();
    assert_eq!(manifest.config.platform().to_string(), "linux/s390x");
    let windows = ImageSpec { platform: "windows/amd64".into(), ..app("x:1") };
    assert!(error(&sandbox, write(&sandbox, old_docker_archive(&[windows]))).contains("Windows"));
}
