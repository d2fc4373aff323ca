//! Rules, one by one, held against an image.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::amount::Amount;
use super::baseline::{Baseline, Growth};
use super::outcome::{Evidence, Outcome};
use super::rule::{Budget, DiveFigure, Figure, Grows, Limit, Rule};
use super::scope::Scope;
use super::{contents, settings};
use crate::analyze::finding::Finding;
use crate::analyze::startup::{Engine, LayerCost, Profile, Setting, predict};
use crate::analyze::{Base, Dive, Subject, dive};
use crate::model;

/// What is known of an image.
pub struct Facts<'f> {
    /// The image.
    pub subject: Subject<'f>,
    /// Its base, where it was looked for.
    pub base: Option<&'f Base>,
    /// Whether the tag of the base still leads to its layers, or why that can't be told; where it was looked up.
    pub current: Option<Result<bool, String>>,
    /// What it is compared with.
    pub baseline: Option<&'f Baseline<'f>>,
}

/// What came of holding an image to a budget.
pub struct Judged {
    /// An outcome for every rule, in its order.
    pub outcomes: Vec<Outcome>,
    /// What grew, where there is a baseline and it can be told what counts.
    pub growth: Option<Growth>,
    /// The findings about what counts; all, where it can't be told what that is.
    pub findings: Vec<Finding>,
}

/// Holds an image to a budget.
pub fn check(budget: &Budget, facts: &Facts<'_>) -> Judged {
    let scope = Scope::of(facts.subject, budget, facts.base);
    let growth = facts.baseline.zip(scope.as_ref().ok()).map(|(baseline, scope)| baseline.growth(budget, scope));
    let findings = contents::in_scope(scope.as_ref().unwrap_or(&Scope::whole(facts.subject)));
    let judge = Judge { facts, scope, growth: growth.as_ref(), findings: &findings, dive: OnceCell::new() };
    let outcomes = budget.rules.iter().map(|rule| judge.rule(rule)).collect();
    Judged { outcomes, growth, findings }
}

struct Judge<'j> {
    facts: &'j Facts<'j>,
    scope: Result<Scope<'j>, String>,
    growth: Option<&'j Growth>,
    findings: &'j [Finding],
    /// Worked out when the first rule asks.
    dive: OnceCell<Dive>,
}

impl Judge<'_> {
    fn rule(&self, rule: &Rule) -> Outcome {
        let facts = self.facts;
        let config = &facts.subject.image.manifest.config.config;
        match &rule.limit {
            Limit::Base { allowed, current } => settings::base(rule, facts, allowed.as_ref(), *current),
            Limit::Labels(labels) => settings::labels(rule, labels, &config.labels),
            Limit::User(allowed) => settings::user(rule, allowed, facts.subject),
            Limit::Dive(figure, limit) => {
                let dive = self.dive.get_or_init(|| dive(facts.subject.tree.layers()));
                dives(rule, dive, facts.subject, *figure, *limit)
            }
            Limit::Disabled => Outcome::pass(rule, None, "the rule is disabled"),
            _ => match &self.scope {
                Ok(scope) => self.scoped(rule, scope),
                Err(reason) => Outcome::undecided(rule, reason),
            },
        }
    }

    /// Rules that count only what is in scope.
    fn scoped(&self, rule: &Rule, scope: &Scope<'_>) -> Outcome {
        match &rule.limit {
            Limit::Figure(figure, limit) => figure_of(rule, scope, *figure, limit),
            Limit::Growth { of, limit, floor } => self.compared(rule, |growth| grows(rule, growth, *of, limit, *floor)),
            Limit::NewFile(limit) => self.compared(rule, |growth| new_file(rule, growth, *limit)),
            Limit::Added { limit, except } => {
                self.compared(rule, |growth| contents::added(rule, growth, *limit, except))
            }
            Limit::Paths { paths, written, limit } => contents::paths(rule, scope, paths, written, *limit),
            Limit::Forbidden { paths, .. } => contents::forbidden(rule, scope, paths),
            Limit::Packages { packages } => contents::packages(rule, scope, packages),
            Limit::Findings { limit, ids, except, at_least } => {
                contents::findings(rule, self.findings, *limit, |finding| {
                    let named = ids.is_empty() || ids.iter().any(|id| id == finding.rule);
                    named && !except.iter().any(|id| id == finding.rule) && finding.severity <= *at_least
                })
            }
            Limit::Start { limit, profile, engine } => start(rule, scope, *limit, profile, *engine),
            _ => Outcome::undecided(rule, "no rule of this kind counts layers"),
        }
    }

    /// Rules that need something to compare with.
    fn compared(&self, rule: &Rule, judge: impl FnOnce(&Growth) -> Outcome) -> Outcome {
        match self.growth {
            Some(growth) => judge(growth),
            None => Outcome::undecided(
                rule,
                "there is nothing to compare with: give --baseline, or `baseline` in the budget",
            ),
        }
    }
}

