//! What the application's Python source imports from the base: its standard library and its packages.

use std::collections::HashMap;

use super::python::Pythons;
use super::summary::Problem;
use super::world::World;
use super::{Facts, Verdict};
use crate::model::LayerPath;
use crate::pkgdb::Import;
use crate::tree::NodeId;

/// Modules that were found in the old base are found in the candidate.
pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let old = Modules::of(facts.old, &facts.old_pythons);
    let new = Modules::of(facts.new, &facts.new_pythons);
    if old.pythons.all.is_empty() || new.pythons.all.is_empty() {
        return Vec::new();
    }
    // A few modules are imported by all files.
    let mut lost: HashMap<&str, bool> = HashMap::new();
    let mut problems = Vec::new();
    for file in &facts.own_files {
        let layer = &facts.new.tree.layers()[file.id.layer as usize];
        match layer.imports(file.id.row) {
            None => {}
            Some(None) => {
                let what = "what some of its Python source imports was not kept, since there was too much of it";
                problems.push(Problem::new(Verdict::Undecided, "python-imports", what).of(&file.path));
            }
            Some(Some(imports)) => {
                for import in imports {
                    let name: &str = &import.name;
                    if *lost.entry(name).or_insert_with(|| old.has(name) && !new.has(name)) {
                        problems.push(problem(import, &file.path));
                    }
                }
            }
        }
    }
    problems
}

fn problem(import: &Import, file: &LayerPath) -> Problem {
    let (verdict, what) = match import.always {
        true => (Verdict::Breaks, "its code imports modules that only the old base has"),
        false => (Verdict::Undecided, "its code may import modules that only the old base has"),
    };
    let hint = "the package that has it, in the application's own list of requirements".to_owned();
    Problem::new(verdict, "python-imports", what).of(file).missing(&*import.name).hint(hint)
}

/// What a tree's interpreters have modules from.
struct Modules<'w> {
    world: World<'w>,
    pythons: &'w Pythons<'w>,
    /// Folders that are there, links followed.
    folders: Vec<(LayerPath, NodeId)>,
}

impl<'w> Modules<'w> {
    fn of(world: World<'w>, pythons: &'w Pythons<'w>) -> Self {
        let named = pythons.all.iter().flat_map(|python| python.folders());
        let folders = named.filter_map(|folder| world.tree.follow(&folder, true).ok()).collect();
        Self { world, pythons, folders }
    }

    /// Whether one of them has a module: a folder, source, or a library.
    fn has(&self, name: &str) -> bool {
        let (tree, prefix) = (self.world.tree, format!("{name}."));
        self.folders.iter().any(|(path, id)| {
            let source = format!("{name}.py");
            let library = || {
                let mut names = tree.node(*id).children().map(|(name, _)| name);
                names.any(|name| name.starts_with(prefix.as_bytes()) && name.ends_with(b".so"))
            };
            self.world.is_dir(&path.join(name.as_bytes()))
                || tree.get(&path.join(source.as_bytes())).is_some()
                || library()
        })
    }
}
