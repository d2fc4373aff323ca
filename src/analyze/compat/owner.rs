//! Which package of the old base has a file that is missing.

use std::collections::HashMap;

use crate::tree::Tree;

/// Files by name, with the package that owns them. Only programs and libraries are kept.
#[derive(Default)]
pub(super) struct Owners {
    by_path: HashMap<String, String>,
    by_name: HashMap<String, String>,
}

const LISTS: &str = "var/lib/dpkg/info";

impl Owners {
    /// Of what dpkg's lists say in a tree.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut owners = Self::default();
        let Some(folder) = tree.get(&LISTS.into()) else { return owners };
        for (name, id) in tree.node(folder).children() {
            let name = String::from_utf8_lossy(name);
            let Some(package) = name.strip_suffix(".list") else { continue };
            let package = package.split(':').next().unwrap_or(package);
            let data = tree.data(tree.node(id));
            let text = data.and_then(|id| tree.layers()[id.layer as usize].captured(id.row));
            for line in String::from_utf8_lossy(text.unwrap_or_default()).lines() {
                let path = line.trim_start_matches('/');
                owners.by_path.insert(path.into(), package.into());
            }
        }
        // Of two files of one name the one nearer to the root: the other is some program's own.
        let mut all: Vec<(usize, &String, &String)> =
            owners.by_path.iter().map(|(path, package)| (path.matches('/').count(), path, package)).collect();
        all.sort_unstable();
        for (_, path, package) in all {
            let file = path.rsplit('/').next().unwrap_or(path);
            owners.by_name.entry(file.into()).or_insert_with(|| package.clone());
        }
        owners
    }

    /// The package of a file, by path or else by its name.
    pub(super) fn of_file(&self, path: &str) -> Option<&str> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.by_path.get(path).or_else(|| self.by_name.get(name)).map(String::as_str)
    }

    /// The package of a library.
    pub(super) fn of_library(&self, soname: &str) -> Option<&str> {
        // Lists have real names and links: `libz.so.1` and `libz.so.1.2.13`.
        let longer = format!("{soname}.");
        let by_real_name =
            || self.by_name.iter().filter(|(name, _)| name.starts_with(&longer)).map(|(_, package)| package).min();
        self.by_name.get(soname).or_else(by_real_name).map(String::as_str)
    }

    /// What would supply a newer version of a library.
    pub(super) fn newer(&self, soname: &str) -> Option<String> {
        Some(format!("a base of a newer release, with a newer {soname}; or the application built on this one"))
    }
}
