//! A root file system and what runs in it.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::elf::Loadable;
use crate::model::{Entry, EntryId, LayerPath, RuntimeConfig};
use crate::tree::{Node, Tree};

/// What engines give a process whose image sets no PATH.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const EXECUTABLE: u16 = 0o111;
/// Lists in the environment that are searched again and again.
const LISTS: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH"];
/// What such a list may name, and how many variables there may be. The longest that are made, by the module systems of
/// large machines, name some two hundred folders.
const MOST_NAMED: usize = 500;
/// Linux starts no program with a longer variable (execve(2)).
const LONGEST: usize = 128 << 10;

/// A tree with the settings that its processes start with.
#[derive(Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) tree: &'w Tree,
    pub(super) config: &'w RuntimeConfig,
    /// The folders of PATH.
    path: &'w [LayerPath],
    /// Layers from this one on are the application's.
    own_from: u32,
}

/// A regular file.
#[derive(Clone)]
pub(super) struct Found<'w> {
    /// Its path, links followed.
    pub(super) path: LayerPath,
    pub(super) id: EntryId,
    pub(super) entry: &'w Entry,
    pub(super) loadable: Option<&'w Loadable>,
}

/// A small file's content.
pub(super) enum Text<'w> {
    Missing,
    /// It is there, but was not kept.
    Unknown,
    Known(Cow<'w, str>),
}

impl<'w> World<'w> {
    /// `path` is what [`path_of`] gives for the same tree and settings; nothing, where no command is looked for.
    pub(super) fn new(tree: &'w Tree, config: &'w RuntimeConfig, path: &'w [LayerPath], base_layers: usize) -> Self {
        Self { tree, config, path, own_from: u32::try_from(base_layers).unwrap_or(u32::MAX) }
    }

    /// The regular file that a path leads to.
    pub(super) fn file(&self, path: &LayerPath) -> Option<Found<'w>> {
        let (path, id) = self.tree.follow(path, true).ok()?;
        self.regular(path, self.tree.node(id))
    }

    /// A node, if it is a regular file.
    pub(super) fn regular(&self, path: LayerPath, node: &'w Node) -> Option<Found<'w>> {
        node.inode()?;
        let id = self.tree.data(node)?;
        let entry = self.tree.entry(id);
        let loadable = self.tree.layers()[id.layer as usize].loadable(id.row);
        entry.is_file().then_some(Found { path, id, entry, loadable })
    }

    /// Whether a path leads to a directory.
    pub(super) fn is_dir(&self, path: &LayerPath) -> bool {
        self.tree.follow(path, true).is_ok_and(|(_, id)| self.tree.node(id).is_dir())
    }

    /// Whether a path leads anywhere.
    pub(super) fn exists(&self, path: &LayerPath) -> bool {
        self.tree.follow(path, true).is_ok()
    }

    /// The bytes of a small file of a kind that is kept.
    pub(super) fn bytes(&self, path: &LayerPath) -> Result<Option<&'w [u8]>, ()> {
        let Some(found) = self.file(path) else { return Ok(None) };
        if found.entry.file_bytes() == 0 {
            return Ok(Some(&[]));
        }
        self.tree.layers()[found.id.layer as usize].captured(found.id.row).map(Some).ok_or(())
    }

    /// … as a text.
    pub(super) fn text(&self, path: &LayerPath) -> Text<'w> {
        match self.bytes(path) {
            Ok(Some(bytes)) => Text::Known(String::from_utf8_lossy(bytes)),
            Ok(None) => Text::Missing,
            Err(()) => Text::Unknown,
        }
    }

    /// Whether the application put a name there.
    pub(super) fn is_own(&self, node: &Node) -> bool {
        node.layer() >= self.own_from
    }

    /// … by its path.
    pub(super) fn owns(&self, path: &LayerPath) -> bool {
        self.tree.get(path).is_some_and(|id| self.is_own(self.tree.node(id)))
    }

    /// Every regular file of the application, by path.
    pub(super) fn own_files(&self) -> impl Iterator<Item = Found<'w>> {
        let world = *self;
        let own = world.tree.walk().filter(move |item| !item.node.is_dir() && world.is_own(item.node));
        own.filter_map(move |item| world.regular(item.path().into_owned(), item.node))
    }

    /// A variable of the environment.
    pub(super) fn env(&self, name: &str) -> Option<&'w str> {
        env(&self.config.env, name)
    }

    /// A path as a process sees it that starts in the working directory.
    pub(super) fn absolute(&self, path: &[u8]) -> LayerPath {
        if path.starts_with(b"/") {
            LayerPath::clean(path)
        } else {
            LayerPath::clean(&[self.config.working_dir.as_bytes(), b"/", path].concat())
        }
    }

    /// The program that a word names: a path, or a name that PATH leads to.
    pub(super) fn program(&self, word: &str) -> Option<Found<'w>> {
        self.program_path(word).and_then(|path| self.file(&path))
    }

    /// … before links are followed.
    pub(super) fn program_path(&self, word: &str) -> Option<LayerPath> {
        let runs = |path: &LayerPath| {
            let found = self.tree.follow(path, true).ok().map(|(_, id)| self.tree.node(id));
            found.is_some_and(|node| {
                !node.is_dir() && self.tree.meta(node).is_some_and(|meta| meta.mode & EXECUTABLE != 0)
            })
        };
        if word.contains('/') {
            return Some(self.absolute(word.as_bytes())).filter(runs);
        }
        self.path.iter().map(|folder| folder.join(word.as_bytes())).find(runs)
    }

    /// The folders of a list that are there.
    pub(super) fn folders(&self, list: &str, separators: &[char]) -> Vec<LayerPath> {
        let folders = list.split(separators).map(str::trim).filter(|folder| !folder.is_empty());
        self.there(folders.map(|folder| self.absolute(folder.as_bytes())))
    }

    /// Those folders that are there, each once.
    pub(super) fn there(&self, folders: impl IntoIterator<Item = LayerPath>) -> Vec<LayerPath> {
        let mut seen = HashSet::new();
        folders.into_iter().filter(|folder| self.is_dir(folder) && seen.insert(folder.clone())).collect()
    }
}

/// The folders of PATH that are there.
pub(super) fn path_of(tree: &Tree, config: &RuntimeConfig) -> Vec<LayerPath> {
    let world = World::new(tree, config, &[], 0);
    world.folders(world.env("PATH").unwrap_or(DEFAULT_PATH), &[':'])
}

/// What makes an environment too large to be searched: then nothing is told of what runs with it.
pub(super) fn too_large(config: &RuntimeConfig) -> Option<String> {
    if config.env.len() > MOST_NAMED {
        return Some(format!("more than {MOST_NAMED} variables are set: what it runs with is not looked at"));
    }
    let is_long = |name: &&&str| {
        let list = env(&config.env, name).unwrap_or_default();
        list.len() > LONGEST || list.split([':', ';', ' ']).nth(MOST_NAMED).is_some()
    };
    let name = LISTS.iter().find(is_long)?;
    Some(format!("{name} names more than {MOST_NAMED} places, or is too long: what is in them is not looked at"))
}

/// The value of a variable; the last one counts.
pub(super) fn env<'e>(env: &'e [String], name: &str) -> Option<&'e str> {
    env.iter().rev().find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}
