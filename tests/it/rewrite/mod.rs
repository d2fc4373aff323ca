//! Images that are written: `optimize` and `rebase`, read back, beside podman, and where nothing may be left behind.

mod corpus;
mod optimize;
pub(crate) mod platforms;
mod rebase;
mod registry;
mod safety;

use std::path::Path;

use serde_json::Value;

use crate::support::Sandbox;

/// The numbers of an image, and its names as `ls` has them.
fn totals(sandbox: &Sandbox, image: &str) -> Value {
    sandbox.layerscope(["inspect", "--format", "json", image]).run().json()["totals"].clone()
}

fn digest(sandbox: &Sandbox, image: &str) -> String {
    let document = sandbox.layerscope(["inspect", "--format", "json", image]).run().json();
    document["image"]["digest"].as_str().unwrap().to_owned()
}

/// Names, types, contents, owners, times, which names are one file's: all that `ls` tells of a merged tree, a line a
/// name, but not which layers it is of.
fn listing(sandbox: &Sandbox, image: &str) -> String {
    let mut files = Vec::new();
    let text = sandbox.ok(["ls", "--format", "jsonl", image]);
    let lines = text.lines().map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry["layer"].take();
        if let Some(inode) = entry["inode"].as_u64() {
            let known = files.iter().position(|known| *known == inode);
            let number = known.unwrap_or_else(|| {
                files.push(inode);
                files.len() - 1
            });
            entry["inode"] = number.into();
        }
        format!("{entry}\n")
    });
    lines.collect()
}

/// The digests of an image's layers, the lowest first.
fn layers(sandbox: &Sandbox, image: &str) -> Vec<String> {
    let document = sandbox.layerscope(["inspect", "--format", "json", image]).run().json();
    let layers = document["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// What is in a folder.
fn inside(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A document of a layout, by its digest.
fn blob(layout: &str, digest: &Value) -> Value {
    let folder = Path::new(layout.strip_prefix("oci:").unwrap());
    let path = format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
    serde_json::from_slice(&std::fs::read(folder.join(path)).unwrap()).unwrap()
}

/// The manifest or index that has a name in a layout.
fn named(layout: &str, name: &str) -> Value {
    let folder = Path::new(layout.strip_prefix("oci:").unwrap());
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let listed = index["manifests"].as_array().unwrap();
    let named = listed.iter().find(|it| it["annotations"]["org.opencontainers.image.ref.name"] == name).unwrap();
    blob(layout, &named["digest"])
}

/// The config of an image that has a name in a layout.
fn config(layout: &str, name: &str) -> Value {
    blob(layout, &named(layout, name)["config"]["digest"])
}
