//! How an image is built: the Dockerfile, the stage that is meant, and the image at the bottom of it.

use std::collections::BTreeSet;

use super::RecommendError;
use super::place::Place;
use crate::analyze::compat::{Compatibility, Reason, Verdict};
use crate::analyze::{Claim, EvidenceKind, Subject, distribution};
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

impl Patch {
    /// Whether it installs all that a reason says is missing.
    pub fn mends(&self, reason: &Reason) -> bool {
        reason.all_packaged && reason.packages.iter().all(|package| self.patched.installs.contains(package))
    }

    /// The verdict by what it does not mend. What it installs was not tried.
    pub fn leaves(&self, compatibility: &Compatibility) -> Verdict {
        let left = compatibility.reasons.iter().filter(|reason| !self.mends(reason));
        left.map(|reason| reason.verdict).max().unwrap_or(Verdict::Works)
    }
}

/// The base that a stage stands on, as far as its change to another depends on it.
pub(super) struct OldBase<'a> {
    pub(super) tree: &'a Tree,
    pub(super) config: Option<&'a RuntimeConfig>,
    /// What pip compiled on it, where the image is known.
    pub(super) compiled: Option<&'a [String]>,
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

    /// The Dockerfile's text.
    pub fn text(&self) -> &str {
        self.dockerfile.text()
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

    /// What it copies into the image.
    pub(super) fn copies(&self) -> Result<Vec<String>, RecommendError> {
        Ok(self.dockerfile.copies(self.stage)?)
    }

    /// The change to another base, by what the old one and the new one have, and what the new one was found to lack.
    /// `None` where the new one has no name that a Dockerfile could use.
    pub(super) fn patch(
        &self,
        name: &str,
        old: &OldBase<'_>,
        new: Subject<'_>,
        found: Option<&Compatibility>,
    ) -> Result<Option<Patch>, RecommendError> {
        let Some(base) = written(name) else { return Ok(None) };
        let before = distro(old.tree, old.config);
        let after = distro(new.tree, Some(&new.image.manifest.config.config));
        let compiles = old.compiled.is_some_and(|names| !names.is_empty()) && !after.has_compiler;
        let apart = match python(new.tree) {
            Some(there) if compiles || before.has_pip && !after.has_pip => apart(old.tree, &there),
            _ => Apart::No,
        };
        let reasons = || found.iter().flat_map(|found| &found.reasons);
        let (building, running): (Vec<&Reason>, Vec<&Reason>) =
            reasons().partition(|reason| reason.rule == "rebuild-command");
        let change = Change {
            base,
            digest: None,
            old: before,
            new: after,
            same_release: same_release(old.tree, new.tree),
            missing_packages: packages(running.into_iter().filter(|reason| reason.verdict > Verdict::Works)),
            build_packages: packages(building.into_iter()),
            compiled: old.compiled.map(<[String]>::to_vec),
            apart,
        };
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

/// How packages that were built on one base come to another.
fn apart(old: &Tree, there: &Python) -> Apart {
    let here = python(old);
    // Debian has what makes virtual environments in a package of its own.
    let environments = |python: &Python| {
        let lib = python.program.parent().parent().join(b"lib").join(python.program.file_name());
        old.follow(&lib.join(b"ensurepip"), true).is_ok()
    };
    match here {
        Some(here) if here == *there && environments(&here) => Apart::Venv,
        Some(_) => Apart::Folder,
        None => Apart::No,
    }
}

fn packages<'r>(reasons: impl Iterator<Item = &'r Reason>) -> Vec<String> {
    let names: BTreeSet<&String> = reasons.flat_map(|reason| &reason.packages).collect();
    names.into_iter().cloned().collect()
}

/// Whether two bases are of one release of one distribution.
fn same_release(old: &Tree, new: &Tree) -> bool {
    let release = |tree: &Tree| distribution(tree).map(|found| (found.id, found.version));
    release(old).is_some_and(|(id, version)| !id.is_empty() && release(new) == Some((id, version)))
}

/// What a base has that commands need.
fn distro(tree: &Tree, config: Option<&RuntimeConfig>) -> Distro {
    let has = |paths: &[&str]| paths.iter().any(|path| tree.follow(&LayerPath::from(*path), true).is_ok());
    let managers = [
        (Manager::Apt, &["usr/bin/apt-get", "usr/bin/apt"][..]),
        (Manager::Apk, &["sbin/apk", "usr/bin/apk"]),
        (Manager::Dnf, &["usr/bin/dnf"]),
        (Manager::Microdnf, &["usr/bin/microdnf"]),
    ];
    let manager = managers.into_iter().find(|(_, paths)| has(paths)).map(|(manager, _)| manager);
    let user = config.map_or("", |config| config.user.split(':').next().unwrap_or_default());
    Distro {
        manager,
        has_shell: has(&["bin/sh"]),
        has_pip: has(&["usr/local/bin/pip", "usr/local/bin/pip3", "usr/bin/pip", "usr/bin/pip3"]),
        has_compiler: has(&["usr/bin/cc", "usr/bin/gcc", "usr/bin/clang", "usr/local/bin/gcc"]),
        is_root: matches!(user, "" | "0" | "root"),
        libc: libc(tree),
    }
}

/// By the loaders in their usual places.
fn libc(tree: &Tree) -> Libc {
    let loader = |name: &[u8]| {
        ["lib", "lib64"]
            .iter()
            .filter_map(|folder| tree.follow(&LayerPath::from(*folder), true).ok())
            .any(|(_, id)| tree.node(id).children().any(|(child, _)| child.starts_with(name)))
    };
    match (loader(b"ld-linux"), loader(b"ld-musl-")) {
        (true, _) => Libc::Glibc,
        (false, true) => Libc::Musl,
        (false, false) => Libc::Other,
    }
}

/// The interpreter of Python: the name by which it is called, and where that leads.
#[derive(PartialEq, Eq)]
struct Python {
    called: &'static str,
    program: LayerPath,
}

fn python(tree: &Tree) -> Option<Python> {
    ["usr/local/bin/python3", "usr/bin/python3"].into_iter().find_map(|called| {
        let program = tree.follow(&LayerPath::from(called), true).ok()?.0;
        Some(Python { called, program })
    })
}
