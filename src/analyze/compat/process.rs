//! Whether a program starts, and whether a library can be loaded into it: loader, libraries, versions, symbols.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::Verdict;
use super::loader::{Loader, Mapped, Object};
use super::owner::Owners;
use super::search::Libc;
use super::summary::{Problem, UNREAD};
use super::world::{Found, World};
use crate::elf::{Elf, Loadable, hash};
use crate::model::LayerPath;

/// Symbols that a reason names of one file.
const NAMED_SYMBOLS: usize = 3;

/// Checks files of one tree.
pub(super) struct Processes<'w> {
    pub(super) world: World<'w>,
    owners: &'w Owners,
    loaders: RefCell<HashMap<LayerPath, Option<Rc<Loader<'w>>>>>,
    started: RefCell<HashMap<LayerPath, Option<Process<'w>>>>,
    /// Files that a program, or a module in one, maps.
    mapped: RefCell<HashSet<LayerPath>>,
}

/// A program with all it needs, as far as it is found.
#[derive(Clone)]
pub(super) struct Process<'w> {
    pub(super) loader: Rc<Loader<'w>>,
    mapped: Rc<Mapped<'w>>,
}

impl<'w> Processes<'w> {
    pub(super) fn new(world: World<'w>, owners: &'w Owners) -> Self {
        Self { world, owners, loaders: RefCell::default(), started: RefCell::default(), mapped: RefCell::default() }
    }

