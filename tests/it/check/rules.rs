//! Every kind of rule, kept and broken.

use super::{checked, told};
use crate::support::fake_registry::Hub;
use crate::support::layout::old_docker_archive;
use crate::support::{Layout, Sandbox, images};

/// A base, and an application on it: one file twice, one that a later layer deletes, a package, a key, a label.
const IMAGES: &str = r#"
image base:base linux/amd64
packing gzip
layer "ADD rootfs /"
  file /etc/os-release "ID=debian\n"
  file /usr/lib/big size=100k seed=1
  file /var/lib/dpkg/status "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n\n"
image app:app linux/amd64
from base:base
label maintainer=someone
user app:app
layer "COPY . /app"
  file /app/data size=40k seed=2
  file /app/again size=40k seed=2
  file /app/big size=100k seed=1
  file /app/lost size=20k seed=3
  file /app/key.pem "secret"
  file /app/cache.pyc size=4k seed=4
layer "RUN apt-get install gcc"
  whiteout /app/lost
  file /var/lib/dpkg/status "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n\nPackage: gcc-12\nStatus: install ok installed\nVersion: 12.2\n\n"
"#;

fn rules(budget: &str, more: &[&str]) -> Vec<String> {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let (app, base) = (format!("{layout}:app"), format!("{layout}:base"));
    let more: Vec<&str> = more.iter().map(|arg| if *arg == "BASE" { base.as_str() } else { arg }).collect();
    let told = told(&checked(&sandbox, budget, &[&[app.as_str()][..], &more].concat()));
    told.iter().map(|text| sandbox.filter(text).replace(layout.rsplit('/').next().unwrap(), "LAYOUT")).collect()
}

