//! Tables of layers that were verified once, and the documents of images, on disk.
//!
//! A layer is found by the digest of its blob, which says all of its bytes; what is kept was computed from bytes that
//! had that digest. What a table of contents tells of a layer is kept apart, under the digests of both, and is never
//! given to who asks for a layer that was verified. The version of the form is in the folder's name: another version
//! never reads it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::LayerIndex;
use super::toc::{Needs, TocIndex};
use crate::model::{Digest, Manifest, Platform};

/// Rises whenever what is written changes: [`LayerIndex`] and all it holds, and what the readers of packages find.
const VERSION: &str = "v9";

/// Documents of images that are looked through for one that is under another.
const MOST_KNOWN: usize = 10_000;

/// What the names of files begin with that are being written.
const UNFINISHED: &str = ".unfinished-";

/// A folder of what was learnt before. Losing it costs time, nothing else.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// The cache could not be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use the cache {path}: {source}; choose another folder with LAYERSCOPE_CACHE_DIR or do without with --no-cache"
)]
pub struct CacheError {
    /// File or folder.
    pub path: String,
    /// What the system said.
    pub source: io::Error,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSize {
    /// Bytes on disk.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

#[derive(Serialize, Deserialize)]
struct Checked<T> {
    sha256: bool,
    index: T,
}

#[derive(Serialize, Deserialize)]
struct Told<T> {
    toc: Digest,
    needs: Needs,
    index: T,
}

impl Cache {
    /// A cache below a folder; both are made when something is kept.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The table of a layer, if it is there whole; with each file's SHA-256 if that is wanted.
    pub fn layer(&self, blob: &Digest, sha256: bool) -> Option<LayerIndex> {
        let path = self.layer_path(blob);
        let found: Checked<LayerIndex> = postcard::from_bytes(&read_checked(&path)?).ok()?;
        let usable = found.index.digest == *blob && (found.sha256 || !sha256);
        usable.then(|| {
            touch(&path);
            found.index
        })
    }

    /// Keeps the table of a layer that was verified in full.
    pub fn put_layer(&self, index: &LayerIndex, sha256: bool) -> Result<(), CacheError> {
        let path = self.layer_path(&index.digest);
        let bytes =
            postcard::to_stdvec(&Checked { sha256, index }).map_err(|error| failed(&path, io::Error::other(error)))?;
        write_checked(&path, &bytes).map_err(|source| failed(&path, source))
    }

    /// What the table of contents with this digest tells of a layer, if it is there whole and tells what is needed.
    pub fn toc(&self, blob: &Digest, toc: &Digest, needs: Needs) -> Option<TocIndex> {
        let path = self.toc_path(blob, toc);
        let found: Told<TocIndex> = postcard::from_bytes(&read_checked(&path)?).ok()?;
        let usable = (found.index.index.digest, found.toc) == (*blob, *toc) && found.needs >= needs;
        usable.then(|| {
            touch(&path);
            found.index
        })
    }

    /// Keeps what a table of contents tells of a layer.
    pub fn put_toc(&self, toc: &Digest, needs: Needs, index: &TocIndex) -> Result<(), CacheError> {
        let path = self.toc_path(&index.index.digest, toc);
        let told = Told { toc: *toc, needs, index };
        let bytes = postcard::to_stdvec(&told).map_err(|error| failed(&path, io::Error::other(error)))?;
        write_checked(&path, &bytes).map_err(|source| failed(&path, source))
    }

    /// The documents of an image as they were when it was last resolved.
    pub fn manifest(&self, reference: &str, platform: &Platform) -> Option<Manifest> {
        let path = self.manifest_path(reference, platform);
        let manifest: Manifest = serde_json::from_slice(&read_checked(&path)?).ok()?;
        (manifest.reference == reference).then_some(manifest)
    }

    /// The documents of every image that was resolved before, in order of name.
    pub fn manifests(&self) -> Vec<Manifest> {
        let files = std::fs::read_dir(self.folder(Kind::Manifest)).into_iter().flatten().flatten().take(MOST_KNOWN);
        let read = files.filter_map(|file| serde_json::from_slice(&read_checked(&file.path())?).ok());
        let mut known: Vec<Manifest> = read.collect();
        known.sort_by(|a, b| a.reference.cmp(&b.reference));
        known
    }

    /// Keeps the documents of an image.
    pub fn put_manifest(&self, manifest: &Manifest, platform: &Platform) -> Result<(), CacheError> {
        let path = self.manifest_path(&manifest.reference, platform);
        let bytes = serde_json::to_vec(manifest).map_err(|error| failed(&path, error.into()))?;
        write_checked(&path, &bytes).map_err(|source| failed(&path, source))
    }

    /// How much it holds.
    pub fn size(&self) -> Result<CacheSize, CacheError> {
        let files = self.files()?;
        Ok(CacheSize { bytes: files.iter().map(|file| file.bytes).sum(), files: files.len() as u64 })
    }

    /// Removes what was not used for `age`; gives what was removed.
    pub fn prune(&self, age: Duration) -> Result<CacheSize, CacheError> {
        let mut gone = CacheSize::default();
        for file in self.files()? {
            if file.used.elapsed().is_ok_and(|unused| unused >= age) {
                fs::remove_file(&file.path).map_err(|source| failed(&file.path, source))?;
                gone.bytes += file.bytes;
                gone.files += 1;
            }
        }
        Ok(gone)
    }

    /// Removes all of it; gives what was removed.
    pub fn clean(&self) -> Result<CacheSize, CacheError> {
        self.prune(Duration::ZERO)
    }

    fn files(&self) -> Result<Vec<CachedFile>, CacheError> {
        let mut files = Vec::new();
        for kind in [Kind::Layer, Kind::Manifest] {
            let folder = self.folder(kind);
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(|source| failed(&folder, source))?,
            };
            for entry in entries {
                let entry = entry.map_err(|source| failed(&folder, source))?;
                // A file that another run has just removed is no error, and what is none of ours stays.
                if let Ok(metadata) = entry.metadata()
                    && metadata.is_file()
                    && is_ours(&entry.file_name())
                {
                    let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    files.push(CachedFile { path: entry.path(), bytes: metadata.len(), used });
                }
            }
        }
        Ok(files)
    }

    fn layer_path(&self, blob: &Digest) -> PathBuf {
        self.folder(Kind::Layer).join(format!("{}-{}", blob.algorithm(), blob.hex()))
    }

    fn toc_path(&self, blob: &Digest, toc: &Digest) -> PathBuf {
        let name = blake3::hash(format!("{blob} {toc}").as_bytes());
        self.folder(Kind::Layer).join(format!("toc-{}", name.to_hex()))
    }

    fn manifest_path(&self, reference: &str, platform: &Platform) -> PathBuf {
        let name = blake3::hash(format!("{platform} {reference}").as_bytes());
        self.folder(Kind::Manifest).join(name.to_hex().as_str())
    }

    fn folder(&self, kind: Kind) -> PathBuf {
        self.dir.join(VERSION).join(match kind {
            Kind::Layer => "layers",
            Kind::Manifest => "manifests",
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Layer,
    Manifest,
}

struct CachedFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Whether a name is one that a cache gives: with a digest at its end, or of a file that was never finished.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let digest = name.rsplit('-').next().unwrap_or_default();
    let hashed = matches!(digest.len(), 64 | 128) && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    hashed || name.starts_with(UNFINISHED)
}

fn failed(path: &Path, source: io::Error) -> CacheError {
    CacheError { path: path.display().to_string(), source }
}

/// Compressed contents behind their hash. Whatever is not as it was written counts as not there.
fn read_checked(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    let (hash, packed) = bytes.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(packed).as_bytes() != hash {
        return None;
    }
    zstd::decode_all(packed).ok()
}

/// Writes beside, then moves into place: a reader never sees half a file.
fn write_checked(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let packed = zstd::encode_all(bytes, 1)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(blake3::hash(&packed).as_bytes())?;
    file.write_all(&packed)?;
    file.persist(path)?;
    Ok(())
}

/// Marks a file as used now; that it can't be marked does not matter.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        file.set_modified(SystemTime::now()).ok();
    }
}
