//! What an image means when it runs: podman with a store of its own, and a walk through what it mounts.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::sha256_file;

/// A podman and its store.
pub(crate) struct Podman {
    program: PathBuf,
    store: Vec<String>,
}

impl Podman {
    /// With a store in this folder, made where it isn't there.
    pub(crate) fn new(program: PathBuf, folder: &Path, driver: &str) -> Self {
        let path = |name: &str| folder.join(name).display().to_string();
        let store = ["--root", &path("store"), "--runroot", &path("run"), "--storage-driver", driver];
        Self { program, store: store.map(str::to_owned).to_vec() }
    }

    /// Runs a command that must succeed; its standard output.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        self.try_run(args).unwrap_or_else(|said| panic!("podman {args:?}: {said}"))
    }

    /// Runs a command; its standard output, or what it said in failing.
    pub(crate) fn try_run(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program).args(&self.store).args(args).output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Serves its API on a socket, Docker's too, until the answer is dropped.
    pub(crate) fn serve(&self, socket: &Path) -> Service {
        let mut command = Command::new(&self.program);
        command.args(&self.store).args(["system", "service", "--time=0"]).arg(format!("unix://{}", socket.display()));
        let service = Service(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let started = Instant::now();
        while UnixStream::connect(socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "podman does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    /// What an image of the store holds, a line a name.
    pub(crate) fn listing(&self, image: &str) -> BTreeMap<Vec<u8>, String> {
        let mounted = self.run(&["image", "mount", image]);
        let found = walk(Path::new(&mounted));
        self.run(&["image", "unmount", image]);
        found
    }
}

/// A podman that listens.
pub(crate) struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Names by path: type, size, mode, owner, link target, content digest, and the first name of the same file.
fn walk(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut found = BTreeMap::new();
    let mut stack = vec![root.to_owned()];
    while let Some(path) = stack.pop() {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            stack.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let name = [b"/", path.strip_prefix(root).unwrap().as_os_str().as_bytes()].concat();
        found.insert(name, (line(&path, &metadata), metadata.is_file().then(|| metadata.ino())));
    }
    with_first_names(found)
}

fn line(path: &Path, metadata: &std::fs::Metadata) -> String {
    let kind = metadata.file_type();
    let (name, size) = match () {
        () if kind.is_dir() => ("dir", 0),
        () if kind.is_symlink() => ("symlink", metadata.size()),
        () if kind.is_char_device() => ("char", 0),
        () if kind.is_block_device() => ("block", 0),
        () if kind.is_fifo() => ("fifo", 0),
        () => ("file", metadata.size()),
    };
    // The mode of a symbolic link means nothing.
    let mode = if kind.is_symlink() { 0 } else { metadata.mode() & 0o7777 };
    let mut line = format!("{name} {size} {mode:04o} {}:{}", metadata.uid(), metadata.gid());
    if kind.is_symlink() {
        let target = std::fs::read_link(path).unwrap();
        write!(line, " -> {}", String::from_utf8_lossy(target.as_os_str().as_bytes())).unwrap();
    }
    if kind.is_file() {
        write!(line, " {}", sha256_file(path)).unwrap();
    }
    line
}

/// Adds to each name of a file with several the first of them.
fn with_first_names(found: BTreeMap<Vec<u8>, (String, Option<u64>)>) -> BTreeMap<Vec<u8>, String> {
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    found
        .into_iter()
        .map(|(path, (line, inode))| {
            let same = inode.map(|inode| first.entry(inode).or_insert_with(|| path.clone()).clone());
            let same = same.filter(|first| *first != path).map(|first| format!(" = {}", first.escape_ascii()));
            (path, line + &same.unwrap_or_default())
        })
        .collect()
}

/// The lines of `ls --format jsonl`, in the same form.
pub(crate) fn listing_of(jsonl: &str) -> BTreeMap<Vec<u8>, String> {
    let mut found = BTreeMap::new();
    for entry in jsonl.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let path = match entry["path_bytes"].as_str() {
            Some(bytes) => base64::Engine::decode(&base64::prelude::BASE64_STANDARD, bytes).unwrap(),
            None => entry["path"].as_str().unwrap().as_bytes().to_vec(),
        };
        let kind = entry["type"].as_str().unwrap();
        let mode = if kind == "symlink" { "0000" } else { entry["mode"].as_str().unwrap() };
        let mut line = format!("{kind} {} {mode} {}:{}", entry["size"], entry["uid"], entry["gid"]);
        if let Some(target) = entry["link"].as_str() {
            write!(line, " -> {target}").unwrap();
        }
        if let Some(digest) = entry["digest"].as_str() {
            write!(line, " {digest}").unwrap();
        }
        let inode = entry["inode"].as_u64().filter(|_| kind == "file");
        assert!(found.insert(path, (line, inode)).is_none(), "a path twice: {entry}");
    }
    with_first_names(found)
}

/// Asserts that two listings are the same, and shows the first few lines that are not.
#[track_caller]
pub(crate) fn assert_same(what: &str, ours: &BTreeMap<Vec<u8>, String>, theirs: &BTreeMap<Vec<u8>, String>) {
    let paths: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    // No layer describes the root, and the storage driver gives it a mode of its own.
    let paths = paths.into_iter().filter(|path| path.as_slice() != b"/");
    let differ = paths.filter(|path| ours.get(*path) != theirs.get(*path));
    let lines: Vec<String> = differ
        .take(10)
        .map(|path| format!("{}\n  ours   {:?}\n  theirs {:?}", path.escape_ascii(), ours.get(path), theirs.get(path)))
        .collect();
    assert!(lines.is_empty(), "{what}: {} names, {} of theirs\n{}", ours.len(), theirs.len(), lines.join("\n"));
}