#[test]
fn figures_that_keep_to_their_limits_pass() {
    let kept = "[rules]\nfile-size = \"315kB\"\nlayers = 3\nwasted-size = \"20.5KiB\"\nwasted-percent = \"7%\"\n\
                efficiency = 0.93\nduplicate-size = \"140KiB\"\nstored-size = \"400kB\"\nlayer-size = \"300kB\"\n";
    insta::assert_snapshot!(rules(kept, &[]).join("\n"), @"
    file-size pass: 311.5 kB of at most 315.0 kB
    layers pass: 3 of at most 3
    wasted-size pass: 20.5 kB of at most 21.0 kB
    wasted-percent pass: 6.6% of at most 7.0%
    efficiency pass: 93.4% of at least 93.0%
    duplicate-size pass: 143.4 kB of at most 143.4 kB
    stored-size pass: 312.6 kB of at most 400.0 kB
    layer-size pass: 209.5 kB of at most 300.0 kB
    ");
}

#[test]
fn figures_that_do_not_say_by_what() {
    let broken = "[rules]\nfile-size = \"300kB\"\nlayers = 2\nwasted-size = \"20KiB\"\nwasted-percent = \"6%\"\n\
                  efficiency = \"94%\"\nduplicate-size = \"139KiB\"\nstored-size = \"300kB\"\nlayer-size = \"200kB\"\n";
    insta::assert_snapshot!(rules(broken, &[]).join("\n"), @"
    file-size fail: 311.5 kB are in the files of its layers, at most 300.0 kB may be /app/big /usr/lib/big /app/again /app/data /app/lost /app/cache.pyc /var/lib/dpkg/status /var/lib/dpkg/status /etc/os-release /app/key.pem
    layers fail: 3 layers, at most 2 may be
    wasted-size fail: 20539 bytes are lost: stored, pulled, not to be seen, at most 20480 bytes may be /app/lost /var/lib/dpkg/status
    wasted-percent fail: 6.6% of the data is lost: stored, pulled, not to be seen, at most 6.0% may be /app/lost /var/lib/dpkg/status
    efficiency fail: 93.4% of the data can be seen, at least 94.0% must be /app/lost /var/lib/dpkg/status
    duplicate-size fail: 143.4 kB are further copies of visible files, at most 142.3 kB may be /app/big /app/again
    stored-size fail: 312.6 kB are stored, at most 300.0 kB may be
    layer-size fail: 209.5 kB are stored in one layer, at most 200.0 kB may be
    ");
}

#[test]
fn excluded_files_and_the_base_do_not_count() {
    let budget = "exclude = [\"*.pyc\", \"/app/lost\"]\nbase = \"ignore\"\n[rules]\nfile-size = 0\nlayers = 0\n\
                  wasted-size = 0\nduplicate-size = 0\nforbidden-packages = \"*\"\n";
    insta::assert_snapshot!(rules(budget, &["--from", "BASE"]).join("\n"), @"
    file-size fail: 184.4 kB are in the files of its layers, at most 0 B may be /app/big /app/again /app/data /var/lib/dpkg/status /app/key.pem
    layers fail: 2 layers, at most 0 may be
    wasted-size pass: 0 B of at most 0 B
    duplicate-size fail: 143.4 kB are further copies of visible files, at most 0 B may be /app/big /app/again
    forbidden-packages fail: a forbidden package is there /var/lib/dpkg/status
    ");
}

#[test]
fn a_base_that_can_not_be_told_decides_nothing() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image app linux/amd64\nlayer x\n  file /x \"x\"\n");
    let budget = "base = \"ignore\"\n[rules]\nlayers = 9\nbase-image = \"debian:*\"\nuser = \"root\"\n";
    insta::assert_snapshot!(told(&checked(&sandbox, budget, &[&image, "--offline"])).join("\n"), @r#"
    layers undecided: which layers are the base's can't be told, and base = "ignore" asks for it
    base-image undecided: nothing tells the name of the base
    user pass: it runs as root
    "#);
}

#[test]
fn contents_are_looked_through() {
    let budget = r#"
[rules]
forbidden-paths = { paths = ["*.pem", "/app/lost"], reason = "no keys" }
forbidden-packages = ["deb:gcc*", "curl"]
findings = { ids = ["secret-by-name", "added-then-deleted"], at-least = "info" }
[[rules.path-size]]
paths = "/app/data"
limit = "40KiB"
[[rules.path-size]]
id = "app"
paths = ["/app"]
limit = "100KiB"
[[rules.findings]]
"#;
    let budget = budget.replace("[[rules.findings]]\n", "");
    insta::assert_snapshot!(rules(&budget, &[]).join("\n"), @"
    forbidden-paths fail: 2 forbidden paths are there /app/lost /app/key.pem
    forbidden-packages fail: a forbidden package is there /var/lib/dpkg/status
    findings fail: 2 findings, at most 0 may be /app/key.pem /app/lost
    path-size pass: 41.0 kB of at most 41.0 kB
    app fail: 188.4 kB are in /app, at most 102.4 kB may be /app/big /app/again /app/data /app/cache.pyc /app/key.pem
    ");
}

/// As pip reads them (PEP 503).
#[test]
fn pythons_packages_have_their_names_in_any_way_that_pip_takes() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci(
        "image x\nlayer x\n  file /usr/lib/python3/dist-packages/Zope.Interface-1.dist-info/METADATA \
         \"Metadata-Version: 2.1\\nName: Zope.Interface\\nVersion: 1\\n\"\n",
    );
    for (written, is_there) in
        [("Zope.Interface", true), ("zope_interface", true), ("python:zope-*", true), ("deb:zope-*", false)]
    {
        let checked = checked(&sandbox, &format!("[rules]\nforbidden-packages = {written:?}\n"), &[&image]);
        assert_eq!(checked["verdict"] == "fail", is_there, "{written}: {checked:#}");
    }
}

#[test]
fn what_an_image_says_of_itself() {
    let budget = "[rules]\nlabels = [\"maintainer=some*\", \"version\"]\nuser = [\"non-root\"]\nstart-time = \"1ms\"\n\
                  base-image = { allowed = [\"*:base\"], current = true }\n";
    insta::assert_snapshot!(rules(budget, &["--from", "BASE"]).join("\n"), @"
    labels fail: a label is not as it must be
    user pass: it runs as app:app
    start-time fail: a cold start takes 0.8 s, more than 0.0 s (docker over office, 0.6 to 1.0 s)
    base-image pass: oci:[DIR]/LAYOUT:base is what lies under the image
    ");
    let other = "[rules]\nlabels = \"maintainer=nobody\"\nuser = \"root\"\nstart-time = { limit = \"1h\" }\n";
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    sandbox.write("layerscope.toml", other);
    let told = sandbox.fails(["check", &format!("{layout}:app")]);
    insta::assert_snapshot!(told, @r#"error: layerscope.toml:4: rule start-time: `limit`: expected a time as 12s, 800ms or 2min, not "1h""#);
}

#[test]
fn a_base_whose_tag_moved_on_is_not_current() {
    let sandbox = Sandbox::new();
    let moved = sandbox.oci("image base:base linux/amd64\nlayer other\n  file /etc/os-release \"ID=debian\\n\"\n");
    let image = sandbox.oci(&format!(
        "image app linux/amd64\nannotation org.opencontainers.image.base.name={moved}:base\nlayer x\n  file /x \"x\"\n"
    ));
    let budget = "[rules]\nbase-image = { current = true }\n";
    let told = told(&checked(&sandbox, budget, &[&image]));
    assert_eq!(told, ["base-image fail: the base's tag leads to other layers by now: build the image again"]);
    // However the base is told of.
    let from = super::told(&checked(&sandbox, budget, &[&image, "--from", &format!("{moved}:base")]));
    assert_eq!(from, told);
}

#[test]
fn a_warning_is_told_and_fails_nothing() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let budget = "[rules]\nlayers = { limit = 1, severity = \"warning\", reason = \"few are faster\" }\n";
    let document = checked(&sandbox, budget, &[&format!("{layout}:app")]);
    assert_eq!((&document["verdict"], &document["rules"][0]["verdict"]), (&"pass".into(), &"fail".into()));
    let shown = sandbox.ok(["check", &format!("{layout}:app")]);
    assert!(shown.contains("warning  layers") && shown.contains("Why: few are faster"), "{shown}");
}

#[test]
fn a_budget_that_is_none_is_an_error() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image app linux/amd64\nlayer x\n  file /x \"x\"\n");
    let none = sandbox.fails(["check", &image]);
    assert!(none.contains("there is no layerscope.toml and no .dive-ci here"), "{none}");
    sandbox.write("layerscope.toml", "[rules]\n# a comment\nstore-size = \"1MB\"\n");
    let wrong = sandbox.fails(["check", &image]);
    let expected = "error: layerscope.toml:3: there is no rule `store-size`: did you mean \"stored-size\"?\n";
    assert_eq!(wrong, expected);
    let missing = sandbox.fails(["check", &image, "--config", "other.toml"]);
    assert!(missing.contains("cannot read the budget other.toml"), "{missing}");
}

#[test]
fn layers_that_lie_unpacked_do_not_tell_what_a_pull_downloads() {
    let sandbox = Sandbox::new();
    let packed = sandbox.oci(&IMAGES.replace("packing gzip", "packing none"));
    let (unpacked, packed) = (format!("{packed}:app"), format!("{}:app", sandbox.oci(IMAGES)));
    let budget = |limit: &str| {
        format!(
            "[rules]\nstored-size = \"{limit}\"\nlayer-size = \"{limit}\"\nstored-growth = \"{limit}\"\nstart-time = \"10ms\"\n"
        )
    };
    let said = |limit: &str, image: &str, before: &str| {
        told(&checked(&sandbox, &budget(limit), &[image, "--baseline", before])).join("\n")
    };
    insta::assert_snapshot!(said("200kB", &unpacked, &packed), @"
    stored-size undecided: 315.7 kB as its layers lie here, unpacked, at most 200.0 kB may be, and a pull takes less: check the image in a registry, or its file-size
    layer-size undecided: 209.5 kB as its layers lie here, unpacked, at most 200.0 kB may be, and a pull takes less: check the image in a registry, or its file-size
    stored-growth undecided: the image's layers lie unpacked: take both images from a registry, or file-growth
    start-time undecided: 0.8 s as its layers lie here, unpacked, at most 0.0 s may be, and a pull takes less: check the image in a registry, or its file-size
    ");
    // More than a pull downloads, and no more than may be.
    insta::assert_snapshot!(said("1MB", &unpacked, &unpacked), @"
    stored-size pass: 315.7 kB of at most 1.0 MB
    layer-size pass: 209.5 kB of at most 1.0 MB
    stored-growth pass: 0 B of at most 1.0 MB more, from 315.7 kB to 315.7 kB
    start-time undecided: 0.8 s as its layers lie here, unpacked, at most 0.0 s may be, and a pull takes less: check the image in a registry, or its file-size
    ");
    insta::assert_snapshot!(said("1MB", &packed, &unpacked), @"
    stored-size pass: 312.6 kB of at most 1.0 MB
    layer-size pass: 209.5 kB of at most 1.0 MB
    stored-growth undecided: the baseline's layers lie unpacked: take both images from a registry, or file-growth
    start-time fail: a cold start takes 0.8 s, more than 0.0 s (docker over office, 0.6 to 1.0 s)
    ");
    let document = sandbox.layerscope(["inspect", "--format", "json", &unpacked]).run();
    sandbox.write("before.json", &document.bytes);
    let of_document = said("1MB", &packed, sandbox.path("before.json").to_str().unwrap());
    assert!(of_document.contains("stored-growth undecided: the baseline's layers lie unpacked"), "{of_document}");
    sandbox.ok(["check", "--init", "--config", "made.toml", &unpacked]);
    let made = std::fs::read_to_string(sandbox.path("made.toml")).unwrap();
    assert!(made.contains("# stored-size: not told here") && made.contains("\nfile-size = "), "{made}");
    let page = sandbox.ok(["inspect", &unpacked]);
    assert!(page.contains("unpacked layers: a pull downloads less") && page.contains("as it lies here"), "{page}");
    // A name that Docker Hub could have as well.
    sandbox.write("app.tar", old_docker_archive(&images(IMAGES)[1..2]));
    assert_eq!(
        sandbox.layerscope(["inspect", "--format", "json", "app.tar"]).run().json()["image"]["layers_unpacked"],
        true
    );
}

/// A gate says the same on a machine that has seen the base and on one that has not.
#[test]
fn what_was_looked_at_before_decides_nothing() {
    let sandbox = Sandbox::new();
    let image = format!("{}:app", sandbox.oci(&IMAGES.replace("image base:base", "stage base:base")));
    // The base is in a registry of one's own, which nothing tells of.
    let conf = "[[registry]]\nprefix = \"docker.io\"\nlocation = \"127.0.0.1:1\"\ninsecure = true\n";
    sandbox.write("home/.config/containers/registries.conf", conf);
    let registry = Hub::new(Layout::of(&images(&IMAGES.replace("base:base", "app:base")))).start();
    let budget = "base = \"ignore\"\n[rules]\nlayers = 2\n";
    let cold = told(&checked(&sandbox, budget, &[&image]));
    sandbox.ok(["inspect", &registry.name("base")]);
    assert_eq!(told(&checked(&sandbox, budget, &[&image])), cold);
    // Offline, what is known is all that there is.
    let offline = told(&checked(&sandbox, budget, &["--offline", &image]));
    assert_eq!(offline, ["layers pass: 2 of at most 2"]);
}

#[test]
fn files_that_never_end_are_no_budget() {
    let sandbox = Sandbox::new();
    let image = format!("{}:base", sandbox.oci(IMAGES));
    for name in ["layerscope.toml", "Dockerfile"] {
        std::os::unix::fs::symlink("/dev/zero", sandbox.path(name)).unwrap();
    }
    let said = sandbox.fails(["check", &image]);
    assert!(said.contains("cannot read the budget layerscope.toml: it has more than"), "{said}");
    let said = sandbox.fails(["recommend", "--offline", "--dockerfile", "Dockerfile"]);
    assert!(said.contains("cannot read Dockerfile: it has more than"), "{said}");
}
