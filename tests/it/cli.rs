//! The command line: help, statuses, where output goes, the cache, credentials.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use crate::registry::app;
use crate::support::fake_registry::{Hub, Login};
use crate::support::{Layout, Sandbox};

fn workshop(tag: &str) -> String {
    format!("oci:{}/fixtures/workshop:{tag}", env!("CARGO_MANIFEST_DIR"))
}

/// Two images that differ in one file.
const TWO: &str = r#"
    image two:a
    layer "COPY a /"
      file /a "one"
      file /same "same"
    image two:b
    layer "COPY a /"
      file /a "two"
      file /same "same" mtime=7
    "#;

#[test]
fn statuses_say_how_it_ended() {
    let sandbox = Sandbox::new();
    let two = sandbox.oci(TWO);
    let (a, b) = (format!("{two}:a"), format!("{two}:b"));
    let code = |args: &[&str]| sandbox.layerscope(args).run().code();
    assert_eq!(code(&["diff", &a, &b]), 0);
    assert_eq!(code(&["diff", "--exit-code", &a, &a]), 0);
    for format in ["table", "json", "markdown"] {
        assert_eq!(code(&["diff", "--exit-code", "--format", format, &a, &b]), 1, "{format}");
    }
    assert_eq!(code(&["diff", "--exit-code", "--exclude", "/a", &a, &b]), 0);
    assert_eq!(code(&["diff", "--exit-code", "--exclude", "/a", "--times", &a, &b]), 1);
    assert_eq!(code(&["diff", &a]), 2);
    assert_eq!(code(&["inspect", "oci:nowhere"]), 2);
    assert_eq!(code(&["--version"]), 0);
}

