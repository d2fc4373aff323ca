//! The document of `check`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use super::{BaseDocument, FindingDocument, ImageDocument, PathDocument, Top, path_bytes};
use crate::analyze::finding::Finding;
use crate::analyze::{Area, Base, Subject};
use crate::budget::{Amount, Budget, Evidence, GrownFile, Growth, Judged, Origin, Outcome};

/// `layerscope.check/1`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckDocument {
    /// `layerscope.check/1`.
    pub schema: String,
    /// `pass` or `fail`.
    pub verdict: String,
    /// The image.
    pub image: ImageDocument,
    /// The budget's file, as it was named.
    pub budget: String,
    /// The Dockerfile, as it was named; null where none was given.
    pub dockerfile: Option<String>,
    /// The base under it, where the budget asks for it.
    pub base: Option<BaseDocument>,
    /// What came of each rule, in the order of the budget.
    pub rules: Vec<RuleDocument>,
    /// What the image is compared with, and what grew; null where there is nothing to compare with.
    pub baseline: Option<BaselineDocument>,
    /// What to mend of what counts, worst first.
    pub findings: Vec<LocatedDocument>,
    /// How many layers it has and where its bytes lie, for forms that have pictures.
    #[serde(skip)]
    pub map: Option<(u64, Area)>,
}

/// A rule, and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RuleDocument {
    /// Its name: its kind's, unless the budget gives it one.
    pub id: String,
    /// Its kind: `stored-size`, …
    pub kind: String,
    /// `error`: breaking it fails the image; `warning`.
    pub severity: String,
    /// Its line in the budget, from 1.
    pub line: u64,
    /// What it asks; null for a rule that is disabled.
    pub limit: Option<AmountDocument>,
    /// What the image has; null where that can't be told.
    pub actual: Option<AmountDocument>,
    /// `pass`, `fail`, or `undecided`, which counts as broken.
    pub verdict: String,
    /// In a sentence.
    pub message: String,
    /// Why there is a limit, as the budget has it.
    pub reason: Option<String>,
    /// What it is about, the most of it first; empty for a rule that is kept.
    pub evidence: Vec<EvidenceOfRule>,
    /// How many rows `evidence` would have when it was complete.
    pub evidence_total: u64,
}

/// What a rule limits: a number of some unit, or names.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AmountDocument {
    /// `bytes`, `count`, `fraction`, `seconds` or `names`.
    pub unit: String,
    /// The number; null for names, and for more than can be counted.
    pub value: Option<Number>,
    /// The names; none for a number.
    pub names: Vec<String>,
    /// As people read it.
    pub text: String,
}

/// A layer, a file, a package that a rule is about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EvidenceOfRule {
    /// What it is, in a few words.
    pub what: String,
    /// The file; null where it is about none.
    pub path: Option<String>,
    /// Of a path that is not UTF-8: its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// The layer; null where it is about none.
    pub layer: Option<u64>,
    /// The instruction that made the layer, as the history has it.
    pub created_by: Option<String>,
    /// The line of the Dockerfile that made it.
    pub line: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
}

/// What the image is compared with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BaselineDocument {
    /// Its name.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// Stored bytes that count, before and now; null where that can't be told.
    pub stored: Option<ChangeDocument>,
    /// File bytes that count.
    pub files: Option<ChangeDocument>,
    /// Layers that the baseline has not, the largest first.
    pub new_layers: Vec<EvidenceOfRule>,
    /// Files that are new or larger, by how much, the most first.
    pub grown_files: Vec<GrownDocument>,
    /// How many rows `grown_files` would have when it was complete.
    pub grown_files_total: u64,
    /// Where the baseline is a document, which lists large files only: how large the smallest of those that count is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grown_files_from: Option<u64>,
    /// Packages that the baseline has not, or has in another version.
    pub packages: Vec<VersionsDocument>,
}

/// A number before and now.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ChangeDocument {
    /// Of the baseline.
    pub before: u64,
    /// Of the image.
    pub now: u64,
}

/// A file that is new, or larger.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GrownDocument {
    /// Its path.
    #[serde(flatten)]
    pub path: PathDocument,
    /// The layer that has it.
    pub layer: u64,
    /// Bytes more.
    pub bytes: u64,
    /// Whether it was not there at all.
    pub is_new: bool,
}

/// A package that is new, or of another version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VersionsDocument {
    /// `deb`, `apk`, …
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version in the baseline; null where it is new.
    pub before: Option<String>,
    /// Its version now.
    pub now: Option<String>,
}

/// A finding, and where the Dockerfile is to be mended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LocatedDocument {
    /// The finding.
    #[serde(flatten)]
    pub finding: FindingDocument,
    /// The line of the Dockerfile; null where none was given.
    pub line: Option<u64>,
}

/// An image that was checked, and what came of it.
pub struct Checked<'c> {
    /// The image.
    pub subject: Subject<'c>,
    /// The budget.
    pub budget: &'c Budget,
    /// What came of it.
    pub judged: &'c Judged,
    /// The base, where it was looked for.
    pub base: Option<&'c Base>,
    /// The Dockerfile's name, and the lines that made the layers.
    pub origin: Option<(&'c str, &'c Origin)>,
}

