//! From a name's root document to one image's manifest and config: indexes, platforms, verification.
//!
//! Rules: OCI image-spec manifest.md, image-index.md and config.md; Docker's schema 2 has the same shape.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use super::SourceError;
use crate::model::{Config, Descriptor, Digest, Manifest, Platform};

/// A manifest or index larger than this is refused (registries take at most 4 MiB).
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;
/// A config larger than this is refused.
pub(super) const MAX_CONFIG: u64 = 8 << 20;
/// A config has at most so many values, as far as commas and brackets tell: real ones have some thousands.
const MAX_VALUES: usize = 500_000;
/// Statements of provenance that are read of an image.
const MAX_STATEMENTS: usize = 8;
/// Indexes may nest this deep.
const MAX_DEPTH: usize = 4;
/// Images of an index that are taken together.
const MAX_IMAGES: usize = 64;

/// What a document is: registries keep manifests and other blobs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A manifest or an index.
    Manifest,
    /// A config.
    Config,
}

/// Gives the small JSON documents of one image. None of them is verified yet.
pub(super) trait Documents {
    /// What the name itself stands for, with the digest it is pinned to, if it is.
    fn root(&self) -> Result<(Vec<u8>, Option<Digest>), SourceError>;
    /// The document behind a descriptor, at most as long as its kind allows.
    fn document(&self, kind: DocumentKind, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError>;
}

/// Why a name's documents are not an image that can be analysed.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Not JSON, or not of the expected shape.
    #[error("{what} {digest} is broken: {source}")]
    Json {
        /// `manifest` or `config`.
        what: &'static str,
        /// Its digest.
        digest: Digest,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Bytes that are not what their digest says.
    #[error("{what} {expected} is corrupt: its bytes have the digest {actual}")]
    Digest {
        /// `manifest` or `config`.
        what: &'static str,
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// A document of another length than its descriptor says.
    #[error("{what} {digest} is corrupt: {actual} bytes, its descriptor says {expected}")]
    Size {
        /// `manifest` or `config`.
        what: &'static str,
        /// Its digest.
        digest: Digest,
        /// What its descriptor says.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// A document that is too large to be honest.
    #[error("{what} {digest} says it has {size} bytes: more than {limit} are refused")]
    TooLarge {
        /// `manifest` or `config`.
        what: &'static str,
        /// Its digest.
        digest: Digest,
        /// What its descriptor says.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Docker's old format.
    #[error(
        "{reference} is a Docker schema 1 manifest, a format that was withdrawn: push the image again with a current docker or podman"
    )]
    Schema1 {
        /// The image.
        reference: String,
    },
    /// An artifact.
    #[error("{reference} is an artifact of type {artifact_type}, not a container image")]
    Artifact {
        /// The name.
        reference: String,
        /// What it says it is.
        artifact_type: String,
    },
    /// An image that is kept from readers.
    #[error("layer {digest} of {reference} is encrypted ({media_type}): it cannot be analysed without its key")]
    Encrypted {
        /// The name.
        reference: String,
        /// The layer.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// An index of nothing, or of attestations and the like alone.
    #[error("{reference} is an index that lists no image")]
    NoImages {
        /// The name.
        reference: String,
    },
    /// An index without the wanted platform.
    #[error("{reference} has no image for {wanted}: it has {available}; choose one with --platform")]
    Platform {
        /// The name.
        reference: String,
        /// What was wanted.
        wanted: Platform,
        /// What there is.
        available: String,
    },
    /// An image for Windows.
    #[error("{reference} is a Windows image: its layers are not Linux file systems and cannot be analysed")]
    Windows {
        /// The name.
        reference: String,
    },
    /// A layer that the registry does not hold.
    #[error(
        "layer {digest} of {reference} is foreign ({media_type}): registries do not distribute it, so it cannot be analysed"
    )]
    Foreign {
        /// The name.
        reference: String,
        /// The layer.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// Config and manifest disagree.
    #[error("{reference} is broken: its config lists {diff_ids} diff IDs, its manifest {layers} layers")]
    LayerCount {
        /// The name.
        reference: String,
        /// In the config.
        diff_ids: usize,
        /// In the manifest.
        layers: usize,
    },
    /// An index of more images than there are platforms.
    #[error("{reference} is an index of more than {MAX_IMAGES} images: choose one with --platform")]
    TooMany {
        /// The name.
        reference: String,
    },
    /// Indexes in indexes.
    #[error("{reference} nests indexes more than {MAX_DEPTH} deep")]
    TooDeep {
        /// The name.
        reference: String,
    },
}

/// Any of: image manifest, index, Docker schema 1 or 2. Told apart by shape first, since media types lie.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyManifest {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Walks from the root document to the image for `wanted`, verifying each document on the way.
pub(super) fn resolve(docs: &dyn Documents, reference: &str, wanted: &Platform) -> Result<Manifest, SourceError> {
    let (mut bytes, mut digest) = root(docs)?;
    let mut attestation = None;
    for _ in 0..=MAX_DEPTH {
        let manifest: AnyManifest =
            serde_json::from_slice(&bytes).map_err(|source| ResolveError::Json { what: "manifest", digest, source })?;
        if manifest.schema_version == Some(1) {
            return Err(ResolveError::Schema1 { reference: reference.into() }.into());
        }
        let Some(children) = manifest.manifests else {
            return Ok(Manifest { attestation, ..image(docs, reference, digest, manifest)? });
        };
        if !children.iter().any(may_be_image) {
            return Err(ResolveError::NoImages { reference: reference.into() }.into());
        }
        let child = choose(&children, wanted).ok_or_else(|| ResolveError::Platform {
            reference: reference.into(),
            wanted: wanted.clone(),
            available: available(&children),
        })?;
        attestation = children.iter().find(|other| attests(other, &child.digest)).cloned();
        bytes = fetch(docs, DocumentKind::Manifest, child)?;
        digest = child.digest;
    }
    Err(ResolveError::TooDeep { reference: reference.into() }.into())
}

/// The root document, verified where its name is pinned, and its digest.
fn root(docs: &dyn Documents) -> Result<(Vec<u8>, Digest), SourceError> {
    let (bytes, pinned) = docs.root()?;
    let digest = pinned.unwrap_or_else(|| sha256(&bytes));
    verify("manifest", &bytes, &digest)?;
    Ok((bytes, digest))
}

/// An image index: one image for each platform (OCI image-spec image-index.md).
#[derive(Clone, Debug, Default)]
pub struct ImageIndex {
    /// Its images, in its order, those of indexes in it after its own. None of their manifests was read.
    pub images: Vec<Descriptor>,
    /// How many of its images have attestations of their builder's beside them.
    pub attested: usize,
    /// Annotations of the index itself.
    pub annotations: BTreeMap<String, String>,
}

/// The index that the root document is, verified like any other document; `None` where it is a manifest.
pub(super) fn index(docs: &dyn Documents, reference: &str) -> Result<Option<ImageIndex>, SourceError> {
    let (bytes, digest) = root(docs)?;
    // Documents that are likely to be indexes, with what lists them.
    let mut indexes: VecDeque<(Vec<u8>, Digest, Option<Descriptor>, usize)> =
        VecDeque::from([(bytes, digest, None, 0)]);
    let (mut found, mut known) = (ImageIndex::default(), 0);
    while let Some((bytes, digest, child, depth)) = indexes.pop_front() {
        let broken = |source| ResolveError::Json { what: "manifest", digest, source };
        let listed: AnyManifest = serde_json::from_slice(&bytes).map_err(broken)?;
        let children = match (listed.manifests, child) {
            (Some(children), _) => children,
            // Its media type lied.
            (None, Some(image)) => {
                found.images.push(image);
                continue;
            }
            (None, None) => return Ok(None),
        };
        if depth == 0 {
            found.annotations = listed.annotations.unwrap_or_default();
        }
        found.attested += children.iter().filter(|child| is_attestation(child)).count();
        for child in children.into_iter().filter(may_be_image) {
            known += 1;
            if known > MAX_IMAGES {
                return Err(ResolveError::TooMany { reference: reference.into() }.into());
            }
            let nested = ["index", "list"].iter().any(|word| child.media_type.contains(word));
            match nested {
                false => found.images.push(child),
                true if depth >= MAX_DEPTH => return Err(ResolveError::TooDeep { reference: reference.into() }.into()),
                true => {
                    let bytes = fetch(docs, DocumentKind::Manifest, &child)?;
                    indexes.push_back((bytes, child.digest, Some(child), depth + 1));
                }
            }
        }
    }
    Ok(Some(found))
}

/// The image behind a manifest that is no index.
fn image(
    docs: &dyn Documents,
    reference: &str,
    digest: Digest,
    manifest: AnyManifest,
) -> Result<Manifest, SourceError> {
    let (config, other) = match manifest.config {
        Some(config) if is_image_config(&config.media_type) => (Some(config), None),
        other => (None, other.map(|config| config.media_type)),
    };
    let Some(config) = config else {
        let artifact_type = manifest.artifact_type.or(other).unwrap_or_else(|| "unknown".into());
        return Err(ResolveError::Artifact { reference: reference.into(), artifact_type }.into());
    };
    let bytes = fetch(docs, DocumentKind::Config, &config)?;
    let manifest = Manifest {
        reference: reference.into(),
        local: false,
        digest: Some(digest),
        media_type: manifest.media_type.unwrap_or_else(|| "application/vnd.oci.image.manifest.v1+json".into()),
        config_digest: config.digest,
        config: parse_config(&bytes, config.digest)?,
        annotations: manifest.annotations.unwrap_or_default(),
        layers: manifest.layers.unwrap_or_default(),
        attestation: None,
    };
    check(&manifest)?;
    Ok(manifest)
}

/// Reads a config whose bytes were verified. What is not known of it is kept, which takes many times its bytes: so there
/// is only so much of it.
pub(super) fn parse_config(bytes: &[u8], digest: Digest) -> Result<Config, ResolveError> {
    let broken = |source| ResolveError::Json { what: "config", digest, source };
    if bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > MAX_VALUES {
        let reason = format!("it has more than {MAX_VALUES} values");
        return Err(broken(serde::de::Error::custom(reason)));
    }
    serde_json::from_slice(bytes).map_err(broken)
}

/// Whether the image is one that can be analysed.
pub(super) fn check(manifest: &Manifest) -> Result<(), ResolveError> {
    let reference = || manifest.reference.clone();
    if manifest.config.os == "windows" {
        return Err(ResolveError::Windows { reference: reference() });
    }
    let foreign =
        |layer: &&Descriptor| layer.media_type.contains("foreign") || layer.media_type.contains("nondistributable");
    if let Some(layer) = manifest.layers.iter().filter(|layer| !layer.urls.is_empty()).find(foreign) {
        let media_type = layer.media_type.clone();
        return Err(ResolveError::Foreign { reference: reference(), digest: layer.digest, media_type });
    }
    // Signatures and attestations have the config of an image and statements for layers.
    if let Some(layer) = manifest.layers.iter().find(|layer| layer.media_type.ends_with("json")) {
        let artifact_type = layer.media_type.clone();
        return Err(ResolveError::Artifact { reference: reference(), artifact_type });
    }
    if let Some(layer) = manifest.layers.iter().find(|layer| layer.media_type.ends_with("+encrypted")) {
        let media_type = layer.media_type.clone();
        return Err(ResolveError::Encrypted { reference: reference(), digest: layer.digest, media_type });
    }
    let (diff_ids, layers) = (manifest.config.rootfs.diff_ids.len(), manifest.layers.len());
    if diff_ids != layers {
        return Err(ResolveError::LayerCount { reference: reference(), diff_ids, layers });
    }
    Ok(())
}

/// Media types of configs that describe a root file system; an empty or octet-stream one is given the benefit.
fn is_image_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
            | "application/octet-stream"
    )
}

