//! Rules about what an image holds: paths, packages, findings.

use std::collections::BTreeSet;

use super::amount::Amount;
use super::baseline::{self, Growth};
use super::outcome::{Evidence, Outcome};
use super::rule::{Names, Rule};
use super::scope::{Scope, sorted};
use crate::analyze::finding::{Finding, findings as all_findings};
use crate::analyze::{Globs, InstalledPackage, packages as all_packages, waste};
use crate::model::EntryKind;
use crate::tree::Tree;

/// Bytes of the visible files of some paths.
pub(super) fn paths(rule: &Rule, scope: &Scope<'_>, paths: &Globs, written: &[String], limit: u64) -> Outcome {
    let files = scope.files().filter(|(_, entry, outcome)| outcome.is_visible() && paths.matches(&entry.path));
    let files =
        files.map(|(id, entry, _)| Evidence::of("").path(&entry.path).layer(id.layer).bytes(entry.file_bytes()));
    let files = sorted(files.collect());
    let actual = Amount::Bytes(files.iter().filter_map(|file| file.bytes).sum());
    let (own, allowed) = actual.beside(&Amount::Bytes(limit));
    if !actual.exceeds(&Amount::Bytes(limit)) {
        return Outcome::pass(rule, actual, format!("{own} of at most {allowed}"));
    }
    let message = format!("{own} are in {}, at most {allowed} may be", written.join(", "));
    Outcome::fail(rule, actual, message).with(files)
}

/// Names that no layer may have: a secret that a later layer deletes is still pulled.
pub(super) fn forbidden(rule: &Rule, scope: &Scope<'_>, paths: &Globs) -> Outcome {
    let mut found = Vec::new();
    for (layer, index) in scope.subject.tree.layers().iter().enumerate() {
        let names = index.entries.iter().filter(|entry| !matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque));
        let there = names.filter(|entry| scope.counts(layer as u32, &entry.path) && paths.matches(&entry.path));
        found.extend(
            there.map(|entry| Evidence::of("").path(&entry.path).layer(layer as u32).bytes(entry.file_bytes())),
        );
    }
    counted(rule, found, 0, |n| match n {
        1 => "a forbidden path is there".into(),
        n => format!("{n} forbidden paths are there"),
    })
}

/// Packages by name, or by ecosystem and name: `gcc*`, `deb:gcc*`.
pub(super) fn packages(rule: &Rule, scope: &Scope<'_>, forbidden: &Names) -> Outcome {
    let named = |package: &InstalledPackage| {
        forbidden.have(&package.name) || forbidden.have(&format!("{}:{}", package.ecosystem, package.name))
    };
    let found = own_packages(scope).into_iter().filter(named);
    let found = found.map(|package| {
        let InstalledPackage { ecosystem, name, version, path } = package;
        Evidence::of(format!("{name} {version} ({ecosystem})")).path(&path)
    });
    counted(rule, found.collect(), 0, |n| match n {
        1 => "a forbidden package is there".into(),
        n => format!("{n} forbidden packages are there"),
    })
}

/// The packages that count: not those that the base has in the same version.
pub(super) fn own_packages(scope: &Scope<'_>) -> Vec<InstalledPackage> {
    let tree = scope.subject.tree;
    let base = &tree.layers()[..(scope.first as usize).min(tree.layers().len())];
    let of_base = if base.is_empty() { Vec::new() } else { all_packages(&Tree::new(base.to_vec())) };
    let of_base: BTreeSet<InstalledPackage> = of_base.into_iter().collect();
    let counts = |package: &InstalledPackage| !of_base.contains(package) && scope.counts_path(&package.path);
    all_packages(tree).into_iter().filter(counts).collect()
}

/// Packages that the baseline lacks.
pub(super) fn added(rule: &Rule, growth: &Growth, limit: u64, except: &Names) -> Outcome {
    let allowed = |ecosystem: &str, name: &str| except.have(name) || except.have(&format!("{ecosystem}:{name}"));
    let new = growth.added().filter(|package| !allowed(&package.ecosystem, &package.name)).map(baseline::added);
    let new: Vec<Evidence> = new.collect();
    if growth.programs_unread && new.len() as u64 <= limit {
        let told = "the baseline's document lacks what programs were built of: write it with --verify full";
        return Outcome::undecided(rule, told);
    }
    counted(rule, new, limit, |n| {
        let are = if n == 1 { "package is" } else { "packages are" };
        format!("{n} {are} not in {}, at most {limit} may be", growth.reference)
    })
}

/// What `inspect` would mend.
pub(super) fn findings(rule: &Rule, all: &[Finding], limit: u64, wanted: impl Fn(&Finding) -> bool) -> Outcome {
    let found = all.iter().filter(|finding| wanted(finding)).map(|finding| {
        let told = finding.path.is_some() || finding.layer.is_some();
        let what = if told { finding.rule.into() } else { format!("{}: {}", finding.rule, finding.message) };
        let evidence = Evidence::of(what);
        Evidence { path: finding.path.clone(), layer: finding.layer, bytes: Some(finding.bytes), ..evidence }
    });
    counted(rule, found.collect(), limit, |n| {
        let noun = if n == 1 { "finding" } else { "findings" };
        format!("{n} {noun}, at most {limit} may be")
    })
}

/// The findings about what counts.
pub(super) fn in_scope(scope: &Scope<'_>) -> Vec<Finding> {
    let counts = |finding: &Finding| {
        finding.layer.is_none_or(|layer| layer >= scope.first)
            && finding.path.as_ref().is_none_or(|path| scope.counts_path(path))
    };
    all_findings(scope.subject, &waste(scope.subject.tree)).into_iter().filter(counts).collect()
}

fn counted(rule: &Rule, found: Vec<Evidence>, limit: u64, message: impl FnOnce(u64) -> String) -> Outcome {
    let n = found.len() as u64;
    match n > limit {
        true => Outcome::fail(rule, Amount::Count(n), message(n)).with(found),
        false if limit == 0 => Outcome::pass(rule, Amount::Count(n), "none"),
        false => Outcome::pass(rule, Amount::Count(n), format!("{n} of at most {limit}")),
    }
}
