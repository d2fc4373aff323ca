//! The `package.json` of installed npm packages (docs.npmjs.com, "package.json" and "folders").

use serde::Deserialize;

use super::{Ecosystem, Package, PkgdbError};
use crate::model::LayerPath;

/// `node_modules/NAME/package.json` or `node_modules/@SCOPE/NAME/package.json`, wherever that is: others are parts of a
/// package.
pub(super) fn is_manifest(path: &LayerPath) -> bool {
    let mut above = path.components().rev();
    if above.next() != Some(b"package.json") || above.next().is_none() {
        return false;
    }
    match above.next() {
        Some(b"node_modules") => true,
        Some(scope) => scope.starts_with(b"@") && above.next() == Some(b"node_modules"),
        None => false,
    }
}

#[derive(Deserialize)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
}

/// Its name and version; `None` for one that lacks either, as stubs inside of packages do.
pub(super) fn manifest(bytes: &[u8]) -> Result<Option<Package>, PkgdbError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Manifest { name, version } =
        serde_json::from_slice(bytes).map_err(|source| PkgdbError::Json { form: "package.json", source })?;
    let found = name.zip(version);
    Ok(found.map(|(name, version)| Package { ecosystem: Ecosystem::Npm, name, version }))
}
