//! Where an image is had from, or what may help, where its registry may not be asked or did not give it.

use std::path::Path;

use oci_spec::distribution::Reference;

use super::{Options, ScanError};
use crate::index::Cache;
use crate::model::{Digest, ImageRef, Manifest, Platform, familiar};
use crate::source::SourceError;

/// An image of a registry, as the cache has it.
pub(super) fn offline(name: &Reference, options: &Options) -> Result<Manifest, ScanError> {
    let reference = name.whole();
    let Some(cache) = &options.cache else { return Err(ScanError::Nowhere { reference }) };
    if let Some(manifest) = cached(cache, name, &options.platform) {
        return Ok(manifest);
    }
    let others = cache.manifests().into_iter().filter(|known| known.reference == reference);
    let mut known: Vec<String> = others.map(|known| known.config.platform().to_string()).collect();
    known.sort();
    known.dedup();
    let wanted = options.platform.clone();
    Err(match known.is_empty() {
        true => ScanError::Offline { reference },
        false => ScanError::OfflinePlatform { reference, wanted, known: known.join(" and ") },
    })
}

/// By its name; else by the digest in that, which says all of it, whatever it was called.
fn cached(cache: &Cache, name: &Reference, platform: &Platform) -> Option<Manifest> {
    let reference = name.whole();
    cache.manifest(&reference, platform).or_else(|| {
        let digest: Digest = name.digest()?.parse().ok()?;
        let known = cache.manifests().into_iter().find(|known| known.digest == Some(digest))?;
        Some(Manifest { reference, ..known })
    })
}

/// The error, with what else may have been meant or may do. Of an image that may well not be there nobody wants to know.
pub(super) fn or_else(reference: &ImageRef, options: &Options, source: SourceError) -> ScanError {
    let (ImageRef::Registry(name), SourceError::Registry(error), false) =
        (reference, &source, options.source.speculative)
    else {
        return source.into();
    };
    if let Some((path, reason)) = path_of(name) {
        return ScanError::Here { source, path, reason };
    }
    let is_known = || options.cache.as_ref().is_some_and(|cache| cached(cache, name, &options.platform).is_some());
    if error.is_unreachable() && is_known() { ScanError::Known { source } } else { source.into() }
}

/// The file or folder that a name may mean, and why it does not.
fn path_of(name: &Reference) -> Option<(String, String)> {
    let bare = name.digest().is_none() && name.tag().is_none_or(|tag| tag == "latest");
    let repository = format!("{}/{}", name.registry(), name.repository());
    let path = familiar(&repository);
    let found = Path::new(path).metadata().ok().filter(|_| bare)?;
    let reason = match found.is_dir() {
        true => "it has no `oci-layout`".into(),
        false => format!("an archive that does not end in .tar is named oci-archive:{path} or docker-archive:{path}"),
    };
    Some((path.to_owned(), reason))
}
