//! Which language an image is made for, and which distribution: what bases and candidates are looked for by.

use super::catalog::{Catalog, Runtime, dotted};
use super::tags::numbers;
use crate::analyze::{Distribution, Subject, distribution, packages};
use crate::model::LayerPath;
use crate::tree::Tree;

/// Folders that programs are looked for in, in the usual order of PATH.
const BIN: [&str; 3] = ["usr/local/bin", "usr/bin", "opt/venv/bin"];

/// A language that an image has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// Its id in the catalogue.
    pub id: String,
    /// Its version, as exactly as programs depend on it.
    pub version: Vec<u64>,
    /// What says so.
    pub told_by: String,
}

impl Language {
    /// `3.11`.
    pub fn release(&self) -> String {
        dotted(&self.version)
    }

    /// `python 3.11`.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.release())
    }
}

/// What an image is made for.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// Its language.
    pub language: Option<Language>,
    /// Its distribution, where that has a name.
    pub distribution: Option<Distribution>,
}

impl Signs {
    /// Of an image.
    pub fn of(subject: Subject<'_>, catalog: &Catalog) -> Self {
        let distribution = distribution(subject.tree).filter(|distribution| !distribution.id.is_empty());
        Self { language: language(subject, catalog), distribution }
    }

    /// The language's version; empty where there is none.
    pub(super) fn version(&self) -> &[u64] {
        self.language.as_ref().map_or(&[], |language| &language.version)
    }
}

/// The language of an image: by a variable of an official image first, then by a program, then by a package.
fn language(subject: Subject<'_>, catalog: &Catalog) -> Option<Language> {
    let by_variable = catalog.runtimes.iter().find_map(|runtime| of_variable(subject, runtime));
    let by_program = || catalog.runtimes.iter().find_map(|runtime| of_program(subject.tree, runtime));
    by_variable.or_else(by_program).or_else(|| of_package(subject.tree, catalog))
}

fn found(runtime: &Runtime, version: &str, told_by: String) -> Option<Language> {
    let mut version = numbers(version);
    version.truncate(runtime.keep);
    (version.len() == runtime.keep).then(|| Language { id: runtime.id.clone(), version, told_by })
}

fn of_variable(subject: Subject<'_>, runtime: &Runtime) -> Option<Language> {
    subject.image.manifest.config.config.env.iter().find_map(|variable| {
        let (name, value) = variable.split_once('=')?;
        runtime.variables.iter().any(|known| known == name).then(|| found(runtime, value, variable.clone()))?
    })
}

fn of_program(tree: &Tree, runtime: &Runtime) -> Option<Language> {
    let folders = BIN.iter().filter_map(|folder| tree.follow(&LayerPath::from(*folder), true).ok());
    folders.into_iter().find_map(|(path, id)| {
        tree.node(id).children().find_map(|(name, _)| {
            let name = std::str::from_utf8(name).ok()?;
            let rest = runtime.programs.iter().find_map(|program| name.strip_prefix(program.as_str()))?;
            let is_version = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            is_version.then(|| found(runtime, rest, path.join(name.as_bytes()).display()))?
        })
    })
}

fn of_package(tree: &Tree, catalog: &Catalog) -> Option<Language> {
    let installed = packages(tree);
    catalog.runtimes.iter().find_map(|runtime| {
        let package = installed.iter().find(|package| {
            matches!(package.ecosystem, "deb" | "apk" | "rpm") && runtime.packages.contains(&package.name)
        })?;
        let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, version)| version);
        found(runtime, version, format!("package {} {}", package.name, package.version))
    })
}
