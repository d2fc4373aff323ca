//! Tars of every age and kind, and what is none.

use super::Case;
use crate::support::tar_writer::Magic;
use crate::support::{Header, Tar};

fn ls(tar: &Tar) -> String {
    Case::of_tar(tar.finish()).ls()
}

#[test]
fn long_names_and_links_of_either_kind() {
    let (name, target) = ("n".repeat(150), "t".repeat(150));
    let mut tar = Tar::new();
    tar.gnu_long_name(format!("gnu/{name}")).gnu_long_link(format!("/{target}")).entry(&Header::symlink("x", "y"), b"");
    tar.pax(&[("path", format!("pax/{name}").as_bytes()), ("linkpath", format!("../{target}").as_bytes())]);
    tar.entry(&Header::symlink("x", "y"), b"");
    tar.entry(&Header { prefix: b"ustar/prefix".to_vec(), ..Header::file("name") }, b"1");
    insta::assert_snapshot!(ls(&tar).replace(&name, "[NAME]").replace(&target, "[TARGET]"), @"
    drwxr-xr-x 0:0 0 /
    drwxr-xr-x 0:0 0 /gnu
    lrwxrwxrwx 0:0 151 /gnu/[NAME] -> /[TARGET]
    drwxr-xr-x 0:0 0 /pax
    lrwxrwxrwx 0:0 153 /pax/[NAME] -> ../[TARGET]
    drwxr-xr-x 0:0 0 /ustar
    drwxr-xr-x 0:0 0 /ustar/prefix
    -rw-r--r-- 0:0 1 /ustar/prefix/name
    ");
}

#[test]
fn a_pax_size_counts_and_what_follows_is_read_behind_it() {
    // CVE-2025-62518: who goes by the header's size of 0 reads the data as entries.
    let inner = Tar::new().file("smuggled", "x").finish();
    let mut tar = Tar::new();
    tar.pax(&[("size", inner.len().to_string().as_bytes())]);
    tar.entry(&Header { size: Some(0), ..Header::file("outer.tar") }, &inner).file("last", "z");
    insta::assert_snapshot!(ls(&tar), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 1 /last
    -rw-r--r-- 0:0 2048 /outer.tar
    ");
}

#[test]
fn a_pax_size_of_a_directory_is_no_data() {
    let mut tar = Tar::new();
    tar.pax(&[("size", b"512")]).dir("d").file("d/a", "1");
    insta::assert_snapshot!(ls(&tar), @"
    drwxr-xr-x 0:0 0 /
    drwxr-xr-x 0:0 0 /d
    -rw-r--r-- 0:0 1 /d/a
    ");
}

#[test]
fn global_headers_are_passed_over_as_engines_do() {
    let mut tar = Tar::new();
    tar.pax_global(&[("uid", b"7"), ("comment", b"a commit")]).file("a", "1");
    tar.pax(&[("uid", b"8")]).file("b", "2").file("c", "3");
    tar.pax_global(&[("uid", b"")]).file("d", "4");
    insta::assert_snapshot!(ls(&tar), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 1 /a
    -rw-r--r-- 8:0 1 /b
    -rw-r--r-- 0:0 1 /c
    -rw-r--r-- 0:0 1 /d
    ");
}

#[test]
fn numbers_in_base_256_and_times_before_1970() {
    let mut tar = Tar::new();
    tar.entry(&Header { base256: true, uid: 1 << 33, gid: 3, mtime: -86_400, ..Header::file("a") }, b"12");
    tar.pax(&[("mtime", b"-1.25"), ("uid", b"4294967296")]).file("b", "3");
    let case = Case::of_tar(tar.finish());
    let list = case.sandbox.ok(["ls", &case.name]);
    insta::assert_snapshot!(list, @"
    drwxr-xr-x       0:0          0 1970-01-01 00:00 /
    -rw-r--r-- 8589934592:3          2 1969-12-31 00:00 /a
    -rw-r--r-- 4294967296:0          1 1969-12-31 23:59 /b
    ");
}

#[test]
fn times_are_told_apart_to_the_nanosecond() {
    let image = |time: &[u8]| {
        let mut tar = Tar::new();
        tar.pax(&[("mtime", time)]).file("a", "1");
        Case::of_tar(tar.finish())
    };
    let (one, other) = (image(b"1709625607.000000001"), image(b"1709625607.5"));
    let text = one.sandbox.ok(["diff", "--times", &one.name, &other.name]);
    let line = text.lines().find(|line| line.contains("mtime")).unwrap_or_default();
    insta::assert_snapshot!(line.trim(), @"0 B  changed  /a    mtime 2024-03-05 08:00:07.000000001 → 2024-03-05 08:00:07.5");
    let json = one.sandbox.ok(["diff", "--times", "--format", "json", &one.name, &other.name]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let changed = &json["files"]["changed"][0];
    assert_eq!((&changed["a"]["mtime_nanos"], &changed["b"]["mtime_nanos"]), (&1.into(), &500_000_000.into()));
}

#[test]
fn type_flags_of_every_age() {
    let mut tar = Tar::new();
    tar.entry(&Header { magic: Magic::V7, ..Header::new(0, "nul") }, b"1");
    tar.entry(&Header { magic: Magic::V7, ..Header::new(0, "old-dir/") }, b"");
    tar.entry(&Header::new(b'7', "contiguous"), b"22");
    tar.entry(&Header { magic: Magic::Gnu, ..Header::new(b'D', "dumpdir") }, b"Yfile\0\0");
    tar.entry(&Header { magic: Magic::Gnu, ..Header::new(b'V', "a label") }, b"");
    tar.entry(&Header { magic: Magic::Gnu, ..Header::new(b'M', "continued") }, b"333");
    tar.entry(&Header::new(b'Z', "unknown"), b"4444").file("last", "5");
    let case = Case::of_tar(tar.finish());
    insta::assert_snapshot!(case.ls(), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 2 /contiguous
    drw-r--r-- 0:0 0 /dumpdir
    -rw-r--r-- 0:0 1 /last
    -rw-r--r-- 0:0 1 /nul
    drw-r--r-- 0:0 0 /old-dir
    ");
    assert_eq!(case.rules(), ["unknown-entry-type"]);
}

#[test]
fn sparse_files_are_as_large_as_they_look_and_cost_what_they_store() {
    let mut tar = Tar::new();
    let map = [(0, 512), (1 << 34, 3)];
    let data = [b'x'; 515];
    tar.gnu_sparse("gnu", (1 << 34) + 3, &map, &data);
    tar.pax_sparse_00("pax-0.0", (1 << 34) + 3, &map, &data);
    tar.pax_sparse_01("pax-0.1", (1 << 34) + 3, &map, &data);
    tar.pax_sparse_10("pax-1.0", (1 << 34) + 3, &map, &data);
    let case = Case::of_tar(tar.finish());
    insta::assert_snapshot!(case.ls(), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 17179869187 /gnu
    -rw-r--r-- 0:0 17179869187 /pax-0.0
    -rw-r--r-- 0:0 17179869187 /pax-0.1
    -rw-r--r-- 0:0 17179869187 /pax-1.0
    ");
    let totals = case.inspect()["totals"].clone();
    assert_eq!((totals["file_bytes"].as_u64(), totals["files"].as_u64()), (Some(4 * 515), Some(4)));
}

#[test]
fn attributes_may_be_any_bytes() {
    let with = |key: &str, value: &[u8]| Case::of_tar(Tar::new().pax(&[(key, value)]).file("a", "1").finish());
    let names = ["SCHILY.xattr.security.capability", "LIBARCHIVE.xattr.user.k"];
    let (capability, other) = (with(names[0], b"\x01\x00\n=\xff"), with(names[1], b"AAEC"));
    let plain = Case::of_tar(Tar::new().file("a", "1").finish());
    for case in [&capability, &other] {
        let diff = plain.sandbox.layerscope(["diff", "--format", "json", &plain.name, &case.name]).run().json();
        assert_eq!(diff["files"]["changed"][0]["what"], serde_json::json!(["xattrs"]));
    }
}

#[test]
fn spellings_are_one_path() {
    let mut tar = Tar::new();
    tar.dir("./").dir("/").dir("./a//").file("/a/./b", "1").file("a//c", "2").file("a/x/../d", "3");
    let case = Case::of_tar(tar.finish());
    insta::assert_snapshot!(case.ls(), @"
    drwxr-xr-x 0:0 0 /
    drwxr-xr-x 0:0 0 /a
    -rw-r--r-- 0:0 1 /a/b
    -rw-r--r-- 0:0 1 /a/c
    -rw-r--r-- 0:0 1 /a/d
    ");
    assert!(case.rules().is_empty());
}

#[test]
fn names_that_lead_out_stay_within_and_are_told() {
    let mut tar = Tar::new();
    tar.file("../../etc/passwd", "1").entry(&Header::symlink("out", "../../../etc/shadow"), b"");
    tar.entry(&Header::symlink("abs", "/etc/shadow"), b"").entry(&Header::hard("hard", "../../etc/passwd"), b"");
    let case = Case::of_tar(tar.finish());
    insta::assert_snapshot!(case.ls(), @"
    drwxr-xr-x 0:0 0 /
    lrwxrwxrwx 0:0 11 /abs -> /etc/shadow
    drwxr-xr-x 0:0 0 /etc
    -rw-r--r-- 0:0 1 /etc/passwd
    -rw-r--r-- 0:0 1 /hard
    lrwxrwxrwx 0:0 19 /out -> ../../../etc/shadow
    ");
    assert_eq!(case.rules(), ["escapes-root"]);
    let said = case.sandbox.fails(["cat", &case.name, "/out"]);
    assert!(said.contains("/etc/shadow is not in the image"), "{said}");
}

#[test]
fn names_of_any_bytes_reach_no_terminal() {
    let mut tar = Tar::new();
    for name in
        [&b"new\nline"[..], b"esc\x1b[31m", b"bidi\xe2\x80\xaetxt", b"not-utf8\xff", b"Case", b"case", b"c1\xc2\x9b2J"]
    {
        tar.file(name, "12345");
    }
    let case = Case::of_tar(tar.finish());
    insta::assert_snapshot!(case.ls(), @r"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 5 /Case
    -rw-r--r-- 0:0 5 /bidi\u{202e}txt
    -rw-r--r-- 0:0 5 /c1\u{9b}2J
    -rw-r--r-- 0:0 5 /case
    -rw-r--r-- 0:0 5 /esc\x1b[31m
    -rw-r--r-- 0:0 5 /new\nline
    -rw-r--r-- 0:0 5 /not-utf8�
    ");
    for args in [&["inspect"][..], &["inspect", "--format", "markdown"], &["ls"], &["ls", "--format", "markdown"]] {
        let out = case.sandbox.ok([args, &[&case.name]].concat());
        let bad = out.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{args:?}");
        assert!(!out.lines().any(|line| line.starts_with("line")), "{out}");
    }
}

#[test]
fn an_empty_layer_is_one() {
    for tar in [Tar::new().finish(), Tar::new().unfinished(), vec![0; 512], vec![0; 10_240]] {
        assert_eq!(Case::of_tar(tar).ls(), "drwxr-xr-x 0:0 0 /\n");
    }
}

#[test]
fn no_end_marker_is_needed() {
    assert!(Case::of_tar(Tar::new().file("a", "1").unfinished()).ls().ends_with("/a\n"));
}

#[test]
fn bytes_after_the_end_count_for_the_digest_and_are_told() {
    let tar = [Tar::new().file("a", "1").finish(), Tar::new().file("hidden", "2").finish()].concat();
    let case = Case::of_tar(tar);
    insta::assert_snapshot!(case.ls(), @"
    drwxr-xr-x 0:0 0 /
    -rw-r--r-- 0:0 1 /a
    ");
    assert_eq!(case.rules(), ["bytes-after-end"]);
}

#[test]
fn broken_tars_are_refused_with_their_place() {
    let whole = Tar::new().file("a", "x".repeat(2000)).file("b", "1").finish();
    insta::assert_snapshot!(Case::of_tar(whole[..700].to_vec()).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the tar is cut short: it ends at byte 700, within an entry");
    insta::assert_snapshot!(Case::of_tar(whole[..300].to_vec()).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: it is no tar archive");
    let mut sum = Tar::new();
    sum.file("a", "1").entry(&Header { checksum: Some(1), ..Header::file("b") }, b"2");
    insta::assert_snapshot!(Case::of_tar(sum.finish()).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the tar header at byte 1024 is broken: its checksum is wrong");
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    insta::assert_snapshot!(Case::of_tar(noise).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: it is no tar archive");
    let negative = Tar::new().entry(&Header { size: Some(-1), ..Header::file("a") }, b"").finish();
    insta::assert_snapshot!(Case::of_tar(negative).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: it is no tar archive");
    let huge = Tar::new().entry(&Header { size: Some(i64::MAX), ..Header::file("a") }, b"").finish();
    insta::assert_snapshot!(Case::of_tar(huge).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the tar is cut short: it ends at byte 1536, within an entry");
    let record = Tar::new().entry(&Header::new(b'x', "x"), b"999999 path=a\n").file("a", "1").finish();
    insta::assert_snapshot!(Case::of_tar(record).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the tar header at byte 512 is broken: its pax records are broken");
    let size = Tar::new().pax(&[("size", b"many")]).file("a", "1").finish();
    insta::assert_snapshot!(Case::of_tar(size).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the tar header at byte 1024 is broken: its pax size is no number");
    let map = Tar::new().gnu_sparse("s", 10, &[(0, 4), (2, 4)], b"12345678").finish();
    insta::assert_snapshot!(Case::of_tar(map).refused(), @"error: oci:[DIR]/image: layer sha256:… is broken: the sparse file at byte 0 is broken: its runs overlap");
}
