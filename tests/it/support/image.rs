//! From what a test says of an image to its documents and blobs.

use serde_json::{Map, Value, json};

use super::compress::Packing;
use super::sha256;

/// The instant of everything that has no date of its own.
pub(crate) const CREATED: &str = "2024-01-01T00:00:00Z";

/// An image as a test wants it; [`ImageSpec::documents`] makes the manifest and config of it.
#[derive(Clone, Debug)]
pub(crate) struct ImageSpec {
    /// `name:tag`, or a bare tag.
    pub(crate) name: String,
    /// Whether layouts have it under its whole name and not under its tag alone.
    pub(crate) full_name: bool,
    /// `os/arch[/variant]`.
    pub(crate) platform: String,
    /// `None` leaves it out, as the spec permits.
    pub(crate) created: Option<String>,
    /// The config's `config` object.
    pub(crate) config: Map<String, Value>,
    pub(crate) annotations: Value,
    pub(crate) history: Vec<Value>,
    pub(crate) layers: Vec<LayerSpec>,
    /// Docker's media types (schema 2) instead of OCI's.
    pub(crate) docker: bool,
    /// Adds to, or with a negative number takes from, the list of diff IDs.
    pub(crate) extra_diff_ids: i64,
    /// Applied to the finished documents (JSON merge patch).
    pub(crate) config_patch: Value,
    pub(crate) manifest_patch: Value,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerSpec {
    pub(crate) tar: Vec<u8>,
    pub(crate) packing: Packing,
    /// What the manifest claims, where it is not the truth.
    pub(crate) media_type: Option<String>,
    /// What the config claims, where it is not the truth.
    pub(crate) diff_id: Option<String>,
    /// The blob, where it is not the packed tar.
    pub(crate) blob: Option<Vec<u8>>,
    /// What the manifest's descriptor of it says beside.
    pub(crate) annotations: Map<String, Value>,
}

/// An image's manifest and config, and every blob of it.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    /// The layers as they are stored, lowest first.
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl LayerSpec {
    /// A gzip layer of this tar.
    pub(crate) fn new(tar: Vec<u8>) -> Self {
        let annotations = Map::new();
        Self { tar, packing: Packing::Gzip, media_type: None, diff_id: None, blob: None, annotations }
    }

    /// A layer whose blob is these bytes, whatever they are. Its diff ID is taken of `tar`.
    pub(crate) fn of_blob(blob: Vec<u8>, tar: Vec<u8>) -> Self {
        Self { blob: Some(blob), ..Self::new(tar) }
    }

    /// What is stored.
    pub(crate) fn stored(&self) -> Vec<u8> {
        self.blob.clone().unwrap_or_else(|| self.packing.pack(&self.tar))
    }

    /// What the config says of it.
    pub(crate) fn diff_id(&self) -> String {
        self.diff_id.clone().unwrap_or_else(|| sha256(&self.tar))
    }
}

impl ImageSpec {
    /// An image without layers.
    pub(crate) fn new(name: &str, platform: &str) -> Self {
        Self {
            name: name.to_owned(),
            full_name: false,
            platform: platform.to_owned(),
            created: Some(CREATED.to_owned()),
            config: Map::new(),
            annotations: json!({}),
            history: Vec::new(),
            layers: Vec::new(),
            docker: false,
            extra_diff_ids: 0,
            config_patch: json!({}),
            manifest_patch: json!({}),
        }
    }

    /// An image `test` for linux/amd64 of these tars, each made by `RUN layer N`.
    pub(crate) fn of_tars(tars: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::of_layers(tars.into_iter().map(LayerSpec::new))
    }

    /// An image `test` for linux/amd64 of these layers, each made by `RUN layer N`.
    pub(crate) fn of_layers(layers: impl IntoIterator<Item = LayerSpec>) -> Self {
        let mut image = Self::new("test", "linux/amd64");
        for (i, layer) in layers.into_iter().enumerate() {
            image.push(&format!("RUN layer {i}"), layer);
        }
        image
    }