#[test]
fn errors_say_what_and_what_to_do() {
    let sandbox = Sandbox::new();
    let two = sandbox.oci(TWO);
    insta::assert_snapshot!(sandbox.fails(["inspect", "oci:nowhere"]), @"error: cannot read nowhere: No such file or directory (os error 2)");
    let several = sandbox.fails(["inspect", &two]);
    assert!(several.contains("several images, choose one by its name: a, b"), "{several}");
    insta::assert_snapshot!(sandbox.fails(["inspect", "Python:3"]), @r#"error: "Python:3" is no image name: invalid reference format; names are in lower case"#);
    insta::assert_snapshot!(sandbox.fails(["diff", "-", "-"]), @"error: standard input can be read once: as one image, or as the password");
    insta::assert_snapshot!(sandbox.fails(["inspect", &format!("{two}:a"), "--platform", "arm64"]), @r#"error: "arm64" is no platform: expected os/architecture or os/architecture/variant, such as linux/arm64/v8"#);
    insta::assert_snapshot!(sandbox.fails(["diff", "--include", "a[", &format!("{two}:a"), &format!("{two}:b")]), @r#"error: "a[" is no glob: error parsing glob '**/a[': unclosed character class; missing ']'"#);
    insta::assert_snapshot!(sandbox.fails(["inspect", "containers-storage:x"]), @r#"error: "containers-storage:x" is no image name: containers-storage: is no source of images here; see `layerscope --help` for those that are"#);
    let same = sandbox.ok(["diff", &format!("{two}:a"), &format!("{two}:a")]);
    assert!(same.contains("\nNo differences in files, packages or configuration\n"), "{same}");
    let missing = sandbox.fails(["cat", &format!("{two}:a"), "/no/such"]);
    assert!(missing.ends_with(":a: /no is not in the image\n"), "{missing}");
    let folder = sandbox.fails(["cat", &format!("{two}:a"), "/"]);
    assert!(folder.ends_with(":a: / is no regular file\n"), "{folder}");
}

#[test]
fn names_in_errors_are_escaped() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(["inspect", "./\u{1b}[31m\u{202e}.tar"]);
    assert!(said.contains(r"\x1b[31m\u{202e}") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn help_names_every_command() {
    let sandbox = Sandbox::new();
    let help = sandbox.ok(["--help"]);
    insta::assert_snapshot!(help, @"
    Reads container images layer by layer, and tells where their bytes go

    Reads container images straight from a registry, layer by layer, and tells where their bytes go:
    which of them are lost, and what differs between two images. No daemon, no root, nothing is
    unpacked.

    Usage: layerscope [OPTIONS] <COMMAND>

    Commands:
      inspect      Size, layers with the instruction that made each, lost bytes, duplicates, findings
                   [alias: i]
      diff         What two images share, and what differs: layers, files, packages, configuration
                   [alias: d]
      recommend    Slimmer base images: whether the application still runs on them, what is gained, what
                   to change [alias: r]
      check        Whether an image keeps to its budget, for CI: sizes, growth, waste, contents, base
                   [alias: c]
      start        How long a cold start takes: predicted, or with --measure really done
      rebase       Put an image's own layers on another base, and write that: nothing is built
      optimize     Write an image with the same merged tree in fewer bytes: nothing that is lost is kept
                   [alias: optimise]
      ls           The merged tree, or what is at and below a path of it
      cat          One file of the merged tree
      serve        A read-only registry over OCI layouts and archives, for a room without a network
      cache        What was read before, kept to be read faster
      completions  Completions for a shell, on standard output
      man          The manual page, on standard output
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Messages:
          --color <WHEN>
              When to use colours
              
              [default: auto]
              [possible values: auto, always, never]

      -q, --quiet
              Say nothing but errors

      -v, --verbose...
              Say what happens; twice for more

          --progress <HOW>
              How to show progress: bars on a terminal, plain lines, or not at all
              
              [default: auto]
              [possible values: auto, plain, none]

    An IMAGE is named as for skopeo and podman:
      python:3.7, docker://ghcr.io/owner/name@sha256:…   in a registry (Docker Hub, if none is named)
      oci:DIR[:TAG], oci-archive:FILE[:TAG]              an OCI layout, an archive of one
      docker-archive:FILE[:REF]                          what `docker save` writes, of any age
      docker-daemon:REF, podman:REF                      the local engine
      DIR, FILE.tar, FILE.tar.gz, -                      what is there is recognised; - is standard
      input

    Exit status: 0 done, 1 a gate failed (check, diff --exit-code), 2 it could not be done.
    ");
}

#[test]
fn completions_and_manual_know_the_commands() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.ok(["completions", shell]);
        assert!(script.contains("inspect") && script.contains("exit-code"), "{shell}");
    }
    let manual = sandbox.ok(["man"]);
    assert!(manual.starts_with(".ie") && manual.contains("layerscope") && manual.contains("serve"), "{manual}");
    assert!(sandbox.ok(["man", "diff"]).contains(r"\-\-exit\-code"));
    insta::assert_snapshot!(sandbox.fails(["man", "nothing"]), @r#"error: "nothing" is no command"#);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("report.json");
    let args = ["inspect", &workshop("slim"), "--format", "json", "-o", out.to_str().unwrap()];
    assert_eq!(sandbox.ok(args), "");
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(written, sandbox.ok(["inspect", &workshop("slim"), "--format", "json"]));
    std::fs::write(&out, "before").unwrap();
    sandbox.fails(["inspect", "oci:nowhere", "-o", out.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "before");
    insta::assert_snapshot!(sandbox.fails(["inspect", &workshop("slim"), "-o", "no/such/folder/x"]), @"error: cannot write no/such/folder/x: No such file or directory (os error 2)");
    let left: Vec<_> = std::fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{left:?}");
    assert_eq!(sandbox.ok(["inspect", &workshop("slim"), "-o", "/dev/null"]), "");
}

#[test]
fn an_interrupted_run_leaves_no_file() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer x\n  file /a zeros=200M\n");
    sandbox.ok(["inspect", &image]);
    let out = sandbox.path("out");
    std::fs::create_dir(&out).unwrap();
    let file = out.join("a");
    let mut ended = [0, 0];
    for wait in 0..6 {
        let mut command = sandbox.layerscope(["cat", &image, "/a", "-o", file.to_str().unwrap()]).command();
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // Until the copy has a name, or for a while longer each time.
        let started = Instant::now();
        while std::fs::read_dir(&out).unwrap().next().is_none() && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(60));
        }
        std::thread::sleep(Duration::from_millis(wait * 5));
        std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let done = child.wait().unwrap().code() == Some(0);
        ended[usize::from(done)] += 1;
        let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        // It may have got its name just before: then it is whole.
        let whole = left == ["a"] && file.metadata().unwrap().len() == 200 << 20;
        assert!(if done { whole } else { whole || left.is_empty() }, "{left:?}");
        std::fs::remove_file(&file).ok();
    }
    assert!(ended[0] > 0, "no run was interrupted");
}

#[test]
fn cat_gives_the_bytes() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer x\n  file /a/b \"\\x00\\xff\\n\"\n  link /l /a\n");
    assert_eq!(sandbox.layerscope(["cat", &image, "/l/b"]).run().bytes, b"\0\xff\n");
    let out = sandbox.path("out");
    sandbox.ok(["cat", &image, "a/b", "-o", out.to_str().unwrap()]);
    assert_eq!(std::fs::read(out).unwrap(), b"\0\xff\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer x\n  file /a words=3M\n");
    let mut command = sandbox.layerscope(["cat", &image, "/a"]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn what_was_read_once_is_read_from_the_cache() {
    let sandbox = Sandbox::new();
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).start();
    let name = registry.name("1");
    let first = sandbox.ok(["inspect", &name, "--platform", "linux/amd64", "--format", "json"]);
    let blobs = |registry: &crate::support::fake_registry::FakeRegistry| {
        registry.server.log().iter().filter(|ask| ask.path().contains("/blobs/")).count()
    };
    let before = blobs(&registry);
    assert_eq!(sandbox.ok(["inspect", &name, "--platform", "linux/amd64", "--format", "json"]), first);
    assert_eq!(blobs(&registry), before + 1, "the config alone is fetched again");
    let offline = ["inspect", &name, "--platform", "linux/amd64", "--format", "json", "--offline"];
    let asked = registry.server.log().len();
    assert_eq!(sandbox.ok(offline), first);
    assert_eq!(registry.server.log().len(), asked);
    assert_eq!(sandbox.ok(["cache", "size"]).split(" in ").nth(1), Some("3 files\n"));
    assert!(sandbox.ok(["cache", "dir"]).ends_with("home/.cache/layerscope\n"));
    assert_eq!(sandbox.ok(["cache", "prune"]), "removed 0 B in 0 files\n");
    assert!(sandbox.ok(["cache", "clean"]).ends_with(" in 3 files\n"));
    let said = sandbox.fails(offline);
    assert!(said.contains("is not in the cache, and --offline forbids"), "{said}");
}

#[test]
fn a_cache_is_pruned_by_age_and_size_and_once_a_day_by_itself() {
    let sandbox = Sandbox::new();
    sandbox.ok(["inspect", &workshop("slim"), "--format", "json"]);
    let folder = sandbox.path("home/.cache/layerscope");
    let day = Duration::from_secs(24 * 60 * 60);
    // A version of long ago left this; what is none of ours stays.
    let put = |name: &str, days: u32| {
        let path = folder.join("v1/layers").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "a table").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(SystemTime::now() - day * days).unwrap();
        path
    };
    let (old, older) = (format!("sha256-{}", "a".repeat(64)), format!("sha256-{}", "b".repeat(64)));
    let (old, older, foreign) = (put(&old, 40), put(&older, 100), put("notes.txt", 1000));
    let inspect = || sandbox.ok(["inspect", &workshop("slim"), "--format", "json"]);
    inspect();
    assert!(older.exists(), "it was tidied up today");
    let tidied = File::options().append(true).open(folder.join("tidied")).unwrap();
    tidied.set_modified(SystemTime::now() - day * 2).unwrap();
    inspect();
    assert_eq!((old.exists(), older.exists(), foreign.exists()), (true, false, true));
    assert_eq!(sandbox.ok(["cache", "prune"]), "removed 7 B in 1 file\n");
    assert_eq!(sandbox.ok(["cache", "prune", "--max-size", "1GB"]), "removed 0 B in 0 files\n");
    let newest = put(&format!("sha256-{}", "c".repeat(64)), 0);
    assert!(sandbox.ok(["cache", "prune", "--max-size", "7B"]).starts_with("removed "));
    assert_eq!(sandbox.ok(["cache", "size"]), "7 B in 1 file\n");
    assert!(newest.exists() && foreign.exists());
    std::fs::remove_file(foreign).unwrap();
    sandbox.ok(["cache", "clean"]);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nothing is left, no folder either");
}

#[test]
fn a_damaged_cache_is_made_again() {
    let sandbox = Sandbox::new();
    let first = sandbox.ok(["inspect", &workshop("slim"), "--format", "json"]);
    let folder = sandbox.path("home/.cache/layerscope");
    let mut files = vec![folder];
    let mut damaged = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let mut bytes = std::fs::read(&path).unwrap();
            let Some(last) = bytes.last_mut() else { continue };
            *last ^= 1;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 3);
    assert_eq!(sandbox.ok(["inspect", &workshop("slim"), "--format", "json"]), first);
}

