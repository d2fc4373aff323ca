//! Packages that only one of two images has, or has in another version.

use std::collections::{BTreeMap, HashMap};

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
///
/// An image may have a package several times (npm's nested folders): equal versions are the same package, wherever
/// they lie, and what is left is paired in order of versions.
pub fn package_changes(a: &[InstalledPackage], b: &[InstalledPackage]) -> Vec<PackageChange> {
    let mut names: BTreeMap<(&str, &str), (Versions<'_>, Versions<'_>)> = BTreeMap::new();
    a.iter().for_each(|package| names.entry(name(package)).or_default().0.push(version(package)));
    b.iter().for_each(|package| names.entry(name(package)).or_default().1.push(version(package)));
    names.into_iter().flat_map(|(name, (a, b))| changes(name, a, b)).collect()
}

/// Versions of one package, and where they are.
type Versions<'p> = Vec<(&'p str, &'p LayerPath)>;

fn name(package: &InstalledPackage) -> (&str, &str) {
    (package.ecosystem, &package.name)
}

fn version(package: &InstalledPackage) -> (&str, &LayerPath) {
    (&package.version, &package.path)
}

fn changes((ecosystem, name): (&str, &str), a: Versions<'_>, b: Versions<'_>) -> Vec<PackageChange> {
    let (a, b) = (without(&a, &b), without(&b, &a));
    let pairs = (0..a.len().max(b.len())).map(|at| (a.get(at), b.get(at)));
    pairs
        .filter_map(|(a, b)| {
            Some(PackageChange {
                ecosystem: ecosystem.into(),
                name: name.into(),
                a: a.map(|(version, _)| (*version).into()),
                b: b.map(|(version, _)| (*version).into()),
                path: b.or(a)?.1.clone(),
            })
        })
        .collect()
}

/// The versions that `others` lack, sorted, as often as they lack them.
fn without<'p>(versions: &Versions<'p>, others: &Versions<'p>) -> Versions<'p> {
    let mut there: HashMap<&str, usize> = HashMap::new();
    others.iter().for_each(|(version, _)| *there.entry(version).or_default() += 1);
    let mut left = versions.clone();
    left.sort_unstable();
    left.retain(|(version, _)| match there.get_mut(version) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(text: &str) -> Vec<InstalledPackage> {
        let package = |word: &str| {
            let (name, version) = word.split_once('=').expect("name=version");
            let path = LayerPath::from(format!("{name}/{version}").as_str());
            InstalledPackage { ecosystem: "npm", name: name.into(), version: version.into(), path }
        };
        text.split_whitespace().map(package).collect()
    }

    fn shown(a: &str, b: &str) -> Vec<String> {
        let changes = package_changes(&packages(a), &packages(b));
        let or = |version: &Option<String>| version.clone().unwrap_or("-".into());
        changes.iter().map(|change| format!("{} {} {}", change.name, or(&change.a), or(&change.b))).collect()
    }

    #[test]
    fn added_removed_and_other_versions() {
        assert_eq!(shown("a=1 b=1 c=1", "b=1 c=2 d=1"), ["a 1 -", "c 1 2", "d - 1"]);
    }

    #[test]
    fn several_versions_of_one_package() {
        assert_eq!(shown("a=2 a=1 a=1", "a=1 a=3"), ["a 1 3", "a 2 -"]);
        assert!(shown("a=1 a=2", "a=2 a=1").is_empty());
    }
}
