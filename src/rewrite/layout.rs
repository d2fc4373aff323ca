//! Writes an OCI image layout (image-spec image-layout.md): blobs first, the index that names them last.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};
use tempfile::NamedTempFile;

use super::RewriteError;
use crate::blob::Compression;
use crate::model::{Descriptor, Digest, Layer};
use crate::scan::ScanError;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Where a layout keeps an image's name (image-spec annotations.md).
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A layout that is being written. Nothing reads it as one before [`LayoutWriter::finish`].
#[derive(Debug)]
pub struct LayoutWriter {
    dir: PathBuf,
    manifests: Vec<Descriptor>,
    /// Layers that were copied, by the digest that they had where they came from.
    copied: HashMap<Digest, Descriptor>,
}

impl LayoutWriter {
    /// Makes the folder, if it isn't there.
    pub fn create(dir: &Path) -> Result<Self, RewriteError> {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(failed(&blobs))?;
        Ok(Self { dir: dir.to_owned(), manifests: Vec::new(), copied: HashMap::new() })
    }

    /// A blob to be written.
    pub fn draft(&self) -> Result<Draft, RewriteError> {
        let to = Hashing::new(draft_in(&self.dir)?);
        Ok(Draft { blobs: self.dir.join("blobs/sha256"), to, first: Vec::new() })
    }

    /// Copies the blob of an image's layer, unless it is there. It must have the digest that is expected.
    pub fn layer(
        &mut self,
        reference: &str,
        expected: Digest,
        from: impl FnOnce() -> Result<Box<dyn Read + Send>, ScanError>,
    ) -> Result<Descriptor, RewriteError> {
        if let Some(copied) = self.copied.get(&expected) {
            return Ok(copied.clone());
        }
        let (draft, found) = self.draft()?.filled(from()?, &expected).map_err(failed(&self.dir))?;
        if found != expected {
            return Err(RewriteError::Changed { reference: reference.into(), expected, found });
        }
        let descriptor = draft.keep()?;
        self.copied.insert(expected, descriptor.clone());
        Ok(descriptor)
    }

    /// What a layer that is not copied is to a manifest: its blob is where the image goes already.
    pub(super) fn elsewhere(layer: &Layer) -> Descriptor {
        let compression = match layer.media_type.rsplit('.').next() {
            Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            _ => Compression::None,
        };
        let media_type = match &layer.media_type {
            docker if docker.starts_with("application/vnd.docker.") => compression.layer_type().to_owned(),
            told => told.clone(),
        };
        described(media_type, layer.digest, layer.stored_bytes)
    }

    /// Adds an image of layers that are there, under a name.
    pub fn image(&mut self, name: &str, config: &impl Serialize, layers: &[Descriptor]) -> Result<(), RewriteError> {
        let manifest = self.manifest(config, layers, &BTreeMap::new())?;
        self.list(manifest, Some(name));
        Ok(())
    }

    /// Writes the documents of an image of layers that are there.
    pub fn manifest(
        &self,
        config: &impl Serialize,
        layers: &[Descriptor],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Descriptor, RewriteError> {
        let config = self.document(CONFIG, config)?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        self.document(MANIFEST, &annotated(manifest, annotations))
    }

    /// Writes an index of images that are there.
    pub fn index(
        &self,
        images: &[Descriptor],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Descriptor, RewriteError> {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images });
        self.document(INDEX, &annotated(index, annotations))
    }

    /// Lists what is there, with or without a name, for [`LayoutWriter::finish`].
    pub fn list(&mut self, mut document: Descriptor, name: Option<&str>) {
        document.annotations.extend(name.map(|name| (REF_NAME.into(), name.into())));
        self.manifests.push(document);
    }

    /// For what went wrong in writing a blob: with the layout's path.
    pub(super) fn failed(&self, error: io::Error) -> RewriteError {
        failed(&self.dir)(error)
    }

    fn document(&self, media_type: &str, document: &impl Serialize) -> Result<Descriptor, RewriteError> {
        let mut draft = self.draft()?;
        serde_json::to_writer(&mut draft, document).map_err(|error| failed(&self.dir)(error.into()))?;
        Ok(Descriptor { media_type: media_type.into(), ..draft.keep()? })
    }

    /// Writes the index of all that is listed: from now on it is a layout.
    pub fn finish(&self) -> Result<(), RewriteError> {
        let index = json!({ "schemaVersion": 2, "manifests": self.manifests });
        let write = |name: &str, text: &str| {
            let path = self.dir.join(name);
            fs::write(&path, text).map_err(failed(&path))
        };
        write("index.json", &index.to_string())?;
        write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
    }
}

/// A blob that is being written: under a temporary name, until it is kept.
#[derive(Debug)]
pub struct Draft {
    blobs: PathBuf,
    to: Hashing<NamedTempFile>,
    /// Its first bytes, which tell how it is compressed.
    first: Vec<u8>,
}