    /// The loader at a path.
    pub(super) fn loader(&self, path: &LayerPath) -> Option<Rc<Loader<'w>>> {
        let mut loaders = self.loaders.borrow_mut();
        loaders.entry(path.clone()).or_insert_with(|| Loader::at(self.world, path).map(Rc::new)).clone()
    }

    /// A program's process; `None` if it has no loader, or that is not there.
    pub(super) fn process(&self, program: &Found<'w>, elf: &'w Elf) -> Option<Process<'w>> {
        if let Some(known) = self.started.borrow().get(&program.path) {
            return known.clone();
        }
        let loader = elf.interpreter.as_deref().and_then(|path| self.loader(&LayerPath::clean(path)));
        let loader = loader.filter(|loader| loader.target == elf.target);
        let process = loader.map(|loader| {
            let mapped = Rc::new(loader.start(program, elf));
            Process { loader, mapped }
        });
        self.started.borrow_mut().insert(program.path.clone(), process.clone());
        process
    }

    /// Whether a file that was checked maps another.
    pub(super) fn maps(&self, path: &LayerPath) -> bool {
        self.mapped.borrow().contains(path)
    }

    fn note(&self, mapped: &Mapped<'w>) {
        self.mapped.borrow_mut().extend(mapped.objects.iter().map(|object| object.path.clone()));
    }

    /// What keeps a program from starting.
    pub(super) fn program(&self, program: &Found<'w>) -> Vec<Problem> {
        let elf = match program.loadable {
            Some(Loadable::Elf(elf)) => elf,
            Some(Loadable::Unread(why)) => return vec![unread(&program.path, &program.path, why)],
            Some(Loadable::NotKept) => return vec![unread(&program.path, &program.path, "it was not kept")],
            Some(Loadable::Script(_)) | None => return Vec::new(),
        };
        let Some(interpreter) = elf.interpreter.as_deref().map(LayerPath::clean) else { return Vec::new() };
        match self.process(program, elf) {
            Some(process) => {
                self.note(&process.mapped);
                let mut problems = self.preloads(&process, program);
                let all = 0..process.mapped.objects.len();
                problems.extend(self.problems(&process.loader, &process.mapped, all, &program.path, elf.bind_now));
                problems
            }
            None => vec![self.no_loader(program, &interpreter)],
        }
    }

    /// What keeps a library or module from being loaded: into a process, or where none is known, by itself.
    pub(super) fn library(&self, file: &Found<'w>, elf: &'w Elf, host: &Host<'w>) -> Vec<Problem> {
        let (loader, mut mapped, now) = match host {
            Host::Process(process, now) => (process.loader.clone(), Mapped::clone(&process.mapped), *now),
            Host::Loader(loader) => (loader.clone(), Mapped::default(), elf.bind_now),
            Host::Unknown => return Vec::new(),
        };
        // What was already amiss with the host is its own problem.
        (mapped.missing, mapped.unread) = (Vec::new(), Vec::new());
        if elf.target != loader.target {
            return vec![wrong_target(&file.path, elf, &loader)];
        }
        if let Some(problem) = self.wrong_libc(file, elf, &loader) {
            return vec![problem];
        }
        let before = mapped.objects.len();
        let at = loader.load(&mut mapped, file, elf);
        if matches!(host, Host::Process(..)) {
            self.note(&mapped);
        }
        self.problems(&loader, &mapped, at.min(before)..mapped.objects.len(), &file.path, now)
    }

    fn no_loader(&self, program: &Found<'w>, interpreter: &LayerPath) -> Problem {
        let libc = Libc::of_loader(interpreter);
        let there = self.world.file(interpreter);
        let missing = interpreter.display();
        if there.is_some_and(|found| !matches!(found.loadable, Some(Loadable::Elf(_)))) {
            let what = format!("the loader {missing} can't be read");
            return Problem::new(Verdict::Undecided, "elf-interpreter", what).of(&program.path).missing(missing);
        }
        let what = match (libc, has_libc(&self.world)) {
            (Libc::Glibc, Some(Libc::Musl)) => "it is made for glibc; the base has musl".into(),
            (Libc::Musl, Some(Libc::Glibc)) => "it is made for musl; the base has glibc".into(),
            (_, None) => "the base has no loader for programs that need libraries".into(),
            (libc, _) => format!("its loader, of {}, is not there", libc.name()),
        };
        let package = self.owners.of_file(missing.trim_start_matches('/'));
        let problem = Problem::new(Verdict::Breaks, "elf-interpreter", what).of(&program.path).missing(missing.clone());
        problem.hint(format!("a base with {}", libc.name())).in_package(package)
    }

    /// glibc's files in a process of musl, or the other way round.
    fn wrong_libc(&self, file: &Found<'w>, elf: &Elf, loader: &Loader<'w>) -> Option<Problem> {
        let made_for = Libc::made_for(elf)?;
        let here = loader.places.libc;
        if made_for == here || here == Libc::Other || made_for == Libc::Other {
            return None;
        }
        let what = format!("it is made for {}; what loads it runs with {}", made_for.name(), here.name());
        let needed = elf.needed.iter().find(|name| name.starts_with(b"libc.")).unwrap_or(b"libc");
        let hint = format!("the same package built for {}, or a base with {}", here.name(), made_for.name());
        let missing = String::from_utf8_lossy(needed).into_owned();
        Some(Problem::new(Verdict::Breaks, "elf-libc", what).of(&file.path).missing(missing).hint(hint))
    }

    fn preloads(&self, process: &Process<'w>, program: &Found<'w>) -> Vec<Problem> {
        let missing = process.loader.preloaded().filter(|name| !process.loader.finds(&process.mapped, name));
        let (verdict, what) = match process.loader.places.libc {
            Libc::Musl => (Verdict::Breaks, "LD_PRELOAD names a library that is not there, so that nothing starts"),
            _ => (Verdict::Undecided, "LD_PRELOAD names a library that is not there: programs start without it"),
        };
        let problem = |name: &str| {
            let problem = Problem::new(verdict, "elf-preload", what).missing(name).of(&program.path);
            problem.in_package(self.owners.of_file(name.trim_start_matches('/')))
        };
        missing.map(problem).collect()
    }

    /// What is amiss with objects, told of the file that brought them in.
    fn problems(
        &self,
        loader: &Loader<'w>,
        mapped: &Mapped<'w>,
        new: std::ops::Range<usize>,
        file: &LayerPath,
        now: bool,
    ) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        for (by, name) in &mapped.missing {
            problems.push(self.missing_library(loader, &mapped.objects[*by], name, file));
        }
        problems.extend(mapped.unread.iter().map(|(_, path, why)| unread(file, path, why)));
        for object in &mapped.objects[new] {
            if loader.places.libc != Libc::Musl {
                problems.extend(self.versions(mapped, object, file));
            }
            if mapped.missing.is_empty() && mapped.unread.is_empty() {
                let now = now || loader.places.libc == Libc::Musl || object.elf.bind_now;
                problems.extend(self.symbols(mapped, object, file, now));
            }
        }
        problems
    }

    fn missing_library(&self, loader: &Loader<'w>, by: &Object<'w>, name: &[u8], file: &LayerPath) -> Problem {
        let missing = String::from_utf8_lossy(name).into_owned();
        let through = if by.path == *file { String::new() } else { format!(" (through {})", by.path.display()) };
        let (verdict, what) = match loader.places.unknown {
            Some(why) => (Verdict::Undecided, format!("the library {missing} is not found, but {why}{through}")),
            None => (Verdict::Breaks, format!("the library {missing} is not there{through}")),
        };
        let package = self.owners.of_library(&missing);
        let problem = Problem::new(verdict, "elf-library", what).of(file).missing(missing.clone());
        problem
            .hint("the package that has it, in the base or in the application's image".to_owned())
            .in_package(package)
    }

    /// Versions that an object needs and its libraries do not define. Without any of its own, a library passes.
    fn versions(&self, mapped: &Mapped<'w>, object: &Object<'w>, file: &LayerPath) -> Vec<Problem> {
        let mut problems = Vec::new();
        for required in &object.elf.requires {
            let Some(library) = mapped.named(&required.library) else { continue };
            if library.elf.provides.is_empty() {
                continue;
            }
            for version in required.versions.iter().filter(|version| !library.elf.provides.contains(version)) {
                let version = String::from_utf8_lossy(version);
                let has = newest(library.elf, &version).map(|newest| format!(" goes up to {newest}"));
                let has = has.unwrap_or_else(|| " has no such versions".into());
                let what = format!("{}{has}", library.path.display());
                let missing = format!("{version} of {}", String::from_utf8_lossy(&required.library));
                let hint = self.owners.newer(&String::from_utf8_lossy(&required.library));
                let problem = Problem::new(Verdict::Breaks, "elf-version", what);
                problems.push(problem.of(file).missing(missing).hint(hint));
            }
        }
        problems
    }

    fn symbols(&self, mapped: &Mapped<'w>, object: &Object<'w>, file: &LayerPath, now: bool) -> Vec<Problem> {
        let through = if object.path == *file { String::new() } else { format!(" in {}", object.path.display()) };
        let symbols = match &object.elf.symbols {
            Ok(symbols) => symbols,
            Err(why) => return vec![unread(file, &object.path, why)],
        };
        let mut undefined: Vec<String> = Vec::new();
        let mut untold = false;
        for name in symbols.undefined.iter() {
            match mapped.defines(hash(name)) {
                Some(true) => {}
                Some(false) => undefined.push(String::from_utf8_lossy(name).into_owned()),
                None => untold = true,
            }
        }
        let mut problems = Vec::new();
        if untold {
            let what = format!("what its libraries define could not be read{through}");
            problems.push(Problem::new(Verdict::Undecided, UNREAD, what).of(file));
        }
        let (verdict, what) = if now {
            (Verdict::Breaks, format!("functions that it needs are nowhere defined{through}: it is not loaded"))
        } else {
            (Verdict::Undecided, format!("functions are nowhere defined{through}: it fails when they are called"))
        };
        undefined.sort();
        undefined.dedup();
        let named = undefined.iter().take(NAMED_SYMBOLS);
        problems.extend(named.map(|name| Problem::new(verdict, "elf-symbol", what.clone()).of(file).missing(name)));
        problems
    }
}

