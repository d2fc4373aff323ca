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
                let file = path.rsplit('/').next().unwrap_or(path);
                owners.by_path.insert(path.into(), package.into());
                owners.by_name.entry(file.into()).or_insert_with(|| package.into());
            }
        }
        owners
    }

    /// The package of a file, by path or else by its name.
    pub(super) fn hint(&self, path: &str) -> Option<String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let package = self.by_path.get(path).or_else(|| self.by_name.get(name))?;
        Some(format!("the package {package} of the old base"))
    }

    /// What would supply a library.
    pub(super) fn library(&self, soname: &str) -> Option<String> {
        // Lists have real names and links: `libz.so.1` and `libz.so.1.2.13`.
        let known = self.by_name.get(soname).cloned().or_else(|| {
            let longer = format!("{soname}.");
            self.by_name.iter().filter(|(name, _)| name.starts_with(&longer)).map(|(_, package)| package).min().cloned()
        });
        let known = known.map(|package| format!("the package {package} of the old base"));
        known.or_else(|| Some("the package that has it, in the base or in the application's image".into()))
    }

    /// What would supply a newer version of a library.
    pub(super) fn newer(&self, soname: &str) -> Option<String> {
        Some(format!("a base of a newer release, with a newer {soname}; or the application built on this one"))
    }
}
