//! `layerscope optimize`: the same tree, nothing that is lost.

use serde_json::{Value, json};

use super::{digest, inside, layers, listing, named, totals};
use crate::support::layout::{Layout, old_docker_archive};
use crate::support::podman::{Podman, assert_same};
use crate::support::{ImageSpec, Sandbox, image, images, need};
use crate::union::random::random_image;

/// A base, and an application with waste of every kind: replaced, deleted, chown, touched, hidden, of another type, twice
/// in one layer; hard links within and across layers, an opaque folder, attributes, times in nanoseconds, long names.
const WASTE: &str = r#"
stage base
layer "ADD base"
  dir /etc
  file /etc/passwd "root"
  file /usr/lib/a size=40k seed=1
  file /usr/lib/b size=30k seed=2
  hard /usr/lib/b2 /usr/lib/b
  file /var/cache/old size=20k seed=3
  link /lib usr/lib
image base:1 linux/amd64 full-name
from base
image app:1 linux/amd64 full-name
from base
env A=1
entrypoint ["/app/run"]
config StopSignal "\"SIGINT\""
annotation org.example.note=kept
layer "COPY app"
  dir /app 750 owner=5:5 mtime=1700000000
  file /app/run 4755 "run" xattr.security.capability="\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
  file /app/data size=50k seed=4
  file /app/gone size=60k seed=5
  file /app/a-directory-with-a-very-long-name-that-does-not-fit/into-the-hundred-bytes-of-a-header/of-ustar/file "long"
  hard /app/data-2 /app/data
  file /app/kind "a file"
  fifo /app/pipe 600
  char /app/null 666 1:3
  file /app/folder/x size=9k seed=6
empty "ENV A=1"
layer "RUN chown"
  file /app/data size=50k seed=4 owner=7:7
  whiteout /app/gone
  whiteout /usr/lib/a
  dir /app/kind
  file /app/kind/inside "now a folder"
layer "RUN touch"
  file /usr/lib/b size=30k seed=2
  file /app/run 4755 "run" xattr.security.capability="\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
  dir /var/cache
  opaque /var/cache
  file /var/cache/new "new"
  dir /app/folder
  opaque /app/folder
  file /app/twice "first"
  file /app/twice "second"
  file /app/ü "not ASCII" mtime=-5
  file /app/copy size=50k seed=4 owner=7:7
"#;

fn optimized(sandbox: &Sandbox, image: &str, more: &[&str]) -> (String, Value) {
    let to = format!("oci:{}:new", sandbox.path("out").display());
    let args = [&["optimize", image, "-o", &to, "--format", "json"], more].concat();
    (to.clone(), sandbox.layerscope(args).run().json())
}

#[test]
fn the_tree_stays_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(WASTE);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let (new, document) = optimized(&sandbox, &app, &["--from", &base]);
    assert_eq!(listing(&sandbox, &new), listing(&sandbox, &app));
    let now = totals(&sandbox, &new);
    assert_eq!((&now["layers"], &document["before"]["layers"]), (&2.into(), &4.into()));
    let names = document["proof"]["same"].as_u64().unwrap();
    assert_eq!(names, listing(&sandbox, &app).lines().count() as u64);
    assert_eq!(layers(&sandbox, &new)[0], layers(&sandbox, &base)[0], "the base's layer is as it was");
    // What is lost in the base's layer stays lost there: the application deletes files of it.
    assert_eq!(now["wasted_bytes"], (40 + 20) * 1024);
    let diff = sandbox.layerscope(["diff", "--exit-code", "--times", &app, &new]).run();
    assert_eq!(diff.code(), 0, "files, packages and configuration are the same: {diff:?}");
}

#[test]
fn all_layers_become_one_without_any_waste() {
    let sandbox = Sandbox::new();
    let app = format!("{}:app:1", sandbox.oci(WASTE));
    let (new, _) = optimized(&sandbox, &app, &["--squash", "all"]);
    let now = totals(&sandbox, &new);
    assert_eq!((&now["layers"], &now["wasted_bytes"]), (&1.into(), &0.into()));
    assert_eq!(listing(&sandbox, &new), listing(&sandbox, &app));
    let inspected = sandbox.layerscope(["inspect", "--format", "json", &new]).run().json();
    assert_eq!(
        inspected["image"]["created"],
        sandbox.layerscope(["inspect", "--format", "json", &app]).run().json()["image"]["created"]
    );
}

