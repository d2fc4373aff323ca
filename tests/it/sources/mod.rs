//! Images from everywhere but registries: layouts, archives of any age, engines, standard input.

mod broken;
mod docker_archive;
mod engines;
mod layout;
mod names;

use std::io::Read;
use std::path::Path;

use layerscope::model::{Manifest, Platform};
use layerscope::source::{self, Environment, Options};

use crate::support::{ImageSpec, LayerSpec, Sandbox, Tar};

/// A machine on which nothing is configured.
fn options() -> Options {
    Options { environment: Environment::bare("/nonexistent"), ..Options::default() }
}

/// What a name gives: the manifest, and each layer's bytes.
type Opened = Result<(Manifest, Vec<Vec<u8>>), String>;

/// Opens what a person typed, for linux/amd64, and reads every layer.
fn open(text: impl AsRef<str>) -> Opened {
    open_with(text.as_ref(), &options(), "linux/amd64")
}

fn open_with(text: &str, options: &Options, platform: &str) -> Opened {
    let said = |error: source::SourceError| error.to_string();
    let reference = source::locate(text).map_err(said)?;
    let opened = source::open(&reference, options).map_err(said)?;
    let manifest = opened.resolve(&platform.parse::<Platform>().unwrap()).map_err(said)?;
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        let mut bytes = Vec::new();
        let read = opened.blob(layer).map_err(said)?.read_to_end(&mut bytes);
        read.map_err(|error| error.to_string())?;
        assert_eq!(bytes.len() as u64, layer.size, "{text}: size of {}", layer.digest);
        assert_eq!(crate::support::sha256(&bytes), layer.digest.to_string(), "{text}");
        layers.push(bytes);
    }
    Ok((manifest, layers))
}

/// The error of a name that must not be opened, with the sandbox's path taken out.
#[track_caller]
fn error(sandbox: &Sandbox, text: impl AsRef<str>) -> String {
    match open(text.as_ref()) {
        Ok((manifest, _)) => panic!("{} was opened: {manifest:?}", text.as_ref()),
        Err(error) => sandbox.filter(&error),
    }
}

/// An image of two layers, the same for the same name.
fn app(name: &str) -> ImageSpec {
    let mut image = ImageSpec::new(name, "linux/amd64");
    for layer in ["base", "app"] {
        let mut tar = Tar::new();
        tar.file(format!("{layer}.txt"), format!("{layer} of {name}\n").repeat(300));
        image.push(&format!("COPY {layer}"), LayerSpec::new(tar.finish()));
    }
    image
}

/// What every source must agree on.
fn diff_ids(manifest: &Manifest) -> Vec<String> {
    manifest.config.rootfs.diff_ids.iter().map(ToString::to_string).collect()
}

fn typed(scheme: &str, path: &Path, rest: &str) -> String {
    format!("{scheme}{}{rest}", path.display())
}
