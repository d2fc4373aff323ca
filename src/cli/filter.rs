//! `--include` and `--exclude`: globs over paths of the image.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::args::FilterArgs;
use crate::model::LayerPath;

/// Which names count.
pub(super) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// Reads the globs.
    pub(super) fn new(args: &FilterArgs) -> anyhow::Result<Self> {
        let include = if args.include.is_empty() { None } else { Some(set(&args.include)?) };
        Ok(Self { include, exclude: set(&args.exclude)? })
    }

    /// Whether a path counts: it, or a directory above it, matches an included glob (if there are any), and none that is
    /// excluded.
    pub(super) fn wants(&self, path: &LayerPath) -> bool {
        self.include.as_ref().is_none_or(|set| matches(set, path)) && !matches(&self.exclude, path)
    }
}

/// As in `.gitignore`: a glob with a slash starts at the root, one without is a name in any directory.
fn set(globs: &[String]) -> anyhow::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let trimmed = glob.trim_end_matches('/');
        let full = match trimmed.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        let built = GlobBuilder::new(&full).literal_separator(true).build();
        set.add(built.with_context(|| format!("{glob:?} is no glob"))?);
    }
    Ok(set.build()?)
}

fn matches(set: &GlobSet, path: &LayerPath) -> bool {
    !set.is_empty() && Path::new(OsStr::from_bytes(path.as_bytes())).ancestors().any(|path| set.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(include: &[&str], exclude: &[&str], path: &str) -> bool {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let args = FilterArgs { include: owned(include), exclude: owned(exclude) };
        Filter::new(&args).unwrap().wants(&path.into())
    }

    #[test]
    fn globs_match_names_paths_and_what_is_below() {
        assert!(wanted(&[], &[], "a/b"));
        assert!(wanted(&["/usr"], &[], "usr/lib/x") && !wanted(&["/lib"], &[], "usr/lib/x"));
        assert!(wanted(&["lib"], &[], "usr/lib/x") && wanted(&["*.py"], &[], "a/b.py"));
        assert!(!wanted(&["usr/*.py"], &[], "usr/a/b.py") && wanted(&["usr/**/*.py"], &[], "usr/a/b.py"));
        assert!(!wanted(&["/usr"], &["*.pyc"], "usr/x.pyc") && !wanted(&[], &["__pycache__/"], "a/__pycache__/x"));
        assert!(wanted(&["/"], &[], "") && wanted(&["/**"], &[], "a"));
    }

    #[test]
    fn a_glob_that_is_none_is_named() {
        let args = FilterArgs { include: vec!["a[".into()], exclude: Vec::new() };
        let error = Filter::new(&args).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.starts_with("\"a[\" is no glob"), "{error}");
    }
}
