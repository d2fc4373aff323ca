//! `recommend`: the base that is found, and what is said of those that could take its place.

use serde_json::{Value, json};

use crate::support::Sandbox;

/// A distribution's files, and two bases of it: programs are real ELF files that need the libraries of the base.
pub(crate) const BASES: &str = r#"
tree system
  file /bin/sh 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 755 elf="soname=ld-linux-x86-64.so.2"
  link /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  file /lib/x86_64-linux-gnu/libc.so.6 755 elf="soname=libc.so.6 provides=GLIBC_2.34"
  file /etc/os-release "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n"
image tool:1 linux/amd64
layer full
  include system
  file /lib/x86_64-linux-gnu/libextra.so.1 755 elf="soname=libextra.so.1"
  file /usr/share/doc/manual size=200k
image tool:1-slim linux/amd64
layer slim
  include system
"#;

/// One more version, and applications on the full base.
const IMAGES: &str = r#"
image tool:2-slim linux/amd64
layer other
  include system
image app:plain linux/amd64
from tool:1
layer "COPY app /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.34"
entrypoint ["/app/run"]
image app:linked linux/amd64
from tool:1
layer "COPY app /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libextra.so.1,libc.so.6"
entrypoint ["/app/run"]
"#;

fn recommended(image: &str) -> Value {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(&format!("{BASES}{IMAGES}"));
    let text = sandbox.ok([
        "recommend",
        "--offline",
        "--format",
        "json",
        &format!("{layout}:{image}"),
        "--from",
        &format!("{layout}:1"),
    ]);
    serde_json::from_str(&sandbox.filter(&text)).unwrap()
}

