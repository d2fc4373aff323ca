//! Layouts and archives as they lie on disk, for whoever wants all that is in them (the registry in `serve`).

use std::path::Path;

use super::archive_tar::TarFile;
use super::docker_archive::DockerArchive;
use super::files::Files;
use super::oci_layout::Layout;
use super::{SourceError, locate};

/// A folder or file with images in it, all of which are given to others.
pub(crate) enum Stored {
    /// An OCI layout.
    Layout(Layout),
    /// What `docker save` wrote.
    Archive(DockerArchive),
}

impl Stored {
    /// Whether a path looks like images, without reading it: a layout, or a file that ends as archives do.
    pub(crate) fn is_at(path: &Path) -> bool {
        locate::is_there(path)
    }

    /// Opens a layout or an archive of either kind; one that is both is a layout.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        if path.is_dir() {
            return Ok(Self::Layout(Layout::open(Files::Published(path.to_owned()))?));
        }
        let tar = TarFile::open(path)?;
        match (tar.has("index.json"), tar.has("manifest.json") || tar.has("repositories")) {
            (true, _) => Ok(Self::Layout(Layout::open(Files::Tar(tar))?)),
            (false, true) => Ok(Self::Archive(DockerArchive::open(tar)?)),
            (false, false) => Err(SourceError::NoImage { place: path.display().to_string() }),
        }
    }
}