/// The best child for a platform; what is no image is never it.
fn choose<'a>(children: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let images: Vec<&Descriptor> = children.iter().filter(|child| may_be_image(child)).collect();
    let score = |child: &Descriptor| match &child.platform {
        Some(platform) => platform.serves(wanted),
        None => Some(0),
    };
    let best =
        images.iter().filter_map(|child| Some((score(child)?, *child))).reduce(|a, b| if b.0 > a.0 { b } else { a });
    best.map(|(_, child)| child)
}

/// Attestations are none, nor is what has no manifest: BuildKit's caches are indexes of layers.
fn may_be_image(child: &Descriptor) -> bool {
    let media_type = child.media_type.as_str();
    let manifest = matches!(media_type, "" | "application/json" | "application/octet-stream")
        || ["manifest", "index"].iter().any(|word| media_type.contains(word));
    manifest && !is_attestation(child)
}

/// `unknown/unknown`, or so annotated.
fn is_attestation(child: &Descriptor) -> bool {
    child.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest")
        || child.platform.as_ref().is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
}

/// Whether it holds what a builder attests of an image (BuildKit, attestation-storage.md).
fn attests(child: &Descriptor, image: &Digest) -> bool {
    let of = child.annotations.get("vnd.docker.reference.digest");
    is_attestation(child) && of.is_some_and(|digest| *digest == image.to_string())
}

