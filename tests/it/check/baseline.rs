//! Growth, against an image and against what `inspect` once wrote.

use super::{checked, told};
use crate::support::Sandbox;

const IMAGES: &str = r#"
stage system
packing none
layer "ADD rootfs /"
  file /usr/lib/a size=100k seed=1
  file /usr/lib/log size=50k seed=2
  file /var/lib/dpkg/status "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n\n"
image app:old linux/amd64
from system
layer "COPY app /app"
  file /app/run size=40k seed=3
image app:new linux/amd64
from system
layer "COPY app /app"
  file /app/run size=60k seed=4
  file /app/moved size=50k seed=2
  file /app/model size=900k seed=5
  file /app/small size=1k seed=6
layer "RUN apt-get install -y gcc-12"
  file /var/lib/dpkg/status "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n\nPackage: gcc-12\nStatus: install ok installed\nVersion: 12.2\n\n"
"#;

const BUDGET: &str = r#"
[rules]
stored-growth = "100kB"
stored-growth-percent = { limit = "5%", floor = "10kB" }
file-growth = { limit = "10kB", floor = "5MB" }
file-growth-percent = "1000%"
new-file-size = { limit = "64KiB", reason = "models belong in a volume" }
added-packages = { limit = 0, except = ["deb:lib*"] }
"#;

/// What is said of each rule, without what it names: a document does not list small files.
fn said(document: &serde_json::Value) -> Vec<(String, String)> {
    let rules = document["rules"].as_array().unwrap().iter();
    rules.map(|rule| (rule["verdict"].to_string(), rule["message"].to_string())).collect()
}

#[test]
fn what_grew_is_told_by_layer_file_and_package() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let (old, new) = (format!("{layout}:old"), format!("{layout}:new"));
    let against_image = checked(&sandbox, BUDGET, &[&new, "--baseline", &old]);
    let plain = |text: &str| sandbox.filter(text).replace(layout.rsplit('/').next().unwrap(), "LAYOUT");
    insta::assert_snapshot!(plain(&told(&against_image).join("\n")), @"
    stored-growth fail: 995.1 kB more stored bytes than oci:[DIR]/LAYOUT:old, at most 100.0 kB may be (from 197.8 kB to 1.2 MB) /app/model /app/moved /app/run /app/small /var/lib/dpkg/status
    stored-growth-percent fail: 503.0% more stored bytes than oci:[DIR]/LAYOUT:old, at most 5.0% may be (from 197.8 kB to 1.2 MB) /app/model /app/moved /app/run /app/small /var/lib/dpkg/status
    file-growth pass: 994.4 kB more, from 194.6 kB to 1.2 MB: up to 5.0 MB never count
    file-growth-percent pass: 511.0% of at most 1000.0% more, from 194.6 kB to 1.2 MB
    new-file-size fail: a file of 921.6 kB is not in oci:[DIR]/LAYOUT:old, at most 65.5 kB may be /app/model
    added-packages fail: 1 package is not in oci:[DIR]/LAYOUT:old, at most 0 may be /var/lib/dpkg/status
    ");
    let grown = &against_image["baseline"];
    assert_eq!(grown["grown_files"][0]["path"], "/app/model");
    assert_eq!(grown["packages"][0]["name"], "gcc-12");
    assert_eq!(grown["new_layers"].as_array().unwrap().len(), 2);

    // The JSON of an earlier inspect gives the same answer.
    sandbox.ok(["inspect", "--format", "json", "-o", "old.json", &old]);
    let against_document = checked(&sandbox, BUDGET, &[&new, "--baseline", "old.json"]);
    assert_eq!(said(&against_document), said(&against_image));
    let large = |document: &serde_json::Value| {
        let files = document["baseline"]["grown_files"].as_array().unwrap().clone();
        let large = files.iter().filter(|file| file["bytes"].as_u64().unwrap() > 10_000);
        large.map(|file| (file["path"].to_string(), file["bytes"].to_string())).collect::<Vec<_>>()
    };
    assert_eq!(large(&against_document), large(&against_image));
    assert_eq!(large(&against_image).len(), 3);
    assert_eq!(against_document["baseline"]["new_layers"], grown["new_layers"]);
    assert_eq!(against_document["baseline"]["packages"], grown["packages"]);
    // … and so does the budget's own baseline.
    let own = format!("baseline = \"old.json\"\n{BUDGET}");
    assert_eq!(said(&checked(&sandbox, &own, &[&new])), said(&against_image));
}

#[test]
fn nothing_grows_against_itself() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let new = format!("{layout}:new");
    let budget = "[rules]\nstored-growth = 0\nfile-growth-percent = 0\nnew-file-size = 0\nadded-packages = 0\n";
    assert_eq!(checked(&sandbox, budget, &[&new, "--baseline", &new])["verdict"], "pass");
}

#[test]
fn what_can_not_be_compared_is_undecided_and_fails() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let (old, new) = (format!("{layout}:old"), format!("{layout}:new"));
    let without = told(&checked(&sandbox, "[rules]\nstored-growth = \"1GB\"\n", &[&new]));
    let expected =
        "stored-growth undecided: there is nothing to compare with: give --baseline, or `baseline` in the budget";
    assert_eq!(without, [expected]);
    sandbox.ok(["inspect", "--format", "json", "-o", "old.json", &old]);
    let budget = "exclude = [\"*.pyc\"]\n[rules]\nfile-growth = \"1GB\"\nnew-file-size = \"1kB\"\n";
    let told = told(&checked(&sandbox, budget, &[&old, "--baseline", "old.json"]));
    insta::assert_snapshot!(told.join("\n"), @"
    file-growth undecided: of the baseline, a document does not tell the bytes of what is excluded: take the image itself
    new-file-size undecided: the baseline's document lists files from 32.8 kB on: take the image itself as baseline
    ");
}

#[test]
fn a_baseline_that_is_none_is_an_error() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let new = format!("{layout}:new");
    sandbox.write("layerscope.toml", "[rules]\nstored-growth = 0\n");
    for (text, expected) in [
        ("{}", "baseline.json is no baseline: missing field `schema`"),
        (
            "{\"schema\":\"layerscope.diff/1\",\"image\":{\"reference\":\"x\"},\"layers\":[]}",
            "it is a \"layerscope.diff/1\"",
        ),
        ("{\"schema\"", "is no baseline"),
    ] {
        sandbox.write("baseline.json", text);
        let error = sandbox.fails(["check", &new, "--baseline", "baseline.json"]);
        assert!(error.contains(expected), "{error}");
    }
}