    /// Adds a layer and the instruction that made it.
    pub(crate) fn push(&mut self, created_by: &str, layer: LayerSpec) {
        self.layers.push(layer);
        self.history.push(json!({ "created": self.created, "created_by": created_by }));
    }

    /// Adds an instruction that made no layer.
    pub(crate) fn push_empty(&mut self, created_by: &str) {
        self.history.push(json!({ "created": self.created, "created_by": created_by, "empty_layer": true }));
    }

    /// What layouts call it: the tag, which is what stands after the last colon of the name, or the whole name.
    pub(crate) fn tag(&self) -> &str {
        let tag = self.name.rsplit(':').next().filter(|_| !self.full_name);
        tag.unwrap_or(&self.name)
    }

    /// `{"os": …, "architecture": …}`, as in an index.
    pub(crate) fn platform_json(&self) -> Value {
        let mut parts = self.platform.split('/');
        let mut platform = json!({ "os": parts.next(), "architecture": parts.next() });
        if let Some(variant) = parts.next() {
            platform["variant"] = json!(variant);
        }
        platform
    }

    /// Makes the documents.
    pub(crate) fn documents(&self) -> Documents {
        let blobs: Vec<_> = self.layers.iter().map(LayerSpec::stored).collect();
        let config = serde_json::to_vec(&self.config_document()).unwrap();
        let manifest = serde_json::to_vec(&self.manifest_document(&config, &blobs)).unwrap();
        Documents { manifest, config, blobs }
    }

    /// Media type of the manifest.
    pub(crate) fn manifest_type(&self) -> &'static str {
        match self.docker {
            true => "application/vnd.docker.distribution.manifest.v2+json",
            false => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    fn config_document(&self) -> Value {
        let mut document = self.platform_json();
        if let Some(created) = &self.created {
            document["created"] = json!(created);
        }
        document["config"] = Value::Object(self.config.clone());
        document["rootfs"] = json!({ "type": "layers", "diff_ids": self.diff_ids() });
        if !self.history.is_empty() {
            document["history"] = json!(self.history);
        }
        merge(&mut document, &self.config_patch);
        document
    }

    fn diff_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.layers.iter().map(LayerSpec::diff_id).collect();
        let wanted = usize::try_from((ids.len() as i64 + self.extra_diff_ids).max(0)).unwrap();
        ids.resize(wanted, sha256(b"no layer has this content"));
        ids
    }

    fn manifest_document(&self, config: &[u8], blobs: &[Vec<u8>]) -> Value {
        let config_type = match self.docker {
            true => "application/vnd.docker.container.image.v1+json",
            false => "application/vnd.oci.image.config.v1+json",
        };
        let layers = self.layers.iter().zip(blobs);
        let layer = |(layer, blob): (&LayerSpec, &Vec<u8>)| {
            let mut descriptor = descriptor(&self.layer_type(layer), blob);
            if !layer.annotations.is_empty() {
                descriptor["annotations"] = Value::Object(layer.annotations.clone());
            }
            descriptor
        };
        let layers: Vec<_> = layers.map(layer).collect();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": self.manifest_type(),
            "config": descriptor(config_type, config),
            "layers": layers,
        });
        if self.annotations != json!({}) {
            document["annotations"] = self.annotations.clone();
        }
        merge(&mut document, &self.manifest_patch);
        document
    }

    fn layer_type(&self, layer: &LayerSpec) -> String {
        let docker = self.docker && layer.packing != Packing::Zstd;
        layer.media_type.clone().unwrap_or_else(|| match docker {
            true => "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned(),
            false => layer.packing.oci_type().to_owned(),
        })
    }
}

/// A descriptor of these bytes.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

/// RFC 7396: `null` removes, objects merge, all else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let (Some(fields), Value::Object(changes)) = (target.as_object_mut(), patch) else {
        *target = patch.clone();
        return;
    };
    for (key, change) in changes {
        match change {
            Value::Null => drop(fields.remove(key)),
            Value::Object(_) => merge(fields.entry(key).or_insert_with(|| json!({})), change),
            other => drop(fields.insert(key.clone(), other.clone())),
        }
    }
}
