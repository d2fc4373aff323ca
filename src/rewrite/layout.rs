//! Writes an OCI image layout (image-spec image-layout.md): blobs first, the index that names them last.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};
use tempfile::NamedTempFile;

use super::RewriteError;
use crate::model::{Descriptor, Digest};
use crate::scan::ScanError;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Where a layout keeps an image's name (image-spec annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

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
        let file = NamedTempFile::new_in(&self.dir).map_err(failed(&self.dir))?;
        Ok(Draft { blobs: self.dir.join("blobs/sha256"), to: Hashing::new(file), first: Vec::new() })
    }

    /// Copies the blob of a layer, unless it is there; the digest that came, where it is not the one that was expected.
    pub fn layer(
        &mut self,
        expected: &Digest,
        from: impl FnOnce() -> Result<Box<dyn Read + Send>, ScanError>,
    ) -> Result<Result<Descriptor, Digest>, RewriteError> {
        if let Some(copied) = self.copied.get(expected) {
            return Ok(Ok(copied.clone()));
        }
        let mut draft = Checked { to: self.draft()?, sha512: matches!(expected, Digest::Sha512(_)).then(Sha512::new) };
        io::copy(&mut from()?, &mut draft).map_err(failed(&self.dir))?;
        let found = draft.digest();
        if found != *expected {
            return Ok(Err(found));
        }
        let descriptor = draft.to.keep()?;
        self.copied.insert(*expected, descriptor.clone());
        Ok(Ok(descriptor))
    }

    /// Adds an image of layers that are there.
    pub fn image(&mut self, name: &str, config: &impl Serialize, layers: &[Descriptor]) -> Result<(), RewriteError> {
        let config = self.document(CONFIG, config)?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut manifest = self.document(MANIFEST, &manifest)?;
        manifest.annotations.insert(REF_NAME.into(), name.into());
        self.manifests.push(manifest);
        Ok(())
    }

    fn document(&self, media_type: &str, document: &impl Serialize) -> Result<Descriptor, RewriteError> {
        let mut draft = self.draft()?;
        serde_json::to_writer(&mut draft, document).map_err(|error| failed(&self.dir)(error.into()))?;
        Ok(Descriptor { media_type: media_type.into(), ..draft.keep()? })
    }

    /// Writes the index of all images: from now on it is a layout.
    pub fn finish(self) -> Result<(), RewriteError> {
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
    fn digest(&self) -> Digest {
        self.to.digest()
    }

    /// Gives it its name. It is described as a layer, compressed as its first bytes say.
    pub fn keep(self) -> Result<Descriptor, RewriteError> {
        let (digest, size) = (self.to.digest(), self.to.bytes);
        let path = self.blobs.join(digest.hex());
        self.to.to.persist(&path).map_err(|error| failed(&path)(error.error))?;
        let compressed = match self.first.as_slice() {
            [0x1f, 0x8b, ..] => "+gzip",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "+zstd",
            _ => "",
        };
        let (urls, annotations) = Default::default();
        Ok(Descriptor { media_type: format!("{LAYER}{compressed}"), digest, size, urls, annotations, platform: None })
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

/// A blob of which it has to be known, too, whether it has a digest of the other algorithm.
struct Checked {
    to: Draft,
    sha512: Option<Sha512>,
}

impl Checked {
    fn digest(&self) -> Digest {
        let other = self.sha512.as_ref().map(|hash| Digest::Sha512(hash.clone().finalize().into()));
        other.unwrap_or_else(|| self.to.digest())
    }
}

impl Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.sha512.iter_mut().for_each(|hash| hash.update(&bytes[..n]));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Counts and hashes what goes through.
#[derive(Debug)]
pub struct Hashing<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    /// Before anything went through.
    pub fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), bytes: 0 }
    }

    /// The digest of what went through so far.
    pub fn digest(&self) -> Digest {
        Digest::Sha256(self.hash.clone().finalize().into())
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

impl<W: Write> Write for Hashing<W> {
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

/// For `map_err`: the path, and the system's answer.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> RewriteError {
    let path = path.display().to_string();
    move |source| RewriteError::Io { path, source }
}
