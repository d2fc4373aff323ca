//! `--include` and `--exclude`: globs over paths of the image.

use super::args::FilterArgs;
use crate::analyze::{GlobError, Globs};
use crate::model::LayerPath;

/// Which names count.
pub(super) struct Filter {
    include: Option<Globs>,
    exclude: Globs,
}

impl Filter {
    /// Reads the globs.
    pub(super) fn new(args: &FilterArgs) -> Result<Self, GlobError> {
        let read = |globs: &[String]| Globs::new(globs.iter().map(String::as_str));
        let include = if args.include.is_empty() { None } else { Some(read(&args.include)?) };
        Ok(Self { include, exclude: read(&args.exclude)? })
    }

    /// Whether a path counts: it, or a directory above it, matches an included glob (if there are any), and none that is
    /// excluded.
    pub(super) fn wants(&self, path: &LayerPath) -> bool {
        self.include.as_ref().is_none_or(|globs| globs.matches(path)) && !self.exclude.matches(path)
    }
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
        assert!(
            wanted(&["./srv"], &[], "srv/x") && !wanted(&["./srv"], &[], "usr/srv") && wanted(&["./*.py"], &[], "a.py")
        );
        assert!(!wanted(&["./*.py"], &[], "a/b.py") && wanted(&["./"], &[], "") && wanted(&[".a"], &[], "b/.a"));
        assert!(wanted(&["/"], &[], "") && wanted(&["/**"], &[], "a"));
    }

    #[test]
    fn a_glob_that_is_none_is_named() {
        let args = FilterArgs { include: vec!["a[".into()], exclude: Vec::new() };
        let error = Filter::new(&args).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("\"a[\" is no glob"), "{error}");
    }
}
