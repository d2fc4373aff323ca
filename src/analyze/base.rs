//! What an image says of the base that it was built on, and what its layers prove.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::instruction;
use crate::model::{Config, DiffId, Digest, Manifest, RuntimeConfig, instructions};

/// Names the base (OCI image-spec annotations.md), as an annotation of the manifest or as a label.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// … and its digest.
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// What tells of a base, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// The person who asks.
    Told,
    /// The Dockerfile.
    Dockerfile,
    /// An annotation of the manifest.
    Annotation,
    /// A label of the config.
    Label,
    /// A provenance attestation.
    Provenance,
    /// Layers that are those of a known image.
    Layers,
    /// The steps that made the image.
    History,
    /// Distribution, variables and programs.
    Contents,
}

impl EvidenceKind {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Dockerfile => "dockerfile",
            Self::Annotation => "annotation",
            Self::Label => "label",
            Self::Provenance => "provenance",
            Self::Layers => "layers",
            Self::History => "history",
            Self::Contents => "contents",
        }
    }
}

/// One thing that tells of the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What kind it is.
    pub kind: EvidenceKind,
    /// What it says, in a few words.
    pub says: String,
    /// Whether the layers bear it out; `None` where that could not be looked at.
    pub holds: Option<bool>,
}

/// How sure the base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The image's lowest layers are those of the base, diff ID by diff ID.
    Proven,
    /// Something says so that is usually right, and nothing speaks against it.
    Likely,
    /// By signs.
    Guess,
}

impl Confidence {
    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Guess => "guess",
        }
    }
}

/// The base under an image.
#[derive(Clone, Debug)]
pub struct Base {
    /// The names of images that it is or may be, the best first; none where there is none to be told.
    pub names: Vec<String>,
    /// Digest of the base's manifest, where one was looked at.
    pub digest: Option<Digest>,
    /// How many of the image's lowest layers are its own; `None` where that can't be told.
    pub layers: Option<usize>,
    /// What tells of it, the most trusted first.
    pub evidence: Vec<Evidence>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it runs with, where one was looked at.
    pub config: Option<RuntimeConfig>,
}

/// A base that an image or its builder claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where the claim stands.
    pub kind: EvidenceKind,
    /// The name, as it stands there.
    pub name: Option<String>,
    /// The digest, as it stands there: of a manifest or of an index.
    pub digest: Option<String>,
}

impl Claim {
    /// A reference to be looked up: pinned where a digest is given.
    pub fn reference(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        let bare = name.split('@').next().unwrap_or(name);
        match &self.digest {
            Some(digest) => Some(format!("{}@{digest}", without_tag(bare))),
            None => Some(name.to_owned()),
        }
    }

