//! Tables of layers that were verified once, and the documents of images, on disk.
//!
//! A layer is found by the digest of its blob, which says all of its bytes; what is kept was computed from bytes that
//! had that digest. What a table of contents tells of a layer is kept apart, under the digests of both, and is never
//! given to who asks for a layer that was verified. The version of the form is in the folder's name: another version
//! never reads it.

mod parts;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::toc::{Needs, TocIndex};
use super::{Code, LayerIndex};
use crate::model::{Digest, Entry, Manifest, Platform};
use parts::{Parts, UNFINISHED, plain};

/// Rises whenever what is written changes: [`LayerIndex`] and all it holds, and what the readers of packages find.
const VERSION: &str = "v13";

/// The folders of a version.
const LAYERS: &str = "layers";
const MANIFESTS: &str = "manifests";

/// Documents of images that are looked through for one that is under another.
const MOST_KNOWN: usize = 10_000;

/// Rows that are compressed together: so few that their bytes stay in a processor's cache.
const BLOCK: usize = 1024;

/// A file in the cache's folder whose time is when it was last tidied up by itself.
const TIDIED: &str = "tidied";
/// How often that is done.
const TIDY_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

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

/// What a cache may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What was not used for so long goes …
    pub age: Duration,
    /// … and of the rest what was used least lately, until no more bytes than these are left.
    pub bytes: u64,
}

impl Keep {
    /// What it keeps when nobody says anything: three months, 2 GB (a layer's table is some hundred kB).
    pub const USUAL: Self = Self { age: Duration::from_secs(90 * 24 * 60 * 60), bytes: 2_000_000_000 };
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

    /// The table of a layer, if it is there whole; with each file's SHA-256 if that is wanted. What its programs need is
    /// there only for who needs everything.
    pub fn layer(&self, blob: &Digest, sha256: bool, needs: Needs) -> Option<LayerIndex> {
        let mut parts = Parts::open(&self.layer_path(blob))?;
        let Checked { sha256: has_sha256, mut index }: Checked<LayerIndex> =
            postcard::from_bytes(parts.next()?).ok()?;
        if index.digest != *blob || (sha256 && !has_sha256) {
            return None;
        }
        index.entries = rows(&mut parts, 1)?;
        index.code = match needs {
            Needs::Everything => Code::packed(parts.next_packed()?),
            Needs::Rows | Needs::Packages => Code::unread(),
        };
        parts.touch();
        Some(index)
    }

    /// Keeps the table of a layer that was verified in full.
    pub fn put_layer(&self, index: &LayerIndex, sha256: bool) -> Result<(), CacheError> {
        let path = self.layer_path(&index.digest);
        write(&path, parts(&Checked { sha256, index }, index, Some(&index.code)))
    }

    /// What the table of contents with this digest tells of a layer, if it is there whole and tells what is needed.
    pub fn toc(&self, blob: &Digest, toc: &Digest, needs: Needs) -> Option<TocIndex> {
        let mut parts = Parts::open(&self.toc_path(blob, toc))?;
        let mut found: Told<TocIndex> = postcard::from_bytes(parts.next()?).ok()?;
        if (found.index.index.digest, found.toc) != (*blob, *toc) || found.needs < needs {
            return None;
        }
        found.index.index.entries = rows(&mut parts, 0)?;
        parts.touch();
        Some(found.index)
    }

    /// Keeps what a table of contents tells of a layer; of its programs it tells nothing.
    pub fn put_toc(&self, toc: &Digest, needs: Needs, index: &TocIndex) -> Result<(), CacheError> {
        let path = self.toc_path(&index.index.digest, toc);
        write(&path, parts(&Told { toc: *toc, needs, index }, &index.index, None))
    }

    /// The documents of an image as they were when it was last resolved.
    pub fn manifest(&self, reference: &str, platform: &Platform) -> Option<Manifest> {
        let path = self.manifest_path(reference, platform);
        read_manifest(&path).filter(|manifest| manifest.reference == reference)
    }

    /// The documents of every image that was resolved before, in order of name.
    pub fn manifests(&self) -> Vec<Manifest> {
        let files = std::fs::read_dir(self.folder(MANIFESTS)).into_iter().flatten().flatten().take(MOST_KNOWN);
        let mut known: Vec<Manifest> = files.filter_map(|file| read_manifest(&file.path())).collect();
        known.sort_by(|a, b| a.reference.cmp(&b.reference));
        known
    }

    /// Keeps the documents of an image.
    pub fn put_manifest(&self, manifest: &Manifest, platform: &Platform) -> Result<(), CacheError> {
        let path = self.manifest_path(&manifest.reference, platform);
        write(&path, [serde_json::to_vec(manifest).map_err(io::Error::other)])
    }

    /// How much it holds.
    pub fn size(&self) -> Result<CacheSize, CacheError> {
        let files = self.files()?;
        Ok(CacheSize { bytes: files.iter().map(|file| file.bytes).sum(), files: files.len() as u64 })
    }

