//! Where a new image goes. It is written into a folder beside, under a name that nobody looks for, and moved to its place
//! when it is complete.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_spec::distribution::Reference;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::layout::{LayoutWriter, REF_NAME, draft_in, failed};
use super::push::push;
use super::{Plan, RewriteError};
use crate::model::{ArchiveFormat, ImageRef, Manifest, ReferenceError};
use crate::scan::Scanned;
use crate::source::Options;

/// Where a new image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `oci:DIR[:TAG]`: into a layout, which may have other images.
    Layout {
        /// The folder.
        dir: PathBuf,
        /// The image's name in it.
        name: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:REF]`.
    Archive {
        /// The file.
        file: PathBuf,
        /// The image's name in it.
        name: Option<String>,
        /// Whether `docker load` is to read it.
        docker: bool,
    },
    /// `docker://REF`: a registry.
    Registry(Reference),
}

/// Why that is no place for an image.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// It is no name.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// It is a place that can't be written to.
    #[error(
        "{text} can't be written to: expected oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF] or docker://REF"
    )]
    NoPlace {
        /// What was given.
        text: String,
    },
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let no_place = || DestinationError::NoPlace { text: text.into() };
        match text.parse()? {
            ImageRef::OciLayout { select: Some(name), .. } | ImageRef::Archive { select: Some(name), .. }
                if name.starts_with('@') =>
            {
                Err(no_place())
            }
            ImageRef::OciLayout { dir, select } => Ok(Self::Layout { dir, name: select }),
            ImageRef::Archive { format: ArchiveFormat::Any, .. } => Err(no_place()),
            ImageRef::Archive { file, select, format } => {
                // What docker and podman would not load.
                if let (Some(name), ArchiveFormat::Docker) = (&select, format) {
                    format!("{SCHEME}{name}").parse::<ImageRef>()?;
                }
                Ok(Self::Archive { file, name: select, docker: format == ArchiveFormat::Docker })
            }
            // Without its scheme a bare word is more likely to be a file than an image of Docker Hub.
            ImageRef::Registry(reference) if reference.digest().is_none() && text.starts_with(SCHEME) => {
                Ok(Self::Registry(reference))
            }
            _ => Err(no_place()),
        }
    }
}

const SCHEME: &str = "docker://";

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self {
            Self::Registry(reference) => return write!(f, "{SCHEME}{}", reference.whole()),
            Self::Layout { dir, .. } => ("oci", dir),
            Self::Archive { docker: true, file, .. } => ("docker-archive", file),
            Self::Archive { file, .. } => ("oci-archive", file),
        };
        write!(f, "{scheme}:{}", path.display())?;
        self.name().map_or(Ok(()), |name| write!(f, ":{name}"))
    }
}

impl Destination {
    /// The image's name there.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Layout { name, .. } | Self::Archive { name, .. } => name.as_deref(),
            Self::Registry(_) => None,
        }
    }

    /// Whether an image's blobs are there already: it is of the same registry.
    pub fn has(&self, image: &Scanned) -> bool {
        self.repository_of(image).is_some()
    }

    /// The repository that an image's blobs are in, if it is of the same registry.
    pub(super) fn repository_of(&self, image: &Scanned) -> Option<String> {
        let Self::Registry(own) = self else { return None };
        let ImageRef::Registry(other) = image.image.manifest.reference.parse().ok()? else { return None };
        (own.registry() == other.registry()).then(|| other.repository().to_owned())
    }
}

/// A new image on its way.
pub struct Output<'d> {
    to: &'d Destination,
    folder: TempDir,
}

