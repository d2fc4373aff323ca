//! An application on another base: its layers stay as they are, those of its old base give way to the new one's. Files of
//! the old base that the application changed are merged where their format allows it.

use std::collections::BTreeSet;
use std::io::Read;

use super::config::{Conflict, conflicts, history_above};
use super::merge::{parents, same};
use super::plan::kept;
use super::three_way::{Format, merge};
use super::{NewFile, Plan, RewriteError, Step};
use crate::model::{EntryId, EntryKind, History, LayerPath, Manifest, Meta, RuntimeConfig};
use crate::scan::{self, Scanned};
use crate::tree::{Tree, TreeNote};

/// Files that are merged.
const MERGED: [(&str, Format); 7] = [
    ("etc/passwd", Format::Accounts),
    ("etc/group", Format::Accounts),
    ("etc/shadow", Format::Lines),
    ("etc/gshadow", Format::Lines),
    ("etc/subuid", Format::Ranges),
    ("etc/subgid", Format::Ranges),
    ("var/lib/dpkg/status", Format::Stanzas),
];
/// What nothing depends on: the application's stays. The linker's cache is here since the check of compatibility reads it.
const HARMLESS: [&str; 18] = [
    "var/log",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/systemd",
    "var/tmp",
    "tmp",
    "run",
    "root/.cache",
    "usr/share/info/dir",
    "etc/ld.so.cache",
    "etc/.pwd.lock",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
];
/// A file that is merged is not larger than this.
const LARGEST: u64 = 64 << 20;
/// Annotations of OCI image-spec (annotations.md) that name the base.
pub(super) const BASE_NAME: &str = "org.opencontainers.image.base.name";
pub(super) const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The base that an image is to stand on.
pub struct Onto<'a> {
    /// It.
    pub base: &'a Scanned,
    /// How many of the image's layers are its old base's.
    pub old_layers: usize,
    /// What the old base runs with, where known.
    pub old_config: Option<&'a RuntimeConfig>,
    /// How the old base was built; empty where that is not known.
    pub old_history: &'a [History],
    /// What the image is to run with on the new one.
    pub config: &'a RuntimeConfig,
    /// The new base's name in a registry, where it has one.
    pub name: Option<String>,
}

/// What a rebase does, and what a person has to know of it.
pub struct Rebase<'a> {
    /// What is written.
    pub plan: Plan<'a>,
    /// The merged tree that it is to have, but for what was merged.
    pub tree: Tree,
    /// Files that were merged.
    pub merged: Vec<LayerPath>,
    /// Settings that both have changed.
    pub conflicts: Vec<Conflict>,
    /// Files of the old base that the application changed, that the new base has otherwise, and that can't be merged: the
    /// application's hides the new base's. With what is the matter.
    pub refused: Vec<(LayerPath, String)>,
}

/// Plans it.
pub fn rebase<'a>(image: &'a Scanned, onto: &Onto<'a>) -> Result<Rebase<'a>, RewriteError> {
    let (old, own) = image.tree.layers().split_at(onto.old_layers);
    let below = Tree::new(old.to_vec());
    let tree = Tree::new(onto.base.tree.layers().iter().chain(own).cloned().collect());
    let work = Work { image, onto, below: &below };
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for path in work.own() {
        match MERGED.iter().find(|(merged, _)| path == (*merged).into()) {
            Some((_, format)) if work.hides(&path) || work.is_left_alone(&path) => match work.merged(&path, *format)? {
                Ok(file) => files.push(file),
                Err(why) => refused.push((path, why)),
            },
            Some(_) => {}
            None => refused.extend(work.refused(&path).map(|why| (path, why))),
        }
    }
    refused.extend(work.hidden());
    refused.extend(work.unlinked(&tree));
    let mut layers: Vec<Step<'a>> = kept(onto.base, 0).chain(kept(image, onto.old_layers)).collect();
    let merged: Vec<LayerPath> = files.iter().map(|file| file.path.clone()).collect();
    let dirs = parents(&tree, merged.iter());
    layers.extend((!files.is_empty()).then_some(Step::Files { dirs, files }));
    let none = RuntimeConfig::default();
    let (made, new) = (&image.image.manifest, &onto.base.image.manifest);
    Ok(Rebase {
        conflicts: conflicts(onto.old_config.unwrap_or(&none), &new.config.config, &made.config.config, onto.config),
        plan: work.plan(layers, &merged),
        tree,
        merged,
        refused,
    })
}

