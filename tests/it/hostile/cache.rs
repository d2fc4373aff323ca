//! A cache's folder that others can write to: what is no file of the cache's is not there, and is left alone.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::Sandbox;

/// A folder with an image that was looked at, its name, and what the cache has.
fn looked_at() -> (Sandbox, String, PathBuf) {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image app:1 linux/amd64\nlayer one\n  file /a \"x\"\n");
    sandbox.ok(["inspect", &image]);
    let cache = sandbox.path("home/.cache/layerscope");
    (sandbox, image, cache)
}

/// The folder of a version that this program does not have.
fn other_version(cache: &Path) -> PathBuf {
    cache.join("v1")
}

/// The only file below a folder of the cache's version.
fn only(cache: &Path, kind: &str) -> PathBuf {
    let versions = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    let folder = versions.map(|version| version.join(kind)).find(|folder| folder.is_dir()).unwrap();
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_are_not_waited_for() {
    let (sandbox, image, cache) = looked_at();
    let (table, mark) = (only(&cache, "layers"), cache.join("tidied"));
    for path in [&table, &mark] {
        std::fs::remove_file(path).unwrap();
        make_pipe(path);
    }
    let yesterday = SystemTime::now() - Duration::from_secs(200_000);
    std::fs::File::options().read(true).write(true).open(&mark).unwrap().set_modified(yesterday).unwrap();
    sandbox.ok(["inspect", &image]);
    // The table was written anew.
    assert!(table.is_file());
}

#[test]
fn what_links_lead_to_is_not_the_caches() {
    let (sandbox, image, cache) = looked_at();
    let precious = sandbox.write("precious", "data");
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000_000);
    std::fs::File::options().append(true).open(&precious).unwrap().set_modified(long_ago).unwrap();
    let mark = cache.join("tidied");
    std::fs::remove_file(&mark).unwrap();
    symlink(&precious, &mark).unwrap();
    let others = sandbox.path("others");
    std::fs::create_dir(&others).unwrap();
    let blob = others.join(format!("sha256-{}", "a".repeat(64)));
    std::fs::write(&blob, "blob").unwrap();
    std::fs::create_dir(other_version(&cache)).unwrap();
    symlink(&others, other_version(&cache).join("layers")).unwrap();
    symlink(&others, cache.join("v2")).unwrap();
    sandbox.ok(["inspect", &image]);
    sandbox.ok(["cache", "clean"]);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "data");
    assert_eq!(precious.metadata().unwrap().modified().unwrap(), long_ago);
    assert!(blob.exists());
}
