//! Images to calibrate with, made of this machine's own files: a shell, and the shell with a part of `/usr`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::process::Program;
use super::{MeasureError, Room, Stop};
use crate::analyze::startup::LayerCost;
use crate::model::{Digest, Platform};

/// What files the images are made of.
const SHELL: &str = "/bin/sh";
const FILES: &str = "/usr";
/// Bytes of files in each of the larger image's layers.
const LAYERS: [u64; 2] = [150_000_000, 50_000_000];
/// Larger files are passed over: they would be the image.
const LARGEST_FILE: u64 = 20_000_000;
/// A machine may have more files than are worth looking at.
const MOST_FILES: usize = 300_000;

/// Names of the images: the small one, and the large one.
pub const SAMPLES: [&str; 2] = ["small", "large"];

/// Writes the small image, and if asked for the large one, as an OCI layout into a folder of a room, and gives what each
/// one's layers cost.
pub fn write_samples(room: &Room, folder: &str, large: bool, stop: &Stop) -> Result<Vec<Vec<LayerCost>>, MeasureError> {
    let dir = room.folder(folder)?;
    room.folder(&format!("{folder}/blobs/sha256"))?;
    let failed = || MeasureError::io(format!("cannot write an image to {}", dir.display()));
    let mut layout = Layout { dir: dir.clone(), manifests: Vec::new() };
    let shell = layout.layer(&shell(stop)).map_err(failed())?;
    let mut images = vec![vec![shell.clone()]];
    if large {
        let files = usr_files();
        let mut layers = vec![shell];
        for (at, budget) in LAYERS.into_iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted);
            }
            layers.push(layout.layer(&part(&files, at, budget)).map_err(failed())?);
        }
        images.push(layers);
    }
    for (name, layers) in SAMPLES.iter().zip(&images) {
        layout.image(name, layers).map_err(failed())?;
    }
    layout.finish().map_err(failed())?;
    Ok(images.iter().map(|layers| layers.iter().map(|layer| layer.cost.clone()).collect()).collect())
}

/// A layer that was written.
#[derive(Clone)]
struct Layer {
    diff_id: String,
    cost: LayerCost,
}

/// A shell, and the libraries that `ldd` says it needs, under the names by which it asks for them.
fn shell(stop: &Stop) -> Vec<(PathBuf, PathBuf)> {
    let said = Program::new("ldd").args([SHELL]).run(stop).unwrap_or_default();
    let libraries = said.split_ascii_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    let files = [PathBuf::from(SHELL)].into_iter().chain(libraries);
    files.filter_map(|file| Some((file.canonicalize().ok()?, file))).collect()
}

/// Regular files of `/usr`, with their sizes, in order.
fn usr_files() -> Vec<(PathBuf, u64)> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::from(FILES)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() && metadata.len() <= LARGEST_FILE && files.len() < MOST_FILES {
                files.push((entry.path(), metadata.len()));
            }
        }
    }
    files.sort();
    files
}

/// Files of about so many bytes, from everywhere: those that a hash of their name picks. Parts have no file in common.
fn part(files: &[(PathBuf, u64)], number: usize, budget: u64) -> Vec<(PathBuf, PathBuf)> {
    let all: u64 = files.iter().map(|(_, size)| size).sum();
    let parts = (all / budget.max(1)).max(LAYERS.len() as u64);
    let mut left = budget;
    let mut picked = Vec::new();
    for (path, size) in files {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        // The second half of the hash, so that parts of different sizes stay apart.
        let mine = hasher.finish() % LAYERS.len() as u64 == number as u64 && (hasher.finish() >> 32) % parts < 2;
        if mine && *size <= left {
            left -= size;
            picked.push((path.clone(), Path::new("/sample").join(path.strip_prefix("/").unwrap_or(path))));
        }
    }
    picked
}

struct Layout {
    dir: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    /// Writes files, each under its name in the image, as a gzipped layer. Files that can't be read are passed over.
    fn layer(&self, files: &[(PathBuf, PathBuf)]) -> io::Result<Layer> {
        let draft = tempfile::NamedTempFile::new_in(&self.dir)?;
        let blob = Hashing::new(draft);
        let mut tar = tar::Builder::new(Hashing::new(GzEncoder::new(blob, Compression::new(6))));
        let (mut entries, mut folders) = (0, BTreeSet::new());
        for (from, to) in files {
            let name = to.strip_prefix("/").unwrap_or(to);
            let above: Vec<&Path> = name.ancestors().skip(1).filter(|folder| *folder != Path::new("")).collect();
            for folder in above.into_iter().rev().filter(|folder| folders.insert(folder.to_path_buf())) {
                tar.append_data(&mut header(tar::EntryType::Directory, 0, 0o755), folder, io::empty())?;
                entries += 1;
            }
            let Ok(mut file) = File::open(from) else { continue };
            let metadata = file.metadata()?;
            let mut header = header(tar::EntryType::Regular, metadata.len(), metadata.mode() & 0o777);
            // A file that shrinks while it is read would break the archive; one of `/usr` does not.
            tar.append_data(&mut header, name, &mut file)?;
            entries += 1;
        }
        let Hashing { to, hash, bytes: tar_bytes } = tar.into_inner()?;
        let Hashing { to: draft, hash: blob_hash, bytes } = to.finish()?;
        let digest = Digest::Sha256(blob_hash.finalize().into());
        draft.persist(self.blob(&digest))?;
        let diff_id = Digest::Sha256(hash.finalize().into()).to_string();
        Ok(Layer { diff_id, cost: LayerCost::new(digest, LAYER, bytes, tar_bytes, entries) })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    fn document(&self, media_type: &str, document: &Value) -> io::Result<Value> {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::Sha256(Sha256::digest(&bytes).into());
        fs::write(self.blob(&digest), &bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() }))
    }

    /// Writes an image that says one line and ends.
    fn image(&mut self, name: &str, layers: &[Layer]) -> io::Result<()> {
        let platform = Platform::host();
        let config = json!({
            "architecture": platform.architecture, "os": platform.os,
            "config": { "Cmd": [SHELL, "-c", "echo ready"], "Env": ["PATH=/bin:/usr/bin"] },
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
        });
        let config = self.document("application/vnd.oci.image.config.v1+json", &config)?;
        let layer = |layer: &Layer| json!({ "mediaType": LAYER, "digest": layer.cost.digest.to_string(), "size": layer.cost.stored_bytes });
        let layers: Vec<Value> = layers.iter().map(layer).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut descriptor = self.document(MANIFEST, &manifest)?;
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        self.manifests.push(descriptor);
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        let index = json!({ "schemaVersion": 2, "manifests": self.manifests });
        fs::write(self.dir.join("index.json"), index.to_string())?;
        fs::write(self.dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header
}

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Counts and hashes what goes through.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), bytes: 0 }
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
