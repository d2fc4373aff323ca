//! Python: which interpreter reads which folder of packages, and of which version it is.

use std::collections::{BTreeMap, BTreeSet};

use super::summary::Problem;
use super::world::{Found, World};
use super::{Facts, Verdict};
use crate::analyze::distribution;
use crate::elf::Loadable;
use crate::model::LayerPath;

/// A version's major and minor number.
pub(super) type Version = (u32, u32);

/// An interpreter, links followed.
#[derive(Clone)]
pub(super) struct Interpreter<'w> {
    pub(super) program: Found<'w>,
    pub(super) version: Version,
    /// The folder that holds its `bin`.
    prefix: LayerPath,
    /// Further folders of packages that its distribution has it read.
    also: Vec<String>,
}

/// A folder of packages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    folder: LayerPath,
    version: Option<Version>,
}

/// The interpreters of a tree.
pub(super) struct Pythons<'w> {
    world: World<'w>,
    pub(super) all: Vec<Interpreter<'w>>,
    path: Vec<LayerPath>,
}

impl<'w> Pythons<'w> {
    pub(super) fn of(world: World<'w>) -> Self {
        let named = world
            .tree
            .walk()
            .filter(|item| !item.node.is_dir() && is_python(item.name()) && item.path().parent().file_name() == b"bin");
        let mut seen = BTreeSet::new();
        let programs =
            named.filter_map(|item| world.file(&item.path())).filter(|found| seen.insert(found.path.clone()));
        let programs: Vec<Found<'w>> = programs.collect();
        let all = programs.into_iter().filter_map(|program| Interpreter::of(&world, program)).collect();
        let path = world.env("PYTHONPATH").unwrap_or_default().split(':').filter(|path| !path.is_empty());
        let path = path.map(|path| world.absolute(path.as_bytes())).collect();
        Self { world, all, path }
    }

    /// The interpreter that a program is.
    pub(super) fn of_program(&self, path: &LayerPath) -> Option<&Interpreter<'w>> {
        self.all.iter().find(|python| python.program.path == *path)
    }

    /// The one that a name or path leads to.
    fn called(&self, word: &str) -> Option<&Interpreter<'w>> {
        self.of_program(&self.world.program(word)?.path)
    }

    /// The interpreter that reads a folder of packages.
    fn reads(&self, site: &Site) -> Option<&Interpreter<'w>> {
        if let Some(root) = self.environment(&site.folder) {
            let python = ["bin/python", "bin/python3"].iter().find_map(|name| {
                let path = LayerPath::clean(&[root.as_bytes(), b"/", name.as_bytes()].concat());
                self.of_program(&self.world.file(&path)?.path)
            });
            return python.filter(|python| site.version.is_none_or(|version| version == python.version));
        }
        if self.path.contains(&site.folder) {
            return self.called("python3").or_else(|| self.called("python")).or(self.all.first());
        }
        self.all.iter().find(|python| python.reads(&self.world, &site.folder))
    }

    /// The virtual environment that a folder is in.
    fn environment(&self, folder: &LayerPath) -> Option<LayerPath> {
        let mut at = folder.clone();
        while !at.is_root() {
            if self.world.file(&at.join(b"pyvenv.cfg")).is_some() {
                return Some(at);
            }
            at = at.parent();
        }
        None
    }

    /// The interpreter that a module is loaded into.
    pub(super) fn host(&self, module: &LayerPath) -> Option<&Interpreter<'w>> {
        if let Some(site) = site_of(module) {
            return self.reads(&site);
        }
        self.called("python3").or_else(|| self.called("python")).or(self.all.first())
    }
}

impl<'w> Interpreter<'w> {
    fn of(world: &World<'w>, program: Found<'w>) -> Option<Self> {
        let prefix = program.path.parent().parent();
        let by_name = version_of(program.path.file_name().strip_prefix(b"python")?);
        let version = by_name.or_else(|| by_library(&program)).or_else(|| by_folder(world, &prefix))?;
        let also = also(world, &prefix, version);
        Some(Self { program, version, prefix, also })
    }

    /// Whether it has its modules from a folder without being told to.
    fn reads(&self, world: &World<'w>, folder: &LayerPath) -> bool {
        let name = format!("python{}.{}", self.version.0, self.version.1);
        let own = ["lib", "lib64"].map(|lib| format!("{}/{lib}/{name}/site-packages", self.prefix.lossy()));
        let debian = self.also.iter().any(|folder| folder.ends_with("dist-packages"));
        let own = own.iter().filter(|_| !debian);
        let real = |path: &LayerPath| world.tree.follow(path, true).map_or_else(|_| path.clone(), |(path, _)| path);
        let folder = real(folder);
        let of_user = format!(".local/lib/{name}/site-packages");
        folder.as_bytes().ends_with(of_user.as_bytes())
            || own.chain(&self.also).any(|path| real(&LayerPath::from(path.as_str())) == folder)
    }

    /// The folders that it has modules from: its library's, and those of packages.
    pub(super) fn folders(&self) -> Vec<LayerPath> {
        let name = format!("python{}.{}", self.version.0, self.version.1);
        let library = format!("{}/lib/{name}", self.prefix.lossy());
        let own = ["", "/lib-dynload", "/site-packages"].map(|part| format!("{library}{part}"));
        own.iter().chain(&self.also).map(|path| LayerPath::from(path.as_str())).collect()
    }

