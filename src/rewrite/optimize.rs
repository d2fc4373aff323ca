//! The same merged tree for fewer bytes: the application's layers become one, without what is lost in them.

use super::merge::Choice;
use super::{Merged, Plan, RewriteError, Step, config};
use crate::analyze::Globs;
use crate::analyze::finding::is_place;
use crate::model::{EntryKind, LayerPath};
use crate::scan::Scanned;
use crate::tree::Tree;

/// What can be left out by name: the name, and what it is. The first ones are rules of `inspect`, whose files they are.
pub const DROPS: [(&str, &str); 7] = [
    ("package-lists", "lists and caches of apt, apk, dnf, yum, zypper and pacman"),
    ("pip-cache", "caches of pip, uv, poetry and pipenv"),
    ("npm-cache", "caches of npm, yarn and pnpm"),
    ("language-cache", "downloads and caches of cargo, Go, Maven, Gradle, Composer, Bundler, NuGet, conda"),
    ("vcs-folder", "folders of git, Subversion, Mercurial and Bazaar"),
    ("docs", "manual pages, info files and documentation; what says under which licence things are stays"),
    ("logs", "files below /var/log"),
];
/// Folders of documentation.
const DOCS: [&str; 5] =
    ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/local/share/man", "usr/share/gtk-doc"];

/// Folders that package managers fill, wherever they lie.
const PACKAGES: [&str; 7] =
    ["site-packages", "dist-packages", "node_modules", "gems", "bower_components", ".m2", ".cargo"];
/// … and those that they share with nobody, as far as the application is not started in one.
const SYSTEM: [&str; 18] = [
    "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "var", "opt", "root", "boot", "dev", "proc", "sys",
    "run", "media", "mnt",
];

/// Whether a path is likely to have been installed by a package manager; `folder` is the one that the application starts in.
fn is_installed(path: &LayerPath, folder: &LayerPath) -> bool {
    let mut parts = path.as_bytes().split(|byte| *byte == b'/');
    let is_one_of = |part: &[u8], names: &[&str]| names.iter().any(|name| name.as_bytes() == part);
    let packaged = parts.clone().any(|part| is_one_of(part, &PACKAGES));
    let own = !folder.is_root() && path.starts_with(folder);
    packaged || !own && parts.next().is_some_and(|first| is_one_of(first, &SYSTEM))
}

/// What is to be left out of an image.
#[derive(Debug, Default)]
pub struct Drops {
    names: Vec<&'static str>,
    globs: Option<Globs>,
}

impl Drops {
    /// Reads names, and globs for anything else.
    pub fn new<'t>(told: impl IntoIterator<Item = &'t str>) -> Result<Self, RewriteError> {
        let (mut names, mut globs) = (Vec::new(), Vec::new());
        // A comma within braces is the glob's.
        let split = |list: &'t str| list.split(|c| c == ',' && !list.contains('{'));
        for told in told.into_iter().flat_map(split) {
            match DROPS.iter().find(|(name, _)| *name == told) {
                Some((name, _)) => names.push(*name),
                // A word is more likely to be a wrong name than a file anywhere.
                None if !told.contains(['/', '*', '?', '[', '.']) => {
                    return Err(no_pattern(told, "it is a plain word"));
                }
                None => globs.push(told),
            }
        }
        let first = globs.first().copied().unwrap_or_default();
        let built = Globs::new(globs.iter().copied()).map_err(|error| no_pattern(first, &error.to_string()))?;
        Ok(Self { names, globs: (!globs.is_empty()).then_some(built) })
    }

    /// Whether what is no directory is left out: files by name, and by globs all else as well.
    pub fn drops(&self, path: &LayerPath, kind: &EntryKind) -> bool {
        let is_file = matches!(kind, EntryKind::File { .. });
        let named = || is_file && self.names.iter().any(|name| is_named(name, path));
        self.globs.as_ref().is_some_and(|globs| globs.matches(path)) || named()
    }
}

fn no_pattern(told: &str, reason: &str) -> RewriteError {
    let known = DROPS.map(|(name, _)| name).join(", ");
    RewriteError::Pattern { pattern: told.into(), known, reason: reason.into() }
}

