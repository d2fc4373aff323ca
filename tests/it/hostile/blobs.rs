//! Blobs: what they are packed as, and what is claimed of them.

use super::{Case, shorten};
use crate::support::compress::{Packing, gzip};
use crate::support::{ImageSpec, LayerSpec, Layout, Sandbox, Tar, sha256};

fn tar() -> Vec<u8> {
    Tar::new().file("a", "some text\n".repeat(4000)).file("b", "1").finish()
}

/// A layer packed by hand.
fn packed(blob: Vec<u8>) -> LayerSpec {
    LayerSpec::of_blob(blob, tar())
}

#[test]
fn every_packing_gives_the_same_rows() {
    let expected = Case::of_tar(tar()).ls();
    assert!(expected.contains("/a") && expected.contains("/b"));
    for packing in [Packing::None, Packing::GzipMembers, Packing::Zstd, Packing::ZstdFrames] {
        let case = Case::of_layer(LayerSpec { packing, ..LayerSpec::new(tar()) });
        assert_eq!(case.ls(), expected, "{packing:?}");
    }
}

#[test]
fn the_bytes_say_what_they_are_whatever_the_media_type_says() {
    let expected = Case::of_tar(tar()).ls();
    for media_type in [
        "",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    ] {
        for packing in [Packing::None, Packing::Gzip, Packing::Zstd] {
            let layer = LayerSpec { packing, media_type: Some(media_type.into()), ..LayerSpec::new(tar()) };
            assert_eq!(Case::of_layer(layer).ls(), expected, "{packing:?} as {media_type:?}");
        }
    }
}

