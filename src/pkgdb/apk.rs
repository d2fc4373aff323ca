//! apk's database of installed packages (Alpine's `apk_installed_db` in apk-tools, and the wiki's "Apk spec"): stanzas of
//! lines `LETTER:VALUE`.

use super::{Ecosystem, Package, lines};

/// All of its packages.
pub(super) fn installed(bytes: &[u8]) -> impl Iterator<Item = Package> {
    let (mut name, mut version) = (None, None);
    // The last stanza may lack the empty line after it.
    let lines = lines(bytes).chain(std::iter::once("".into()));
    lines.filter_map(move |line| {
        match line.split_once(':') {
            Some(("P", value)) => name = Some(value.to_owned()),
            Some(("V", value)) => version = Some(value.to_owned()),
            None if line.is_empty() => {
                let (name, version) = (name.take(), version.take());
                return Some(Package { ecosystem: Ecosystem::Apk, name: name?, version: version? });
            }
            _ => {}
        }
        None
    })
}
