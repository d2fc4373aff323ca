//! Tars by hand that tools read in different ways: an image means what Go's reader, and so podman, makes of them.

use super::Beside::{self, Podman};
use super::stacked_image;
use crate::support::tar_writer::Magic;
use crate::support::{Header, ImageSpec, Tar};

#[track_caller]
fn read(tar: &Tar, beside: Beside) -> String {
    stacked_image("the tar", ImageSpec::of_tars([tar.finish()]), beside)
}

#[test]
fn a_hard_links_size_is_no_data() {
    let mut tar = Tar::new();
    tar.file("a", "data").entry(&Header { size: Some(4), ..Header::hard("b", "a") }, b"").file("c", "more");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /a file 4 0644 0:0
    /b file 4 0644 0:0 = /a
    /c file 4 0644 0:0
    visible 8 B
    ");
}

#[test]
fn nor_is_that_of_a_folder_a_link_or_a_pipe() {
    let mut tar = Tar::new();
    tar.entry(&Header { size: Some(512), ..Header::dir("d") }, b"");
    tar.entry(&Header { size: Some(9), ..Header::symlink("l", "d") }, b"");
    tar.entry(&Header { size: Some(1), ..Header::new(b'6', "p") }, b"").file("last", "1");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /d dir 0 0755 0:0
    /l symlink 1 0000 0:0 -> d
    /last file 1 0644 0:0
    /p fifo 0 0644 0:0
    visible 1 B
    ");
}

#[test]
fn an_empty_pax_value_leaves_the_headers() {
    let mut tar = Tar::new();
    let keys = ["path", "linkpath", "size", "uid", "gid", "mtime", "GNU.sparse.name"];
    tar.pax(&keys.map(|key| (key, &b""[..])));
    tar.entry(&Header { uid: 7, ..Header::file("a") }, b"1").gnu_long_name("").file("b", "2");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /a file 1 0644 7:0
    /b file 1 0644 0:0
    visible 2 B
    ");
}

#[test]
fn of_extended_headers_the_last_counts_and_gnu_goes_before_pax() {
    let mut tar = Tar::new();
    tar.pax(&[("path", b"x"), ("path", b"twice")]).file("0", "1");
    tar.pax(&[("path", b"y"), ("uid", b"9")]).pax(&[("gid", b"5")]).file("two-headers", "2");
    tar.pax(&[("path", b"pax")]).gnu_long_name("gnu").file("0", "3");
    tar.gnu_long_name("gnu-first").pax(&[("path", b"pax-last")]).file("0", "4");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /gnu file 1 0644 0:0
    /gnu-first file 1 0644 0:0
    /twice file 1 0644 0:0
    /two-headers file 1 0644 0:5
    visible 4 B
    ");
}

#[test]
fn a_negative_owner_is_root() {
    let mut tar = Tar::new();
    tar.pax(&[("uid", b"-1"), ("gid", b"-1")]).file("pax", "1");
    tar.entry(&Header { uid: -1, gid: -1, ..Header::file("gnu") }, b"2");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /gnu file 1 0644 0:0
    /pax file 1 0644 0:0
    visible 2 B
    ");
}

#[test]
fn prefixes_of_every_dialect() {
    let (prefix, trailer) = (b"a/b".to_vec(), (508, b"tar\0".to_vec()));
    let ustar = |name: &str| Header { prefix: prefix.clone(), ..Header::file(name) };
    let mut tar = Tar::new();
    tar.dir("a").dir("a/b").entry(&ustar("ustar"), b"1");
    tar.entry(&Header { patches: vec![(263, b"\0\0".to_vec())], ..ustar("no-version") }, b"2");
    tar.entry(&Header { patches: vec![trailer], ..ustar("star") }, b"3");
    tar.entry(&Header { magic: Magic::Gnu, ..Header::file("gnu-has-none") }, b"4");
    tar.entry(&Header { magic: Magic::V7, ..ustar("v7-has-none") }, b"5");
    tar.gnu_long_name("p".repeat(155)).dir("0");
    tar.file("n".repeat(100), "6").entry(&Header { prefix: vec![b'p'; 155], ..Header::file("whole-prefix") }, b"7");
    let text = read(&tar, Podman);
    insta::assert_snapshot!(text.replace(&"n".repeat(100), "[100]").replace(&"p".repeat(155), "[155]"), @"
    /a dir 0 0755 0:0
    /a/b dir 0 0755 0:0
    /a/b/no-version file 1 0644 0:0
    /a/b/star file 1 0644 0:0
    /a/b/ustar file 1 0644 0:0
    /gnu-has-none file 1 0644 0:0
    /[100] file 1 0644 0:0
    /[155] dir 0 0755 0:0
    /[155]/whole-prefix file 1 0644 0:0
    /v7-has-none file 1 0644 0:0
    visible 7 B
    ");
}

#[test]
fn holes_are_zeros() {
    let map: Vec<(i64, i64)> = (0..40).map(|n| (n * 5000, 100)).collect();
    let (data, size) = (b"0123456789".repeat(400), 300_000);
    let mut tar = Tar::new();
    tar.pax_sparse_01("pax-0.1", size, &map, &data).pax_sparse_10("pax-1.0", size, &map, &data);
    tar.pax_sparse_10("all-hole", size, &[(size, 0)], b"").file("last", "1");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /all-hole file 300000 0644 0:0
    /last file 1 0644 0:0
    /pax-0.1 file 300000 0644 0:0
    /pax-1.0 file 300000 0644 0:0
    visible 8001 B
    ");
}

#[test]
fn sums_of_signed_bytes_are_right_too() {
    let header = Header::file(b"caf\xc3\xa9");
    let signed: i32 = header
        .bytes(1)
        .iter()
        .enumerate()
        .filter(|(at, _)| !(148..156).contains(at))
        .map(|(_, b)| i32::from(b.cast_signed()))
        .sum();
    let mut tar = Tar::new();
    tar.entry(&Header { checksum: u32::try_from(signed + 8 * 32).ok(), ..header }, b"1");
    insta::assert_snapshot!(read(&tar, Podman), @r"
    /caf\xc3\xa9 file 1 0644 0:0
    visible 1 B
    ");
}

#[test]
fn the_last_padding_may_be_missing() {
    let tar = Tar::new().file("a", "1").unfinished()[..513].to_vec();
    insta::assert_snapshot!(stacked_image("no padding", ImageSpec::of_tars([tar]), Podman), @"
    /a file 1 0644 0:0
    visible 1 B
    ");
}

#[test]
fn a_file_whose_name_ends_in_a_slash_is_one() {
    let mut tar = Tar::new();
    tar.file("a/", "1").entry(&Header { magic: Magic::V7, ..Header::new(0, "d/") }, b"").file("d/x", "2");
    insta::assert_snapshot!(read(&tar, Podman), @"
    /a file 1 0644 0:0
    /d dir 0 0644 0:0
    /d/x file 1 0644 0:0
    visible 2 B
    ");
}
