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

/// Reads the package databases in the merged tree; in order of ecosystem, name, version and path, each once.
pub fn packages(tree: &Tree) -> Vec<InstalledPackage> {
    sorted(captured(tree).flat_map(|(path, bytes)| read(&path, bytes)))
}

/// The packages that one file tells of. Until the readers are in the tree: none.
fn read(path: &LayerPath, bytes: &[u8]) -> Vec<InstalledPackage> {
    let _ = (path, bytes);
    Vec::new()
}

fn sorted(packages: impl Iterator<Item = InstalledPackage>) -> Vec<InstalledPackage> {
    let mut packages: Vec<InstalledPackage> = packages.collect();
    packages.sort();
    packages.dedup();
    packages
}

/// Every visible file whose content was kept while its layer was read, by each of its names, in path order.
fn captured(tree: &Tree) -> impl Iterator<Item = (LayerPath, &[u8])> {
    tree.walk().filter_map(|item| {
        let id = tree.data(item.node)?;
        let bytes = tree.layers()[id.layer as usize].captured(id.row)?;
        Some((item.path, bytes))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analyze::testing::layer;

    #[test]
    fn only_what_the_image_still_has_is_read() {
        let mut below = layer("file db/status 3 a\nfile db/old 3 b");
        below.captured = vec![(0, b"one".into()), (1, b"two".into())];
        let mut above = layer("file db/status 3 c\ngone db/old\nhard link db/status");
        above.captured = vec![(0, b"new".into())];
        let tree = Tree::new(vec![Arc::new(below), Arc::new(above)]);
        let found: Vec<_> = captured(&tree).map(|(path, bytes)| (path.display(), bytes)).collect();
        assert_eq!(found, [("/db/status".to_owned(), &b"new"[..]), ("/link".to_owned(), &b"new"[..])]);
    }
}
