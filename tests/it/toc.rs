//! Layers that are indexed from their tables of contents: the same as the whole layers, for a fraction of their bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use layerscope::blob::Claims;
use layerscope::index::toc::{self, Needs, Toc};
use layerscope::model::DiffId;
use serde_json::{Value, json};

use crate::support::fake_registry::{FakeRegistry, Hub, Login};
use crate::support::http_server::Reply;
use crate::support::toc::{Change, estargz, zstd_chunked};
use crate::support::{ImageSpec, LayerSpec, Layout, Output, Sandbox, image};

/// Every kind of entry, files of several pieces, and files whose contents tell something.
const RECIPE: &str = r##"
    env PATH=/usr/bin
    layer "base"
      dir /etc
      file /etc/os-release "ID=debian\nVERSION_ID=12\n"
      file /etc/passwd "root:x:0:0:root:/root:/bin/sh\n"
      dir /usr
      dir /usr/lib
      file /usr/lib/a size=700k seed=1
      file /usr/lib/b size=300k seed=2 owner=1000:7 mtime=1600000000
      file /usr/lib/c size=300k seed=2
      file /var/lib/dpkg/status <<END
        Package: base-files
        Status: install ok installed
        Version: 12.4

        Package: libc6
        Status: install ok installed
        Version: 2.36-9
      END
      file /usr/lib/d size=2M seed=3
      file /etc/empty
      link /lib usr/lib
      hard /usr/lib/e /usr/lib/d
      char /dev/null 666 1:3
      fifo /run/pipe 600
      file /usr/bin/tool 4755 size=300 seed=9 xattr.user.k="\x01\xff"
      file /opt/x/site-packages/flask-2.0.dist-info/METADATA "Name: flask\nVersion: 2.0\n"
    layer "app"
      whiteout /usr/lib/b
      opaque /opt/y
      file /usr/lib/a size=700k seed=1 owner=5:5
      file /app/run.sh 755 "#!/bin/sh\nexec tool\n"
      file /app/data size=2M seed=4
      file /app/node_modules/left-pad/package.json "{\"name\":\"left-pad\",\"version\":\"1.3.0\"}"
"##;

