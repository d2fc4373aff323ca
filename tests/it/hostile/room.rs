//! Tars that pack well and would fill the memory once they are a table: long names, targets and attributes, deep
//! folders. Each is a blob of a few hundred kilobytes.

use super::Case;
use super::bombs::holds;
use crate::support::{Header, Sandbox, Tar};

/// So long a text in each of so many entries is more than there is room for.
const LONG: usize = 1_000_000;
const MANY: usize = 80;

const REFUSED: &str = "error: oci:[DIR]/image: layer sha256:… is broken: the tar has long paths, link targets and attributes without end: \
     more than 67108864 bytes are refused\n";

#[track_caller]
fn refused(tar: &Tar) {
    let case = Case::of_tar(tar.finish());
    holds(&case, 2);
    assert_eq!(case.refused(), REFUSED);
}

#[track_caller]
fn held(tar: &Tar) {
    holds(&Case::of_tar(tar.finish()), 0);
}

/// Entries `0`, `1`, … with a pax record each.
fn with_records(header: impl Fn(&str) -> Header, key: &str) -> Tar {
    let (mut tar, text) = (Tar::new(), vec![b'v'; LONG]);
    for n in 0..MANY {
        tar.pax(&[(key, &text)]).entry(&header(&n.to_string()), b"");
    }
    tar
}

/// One file in a folder of its own, so deep.
fn deep(tar: &mut Tar, n: usize, depth: usize) {
    tar.gnu_long_name(format!("{n}/{}f", "d/".repeat(depth))).file("x", "");
}

#[test]
fn attributes_without_end() {
    refused(&with_records(|name| Header::file(name), "SCHILY.xattr.user.k"));
}

#[test]
fn link_targets_without_end() {
    refused(&with_records(|name| Header::symlink(name, "x"), "linkpath"));
    refused(&with_records(|name| Header::hard(name, "x"), "linkpath"));
}

#[test]
fn names_of_what_is_passed_over_without_end() {
    let mut tar = Tar::new();
    for _ in 0..20_000 {
        tar.gnu_long_name("n".repeat(4000)).entry(&Header::new(b'Z', "x"), b"");
    }
    refused(&tar);
}

#[test]
fn folders_without_end() {
    // Two million folders in a blob of some ten kilobytes.
    let mut tar = Tar::new();
    (0..1000).for_each(|n| deep(&mut tar, n, 2000));
    refused(&tar);
}

#[test]
fn there_is_room_for_a_few_odd_ones() {
    let mut tar = Tar::new();
    (0..10).for_each(|n| deep(&mut tar, n, 2000));
    // Paths are deep in some projects, and folders are not always described.
    (0..2000).for_each(|n| deep(&mut tar, n, 30));
    held(&tar);
}

#[test]
fn folders_that_are_described_or_met_again_take_no_room() {
    let name = "a-folder-with-a-name-of-some-length/".repeat(10);
    let mut tar = Tar::new();
    for n in 0..5000 {
        tar.gnu_long_name(format!("{name}{n}/")).dir("x");
        tar.gnu_long_name(format!("{name}{n}/f")).file("x", "");
        tar.gnu_long_name(format!("{name}f{n}")).file("x", "");
    }
    // Each time anew they would take 5000 × 2 × 10 × 180 bytes: more than there is room for.
    held(&tar);
}

#[test]
fn many_layers_fill_the_memory_no_more_than_one() {
    let settings: Vec<String> = (0..63).map(|n| format!("  file /etc/ld.so.conf.d/{n}.conf zeros=1M\n")).collect();
    let layers: Vec<String> =
        (0..17).map(|n| format!("layer l{n}\n  file /n \"{n}\"\n{}", settings.concat())).collect();
    let sandbox = Sandbox::new();
    let image = sandbox.oci(&format!("image x\npacking gzip\n{}", layers.concat()));
    let said = sandbox.fails(["inspect", "--no-cache", &image]);
    assert!(said.contains("package lists, scripts and settings together: refused"), "{said}");
}
