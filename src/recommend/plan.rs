//! How an image is built: the Dockerfile, the stage that is meant, and the image at the bottom of it.

use super::RecommendError;
use crate::analyze::{Claim, EvidenceKind};
use crate::dockerfile::{Base, Dockerfile};
use crate::model::{ImageRef, RuntimeConfig};

/// A Dockerfile with a stage of it.
pub struct Plan {
    dockerfile: Dockerfile,
    stage: usize,
    base: String,
}

/// A stage that stands on an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageBase {
    /// Its name, or its place from 0.
    pub stage: String,
    /// The line of its `FROM`.
    pub line: usize,
    /// The image; why it can't be told where it can't.
    pub image: Result<String, String>,
    /// Whether the image that is built stands on it.
    pub below: bool,
}

impl Plan {
    /// Of a Dockerfile whose arguments are given, and a stage's name or number; without one the last.
    pub fn new(dockerfile: Dockerfile, target: Option<&str>) -> Result<Self, RecommendError> {
        let stage = dockerfile.target(target)?.index;
        let base = match dockerfile.chain(stage)?.1 {
            Base::Image(image) => image,
            Base::Scratch | Base::Stage(_) => return Err(RecommendError::Scratch),
        };
        // What can't be worked out is said now, not when the base has been read.
        dockerfile.runs_with(stage, &RuntimeConfig::default())?;
        Ok(Self { dockerfile, stage, base })
    }

    /// The image that the stage stands on.
    pub fn base(&self) -> Result<ImageRef, RecommendError> {
        Ok(self.base.parse::<ImageRef>().map_err(crate::source::SourceError::from)?)
    }

    /// What it says of the base.
    pub(super) fn claim(&self) -> Claim {
        Claim { kind: EvidenceKind::Dockerfile, name: Some(self.base.clone()), digest: None }
    }

    /// What the stage makes of a base's configuration.
    pub(super) fn runs_with(&self, base: &RuntimeConfig) -> Result<RuntimeConfig, RecommendError> {
        Ok(self.dockerfile.runs_with(self.stage, base)?)
    }

    /// The commands that building it runs.
    pub(super) fn build_commands(&self) -> Result<Vec<String>, RecommendError> {
        Ok(self.dockerfile.build_commands(self.stage)?)
    }

    /// Every stage that stands on an image.
    pub fn stages(&self) -> Vec<StageBase> {
        let below = self.dockerfile.chain(self.stage).map(|(chain, _)| chain).unwrap_or_default();
        let external = self.dockerfile.external().into_iter();
        external
            .map(|(stage, image)| StageBase {
                stage: stage.name.clone().unwrap_or_else(|| stage.index.to_string()),
                line: stage.from.line,
                image: image.map_err(|error| error.to_string()),
                below: below.contains(&stage.index),
            })
            .collect()
    }
}