struct Work<'w, 'a> {
    image: &'a Scanned,
    onto: &'w Onto<'a>,
    /// The old base alone.
    below: &'w Tree,
}

impl<'a> Work<'_, 'a> {
    /// What the application's layers have of the merged tree.
    fn own(&self) -> Vec<LayerPath> {
        let own = self.image.tree.walk().filter(|item| item.node.layer() as usize >= self.onto.old_layers);
        own.map(|item| item.path().into_owned()).collect()
    }

    /// Whether the application's version hides one of the new base's which is neither the old one's nor the same.
    fn hides(&self, path: &LayerPath) -> bool {
        let (own, new) = (&self.image.tree, &self.onto.base.tree);
        new.get(path).is_some_and(|_| !is_same(self.below, new, path) && !is_same(own, new, path))
    }

    /// Whether the application changed a file of the old base that the new one has not.
    fn is_left_alone(&self, path: &LayerPath) -> bool {
        let is_old = self.below.get(path).is_some() && self.onto.base.tree.get(path).is_none();
        is_old && !is_same(self.below, &self.image.tree, path)
    }

    /// Why the application's version can't stand over the new base's; nothing where it can.
    fn refused(&self, path: &LayerPath) -> Option<String> {
        // Python looks whether what it compiled is of the source that is there.
        let compiled = path.components().any(|name| name == b"__pycache__");
        let harmless = compiled || HARMLESS.iter().any(|folder| path.starts_with(&(*folder).into()));
        let why = match self.below.get(path) {
            None => "both the application and the new base have added it",
            // Of the application is no more than its owner, mode or time.
            Some(_) if is_same(self.below, &self.image.tree, path) => {
                "the application's layers have the old base's again, and the new base has another one"
            }
            Some(_) => "the application changed it, and the new base has another one than the old",
        };
        (!harmless && self.hides(path)).then(|| why.into())
    }

    /// The new base's version with the application's changes; or why there is none.
    fn merged(&self, path: &LayerPath, format: Format) -> Result<Result<NewFile, String>, RewriteError> {
        let base = self.onto.base;
        let Some(new) = base.tree.get(path).and_then(|id| base.tree.data(base.tree.node(id))) else {
            return Ok(Err("the application changed it, and the new base has none".into()));
        };
        let id = |tree: &Tree| tree.get(path).and_then(|id| tree.data(tree.node(id)));
        let (old, Some(own)) = (id(self.below), id(&self.image.tree)) else {
            return Ok(Err("it is no file".into()));
        };
        // Where the old base has none, all of it was added.
        let old = match old {
            None if self.below.get(path).is_none() => Some(String::new()),
            None => None,
            Some(old) => text(self.image, old)?,
        };
        let (Some(old), Some(own), Some(new_text)) = (old, text(self.image, own)?, text(base, new)?) else {
            return Ok(Err("it is no text that could be merged".into()));
        };
        let meta = |tree: &Tree| tree.get(path).and_then(|id| tree.meta(tree.node(id))).cloned().unwrap_or_default();
        let (own_meta, new_meta) = (meta(&self.image.tree), meta(&base.tree));
        let old_meta = self.below.get(path).map_or_else(|| new_meta.clone(), |_| meta(self.below));
        Ok(merge(format, &old, &own, &new_text).map(|contents| NewFile {
            path: path.clone(),
            meta: merged_meta(&old_meta, own_meta, new_meta),
            contents: contents.into_bytes(),
        }))
    }

    /// What the application deleted in the old base, and the new base has: with what it deletes beyond that.
    fn hidden(&self) -> Vec<(LayerPath, String)> {
        let mut hidden = BTreeSet::new();
        for layer in &self.image.tree.layers()[self.onto.old_layers..] {
            for entry in layer.entries.iter().filter(|entry| entry.kind == EntryKind::Opaque) {
                let new = &self.onto.base.tree;
                let Some(folder) = new.get(&entry.path).filter(|_| !entry.path.is_root()) else { continue };
                let names = new.node(folder).children().map(|(name, _)| entry.path.join(name));
                hidden.extend(names.filter(|path| self.below.get(path).is_none()).take(1));
            }
        }
        let why = "the application empties its folder, and would hide it: the old base has no such file";
        hidden.into_iter().map(|path| (path, why.to_owned())).collect()
    }

    /// The application's hard links to files of the old base that the new one has not.
    fn unlinked(&self, tree: &Tree) -> Vec<(LayerPath, String)> {
        let dangling = tree.notes().iter().filter_map(|note| match note {
            TreeNote::DanglingLink { entry } => Some(tree.entry(*entry).path.clone()),
            TreeNote::EarlyLink { .. } | TreeNote::ParentReplaced { .. } => None,
        });
        let why = "it is a hard link to a file of the old base, which the new one has not";
        let lost = dangling.filter(|path| self.image.tree.get(path).is_some());
        lost.map(|path| (path, why.to_owned())).collect()
    }

    fn plan(&self, layers: Vec<Step<'a>>, merged: &[LayerPath]) -> Plan<'a> {
        let (made, base) = (&self.image.image.manifest, &self.onto.base.image.manifest);
        let mut config = made.config.clone();
        config.config = self.onto.config.clone();
        let above = history_above(&made.config, self.onto.old_layers, self.onto.old_history);
        config.history = above.map_or_else(Vec::new, |own| {
            let fixed = History {
                created: made.config.created.clone(),
                created_by: format!("layerscope rebase: merged {}", listed(merged)),
                ..History::default()
            };
            [base.config.history.clone(), own, (!merged.is_empty()).then_some(fixed).into_iter().collect()].concat()
        });
        let mut annotations = made.annotations.clone();
        annotate(&mut annotations, base, self.onto.name.as_deref());
        let labels = &mut config.config.labels;
        if labels.contains_key(BASE_NAME) || labels.contains_key(BASE_DIGEST) {
            annotate(labels, base, self.onto.name.as_deref());
        }
        Plan { layers, config, annotations }
    }
}