#[test]
fn without_a_cache_it_is_only_slower() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("file", "");
    let run = sandbox.layerscope(["inspect", &workshop("slim")]).env("LAYERSCOPE_CACHE_DIR", file.join("below")).run();
    assert_eq!(run.code(), 0);
    assert_eq!(run.stderr.lines().count(), 1, "one warning for all layers: {}", run.stderr);
    assert!(run.stderr.contains("cannot use the cache"), "{}", run.stderr);
    sandbox.ok(["inspect", &workshop("slim"), "--no-cache"]);
    assert_eq!(sandbox.ok(["cache", "size"]), "0 B in 0 files\n");
    assert!(!sandbox.path("home/.cache/layerscope").exists(), "to look at a cache makes none");
    let unset = sandbox.layerscope(["cache", "dir"]).env("LAYERSCOPE_CACHE_DIR", "").run().ok();
    assert!(unset.ends_with("home/.cache/layerscope\n"), "{unset}");
}

#[test]
fn what_is_none_of_the_caches_stays() {
    let sandbox = Sandbox::new();
    sandbox.ok(["inspect", &workshop("slim")]);
    let version = std::fs::read_dir(sandbox.path("home/.cache/layerscope")).unwrap().next().unwrap().unwrap().path();
    let mine = version.join("layers/notes.txt");
    std::fs::write(&mine, "mine").unwrap();
    std::fs::create_dir(version.join("layers/folder")).unwrap();
    assert!(sandbox.ok(["cache", "clean"]).ends_with(" in 6 files\n"));
    assert!(mine.exists() && version.join("layers/folder").exists());
}

