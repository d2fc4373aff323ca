//! The way of a new image to its destination. It is written into a folder beside, under a name that nobody looks for, and
//! moved to its place when it is complete.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::{NamedTempFile, TempDir};

use super::layout::{LayoutWriter, REF_NAME, draft_in, failed, unreadable};
use super::{Destination, Plan, RewriteError, push};
use crate::model::{Descriptor, Digest, Manifest};
use crate::source::Options;

/// Where an index lists its images.
const MANIFESTS: &str = "manifests";

/// A new image on its way.
pub struct Output<'d> {
    to: &'d Destination,
    folder: TempDir,
    /// What `docker load` is to read of an archive.
    docker: Option<Value>,
}

impl<'d> Output<'d> {
    /// Makes the folder that nobody looks for, beside the place that the image goes to. What is there and is no layout is
    /// refused before anything is done.
    pub fn create(to: &'d Destination) -> Result<Self, RewriteError> {
        let path = match to {
            Destination::Layout { dir, .. } => place(dir),
            Destination::Archive { file, .. } => file.clone(),
            Destination::Registry(_) => std::env::temp_dir().join("image"),
        };
        let wrong = match to {
            Destination::Layout { dir, .. } if dir.is_symlink() && !dir.exists() => Some("it is a link to nothing"),
            Destination::Layout { dir, .. } if dir.is_file() => Some("it is a file, and no folder"),
            Destination::Layout { dir, .. }
                if fs::read_dir(dir).is_ok_and(|mut inside| inside.next().is_some()) && !is_layout(dir) =>
            {
                Some("it is a folder with something else in it, and no layout")
            }
            Destination::Archive { file, .. } if file.is_dir() => Some("it is a folder, and no file"),
            Destination::Archive { file, .. } if file.symlink_metadata().is_ok_and(|it| !it.is_file()) => {
                Some("it is a link, a device or a pipe: name a file")
            }
            _ => None,
        };
        wrong.map_or(Ok(()), |what| Err(failed(&path)(io::Error::other(what))))?;
        let beside = folder_of(&path);
        fs::create_dir_all(beside).map_err(failed(beside))?;
        let folder = tempfile::Builder::new().prefix(".layerscope-").tempdir_in(beside).map_err(failed(beside))?;
        Ok(Self { to, folder, docker: None })
    }

    /// The folder, to be removed by whoever is interrupted.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the image is written.
    pub fn writer(&self) -> Result<LayoutWriter, RewriteError> {
        LayoutWriter::create(self.folder())
    }