fn is_named(name: &str, path: &LayerPath) -> bool {
    let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(&(*folder).into()));
    match name {
        "docs" => below(&DOCS) && path.file_name() != b"copyright",
        "logs" => below(&["var/log"]),
        rule => is_place(rule, path),
    }
}

/// How an image is to be made smaller.
#[derive(Debug)]
pub struct Optimize<'d> {
    /// How many of its lowest layers stay as they are: the base's, which other images share. 0 for none.
    pub keep: usize,
    /// Whether equal files become hard links of one.
    pub dedupe: bool,
    /// What is left out.
    pub drops: &'d Drops,
    /// Whether layers that stay are compressed anew.
    pub recompress: bool,
    /// Whether the application's own files become a layer above what package managers installed: a release that changes
    /// nothing else then shares the lower one.
    pub split: bool,
}

/// Plans an image with the same merged tree.
pub fn optimize<'a>(image: &'a Scanned, how: &Optimize<'_>) -> Result<Plan<'a>, RewriteError> {
    let (layers, from) = (image.tree.layers(), how.keep);
    let below = Tree::new(layers[..from].to_vec());
    let drops = |path: &LayerPath, kind: &EntryKind| how.drops.drops(path, kind);
    let merged = Merged::new(&image.tree, &below, &Choice { from, drops: &drops, dedupe: how.dedupe })?;
    let kept = |layer| match how.recompress {
        true => Step::Recompress { image, layer },
        false => Step::Keep { image, layer },
    };
    let mut steps: Vec<Step<'a>> = (0..from).map(kept).collect();
    let saved = merged.saved;
    let stays = layers.len() == from + 1 && saved.after == saved.before && saved.dropped_files == 0 && !how.split;
    let (made, mut config) = (&image.image.manifest, image.image.manifest.config.clone());
    if stays {
        steps.push(kept(from));
    } else if from < layers.len() {
        let folder = made.config.config.working_dir.as_str().into();
        let parts: Vec<Merged> = match how.split {
            true => merged.split(&image.tree, &|path| is_installed(path, &folder)),
            false => vec![merged],
        };
        let made = parts.iter().filter(|part| !part.is_empty()).count();
        config::merge_history(&mut config, from, layers.len(), made);
        steps.extend(parts.into_iter().map(|merged| Step::Merge { image, merged }));
    }
    Ok(Plan { layers: steps, config, annotations: made.annotations.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContentId;

    const FILE: EntryKind =
        EntryKind::File { size: 1, apparent_size: 1, content: ContentId::Blake3([0; 32]), sha256: None };

    #[test]
    fn what_is_installed_is_told_from_the_applications_own() {
        let installed = |path: &str, folder: &str| is_installed(&path.into(), &folder.into());
        assert!(installed("usr/lib/a", "app") && installed("app/node_modules/a/b.js", "app"));
        assert!(installed("srv/venv/lib/python3.11/site-packages/a.py", "srv"));
        assert!(!installed("app/main.py", "app") && !installed("srv/a", "app"));
        assert!(!installed("usr/src/app/main.js", "usr/src/app") && installed("etc/passwd", ""));
    }

    #[test]
    fn names_and_globs_are_told_apart() {
        let drops = |told: &str, path: &str| Drops::new([told]).unwrap().drops(&path.into(), &FILE);
        assert!(drops("pip-cache", "root/.cache/pip/a/b"));
        assert!(!drops("pip-cache", "root/.cache/pipx"));
        assert!(drops("docs,*.pyc", "usr/share/doc/x/README") && drops("docs,*.pyc", "app/a.pyc"));
        assert!(!drops("docs", "usr/share/doc/x/copyright"));
        assert!(drops("/srv", "srv/a/b") && !drops("/srv", "app/srv/a"));
        assert!(Drops::new(["pip-caches"]).unwrap_err().to_string().contains("package-lists, pip-cache"));
        assert!(drops("/app/{a,b}", "app/b/c"));
        assert!(Drops::new(["/a[b"]).is_err() && Drops::new([""]).is_err());
    }
}
