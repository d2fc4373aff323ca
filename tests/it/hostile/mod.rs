//! Layers and documents that are broken or made to do harm: each has its right answer, and none of it panics, hangs,
//! eats memory, or leaves something unverified behind.

mod blobs;
mod bombs;
mod cache;
mod contents;
mod kinds;
mod manifests;
mod packings;
mod room;
mod tars;

use serde_json::Value;

use crate::support::{ImageSpec, LayerSpec, Layout, Sandbox};

/// An image written as an OCI layout.
struct Case {
    sandbox: Sandbox,
    name: String,
}

impl Case {
    fn new(image: &ImageSpec) -> Self {
        Self::of_layout(&Layout::of(std::slice::from_ref(image)))
    }

    fn of_layout(layout: &Layout) -> Self {
        let sandbox = Sandbox::new();
        layout.write_dir(&sandbox.path("image"));
        let name = format!("oci:{}", sandbox.path("image").display());
        Self { sandbox, name }
    }

    fn of_tar(tar: Vec<u8>) -> Self {
        Self::new(&ImageSpec::of_tars([tar]))
    }

    fn of_layer(layer: LayerSpec) -> Self {
        Self::new(&ImageSpec::of_layers([layer]))
    }

    /// What `ls` prints, less its times.
    fn ls(&self) -> String {
        let list = self.sandbox.ok(["ls", "--platform", "linux/amd64", &self.name]);
        let short = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {} {} {}\n", words[0], words[1], words[2], words[5..].join(" "))
        };
        list.lines().map(short).collect()
    }

    fn inspect(&self) -> Value {
        self.sandbox.layerscope(["inspect", "--platform", "linux/amd64", "--format", "json", &self.name]).run().json()
    }

    /// The rules that find something, other than those that find something everywhere.
    fn rules(&self) -> Vec<String> {
        let document = self.inspect();
        let findings = document["findings"].as_array().unwrap().iter();
        let rules = findings.map(|finding| finding["rule"].as_str().unwrap().to_owned());
        rules.filter(|rule| rule != "runs-as-root").collect()
    }

    /// What it says in refusing the image; nothing of it is then in the cache.
    #[track_caller]
    fn refused(&self) -> String {
        let said = self.sandbox.fails(["inspect", "--platform", "linux/amd64", &self.name]);
        assert_eq!(self.sandbox.ok(["cache", "size"]), "0 B in 0 files\n", "{said}");
        shorten(&said)
    }
}

/// Digests cut to what tells them apart, so that a snapshot reads as a sentence.
fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("sha256:") {
        let (before, digest) = rest.split_at(at + 7);
        let digits = digest.bytes().take_while(u8::is_ascii_hexdigit).count();
        out += before;
        out += if digits == 64 { "…" } else { &digest[..digits] };
        rest = &digest[digits..];
    }
    out + rest
}
