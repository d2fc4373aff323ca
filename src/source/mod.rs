//! Where images come from: registries, OCI layouts, archives, local engines.
//!
//! A source does the least: it resolves a name to one image's verified documents, and gives each layer's blob as
//! a plain, still unverified `Read`. Whatever is async stays behind it.

mod archive;
mod archive_tar;
mod daemon;
mod docker_archive;
mod files;
mod locate;
mod names;
mod oci_layout;
mod registry;
mod resolve;
mod spool;
mod stored;

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use oci_spec::distribution::Reference;

use crate::model::{ArchiveFormat, Descriptor, ImageRef, Manifest, Platform, ReferenceError};
use archive_tar::TarFile;
use files::Files;
use oci_layout::OciLayout;

pub use daemon::DaemonError;
pub(crate) use docker_archive::DockerArchive;
pub use docker_archive::DockerArchiveError;
pub use files::FilesError;
pub(crate) use files::Part;
pub use locate::locate;
pub use names::ChoiceError;
pub use oci_layout::LayoutError;
pub(crate) use oci_layout::{FULL_NAME, Layout, names};
pub use registry::{Environment, Patience, Put, RegistryError, RegistrySource, RegistryTarget};
pub use resolve::{ImageIndex, ResolveError};
pub(crate) use resolve::{MAX_MANIFEST, sha256, verify};
pub(crate) use stored::Stored;

/// Gives one image.
pub trait Source: Send + Sync {
    /// Finds the image for `platform`; manifest and config are verified against their digests.
    fn resolve(&self, platform: &Platform) -> Result<Manifest, SourceError>;

    /// The bytes of a layer that `resolve` named, from the first on. They are not verified: the caller hashes them.
    /// Errors while reading are [`std::io::Error`]s that name the blob.
    fn blob(&self, layer: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError>;

    /// Whether its bytes come over a network, so that there are waits in which others can come.
    fn is_far(&self) -> bool {
        false
    }

    /// The images that the name stands for, one for each platform; `None` where it stands for one image alone.
    fn index(&self) -> Result<Option<ImageIndex>, SourceError> {
        Ok(None)
    }

    /// A part of such a blob, as long as `range`, neither verified. `None` where the source gives blobs whole only: a
    /// registry without ranges, an archive that keeps its layers in another form.
    fn part(&self, _: &Descriptor, _: Range<u64>) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(None)
    }

    /// What the image's builder attests of its provenance: in-toto statements, verified against their digests. None
    /// where there is nothing of the kind.
    fn statements(&self, _: &Manifest) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(Vec::new())
    }
}

/// What a source may need to know beside the name.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Credentials that were given by hand, for every registry of this run, but not for mirrors of it.
    pub credentials: Option<Credentials>,
    /// Where the configuration of registries is looked for.
    pub environment: Environment,
    /// How long to wait for a registry, and how often to ask it again.
    pub patience: Patience,
    /// Whether the image may well not be there: then nobody wants to hear which other tags there are.
    pub speculative: bool,
}

/// A user name and a password or token. Its `Debug` form hides the password.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The name.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Its documents.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A path that leads nowhere.
    #[error("{path}: no such file or folder")]
    NoSuchFile {
        /// The path.
        path: String,
    },
    /// A path that leads elsewhere.
    #[error("{path} is no image: expected a folder with `oci-layout` in it, or a .tar of an image")]
    NotAnImage {
        /// The path.
        path: String,
    },
    /// An archive of something else.
    #[error("{place} holds no image: it has neither index.json nor manifest.json")]
    NoImage {
        /// The archive.
        place: String,
    },
    /// A folder or archive.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// An OCI layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Of several images, which?
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// A docker-archive.
    #[error(transparent)]
    DockerArchive(#[from] DockerArchiveError),
    /// A local engine.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

/// Opens the source of `reference`. What comes as a stream or compressed is kept in an unnamed file in `$TMPDIR`.
pub fn open(reference: &ImageRef, options: &Options) -> Result<Box<dyn Source>, SourceError> {
    let name = reference.to_string();
    match reference {
        ImageRef::Registry(reference) => Ok(Box::new(RegistrySource::new(reference, options)?)),
        ImageRef::OciLayout { dir, select } => {
            let layout = Layout::open(Files::folder(dir)?)?;
            Ok(Box::new(OciLayout::new(layout, name, select.clone())))
        }
        ImageRef::Archive { file, select, format } => {
            archive::open(TarFile::open(file)?, name, select.clone(), *format)
        }
        ImageRef::Stdin => {
            let tar = TarFile::spool(names::STDIN.into(), std::io::stdin())?;
            archive::open(tar, name, None, ArchiveFormat::Any)
        }
        ImageRef::DockerDaemon(image) => {
            archive::of_engine(daemon::DOCKER.save(image, &options.environment)?, name, image)
        }
        ImageRef::Podman(image) => archive::of_engine(daemon::PODMAN.save(image, &options.environment)?, name, image),
    }
}

/// The names of the images of an OCI layout, in its order.
pub fn names_in_layout(dir: &Path) -> Result<Vec<String>, SourceError> {
    let layout = Layout::open(Files::folder(dir)?)?;
    Ok(layout.descriptors().iter().filter_map(|child| names(child).next()).map(str::to_owned).collect())
}

/// The tags of a repository in a registry, in the registry's order.
pub fn tags(reference: &Reference, options: &Options) -> Result<Vec<String>, SourceError> {
    Ok(RegistrySource::new(reference, options)?.tags()?)
}
