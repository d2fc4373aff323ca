//! Small inputs that grow: each is read, or refused, in little memory.

use std::io::{Read, Write};
use std::process::Stdio;

use super::Case;
use crate::support::compress::gzip;
use crate::support::{Header, ImageSpec, LayerSpec, Layout, Tar, hex};

/// No input may take more memory than this, in KiB.
const MOST: u64 = 250_000;

/// Runs a command to its end; its status, and the most memory it had, in KiB (proc(5), `VmHWM`).
fn peak(case: &Case, args: &[&str]) -> (i32, u64) {
    let mut command = case.sandbox.layerscope([args, &["--no-cache", &case.name]].concat()).command();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status_file = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let status = loop {
        let mut text = String::new();
        std::fs::File::open(&status_file).and_then(|mut file| file.read_to_string(&mut text)).ok();
        let now = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most = most.max(now.and_then(|now| now.parse().ok()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(most > 0, "nothing was measured");
    (status.code().unwrap(), most)
}

/// It ends with this status, in little memory.
#[track_caller]
pub(super) fn holds(case: &Case, code: i32) {
    let (ended, most) = peak(case, &["inspect", "--platform", "linux/amd64"]);
    assert_eq!(ended, code);
    assert!(most < MOST, "{most} KiB");
}

/// A tar with one file of so many zeros, and its gzip, made piece by piece.
fn zeros(size: u64) -> (Vec<u8>, String) {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    let mut write = |bytes: &[u8]| {
        hasher.update(bytes);
        encoder.write_all(bytes).unwrap();
    };
    write(&Header { size: Some(size as i64), ..Header::file("zeros") }.bytes(0));
    let piece = vec![0; 1 << 20];
    (0..size >> 20).for_each(|_| write(&piece));
    write(&[0; 1024]);
    (encoder.finish().unwrap(), hex(&hasher.finalize()))
}

#[test]
fn gigabytes_of_zeros() {
    let (blob, diff_id) = zeros(2 << 30);
    let case = Case::of_layer(LayerSpec { diff_id: Some(diff_id), ..LayerSpec::of_blob(blob, Vec::new()) });
    holds(&case, 0);
    assert_eq!(case.inspect()["totals"]["visible_bytes"], 2_u64 << 30);
}

#[test]
fn a_sparse_file_of_exabytes() {
    let mut tar = Tar::new();
    tar.pax_sparse_10("huge", 1 << 60, &[(0, 3), (1 << 60, 0)], b"abc");
    holds(&Case::of_tar(tar.finish()), 0);
}

#[test]
fn hundreds_of_thousands_of_empty_files() {
    let mut tar = Tar::new();
    for n in 0..200_000 {
        tar.file(format!("d{}/f{n}", n % 100), "");
    }
    let case = Case::of_tar(tar.finish());
    holds(&case, 0);
    assert_eq!(case.inspect()["totals"]["files"], 200_000);
}

#[test]
fn paths_without_end() {
    let deep = Tar::new().gnu_long_name("d/".repeat(2000) + "f").file("x", "1").finish();
    holds(&Case::of_tar(deep), 0);
    let longer = Tar::new().gnu_long_name("d/".repeat(200_000) + "f").file("x", "1").finish();
    let case = Case::of_tar(longer);
    holds(&case, 2);
    insta::assert_snapshot!(case.refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the entry at byte 400896 has a path of 400001 bytes: Linux takes at most 4096");
}

#[test]
fn records_without_end() {
    let value = vec![b'v'; 4 << 20];
    let case = Case::of_tar(Tar::new().pax(&[("comment", &value)]).file("a", "1").finish());
    holds(&case, 2);
    insta::assert_snapshot!(case.refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the extended header at byte 0 has 4194321 bytes: more than 1048576 are refused");
    let mut tar = Tar::new();
    for n in 0..3000 {
        tar.pax(&[("comment", format!("{n}").as_bytes())]);
    }
    holds(&Case::of_tar(tar.file("a", "1").finish()), 0);
}

#[test]
fn names_beyond_the_room_for_packages() {
    let long = format!("Name: {}\nVersion: 1\n\n", "n".repeat(900_000));
    let mut tar = Tar::new();
    for n in 0..100 {
        tar.file(format!("p{n}.dist-info/METADATA"), &long);
    }
    let case = Case::of_tar(tar.finish());
    holds(&case, 0);
    assert!(case.rules().contains(&"unreadable-package-database".to_owned()));
}

/// An image whose config is these bytes.
fn with_config(config: Vec<u8>) -> Case {
    let mut layout = Layout::default();
    let config = layout.put("application/vnd.oci.image.config.v1+json", config);
    let manifest = serde_json::json!({ "schemaVersion": 2, "config": config, "layers": [] });
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = layout.put(manifest_type, serde_json::to_vec(&manifest).unwrap());
    layout.tag("test", manifest);
    Case::of_layout(&layout)
}

#[test]
fn documents_without_end() {
    let case = with_config(vec![b'['; 400_000]);
    holds(&case, 2);
    insta::assert_snapshot!(case.refused(), @"error: config sha256:… is broken: invalid type: sequence, expected struct Config at line 1 column 0");
    let case = with_config([b"{\"a\":[0", ",0".repeat(4_000_000).as_bytes(), b"]}"].concat());
    holds(&case, 2);
    insta::assert_snapshot!(case.refused(), @"error: config sha256:… is broken: it has more than 500000 values");
    let case = with_config([b"{\"a\":\"", vec![b'x'; 80 << 20].as_slice(), b"\"}"].concat());
    holds(&case, 2);
    insta::assert_snapshot!(case.refused(), @"error: config sha256:… says it has 83886088 bytes: more than 8388608 are refused");
}

#[test]
fn a_bomb_within_a_bomb_is_not_unpacked_twice() {
    let inner = gzip(&gzip(&vec![0; 1 << 20]));
    let case = Case::new(&ImageSpec::of_layers([LayerSpec::of_blob(inner.clone(), inner)]));
    holds(&case, 2);
}
