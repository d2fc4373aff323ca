//! Many problems become a few reasons: one for each thing that is missing, whatever number of files misses it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reason, Verdict};
use crate::model::LayerPath;

/// How many missing things, or files, a reason names.
const NAMED: usize = 4;
/// How many reasons there are for one rule and verdict; the last tells of the rest.
const MOST: usize = 20;

/// Something wrong with one file, or with the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) rule: &'static str,
    pub(super) verdict: Verdict,
    /// What is the matter, as it is said of all problems of one rule and text together.
    pub(super) what: String,
    pub(super) needed_by: Option<LayerPath>,
    pub(super) missing: String,
    pub(super) supplied_by: Option<String>,
    /// The package of the old base that has it.
    package: Option<String>,
}

impl Problem {
    pub(super) fn new(verdict: Verdict, rule: &'static str, what: impl Into<String>) -> Self {
        Self {
            rule,
            verdict,
            what: what.into(),
            needed_by: None,
            missing: String::new(),
            supplied_by: None,
            package: None,
        }
    }

    pub(super) fn missing(self, missing: impl Into<String>) -> Self {
        Self { missing: missing.into(), ..self }
    }

    pub(super) fn of(self, file: &LayerPath) -> Self {
        Self { needed_by: Some(file.clone()), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Self { supplied_by: hint.into(), ..self }
    }

    /// A package of the old base has what is missing, where one is known; more exact than a hint.
    pub(super) fn in_package(self, package: Option<&str>) -> Self {
        let Some(package) = package else { return self };
        let hint = format!("the package {package} of the old base");
        Self { package: Some(package.to_owned()), ..self }.hint(hint)
    }

    /// A package has it that is called so by all distributions.
    pub(super) fn in_the_package(self, package: &str) -> Self {
        Self { package: Some(package.to_owned()), ..self }.hint(format!("the package {package}"))
    }

    /// Whether another is the same one, in another tree.
    fn key(&self) -> (&'static str, Option<&LayerPath>, &str) {
        (self.rule, self.needed_by.as_ref(), &self.missing)
    }
}

/// What could not be read: that it could not be read before either tells nothing of the candidate.
pub(super) const UNREAD: &str = "elf-unread";

/// The problems that were not there before.
pub(super) fn news(old: &[Problem], new: Vec<Problem>) -> Vec<Problem> {
    let known: BTreeSet<_> = old.iter().map(Problem::key).collect();
    new.into_iter().filter(|problem| problem.rule == UNREAD || !known.contains(&problem.key())).collect()
}

#[derive(Default)]
struct Group {
    files: BTreeSet<LayerPath>,
    missing: BTreeSet<String>,
    hints: BTreeSet<String>,
    packages: BTreeSet<String>,
    /// Whether something is missing that none of these has.
    more: bool,
}

/// Gathers problems; the worst first, then by rule and text.
pub(super) fn reasons(problems: Vec<Problem>) -> Vec<Reason> {
    let mut groups: BTreeMap<(std::cmp::Reverse<Verdict>, &'static str, String), Group> = BTreeMap::new();
    for problem in problems {
        let key = (std::cmp::Reverse(problem.verdict), problem.rule, problem.what);
        let group = groups.entry(key).or_default();
        group.files.extend(problem.needed_by);
        group.missing.extend(Some(problem.missing).filter(|missing| !missing.is_empty()));
        group.hints.extend(problem.supplied_by);
        group.more |= problem.package.is_none();
        group.packages.extend(problem.package);
    }
    let mut counts: BTreeMap<(Verdict, &'static str), usize> = BTreeMap::new();
    let mut reasons = Vec::new();
    for ((verdict, rule, what), group) in groups {
        let count = counts.entry((verdict.0, rule)).or_default();
        *count += 1;
        if *count <= MOST {
            reasons.push(reason(verdict.0, rule, what, group));
        }
    }
    for ((verdict, rule), count) in counts {
        if count > MOST {
            let what = format!("{} more things of this kind", count - MOST);
            reasons.push(reason(verdict, rule, what, Group { more: true, ..Group::default() }));
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    reasons
}

fn reason(verdict: Verdict, rule: &'static str, what: String, group: Group) -> Reason {
    let others = match group.files.len() {
        0 | 1 => String::new(),
        files => format!(" ({files} files)"),
    };
    Reason {
        verdict,
        rule,
        what: format!("{what}{others}"),
        needed_by: group.files.first().cloned(),
        missing: listed(&group.missing),
        supplied_by: Some(listed(&group.hints)).filter(|hints| !hints.is_empty()),
        packages: group.packages.into_iter().collect(),
        all_packaged: !group.more,
    }
}

/// `a, b`, and how many more.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    let names: Vec<&String> = names.into_iter().collect();
    let shown = names.iter().take(NAMED).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
