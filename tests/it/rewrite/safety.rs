//! What happens when it can't be done: a full disk, a crash, two writers at once. Nothing is there that looks finished.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{inside, listing};
use crate::support::{Sandbox, need};

const APP: &str = r#"
image app:1 linux/amd64
layer "one"
  file /app/one size=3M seed=1
layer "two"
  file /app/two size=3M seed=2
"#;

/// Runs `optimize` where no file may grow beyond 1 MiB. A process that does not look the other way is killed for it.
fn in_little_room(sandbox: &Sandbox, app: &str, to: &str, ignored: bool) -> std::process::Output {
    let trap = if ignored { "trap '' XFSZ; " } else { "" };
    let run = sandbox.layerscope(["optimize", app, "--squash", "all", "--no-cache", "-o", to]).command();
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{trap}ulimit -c 0; ulimit -f 1024; exec \"$@\"")]).arg("bash");
    command.arg(run.get_program()).args(run.get_args()).current_dir(run.get_current_dir().unwrap());
    command.env_clear().envs(run.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.output().unwrap()
}

#[test]
fn a_full_disk_and_a_crash_leave_nothing_that_looks_finished() {
    if need("bash").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci(APP));
    for (scheme, name) in [("oci", "layout"), ("oci-archive", "new.tar"), ("docker-archive", "old.tar")] {
        let to = format!("{scheme}:{}", sandbox.path("place").join(name).display());
        let full = in_little_room(&sandbox, &app, &to, true);
        let said = String::from_utf8_lossy(&full.stderr);
        assert_eq!(full.status.code(), Some(2), "{said}");
        assert!(said.contains("File too large") && said.contains("cannot write"), "{said}");
        assert_eq!(inside(&sandbox.path("place")), [""; 0], "{scheme}");
        let crashed = in_little_room(&sandbox, &app, &to, false);
        assert!(crashed.status.signal().is_some(), "{crashed:?}");
        let left = inside(&sandbox.path("place"));
        assert!(left.iter().all(|name| name.starts_with(".layerscope-")), "{left:?}");
        let nothing = sandbox.layerscope(["inspect", &to]).run();
        assert_eq!(nothing.code(), 2, "{nothing:?}");
        std::fs::remove_dir_all(sandbox.path("place")).unwrap();
    }
}

#[test]
fn who_interrupts_an_archive_finds_nothing_of_it() {
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci("image app:1 linux/amd64\nlayer one\n  file /a size=60M seed=1\n"));
    let place = sandbox.path("place");
    std::fs::create_dir(&place).unwrap();
    let drafts = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".layerscope-")).collect()
    };
    // The tar has begun: beside the folder of the blobs, or in it.
    let begun = || {
        let beside = drafts(&place);
        beside.iter().any(|draft| draft.is_file() || drafts(draft).iter().any(|inner| inner.is_file()))
    };
    for n in 0..4 {
        let to = format!("oci-archive:{}", place.join(format!("{n}.tar")).display());
        let args = ["optimize", &app, "--squash", "all", "--compression", "none", "-o", &to];
        let mut child = sandbox.layerscope(args).command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !begun() && child.try_wait().unwrap().is_none() {}
        Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 130)), "{code:?}");
        assert_eq!(drafts(&place), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn a_layout_whose_index_is_none_gets_no_blobs() {
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci(APP));
    let layout = sandbox.path("layout");
    sandbox.ok(["optimize", &app, "--squash", "all", "-o", &format!("oci:{}:a", layout.display())]);
    let blobs = inside(&layout.join("blobs/sha256"));
    std::fs::write(layout.join("index.json"), "{\"manifests\":5}").unwrap();
    let said = sandbox.fails([
        "optimize",
        &app,
        "--squash",
        "all",
        "--drop",
        "/app/one",
        "-o",
        &format!("oci:{}:b", layout.display()),
    ]);
    assert!(said.contains("it is no index of a layout"), "{said}");
    assert_eq!(inside(&layout.join("blobs/sha256")), blobs);
}

#[test]
fn a_layout_that_is_there_stays_as_it_was() {
    if need("bash").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci(APP));
    let layout = format!("oci:{}", sandbox.path("layout").display());
    sandbox.ok(["optimize", &app, "--squash", "all", "-o", &format!("{layout}:a")]);
    let index = std::fs::read(sandbox.path("layout/index.json")).unwrap();
    for ignored in [true, false] {
        let run = in_little_room(&sandbox, &app, &format!("{layout}:b"), ignored);
        assert!(!run.status.success());
        assert!(index == std::fs::read(sandbox.path("layout/index.json")).unwrap());
    }
    assert_eq!(listing(&sandbox, &format!("{layout}:a")), listing(&sandbox, &app));
}

#[test]
fn writers_of_one_layout_wait_for_each_other() {
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci("image app:1 linux/amd64\nlayer \"one\"\n  file /a \"x\""));
    let layout = sandbox.path("layout");
    let to = |n: usize| format!("oci:{}:{n}", layout.display());
    let start = |n| {
        let mut command = sandbox.layerscope(["optimize", &app, "--squash", "all", "-o", &to(n)]).command();
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let writers: Vec<_> = (0..16).map(start).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 16);
}
