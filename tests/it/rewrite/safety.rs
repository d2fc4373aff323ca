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

#[test]
fn a_link_to_a_folder_leads_there() {
    let sandbox = Sandbox::new();
    let image = format!("{}:1", sandbox.oci("image app:1 linux/amd64\nlayer \"one\"\n  file /a \"a\"\n"));
    let (link, folder) = (sandbox.path("links/new"), sandbox.path("place/new"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir(sandbox.path("links")).unwrap();
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    let to = format!("oci:{}", link.display());
    for name in ["1", "2"] {
        sandbox.ok(["optimize", &image, "--squash", "all", "-o", &format!("{to}:{name}")]);
    }
    assert!(link.is_symlink());
    assert_eq!(inside(&folder), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(
        (inside(&sandbox.path("place")), inside(&sandbox.path("links"))),
        (vec!["new".into()], vec!["new".into()])
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let said = sandbox.fails(["optimize", &image, "--squash", "all", "-o", &to]);
    insta::assert_snapshot!(sandbox.filter(&said), @"error: cannot write [DIR]/links/new: it is a link to nothing");
}

/// What containerd, docker and podman take an archive's image for.
#[test]
fn an_archive_has_its_images_full_name() {
    let sandbox = Sandbox::new();
    let image = format!("{}:1", sandbox.oci("image app:1 linux/amd64\nlayer \"one\"\n  file /a \"a\"\n"));
    let file = sandbox.path("new.tar");
    let to = format!("docker-archive:{}:app", file.display());
    sandbox.ok(["optimize", &image, "--squash", "all", "-o", &to]);
    let mut archive = tar::Archive::new(std::fs::File::open(&file).unwrap());
    let mut documents = std::collections::BTreeMap::new();
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        let name = member.path().unwrap().display().to_string();
        let mut text = String::new();
        if name.ends_with(".json") {
            std::io::Read::read_to_string(&mut member, &mut text).unwrap();
            documents.insert(name, serde_json::from_str::<serde_json::Value>(&text).unwrap());
        }
    }
    assert_eq!(documents["manifest.json"][0]["RepoTags"], serde_json::json!(["app:latest"]));
    let named = &documents["index.json"]["manifests"][0]["annotations"]["io.containerd.image.name"];
    assert_eq!(named, "docker.io/library/app:latest");
    assert_eq!(listing(&sandbox, &to), listing(&sandbox, &image));
}

#[test]
fn a_health_check_that_podman_will_not_heed_is_told() {
    let sandbox = Sandbox::new();
    let text = r#"
        image app:1 linux/amd64 full-name
        docker
        config Healthcheck {"Test":["CMD","/check"]}
        layer "one"
          file /a "a"
        image oci:1 linux/amd64 full-name
        config Healthcheck {"Test":["CMD","/check"]}
        layer "one"
          file /a "a"
    "#;
    let oci = sandbox.oci(text);
    let said = |image: &str, scheme: &str| {
        let to = format!("{scheme}:{}", sandbox.path(format!("new.{scheme}")).display());
        let run = sandbox.layerscope(["optimize", &format!("{oci}:{image}"), "--squash", "all", "-o", &to]).run();
        assert_eq!(run.code(), 0, "{run:?}");
        run.stderr
    };
    insta::assert_snapshot!(said("app:1", "oci"), @" WARN it is written as an OCI image: Docker heeds its HEALTHCHECK there, and podman does not");
    assert_eq!((said("app:1", "docker-archive"), said("oci:1", "oci")), (String::new(), String::new()));
}

/// ext3 takes 32,000 names for a file, ext4 65,000: an image with more can't be unpacked there.
#[test]
fn equal_files_get_no_more_names_than_file_systems_take() {
    let sandbox = Sandbox::new();
    let files: String = (0..32_002).map(|n| format!("  file /x/{n} \"x\"\n")).collect();
    let image = sandbox.oci(&format!("image app:1 linux/amd64\nlayer x\n  dir /x\n{files}"));
    let args = ["optimize", &image, "--dry-run", "--squash", "all", "--dedupe", "--format", "json"];
    assert_eq!(
        sandbox.layerscope(args).run().json()["steps"][0]["deduped_files"],
        32_000,
        "of two files one each stays"
    );
}
