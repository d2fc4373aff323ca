//! Files of the old base that the application's layers replace: laid over another base they hide its own.

use std::collections::BTreeSet;

use super::summary::{Problem, listed};
use super::world::Text;
use super::{Facts, Verdict};
use crate::elf::Loadable;
use crate::model::{EntryKind, LayerPath};
use crate::tree::TreeNote;

/// Databases of package managers.
const DATABASES: [(&str, &str); 5] = [
    ("var/lib/dpkg/status", "dpkg"),
    ("lib/apk/db/installed", "apk"),
    ("usr/lib/apk/db/installed", "apk"),
    ("var/lib/rpm/rpmdb.sqlite", "rpm"),
    ("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
];

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = databases(facts).into_iter().chain(users(facts)).collect();
    problems.extend(libraries(facts));
    problems.extend(folders(facts));
    problems
}

fn databases(facts: &Facts<'_>) -> Vec<Problem> {
    let own = DATABASES.iter().filter(|(path, _)| facts.new.owns(&(*path).into()));
    own.map(|(path, manager)| {
        let what = format!(
            "its layers bring {manager}'s database, which lists the old base's packages: stacked over this base, scanners \
             and {manager} believe it; a rebuild has to install its packages anew"
        );
        Problem::new(Verdict::Works, "package-database", what).of(&(*path).into())
    })
    .collect()
}

/// Users that the candidate has and the application's own list lacks.
fn users(facts: &Facts<'_>) -> Vec<Problem> {
    let files = ["etc/passwd", "etc/group"].into_iter().filter(|file| facts.new.owns(&(*file).into()));
    files
        .filter_map(|file| {
            let names = |text: Text<'_>| match text {
                Text::Known(text) => text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect(),
                Text::Missing | Text::Unknown => BTreeSet::new(),
            };
            let below = super::world::World::new(facts.candidate.tree, facts.new.config, &[], usize::MAX);
            let (own, base) = (names(facts.new.text(&file.into())), names(below.text(&file.into())));
            let hidden: BTreeSet<String> = base.difference(&own).cloned().collect();
            let first = hidden.first()?;
            let what = format!("its layers bring /{file}, which hides names of this base's: {}", listed(&hidden));
            Some(Problem::new(Verdict::Works, "hidden-users", what).of(&file.into()).missing(first))
        })
        .collect()
}

/// Libraries and programs of the candidate that are replaced by other ones.
fn libraries(facts: &Facts<'_>) -> Vec<Problem> {
    let mut replaced: Vec<&LayerPath> = Vec::new();
    for file in &facts.own_files {
        let Some(Loadable::Elf(_)) = file.loadable else { continue };
        let Ok((_, id)) = facts.candidate.tree.follow(&file.path, true) else { continue };
        let below = facts.candidate.tree;
        let Some(entry) = below.data(below.node(id)).map(|id| below.entry(id)) else { continue };
        let same = match (&entry.kind, &file.entry.kind) {
            (EntryKind::File { content: a, .. }, EntryKind::File { content: b, .. }) => a == b,
            _ => false,
        };
        if !same {
            replaced.push(&file.path);
        }
    }
    let what = "its layers replace programs or libraries of this base by those of the old one: what else needs them is \
                not checked";
    replaced.iter().map(|path| Problem::new(Verdict::Undecided, "replaced-file", what).of(path)).collect()
}

/// Folders that become one thing with some engines and another with others.
fn folders(facts: &Facts<'_>) -> Vec<Problem> {
    let new = facts.new.tree.notes().iter().filter(|note| !facts.old.tree.notes().iter().any(|old| same(old, note)));
    new.filter_map(|note| match note {
        TreeNote::ParentReplaced { path, layer } if *layer as usize >= facts.candidate.tree.layers().len() => {
            let what = format!(
                "its layers write below {}, a link in this base: most engines make a folder of it, which hides what the \
                 link leads to; containerd follows it",
                path.display()
            );
            Some(Problem::new(Verdict::Undecided, "replaced-link", what).of(path))
        }
        _ => None,
    })
    .collect()
}

fn same(a: &TreeNote, b: &TreeNote) -> bool {
    match (a, b) {
        (TreeNote::ParentReplaced { path: a, .. }, TreeNote::ParentReplaced { path: b, .. }) => a == b,
        _ => a == b,
    }
}