impl<'d> Output<'d> {
    /// Makes the folder that nobody looks for, beside the place that the image goes to. What is there and is no layout is
    /// refused before anything is done.
    pub fn create(to: &'d Destination) -> Result<Self, RewriteError> {
        let path = match to {
            Destination::Layout { dir, .. } => dir.clone(),
            Destination::Archive { file, .. } => file.clone(),
            Destination::Registry(_) => std::env::temp_dir().join("image"),
        };
        let wrong = match to {
            Destination::Layout { dir, .. } if dir.is_file() => Some("it is a file, and no folder"),
            Destination::Layout { dir, .. }
                if fs::read_dir(dir).is_ok_and(|mut inside| inside.next().is_some())
                    && !dir.join("oci-layout").is_file() =>
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
        Ok(Self { to, folder })
    }

    /// The folder, to be removed by whoever is interrupted.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the image is written.
    pub fn writer(&self) -> Result<LayoutWriter, RewriteError> {
        LayoutWriter::create(self.folder())
    }

    /// Moves it to its place.
    pub fn publish(self, plan: &Plan<'_>, manifest: &Manifest, options: &Options) -> Result<(), RewriteError> {
        match self.to {
            Destination::Registry(reference) => push(self.to, reference, self.folder(), plan, manifest, options),
            Destination::Layout { dir, .. } if !dir.join("oci-layout").is_file() => {
                let open = Permissions::from_mode(0o755);
                fs::set_permissions(self.folder(), open).map_err(failed(dir))?;
                fs::remove_dir(dir).ok();
                fs::rename(self.folder(), dir).map_err(failed(dir))?;
                let _ = self.folder.keep();
                Ok(())
            }
            Destination::Layout { dir, name } => add(self.folder(), dir, name.as_deref()),
            Destination::Archive { file, name, docker } => {
                let tags = docker.then(|| docker_manifest(manifest, name.as_deref()));
                archive(self.folder(), file, tags.as_ref())
            }
        }
    }
}

/// Adds a layout's image to another layout: blobs first, then the index in one move. An image of its name gives way.
fn add(from: &Path, to: &Path, name: Option<&str>) -> Result<(), RewriteError> {
    let blobs = to.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(failed(&blobs))?;
    for blob in blobs_in(from)? {
        let target = blobs.join(blob.file_name().unwrap_or_default());
        if !target.is_file() {
            fs::rename(&blob, &target).map_err(failed(&target))?;
        }
    }
    let index = |dir: &Path| -> Result<Value, RewriteError> {
        let path = dir.join("index.json");
        let text = fs::read(&path).map_err(failed(&path))?;
        serde_json::from_slice(&text).map_err(|error| failed(&path)(error.into()))
    };
    let (mut all, new) = (index(to)?, index(from)?);
    let path = to.join("index.json");
    let broken = || failed(&path)(io::Error::other("it is no index of a layout"));
    let images = all.get_mut("manifests").and_then(Value::as_array_mut).ok_or_else(broken)?;
    let new: &[Value] = new["manifests"].as_array().map_or(&[], Vec::as_slice);
    let named = |image: &Value| image["annotations"][REF_NAME].as_str().map(str::to_owned);
    images.retain(|old| {
        let same_name = name.is_some() && named(old).as_deref() == name;
        !same_name && !new.iter().any(|new| named(old) == named(new) && old["digest"] == new["digest"])
    });
    images.extend_from_slice(new);
    let mut draft = draft_in(to)?;
    serde_json::to_writer(&mut draft, &all).map_err(|error| failed(&path)(error.into()))?;
    draft.persist(&path).map(drop).map_err(|error| failed(&path)(error.error))
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
    let blob = |digest: &crate::model::Digest| format!("blobs/sha256/{}", digest.hex());
    let layers: Vec<String> = manifest.layers.iter().map(|layer| blob(&layer.digest)).collect();
    let tags: Vec<&str> = name.into_iter().collect();
    json!([{ "Config": blob(&manifest.config_digest), "RepoTags": tags, "Layers": layers }])
}

/// Writes a layout as a tar, with nothing in it that changes from one time to the next.
fn archive(from: &Path, file: &Path, docker: Option<&Value>) -> Result<(), RewriteError> {
    let mut draft = draft_in(folder_of(file))?;
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
    draft.persist(file).map(drop).map_err(|error| failed(file)(error.error))
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_others() {
        let parse = |text: &str| text.parse::<Destination>();
        assert_eq!(parse("oci:a/b:c").unwrap(), Destination::Layout { dir: "a/b".into(), name: Some("c".into()) });
        let archive = Destination::Archive { file: "a.tar".into(), name: Some("app:1".into()), docker: true };
        assert_eq!(parse("docker-archive:a.tar:app:1").unwrap(), archive);
        assert_eq!(parse("docker://h:1/a/b").unwrap().to_string(), "docker://h:1/a/b:latest");
        for other in [
            "docker-archive:a.tar:NoName:b",
            "docker-archive:a.tar:a@b",
            "a.tar",
            "-",
            "podman:x",
            "oci:a:@sha256:0",
            "oci:",
            "python:3.7",
        ] {
            assert!(parse(other).is_err(), "{other}");
        }
    }
}