fn figure_of(rule: &Rule, scope: &Scope<'_>, figure: Figure, limit: &Amount) -> Outcome {
    let actual = scope.figure(figure);
    let (own, allowed) = actual.beside(limit);
    let (broken, least) = match rule.limit.is_least() {
        true => (limit.exceeds(&actual), "at least"),
        false => (actual.exceeds(limit), "at most"),
    };
    if !broken {
        return Outcome::pass(rule, actual, format!("{own} of {least} {allowed}"));
    }
    if figure.is_stored() && scope.subject.image.manifest.lies_unpacked() {
        return unpacked(rule, &own, &allowed);
    }
    let what = match figure {
        Figure::Stored => "are stored",
        Figure::Files => "are in the files of its layers",
        Figure::Layers => "layers",
        Figure::Layer => "are stored in one layer",
        Figure::Wasted => "are lost: stored, pulled, not to be seen",
        Figure::WastedPart => "of the data is lost: stored, pulled, not to be seen",
        Figure::Efficiency => "of the data can be seen",
        Figure::Duplicates => "are further copies of visible files",
    };
    let message = format!("{own} {what}, {least} {allowed} may be");
    let message = if rule.limit.is_least() { format!("{own} {what}, {least} {allowed} must be") } else { message };
    Outcome::fail(rule, actual, message).with(scope.evidence(figure, limit))
}

/// That a limit on a pull is kept can be told of unpacked layers, that it is broken can't.
fn unpacked(rule: &Rule, own: &str, allowed: &str) -> Outcome {
    let lies = format!("{own} as its layers lie here, unpacked, at most {allowed} may be, and a pull takes less");
    Outcome::undecided(rule, format!("{lies}: check the image in a registry, or its file-size"))
}

fn grows(rule: &Rule, growth: &Growth, of: Grows, limit: &Amount, floor: u64) -> Outcome {
    let (sizes, what) = match of {
        Grows::Stored => (&growth.stored, "stored bytes"),
        Grows::Files => (&growth.files, "file bytes"),
    };
    let (was, is) = match sizes {
        Ok(sizes) => *sizes,
        Err(reason) => return Outcome::undecided(rule, reason),
    };
    let more = is.saturating_sub(was);
    let actual = match limit {
        Amount::Fraction(_) if was == 0 => Amount::Fraction(if more > 0 { f64::INFINITY } else { 0.0 }),
        Amount::Fraction(_) => Amount::Fraction(more as f64 / was as f64),
        _ => Amount::Bytes(more),
    };
    let (own, allowed) = actual.beside(limit);
    let from = format!("from {} to {}", model::bytes(was), model::bytes(is));
    if more <= floor && actual.exceeds(limit) {
        let floor = model::bytes(floor);
        return Outcome::pass(rule, actual, format!("{own} more, {from}: up to {floor} never count"));
    }
    if !actual.exceeds(limit) {
        return Outcome::pass(rule, actual, format!("{own} of at most {allowed} more, {from}"));
    }
    let message = format!("{own} more {what} than {}, at most {allowed} may be ({from})", growth.reference);
    Outcome::fail(rule, actual, message).with(growth.evidence())
}

