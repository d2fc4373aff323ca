//! Where images come from: registries, OCI layouts, archives, local engines.
//!
//! A source does the least: it resolves a name to one image's verified documents, and gives each layer's blob as
//! a plain, still unverified `Read`. Whatever is async stays behind it.

mod registry;
mod resolve;

use std::io::Read;

use oci_spec::distribution::Reference;

use crate::model::{Descriptor, ImageRef, Manifest, Platform, ReferenceError};

pub use registry::{Environment, Patience, RegistryError, RegistrySource};
pub use resolve::ResolveError;

/// Gives one image.
pub trait Source: Send + Sync {
    /// Finds the image for `platform`; manifest and config are verified against their digests.
    fn resolve(&self, platform: &Platform) -> Result<Manifest, SourceError>;

    /// The bytes of a layer that `resolve` named, from the first on. They are not verified: the caller hashes them.
    /// Errors while reading are [`std::io::Error`]s that name the blob.
    fn blob(&self, layer: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError>;
}

/// What a source may need to know beside the name.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Credentials that were given by hand, for every registry of this run.
    pub credentials: Option<Credentials>,
    /// Where the configuration of registries is looked for.
    pub environment: Environment,
    /// How long to wait for a registry, and how often to ask it again.
    pub patience: Patience,
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
    /// Reading a file.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Finds what a person typed: a file or folder that is there, else a name. See design, section 3.
pub fn locate(text: &str) -> Result<ImageRef, SourceError> {
    Ok(text.parse()?)
}

/// Opens the source of `reference`.
pub fn open(reference: &ImageRef, options: &Options) -> Result<Box<dyn Source>, SourceError> {
    if let ImageRef::Registry(reference) = reference {
        return Ok(Box::new(RegistrySource::new(reference, options)?));
    }
    Err(ReferenceError::Empty { scheme: "", usage: "not built yet" }.into())
}

/// The tags of a repository in a registry, in the registry's order.
pub fn tags(reference: &Reference, options: &Options) -> Result<Vec<String>, SourceError> {
    Ok(RegistrySource::new(reference, options)?.tags()?)
}