    /// What it says.
    pub fn says(&self) -> String {
        let parts = [self.name.as_deref(), self.digest.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// `python` of `python:3.7`; the port of a registry stays.
fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}

/// The claims of annotations, labels and provenance statements (in-toto, SLSA provenance 0.2 and 1).
pub fn claims(manifest: &Manifest, statements: &[Vec<u8>]) -> Vec<Claim> {
    let labels = &manifest.config.config.labels;
    let named = [(EvidenceKind::Annotation, &manifest.annotations), (EvidenceKind::Label, labels)];
    let own = named.into_iter().filter_map(|(kind, of)| named_by(kind, of));
    let mut claims: Vec<Claim> = own.chain(statements.iter().flat_map(|bytes| of_statement(bytes))).collect();
    claims.dedup();
    claims
}

fn named_by(kind: EvidenceKind, of: &BTreeMap<String, String>) -> Option<Claim> {
    let value = |key: &str| of.get(key).filter(|value| !value.is_empty()).cloned();
    let (name, digest) = (value(BASE_NAME), value(BASE_DIGEST));
    (name.is_some() || digest.is_some()).then_some(Claim { kind, name, digest })
}

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    predicate: Predicate,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Predicate {
    /// SLSA 0.2.
    materials: Vec<Material>,
    /// SLSA 1.
    build_definition: BuildDefinition,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BuildDefinition {
    resolved_dependencies: Vec<Material>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Material {
    uri: String,
    digest: BTreeMap<String, String>,
}

fn of_statement(bytes: &[u8]) -> Vec<Claim> {
    let Ok(statement) = serde_json::from_slice::<Statement>(bytes) else { return Vec::new() };
    let Predicate { materials, build_definition } = statement.predicate;
    let all = materials.into_iter().chain(build_definition.resolved_dependencies);
    all.filter_map(|material| {
        let name = image_of_purl(&material.uri)?;
        let digest = material.digest.get("sha256").map(|hex| format!("sha256:{hex}"));
        Some(Claim { kind: EvidenceKind::Provenance, name: Some(name), digest })
    })
    .collect()
}

/// `python:3.7` of `pkg:docker/python@3.7?platform=linux%2Famd64` (package-url, type `docker`, as BuildKit writes it).
fn image_of_purl(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("pkg:docker/")?;
    let name = rest.split(['?', '#']).next().unwrap_or(rest);
    let (name, tag) = name.rsplit_once('@').unwrap_or((name, ""));
    let decoded = decode(name)?;
    Some(if tag.is_empty() { decoded } else { format!("{decoded}:{}", decode(tag)?) })
}

/// Takes percent-encoding off.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(out).ok()
}

/// How many of the lowest layers both have.
pub fn shared_layers(a: &[DiffId], b: &[DiffId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many of the lowest layers are the base's, by history: a base ends with what it runs by default, and a layer
/// follows. `None` where no step tells.
pub fn layers_by_history(config: &Config) -> Option<usize> {
    let made = instructions(&config.history, config.rootfs.diff_ids.len());
    let below = |step: usize| made.iter().flatten().take_while(|layer| **layer < step).count();
    let ends = (0..config.history.len()).filter(|&step| {
        let instruction = instruction(&config.history[step].created_by);
        config.history[step].empty_layer && ["CMD", "ENTRYPOINT"].iter().any(|word| instruction.starts_with(word))
    });
    ends.map(below).rfind(|layers| (1..made.len()).contains(layers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::History;

    #[test]
    fn purls_are_names() {
        for (uri, name) in [
            ("pkg:docker/python@3.7?platform=linux%2Famd64", Some("python:3.7")),
            ("pkg:docker/localhost%3A5000/a/b@1", Some("localhost:5000/a/b:1")),
            ("pkg:docker/python", Some("python")),
            ("pkg:docker/bad%zz@1", None),
            ("pkg:github/a/b@1", None),
        ] {
            assert_eq!(image_of_purl(uri).as_deref(), name, "{uri}");
        }
    }

    #[test]
    fn statements_of_both_versions_tell_of_bases() {
        let old = br#"{"predicate":{"materials":[{"uri":"pkg:docker/python@3.7","digest":{"sha256":"ab"}},{"uri":"git+x"}]}}"#;
        let new = br#"{"predicate":{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/node@20"}]}}}"#;
        let claims: Vec<_> = [&old[..], new, b"{}", b"no JSON"].iter().flat_map(|bytes| of_statement(bytes)).collect();
        let references: Vec<_> = claims.iter().filter_map(Claim::reference).collect();
        assert_eq!(references, ["python@sha256:ab", "node:20"]);
    }

    #[test]
    fn a_base_ends_with_its_command() {
        let step = |text: &str| History {
            created_by: text.into(),
            empty_layer: text.starts_with(|c: char| c.is_uppercase()) && !text.starts_with("RUN"),
            ..History::default()
        };
        let config = |steps: &[&str], layers| {
            let mut config = Config { history: steps.iter().map(|text| step(text)).collect(), ..Config::default() };
            config.rootfs.diff_ids = vec![DiffId(Digest::Sha256([0; 32])); layers];
            config
        };
        let app = ["add rootfs", "CMD [\"bash\"]", "RUN python", "CMD [\"python3\"]", "copy", "RUN pip", "CMD x"];
        assert_eq!(layers_by_history(&config(&app, 4)), Some(2));
        assert_eq!(layers_by_history(&config(&["add rootfs", "CMD [\"bash\"]"], 1)), None, "it is a base itself");
        assert_eq!(layers_by_history(&config(&[], 3)), None);
    }
}
