//! Writes images as the places they are read from: an OCI layout, an OCI archive, a docker-archive of either age.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::image::{ImageSpec, descriptor};
use super::sha256;
use super::tar_writer::Tar;

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const TAG: &str = "org.opencontainers.image.ref.name";

/// An OCI layout in memory: blobs by digest, and the descriptors of `index.json`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) index: Vec<Value>,
}

impl Layout {
    /// Of these images, each under its tag. Images of one name become one index of several platforms.
    pub(crate) fn of(images: &[ImageSpec]) -> Self {
        let mut layout = Self::default();
        let mut names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
        names.dedup();
        for name in names {
            let same: Vec<_> = images.iter().filter(|image| image.name == name).collect();
            let mut children: Vec<_> = same.iter().map(|image| layout.put_image(image)).collect();
            let top = match children.len() {
                1 => children.remove(0),
                _ => layout.put_index(&children),
            };
            layout.tag(same[0].tag(), top);
        }
        layout
    }

    /// Adds a blob; its descriptor.
    pub(crate) fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let descriptor = descriptor(media_type, &bytes);
        self.blobs.insert(sha256(&bytes), bytes);
        descriptor
    }

    /// Adds an image's documents and layers; the descriptor of its manifest.
    pub(crate) fn put_image(&mut self, image: &ImageSpec) -> Value {
        let documents = image.documents();
        for blob in documents.blobs {
            self.put("", blob);
        }
        self.put("", documents.config);
        let mut manifest = self.put(image.manifest_type(), documents.manifest);
        manifest["platform"] = image.platform_json();
        manifest
    }

    /// Adds an image index over these descriptors; its own.
    pub(crate) fn put_index(&mut self, children: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": children });
        self.put(INDEX_TYPE, serde_json::to_vec(&index).unwrap())
    }

    /// Names a descriptor in `index.json`.
    pub(crate) fn tag(&mut self, tag: &str, mut descriptor: Value) {
        descriptor["annotations"] = json!({ TAG: tag });
        self.index.push(descriptor);
    }

    /// The files of the layout, by their path in it.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": self.index });
        let mut index = serde_json::to_vec_pretty(&index).unwrap();
        index.push(b'\n');
        let mut files = BTreeMap::from([
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index),
        ]);
        let blobs = self.blobs.iter().map(|(digest, bytes)| (blob_path(digest), bytes.clone()));
        files.extend(blobs);
        files
    }

    /// Writes it as a directory.
    pub(crate) fn write_dir(&self, dir: &Path) {
        for (name, bytes) in self.files() {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// The same as one tar (`oci-archive:`).
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut tar = Tar::new();
        for (name, bytes) in self.files() {
            tar.file(name, bytes);
        }
        tar.finish()
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// What `docker save` of 25 and later writes: an OCI layout with a `manifest.json` beside it, layers unpacked.
pub(crate) fn docker_archive(images: &[ImageSpec]) -> Vec<u8> {
    let mut layout = Layout::default();
    let mut list = Vec::new();
    for image in images {
        let mut plain = image.clone();
        plain.layers.iter_mut().for_each(|layer| layer.packing = super::compress::Packing::None);
        let documents = plain.documents();
        list.push(json!({
            "Config": blob_path(&sha256(&documents.config)),
            "RepoTags": [image.name],
            "Layers": documents.blobs.iter().map(|blob| blob_path(&sha256(blob))).collect::<Vec<_>>(),
        }));
        let manifest = layout.put_image(&plain);
        layout.tag(image.tag(), manifest);
    }
    let mut tar = Tar::new();
    for (name, bytes) in layout.files() {
        tar.file(name, bytes);
    }
    tar.file("manifest.json", serde_json::to_vec(&list).unwrap());
    tar.finish()
}

/// What `docker save` before 25 wrote: a folder with `layer.tar` for each layer, `manifest.json` last. A layer that
/// an earlier image has is a symlink to it.
pub(crate) fn old_docker_archive(images: &[ImageSpec]) -> Vec<u8> {
    let mut tar = Tar::new();
    let mut list = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (i, image) in images.iter().enumerate() {
        let documents = image.documents();
        let config = format!("{}.json", &sha256(&documents.config)["sha256:".len()..]);
        tar.file(&config, &documents.config);
        let mut layers = Vec::new();
        for (j, layer) in image.layers.iter().enumerate() {
            let folder = &sha256(format!("{i} {j}").as_bytes())["sha256:".len()..];
            let path = format!("{folder}/layer.tar");
            tar.dir(format!("{folder}/")).file(format!("{folder}/VERSION"), "1.0");
            match seen.get(&layer.diff_id()) {
                Some(first) => tar.entry(&super::Header::symlink(&path, format!("../{first}")), b""),
                None => tar.file(&path, &layer.tar),
            };
            seen.entry(layer.diff_id()).or_insert_with(|| path.clone());
            layers.push(path);
        }
        list.push(json!({ "Config": config, "RepoTags": [image.name], "Layers": layers }));
    }
    tar.file("manifest.json", serde_json::to_vec(&list).unwrap());
    tar.finish()
}