impl Draft {
    /// Takes all that comes; its digest by the algorithm that `like` has.
    fn filled(mut self, mut from: impl Read, like: &Digest) -> io::Result<(Self, Digest)> {
        if let Digest::Sha256(_) = like {
            io::copy(&mut from, &mut self)?;
            let digest = self.to.digest();
            return Ok((self, digest));
        }
        let mut both = Hashing::<_, Sha512>::new(self);
        io::copy(&mut from, &mut both)?;
        Ok((both.to, Digest::Sha512(both.hash.finalize().into())))
    }

    /// Gives it its name. It is described as a layer, compressed as its first bytes say.
    pub fn keep(self) -> Result<Descriptor, RewriteError> {
        let (digest, size) = (self.to.digest(), self.to.bytes);
        let path = self.blobs.join(digest.hex());
        self.to.to.persist(&path).map_err(|error| failed(&path)(error.error))?;
        let media_type = Compression::of(&self.first).layer_type().to_owned();
        Ok(described(media_type, digest, size))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.first.extend(bytes[..n].iter().take(4_usize.saturating_sub(self.first.len())));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Counts and hashes what goes through.
#[derive(Debug)]
pub struct Hashing<W, A = Sha256> {
    to: W,
    hash: A,
    bytes: u64,
}

impl<W> Hashing<W> {
    /// The digest of what went through so far.
    pub fn digest(&self) -> Digest {
        Digest::Sha256(self.hash.clone().finalize().into())
    }
}

impl<W, A: sha2::Digest> Hashing<W, A> {
    /// Before anything went through.
    pub fn new(to: W) -> Self {
        Self { to, hash: A::new(), bytes: 0 }
    }

    /// How much went through so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it went.
    pub fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write, A: sha2::Digest> Write for Hashing<W, A> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A document, with annotations if there are any.
fn annotated(mut document: serde_json::Value, annotations: &BTreeMap<String, String>) -> serde_json::Value {
    if !annotations.is_empty() {
        document["annotations"] = json!(annotations);
    }
    document
}

fn described(media_type: String, digest: Digest, size: u64) -> Descriptor {
    let (urls, annotations) = Default::default();
    Descriptor { media_type, digest, size, urls, annotations, platform: None }
}

/// A file that has no name of its own yet, with the rights that a file of the user's gets: what the umask leaves.
pub(super) fn draft_in(folder: &Path) -> Result<NamedTempFile, RewriteError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".layerscope-").permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder).map_err(failed(folder))
}

/// For `map_err`: the path, and the system's answer.
pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> RewriteError {
    let path = path.display().to_string();
    move |source| RewriteError::Io { path, source }
}

/// … of what is there and can't be read.
pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> RewriteError {
    let path = path.display().to_string();
    move |source| RewriteError::Unreadable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DiffId;

    /// What comes of copying bytes as a layer that is said to have a digest.
    fn copied(bytes: &'static [u8], expected: Digest) -> Result<Descriptor, RewriteError> {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LayoutWriter::create(dir.path()).unwrap();
        let copied = writer.layer("image", expected, || Ok(Box::new(bytes)));
        let left =
            fs::read_dir(dir.path()).unwrap().count() + fs::read_dir(dir.path().join("blobs/sha256")).unwrap().count();
        assert_eq!(left, 1 + usize::from(copied.is_ok()), "nothing is left of what was refused");
        copied
    }

    fn sha256(bytes: &[u8]) -> Digest {
        Digest::Sha256(Sha256::digest(bytes).into())
    }

    #[test]
    fn a_layer_keeps_its_bytes_and_is_described_by_them() {
        let skippable = b"\x50\x2a\x4d\x18\0\0\0\0\x28\xb5\x2f\xfd";
        for (bytes, compressed) in [(&b"\x1f\x8b\x08"[..], "+gzip"), (skippable, "+zstd"), (b"usr/", "")] {
            let copied = copied(bytes, sha256(bytes)).unwrap();
            assert_eq!(copied.media_type, format!("application/vnd.oci.image.layer.v1.tar{compressed}"));
            assert_eq!((copied.digest, copied.size), (sha256(bytes), bytes.len() as u64));
        }
    }

    #[test]
    fn dockers_types_become_those_of_oci() {
        for compressed in ["gzip", "zstd", ""] {
            let media_type = format!("application/vnd.docker.image.rootfs.diff.tar.{compressed}");
            let (digest, stored_bytes, created_by) = (sha256(b""), 1, None);
            let layer = Layer { digest, diff_id: DiffId(digest), media_type, stored_bytes, created_by };
            let told = LayoutWriter::elsewhere(&layer).media_type;
            let suffix = told.strip_prefix("application/vnd.oci.image.layer.v1.tar").unwrap();
            assert_eq!(suffix.trim_start_matches('+'), compressed);
        }
    }

    #[test]
    fn a_digest_of_either_algorithm_is_held_against_what_comes() {
        let sha512 = |bytes: &[u8]| Digest::Sha512(Sha512::digest(bytes).into());
        assert_eq!(copied(b"layer", sha512(b"layer")).unwrap().digest, sha256(b"layer"));
        for expected in [sha256(b"other"), sha512(b"other")] {
            let error = copied(b"layer", expected).unwrap_err();
            assert!(matches!(error, RewriteError::Changed { expected: named, .. } if named == expected), "{error}");
        }
    }
}
