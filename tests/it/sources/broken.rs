//! Archives that are cut, no tars, or made to do harm.

use super::{app, error, open, typed};
use crate::support::compress::gzip;
use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::{Header, Layout, Sandbox, Tar};

fn write(sandbox: &Sandbox, bytes: &[u8]) -> String {
    typed("", &sandbox.write("x.tar", bytes), "")
}

#[test]
fn an_archive_that_is_cut_is_refused_or_complete() {
    let sandbox = Sandbox::new();
    let images = [app("x:1")];
    for whole in [Layout::of(&images).archive(), docker_archive(&images), old_docker_archive(&images)] {
        // All but the end: blocks of zeros, and at most that much padding.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
        let (_, complete) = open(write(&sandbox, &whole)).unwrap();
        let cuts = (0..=end).step_by(311);
        let opened = cuts.clone().filter(|cut| match open(write(&sandbox, &whole[..*cut])) {
            // After the last file that is needed, before the end: nothing is missing.
            Ok((_, layers)) => layers == complete || panic!("cut at {cut}: other layers"),
            Err(_) => false,
        });
        assert!(opened.count() < cuts.count() / 4);
        assert!(error(&sandbox, write(&sandbox, &whole[..end])).contains("is cut off"));
    }
}

#[test]
fn a_packed_archive_that_is_cut_or_changed_is_refused() {
    let sandbox = Sandbox::new();
    let whole = gzip(&old_docker_archive(&[app("x:1")]));
    for cut in (2..whole.len()).step_by(97) {
        error(&sandbox, write(&sandbox, &whole[..cut]));
    }
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &flipped)), @"cannot read [DIR]/x.tar: its checksum is wrong");
}

#[test]
fn what_is_no_image_is_told_so() {
    let sandbox = Sandbox::new();
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, b"")), @"[DIR]/x.tar holds no image: it has neither index.json nor manifest.json");
    let no_tar = error(&sandbox, write(&sandbox, &noise));
    assert!(no_tar.starts_with("[DIR]/x.tar is no tar") && !no_tar.contains(char::is_control), "{no_tar}");
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &[0; 4096])), @"[DIR]/x.tar holds no image: it has neither index.json nor manifest.json");
    let files = Tar::new().file("etc/passwd", "root:x:0:0").finish();
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &files)), @"[DIR]/x.tar holds no image: it has neither index.json nor manifest.json");
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &files).replace("/tmp", "oci-archive:/tmp")), @"[DIR]/x.tar is no OCI image layout: it has no index.json");
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &files).replace("/tmp", "docker-archive:/tmp")), @"[DIR]/x.tar is no docker-archive: it has no manifest.json");
    insta::assert_snapshot!(error(&sandbox, typed("docker-archive:", &sandbox.path(""), "")), @"[DIR]/ is no regular file");
}

#[test]
fn headers_do_not_grow_without_end() {
    let sandbox = Sandbox::new();
    let long = vec![b'a'; 3 << 20];
    let name = Tar::new().gnu_long_name(&long).file("x", "").finish();
    let record = Tar::new().pax(&[("comment", &long)]).file("x", "").finish();
    for bytes in [name, record] {
        let error = error(&sandbox, write(&sandbox, &bytes));
        assert!(error.contains("the headers of a member have more than 1048576 bytes"), "{error}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let sandbox = Sandbox::new();
    for size in [i64::MAX, 1 << 40, 8 << 30] {
        let header = Header { size: Some(size), base256: true, ..Header::file("manifest.json") };
        let bytes = Tar::new().entry(&header, b"[]").finish();
        let error = error(&sandbox, write(&sandbox, &bytes));
        assert!(error.contains("cut off") || error.contains("overflow"), "{error}");
    }
}

#[test]
fn so_many_members_have_no_image() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::new();
    for n in 0..70_000 {
        tar.file(n.to_string(), "");
    }
    insta::assert_snapshot!(error(&sandbox, write(&sandbox, &tar.finish())), @"[DIR]/x.tar has more than 65536 members: it is no image");
}

#[test]
fn long_names_and_sizes_in_pax_records_are_read() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("x:1")]);
    let mut tar = Tar::new();
    for (name, bytes) in layout.files() {
        let size = bytes.len().to_string();
        tar.pax(&[("path", format!("./{name}").as_bytes()), ("size", size.as_bytes())]);
        tar.entry(&Header { size: Some(0), ..Header::file("short") }, &bytes);
    }
    assert!(open(write(&sandbox, &tar.finish())).is_ok());
}

#[test]
fn the_last_member_of_a_name_counts() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::new();
    tar.file("index.json", "{");
    for (name, bytes) in Layout::of(&[app("x:1")]).files() {
        tar.file(name, bytes);
    }
    assert!(open(write(&sandbox, &tar.finish())).is_ok());
}