fn new_file(rule: &Rule, growth: &Growth, limit: u64) -> Outcome {
    let (files, seen_from) = match &growth.grown {
        Ok(grown) => (grown.files.iter().filter(|file| file.is_new), grown.seen_from),
        Err(reason) => return Outcome::undecided(rule, reason),
    };
    let over: Vec<Evidence> = files.clone().filter(|file| file.bytes > limit).map(|file| file.evidence()).collect();
    let largest = files.map(|file| file.bytes).max().unwrap_or_default();
    let (own, allowed) = Amount::Bytes(largest).beside(&Amount::Bytes(limit));
    match over.is_empty() {
        false => {
            let message = format!("a file of {own} is not in {}, at most {allowed} may be", growth.reference);
            Outcome::fail(rule, Amount::Bytes(largest), message).with(over)
        }
        true if limit < seen_from => {
            let least = model::bytes(seen_from);
            let told =
                format!("the baseline's document lists files from {least} on: take the image itself as baseline");
            Outcome::undecided(rule, told)
        }
        true => Outcome::pass(rule, Amount::Bytes(largest), format!("{own} of at most {allowed}")),
    }
}

fn start(rule: &Rule, scope: &Scope<'_>, limit: f64, profile: &Profile, engine: Engine) -> Outcome {
    // The numbers that ship: a budget has one verdict, whatever machine asks.
    let setting = Setting::shipped(engine, profile.clone());
    let layers = LayerCost::of_image(scope.subject);
    // A base that does not count is on the host already.
    let have: HashSet<_> = layers.iter().take(scope.first as usize).map(|layer| layer.digest).collect();
    let told = predict(&layers, &have, &setting);
    let actual = Amount::Seconds(told.total);
    let (own, allowed) = actual.beside(&Amount::Seconds(limit));
    let how = format!("{} over {}, {:.1} to {:.1} s", engine.name(), profile.name, told.low, told.high);
    if told.total <= limit {
        return Outcome::pass(rule, actual, format!("{own} of at most {allowed} ({how})"));
    }
    if scope.subject.image.manifest.lies_unpacked() {
        return unpacked(rule, &own, &allowed);
    }
    let terms = told.terms.iter().filter(|term| term.seconds > 0.05);
    let evidence = terms.map(|term| Evidence::of(format!("{}: {:.1} s", term.name, term.seconds))).collect();
    Outcome::fail(rule, actual, format!("a cold start takes {own}, more than {allowed} ({how})")).with(evidence)
}

/// dive's rules, by dive's figures (dive 0.13, `ci/rules.go`: what is equal passes).
fn dives(rule: &Rule, dive: &Dive, subject: Subject<'_>, figure: DiveFigure, limit: f64) -> Outcome {
    let (actual, value) = match figure {
        DiveFigure::Efficiency => (Amount::Fraction(dive.efficiency), dive.efficiency),
        DiveFigure::WastedBytes => (Amount::Bytes(dive.inefficient_bytes), dive.inefficient_bytes as f64),
        DiveFigure::UserWastedPercent => match dive.user_wasted_percent {
            Some(part) => (Amount::Fraction(part), part),
            None => return Outcome::pass(rule, None, "there is nothing above the lowest layer"),
        },
    };
    let broken = if rule.limit.is_least() { limit > value } else { limit < value };
    let (own, allowed) = rule.limit.amount().map_or_else(Default::default, |limit| actual.beside(&limit));
    let least = if rule.limit.is_least() { "at least" } else { "at most" };
    if !broken {
        return Outcome::pass(rule, actual, format!("{own} of {least} {allowed}, as dive counts"));
    }
    let what = match figure {
        DiveFigure::Efficiency => "is the efficiency",
        DiveFigure::WastedBytes => "are wasted",
        DiveFigure::UserWastedPercent => "of the upper layers is wasted",
    };
    let evidence = Scope::whole(subject).evidence(Figure::Wasted, &actual);
    Outcome::fail(rule, actual, format!("{own} {what} as dive counts, {least} {allowed} asked")).with(evidence)
}
