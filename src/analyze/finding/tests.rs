//! Each rule on an image that it is about, and on one that it must leave alone.

use std::collections::BTreeSet;

use super::*;
use crate::analyze::testing::{Fixture, layer};
use crate::analyze::waste;
use crate::index::{LayerIndex, Note};

fn all(image: &Fixture) -> Vec<Finding> {
    findings(image.subject(), &waste(&image.tree))
}

/// What a rule finds: path, layer, files, bytes.
fn found(fixture: &Fixture, rule: &str) -> Vec<(String, Option<u32>, u64, u64)> {
    assert!(RULES.iter().any(|known| known.id == rule), "{rule} is no rule");
    let findings = all(fixture).into_iter().filter(|finding| finding.rule == rule);
    let path = |finding: &Finding| finding.path.as_ref().map_or_else(String::new, LayerPath::display);
    findings.map(|finding| (path(&finding), finding.layer, finding.files, finding.bytes)).collect()
}

fn in_layers(rule: &str, layers: &[&str]) -> Vec<(String, Option<u32>, u64, u64)> {
    found(&Fixture::new(layers), rule)
}

fn one(path: &str, layer: u32, files: u64, bytes: u64) -> Vec<(String, Option<u32>, u64, u64)> {
    vec![(path.into(), Some(layer), files, bytes)]
}

#[test]
fn every_rule_is_named_once_and_documented() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    for rule in RULES {
        assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.id);
        assert!(!rule.what.ends_with('.') && rule.why.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn findings_name_the_layer_and_its_instruction() {
    let image = Fixture::new(&["# ADD rootfs\nfile app/a 100 a", "# RUN /bin/sh -c rm -r /app # buildkit\ngone app"]);
    let finding = &all(&image)[0];
    let message =
        "layer 0 (`ADD rootfs`) added 1 file /app/a that layer 1 (`RUN rm -r /app`) deleted: still downloaded";
    assert_eq!((finding.rule, finding.message.as_str()), ("added-then-deleted", message));
    assert_eq!(finding.created_by.as_deref(), Some("ADD rootfs"));
}

#[test]
fn worst_first() {
    let image = Fixture::new(&["file root/.env 1 e\nfile bin/su 5 s mode=4755\nfile var/log/x.log 2000000 l"]);
    let rules: Vec<_> = all(&image).iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["secret-by-name", "large-log", "runs-as-root", "set-uid"]);
}

#[test]
fn a_link_of_a_later_layer_gives_its_mode() {
    let layers = ["file b 5 x", "hard a b mode=4755", "gone a"];
    assert_eq!(in_layers("set-uid", &layers[..2]), one("/a", 0, 1, 5));
    assert_eq!(in_layers("set-uid", &layers), one("/b", 0, 1, 5), "the link is gone, its mode is not");
}

#[test]
fn copies() {
    let base = "file app/a 100 a\nfile app/b 10 b";
    assert_eq!(
        in_layers("metadata-only-copy", &[base, "file app/a 100 a uid=1\nfile app/b 10 b uid=1"]),
        one("/app", 1, 2, 110)
    );
    assert!(in_layers("metadata-only-copy", &[base, "file app/a 100 a\nfile app/b 11 c uid=1"]).is_empty());
    assert_eq!(in_layers("unchanged-copy", &[base, "file app/a 100 a mtime=9"]), one("/app/a", 1, 1, 100));
    assert!(in_layers("unchanged-copy", &[base, "file app/a 100 c"]).is_empty());
}

#[test]
fn deleted() {
    let base = "file tmp/a 100 a\nfile tmp/b 1 b\nfile opt/c 2 c";
    let found = in_layers("added-then-deleted", &[base, "gone tmp/a\ngone tmp/b\nopaque opt"]);
    assert_eq!(found, [("/tmp".into(), Some(0), 2, 101), ("/opt/c".into(), Some(0), 1, 2)]);
    assert!(in_layers("added-then-deleted", &[base, "gone nothing\nfile tmp/a 3 x"]).is_empty());
}

