//! `layerscope rebase`: the application's layers on another base's.

use std::path::Path;

use super::{config, inside, layers};
use crate::support::podman::{Podman, assert_same, listing_of};
use crate::support::{Sandbox, need};

/// An old base, a new one with other users, packages and settings, and applications.
const IMAGES: &str = r#"
text status-libc <<END
  Package: libc6
  Architecture: amd64
  Status: install ok installed
  Version: 1

END
text status-gcc <<END
  Package: gcc
  Architecture: amd64
  Status: install ok installed
  Version: 1

END
text status-vim <<END
  Package: vim
  Architecture: amd64
  Status: install ok installed
  Version: 1

END
stage full
env PATH=/usr/bin
env VERSION=1
env SHARED=old
layer "ADD full"
  file /etc/passwd "root:x:0:0::/root:/bin/sh\n"
  file /etc/motd "old"
  file /etc/app.conf "old"
  file /usr/share/big size=90k seed=1
  file /var/lib/dpkg/status +status-libc +status-gcc
image base:full linux/amd64 full-name
from full
image base:slim linux/amd64 full-name
env PATH=/usr/local/bin:/usr/bin
env VERSION=2
env SHARED=new
layer "ADD slim"
  file /etc/passwd "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/no\n"
  file /etc/motd "new"
  file /etc/app.conf "old"
  file /var/lib/dpkg/status +status-libc
image base:other linux/amd64 full-name
layer "ADD other"
  file /etc/passwd "root:x:0:0::/root:/bin/sh\n"
  file /etc/app.conf "new"
image base:arm linux/arm64 full-name
layer "ADD arm"
  file /etc/app.conf "old"
image app:1 linux/amd64 full-name
from full
env SHARED=mine
env PATH=/app/bin:/usr/bin
label org.opencontainers.image.base.name=docker.io/library/base:full
annotation org.opencontainers.image.base.name=docker.io/library/base:full
layer "RUN useradd app && apt-get install vim"
  file /etc/passwd "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n"
  file /var/lib/dpkg/status +status-libc +status-gcc +status-vim
  file /var/log/dpkg.log "installed vim"
layer "COPY app"
  file /app/data "data"
  file /etc/app.conf "mine"
"#;

/// A rebase of the application that succeeds, and the layout's images.
fn images(sandbox: &Sandbox) -> (String, String, String) {
    let oci = sandbox.oci(IMAGES);
    (format!("{oci}:app:1"), format!("{oci}:base:full"), oci)
}

