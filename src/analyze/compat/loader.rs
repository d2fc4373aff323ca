//! What a loader maps for a program, and what it does not find: the closure of needed libraries, breadth first.

use std::rc::Rc;

use super::search::{Libc, Places};
use super::world::{Found, World};
use crate::elf::{Elf, Loadable, Target};
use crate::model::LayerPath;

/// Files of one process; beyond, something is wrong with the image.
const MOST_OBJECTS: usize = 5000;

/// A loader in a tree.
pub(super) struct Loader<'w> {
    pub(super) world: World<'w>,
    pub(super) places: Places,
    pub(super) target: Target,
    /// Its own file.
    own: (LayerPath, &'w Elf),
}

/// A file that is mapped.
#[derive(Clone)]
pub(super) struct Object<'w> {
    /// The path it was opened by: `$ORIGIN` is its folder.
    pub(super) opened: LayerPath,
    /// Its own path, links followed.
    pub(super) path: LayerPath,
    pub(super) elf: &'w Elf,
    /// The object that needed it first.
    parent: Option<usize>,
    names: Vec<Box<[u8]>>,
    /// Folders of its RUNPATH, or of its RPATH where it has none, that are there.
    folders: Rc<[LayerPath]>,
}

/// All that is mapped together.
#[derive(Clone, Default)]
pub(super) struct Mapped<'w> {
    pub(super) objects: Vec<Object<'w>>,
    /// Libraries that were not found: by which object, and their name.
    pub(super) missing: Vec<(usize, Box<[u8]>)>,
    /// Files that are there, but can't be read: which object needs it, its path, and why.
    pub(super) unread: Vec<(usize, LayerPath, String)>,
    /// Objects before this one have been followed.
    followed: usize,
}

enum Opened<'w> {
    Elf(LayerPath, Found<'w>, &'w Elf),
    Unread(LayerPath, String),
}

impl<'w> Loader<'w> {
    /// The loader at a path; `None` if there is none that can be read.
    pub(super) fn at(world: World<'w>, path: &LayerPath) -> Option<Self> {
        let found = world.file(path)?;
        let Some(Loadable::Elf(elf)) = found.loadable else { return None };
        // A link may lead to another file's name, as Alpine's `libc.musl-x86_64.so.1` and gcompat's do.
        let by_name = Libc::of_loader(&found.path);
        let named = if by_name == Libc::Other { path } else { &found.path };
        let mut places = Places::of(&world, named, elf.target);
        if by_name == Libc::Other && Libc::of_loader(path) == Libc::Glibc {
            places.unknown = Some("glibc's loader is only imitated");
        }
        let own = (found.path, &**elf);
        Some(Self { world, places, target: elf.target, own })
    }