#[test]
fn package_lists() {
    let apt = "file var/lib/apt/lists/x_Packages 70 p\nfile var/lib/apt/lists/lock 0 e\nfile var/cache/apt/archives/a.deb 9 d";
    let expected = [("/var/lib/apt/lists".into(), Some(1), 1, 70), ("/var/cache/apt".into(), Some(1), 1, 9)];
    assert_eq!(in_layers("package-lists", &["dir x", apt]), expected);
    let rewritten = in_layers("package-lists", &["file var/cache/apt/p.bin 80 a", "file var/cache/apt/p.bin 90 b"]);
    assert_eq!(rewritten.iter().map(|found| (found.1, found.3)).collect::<Vec<_>>(), [(Some(1), 90), (Some(0), 80)]);
    assert!(in_layers("package-lists", &[apt, "gone var/lib/apt/lists\ngone var/cache/apt"]).is_empty());
    assert!(
        in_layers("package-lists", &["file srv/var/lib/apt/lists/x 9 x\nfile var/lib/apt/listsx/a 1 a"]).is_empty()
    );
}

#[test]
fn language_caches() {
    for (rule, folder, file) in [
        ("pip-cache", "root/.cache/pip", "http/a"),
        ("npm-cache", "home/node/.npm/_cacache", "index/a"),
        ("language-cache", "usr/local/cargo/registry", "cache/a"),
        ("language-cache", "root/.m2/repository", "a.jar"),
    ] {
        assert_eq!(in_layers(rule, &[&format!("file {folder}/{file} 5 x")]), one(&format!("/{folder}"), 0, 1, 5));
    }
    for (rule, path) in [
        ("pip-cache", "root/.cache/pipeline/a"),
        ("npm-cache", "app/.yarn/cache/needed.zip"),
        ("language-cache", "srv/go/pkg/mod/cache/a"),
    ] {
        assert!(in_layers(rule, &[&format!("file {path} 5 x")]).is_empty(), "{path}");
    }
}

#[test]
fn caches_in_several_folders_are_one_finding() {
    let text = "file home/a/.cache/pip/x 5 x\nfile home/b/.cache/pip/y 6 y\nfile home/c/z 9 z";
    assert_eq!(in_layers("pip-cache", &[text]), one("/home", 0, 2, 11));
}

#[test]
fn version_control() {
    let text = "file app/.git/HEAD 20 h\nfile app/.git/objects/aa 80 o\nfile app/x 1 x";
    assert_eq!(in_layers("vcs-folder", &[text]), one("/app/.git", 0, 2, 100));
    assert!(
        in_layers("vcs-folder", &["file app/.gitignore 5 i\nfile app/.git 9 submodule\nfile app/.github/x 3 y"])
            .is_empty()
    );
}

#[test]
fn logs() {
    assert_eq!(
        in_layers("large-log", &["file var/log/dpkg 2000000 x\nfile app/b.log 5000000 y"]),
        one("/", 0, 2, 7000000)
    );
    assert!(in_layers("large-log", &["file var/log/dpkg.log 1000 x\nfile app/big.data 5000000 y"]).is_empty());
    assert_eq!(
        in_layers("sparse-lastlog", &["file var/log/lastlog 512 x apparent=292000000000"]),
        one("/var/log/lastlog", 0, 1, 512)
    );
    assert!(in_layers("sparse-lastlog", &["file var/log/lastlog 292292 x"]).is_empty());
}

