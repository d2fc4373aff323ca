//! Puts a new image into a registry: blobs that are there stay, those of its other repositories are mounted, others go up;
//! manifests come after all blobs, and the tag last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use oci_spec::distribution::Reference;

use super::layout::{Hashing, failed};
use super::{Destination, Plan, RewriteError, Step};
use crate::model::{Descriptor, Digest, Manifest};
use crate::source::{Options, RegistryTarget};

/// Pushes an image's blobs out of a layout that lacks the layers which are in the registry already.
pub(super) fn blobs(
    to: &Destination,
    reference: &Reference,
    layout: &Path,
    plan: &Plan<'_>,
    manifest: &Manifest,
    options: &Options,
) -> Result<(), RewriteError> {
    let source = |step: &Step<'_>| match step {
        Step::Keep { image, .. } => to.repository_of(image),
        _ => None,
    };
    let mut sources: Vec<String> = plan.made().filter_map(source).collect();
    sources.sort();
    sources.dedup();
    sources.retain(|source| source != reference.repository());
    let target = RegistryTarget::new(reference, sources, options)?;
    for (step, layer) in plan.made().zip(&manifest.layers) {
        let put = target.take(&layer.digest, source(step).as_deref())?;
        if let Some(put) = put {
            tracing::info!("{}: {put:?}", layer.digest);
            continue;
        }
        let path = blob(layout, &layer.digest);
        let mut file = match step {
            Step::Keep { image, layer: at } if !path.is_file() => fetched(image, *at, &layer.digest)?,
            _ => File::open(&path).map_err(failed(&path))?,
        };
        let put = target.upload(&layer.digest, &mut file)?;
        tracing::info!("{}: {put:?}", layer.digest);
    }
    if target.take(&manifest.config_digest, None)?.is_none() {
        let path = blob(layout, &manifest.config_digest);
        target.upload(&manifest.config_digest, &mut File::open(&path).map_err(failed(&path))?)?;
    }
    Ok(())
}

/// Pushes manifests out of a layout, under their digests, and then what stands for all of them, under the tag.
pub(super) fn documents(
    reference: &Reference,
    layout: &Path,
    root: &Descriptor,
    listed: &[Descriptor],
    options: &Options,
) -> Result<(), RewriteError> {
    let target = RegistryTarget::new(reference, Vec::new(), options)?;
    let put = |name: &str, document: &Descriptor| {
        let path = blob(layout, &document.digest);
        let bytes = fs::read(&path).map_err(failed(&path))?;
        Ok::<_, RewriteError>(target.manifest(name, &document.media_type, bytes)?)
    };
    listed.iter().try_for_each(|manifest| put(&manifest.digest.to_string(), manifest))?;
    put(reference.tag().unwrap_or("latest"), root)
}

fn blob(layout: &Path, digest: &Digest) -> PathBuf {
    layout.join("blobs/sha256").join(digest.hex())
}

/// A layer that the registry has in another repository and does not mount: it goes through here.
fn fetched(image: &crate::scan::Scanned, layer: usize, expected: &Digest) -> Result<File, RewriteError> {
    let place = std::env::temp_dir();
    let mut to = Hashing::<_>::new(tempfile::tempfile().map_err(failed(&place))?);
    io::copy(&mut image.blob(layer)?, &mut to).map_err(failed(&place))?;
    let found = to.digest();
    if found == *expected {
        return Ok(to.into_inner());
    }
    let reference = image.image.manifest.reference.clone();
    Err(RewriteError::Changed { reference, expected: *expected, found })
}