type Pack = fn(&[u8], &Change<'_>) -> LayerSpec;

/// Both forms.
const FORMS: [(&str, Pack); 2] = [("eStargz", estargz), ("zstd:chunked", zstd_chunked)];

/// The image with its layers packed anew.
fn packed(pack: Pack, change: &Change<'_>) -> ImageSpec {
    let mut image = image(RECIPE);
    image.name = "app:1".into();
    for layer in &mut image.layers {
        *layer = pack(&layer.tar, change);
    }
    image
}

/// What a registry was asked for of its layers.
#[derive(Clone, Default)]
struct Meter {
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Meter {
    fn take(&self) -> (u64, u64) {
        (self.bytes.swap(0, Ordering::Relaxed), self.requests.swap(0, Ordering::Relaxed))
    }
}

/// A registry with the image; its layers are changed by `trick`, and what it gives of them is counted.
fn serve(image: &ImageSpec, trick: impl Fn(Reply, &[u8]) -> Reply + Send + Sync + 'static) -> (FakeRegistry, Meter) {
    let meter = Meter::default();
    let (layout, counted) = (Layout::of(std::slice::from_ref(image)), meter.clone());
    let layers = image.documents().blobs.into_iter().map(|blob| (crate::support::sha256(&blob), blob));
    let layers: std::collections::BTreeMap<_, _> = layers.collect();
    let hub = Hub::new(layout).trick(move |ask, _, reply| {
        let Some(whole) = layers.get(ask.path().rsplit('/').next().unwrap()) else { return reply };
        let reply = trick(reply, whole);
        counted.requests.fetch_add(1, Ordering::Relaxed);
        counted.bytes.fetch_add(reply.body.len() as u64, Ordering::Relaxed);
        reply
    });
    (hub.start(), meter)
}

fn as_it_is(reply: Reply, _: &[u8]) -> Reply {
    reply
}

fn run(sandbox: &Sandbox, registry: &FakeRegistry, args: &[&str]) -> Output {
    let name = registry.name("1");
    let args: Vec<&str> = args.iter().map(|arg| if *arg == "IMAGE" { name.as_str() } else { arg }).collect();
    sandbox.layerscope(args).run()
}

/// An `inspect` document without what is an estimate of a whole layer.
fn inspected(output: Output) -> Value {
    let mut document = output.json();
    for path in document["waste"]["paths"].as_array_mut().unwrap() {
        path.as_object_mut().unwrap().remove("download_bytes_estimate");
    }
    document
}

#[test]
fn rows_and_reports_are_those_of_the_whole_layers() {
    for (form, pack) in FORMS {
        let sandbox = Sandbox::new();
        let image = packed(pack, &Change::default());
        let (registry, meter) = serve(&image, as_it_is);
        let stored: usize = image.documents().blobs.iter().map(Vec::len).sum();
        let both = |args: &[&str]| {
            let told = run(&sandbox, &registry, args);
            let cost = meter.take();
            let whole = run(&sandbox, &registry, &[args, &["--verify", "full"]].concat());
            assert!(meter.take().0 >= stored as u64, "{form}: --verify full reads all");
            (told, whole, cost)
        };
        let (told, whole, (bytes, requests)) = both(&["ls", "IMAGE", "--format", "jsonl", "--no-cache"]);
        let rows = told.ok();
        assert_eq!(rows, whole.ok(), "{form}");
        assert!(rows.lines().count() > 20 && rows.matches("sha256:").count() > 10, "{rows}");
        assert!(bytes * 100 < stored as u64 * 3, "{form}: {bytes} of {stored}");
        assert!(requests <= 4, "{form}: {requests} requests for two layers");
        let (told, whole, (bytes, requests)) = both(&["inspect", "IMAGE", "--format", "json", "--no-cache"]);
        let told = inspected(told);
        assert_eq!(told, inspected(whole), "{form}");
        assert_eq!(told["packages"].as_array().unwrap().len(), 4, "{form}: {}", told["packages"]);
        assert!(bytes * 100 < stored as u64 * 3, "{form}: {bytes} of {stored}");
        assert!(requests <= 12, "{form}: {requests} requests for two layers");
    }
}

#[test]
fn one_file_is_fetched_alone() {
    for (form, pack) in FORMS {
        let sandbox = Sandbox::new();
        let image = packed(pack, &Change::default());
        let (registry, meter) = serve(&image, as_it_is);
        for path in ["/etc/os-release", "/lib/d", "/usr/lib/c", "/etc/empty", "/usr/lib/a"] {
            let whole = run(&sandbox, &registry, &["cat", "IMAGE", path, "--no-cache", "--verify", "full"]);
            assert_eq!(whole.code(), 0, "{}", whole.stderr);
            meter.take();
            let alone = run(&sandbox, &registry, &["cat", "IMAGE", path, "--no-cache"]);
            assert_eq!((alone.code(), &alone.bytes), (0, &whole.bytes), "{form} {path}: {}", alone.stderr);
            let (bytes, requests) = meter.take();
            let size = alone.bytes.len() as u64;
            assert!(bytes < size + 140_000 && requests <= 5, "{form} {path}: {bytes} bytes, {requests} requests");
        }
        // With the table in the cache it is one request.
        run(&sandbox, &registry, &["ls", "IMAGE"]).ok();
        meter.take();
        run(&sandbox, &registry, &["cat", "IMAGE", "/usr/lib/c"]).ok();
        let (bytes, requests) = meter.take();
        assert!(bytes < 310_000 && requests == 1, "{form}: {bytes} bytes, {requests} requests");
        // So it is where the whole layers are known, but for the table.
        run(&sandbox, &registry, &["ls", "IMAGE", "--verify", "full", "--format", "json"]).ok();
        meter.take();
        run(&sandbox, &registry, &["cat", "IMAGE", "/usr/lib/c"]).ok();
        assert!(meter.take().0 < 400_000, "{form}");
    }
}

/// A registry that takes no notice of ranges, one that refuses them, and one that gives other parts.
#[test]
fn without_ranges_layers_are_read_whole() {
    type Trick = fn(Reply, &[u8]) -> Reply;
    let tricks: [Trick; 3] = [
        |_, whole| Reply::new(200, whole),
        |reply, whole| if reply.status == 206 { Reply::new(416, "") } else { Reply::new(200, whole) },
        |reply, _| match reply.status {
            206 => reply.with("Content-Range", "bytes 0-9/10"),
            _ => reply,
        },
    ];
    for (form, pack) in FORMS {
        let image = packed(pack, &Change::default());
        let (good, _) = serve(&image, as_it_is);
        let sandbox = Sandbox::new();
        let expected = inspected(run(&sandbox, &good, &["inspect", "IMAGE", "--format", "json", "--no-cache"]));
        for trick in tricks {
            let sandbox = Sandbox::new();
            let (registry, _) = serve(&image, trick);
            let mut told = inspected(run(&sandbox, &registry, &["inspect", "IMAGE", "--format", "json", "--no-cache"]));
            told["image"]["reference"] = expected["image"]["reference"].clone();
            assert_eq!(told, expected, "{form}");
            let file = run(&sandbox, &registry, &["cat", "IMAGE", "/etc/os-release", "-v"]);
            assert!(file.stderr.contains("read whole: its source gives whole blobs only"), "{}", file.stderr);
            assert_eq!(file.ok(), "ID=debian\nVERSION_ID=12\n");
        }
    }
}

/// The table's bytes are others than the manifest says, the blob's with them: the whole layer is refused.
#[test]
fn a_table_that_was_changed_on_the_way_is_refused() {
    for (form, pack) in FORMS {
        let image = packed(pack, &Change::default());
        let (registry, _) = serve(&image, |mut reply, _| {
            let at = reply.body.len() - 200;
            reply.body[at] ^= 1;
            reply
        });
        let output = run(&Sandbox::new(), &registry, &["ls", "IMAGE", "-v"]);
        assert!(output.stderr.contains("is read whole: "), "{form}: {}", output.stderr);
        assert!(output.fails().contains("corrupt"), "{form}");
    }
}

/// A wrong digest of the table in the manifest: the layer is what it should be, and is read whole.
#[test]
fn a_manifest_that_is_wrong_of_the_table_costs_the_whole_layer() {
    for (form, pack) in FORMS {
        let mut image = packed(pack, &Change::default());
        for layer in &mut image.layers {
            for (key, value) in &mut layer.annotations {
                if key.ends_with("digest") || key.ends_with("checksum") {
                    *value = json!(crate::support::sha256(b"another"));
                }
            }
        }
        let (registry, _) = serve(&image, as_it_is);
        let output = run(&Sandbox::new(), &registry, &["ls", "IMAGE", "/etc", "-v"]);
        assert!(output.stderr.contains("is corrupt: its bytes have the digest"), "{form}: {}", output.stderr);
        assert!(output.ok().contains("os-release"), "{form}");
    }
}

/// What a hostile or sloppy builder may write: each is read whole, and nothing panics.
#[test]
fn tables_that_make_no_sense_are_not_used() {
    let set =
        |at: usize, key: &'static str, value: Value| move |table: &mut Value| table["entries"][at][key] = value.clone();
    // The first file, /etc/os-release, is entry 1.
    let huge = json!(u64::MAX);
    type Of = Box<dyn Fn(&mut Value)>;
    let changes: Vec<(&str, Of)> = vec![
        ("version", Box::new(|table| table["version"] = json!(2))),
        ("no entries", Box::new(|table| *table = json!({ "version": 1 }))),
        ("no list", Box::new(|table| table["entries"] = json!("x"))),
        ("offset 0", Box::new(set(1, "offset", json!(0)))),
        ("offset", Box::new(set(1, "offset", huge.clone()))),
        ("end", Box::new(set(1, "endOffset", huge.clone()))),
        ("skip", Box::new(set(1, "innerOffset", huge.clone()))),
        ("size", Box::new(set(1, "size", huge.clone()))),
        ("negative size", Box::new(set(1, "size", json!(-1)))),
        ("no digest", Box::new(set(1, "digest", json!("")))),
        ("digest", Box::new(set(1, "digest", json!("sha512:00")))),
        ("empty", Box::new(set(1, "size", json!(0)))),
        ("type", Box::new(set(1, "type", json!("socket")))),
        ("first is a chunk", Box::new(set(0, "type", json!("chunk")))),
        ("time", Box::new(set(1, "modtime", json!("yesterday")))),
        ("attribute", Box::new(set(1, "xattrs", json!({ "a": "%" })))),
        ("name", Box::new(set(1, "name", json!("a\u{fffd}")))),
        ("long name", Box::new(set(1, "name", json!("a".repeat(5000))))),
    ];
    for (form, pack) in FORMS {
        for (what, change) in &changes {
            let change = Change { table: Some(&**change), ..Change::default() };
            let mut image = packed(pack, &change);
            image.layers.truncate(1);
            image.history.truncate(1);
            let sandbox = Sandbox::new();
            Layout::of(std::slice::from_ref(&image)).write_dir(&sandbox.path("layout"));
            let output = sandbox.layerscope(["ls", "oci:layout", "/etc", "-v", "--no-cache"]).run();
            let is_told = output.stderr.contains("by its table of contents");
            // With its tar, zstd:chunked needs less of the table.
            let spare = form == "zstd:chunked" && ["time", "attribute", "name"].contains(what);
            assert!(output.stderr.contains("is read whole") && !is_told || spare, "{form} {what}: {}", output.stderr);
            assert!(output.ok().contains("os-release"), "{form} {what}");
        }
    }
}

#[test]
fn a_file_that_was_changed_is_not_given() {
    for (form, pack) in FORMS {
        let image = packed(pack, &Change::default());
        let offset = |path: &str| {
            let found = std::cell::Cell::new(0);
            let look = |table: &mut Value| {
                let entry = table["entries"].as_array().unwrap().iter().find(|entry| entry["name"] == path);
                found.set(entry.map_or(found.get(), |entry| entry["offset"].as_u64().unwrap()));
            };
            let change = Change { table: Some(&look), ..Change::default() };
            packed(pack, &change);
            found.get() as usize
        };
        let at = offset("usr/lib/c") + 100_000;
        let first = image.layers[0].stored().len();
        let (registry, _) = serve(&image, move |mut reply, whole| {
            let range = reply.headers.iter().find(|(key, _)| key == "Content-Range").map(|(_, range)| range.clone());
            let start = range.map_or(0, |range| {
                range.trim_start_matches("bytes ").split('-').next().unwrap().parse::<usize>().unwrap()
            });
            if whole.len() == first && (start..start + reply.body.len()).contains(&at) {
                reply.body[at - start] ^= 1;
            }
            reply
        });
        let sandbox = Sandbox::new();
        run(&sandbox, &registry, &["ls", "IMAGE"]).ok();
        let error = run(&sandbox, &registry, &["cat", "IMAGE", "/usr/lib/c"]).fails();
        assert!(error.contains("/usr/lib/c is corrupt"), "{form}: {error}");
        run(&sandbox, &registry, &["cat", "IMAGE", "/etc/os-release"]).ok();
    }
}

/// Without tar-split the tar's length can't be told, which is said.
#[test]
fn older_tables_do_not_tell_how_long_the_tar_is() {
    let image = packed(zstd_chunked, &Change { no_tar_split: true, ..Change::default() });
    let (registry, meter) = serve(&image, as_it_is);
    let sandbox = Sandbox::new();
    let stored: usize = image.documents().blobs.iter().map(Vec::len).sum();
    let told = run(&sandbox, &registry, &["ls", "IMAGE", "--format", "jsonl", "--no-cache"]).ok();
    assert!(meter.take().0 * 100 < stored as u64 * 3);
    assert_eq!(told, run(&sandbox, &registry, &["ls", "IMAGE", "--format", "jsonl", "--verify", "full"]).ok());
    meter.take();
    let mut told = inspected(run(&sandbox, &registry, &["inspect", "IMAGE", "--format", "json", "--no-cache"]));
    assert!(meter.take().0 * 100 < stored as u64 * 3);
    let whole = inspected(run(&sandbox, &registry, &["inspect", "IMAGE", "--format", "json", "--verify", "full"]));
    assert_eq!(told.as_object_mut().unwrap().remove("tar_bytes_estimated"), Some(json!(true)));
    assert_eq!(told, whole, "and here the estimate is right");
}

#[test]
fn commands_that_need_more_read_whole_layers_whatever_is_cached() {
    let image = packed(estargz, &Change::default());
    let (registry, meter) = serve(&image, as_it_is);
    let sandbox = Sandbox::new();
    run(&sandbox, &registry, &["inspect", "IMAGE"]).ok();
    meter.take();
    run(&sandbox, &registry, &["inspect", "IMAGE"]).ok();
    run(&sandbox, &registry, &["ls", "IMAGE", "--offline"]).ok();
    assert_eq!(meter.take(), (0, 0), "it is in the cache");
    let error = run(&sandbox, &registry, &["recommend", "IMAGE", "--offline"]).fails();
    assert!(error.contains("is not in the cache"), "{error}");
    run(&sandbox, &registry, &["diff", "IMAGE", "IMAGE", "--exit-code"]).ok();
    let stored: usize = image.documents().blobs.iter().map(Vec::len).sum();
    assert_eq!(meter.take().0, stored as u64);
}

/// What was read whole is better than a table, and is taken where it is there.
#[test]
fn layers_that_were_verified_are_taken_from_the_cache() {
    let recipe = "layer x\n  file /usr/bin/x 755 size=500k seed=1\n  file /data size=2M seed=2\n";
    let mut image = image(recipe);
    image.name = "app:1".into();
    image.layers[0] = estargz(&image.layers[0].tar, &Change::default());
    let (registry, meter) = serve(&image, as_it_is);
    let sandbox = Sandbox::new();
    let unread =
        || run(&sandbox, &registry, &["inspect", "IMAGE", "--format", "json"]).json()["programs_unread"].is_object();
    assert!(unread(), "by the table");
    run(&sandbox, &registry, &["inspect", "IMAGE", "--verify", "full"]).ok();
    meter.take();
    assert!(!unread(), "by the whole layer");
    assert_eq!(meter.take(), (0, 0));
}

/// Programs are the one thing that is left out, where they are neither few nor most of a layer.
#[test]
fn programs_that_were_not_read_are_told_of() {
    for (programs, expected) in [("size=10k", None), ("size=500k", Some(500 << 10)), ("size=4M", None)] {
        let recipe = format!("layer x\n  file /usr/bin/x 755 {programs} seed=1\n  file /data size=2M seed=2\n");
        let mut image = image(&recipe);
        image.name = "app:1".into();
        image.layers[0] = zstd_chunked(&image.layers[0].tar, &Change::default());
        let (registry, _) = serve(&image, as_it_is);
        let document = run(&Sandbox::new(), &registry, &["inspect", "IMAGE", "--format", "json"]).json();
        assert_eq!(document["programs_unread"]["bytes"].as_u64(), expected, "{programs}");
    }
    // A budget's baseline may be such a document.
    let image = packed(estargz, &Change::default());
    let (registry, _) = serve(&image, as_it_is);
    let sandbox = Sandbox::new();
    let document = run(&sandbox, &registry, &["inspect", "IMAGE", "--format", "json"]).ok();
    sandbox.write("before.json", document);
    sandbox.write("layerscope.toml", "[rules]\nnew-file-size = \"100 kB\"\nadded-packages = 0\n");
    let output = run(&sandbox, &registry, &["check", "IMAGE", "--baseline", "before.json", "--format", "json"]);
    assert_eq!(output.code(), 0, "{} {}", output.stdout, output.stderr);
}

/// Every field of an entry as it must not be. Errors are fine, panics are bugs; and what is taken adds up.
#[test]
fn no_field_of_a_table_makes_it_panic() {
    let recipe = "layer x\n  file /etc/os-release \"ID=debian\\n\"\n  file /a size=70k seed=1\n  link /b a\n";
    let tar = image(recipe).layers[0].tar.clone();
    let keys = [
        "type",
        "name",
        "linkName",
        "mode",
        "size",
        "uid",
        "gid",
        "modtime",
        "devMajor",
        "xattrs",
        "digest",
        "offset",
        "endOffset",
        "innerOffset",
        "chunkOffset",
        "chunkSize",
    ];
    let values = [
        json!(null),
        json!(0),
        json!(1),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("chunk"),
        json!("../../x"),
        json!([]),
        json!({}),
        json!({ "a": "" }),
        json!("0000-00-00T00:00:00Z"),
    ];
    let mut taken = 0;
    for (_, pack) in FORMS {
        for no_tar_split in [false, true] {
            for (at, key, value) in
                keys.iter().flat_map(|key| values.iter().flat_map(move |value| [0, 1, 2].map(|at| (at, *key, value))))
            {
                let set = |table: &mut Value| table["entries"][at][key] = value.clone();
                let layer = pack(&tar, &Change { table: Some(&set), no_tar_split, ..Change::default() });
                taken += usize::from(is_taken(&layer));
            }
        }
    }
    assert!(taken > 100, "{taken}");
}

/// Whether the library makes a table of a layer's table of contents; then a tree is made of it, too.
fn is_taken(layer: &LayerSpec) -> bool {
    let blob = layer.stored();
    let mut descriptor = crate::support::image::descriptor("", &blob);
    descriptor["annotations"] = Value::Object(layer.annotations.clone());
    let descriptor: layerscope::model::Descriptor = serde_json::from_value(descriptor).unwrap();
    let diff_id = DiffId(layer.diff_id().parse().unwrap());
    let claims = Claims { digest: descriptor.digest, size: descriptor.size, diff_id };
    let parts = |range: std::ops::Range<u64>| Ok(blob[range.start as usize..range.end as usize].to_vec());
    let toc = Toc::of(&descriptor).unwrap();
    let Ok(told) = toc::read(&toc, &claims, Needs::Packages, &parts) else { return false };
    let files: u64 = told.index.entries.iter().map(layerscope::model::Entry::file_bytes).sum();
    assert!(files <= told.index.tar_bytes);
    for (row, entry) in told.index.entries.iter().enumerate() {
        let _ = toc::read_file(&told.places, entry, row as u32, &parts);
    }
    layerscope::tree::Tree::new(vec![Arc::new(told.index)]);
    true
}

/// Parts go the way of all requests: with a token, over a redirect, and again where a connection breaks off.
#[test]
fn parts_are_asked_for_as_blobs_are() {
    for (form, pack) in FORMS {
        let layout = Layout::of(&[packed(pack, &Change::default())]);
        let broken = Arc::new(AtomicU64::new(0));
        let times = broken.clone();
        let hub = Hub::new(layout).login(Login::Token).cdn().trick(move |_, _, reply| {
            if reply.status == 206 && times.fetch_add(1, Ordering::Relaxed) < 2 { reply.cut(100) } else { reply }
        });
        let registry = hub.start();
        let rows = run(&Sandbox::new(), &registry, &["ls", "IMAGE", "/etc"]).ok();
        assert!(rows.contains("os-release"), "{form}");
        assert!(broken.load(Ordering::Relaxed) >= 3, "{form}");
        let lines = registry.cdn.as_ref().unwrap().lines();
        let whole = lines.iter().filter(|line| !line.contains(" bytes=")).count();
        assert_eq!(whole, 1, "the config alone: {lines:?}");
        assert!(
            registry.server.lines().iter().filter(|line| line.contains("/blobs/")).all(|line| line.contains("+Bearer"))
        );
    }
}

/// Layers of a writer that is not ours. Older ones of skopeo write no tar-split.
#[test]
fn layers_that_skopeo_packs_are_told_by_their_tables() {
    let Some(skopeo) = crate::support::need("skopeo") else { return };
    let sandbox = Sandbox::new();
    let mut image = image(RECIPE);
    image.layers.iter_mut().for_each(|layer| layer.packing = crate::support::compress::Packing::None);
    Layout::of(&[image]).write_dir(&sandbox.path("plain"));
    let mut copy = std::process::Command::new(skopeo);
    copy.args(["--insecure-policy", "copy", "-q", "--dest-compress-format", "zstd:chunked"]);
    copy.arg(format!("oci:{}:test", sandbox.path("plain").display()));
    let output = copy.arg(format!("oci:{}:test", sandbox.path("packed").display())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = |args: &[&str]| {
        let args = [&["ls", "oci:packed", "--format", "jsonl", "--no-cache", "-v"], args].concat();
        sandbox.layerscope(args).run()
    };
    let (told, whole) = (list(&[]), list(&["--verify", "full"]));
    assert_eq!(told.stderr.matches("by its table of contents").count(), 2, "{}", told.stderr);
    assert_eq!(told.ok(), whole.ok());
}

#[test]
fn two_images_differ_as_their_whole_layers_do() {
    let sandbox = Sandbox::new();
    for (tag, change) in
        [("a", ""), ("b", "      file /usr/lib/a size=700k seed=5\n      file /x/b size=300k seed=2\n")]
    {
        let mut image = image(&format!("{RECIPE}{change}"));
        image.name = format!("app:{tag}");
        let pack = if tag == "a" { estargz } else { zstd_chunked };
        image.layers.iter_mut().for_each(|layer| *layer = pack(&layer.tar, &Change::default()));
        Layout::of(&[image]).write_dir(&sandbox.path(tag));
    }
    let diff = |more: &[&str]| {
        let args = [&["diff", "oci:a", "oci:b", "--format", "json", "--no-cache", "-v"], more].concat();
        sandbox.layerscope(args).run()
    };
    let (told, whole) = (diff(&[]), diff(&["--verify", "full"]));
    assert_eq!(told.stderr.matches("by its table of contents").count(), 4, "{}", told.stderr);
    let (told, whole) = (told.json(), whole.json());
    assert_eq!(told, whole);
    assert_eq!(told["files"]["changed"][0]["path"], "/usr/lib/a");
    let gate = diff(&["--exit-code"]);
    assert!(gate.code() == 1 && !gate.stderr.contains("table of contents"), "{}", gate.stderr);
}

/// The tar without contents as it must not be.
#[test]
fn no_tar_split_makes_it_panic() {
    let recipe = "layer x\n  file /a size=70k seed=1\n  link /b a\n";
    let tar = image(recipe).layers[0].tar.clone();
    let sound = zstd_chunked(&tar, &Change::default());
    assert!(is_taken(&sound));
    let values = [
        json!(null),
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(u64::MAX),
        json!("x"),
        json!("AAAA"),
        json!([]),
        json!(BASE64_STANDARD.encode([0; 1024])),
        json!(BASE64_STANDARD.encode(&tar[..512])),
    ];
    for (at, key, value) in (0..5)
        .flat_map(|at| values.iter().flat_map(move |value| ["type", "size", "payload"].map(|key| (at, key, value))))
    {
        let set = |lines: &mut Vec<Value>| lines[at][key] = value.clone();
        is_taken(&zstd_chunked(&tar, &Change { tar_split: Some(&set), ..Change::default() }));
    }
    type Of = fn(&mut Vec<Value>);
    let changes: [Of; 5] = [
        |lines| lines.clear(),
        |lines| drop(lines.pop()),
        |lines| drop(lines.remove(1)),
        |lines| lines.swap(0, 2),
        |lines| lines.extend(lines.clone()),
    ];
    for (i, change) in changes.iter().enumerate() {
        let layer = zstd_chunked(&tar, &Change { tar_split: Some(change), ..Change::default() });
        // The last piece is the end marker, without which a tar is whole as well.
        assert_eq!(is_taken(&layer), i == 1, "{i}");
    }
}