#[test]
fn secrets() {
    for path in [
        "app/.env",
        "app/.env.production",
        "root/.ssh/id_rsa",
        "root/.npmrc",
        "root/.pypirc",
        "root/.netrc",
        "root/.aws/credentials",
        "root/.docker/config.json",
        "root/.git-credentials",
        "srv/tls/server-key.pem",
        "etc/ssl/private/site.key",
        "etc/ssh/ssh_host_rsa_key",
        "key.pem",
    ] {
        let found = in_layers("secret-by-name", &[&format!("file {path} 5 x")]);
        assert_eq!(found, one(&format!("/{path}"), 0, 1, 5));
    }
    for path in [
        "app/.env.example",
        "app/env",
        "root/.ssh/id_rsa.pub",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/ssl/certs/Some_Key.pem",
        "usr/lib/python3/dist-packages/certifi/cacert.pem",
        "etc/ssl/cert.pem",
        "usr/local/lib/python3.11/test/key.pem",
        "app/node_modules/x/.npmrc",
        "usr/share/doc/x/.env",
        "etc/ssh/ssh_host_rsa_key.pub",
    ] {
        assert!(in_layers("secret-by-name", &[&format!("file {path} 5 x")]).is_empty(), "{path}");
    }
}

#[test]
fn a_deleted_secret_is_still_one() {
    let image = Fixture::new(&["file app/.env 5 x\nfile app/id_rsa 7 y", "gone app/.env\ngone app/id_rsa"]);
    assert_eq!(found(&image, "secret-by-name"), one("/app", 0, 2, 12));
    let findings = all(&image);
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].message.ends_with("layer 1 hides it, but anyone with the image can read it"));
    let copied = Fixture::new(&["file app/.env 5 x", "file app/.env 5 x uid=1"]);
    let messages = all(&copied).into_iter().filter(|finding| finding.rule == "secret-by-name");
    let messages: Vec<String> = messages.map(|finding| finding.message).collect();
    let expected = [
        "/app/.env in layer 0 looks like a secret; layer 1 stores it again",
        "/app/.env in layer 1 looks like a secret",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn privileges() {
    assert_eq!(
        in_layers(
            "set-uid",
            &["file bin/su 5 s mode=4755\nhard bin/su2 bin/su mode=4755\nfile bin/wall 6 w mode=2755"]
        ),
        one("/bin", 0, 2, 11)
    );
    let by_link = "file bin/x 5 s mode=755\nhard bin/y bin/x mode=4755";
    assert_eq!(in_layers("set-uid", &[by_link]), one("/bin/x", 0, 1, 5));
    assert!(
        in_layers("set-uid", &["dir srv mode=2755\nfile bin/ls 5 l mode=755\nfile tmp/x 1 x mode=1777"]).is_empty()
    );
    for (user, is_root) in
        [("", true), ("root", true), ("0", true), ("0:0", true), ("root:app", true), ("app", false), ("1000:0", false)]
    {
        let mut image = Fixture::new(&[]);
        image.image.manifest.config.config.user = user.into();
        assert_eq!(!found(&image, "runs-as-root").is_empty(), is_root, "{user:?}");
    }
    // What a name stands for is the image's to say.
    for (user, is_root) in [("toor", true), ("toor:app", true), ("app", false), ("root", false), ("other", false)] {
        let accounts = "text etc/passwd toor:x:0:0::/:/bin/sh\\napp:x:7:0::/:/bin/sh\\nroot:x:9:9::/:/bin/sh";
        let mut image = Fixture::new(&[accounts]);
        image.image.manifest.config.config.user = user.into();
        assert_eq!(!found(&image, "runs-as-root").is_empty(), is_root, "{user:?}");
    }
}

#[test]
fn identical_trees() {
    let tree = |at: &str| format!("file {at}/a/x 70000 x\nfile {at}/a/y 5 y\nfile {at}/b 7 b\nlink {at}/l a mode=777");
    let twice = [tree("srv/one"), tree("srv/two")].join("\n");
    assert_eq!(in_layers("identical-trees", &[&twice]), one("/srv/two", 0, 4, 70012));
    // A third copy of an inner directory is one more group; its equals inside of the others count as one.
    let third = format!("{twice}\nfile third/x 70000 x\nfile third/y 5 y");
    let expected = [("/srv/two".into(), Some(0), 4, 70012), ("/third".into(), Some(1), 2, 70005)];
    assert_eq!(in_layers("identical-trees", &["dir other", &third]).len(), 2);
    assert_eq!(in_layers("identical-trees", &[&twice, "file third/x 70000 x\nfile third/y 5 y"]), expected);
    // What packages do below /usr is theirs, what is done with a copy of it elsewhere isn't.
    let (of_packages, elsewhere) = (tree("usr/lib/x"), tree("usr/share/x"));
    assert!(in_layers("identical-trees", &[&of_packages, &elsewhere]).is_empty());
    assert_eq!(
        in_layers("identical-trees", &[&of_packages, "file usr/lib/y 1 y", &tree("usr/local/x")]),
        one("/usr/local/x", 2, 4, 70012)
    );
    // Hard links cost nothing, other names are other trees, and small ones aren't worth a word.
    assert!(in_layers("identical-trees", &["file one/x 70000 x\nhard two/x one/x"]).is_empty());
    assert!(in_layers("identical-trees", &["file one/x 70000 x\nfile two/y 70000 x"]).is_empty());
    assert!(in_layers("identical-trees", &["file one/x 7 x\nfile two/x 7 x"]).is_empty());
}

#[test]
fn build_tools() {
    let tools =
        "file usr/lib/gcc/x/12/cc1 900 c\nfile usr/include/stdio.h 50 h\nfile usr/lib/x/libc.a 40 a\nfile app/x 1 x";
    let with = |layer: &str, cmd: &[&str]| {
        let mut image = Fixture::new(&[layer]);
        image.image.manifest.config.config.cmd = Some(cmd.iter().map(|word| (*word).into()).collect());
        found(&image, "build-tools")
    };
    assert_eq!(with(tools, &["python", "app.py"]), one("/usr", 0, 3, 990));
    assert!(with(tools, &["/usr/bin/python3"]).is_empty(), "an image to build on");
    assert!(with("file usr/local/include/python3.11/Python.h 50 h", &["python", "app.py"]).is_empty(), "no compiler");
}

#[test]
fn oddities() {
    let notes = vec![
        Note::EscapesRoot { row: 0 },
        Note::UnknownType { path: b"./odd"[..].into(), flag: b'Z' },
        Note::BytesAfterEnd { bytes: 99 },
        Note::UnreadablePackages { row: 0, reason: "it is cut off".into() },
    ];
    let image = Fixture::of(vec![LayerIndex { notes, ..layer("file etc/x 5 x\nhard h nowhere") }]);
    assert_eq!(found(&image, "escapes-root"), one("/etc/x", 0, 1, 0));
    assert_eq!(found(&image, "unknown-entry-type"), one("/odd", 0, 1, 0));
    assert_eq!(found(&image, "unreadable-package-database"), one("/etc/x", 0, 1, 5));
    assert_eq!(found(&image, "bytes-after-end"), one("", 0, 0, 99));
    assert_eq!(found(&image, "dangling-hard-link"), one("/h", 0, 1, 0));
    assert_eq!(in_layers("dangling-hard-link", &["hard b a\nfile a 1 x"]), one("/b", 0, 1, 0));
    assert_eq!(in_layers("parent-replaced", &["link lib usr/lib", "file lib/x 1 x"]), one("/lib", 1, 1, 0));

    let plain = Fixture::new(&["link lib usr/lib\nfile usr/lib/a 1 a", "file usr/lib/x 1 x\nhard h usr/lib/a"]);
    for rule in [
        "escapes-root",
        "unknown-entry-type",
        "bytes-after-end",
        "dangling-hard-link",
        "parent-replaced",
        "unreadable-package-database",
    ] {
        assert!(found(&plain, rule).is_empty(), "{rule}");
    }
}
