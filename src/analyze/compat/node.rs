//! Node: add-ons are made for one ABI, or for all that have Node-API.

use super::summary::Problem;
use super::world::{Text, World};
use super::{Facts, Verdict};
use crate::elf::{Loadable, Symbols};
use crate::model::LayerPath;

/// Whether a file is an add-on.
pub(super) fn is_addon(path: &LayerPath) -> bool {
    path.file_name().ends_with(b".node")
}

/// Whether an add-on needs V8's own interface, which changes with every major version.
fn needs_v8(symbols: &Symbols) -> bool {
    symbols.undefined.iter().any(|name| {
        name.starts_with(b"_ZN2v8")
            || name.starts_with(b"_ZNK2v8")
            || memchr::memmem::find(name, b"node_module_register").is_some()
    })
}

/// The major version of a tree's Node, by its own header or by the environment that its images set.
pub(super) fn major(world: &World<'_>) -> Option<u32> {
    let program = world.program("node")?;
    let header = program.path.parent().parent().join(b"include").join(b"node").join(b"node_version.h");
    if let Text::Known(text) = world.text(&header) {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("#define NODE_MAJOR_VERSION").map(str::trim));
        if let Some(major) = line.and_then(|number| number.parse().ok()) {
            return Some(major);
        }
    }
    world.env("NODE_VERSION")?.trim_start_matches('v').split('.').next()?.parse().ok()
}

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let mut addons =
        facts.own_files.iter().filter(|found| is_addon(&found.path)).filter(|found| match found.loadable {
            Some(Loadable::Elf(elf)) => elf.symbols.as_ref().is_ok_and(needs_v8),
            _ => false,
        });
    let Some(first) = addons.next() else { return Vec::new() };
    if facts.old.program("node").is_none() {
        return Vec::new();
    }
    let (old, new) = (major(&facts.old), major(&facts.new));
    let (verdict, what) = match (old, new) {
        (Some(old), Some(new)) if old == new => return Vec::new(),
        (Some(old), Some(new)) => {
            (Verdict::Breaks, format!("add-ons are made for the ABI of Node {old}; the base has Node {new}"))
        }
        _ => {
            (Verdict::Undecided, "add-ons are made for one version of Node; which one the base has is not known".into())
        }
    };
    let files = std::iter::once(first).chain(addons);
    let missing = old.map_or_else(|| "Node".into(), |old| format!("Node {old}"));
    files.map(|file| Problem::new(verdict, "node-abi", what.clone()).of(&file.path).missing(missing.clone())).collect()
}