    /// Removes what is not to be kept, of older versions of this program too; gives what was removed.
    pub fn prune(&self, keep: Keep) -> Result<CacheSize, CacheError> {
        let mut files = self.files()?;
        files.sort_by_key(|file| std::cmp::Reverse(file.used));
        let (mut left, mut gone) = (0_u64, CacheSize::default());
        for file in files {
            left = left.saturating_add(file.bytes);
            if left > keep.bytes || file.used.elapsed().is_ok_and(|unused| unused >= keep.age) {
                match fs::remove_file(&file.path) {
                    // Another run was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    removed => removed.map_err(|source| failed(&file.path, source))?,
                }
                gone.bytes += file.bytes;
                gone.files += 1;
            }
        }
        for folder in self.folders()? {
            // One that is not empty stays.
            fs::remove_dir(folder).ok();
        }
        Ok(gone)
    }

    /// Removes all of it; gives what was removed.
    pub fn clean(&self) -> Result<CacheSize, CacheError> {
        fs::remove_file(self.dir.join(TIDIED)).ok();
        self.prune(Keep { age: Duration::ZERO, bytes: 0 })
    }

    /// Prunes it as usual, once a day. Tells of no failure: it costs room, no more.
    pub fn tidy(&self) {
        let mark = self.dir.join(TIDIED);
        let tidied = fs::symlink_metadata(&mark).and_then(|metadata| metadata.modified());
        if tidied.is_ok_and(|then| then.elapsed().is_ok_and(|since| since < TIDY_EVERY)) {
            return;
        }
        let file = plain(File::options().write(true).create(true)).open(&mark);
        if file.and_then(|file| file.set_modified(SystemTime::now())).is_ok() {
            self.prune(Keep::USUAL).ok();
        }
    }

    fn files(&self) -> Result<Vec<CachedFile>, CacheError> {
        let mut files = Vec::new();
        for folder in self.folders()? {
            for entry in entries(&folder)? {
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

    /// The folders with files in them, of every version, each before the one that it is in.
    fn folders(&self) -> Result<Vec<PathBuf>, CacheError> {
        let versions = entries(&self.dir)?.into_iter().filter(|entry| is_version(&entry.file_name()));
        // What a link leads to is not the cache's.
        let is_dir = |path: &PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let versions = versions.map(|entry| entry.path()).filter(is_dir);
        let folders = versions.flat_map(|version| [version.join(LAYERS), version.join(MANIFESTS), version]);
        Ok(folders.filter(is_dir).collect())
    }

    fn layer_path(&self, blob: &Digest) -> PathBuf {
        self.folder(LAYERS).join(format!("{}-{}", blob.algorithm(), blob.hex()))
    }

    fn toc_path(&self, blob: &Digest, toc: &Digest) -> PathBuf {
        let name = blake3::hash(format!("{blob} {toc}").as_bytes());
        self.folder(LAYERS).join(format!("toc-{}", name.to_hex()))
    }

    fn manifest_path(&self, reference: &str, platform: &Platform) -> PathBuf {
        let name = blake3::hash(format!("{platform} {reference}").as_bytes());
        self.folder(MANIFESTS).join(name.to_hex().as_str())
    }

    fn folder(&self, kind: &str) -> PathBuf {
        self.dir.join(VERSION).join(kind)
    }
}

struct CachedFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// What is in a folder; nothing, if there is none.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, CacheError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect),
    };
    entries.map_err(|source| failed(folder, source))
}

/// Whether a folder's name is that of a version of the cache.
fn is_version(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_prefix('v'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name is one that a cache gives: with a digest at its end, or of a file that was never finished.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let digest = name.rsplit('-').next().unwrap_or_default();
    let hashed = matches!(digest.len(), 64 | 128) && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    hashed || name.starts_with(UNFINISHED)
}

fn write(path: &Path, parts: impl IntoIterator<Item = io::Result<Vec<u8>>>) -> Result<(), CacheError> {
    parts::write(path, parts).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> CacheError {
    CacheError { path: path.display().to_string(), source }
}

fn read_manifest(path: &Path) -> Option<Manifest> {
    serde_json::from_slice(Parts::open(path)?.next()?).ok()
}

/// A table as a file has it: what there is but rows, the rows, and, where the file has them, its programs' needs.
fn parts(head: &impl Serialize, index: &LayerIndex, code: Option<&Code>) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let head = postcard::to_stdvec(head);
    let block = |rows: &[Entry]| rows.iter().try_fold(Vec::new(), |block, row| postcard::to_extend(row, block));
    let rows = index.entries.chunks(BLOCK).map(block);
    let parts = std::iter::once(head).chain(rows).chain(code.map(Code::encode));
    parts.map(|part| part.map_err(io::Error::other))
}

/// Reads the rows, which are all parts but so many.
fn rows(parts: &mut Parts, behind: usize) -> Option<Vec<Entry>> {
    let blocks = parts.left().checked_sub(behind)?;
    let mut rows = Vec::with_capacity(blocks * BLOCK);
    for _ in 0..blocks {
        let mut block = parts.next()?;
        while !block.is_empty() {
            let (row, rest) = postcard::take_from_bytes(block).ok()?;
            rows.push(row);
            block = rest;
        }
    }
    Some(rows)
}
