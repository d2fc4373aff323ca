//! What the application's Python source imports from the base: its standard library and its packages.

use super::python::Pythons;
use super::summary::Problem;
use super::world::World;
use super::{Facts, Verdict};
use crate::model::LayerPath;

/// Modules that were found in the old base are found in the candidate.
pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let (old, new) = (Modules::of(facts.old), Modules::of(facts.new));
    if old.folders.is_empty() || new.folders.is_empty() {
        return Vec::new();
    }
    facts
        .new
        .own_files()
        .flat_map(|file| {
            let layer = &facts.new.tree.layers()[file.id.layer as usize];
            let Some(imports) = layer.imports(file.id.row) else { return Vec::new() };
            let Some(imports) = imports else {
                let what = "what some of its Python source imports was not kept, since there was too much of it";
                return vec![Problem::new(Verdict::Undecided, "python-imports", what).of(&file.path)];
            };
            let lost = imports.iter().filter(|import| old.has(&import.name) && !new.has(&import.name));
            lost.map(|import| {
                let (verdict, what) = match import.always {
                    true => (Verdict::Breaks, "its code imports modules that only the old base has"),
                    false => (Verdict::Undecided, "its code may import modules that only the old base has"),
                };
                let hint = "the package that has it, in the application's own list of requirements".to_owned();
                Problem::new(verdict, "python-imports", what).of(&file.path).missing(&*import.name).hint(hint)
            })
            .collect()
        })
        .collect()
}

/// Folders that a tree's interpreters have modules from.
struct Modules<'w> {
    world: World<'w>,
    folders: Vec<LayerPath>,
}

impl<'w> Modules<'w> {
    fn of(world: World<'w>) -> Self {
        let pythons = Pythons::of(world);
        let mut folders: Vec<LayerPath> = pythons.all.iter().flat_map(|python| python.folders()).collect();
        folders.sort();
        folders.dedup();
        Self { world, folders }
    }

    /// Whether one of them has a module: a folder, source, or a library.
    fn has(&self, name: &str) -> bool {
        let tree = self.world.tree;
        self.folders.iter().filter_map(|folder| tree.follow(folder, true).ok()).any(|(path, id)| {
            let is = |child: &[u8]| tree.node(id).children().any(|(name, _)| name == child);
            let source = format!("{name}.py");
            let library = || {
                let prefix = format!("{name}.");
                let mut names = tree.node(id).children().map(|(name, _)| name);
                names.any(|name| name.starts_with(prefix.as_bytes()) && name.ends_with(b".so"))
            };
            self.world.is_dir(&path.join(name.as_bytes())) || is(source.as_bytes()) || library()
        })
    }
}