/// What a library is loaded into.
pub(super) enum Host<'w> {
    /// A program; whether it has its modules' functions looked up at once.
    Process(Process<'w>, bool),
    /// Unknown, but with this loader.
    Loader(Rc<Loader<'w>>),
    Unknown,
}

/// The C library of an image, by the loaders in their usual places.
pub(super) fn has_libc(world: &World<'_>) -> Option<Libc> {
    let folders = ["lib64", "lib", "usr/lib64", "usr/lib"];
    folders.iter().find_map(|folder| {
        let (_, id) = world.tree.follow(&(*folder).into(), true).ok()?;
        let names = world.tree.node(id).children().map(|(name, _)| Libc::of_loader(&LayerPath::clean(name)));
        names.into_iter().find(|libc| *libc != Libc::Other)
    })
}

fn wrong_target(path: &LayerPath, elf: &Elf, loader: &Loader<'_>) -> Problem {
    let what = format!("it is made for {}; what loads it runs on {}", elf.target.name(), loader.target.name());
    Problem::new(Verdict::Breaks, "elf-machine", what).of(path)
}

fn unread(file: &LayerPath, path: &LayerPath, why: &str) -> Problem {
    let what = format!("what {} needs could not be read: {why}", path.display());
    Problem::new(Verdict::Undecided, UNREAD, what).of(file)
}

/// The newest version of a family (`GLIBC_2.36` for `GLIBC_…`) that a library defines.
fn newest(library: &Elf, like: &str) -> Option<String> {
    let family = like.rsplit_once('_')?.0;
    let number = |version: &str| -> Option<Vec<u32>> {
        let (name, number) = version.rsplit_once('_')?;
        (name == family).then(|| number.split('.').map_while(|part| part.parse().ok()).collect())
    };
    let versions = library.provides.iter().map(|version| String::from_utf8_lossy(version).into_owned());
    let numbered = versions.filter_map(|version| number(&version).map(|number| (number, version)));
    numbered.max().map(|(_, version)| version)
}