    /// `3.11`.
    pub(super) fn version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }
}

/// Folders of packages that Debian's, and Fedora's, interpreter reads.
fn also(world: &World<'_>, prefix: &LayerPath, (major, minor): Version) -> Vec<String> {
    if prefix.as_bytes() != b"usr" {
        return Vec::new();
    }
    let Some(release) = distribution(world.tree) else { return Vec::new() };
    if release.is_like(&["debian", "ubuntu"]) || world.is_dir(&"usr/lib/python3/dist-packages".into()) {
        return vec![
            format!("usr/local/lib/python{major}.{minor}/dist-packages"),
            "usr/lib/python3/dist-packages".into(),
            format!("usr/lib/python{major}.{minor}/dist-packages"),
        ];
    }
    if release.is_like(&["fedora", "rhel", "centos"]) {
        return ["lib", "lib64"].map(|lib| format!("usr/local/{lib}/python{major}.{minor}/site-packages")).into();
    }
    Vec::new()
}

fn is_python(name: &[u8]) -> bool {
    name == b"python"
        || name == b"python3"
        || name.strip_prefix(b"python").is_some_and(|rest| version_of(rest).is_some())
}

/// `3.11` at the beginning of a name's rest, which may end with ABI flags or stop there.
fn version_of(text: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(text).ok()?;
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.trim_end_matches(['t', 'd', 'm', 'u']).parse().ok()?))
}

fn by_library(program: &Found<'_>) -> Option<Version> {
    let Some(Loadable::Elf(elf)) = program.loadable else { return None };
    elf.needed.iter().find_map(|name| {
        let rest = name.strip_prefix(b"libpython")?;
        let end = memchr::memmem::find(rest, b".so")?;
        version_of(&rest[..end])
    })
}

fn by_folder(world: &World<'_>, prefix: &LayerPath) -> Option<Version> {
    let lib = prefix.join(b"lib");
    let (path, id) = world.tree.follow(&lib, true).ok()?;
    let versions = world.tree.node(id).children().filter_map(|(name, _)| {
        let version = version_of(name.strip_prefix(b"python")?)?;
        world.file(&path.join(name).join(b"os.py")).map(|_| version)
    });
    versions.max()
}

/// The folder of packages that a file is in.
fn site_of(path: &LayerPath) -> Option<Site> {
    let names: Vec<&[u8]> = path.components().collect();
    let at =
        names.iter().rposition(|name| matches!(*name, b"site-packages" | b"dist-packages")).filter(|at| *at > 0)?;
    let version = names[at - 1].strip_prefix(b"python")?;
    let folder = LayerPath::clean(&names[..=at].join(&b'/'));
    Some(Site { folder, version: version_of(version) })
}

/// The application's packages are read as before.
pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let mut sites: BTreeMap<Site, &LayerPath> = BTreeMap::new();
    for found in &facts.own_files {
        if let Some(site) = site_of(&found.path) {
            sites.entry(site).or_insert(&found.path);
        }
    }
    let (old, new) = (&facts.old_pythons, &facts.new_pythons);
    let mut problems = Vec::new();
    for (site, first) in &sites {
        let Some(before) = old.reads(site) else { continue };
        if new.reads(site).is_some() {
            continue;
        }
        let folder = site.folder.display();
        let missing = format!("Python {}", before.version());
        let there: BTreeSet<String> =
            new.all.iter().map(|python| format!("{} ({})", python.version(), python.program.path.display())).collect();
        let what = if there.is_empty() {
            format!("the base has no Python; {folder} is for {}", before.version())
        } else {
            let there = super::summary::listed(&there);
            format!("no Python there reads {folder}: it is for {} in its place, the base has {there}", before.version())
        };
        let hint = format!("a base with Python {} at {}", before.version(), before.program.path.display());
        problems.push(Problem::new(Verdict::Breaks, "python-packages", what).of(first).missing(missing).hint(hint));
    }
    problems
}

/// Whether an interpreter takes a module by its name: `x.cpython-311-x86_64-linux-gnu.so`; why not.
pub(super) fn wrong_tag(module: &LayerPath, python: &Interpreter<'_>, musl: bool) -> Option<String> {
    let name = String::from_utf8_lossy(module.file_name()).into_owned();
    let (_, tag) = name.split_once(".cpython-")?;
    let tag = tag.strip_suffix(".so").unwrap_or(tag);
    let digits: String = tag.chars().take_while(char::is_ascii_digit).collect();
    let own = format!("{}{}", python.version.0, python.version.1);
    if digits != own {
        return Some(format!("it is for CPython {}, the base has {}", dotted(&digits), python.version()));
    }
    if musl && tag.ends_with("-linux-gnu") {
        return Some("it is for glibc, the base's Python is of musl".into());
    }
    (!musl && tag.ends_with("-linux-musl")).then(|| "it is for musl, the base's Python is of glibc".into())
}

fn dotted(digits: &str) -> String {
    let (major, minor) = digits.split_at(digits.len().min(1));
    format!("{major}.{minor}")
}
