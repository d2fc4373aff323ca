//! Globs over paths of an image.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::LayerPath;

/// Several globs. As in `.gitignore`: one with a slash starts at the root, one without is a name in any directory. `./x`
/// has one.
#[derive(Clone, Debug)]
pub struct Globs {
    set: GlobSet,
}

/// What is no glob.
#[derive(Debug, thiserror::Error)]
#[error("{glob:?} is no glob: {source}")]
pub struct GlobError {
    /// It.
    pub glob: String,
    /// What is wrong with it.
    pub source: globset::Error,
}

impl Globs {
    /// Reads globs; none match nothing.
    pub fn new<'g>(globs: impl IntoIterator<Item = &'g str>) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        let mut last = String::new();
        for glob in globs {
            let built = GlobBuilder::new(&full(glob)).literal_separator(true).build();
            set.add(built.map_err(|source| GlobError { glob: glob.into(), source })?);
            glob.clone_into(&mut last);
        }
        Ok(Self { set: set.build().map_err(|source| GlobError { glob: last, source })? })
    }

    /// Whether a path, or a directory above it, matches one of them.
    pub fn matches(&self, path: &LayerPath) -> bool {
        let path = Path::new(OsStr::from_bytes(path.as_bytes()));
        !self.set.is_empty() && path.ancestors().any(|path| self.set.is_match(path))
    }
}

fn full(glob: &str) -> String {
    // Paths are cleaned, so that none begins so; `./` alone is the root.
    let glob = glob.strip_prefix('.').filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(glob);
    let trimmed = glob.trim_end_matches('/');
    match trimmed.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if trimmed.contains('/') => trimmed.to_owned(),
        None => format!("**/{trimmed}"),
    }
}
