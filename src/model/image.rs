//! Manifest, config and layers of one image, as its documents say (OCI image-spec manifest.md and config.md).
//!
//! Builders leave out what the spec asks for and write `null` for lists, so reading is lenient where nothing
//! depends on it: what is missing becomes empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::{DiffId, Digest, Platform};

/// What a document says beyond what is known here: kept, so that a document that is written anew loses nothing.
pub type Unknown = BTreeMap<String, serde_json::Value>;

/// Points at a blob: what the manifest claims of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type; empty where none is given.
    #[serde(default, deserialize_with = "null_is_default")]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// Where else to get it (foreign layers).
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Annotations.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// For an index's children: what they run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// One image's manifest, chosen for a platform, with its config: verified documents, layers still unread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The image's full name, as a person would type it to get the same image.
    pub reference: String,
    /// Whether it lies in a layout or an archive: a name alone does not tell, `app.tar` can be one of Docker Hub's too.
    #[serde(default)]
    pub local: bool,
    /// Digest of the manifest; `None` where the source has none (a docker-archive).
    pub digest: Option<Digest>,
    /// Media type of the manifest.
    pub media_type: String,
    /// Digest of the config.
    pub config_digest: Digest,
    /// The config.
    pub config: Config,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The layers, lowest first. A layer of an archive that does not say its size has the size of its member.
    pub layers: Vec<Descriptor>,
    /// The manifest of what its builder attests of it, where its index lists one.
    #[serde(default)]
    pub attestation: Option<Descriptor>,
}

impl Manifest {
    /// Whether some of its layers lie uncompressed in a local archive or layout. A registry would be sent them compressed:
    /// what is stored is then the most that a pull may download.
    pub fn lies_unpacked(&self) -> bool {
        let mut layers = self.layers.iter().zip(&self.config.rootfs.diff_ids);
        self.local && layers.any(|(layer, diff_id)| layer.digest == diff_id.0)
    }
}

/// An image's config document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// When it was built, RFC 3339 as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Architecture and operating system.
    #[serde(default, deserialize_with = "null_is_default")]
    pub architecture: String,
    /// … `linux` where empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub os: String,
    /// … and variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What to run, and how.
    #[serde(default, deserialize_with = "null_is_default")]
    pub config: RuntimeConfig,
    /// The layers' diff IDs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rootfs: RootFs,
    /// How it was built.
    #[serde(default, deserialize_with = "null_is_default")]
    pub history: Vec<History>,
    /// Whatever else it says.
    #[serde(flatten)]
    pub other: Unknown,
}

/// `rootfs` of a config.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// Digests of the uncompressed layers, lowest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<DiffId>,
}

/// `config` of a config: what a container made of the image runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuntimeConfig {
    /// User (and group) it runs as; empty is root.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `NAME=value` in order.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The command's fixed part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The command's default arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Where it starts.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Ports, as `5000/tcp`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, serde_json::Value>,
    /// Volumes by path.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, serde_json::Value>,
    /// Labels.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Instructions for builds on top of it (Docker's extension).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Signal that stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How its health is checked (Docker's extension).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The shell of shell forms (Docker's extension).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Whatever else it says.
    #[serde(flatten)]
    pub other: Unknown,
}

/// Docker's HEALTHCHECK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", "…"]` or `["NONE"]`.
    #[serde(deserialize_with = "null_is_default")]
    pub test: Vec<String>,
    /// Intervals, and whatever else it says.
    #[serde(flatten)]
    pub other: Unknown,
}

/// One step of how an image was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(deserialize_with = "null_is_default")]
    pub created_by: String,
    /// A note of the builder's.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it made no layer.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
    /// Whatever else it says.
    #[serde(flatten)]
    pub other: Unknown,
}

impl Config {
    /// What it runs on.
    pub fn platform(&self) -> Platform {
        let os = if self.os.is_empty() { "linux" } else { &self.os };
        Platform { os: os.into(), architecture: self.architecture.clone(), variant: self.variant.clone() }
    }
}

/// An image whose layers have all been read and verified, or told by tables of contents that were.
#[derive(Clone, Debug)]
pub struct Image {
    /// Manifest and config.
    pub manifest: Manifest,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
}

/// What is known of a layer once it was read to its end, or told by its table of contents: then digests are as claimed.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Digest of the blob.
    pub digest: Digest,
    /// Digest of the tar.
    pub diff_id: DiffId,
    /// Media type, as claimed.
    pub media_type: String,
    /// Bytes of the blob.
    pub stored_bytes: u64,
    /// The instruction that made it, where history tells.
    pub created_by: Option<String>,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Texts by name. Go reads null as an empty one.
fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let texts: BTreeMap<String, Option<String>> = null_is_default(deserializer)?;
    Ok(texts.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_gaps_are_empty() {
        let config: Config = serde_json::from_str(
            r#"{"architecture":"amd64","history":null,"rootfs":{"diff_ids":null},"config":{"Env":null,"Labels":null,"Cmd":null}}"#,
        )
        .expect("lenient");
        assert_eq!(config.platform().to_string(), "linux/amd64");
        assert!(config.history.is_empty() && config.config.env.is_empty() && config.config.cmd.is_none());
        assert!(serde_json::from_str::<Config>(r#"{"config":null}"#).is_ok());
        let labels: RuntimeConfig = serde_json::from_str(r#"{"Labels":{"a":null,"b":"x"}}"#).unwrap();
        assert_eq!(labels.labels.into_values().collect::<Vec<_>>(), ["", "x"]);
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = r#"{"architecture":"amd64","os":"linux","author":"x","os.version":"10","config":{"ArgsEscaped":true,
            "Healthcheck":{"Test":["NONE"],"Interval":5}},"history":[{"created_by":"a","author":"y"}]}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        let written = serde_json::to_value(&config).unwrap();
        for path in
            ["/author", "/os.version", "/config/ArgsEscaped", "/config/Healthcheck/Interval", "/history/0/author"]
        {
            assert!(written.pointer(path).is_some(), "{path}: {written}");
        }
        assert!(written.pointer("/config/Shell").is_none());
    }
}