#[test]
fn estargz_is_gzip_with_landmarks_and_a_table() {
    let mut tar = Tar::new();
    tar.file(".no.prefetch.landmark", "\x0f")
        .file("a", "data")
        .file("stargz.index.json", "{\"version\":1,\"entries\":[]}");
    let tar = tar.finish();
    let footer = gzip(b"");
    let blob = [tar.chunks(1024).flat_map(gzip).collect::<Vec<u8>>(), footer].concat();
    insta::assert_snapshot!(Case::of_layer(LayerSpec::of_blob(blob, tar)).ls(), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 1 /.no.prefetch.landmark
    -rw-r--r-- 0:0 4 /a
    -rw-r--r-- 0:0 26 /stargz.index.json
    ");
}

#[test]
fn rubbish_behind_the_data_is_refused() {
    let gz = [gzip(&tar()), b"rubbish".to_vec()].concat();
    insta::assert_snapshot!(Case::of_layer(packed(gz)).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: gzip data cannot be decompressed: what should be a gzip header is none");
    let zst = [Packing::Zstd.pack(&tar()), b"rubbish".to_vec()].concat();
    insta::assert_snapshot!(Case::of_layer(packed(zst)).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: zstd data cannot be decompressed: Unknown frame descriptor");
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    // A frame whose window is 2 GiB (RFC 8878, 3.1.1.1.2): exponent 21.
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3][..], &[1, 0, 0]].concat();
    insta::assert_snapshot!(Case::of_layer(packed(frame)).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: zstd data cannot be decompressed: Frame requires too much memory for decoding");
}

#[test]
fn truncated_and_flipped_blobs_are_refused() {
    let whole = gzip(&tar());
    insta::assert_snapshot!(Case::of_layer(packed(whole[..whole.len() - 9].to_vec())).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: gzip data cannot be decompressed: it is cut off");
    let mut flipped = whole.clone();
    flipped[60] ^= 0x10;
    let said = Case::of_layer(packed(flipped)).refused();
    assert!(said.contains("gzip data cannot be decompressed") || said.contains("diff ID"), "{said}");
    // The blob on disk is another than the manifest names.
    let layout = Layout::of(&[ImageSpec::of_tars([tar()])]);
    for change in [0, whole.len() / 2, whole.len() - 1] {
        let mut layout = layout.clone();
        layout.blobs.get_mut(&sha256(&whole)).unwrap()[change] ^= 1;
        let said = Case::of_layout(&layout).refused();
        assert!(said.contains("layer sha256:… is corrupt") || said.contains("is broken"), "byte {change}: {said}");
    }
}

#[test]
fn a_blob_of_another_length_is_refused() {
    let whole = gzip(&tar());
    for (what, bytes) in [("shorter", whole[..whole.len() - 1].to_vec()), ("longer", [&whole[..], b"x"].concat())] {
        let mut layout = Layout::of(&[ImageSpec::of_tars([tar()])]);
        layout.blobs.insert(sha256(&whole), bytes);
        let said = Case::of_layout(&layout).refused();
        assert!(said.contains("its descriptor says"), "{what}: {said}");
    }
}

#[test]
fn a_missing_blob_is_named() {
    let mut layout = Layout::of(&[ImageSpec::of_tars([tar()])]);
    layout.blobs.remove(&sha256(&gzip(&tar())));
    insta::assert_snapshot!(Case::of_layout(&layout).refused(), @"error: [DIR]/image has no blobs/sha256/87abb2bf6893cb407c6b9d40c5b377a501d20b73caf61bc339887f2e3f3033bb: the image is incomplete, save or copy it again");
}

#[test]
fn a_wrong_diff_id_is_refused_and_checked_only_in_full() {
    let layer = LayerSpec { diff_id: Some(sha256(b"another tar")), ..LayerSpec::new(tar()) };
    let case = Case::of_layer(layer);
    insta::assert_snapshot!(case.refused(), @"error: oci:[DIR]/image: layer sha256:… is not what the image's config says: diff ID sha256:… instead of sha256:…");
    case.sandbox.ok(["ls", "--verify", "blob", &case.name]);
    assert_eq!(case.sandbox.ok(["cache", "size"]), "0 B in 0 files\n", "what was not verified in full is not kept");
}

#[test]
fn diff_ids_must_be_as_many_as_layers() {
    for extra in [-1, 1] {
        let mut image = ImageSpec::of_tars([tar()]);
        image.extra_diff_ids = extra;
        let said = Case::new(&image).refused();
        assert!(said.contains("diff ID"), "{said}");
    }
}

#[test]
fn one_layer_twice_is_two_layers() {
    let image = ImageSpec::of_tars([tar(), tar()]);
    let totals = Case::new(&image).inspect()["totals"].clone();
    let data = 40_001;
    assert_eq!((totals["layers"].as_u64(), totals["visible_bytes"].as_u64()), (Some(2), Some(data)));
    assert_eq!(totals["wasted_bytes"].as_u64(), Some(data));
}

#[test]
fn foreign_layers_get_a_clear_word() {
    let mut image = ImageSpec::of_tars([tar()]);
    let blob = gzip(&tar());
    image.manifest_patch = serde_json::json!({ "layers": [{
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": sha256(&blob),
        "size": blob.len(),
        "urls": ["http://127.0.0.1:9/somewhere"],
    }] });
    insta::assert_snapshot!(Case::new(&image).refused(), @"error: layer sha256:… of oci:[DIR]/image is foreign (application/vnd.docker.image.rootfs.foreign.diff.tar.gzip): registries do not distribute it, so it cannot be analysed");
}

#[test]
fn what_one_image_claims_does_not_spoil_another() {
    // The cache knows the blob; an image that claims another diff ID for it is refused all the same.
    let sandbox = Sandbox::new();
    let honest = ImageSpec::of_tars([tar()]);
    let liar = ImageSpec::of_layers([LayerSpec { diff_id: Some(sha256(b"x")), ..LayerSpec::new(tar()) }]);
    for (folder, image) in [("honest", &honest), ("liar", &liar)] {
        Layout::of(std::slice::from_ref(image)).write_dir(&sandbox.path(folder));
    }
    let name = |folder: &str| format!("oci:{}", sandbox.path(folder).display());
    sandbox.ok(["ls", "--platform", "linux/amd64", &name("honest")]);
    let said = shorten(&sandbox.fails(["ls", "--platform", "linux/amd64", &name("liar")]));
    assert!(said.contains("is not what the image's config says"), "{said}");
}
