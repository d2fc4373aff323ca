//! Packages that only one of two images has, or has in another version.

use crate::analyze::InstalledPackage;
use crate::model::LayerPath;

/// One package that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// `deb`, `apk`, `rpm`, `python`, `npm`, …
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version in the first image; `None` where it is added.
    pub a: Option<String>,
    /// … and in the second; `None` where it is removed.
    pub b: Option<String>,
    /// Where the database or the package's own record is, in the second image if it has it.
    pub path: LayerPath,
}

/// Compares two lists of packages; in order of ecosystem and name.
pub fn package_changes(a: &[InstalledPackage], b: &[InstalledPackage]) -> Vec<PackageChange> {
    let _ = (a, b);
    Vec::new()
}