#[test]
fn the_same_gives_the_same() {
    let app = |sandbox: &Sandbox| format!("{}:app:1", sandbox.oci(WASTE));
    let made = |more: &[&str]| {
        let sandbox = Sandbox::new();
        let image = app(&sandbox);
        let (new, _) = optimized(&sandbox, &image, more);
        digest(&sandbox, &new)
    };
    for more in [vec!["--squash", "all"], vec!["--squash", "all", "--compression", "zstd", "--level", "7", "--dedupe"]]
    {
        assert_eq!(made(&more), made(&more), "{more:?}");
    }
}

#[test]
fn equal_files_become_links_and_what_is_dropped_is_gone() {
    let text = r#"
        image app:1 linux/amd64
        layer "one"
          file /a/one size=40k seed=1
          file /a/two size=40k seed=1
          file /a/three size=40k seed=1 mtime=7
          file /root/.cache/pip/http/x size=20k seed=2
          file /usr/share/doc/x/README size=5k seed=3
          file /usr/share/doc/x/copyright "free"
          file /a/tests/t.py size=3k seed=4
    "#;
    let sandbox = Sandbox::new();
    let app = format!("{}:1", sandbox.oci(text));
    let more = ["--squash", "all", "--dedupe", "--drop", "pip-cache,docs", "--drop", "/a/tests"];
    let (new, document) = optimized(&sandbox, &app, &more);
    let step = &document["steps"][0];
    assert_eq!((&step["deduped_bytes"], &step["deduped_files"]), (&40_960.into(), &1.into()), "times are metadata");
    assert_eq!((&step["dropped_bytes"], &step["dropped_files"]), (&28_672.into(), &3.into()));
    assert_eq!(document["proof"]["dropped"], 3);
    let now = listing(&sandbox, &new);
    assert!(!now.contains("pip/http/x") && !now.contains("t.py") && now.contains("copyright"), "{now}");
    let said = sandbox.fails(["optimize", &app, "--dry-run", "--squash", "all", "--drop", "pip-caches"]);
    insta::assert_snapshot!(said, @r#"error: "pip-caches" is neither something that can be dropped (package-lists, pip-cache, npm-cache, language-cache, vcs-folder, docs, logs) nor a pattern of paths: it is a plain word"#);
}

/// Two releases of which only the application's own files differ share all but one layer.
#[test]
fn a_release_shares_what_was_installed() {
    let release = |n: u8| {
        format!(
            r#"
            image app:{n} linux/amd64
            workdir /srv/app
            layer "base"
              file /etc/os "1"
              file /srv/app/old "gone"
            layer "COPY . ."
              dir /srv/app 750 owner=5:5
              file /srv/app/main.py "release {n}"
              hard /srv/app/link.py /srv/app/main.py
              whiteout /srv/app/old
            layer "RUN pip install, npm install"
              file /usr/lib/python3/site-packages/flask/app.py size=40k seed=1
              file /srv/app/node_modules/left-pad/index.js size=10k seed=2
              link /usr/bin/python /usr/bin/python3
            "#
        )
    };
    let sandbox = Sandbox::new();
    let written = [1, 2].map(|n| {
        let app = format!("{}:{n}", sandbox.oci(&release(n)));
        let to = format!("oci:{}:{n}", sandbox.path("out").display());
        sandbox.ok(["optimize", &app, "--squash", "all", "--split", "-o", &to]);
        assert_eq!(listing(&sandbox, &to), listing(&sandbox, &app));
        to
    });
    let [one, two] = written.map(|image| layers(&sandbox, &image));
    assert_eq!((one.len(), two.len()), (2, 2));
    assert_eq!(one[0], two[0], "what was installed is the same layer");
    assert_ne!(one[1], two[1]);
    let image = format!("oci:{}:1", sandbox.path("out").display());
    let document = sandbox.layerscope(["inspect", "--format", "json", &image]).run().json();
    let own = document["layers"].as_array().unwrap().iter().map(|layer| layer["file_bytes"].as_u64().unwrap());
    assert_eq!(own.collect::<Vec<_>>(), [51_201, 9], "two packages and the system's file; main.py");
}

#[test]
fn what_is_dropped_does_not_let_the_bases_version_through() {
    let text = r#"
        stage base
        layer "base"
          file /var/log/a "the base's"
          file /var/log/b "the base's"
        image base:1 linux/amd64 full-name
        from base
        image app:1 linux/amd64 full-name
        from base
        layer "app"
          file /var/log/a "the application's"
          file /var/log/c "the application's"
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let (new, document) = optimized(&sandbox, &app, &["--from", &base, "--drop", "logs"]);
    let names = listing(&sandbox, &new);
    assert!(!names.contains("/var/log/a") && names.contains("/var/log/b") && !names.contains("/var/log/c"), "{names}");
    assert_eq!(document["proof"]["dropped"], 2);
}

/// … though no bytes go with it, or nothing stays.
#[test]
fn whatever_is_dropped_is_gone_and_told() {
    let text = r#"
        image empty:1 linux/amd64 full-name
        layer "app"
          file /app/a.log ""
          file /app/b "data"
        image linked:1 linux/amd64 full-name
        layer "app"
          file /app/a.log "data"
          hard /app/b /app/a.log
        image link:1 linux/amd64 full-name
        layer "app"
          file /app/b "data"
          link /app/a.log b
          link /var/log/b /dev/stdout
        image own:1 linux/amd64 full-name
        layer "app"
          file /app/a.log "data"
          file /app/b "data"
        image all:1 linux/amd64 full-name
        layer "app"
          file a.log "data"
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let mut said = String::new();
    for (name, more) in
        [("empty", ""), ("linked", ""), ("link", ""), ("own", "--split"), ("all", ""), ("all", "--split")]
    {
        let to = format!("oci:{}:new", sandbox.path("out").display());
        let image = format!("{oci}:{name}:1");
        let args = ["optimize", &image, "--squash", "all", "--drop", "*.log,logs", "-o", &to, "--format", "json", more];
        let run = sandbox.layerscope(args.into_iter().filter(|arg| !arg.is_empty())).run();
        assert_eq!(run.stderr, "", "{name}");
        let document = run.json();
        let of = |key: &str| &document["steps"][0][key];
        let files = listing(&sandbox, &to).matches("a.log").count();
        let (dropped, bytes) = (of("dropped_files"), of("dropped_bytes"));
        said += &format!("{name} {more}: {dropped} files and {bytes} B dropped of {}, {files} left\n", of("layers"));
    }
    insta::assert_snapshot!(said, @"
    empty : 1 files and 0 B dropped of 1, 0 left
    linked : 1 files and 0 B dropped of 1, 0 left
    link : 1 files and 0 B dropped of 1, 0 left
    own --split: 1 files and 4 B dropped of 1, 0 left
    all : 1 files and 4 B dropped of 1, 0 left
    all --split: 1 files and 4 B dropped of 1, 0 left
    ");
}

/// umoci and overlay's podman know no file of a layer below by its name.
#[test]
fn links_into_the_base_bring_its_file_along() {
    let text = r#"
        stage base
        layer "base"
          file /lib/a "shared"
          hard /lib/a2 /lib/a
        image base:1 linux/amd64 full-name
        from base
        image app:1 linux/amd64 full-name
        from base
        layer "app"
          hard /lib/b /lib/a
        layer "more"
          file /app/x "x"
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let (new, _) = optimized(&sandbox, &app, &["--from", &base]);
    assert_eq!(listing(&sandbox, &new), listing(&sandbox, &app));
    let inspected = sandbox.layerscope(["inspect", "--format", "json", &new]).run().json();
    assert_eq!(inspected["layers"][1]["file_bytes"], 7, "the shared file and the new one");
}

#[test]
fn only_files_are_replaced() {
    let sandbox = Sandbox::new();
    let app = format!("{}:app:1", sandbox.oci(WASTE));
    let write = |name: &str| {
        let to = format!("oci-archive:{}", sandbox.path(name).display());
        sandbox.layerscope(["optimize", &app, "--squash", "all", "-o", &to]).run()
    };
    std::os::unix::fs::symlink("target.tar", sandbox.path("link.tar")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(sandbox.path("pipe")).status().unwrap().success());
    for name in ["link.tar", "pipe"] {
        let before = sandbox.path(name).symlink_metadata().unwrap().file_type();
        assert!(write(name).fails().contains("it is a link, a device or a pipe"), "{name}");
        assert_eq!(sandbox.path(name).symlink_metadata().unwrap().file_type(), before, "{name} is as it was");
    }
    let private = sandbox.write("private.tar", "");
    std::fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    write("private.tar").ok();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&private.metadata().unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn layers_that_stay_are_compressed_anew_on_request() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(WASTE);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let (new, document) = optimized(&sandbox, &app, &["--from", &base, "--recompress", "--compression", "zstd"]);
    assert_eq!(document["steps"][0]["step"], "recompress");
    assert_eq!(listing(&sandbox, &new), listing(&sandbox, &app));
    let inspected = sandbox.layerscope(["inspect", "--format", "json", &new]).run().json();
    let types: Vec<&str> =
        inspected["layers"].as_array().unwrap().iter().map(|it| it["media_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["application/vnd.oci.image.layer.v1.tar+zstd"; 2]);
    let diff_id = |image: &str| {
        let document = sandbox.layerscope(["inspect", "--format", "json", image]).run().json();
        document["layers"][0]["diff_id"].clone()
    };
    assert_eq!(diff_id(&new), diff_id(&base));
}

#[test]
fn layers_that_stay_keep_what_is_said_of_them() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::default();
    for image in images(WASTE) {
        let descriptor = layout.put_image(&image);
        layout.tag(&image.name, descriptor);
    }
    let oci = format!("oci:{}", sandbox.path("old").display());
    layout.write_dir(&sandbox.path("old"));
    let mut manifest = named(&oci, "app:1");
    let toc = json!({ "containerd.io/snapshot/stargz/toc.digest": "sha256:0" });
    for layer in manifest["layers"].as_array_mut().unwrap() {
        layer["annotations"] = toc.clone();
    }
    let told = layout.put("application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes());
    layout.tag("told", told);
    layout.write_dir(&sandbox.path("old"));
    let (image, base) = (format!("{oci}:told"), format!("{oci}:base:1"));
    let (new, _) = optimized(&sandbox, &image, &["--from", &base]);
    let written = named(new.strip_suffix(":new").unwrap(), "new");
    assert_eq!((&written["layers"][0]["annotations"], &written["layers"][1]["annotations"]), (&toc, &Value::Null));
}

#[test]
fn a_plan_writes_nothing() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(WASTE);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let run = sandbox.layerscope(["optimize", "--dry-run", "--from", &base, &app]).env("COLUMNS", "200").run();
    insta::assert_snapshot!(run.ok().replace(&sandbox.filter(&oci), "[OCI]"), @"
    [OCI]:app:1
    linux/amd64 · created 2024-01-01T00:00:00Z
    sha256:7cc98d6a2b5229e30fcfb5aa05def765331aaac499d4054a96b4bc19f0dd16e5
    A plan: nothing was written.

                 now  new
    stored  349.7 kB    ?
    files   347.2 kB    ?
    lost    132.1 kB    ?
    layers         4    ?

    Layers, the lowest first
           layers  files now       new     lost  left out  linked  of
    keep   0         92.2 kB   92.2 kB        -         -       -  [OCI]:app:1
    merge  1 to 3   255.0 kB  184.4 kB  70.7 kB         -       -  [OCI]:app:1
    ");
}

#[test]
fn archives_hold_what_layouts_hold() {
    let sandbox = Sandbox::new();
    let app = format!("{}:app:1", sandbox.oci(WASTE));
    let (new, _) = optimized(&sandbox, &app, &["--squash", "all"]);
    for scheme in ["oci-archive", "docker-archive"] {
        let file = sandbox.path(format!("{scheme}.tar"));
        let to = format!("{scheme}:{}:localhost/app:new", file.display());
        sandbox.ok(["optimize", &app, "--squash", "all", "-o", &to]);
        assert_eq!(listing(&sandbox, &to), listing(&sandbox, &new), "{scheme}");
        let once = std::fs::read(&file).unwrap();
        sandbox.ok(["optimize", &app, "--squash", "all", "-o", &to]);
        assert!(once == std::fs::read(&file).unwrap(), "{scheme} is the same twice");
    }
}

#[test]
fn podman_loads_it_and_sees_the_same() {
    let Some(program) = need("podman") else { return };
    let sandbox = Sandbox::new();
    let podman = Podman::new(program.clone(), &sandbox.path("podman"), "vfs");
    // Unlike vfs, this driver unpacks a layer by itself: directories that the layer lacks come out as if they were new. It
    // does not list all of these images' own layers, which hide what is not there.
    let apart = Podman::new(program, &sandbox.path("apart"), "overlay");
    let name = |n: u64| format!("localhost/test:{n}");
    let random = (0..6).map(|seed| ImageSpec { name: name(seed), ..image(&random_image(100 + seed)) });
    // podman has no two entries of one path in a layer.
    let waste = WASTE.replace("  file /app/twice \"first\"\n", "");
    let lines = waste
        .lines()
        .filter(|line| !line.starts_with("image ") && !line.starts_with("from ") && !line.starts_with("stage "));
    let waste = ImageSpec { name: name(6), ..image(&lines.collect::<Vec<_>>().join("\n")) };
    let images: Vec<ImageSpec> = random.chain([waste]).collect();
    let bases = images.iter().map(|image| ImageSpec {
        name: image.name.replace("test", "base"),
        layers: image.layers[..image.layers.len() / 2].to_vec(),
        history: Vec::new(),
        ..image.clone()
    });
    let images = [images.clone(), bases.collect()].concat();
    let archive = sandbox.write("images.tar", old_docker_archive(&images));
    podman.run(&["load", "-q", "-i", archive.to_str().unwrap()]);
    for n in 0..7 {
        let before = format!("docker-archive:{}:{}", archive.display(), name(n));
        let to = format!("docker-archive:{}:localhost/new:{n}", sandbox.path("new.tar").display());
        // The upper half of the layers, and all of them.
        let base = format!("docker-archive:{}:localhost/base:{n}", archive.display());
        let how = if n % 2 == 0 { ["--from", base.as_str()] } else { ["--squash", "all"] };
        sandbox.ok([&["optimize", before.as_str()][..], &how, &["-o", to.as_str()]].concat());
        apart.run(&["load", "-q", "-i", sandbox.path("new.tar").to_str().unwrap()]);
        let new = apart.listing(&format!("localhost/new:{n}"));
        assert_same(&name(n), &new, &podman.listing(&name(n)));
    }
}

/// The proof is the program's own, over whatever random images hold; and `inspect` knows nothing of it.
#[test]
fn random_images_lose_their_waste_and_nothing_else() {
    let sandbox = Sandbox::new();
    for seed in 1000..1040 {
        let app = format!("{}:1", sandbox.oci(&format!("image app:1 linux/amd64\n{}", random_image(seed))));
        let (new, _) = optimized(&sandbox, &app, &["--squash", "all"]);
        assert_eq!(totals(&sandbox, &new)["wasted_bytes"], 0, "{seed}");
        assert_eq!(listing(&sandbox, &new), listing(&sandbox, &app), "{seed}");
    }
}

#[test]
fn a_layout_keeps_its_other_images() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(WASTE);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:1"));
    let before = listing(&sandbox, &base);
    let to = format!("{oci}:small");
    for _ in 0..2 {
        sandbox.ok(["optimize", &app, "--squash", "all", "-o", &to]);
    }
    assert_eq!(listing(&sandbox, &base), before);
    assert_eq!(listing(&sandbox, &to), listing(&sandbox, &app));
    let folder = oci.strip_prefix("oci:").unwrap();
    let index: Value = serde_json::from_slice(&std::fs::read(format!("{folder}/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 3, "{index:#}");
    assert_eq!(inside(folder.as_ref()), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let sparse =
        sandbox.oci("image app:1 linux/amd64\nlayer \"one\"\n  file /etc/a \"x\"\nlayer \"two\"\n  file /etc/a \"y\"");
    let folder = sandbox.path("place");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine"), "x").unwrap();
    let to = format!("oci:{}", folder.display());
    let said = sandbox.fails(["optimize", &format!("{sparse}:1"), "--squash", "all", "-o", &to]);
    insta::assert_snapshot!(sandbox.filter(&said), @"error: cannot write [DIR]/place: it is a folder with something else in it, and no layout");
    assert_eq!(inside(&folder), ["mine"]);
    // A layer that changes after it was scanned: the cache knows it, its bytes are others.
    sandbox.ok(["inspect", &format!("{sparse}:1")]);
    let blobs = std::path::PathBuf::from(sparse.strip_prefix("oci:").unwrap()).join("blobs/sha256");
    let layer = layers(&sandbox, &format!("{sparse}:1"))[1].replace("sha256:", "");
    let mut bytes = std::fs::read(blobs.join(&layer)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(blobs.join(&layer), bytes).unwrap();
    let to = format!("oci:{}", sandbox.path("made/new").display());
    let said = sandbox.fails(["optimize", &format!("{sparse}:1"), "--squash", "all", "-o", &to]);
    assert!(said.contains(&layer), "{said}");
    assert_eq!(inside(&sandbox.path("made")), [""; 0]);
}

#[test]
fn places_that_are_none_are_refused() {
    let sandbox = Sandbox::new();
    let app = format!("{}:app:1", sandbox.oci(WASTE));
    for place in ["new.tar", "podman:x", "-"] {
        let said = sandbox.fails(["optimize", &app, "-o", place]);
        assert!(said.contains("oci:DIR[:TAG]"), "{said}");
    }
    let said = sandbox.fails(["optimize", &app]);
    assert!(said.contains("--output <DEST>"), "{said}");
}
