//! Where an image is had from, where its registry may not be asked.

use oci_spec::distribution::Reference;

use super::{Options, ScanError};
use crate::index::Cache;
use crate::model::{Digest, Manifest, Platform};

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