/// The provenance statements of an image (in-toto, JSON), each verified against its digest.
pub(super) fn statements(docs: &dyn Documents, manifest: &Manifest) -> Result<Vec<Vec<u8>>, SourceError> {
    let Some(attestation) = &manifest.attestation else { return Ok(Vec::new()) };
    let (digest, bytes) = (attestation.digest, fetch(docs, DocumentKind::Manifest, attestation)?);
    let listed: AnyManifest =
        serde_json::from_slice(&bytes).map_err(|source| ResolveError::Json { what: "manifest", digest, source })?;
    let of_provenance = |layer: &&Descriptor| {
        let predicate = layer.annotations.get("in-toto.io/predicate-type");
        predicate.is_some_and(|predicate| predicate.starts_with("https://slsa.dev/provenance/"))
    };
    let layers = listed.layers.unwrap_or_default();
    let statements = layers.iter().filter(of_provenance).take(MAX_STATEMENTS);
    statements.map(|layer| fetch(docs, DocumentKind::Config, layer)).collect()
}

fn available(children: &[Descriptor]) -> String {
    let mut names: Vec<String> = children
        .iter()
        .filter(|child| may_be_image(child))
        .filter_map(|child| child.platform.as_ref().map(ToString::to_string))
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

fn fetch(docs: &dyn Documents, kind: DocumentKind, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
    let (what, limit) = match kind {
        DocumentKind::Manifest => ("manifest", MAX_MANIFEST),
        DocumentKind::Config => ("config", MAX_CONFIG),
    };
    let (digest, size) = (descriptor.digest, descriptor.size);
    if size > limit {
        return Err(ResolveError::TooLarge { what, digest, size, limit }.into());
    }
    let bytes = docs.document(kind, descriptor)?;
    verify(what, &bytes, &digest)?;
    let actual = bytes.len() as u64;
    if actual != size {
        return Err(ResolveError::Size { what, digest, expected: size, actual }.into());
    }
    Ok(bytes)
}

/// Whether `bytes` are what `expected` says.
pub(crate) fn verify(what: &'static str, bytes: &[u8], expected: &Digest) -> Result<(), ResolveError> {
    let actual = match expected {
        Digest::Sha256(_) => sha256(bytes),
        Digest::Sha512(_) => Digest::Sha512(Sha512::digest(bytes).into()),
    };
    if actual == *expected { Ok(()) } else { Err(ResolveError::Digest { what, expected: *expected, actual }) }
}

/// The digest of a small document.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::Sha256(Sha256::digest(bytes).into())
}
