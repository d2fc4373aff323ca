//! One file of a hostile tar, by `cat`: its own bytes and no others.

use super::Case;
use crate::support::compress::gzip;
use crate::support::{Header, ImageSpec, Layout, Tar, sha256};

/// What `cat` gives of a path.
fn cat(case: &Case, path: &str) -> Vec<u8> {
    let run = case.sandbox.layerscope(["cat", "--platform", "linux/amd64", &case.name, path]).run();
    assert_eq!(run.code(), 0, "{}", run.stderr);
    run.bytes
}

#[test]
fn data_of_what_is_no_file_goes_to_no_file() {
    let mut tar = Tar::new();
    tar.entry(&Header::new(b'Z', "unknown"), b"of an unknown entry").file("after-unknown", "1");
    tar.entry(&Header::file(".wh.x"), b"of a whiteout").file("after-whiteout", "2");
    tar.entry(&Header::file(".wh..wh..opq"), b"of an opaque marker").file("after-opaque", "3");
    tar.entry(&Header::file(".wh..wh.aufs"), b"of a leftover of AUFS").file("after-aufs", "4");
    tar.entry(&Header::new(b'D', "dump"), b"of a dumped folder").file("after-dump", "5");
    let case = Case::of_tar(tar.finish());
    for (path, content) in [("unknown", "1"), ("whiteout", "2"), ("opaque", "3"), ("aufs", "4"), ("dump", "5")] {
        assert_eq!(cat(&case, &format!("/after-{path}")), content.as_bytes(), "{path}");
    }
}

#[test]
fn a_smuggled_tar_is_data() {
    let inner = Tar::new().file("etc/passwd", "evil").finish();
    let mut tar = Tar::new();
    tar.pax(&[("size", inner.len().to_string().as_bytes())]);
    tar.entry(&Header { size: Some(0), ..Header::file("a") }, &inner).file("b", "after");
    let case = Case::of_tar(tar.finish());
    assert_eq!((cat(&case, "/a"), cat(&case, "/b")), (inner, b"after".to_vec()));
}

#[test]
fn sparse_files_come_whole() {
    // Forty runs: an old GNU header holds four, a block after it 21.
    let map: Vec<(i64, i64)> = (0..40).map(|n| (n * 5000 + 7, 100)).collect();
    let mut whole = vec![0; 300_000];
    let data: Vec<u8> = (0..4000_u32).map(|n| (n % 251) as u8 + 1).collect();
    for (run, bytes) in map.iter().zip(data.chunks(100)) {
        whole[run.0 as usize..][..100].copy_from_slice(bytes);
    }
    let mut tar = Tar::new();
    tar.gnu_sparse("old-gnu", 300_000, &map, &data).pax_sparse_00("pax-0.0", 300_000, &map, &data);
    tar.pax_sparse_01("pax-0.1", 300_000, &map, &data).pax_sparse_10("pax-1.0", 300_000, &map, &data);
    let case = Case::of_tar(tar.finish());
    let listed = case.sandbox.ok(["ls", "--format", "jsonl", &case.name]);
    assert_eq!(listed.matches(&sha256(&whole)).count(), 4);
    for path in ["/old-gnu", "/pax-0.0", "/pax-0.1", "/pax-1.0"] {
        assert!(cat(&case, path) == whole, "{path}");
    }
}

#[test]
fn of_a_path_that_comes_twice_the_last_counts() {
    let mut tar = Tar::new();
    tar.file("a", "first").file("./a", "second").entry(&Header::hard("link", "a"), b"");
    let case = Case::of_tar(tar.finish());
    assert_eq!((cat(&case, "/a"), cat(&case, "/link")), (b"second".to_vec(), b"second".to_vec()));
}

#[test]
fn links_stay_within_the_image() {
    let mut tar = Tar::new();
    tar.file("etc/passwd", "of the image").entry(&Header::symlink("up", "../../../../etc/passwd"), b"");
    tar.entry(&Header::symlink("root", "/etc/../../etc/passwd"), b"");
    tar.entry(&Header::symlink("a", "b"), b"").entry(&Header::symlink("b", "a"), b"");
    let case = Case::of_tar(tar.finish());
    assert_eq!((cat(&case, "/up"), cat(&case, "/root")), (b"of the image".to_vec(), b"of the image".to_vec()));
    let said = case.sandbox.fails(["cat", &case.name, "/a"]);
    assert!(said.ends_with(": /a leads through more than 40 symbolic links\n"), "{said}");
}

#[test]
fn a_layer_that_is_not_what_it_should_be_gives_nothing() {
    let image = ImageSpec::of_tars([Tar::new().file("a", "x".repeat(100_000)).finish()]);
    let mut layout = Layout::of(std::slice::from_ref(&image));
    let case = Case::of_layout(&layout);
    assert_eq!(cat(&case, "/a").len(), 100_000);
    // The table is in the cache now; the blob is another.
    let blob = layout.blobs.get_mut(&sha256(&image.layers[0].stored())).unwrap();
    *blob = gzip(&Tar::new().file("a", "y".repeat(100_000)).finish());
    layout.write_dir(&case.sandbox.path("image"));
    let said = case.sandbox.fails(["cat", "--platform", "linux/amd64", &case.name, "/a"]);
    assert!(said.contains("is corrupt"), "{said}");
}