#[test]
fn a_file_that_is_there_keeps_its_mode_and_its_links() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let private = sandbox.write("private", "");
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600)).unwrap();
    let link = sandbox.path("link");
    std::os::unix::fs::symlink("private", &link).unwrap();
    sandbox.ok(["cat", &workshop("slim"), "/app/requirements.txt", "-o", link.to_str().unwrap()]);
    assert!(link.is_symlink() && std::fs::read(&private).unwrap() == b"flask\n");
    assert_eq!(private.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sandbox.ok(["cat", &workshop("slim"), "/app/requirements.txt", "-o", "-"]), "flask\n");
}

#[test]
fn what_was_verified_for_one_image_is_checked_against_anothers_claims() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::of(&crate::support::images("image x\nlayer y\n  file /a \"b\"\n"));
    layout.write_dir(&sandbox.path("honest"));
    let manifest: serde_json::Value = layout.index[0].clone();
    let bytes = &layout.blobs[manifest["digest"].as_str().unwrap()];
    let mut document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    document["layers"][0]["size"] = 1.into();
    let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
    let lie = layout.put(&media_type, serde_json::to_vec(&document).unwrap());
    layout.index.clear();
    layout.tag("latest", lie);
    layout.write_dir(&sandbox.path("liar"));
    let name = |folder: &str| format!("oci:{}", sandbox.path(folder).display());
    sandbox.ok(["ls", &name("honest")]);
    let said = sandbox.fails(["ls", &name("liar")]);
    assert!(said.contains("its descriptor says 1"), "{said}");
}