/// Puts together what came of a check.
pub fn check(checked: &Checked<'_>, top: Top) -> CheckDocument {
    let failed = checked.judged.outcomes.iter().any(Outcome::fails);
    let locate = |finding: &Finding| LocatedDocument {
        line: checked.line(finding.layer),
        finding: FindingDocument::from(finding.clone()),
    };
    CheckDocument {
        schema: "layerscope.check/1".into(),
        verdict: if failed { "fail" } else { "pass" }.into(),
        image: checked.subject.image.into(),
        budget: checked.budget.place.clone(),
        dockerfile: checked.origin.map(|(name, _)| name.into()),
        base: checked.base.map(BaseDocument::from),
        rules: checked.judged.outcomes.iter().map(|outcome| checked.rule(outcome)).collect(),
        baseline: checked.judged.growth.as_ref().map(|growth| checked.baseline(growth, top)),
        findings: checked.judged.findings.iter().map(locate).collect(),
        map: None,
    }
}

impl Checked<'_> {
    fn line(&self, layer: Option<u32>) -> Option<u64> {
        self.origin.and_then(|(_, origin)| origin.line(layer)).map(|line| line as u64)
    }

    fn rule(&self, outcome: &Outcome) -> RuleDocument {
        let rule = &outcome.rule;
        let (limit, actual) = (rule.limit.amount(), &outcome.actual);
        let texts = limit.as_ref().zip(actual.as_ref()).map(|(limit, actual)| limit.beside(actual));
        let (limit_text, actual_text) = texts.unzip();
        RuleDocument {
            id: rule.id.clone(),
            kind: rule.kind.into(),
            severity: rule.severity.name().into(),
            line: rule.line as u64,
            limit: limit.as_ref().map(|limit| AmountDocument::of(limit, limit_text)),
            actual: actual.as_ref().map(|actual| AmountDocument::of(actual, actual_text)),
            verdict: outcome.verdict.name().into(),
            message: outcome.message.clone(),
            reason: rule.reason.clone(),
            evidence: outcome.evidence.iter().map(|evidence| self.evidence(evidence)).collect(),
            evidence_total: outcome.evidence_total as u64,
        }
    }

    fn evidence(&self, evidence: &Evidence) -> EvidenceOfRule {
        let layers = &self.subject.image.layers;
        let made_by = evidence.layer.and_then(|layer| layers.get(layer as usize)?.created_by.clone());
        EvidenceOfRule {
            what: evidence.what.clone(),
            path: evidence.path.as_ref().map(|path| path.display()),
            path_bytes: evidence.path.as_ref().and_then(path_bytes),
            layer: evidence.layer.map(u64::from),
            created_by: made_by,
            line: evidence.layer.and_then(|layer| self.line(Some(layer))),
            bytes: evidence.bytes,
        }
    }

    fn baseline(&self, growth: &Growth, top: Top) -> BaselineDocument {
        let change = |sizes: &Result<(u64, u64), String>| {
            sizes.as_ref().ok().map(|(before, now)| ChangeDocument { before: *before, now: *now })
        };
        let layers = growth.layers.iter().map(|(layer, bytes)| Evidence {
            what: "a new layer".into(),
            path: None,
            layer: Some(*layer),
            bytes: Some(*bytes),
        });
        let files = growth.grown.as_ref().map(|grown| grown.files.as_slice()).unwrap_or_default();
        BaselineDocument {
            reference: growth.reference.clone(),
            digest: growth.digest.clone(),
            stored: change(&growth.stored),
            files: change(&growth.files),
            new_layers: top.of(layers.map(|layer| self.evidence(&layer))),
            grown_files: top.of(files.iter().map(GrownDocument::from)),
            grown_files_total: growth.grown.as_ref().map_or(0, |grown| grown.total as u64),
            grown_files_from: growth.grown.as_ref().ok().map(|grown| grown.seen_from).filter(|from| *from > 0),
            packages: top.of(growth.packages.iter().map(|package| VersionsDocument {
                ecosystem: package.ecosystem.clone(),
                name: package.name.clone(),
                before: package.a.clone(),
                now: package.b.clone(),
            })),
        }
    }
}

impl From<&GrownFile> for GrownDocument {
    fn from(file: &GrownFile) -> Self {
        Self { path: (&file.path).into(), layer: file.layer.into(), bytes: file.bytes, is_new: file.is_new }
    }
}

impl AmountDocument {
    /// As it is usually written, or as it is beside another.
    fn of(amount: &Amount, beside: Option<String>) -> Self {
        let (unit, value, names) = match amount {
            Amount::Bytes(bytes) => ("bytes", Some(Number::from(*bytes)), Vec::new()),
            Amount::Count(count) => ("count", Some(Number::from(*count)), Vec::new()),
            Amount::Fraction(part) => ("fraction", Number::from_f64(*part), Vec::new()),
            Amount::Seconds(seconds) => ("seconds", Number::from_f64(*seconds), Vec::new()),
            Amount::Names(names) => ("names", None, names.clone()),
        };
        Self { unit: unit.into(), value, names, text: beside.unwrap_or_else(|| amount.to_string()) }
    }
}