    /// What goes ahead of the manifest, of an image that was written and proven: to a registry its blobs.
    pub fn send(&mut self, plan: &Plan<'_>, manifest: &Manifest, options: &Options) -> Result<(), RewriteError> {
        match self.to {
            Destination::Registry(reference) => {
                push::blobs(self.to, reference, self.folder.path(), plan, manifest, options)
            }
            Destination::Archive { docker: true, name, .. } => {
                self.docker = Some(docker_manifest(manifest, name.as_deref()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Moves all to its place: a manifest, or an index and the manifests that it lists.
    pub fn publish(self, root: &Descriptor, listed: &[Descriptor], options: &Options) -> Result<(), RewriteError> {
        match self.to {
            Destination::Registry(reference) => push::documents(reference, self.folder(), root, listed, options),
            Destination::Layout { dir, name } => {
                settle(self.folder())?;
                let dir = &place(dir);
                if is_layout(dir) || !self.becomes(dir)? { add(self.folder(), dir, name.as_deref()) } else { Ok(()) }
            }
            Destination::Archive { file, .. } => archive(self.folder(), file, self.docker.as_ref()),
        }
    }

    /// Moves the folder to a place where nothing is; false where someone else has put a layout there by now.
    fn becomes(&self, dir: &Path) -> Result<bool, RewriteError> {
        fs::set_permissions(self.folder(), Permissions::from_mode(0o755)).map_err(failed(dir))?;
        fs::remove_dir(dir).ok();
        match fs::rename(self.folder(), dir) {
            Err(_) if is_layout(dir) => Ok(false),
            moved => moved.map(|()| true).map_err(failed(dir)),
        }
    }
}

/// Where a folder lies that may be a link to one.
fn place(dir: &Path) -> PathBuf {
    if dir.is_symlink() { dir.canonicalize().unwrap_or_else(|_| dir.to_owned()) } else { dir.to_owned() }
}

fn is_layout(dir: &Path) -> bool {
    dir.join("oci-layout").is_file()
}

/// Has a layout's files written to the disk, before anything says that they are there.
fn settle(layout: &Path) -> Result<(), RewriteError> {
    let documents = ["index.json", "oci-layout"].map(|name| layout.join(name));
    for path in blobs_in(layout)?.into_iter().chain(documents) {
        File::open(&path).and_then(|file| file.sync_all()).map_err(failed(&path))?;
    }
    Ok(())
}

/// Adds a layout's image to another layout: blobs first, then the index in one move. An image of its name gives way. Who
/// else adds one there waits.
fn add(from: &Path, to: &Path, name: Option<&str>) -> Result<(), RewriteError> {
    let held = File::open(to).and_then(|folder| folder.lock().map(|()| folder));
    let _held = held.map_err(failed(to))?;
    let ((mut all, mut images), (_, new)) = (index_of(to)?, index_of(from)?);
    let blobs = to.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(failed(&blobs))?;
    for blob in blobs_in(from)? {
        let target = blobs.join(blob.file_name().unwrap_or_default());
        fs::rename(&blob, &target).map_err(failed(&target))?;
    }
    let path = to.join("index.json");
    let named = |image: &Value| image["annotations"][REF_NAME].as_str().map(str::to_owned);
    images.retain(|old| {
        let same_name = name.is_some() && named(old).as_deref() == name;
        !same_name && !new.iter().any(|new| named(old) == named(new) && old["digest"] == new["digest"])
    });
    images.extend(new);
    all.insert(MANIFESTS.into(), images.into());
    let mut draft = draft_in(from)?;
    serde_json::to_writer(&mut draft, &all).map_err(|error| failed(&path)(error.into()))?;
    moved(draft, &path)
}

/// A layout's index, and what it lists.
fn index_of(dir: &Path) -> Result<(Map<String, Value>, Vec<Value>), RewriteError> {
    let path = dir.join("index.json");
    let wrong = |what: &str| unreadable(&path)(io::Error::other(what));
    if !path.is_file() {
        return Err(wrong("it is no regular file"));
    }
    let text = fs::read(&path).map_err(unreadable(&path))?;
    let mut index: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| unreadable(&path)(error.into()))?;
    match index.remove(MANIFESTS) {
        Some(Value::Array(images)) => Ok((index, images)),
        _ => Err(wrong("it is no index of a layout")),
    }
}

/// Gives a draft its name, when its bytes are on the disk.
fn moved(draft: NamedTempFile, to: &Path) -> Result<(), RewriteError> {
    draft.as_file().sync_all().map_err(failed(to))?;
    draft.persist(to).map(drop).map_err(|error| failed(to)(error.error))
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The blobs of a layout, by name.
fn blobs_in(layout: &Path) -> Result<Vec<PathBuf>, RewriteError> {
    let folder = layout.join("blobs/sha256");
    let entries = fs::read_dir(&folder).map_err(failed(&folder))?;
    let mut blobs: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    blobs.sort();
    Ok(blobs)
}

/// What `docker load` reads of an archive (moby, image/tarexport): where config and layers are, and the image's names.
fn docker_manifest(manifest: &Manifest, name: Option<&str>) -> Value {
    let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let layers: Vec<String> = manifest.layers.iter().map(|layer| blob(&layer.digest)).collect();
    let tags: Vec<&str> = name.into_iter().collect();
    json!([{ "Config": blob(&manifest.config_digest), "RepoTags": tags, "Layers": layers }])
}

/// Writes a layout as a tar, with nothing in it that changes from one time to the next. Its draft lies in the layout's
/// folder, and goes with it.
fn archive(from: &Path, file: &Path, docker: Option<&Value>) -> Result<(), RewriteError> {
    let mut draft = draft_in(from)?;
    let mut tar = tar::Builder::new(BufWriter::new(draft.as_file_mut()));
    let mut members = vec![from.join("oci-layout"), from.join("index.json")];
    members.extend(blobs_in(from)?);
    let write = || -> io::Result<()> {
        if let Some(manifest) = docker {
            let text = manifest.to_string();
            tar.append_data(&mut header(text.len() as u64), "manifest.json", text.as_bytes())?;
        }
        for path in members {
            let member = File::open(&path)?;
            let name = path.strip_prefix(from).unwrap_or(&path);
            tar.append_data(&mut header(member.metadata()?.len()), name, member)?;
        }
        tar.into_inner()?.flush()
    };
    write().map_err(failed(file))?;
    // A file that only its owner may read stays one.
    if let Ok(before) = file.metadata() {
        draft.as_file().set_permissions(before.permissions()).map_err(failed(file))?;
    }
    moved(draft, file)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header
}
