//! How an image is built: the Dockerfile, the stage that is meant, and the image at the bottom of it.

use super::RecommendError;
use super::place::Place;
use crate::analyze::{Claim, EvidenceKind};
use crate::dockerfile::{Apart, Base, Change, Distro, Dockerfile, Libc, Manager, Patched, unified_diff};
use crate::model::{ImageRef, LayerPath, RuntimeConfig, familiar};
use crate::tree::Tree;

/// A Dockerfile with a stage of it.
pub struct Plan {
    /// Where the Dockerfile is, for the names in a patch.
    path: String,
    dockerfile: Dockerfile,
    stage: usize,
    base: String,
}

/// The change of a Dockerfile to another base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// As a unified diff; empty where nothing changes.
    pub diff: String,
    /// The new text, and what a person has to look at.
    pub patched: Patched,
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
    pub fn new(path: &str, dockerfile: Dockerfile, target: Option<&str>) -> Result<Self, RecommendError> {
        let stage = dockerfile.target(target)?.index;
        let base = match dockerfile.chain(stage)?.1 {
            Base::Image(image) => image,
            Base::Scratch | Base::Stage(_) => return Err(RecommendError::Scratch),
        };
        // What can't be worked out is said now, not when the base has been read.
        dockerfile.runs_with(stage, &RuntimeConfig::default())?;
        Ok(Self { path: path.into(), dockerfile, stage, base })
    }

    /// Where the Dockerfile is; `None` where it is no file of its own.
    pub fn path(&self) -> Option<&str> {
        Some(self.path.as_str()).filter(|path| !path.is_empty())
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

    /// The change to another base, by what the old one and the new one have. `None` where the new one has no name that
    /// a Dockerfile could use.
    pub(super) fn patch(&self, name: &str, old: &Tree, new: &Tree) -> Result<Option<Patch>, RecommendError> {
        let Some(base) = written(name) else { return Ok(None) };
        let (before, after) = (distro(old), distro(new));
        let apart = match (before.has_pip && !after.has_pip, python(new)) {
            (false, _) | (_, None) => Apart::No,
            (true, there) if there == python(old) => Apart::Venv,
            (true, _) => Apart::Folder,
        };
        let change = Change { base, digest: None, old: before, new: after, missing_packages: Vec::new(), apart };
        let patched = self.dockerfile.adapt(self.stage, &change)?;
        let diff = unified_diff(self.dockerfile.text(), &patched.text, &self.path);
        Ok(Some(Patch { diff, patched }))
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

/// A name as a Dockerfile has it: of an image of a layout, the name that it has there.
fn written(name: &str) -> Option<String> {
    let (place, tag) = Place::named(name)?;
    Some(format!("{}:{tag}", familiar(&place.repository()?)))
}

/// What a base has that commands need.
fn distro(tree: &Tree) -> Distro {
    let has = |paths: &[&str]| paths.iter().any(|path| tree.follow(&LayerPath::from(*path), true).is_ok());
    let managers = [
        (Manager::Apt, &["usr/bin/apt-get", "usr/bin/apt"][..]),
        (Manager::Apk, &["sbin/apk", "usr/bin/apk"]),
        (Manager::Dnf, &["usr/bin/dnf"]),
        (Manager::Microdnf, &["usr/bin/microdnf"]),
    ];
    let manager = managers.into_iter().find(|(_, paths)| has(paths)).map(|(manager, _)| manager);
    let loader = |name: &[u8]| {
        ["lib", "lib64"]
            .iter()
            .filter_map(|folder| tree.follow(&LayerPath::from(*folder), true).ok())
            .any(|(_, id)| tree.node(id).children().any(|(child, _)| child.starts_with(name)))
    };
    let libc = match (loader(b"ld-linux"), loader(b"ld-musl-")) {
        (true, _) => Libc::Glibc,
        (false, true) => Libc::Musl,
        (false, false) => Libc::Other,
    };
    let has_pip = has(&["usr/local/bin/pip", "usr/local/bin/pip3", "usr/bin/pip", "usr/bin/pip3"]);
    Distro { manager, has_shell: has(&["bin/sh"]), has_pip, libc }
}

/// Where the interpreter of Python is.
fn python(tree: &Tree) -> Option<LayerPath> {
    let paths = ["usr/local/bin/python3", "usr/bin/python3"];
    paths.iter().find_map(|path| Some(tree.follow(&LayerPath::from(*path), true).ok()?.0))
}
