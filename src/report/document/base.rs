//! The base under an image, in documents.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analyze::{self, Evidence};

/// The base under an image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BaseDocument {
    /// The best name that is known for it; null where none is.
    pub reference: Option<String>,
    /// All names of images that it is or may be.
    pub names: Vec<String>,
    /// Digest of its manifest; null where no image was laid beside the layers.
    pub digest: Option<String>,
    /// How many of the image's lowest layers are its own; null where that can't be told.
    pub layers: Option<u64>,
    /// What tells of it, the most trusted first.
    pub evidence: Vec<EvidenceDocument>,
    /// `proven`: the layers are those of a known image; `likely`: something that is usually right says so; `guess`.
    pub confidence: String,
}

/// One thing that tells of a base.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EvidenceDocument {
    /// `told`, `dockerfile`, `annotation`, `label`, `provenance`, `layers`, `history`, `contents`.
    pub kind: String,
    /// What it says.
    pub says: String,
    /// Whether the layers bear it out; null where that could not be looked at.
    pub holds: Option<bool>,
}

impl From<&analyze::Base> for BaseDocument {
    fn from(base: &analyze::Base) -> Self {
        Self {
            reference: base.names.first().cloned(),
            names: base.names.clone(),
            digest: base.digest.map(|digest| digest.to_string()),
            layers: base.layers.map(|layers| layers as u64),
            evidence: base.evidence.iter().map(EvidenceDocument::from).collect(),
            confidence: base.confidence.name().into(),
        }
    }
}

impl From<&Evidence> for EvidenceDocument {
    fn from(evidence: &Evidence) -> Self {
        Self { kind: evidence.kind.name().into(), says: evidence.says.clone(), holds: evidence.holds }
    }
}