/// The new base's metadata, but for what the application changed; when contents were changed says nothing.
fn merged_meta(old: &Meta, own: Meta, new: Meta) -> Meta {
    fn pick<T: PartialEq>(old: &T, own: T, new: T) -> T {
        if *old == own { new } else { own }
    }
    Meta {
        mode: pick(&old.mode, own.mode, new.mode),
        uid: pick(&old.uid, own.uid, new.uid),
        gid: pick(&old.gid, own.gid, new.gid),
        xattrs: pick(&old.xattrs, own.xattrs, new.xattrs),
        ..new
    }
}

fn annotate(annotations: &mut std::collections::BTreeMap<String, String>, base: &Manifest, name: Option<&str>) {
    annotations.remove(BASE_NAME);
    annotations.remove(BASE_DIGEST);
    annotations.extend(name.map(|name| (BASE_NAME.to_owned(), name.to_owned())));
    annotations.extend(base.digest.map(|digest| (BASE_DIGEST.to_owned(), digest.to_string())));
}

fn listed(paths: &[LayerPath]) -> String {
    paths.iter().map(LayerPath::display).collect::<Vec<_>>().join(", ")
}

/// Whether a name leads to the same kind of thing in two trees, with the same contents.
fn is_same(a_tree: &Tree, b_tree: &Tree, path: &LayerPath) -> bool {
    let (Some(a), Some(b)) = (a_tree.get(path), b_tree.get(path)) else { return false };
    let (a, b) = (a_tree.node(a), b_tree.node(b));
    match (a.is_dir(), b.is_dir()) {
        (false, false) => same((a_tree, a), (b_tree, b)),
        (a, b) => a && b,
    }
}

/// A file's text; `None` for what is none, or too long.
fn text(of: &Scanned, id: EntryId) -> Result<Option<String>, RewriteError> {
    let entry = of.tree.layers()[id.layer as usize].entries.get(id.row as usize);
    if entry.is_none_or(|entry| !entry.is_file() || entry.file_bytes() > LARGEST) {
        return Ok(None);
    }
    let mut text = String::new();
    let read = scan::read_entry(of, id)?.take(LARGEST).read_to_string(&mut text);
    Ok(read.is_ok().then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_keeps_the_metadata_that_it_changed() {
        let meta = |mode, gid, mtime| Meta { mode, gid, mtime, ..Meta::default() };
        let merged = merged_meta(&meta(0o644, 0, 1), meta(0o600, 0, 2), meta(0o644, 42, 3));
        assert_eq!(merged, meta(0o600, 42, 3));
    }
}
