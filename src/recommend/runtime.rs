//! Which language an image is made for, and which distribution: what candidates are looked for by.

use std::collections::BTreeMap;

use super::catalog::{Catalog, Runtime, dotted};
use super::tags::numbers;
use crate::analyze::{Subject, packages};
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
}

/// A distribution, by os-release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: String,
    /// `VERSION_ID`: `12`.
    pub version: String,
    /// `VERSION_CODENAME`: `bookworm`; empty where there is none.
    pub codename: String,
    /// `PRETTY_NAME`.
    pub name: String,
}

/// The language of an image: by a variable of an official image first, then by a program, then by a package.
pub(super) fn language(subject: Subject<'_>, catalog: &Catalog) -> Option<Language> {
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

/// The distribution of an image (os-release(5)).
pub(super) fn distribution(tree: &Tree) -> Option<Distribution> {
    let text = content(tree, "etc/os-release").or_else(|| content(tree, "usr/lib/os-release"))?;
    let fields: BTreeMap<&str, String> = text.lines().filter_map(|line| line.split_once('=')).map(unquoted).collect();
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let distribution = Distribution {
        id: field("ID"),
        version: field("VERSION_ID"),
        codename: field("VERSION_CODENAME"),
        name: field("PRETTY_NAME"),
    };
    (!distribution.id.is_empty()).then_some(distribution)
}

fn unquoted<'t>((key, value): (&'t str, &str)) -> (&'t str, String) {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    (key.trim(), inner.unwrap_or(value).to_owned())
}

/// A small system file that was kept while its layer was read.
fn content<'t>(tree: &'t Tree, path: &str) -> Option<std::borrow::Cow<'t, str>> {
    let (_, node) = tree.follow(&LayerPath::from(path), true).ok()?;
    let id = tree.data(tree.node(node))?;
    let bytes = tree.layers()[id.layer as usize].captured(id.row)?;
    Some(String::from_utf8_lossy(bytes))
}
