//! The packages of one image, by the records in its merged tree.

use crate::model::{EntryId, LayerPath};
use crate::pkgdb::{Ecosystem, Package};
use crate::tree::Tree;

/// A package that an image says it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledPackage {
    /// `deb`, `apk`, `rpm`, `python`, `npm`, …
    pub ecosystem: &'static str,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The database, or the package's own record, that says so.
    pub path: LayerPath,
}

/// Whether packages of an ecosystem are told by the programs that were built of them alone.
pub fn is_of_programs(ecosystem: &str) -> bool {
    [Ecosystem::Go, Ecosystem::Rust].iter().any(|own| own.name() == ecosystem)
}

/// The packages that the merged tree has records of; in order of ecosystem, name, version and path, each once.
pub fn packages(tree: &Tree) -> Vec<InstalledPackage> {
    let mut packages: Vec<InstalledPackage> = records(tree).flat_map(|(path, found)| installed(path, found)).collect();
    packages.sort();
    packages.dedup();
    packages
}

/// Every file that tells of packages and is still what the merged tree has at its path.
fn records(tree: &Tree) -> impl Iterator<Item = (&LayerPath, &[Package])> {
    tree.layers().iter().enumerate().flat_map(move |(layer, index)| {
        index.packages.iter().filter_map(move |(row, packages)| {
            let id = EntryId { layer: layer as u32, row: *row };
            let path = &tree.entry(id).path;
            let there = tree.get(path).and_then(|node| tree.data(tree.node(node)));
            (there == Some(id)).then_some((path, packages.as_slice()))
        })
    })
}

fn installed(path: &LayerPath, packages: &[Package]) -> impl Iterator<Item = InstalledPackage> {
    packages.iter().map(|package| InstalledPackage {
        ecosystem: package.ecosystem.name(),
        name: package.name.clone(),
        version: package.version.clone(),
        path: path.clone(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analyze::testing::layer;
    use crate::pkgdb::Ecosystem;

    fn of(name: &str) -> Vec<Package> {
        vec![Package { ecosystem: Ecosystem::Deb, name: name.into(), version: "1".into() }]
    }

    #[test]
    fn only_what_the_image_still_has_counts() {
        let mut below = layer("file db/status 3 a\nfile db/old 3 b\nfile db/kept 3 k");
        below.packages = vec![(0, of("one")), (1, of("two")), (2, of("kept"))];
        let mut above = layer("file db/status 3 c\ngone db/old\nhard link db/status");
        above.packages = vec![(0, of("new"))];
        let tree = Tree::new(vec![Arc::new(below), Arc::new(above)]);
        let found: Vec<_> = packages(&tree).into_iter().map(|found| (found.name, found.path.display())).collect();
        assert_eq!(found, [("kept".into(), "/db/kept".into()), ("new".into(), "/db/status".to_owned())]);
    }
}