    /// A program started, with what LD_PRELOAD names and all it needs.
    pub(super) fn start(&self, program: &Found<'w>, elf: &'w Elf) -> Mapped<'w> {
        let mut mapped = Mapped::default();
        self.push(&mut mapped, program.path.clone(), program.path.clone(), elf, None, None);
        for name in self.preloaded() {
            match self.open(&mapped, 0, name.as_bytes()) {
                Some(Opened::Elf(opened, found, elf)) => {
                    self.push(&mut mapped, opened, found.path, elf, None, Some(name.as_bytes()));
                }
                Some(Opened::Unread(..)) | None => {}
            }
        }
        self.follow(&mut mapped);
        self.add_itself(&mut mapped);
        mapped
    }

    /// Names in LD_PRELOAD.
    pub(super) fn preloaded(&self) -> impl Iterator<Item = &'w str> {
        let names = self.world.env("LD_PRELOAD").unwrap_or_default();
        names.split([':', ' ']).filter(|name| !name.is_empty())
    }

    /// Whether a library that LD_PRELOAD names is found.
    pub(super) fn finds(&self, mapped: &Mapped<'w>, name: &str) -> bool {
        self.open(mapped, 0, name.as_bytes()).is_some()
    }

    /// A library or module, loaded into a process or by itself. Gives its place among the objects.
    pub(super) fn load(&self, mapped: &mut Mapped<'w>, file: &Found<'w>, elf: &'w Elf) -> usize {
        if let Some(at) = mapped.objects.iter().position(|object| object.path == file.path) {
            return at;
        }
        let at = mapped.objects.len();
        self.push(mapped, file.path.clone(), file.path.clone(), elf, None, None);
        self.follow(mapped);
        self.add_itself(mapped);
        at
    }

    fn push(
        &self,
        mapped: &mut Mapped<'w>,
        opened: LayerPath,
        path: LayerPath,
        elf: &'w Elf,
        parent: Option<usize>,
        name: Option<&[u8]>,
    ) {
        let names = elf.soname.as_deref().into_iter().chain(name).map(Into::into).collect();
        let paths = elf.runpath.as_deref().or(elf.rpath.as_deref()).unwrap_or_default();
        let folders = self.world.there(self.expanded(&opened, paths)).into();
        mapped.objects.push(Object { opened, path, elf, parent, names, folders });
    }

    /// The loader is in every process, whether or not it is asked for.
    fn add_itself(&self, mapped: &mut Mapped<'w>) {
        let (path, elf) = &self.own;
        if mapped.objects.iter().all(|object| object.path != *path) {
            self.push(mapped, path.clone(), path.clone(), elf, None, None);
        }
    }

    /// Maps what the objects need that are new, and what those need.
    fn follow(&self, mapped: &mut Mapped<'w>) {
        while mapped.followed < mapped.objects.len().min(MOST_OBJECTS) {
            let at = mapped.followed;
            mapped.followed += 1;
            let elf = mapped.objects[at].elf;
            for name in elf.needed.iter() {
                self.need(mapped, at, name);
            }
        }
    }

    fn need(&self, mapped: &mut Mapped<'w>, by: usize, name: &[u8]) {
        let own = self.own.1.soname.as_deref() == Some(name) || self.own.0.file_name() == name;
        if own || self.places.is_reserved(name) {
            return self.add_itself(mapped);
        }
        if mapped.objects.iter().any(|object| object.names.iter().any(|other| **other == *name)) {
            return;
        }
        match self.open(mapped, by, name) {
            Some(Opened::Elf(opened, found, elf)) => {
                match mapped.objects.iter_mut().find(|object| object.path == found.path) {
                    Some(object) => object.names.push(name.into()),
                    None => self.push(mapped, opened, found.path, elf, Some(by), Some(name)),
                }
            }
            Some(Opened::Unread(path, why)) => mapped.unread.push((by, path, why)),
            None => mapped.missing.push((by, name.into())),
        }
    }

    fn open(&self, mapped: &Mapped<'w>, by: usize, name: &[u8]) -> Option<Opened<'w>> {
        if name.contains(&b'/') {
            let path = self.expanded(&mapped.objects[by].opened, name).into_iter().next()?;
            return self.try_open(&path);
        }
        let elf = mapped.objects[by].elf;
        let cached = self.places.cache.get(name).filter(|_| !elf.no_default_folders);
        let defaults = if elf.no_default_folders { &[][..] } else { &self.places.default };
        let in_folder = |folder: &LayerPath| self.try_open(&folder.join(name));
        let first = self.folders(mapped, by).find_map(in_folder);
        let second = || cached.and_then(|paths| paths.iter().find_map(|path| self.try_open(path)));
        first.or_else(second).or_else(|| defaults.iter().find_map(in_folder))
    }

    /// Folders that are searched before those that the loader knows by itself. glibc has those of RPATH first, unless
    /// there is a RUNPATH, which is for its own file alone; musl takes both for the same.
    fn folders<'m>(&'m self, mapped: &'m Mapped<'w>, by: usize) -> impl Iterator<Item = &'m LayerPath> {
        let musl = self.places.libc == Libc::Musl;
        let object = &mapped.objects[by];
        let has_runpath = object.elf.runpath.is_some();
        let chain = Chain { mapped, at: Some(by) }.chain(mapped.objects.first().filter(|_| !musl));
        let named = chain.filter(move |other| musl || !has_runpath && other.elf.runpath.is_none());
        let named = named.flat_map(|other| other.folders.iter());
        let own: &[LayerPath] = if has_runpath && !musl { &object.folders } else { &[] };
        let environment = self.places.environment.as_slice();
        let (before, after) = if musl { (environment, &[][..]) } else { (&[][..], environment) };
        before.iter().chain(named).chain(after).chain(own)
    }

    /// Paths of a file that was opened by a path.
    fn expanded(&self, opened: &LayerPath, paths: &[u8]) -> Vec<LayerPath> {
        let folder = opened.parent();
        let origin = self.world.tree.follow(&folder, true).map_or(folder, |(path, _)| path);
        self.places.expand(&self.world, paths, &origin)
    }

    fn try_open(&self, path: &LayerPath) -> Option<Opened<'w>> {
        let found = self.world.file(path)?;
        match found.loadable? {
            Loadable::Elf(elf) if elf.target == self.target => Some(Opened::Elf(path.clone(), found, elf)),
            Loadable::Elf(_) | Loadable::Script(_) => None,
            Loadable::Unread(why) => Some(Opened::Unread(found.path, why.to_string())),
            Loadable::NotKept => Some(Opened::Unread(found.path, "what it needs was not kept".into())),
        }
    }
}

/// An object and those that needed it, up to the program.
struct Chain<'m, 'w> {
    mapped: &'m Mapped<'w>,
    at: Option<usize>,
}

impl<'m, 'w> Iterator for Chain<'m, 'w> {
    type Item = &'m Object<'w>;

    fn next(&mut self) -> Option<Self::Item> {
        let object = self.mapped.objects.get(self.at?)?;
        // A parent always comes before what it needed.
        self.at = object.parent;
        Some(object)
    }
}

impl<'w> Mapped<'w> {
    /// The object that answers to a name.
    pub(super) fn named(&self, name: &[u8]) -> Option<&Object<'w>> {
        self.objects.iter().find(|object| object.names.iter().any(|other| **other == *name))
    }

    /// Whether any object defines a symbol; `None` if one of them does not tell and the others don't.
    pub(super) fn defines(&self, hash: u64) -> Option<bool> {
        let mut told = true;
        for object in &self.objects {
            match &object.elf.symbols {
                Ok(symbols) if symbols.exports.contains(hash) => return Some(true),
                Ok(_) => {}
                Err(_) => told = false,
            }
        }
        told.then_some(false)
    }
}
