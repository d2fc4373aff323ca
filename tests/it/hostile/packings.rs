//! How blobs may be packed, and by which digests they go.

use std::io::Write;

use serde_json::json;
use sha2::Digest as _;

use super::Case;
use crate::support::compress::gzip;
use crate::support::image::descriptor;
use crate::support::{ImageSpec, LayerSpec, Layout, Tar};

fn tar() -> Vec<u8> {
    Tar::new().file("a", "some text\n".repeat(400)).file("b", "1").finish()
}

/// The rows of the layer that `blob` is a packed form of.
#[track_caller]
fn reads(blob: Vec<u8>) {
    let case = Case::of_layer(LayerSpec::of_blob(blob, tar()));
    assert_eq!(case.ls(), "drwxr-xr-x 0:0 0 /\n-rw-r--r-- 0:0 4000 /a\n-rw-r--r-- 0:0 1 /b\n");
}

#[track_caller]
fn refuses(blob: Vec<u8>, reason: &str) {
    let said = Case::of_layer(LayerSpec::of_blob(blob, tar())).refused();
    assert!(said.contains("layer sha256:… is broken") && said.contains(reason), "{said}");
}

/// A zstd frame that decoders pass over (RFC 8878, 3.1.2).
fn skippable(magic: u8, bytes: &[u8]) -> Vec<u8> {
    [&[magic, 0x2a, 0x4d, 0x18][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

#[test]
fn gzip_headers_may_have_every_field() {
    let builder = flate2::GzBuilder::new().filename("layer.tar").comment("a comment").extra(vec![b'x'; 300]);
    let mut encoder = builder.mtime(7).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(&tar()).unwrap();
    reads(encoder.finish().unwrap());
}

#[test]
fn gzip_members_may_be_empty() {
    reads([gzip(b""), gzip(&tar()[..700]), gzip(b""), gzip(&tar()[700..]), gzip(b"")].concat());
}

#[test]
fn an_estargz_ends_in_a_footer_of_its_own() {
    // An empty member whose extra field says where the table of contents is (stargz-snapshotter, docs/estargz.md).
    let extra = [&b"SG\x16\0"[..], b"0000000000000400STARGZ"].concat();
    let header = [&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0][..], &extra].concat();
    let footer = [&header[..], &[1, 0, 0, 0xff, 0xff], &[0; 8]].concat();
    assert_eq!(footer.len(), 51);
    reads([gzip(&tar()), footer].concat());
}

#[test]
fn zstd_frames_may_be_skipped_anywhere() {
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let table = skippable(0x50, &frame(b"zstd:chunked keeps its table in such a frame"));
    let large = skippable(0x5f, &vec![7; 3 << 20]);
    reads([&skippable(0x5a, b"")[..], &frame(&tar()[..700]), &large, &frame(&tar()[700..]), &table].concat());
}

#[test]
fn what_follows_is_refused_be_it_zeros_or_another_format() {
    for more in [&[0; 512][..], &[0x1f], &zstd::encode_all(&b"x"[..], 3).unwrap()] {
        refuses([&gzip(&tar())[..], more].concat(), "gzip data cannot be decompressed");
    }
    for more in [&[0; 512][..], &gzip(b"x"), &skippable(0x50, b"cut")[..9]] {
        refuses([&zstd::encode_all(&tar()[..], 3).unwrap()[..], more].concat(), "zstd data cannot be decompressed");
    }
}

#[test]
fn a_blob_without_data_has_no_files() {
    for blob in [vec![], gzip(b""), zstd::encode_all(&b""[..], 3).unwrap(), skippable(0x50, b"only")] {
        let case = Case::of_layer(LayerSpec::of_blob(blob, Vec::new()));
        assert_eq!(case.ls(), "drwxr-xr-x 0:0 0 /\n");
    }
}

#[test]
fn cut_at_any_byte_it_is_refused() {
    let whole = [gzip(&tar()[..2000]), gzip(&tar()[2000..])].concat();
    let frames = [zstd::encode_all(&tar()[..2000], 3).unwrap(), zstd::encode_all(&tar()[2000..], 3).unwrap()].concat();
    for blob in [whole, frames] {
        for cut in (1..blob.len()).step_by(7) {
            Case::of_layer(LayerSpec::of_blob(blob[..cut].to_vec(), tar())).refused();
        }
    }
}

fn sha512(bytes: &[u8]) -> String {
    let hex: String = sha2::Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha512:{hex}")
}

/// The image with SHA-512 for every digest.
fn with_sha512() -> Layout {
    let mut layout = Layout::default();
    let mut put = |media_type: &str, bytes: Vec<u8>| {
        let digest = sha512(&bytes);
        let mut descriptor = descriptor(media_type, &bytes);
        descriptor["digest"] = json!(digest);
        layout.blobs.insert(digest, bytes);
        descriptor
    };
    let layer = put("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&tar()));
    let rootfs = json!({ "type": "layers", "diff_ids": [sha512(&tar())] });
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": rootfs });
    let config = put("application/vnd.oci.image.config.v1+json", serde_json::to_vec(&config).unwrap());
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    let manifest = put("application/vnd.oci.image.manifest.v1+json", serde_json::to_vec(&manifest).unwrap());
    layout.tag("test", manifest);
    layout
}

#[test]
fn digests_may_be_sha512() {
    let case = Case::of_layout(&with_sha512());
    let document = case.inspect();
    assert_eq!(document["layers"][0]["diff_id"], sha512(&tar()));
    assert_eq!(document["totals"]["visible_bytes"], 4001);
    let mut layout = with_sha512();
    *layout.blobs.get_mut(&sha512(&gzip(&tar()))).unwrap().last_mut().unwrap() ^= 1;
    let said = Case::of_layout(&layout).refused();
    assert!(said.contains("layer sha512:") && said.contains("is corrupt"), "{said}");
}

#[test]
fn a_size_beside_the_truth_is_refused_before_much_is_read() {
    for size in [0, 1, u64::MAX / 2] {
        let mut image = ImageSpec::of_tars([tar()]);
        let mut layer = descriptor("", &gzip(&tar()));
        layer["size"] = json!(size);
        image.manifest_patch = json!({ "layers": [layer] });
        let said = Case::new(&image).refused();
        assert!(said.contains(&format!("its descriptor says {size}")), "{said}");
    }
}
