//! Images to calibrate with, made of this machine's own files: a shell, and the shell with a part of `/usr`, once by
//! bytes and once small files alone. A machine may be slow with bytes, and fast with names, and the other way round.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::process::Program;
use super::{MeasureError, Room, Stop};
use crate::analyze::startup::LayerCost;
use crate::model::{Descriptor, Platform};
use crate::rewrite::{Draft, Hashing, LayoutWriter};

/// What files the images are made of.
const SHELL: &str = "/bin/sh";
const FILES: &str = "/usr";
/// Bytes of files in each of the larger image's layers.
const LAYERS: [u64; 2] = [150_000_000, 50_000_000];
/// Larger files are passed over: they would be the image.
const LARGEST_FILE: u64 = 20_000_000;
/// The image of small files: how many, and of what size at the most.
const SMALL_FILES: usize = 8_000;
const SMALL_FILE: u64 = 8_192;
/// A machine may have more files than are worth looking at.
const MOST_FILES: usize = 300_000;

/// Names of the images: the shell alone, with many small files, and with many bytes.
pub const SAMPLES: [&str; 3] = ["small", "many", "large"];

/// Writes the small image, and if asked for the other two, as an OCI layout into a folder of a room, and gives what each
/// one's layers cost.
pub fn write_samples(room: &Room, folder: &str, all: bool, stop: &Stop) -> Result<Vec<Vec<LayerCost>>, MeasureError> {
    let mut to = LayoutWriter::create(&room.folder(folder)?)?;
    let shell = layer(&to, &shell(stop))?;
    let mut images = vec![vec![shell.clone()]];
    if all {
        let files = usr_files();
        let parts = LAYERS.into_iter().enumerate().map(|(at, budget)| part(&files, at, budget));
        for parts in [vec![small_files(&files)], parts.collect()] {
            let mut layers = vec![shell.clone()];
            for files in &parts {
                if stop.load(Ordering::Relaxed) {
                    return Err(MeasureError::Interrupted);
                }
                layers.push(layer(&to, files)?);
            }
            images.push(layers);
        }
    }
    for (name, layers) in SAMPLES.iter().zip(&images) {
        let blobs: Vec<Descriptor> = layers.iter().map(|layer| layer.blob.clone()).collect();
        to.image(name, &config(layers), &blobs)?;
    }
    to.finish()?;
    Ok(images.iter().map(|layers| layers.iter().map(|layer| layer.cost.clone()).collect()).collect())
}

/// A layer that was written.
#[derive(Clone)]
struct Layer {
    diff_id: String,
    cost: LayerCost,
    blob: Descriptor,
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
            picked.push(sampled(path));
        }
    }
    picked
}

/// Small files from everywhere: every so-manieth.
fn small_files(files: &[(PathBuf, u64)]) -> Vec<(PathBuf, PathBuf)> {
    let small: Vec<&PathBuf> = files.iter().filter(|(_, size)| *size <= SMALL_FILE).map(|(path, _)| path).collect();
    small.iter().step_by(small.len().div_ceil(SMALL_FILES).max(1)).map(|path| sampled(path)).collect()
}

/// A file, and its name in the image.
fn sampled(path: &Path) -> (PathBuf, PathBuf) {
    (path.to_owned(), Path::new("/sample").join(path.strip_prefix("/").unwrap_or(path)))
}

/// Writes files, each under its name in the image, as a gzipped layer. Files that can't be read are passed over.
fn layer(to: &LayoutWriter, files: &[(PathBuf, PathBuf)]) -> Result<Layer, MeasureError> {
    let write = || -> io::Result<(Hashing<GzEncoder<Draft>>, u64)> {
        let draft = to.draft().map_err(io::Error::other)?;
        let mut tar = tar::Builder::new(Hashing::new(GzEncoder::new(draft, Compression::new(6))));
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
        Ok((tar.into_inner()?, entries))
    };
    let failed = || MeasureError::io("cannot write an image");
    let (tar, entries) = write().map_err(failed())?;
    let (diff_id, tar_bytes) = (tar.digest().to_string(), tar.bytes());
    let blob = tar.into_inner().finish().map_err(failed())?.keep()?;
    let cost = LayerCost::new(blob.digest, &blob.media_type, blob.size, tar_bytes, entries);
    Ok(Layer { diff_id, cost, blob })
}

/// What an image of these layers says: one line, and it ends.
fn config(layers: &[Layer]) -> Value {
    let platform = Platform::host();
    json!({
        "architecture": platform.architecture, "os": platform.os,
        "config": { "Cmd": [SHELL, "-c", "echo ready"], "Env": ["PATH=/bin:/usr/bin"] },
        "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
    })
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header
}