#[test]
fn a_password_comes_from_standard_input() {
    let sandbox = Sandbox::new();
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::TokenFor("me", "pa55")).start();
    let name = registry.name("1");
    let args = ["inspect", &name, "--platform", "linux/amd64", "--username", "me", "--password-stdin", "-vv"];
    let right = sandbox.layerscope(args).stdin("pa55\n").run();
    assert_eq!(right.code(), 0, "{}", right.stderr);
    let wrong = sandbox.layerscope(args).stdin("s3cret\n").run();
    assert_eq!(wrong.code(), 2);
    for output in [right, wrong] {
        assert!(!output.stderr.contains("pa55") && !output.stderr.contains("s3cret"), "{}", output.stderr);
    }
    insta::assert_snapshot!(sandbox.layerscope(args).run().fails(), @"error: standard input holds no password");
}

#[test]
fn progress_goes_to_standard_error() {
    let sandbox = Sandbox::new();
    let two = sandbox.oci(TWO);
    let run = sandbox.layerscope(["diff", &format!("{two}:a"), &format!("{two}:b"), "--progress", "plain"]).run();
    assert!(run.stderr.contains(": 1 layers, ") && run.stderr.contains("layer 0: done"), "{}", run.stderr);
    assert!(!run.stdout.contains("layer 0: done"));
    assert_eq!(sandbox.layerscope(["ls", &format!("{two}:a")]).run().stderr, "");
}

#[test]
fn another_platform_than_the_wanted_one_is_told() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x linux/arm64\nlayer y\n  file /a \"b\"\n");
    let said = |platform: &str| sandbox.layerscope(["ls", &image, "--platform", platform]).run().stderr;
    assert!(said("linux/amd64").contains("is one image alone, for linux/arm64: it is taken in place of linux/amd64"));
    assert_eq!(said("linux/arm64"), "");
    assert_eq!(sandbox.layerscope(["ls", &image]).run().stderr, "", "nobody asked for a platform");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let sandbox = Sandbox::new();
    let plain = sandbox.ok(["inspect", &workshop("full")]);
    assert!(!plain.contains('\u{1b}'));
    let colored = sandbox.ok(["inspect", &workshop("full"), "--color", "always"]);
    // The sandbox sets NO_COLOR.
    assert!(colored.contains("\u{1b}[38;5;9m") && colored.contains("\u{1b}[1m"));
    assert_eq!(sandbox.ok(["inspect", &workshop("full"), "--color", "never"]), plain);
}

#[test]
fn standard_input_is_an_archive() {
    let sandbox = Sandbox::new();
    let archive = Layout::of(&crate::support::images("image x:1\nlayer y\n  file /a \"b\"\n")).archive();
    let run = sandbox.layerscope(["cat", "-", "/a", "--no-cache"]).stdin(archive).run();
    // What comes as a stream is kept while it is needed.
    assert_eq!(run.ok(), "b");
}

#[test]
fn a_server_says_what_it_has_and_ends_when_told() {
    let sandbox = Sandbox::new();
    let folder = format!("{}/fixtures/workshop", env!("CARGO_MANIFEST_DIR"));
    let mut command = sandbox.layerscope(["serve", &folder, "--listen", "127.0.0.1:0"]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    // In order: the bases, which have full names, come first.
    let address = line.trim_end().strip_suffix("/library/python:3.7").unwrap_or_else(|| panic!("{line}"));
    let [full, slim] = ["full", "slim"].map(|tag| format!("{address}/workshop:{tag}"));
    let served = sandbox.ok(["diff", &full, &slim, "--platform", "linux/amd64", "--format", "json", "--no-cache"]);
    let shipped = sandbox.ok(["diff", &workshop("full"), &workshop("slim"), "--format", "json", "--no-cache"]);
    let same = |text: &str| text.lines().filter(|line| !line.contains("\"reference\"")).collect::<Vec<_>>().join("\n");
    assert_eq!(same(&served), same(&shipped));
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(10), "Ctrl-C does not end it");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