/// The only candidate: another version is none.
fn candidate(document: &Value) -> &Value {
    let all = document["candidates"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{document:#}");
    assert!(all[0]["reference"].as_str().unwrap().ends_with(":1-slim"));
    &all[0]
}

#[test]
fn a_slimmer_base_that_has_all_it_needs_works() {
    let document = recommended("plain");
    assert_eq!(document["base"]["confidence"], "proven");
    assert_eq!(document["base"]["layers"], 1);
    assert!(document["base"]["reference"].as_str().unwrap().ends_with(":1"));
    let candidate = candidate(&document);
    assert_eq!(candidate["verdict"], "works", "{candidate:#}");
    assert_eq!(document["recommended"], candidate["reference"]);
    assert!(candidate["saved"]["file_bytes"].as_i64().unwrap() > 200_000);
}

#[test]
fn a_library_that_only_the_full_base_has_breaks() {
    let document = recommended("linked");
    let candidate = candidate(&document);
    assert_eq!(candidate["verdict"], "breaks", "{candidate:#}");
    assert_eq!(document["recommended"], Value::Null);
    let reason = &candidate["reasons"][0];
    assert_eq!(reason["needed_by"], "/app/run");
    assert!(reason["missing"].as_str().unwrap().contains("libextra.so.1"), "{reason:#}");
}

#[test]
fn what_is_said_to_be_the_base_must_be_under_the_image() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(&format!("{BASES}{IMAGES}"));
    let told =
        sandbox.fails(["recommend", "--offline", &format!("{layout}:plain"), "--from", &format!("{layout}:2-slim")]);
    assert!(told.contains("is not under"), "{told}");
}

/// A candidate whose layer is not what its config says of it.
const BROKEN: &str = r#"
image tool:1-tiny linux/amd64
layer broken diff-id=sha256:0000000000000000000000000000000000000000000000000000000000000000
  include system
"#;

fn run_beside_a_broken_one(options: &[&str]) -> crate::support::Output {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(&format!("{BASES}{IMAGES}{BROKEN}"));
    let (image, from) = (format!("{layout}:plain"), format!("{layout}:1"));
    let mut args: Vec<String> =
        ["recommend", "--offline", "--format", "json", &image, "--from", &from].map(str::to_owned).to_vec();
    args.extend(options.iter().map(|option| option.replace("LAYOUT", &layout)));
    sandbox.layerscope(args).run()
}

#[test]
fn a_candidate_that_can_t_be_read_ends_nothing() {
    for options in [&[][..], &["--candidate", "LAYOUT:1-tiny"], &["--candidate", "LAYOUT:absent"]] {
        let document = run_beside_a_broken_one(options).json();
        let candidate = candidate(&document);
        assert_eq!(candidate["verdict"], "works", "{options:?}: {document:#}");
        let missing = document["unavailable"].as_array().unwrap();
        let of = |name: &str| missing.iter().find(|one| one["name"].as_str().unwrap().ends_with(name)).unwrap();
        let reason = of(":1-tiny")["reason"].as_str().unwrap();
        assert!(reason.contains("layer sha256:"), "{options:?}: {reason}");
        assert_eq!(missing.len(), if options.contains(&"LAYOUT:absent") { 2 } else { 1 });
    }
}

#[test]
fn a_candidate_that_was_asked_for_and_is_all_there_is_must_be_readable() {
    let sandbox = Sandbox::new();
    let alone = BROKEN.replace("include system", "file /etc/x");
    let layout = sandbox.oci(&format!("image app:1 linux/amd64\nlayer app\n  file /app size=9k\n{alone}"));
    let (image, candidate) = (format!("{layout}:1"), format!("{layout}:1-tiny"));
    let told = sandbox.fails(["recommend", "--offline", &image, "--candidate", &candidate]);
    assert!(told.contains("layer sha256:"), "{told}");
}

/// The workshop's images, with the bases that they stand on beside them.
fn of_the_workshop(tag: &str) -> Value {
    let image = format!("oci:{}/fixtures/workshop:{tag}", env!("CARGO_MANIFEST_DIR"));
    Sandbox::new().layerscope(["recommend", "--offline", "--format", "json", &image]).run().json()
}

#[test]
fn the_workshop_s_application_moves_to_slim_and_not_to_alpine() {
    for tag in ["full", "tidy"] {
        let document = of_the_workshop(tag);
        let base = &document["base"];
        assert!(base["reference"].as_str().unwrap().ends_with("fixtures/workshop:python:3.7"), "{base:#}");
        assert_eq!((&base["confidence"], &base["layers"]), (&json!("proven"), &json!(5)));
        assert_eq!(document["end_of_life"]["release"], "python 3.7");
        let [slim, alpine] = document["candidates"].as_array().unwrap().as_slice() else { panic!("{document:#}") };
        assert!(slim["reference"].as_str().unwrap().ends_with(":python:3.7-slim"));
        assert_eq!((&slim["verdict"], &document["recommended"]), (&json!("works"), &slim["reference"]), "{slim:#}");
        assert!(alpine["reference"].as_str().unwrap().ends_with(":python:3.7-alpine"));
        assert_eq!(alpine["verdict"], "breaks");
        let reasons = alpine["reasons"].as_array().unwrap();
        let wheel = reasons.iter().find(|reason| reason["rule"] == "python-abi").unwrap();
        let module = "site-packages/markupsafe/_speedups.cpython-37m-x86_64-linux-gnu.so";
        assert!(wheel["needed_by"].as_str().unwrap().ends_with(module), "{wheel:#}");
        assert!(wheel["what"].as_str().unwrap().contains("it is for glibc"), "{wheel:#}");
        // Its own program, an editor from Debian, is in one of them only.
        let loader = reasons.iter().any(|reason| reason["rule"] == "elf-interpreter");
        assert_eq!(loader, tag == "full", "{reasons:#?}");
    }
}

#[test]
fn what_stands_on_the_slim_base_stays_there() {
    let document = of_the_workshop("slim");
    assert!(document["base"]["reference"].as_str().unwrap().ends_with(":python:3.7-slim"), "{document:#}");
    assert_eq!(document["recommended"], Value::Null, "{document:#}");
}