#[test]
fn layers_stay_and_what_both_changed_is_merged() {
    let sandbox = Sandbox::new();
    let (app, full, oci) = images(&sandbox);
    let (slim, new) = (format!("{oci}:base:slim"), format!("oci:{}:app", sandbox.path("new").display()));
    let args = ["rebase", &app, "--from", &full, "--onto", &slim, "-o", &new, "--offline"];
    let said = sandbox.layerscope(args).env("COLUMNS", "200").run().ok().replace(&sandbox.filter(&oci), "[OCI]");
    insta::assert_snapshot!(said, @"
    [OCI]:app:1
    linux/amd64 · created 2024-01-01T00:00:00Z
    sha256:ea30027d2d81a4c1c02370db51367f369a9d8f0bc2fab74c0e50b263ab626ce1
    onto [OCI]:base:slim
    → oci:[DIR]/new:app  sha256:bb86a90b07517e6aab3d7a984fd4cc2dadefcd6e4c453bc14be52a0d82577b35
    Read back and compared: 11 names the same.

                now    new
    stored  93.1 kB  972 B   -99.0%
    files   92.6 kB  671 B   -99.3%
    lost      179 B  413 B  +130.7%
    layers        3      4   +33.3%

    Layers, the lowest first
    Merged: /etc/passwd, /var/lib/dpkg/status
          layers  files now    new  lost  left out  linked  of
    keep  0           136 B  136 B     -         -       -  [OCI]:base:slim
    keep  1 to 2      301 B  301 B     -         -       -  [OCI]:app:1
    add                 0 B  234 B     -         -       -

    Settings that both have changed
    setting     old base  new base  application: stays
    Env SHARED  old       new       mine

    On it: works
    ");
    let now = layers(&sandbox, &new);
    assert_eq!(now[..1], layers(&sandbox, &slim)[..]);
    assert_eq!(now[1..3], layers(&sandbox, &app)[1..]);
    assert_eq!(now.len(), 4, "and one with what was merged");
    let cat = |path: &str| sandbox.ok(["cat", &new, path]);
    assert_eq!(
        cat("/etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/no\napp:x:1000:1000::/app:/bin/sh\n"
    );
    let packages: Vec<String> =
        cat("/var/lib/dpkg/status").lines().filter(|line| line.starts_with("Package")).map(str::to_owned).collect();
    assert_eq!(packages, ["Package: libc6", "Package: vim"]);
    assert_eq!((cat("/etc/motd"), cat("/etc/app.conf")), ("new".into(), "mine".into()));
    let inspected = sandbox.layerscope(["diff", "--format", "json", &app, &new]).run().json();
    let settings: Vec<String> = (inspected["config"].as_array().unwrap().iter())
        .filter(|change| !change["key"].as_str().unwrap().starts_with("History."))
        .map(|change| format!("{}: {} → {}", change["key"], change["a"], change["b"]))
        .collect();
    insta::assert_snapshot!(settings.join("\n"), @r#"
    "Env.PATH": "/app/bin:/usr/bin" → "/app/bin:/usr/local/bin:/usr/bin"
    "Env.VERSION": "1" → "2"
    "Labels.org.opencontainers.image.base.digest": null → "sha256:5677fa97f83003e405e479524731b1b477a3288437c9c425d927cb8ff26f0bfd"
    "Labels.org.opencontainers.image.base.name": "docker.io/library/base:full" → null
    "#);
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let sandbox = Sandbox::new();
    let (app, full, oci) = images(&sandbox);
    let (other, new) = (format!("{oci}:base:other"), format!("oci:{}:app", sandbox.path("made/new").display()));
    let args = ["rebase", &app, "--from", &full, "--onto", &other, "-o", &new, "--offline"];
    let run = sandbox.layerscope(args).run();
    assert_eq!(run.code(), 2);
    insta::assert_snapshot!(sandbox.filter(&run.stderr), @"error: 2 files can't be merged, /etc/app.conf first: nothing is written without --force");
    assert!(!sandbox.path("made").exists());
    sandbox.ok([&args[..], &["--force"]].concat());
    assert_eq!(sandbox.ok(["cat", &new, "/etc/app.conf"]), "mine");
}

#[test]
fn a_link_into_the_old_base_is_refused() {
    let text = r#"
        stage full
        layer "full"
          file /lib/a "a"
        image base:full linux/amd64 full-name
        from full
        image base:slim linux/amd64 full-name
        layer "slim"
          file /lib/c "c"
        image app:1 linux/amd64 full-name
        from full
        layer "app"
          hard /lib/b /lib/a
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let [app, full, slim] = ["app:1", "base:full", "base:slim"].map(|name| format!("{oci}:{name}"));
    let new = format!("oci:{}", sandbox.path("new").display());
    let run = sandbox.layerscope(["rebase", &app, "--from", &full, "--onto", &slim, "-o", &new, "--offline"]).run();
    assert_eq!(run.code(), 2);
    assert!(run.stderr.contains("/lib/b") && run.stdout.contains("a hard link to a file of the old base"), "{run:?}");
    assert!(!sandbox.path("new").exists());
}

/// An application, whose layers stand on `old`, is put on `new`: what is refused, a line each.
fn refused(old: &str, new: &str, own: &str) -> String {
    let text = format!(
        "stage old\nlayer \"old\"\n{old}\nimage base:old linux/amd64 full-name\nfrom old\n\
         image base:new linux/amd64 full-name\nlayer \"new\"\n{new}\n\
         image app:1 linux/amd64 full-name\nfrom old\nlayer \"own\"\n{own}\n"
    );
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(&text);
    let [app, old, new] = ["app:1", "base:old", "base:new"].map(|name| format!("{oci}:{name}"));
    let args = ["rebase", &app, "--from", &old, "--onto", &new, "--offline", "--dry-run", "--format", "json"];
    let run = sandbox.layerscope(args).run();
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let refused = document["refused"].as_array().unwrap();
    assert_eq!(run.code(), if refused.is_empty() { 0 } else { 2 }, "{run:?}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    refused.iter().map(|file| format!("{}: {}\n", text(&file["path"]), text(&file["why"]))).collect()
}

/// `chown` and `touch` in a layer copy the old base's file up.
#[test]
fn a_file_of_the_old_base_does_not_come_back_unseen() {
    let old = r#"
        file /srv/lib.so "old"
        file /srv/same "same"
        link /srv/current a
        file /var/log/x "old"
    "#;
    let own = r#"
        file /srv/lib.so "old" owner=1000:1000
        file /srv/same "same" owner=1000:1000
        link /srv/current a owner=1000:1000
        file /var/log/x "old" owner=1000:1000
    "#;
    insta::assert_snapshot!(refused(old, &old.replace("old", "new").replace("current a", "current b"), own), @"
    /srv/current: the application's layers have the old base's again, and the new base has another one
    /srv/lib.so: the application's layers have the old base's again, and the new base has another one
    ");
    assert_eq!(refused(old, old, own), "", "the new base has the same");
}

#[test]
fn what_both_have_added_is_not_hidden_unseen() {
    let new = r#"
        file /opt/tool/bin/x "new"
        file /opt/tool/lib "new"
        file /lib64/ld.so "new"
        file /usr/bin/y "new"
        link /bin usr/bin
        file /etc/both "new"
        file /etc/same "same"
        file /srv/a "new"
        file /srv/__pycache__/a.pyc "new"
    "#;
    let own = r#"
        file /opt/tool "own"
        link /lib64 usr/lib64
        dir /bin
        file /bin/z "own"
        file /etc/both "own"
        file /etc/same "same" owner=1:1
        dir /srv 700
        file /srv/b "own"
        file /srv/__pycache__/a.pyc "own"
    "#;
    insta::assert_snapshot!(refused("  dir /bin", new, own), @"
    /bin: the application's layers have the old base's again, and the new base has another one
    /etc/both: both the application and the new base have added it
    /lib64: both the application and the new base have added it
    /opt/tool: both the application and the new base have added it
    ");
}

#[test]
fn users_that_both_have_added_are_merged() {
    let users = |user: &str| format!("  file /etc/passwd \"{user}\\n\"");
    let [root, app, other] = ["root:x:0:0::/:/bin/sh", "app:x:1000:1000::/:/bin/sh", "web:x:1000:1000::/:/bin/sh"];
    assert_eq!(refused("", &users(root), &users(app)), "");
    insta::assert_snapshot!(refused("", &users(other), &users(app)), @r#"/etc/passwd: the application's "app" has the number 1000, which is "web" in the new base"#);
    assert_eq!(refused("", "", &users(app)), "");
}

#[test]
fn all_steps_of_the_application_stay_in_the_history() {
    let text = r#"
        stage full
        layer "ADD full"
          file /a "a"
        empty "CMD full"
        image base:full linux/amd64 full-name
        from full
        image base:slim linux/amd64 full-name
        layer "ADD slim"
          file /b "b"
        empty "CMD slim"
        image app:1 linux/amd64 full-name
        from full
        env A=1
        empty "ENV A=1"
        layer "COPY app"
          file /app "app"
        image settings:1 linux/amd64 full-name
        from full
        env A=1
        empty "ENV A=1"
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let [full, slim] = ["full", "slim"].map(|name| format!("{oci}:base:{name}"));
    for (app, own) in [("app:1", &["ENV A=1", "COPY app"][..]), ("settings:1", &["ENV A=1"])] {
        let (image, new) = (format!("{oci}:{app}"), format!("oci:{}", sandbox.path("new").display()));
        sandbox.ok(["rebase", &image, "--from", &full, "--onto", &slim, "--offline", "-o", &format!("{new}:{app}")]);
        let config = config(&new, app);
        let steps = config["history"].as_array().unwrap().iter().map(|step| step["created_by"].as_str().unwrap());
        assert_eq!(steps.collect::<Vec<_>>(), [&["ADD slim", "CMD slim"], own].concat());
    }
}

#[test]
fn what_breaks_is_not_written() {
    let sandbox = Sandbox::new();
    let (app, full, oci) = images(&sandbox);
    let (arm, new) = (format!("{oci}:base:arm"), format!("oci:{}:app", sandbox.path("new").display()));
    let args = ["rebase", &app, "--from", &full, "--onto", &arm, "-o", &new, "--offline", "--platform", "linux/amd64"];
    let run = sandbox.layerscope(args).run();
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr.contains("it breaks on"), "{}", run.stderr);
    assert!(!sandbox.path("new").exists());
    let dry = [&args[..6], &["--offline", "--dry-run", "--platform", "linux/amd64", "--format", "json"]].concat();
    let planned = sandbox.layerscope(dry).run();
    assert_eq!(planned.code(), 2, "a plan that would be refused says so: {planned:?}");
    let document: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!((&document["verdict"], &document["written"]), (&"breaks".into(), &serde_json::Value::Null));
}

/// The workshop's image, from full to slim as it ships with the project.
#[test]
fn the_workshops_image_moves_to_slim() {
    let sandbox = Sandbox::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workshop");
    let named = |name: &str| format!("oci:{}:{name}", fixtures.display());
    let archive = sandbox.path("made/new.tar");
    let new = format!("docker-archive:{}:localhost/new:slim", archive.display());
    let document = sandbox
        .layerscope(["rebase", &named("full"), "--onto", &named("python:3.7-slim"), "-o", &new, "--format", "json"])
        .run()
        .json();
    assert_eq!(document["verdict"], "works", "{document:#}");
    assert!(document["after"]["stored_bytes"].as_u64() < document["before"]["stored_bytes"].as_u64());
    assert_eq!(inside(&sandbox.path("made")), ["new.tar"]);
    let Some(podman) = need("podman") else { return };
    let podman = Podman::new(podman, &sandbox.path("podman"), "vfs");
    podman.run(&["load", "-q", "-i", archive.to_str().unwrap()]);
    let ours = listing_of(&sandbox.ok(["ls", "--format", "jsonl", &new]));
    assert_same("the new image", &ours, &podman.listing("localhost/new:slim"));
}
