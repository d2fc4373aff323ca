//! Every program and library that the application brings.

use std::rc::Rc;

use super::loader::Loader;
use super::node;
use super::owner::Owners;
use super::process::{Host, Processes};
use super::python::{self, Pythons};
use super::search::Libc;
use super::summary::{Problem, news};
use super::world::{Found, World};
use super::{Facts, Verdict, commands};
use crate::elf::{Elf, Loadable, Target};
use crate::model::LayerPath;

/// Where loaders stand.
const LOADER_FOLDERS: [&str; 4] = ["lib64", "lib", "usr/lib64", "usr/lib"];

/// Files of one world, with what they are loaded into.
struct Hosts<'w> {
    world: World<'w>,
    processes: Processes<'w>,
    pythons: &'w Pythons<'w>,
    /// Programs that are started.
    started: Vec<Found<'w>>,
}

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let old = Hosts::of(facts.old, &facts.owners, &facts.old_pythons);
    let new = Hosts::of(facts.new, &facts.owners, &facts.new_pythons);
    // Programs first: a library that one of them finds by its own paths need not be found without them.
    let (libraries, others): (Vec<_>, Vec<_>) = facts.own_files.iter().partition(|file| is_plain_library(file));
    let mut found: Vec<Problem> = others.iter().flat_map(|file| lost(facts, &old, &new, file)).collect();
    let libraries = libraries.iter().filter(|file| !new.processes.maps(&file.path));
    found.extend(libraries.flat_map(|file| lost(facts, &old, &new, file)));
    found
}

/// What a file misses that it had.
fn lost<'w>(facts: &'w Facts<'w>, old: &Hosts<'w>, new: &Hosts<'w>, file: &Found<'w>) -> Vec<Problem> {
    let problems = new.problems(file);
    if problems.is_empty() {
        return Vec::new();
    }
    let before = facts.old.file(&file.entry.path).map(|before| old.problems(&before)).unwrap_or_default();
    let broken = before.iter().any(|problem| problem.verdict == Verdict::Breaks);
    let mut found = news(&before, problems);
    if broken {
        // It could not be loaded before either, as far as that can be told.
        found.iter_mut().for_each(|problem| problem.verdict = problem.verdict.min(Verdict::Undecided));
        if new.started.iter().any(|started| started.path == file.path) {
            // It runs where it is, so there is something that was not seen.
            let what = "how the program that it starts finds its libraries is not understood";
            found.push(Problem::new(Verdict::Undecided, "program", what).of(&file.path));
        }
    }
    found
}

impl<'w> Hosts<'w> {
    fn of(world: World<'w>, owners: &'w Owners, pythons: &'w Pythons<'w>) -> Self {
        let started = commands::started(&world).into_iter().flat_map(|led| led.programs).collect();
        Self { world, processes: Processes::new(world, owners), pythons, started }
    }

    fn problems(&self, file: &Found<'w>) -> Vec<Problem> {
        let elf = match file.loadable {
            Some(Loadable::Elf(elf)) => elf,
            Some(Loadable::Unread(_) | Loadable::NotKept) => return self.processes.program(file),
            Some(Loadable::Script(_)) | None => return Vec::new(),
        };
        if elf.interpreter.is_some() && !is_library(file, elf) {
            return self.processes.program(file);
        }
        if !elf.dynamic {
            return Vec::new();
        }
        if is_python_module(elf) {
            return self.python_module(file, elf);
        }
        if node::is_addon(&file.path) {
            return self.addon(file, elf);
        }
        let host = self.main_loader(elf.target).map_or(Host::Unknown, Host::Loader);
        self.processes.library(file, elf, &host)
    }

    fn python_module(&self, file: &Found<'w>, elf: &'w Elf) -> Vec<Problem> {
        // Where no interpreter reads its folder, that is told once for all of it.
        let Some(python) = self.pythons.host(&file.path) else { return Vec::new() };
        let Some(Loadable::Elf(program)) = python.program.loadable else { return Vec::new() };
        let Some(process) = self.processes.process(&python.program, program) else { return Vec::new() };
        let musl = process.loader.places.libc == Libc::Musl;
        if let Some(what) = python::wrong_tag(&file.path, python, musl) {
            let hint = "the same package, built for that Python".to_owned();
            let what = format!("a module is not loaded by the base's Python: {what}");
            return vec![Problem::new(Verdict::Breaks, "python-abi", what).of(&file.path).hint(hint)];
        }
        self.processes.library(file, elf, &Host::Process(process, true))
    }

    fn addon(&self, file: &Found<'w>, elf: &'w Elf) -> Vec<Problem> {
        let Some(program) = self.world.program("node") else { return Vec::new() };
        let Some(Loadable::Elf(node)) = program.loadable else { return Vec::new() };
        let Some(process) = self.processes.process(&program, node) else { return Vec::new() };
        self.processes.library(file, elf, &Host::Process(process, true))
    }

    /// The loader of what is started, or the one in its usual place.
    fn main_loader(&self, target: Target) -> Option<Rc<Loader<'w>>> {
        let of_program = |program: &Found<'w>| {
            let Some(Loadable::Elf(elf)) = program.loadable else { return None };
            self.processes.loader(&LayerPath::clean(elf.interpreter.as_deref()?))
        };
        let started = self.started.iter().filter_map(of_program).find(|loader| loader.target == target);
        started.or_else(|| self.usual_loader(target))
    }

    fn usual_loader(&self, target: Target) -> Option<Rc<Loader<'w>>> {
        LOADER_FOLDERS.iter().find_map(|folder| {
            let (path, id) = self.world.tree.follow(&(*folder).into(), true).ok()?;
            let names = self.world.tree.node(id).children().map(|(name, _)| path.join(name));
            let loaders = names.filter(|path| {
                let name = path.file_name();
                Libc::of_loader(path) != Libc::Other && name.starts_with(b"ld")
            });
            let mut loaders = loaders.filter_map(|path| self.processes.loader(&path));
            loaders.find(|loader| loader.target == target)
        })
    }
}

/// Some libraries say how they are started, to print their version: libc.so.6 itself.
fn is_library(file: &Found<'_>, elf: &Elf) -> bool {
    elf.soname.is_some() && file.path.file_name().windows(3).any(|part| part == b".so")
}

/// Whether it is a library that says of no program that it is loaded into it.
fn is_plain_library(file: &Found<'_>) -> bool {
    let Some(Loadable::Elf(elf)) = file.loadable else { return false };
    let program = elf.interpreter.is_some() && !is_library(file, elf);
    !program && !is_python_module(elf) && !node::is_addon(&file.path)
}

/// Whether Python has to be there when it is loaded.
fn is_python_module(elf: &Elf) -> bool {
    let Ok(symbols) = &elf.symbols else { return false };
    let links_python = elf.needed.iter().any(|name| name.starts_with(b"libpython"));
    !links_python && symbols.undefined.iter().any(|name| name.starts_with(b"Py") || name.starts_with(b"_Py"))
}
