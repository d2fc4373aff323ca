//! The core metadata of Python distributions (packaging.python.org, "Core metadata specifications" and "Recording installed
//! projects"; egg-info as setuptools writes it).

use super::{Ecosystem, Package, lines};
use crate::model::LayerPath;

/// `X.dist-info/METADATA`, `X.egg-info/PKG-INFO`, `EGG-INFO/PKG-INFO`, or a file `X.egg-info`.
pub(super) fn is_metadata(path: &LayerPath) -> bool {
    let name = path.file_name();
    if name.ends_with(b".egg-info") {
        return true;
    }
    let ends = |endings: [&[u8]; 2]| {
        let parent = path.components().rev().nth(1).unwrap_or_default();
        endings.iter().any(|ending| parent.ends_with(ending))
    };
    match name {
        b"METADATA" => ends([b".dist-info", b"DIST-INFO"]),
        b"PKG-INFO" => ends([b".egg-info", b"EGG-INFO"]),
        _ => false,
    }
}

/// The name and version in the header, which ends at the first empty line.
pub(super) fn metadata(bytes: &[u8]) -> Option<Package> {
    let (mut name, mut version) = (None, None);
    for line in lines(bytes).take_while(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((field, value)) if field.eq_ignore_ascii_case("name") => name = Some(value.trim().to_owned()),
            Some((field, value)) if field.eq_ignore_ascii_case("version") => version = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some(Package { ecosystem: Ecosystem::Python, name: normal(&name?), version: version? })
}

/// A name as indexes compare it (packaging.python.org, "Names and normalization"): the record of one release may say
/// `Flask`, that of the next `flask`.
fn normal(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
