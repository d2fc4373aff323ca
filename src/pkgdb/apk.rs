//! apk's database of installed packages (Alpine's `apk_installed_db` in apk-tools, and the wiki's "Apk spec"): stanzas of
//! lines `LETTER:VALUE`.

use super::{Ecosystem, Package, lines};

/// All of its packages.
pub(super) fn installed(bytes: &[u8]) -> Vec<Package> {
    let mut packages = Vec::new();
    let (mut name, mut version) = (None, None);
    // The last stanza may lack the empty line after it.
    for line in lines(bytes).chain(std::iter::once("".into())) {
        match line.split_once(':') {
            Some(("P", value)) => name = Some(value.to_owned()),
            Some(("V", value)) => version = Some(value.to_owned()),
            None if line.is_empty() => {
                let found = name.take().zip(version.take());
                packages.extend(found.map(|(name, version)| Package { ecosystem: Ecosystem::Apk, name, version }));
            }
            _ => {}
        }
    }
    packages
}
