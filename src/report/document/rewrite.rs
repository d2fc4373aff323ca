//! The document of `rebase` and `optimize`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ImageDocument, ReasonDocument};
use crate::analyze::Subject;
use crate::model::{Descriptor, Image, LayerPath};
use crate::recommend::Candidate;
use crate::rewrite::{Conflict, Plan, Proof, Saved, Step};

/// `layerscope.rewrite/1`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RewriteDocument {
    /// `layerscope.rewrite/1`.
    pub schema: String,
    /// `rebase` or `optimize`.
    pub command: String,
    /// The image, as it is.
    pub image: ImageDocument,
    /// The base that it was put on; null for `optimize`.
    pub onto: Option<ImageDocument>,
    /// Whether the application runs there: `works`, `undecided` or `breaks`; null for `optimize`.
    pub verdict: Option<String>,
    /// Why, the worst first.
    pub reasons: Vec<ReasonDocument>,
    /// The layers of the new image, the lowest first; those that stay as they are together.
    pub steps: Vec<StepDocument>,
    /// Files that were merged of the application's and the new base's.
    pub merged: Vec<String>,
    /// Files that could not be merged: without `--force` nothing is written.
    pub refused: Vec<RefusedDocument>,
    /// Settings that both the application and the new base have changed: the application's stay.
    pub conflicts: Vec<ConflictDocument>,
    /// The image's sizes.
    pub before: SizesDocument,
    /// Those of the new image; null where it was not written.
    pub after: Option<SizesDocument>,
    /// What was written; null with `--dry-run`.
    pub written: Option<PlaceDocument>,
    /// What came of reading it back; null with `--dry-run`.
    pub proof: Option<ProofDocument>,
}

/// `layerscope.rewrite-index/1`: an image for several platforms.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RewriteIndexDocument {
    /// `layerscope.rewrite-index/1`.
    pub schema: String,
    /// Each platform's image, in the order of the index.
    pub images: Vec<RewriteDocument>,
    /// The index that was written; null with `--dry-run`.
    pub written: Option<PlaceDocument>,
}

/// One layer of the new image, or several that stay as they are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepDocument {
    /// `keep`: blobs as they are; `recompress`: tars as they are; `merge`: layers become one; `add`: files made here.
    pub step: String,
    /// The image that the layers are of; null for files made here.
    pub image: Option<String>,
    /// The first of its layers, from 0.
    pub first: u64,
    /// How many of them.
    pub layers: u64,
    /// Bytes of their blobs, as they are.
    pub stored_bytes: u64,
    /// Data of their files, as they are.
    pub file_bytes: u64,
    /// … of the new layer.
    pub new_file_bytes: u64,
    /// Bytes that are won: lost ones, which are not in the merged tree or are there already below.
    pub lost_bytes: u64,
    /// … of files that are left out.
    pub dropped_bytes: u64,
    /// How many these are.
    pub dropped_files: u64,
    /// … of files that become hard links of equal ones.
    pub deduped_bytes: u64,
    /// How many these are.
    pub deduped_files: u64,
}

/// A file that could not be merged.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefusedDocument {
    /// Its path.
    pub path: String,
    /// Why.
    pub why: String,
}

/// A setting of which all three have another value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConflictDocument {
    /// `Env PYTHON_VERSION`, `User`, `Label version`, …
    pub setting: String,
    /// The old base's; empty where it has none.
    pub old_base: String,
    /// The new base's.
    pub new_base: String,
    /// The application's, which stays.
    pub application: String,
}

/// An image's sizes.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct SizesDocument {
    /// How many layers it has.
    pub layers: u64,
    /// Bytes of its blobs.
    pub stored_bytes: u64,
    /// Data of its files.
    pub file_bytes: u64,
    /// … of those that are not in the merged tree.
    pub wasted_bytes: u64,
}

/// What was written, and where.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlaceDocument {
    /// Where, as it was named.
    pub destination: String,
    /// Digest of the manifest.
    pub digest: String,
}

/// The new image, read back and compared name by name with what it was to be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProofDocument {
    /// Names that are the same in path, type, mode, owner, times, attributes, link, device and contents.
    pub same: u64,
    /// Files that were left out.
    pub dropped: u64,
    /// Files that were written anew.
    pub replaced: u64,
}

/// What was planned, and what came of it.
pub struct Rewritten<'r> {
    /// `rebase` or `optimize`.
    pub command: &'static str,
    /// The image as it is.
    pub image: Subject<'r>,
    /// What is written.
    pub plan: &'r Plan<'r>,
    /// The base, and what is known of the application on it.
    pub onto: Option<(&'r Image, &'r Candidate)>,
    /// Files that were merged.
    pub merged: &'r [LayerPath],
    /// Files that could not be.
    pub refused: &'r [(LayerPath, String)],
    /// Settings that both have changed.
    pub conflicts: &'r [Conflict],
    /// Where it was written, the image as it was read back, and the proof.
    pub written: Option<(String, Subject<'r>, &'r Proof)>,
}

/// Makes the document.
pub fn rewrite(it: &Rewritten<'_>) -> RewriteDocument {
    let written = it.written.as_ref();
    RewriteDocument {
        schema: "layerscope.rewrite/1".into(),
        command: it.command.into(),
        image: it.image.image.into(),
        onto: it.onto.map(|(image, _)| image.into()),
        verdict: it.onto.map(|(_, candidate)| candidate.verdict().name().into()),
        reasons: it.onto.map(|(_, candidate)| it.reasons(candidate)).unwrap_or_default(),
        steps: steps(it.plan),
        merged: it.merged.iter().map(LayerPath::display).collect(),
        refused: it
            .refused
            .iter()
            .map(|(path, why)| RefusedDocument { path: path.display(), why: why.clone() })
            .collect(),
        conflicts: it.conflicts.iter().map(ConflictDocument::from).collect(),
        before: it.image.into(),
        after: written.map(|(_, image, _)| (*image).into()),
        written: written.map(|(destination, image, _)| PlaceDocument {
            destination: destination.clone(),
            digest: image.image.manifest.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        }),
        proof: written.map(|(.., proof)| ProofDocument {
            same: proof.same,
            dropped: proof.dropped,
            replaced: proof.replaced,
        }),
    }
}

/// Makes the document of an image for several platforms.
pub fn rewrite_index(images: &[RewriteDocument], index: Option<&Descriptor>) -> RewriteIndexDocument {
    let place = images.iter().find_map(|image| image.written.as_ref());
    let written = place.zip(index).map(|(place, index)| PlaceDocument {
        destination: place.destination.clone(),
        digest: index.digest.to_string(),
    });
    RewriteIndexDocument { schema: "layerscope.rewrite-index/1".into(), images: images.to_vec(), written }
}

impl Rewritten<'_> {
    /// What is known of the application there, but for files of both that were merged.
    fn reasons(&self, candidate: &Candidate) -> Vec<ReasonDocument> {
        let mut reasons = super::recommend::reasons(candidate);
        let merged: Vec<String> = self.merged.iter().map(LayerPath::display).collect();
        reasons.retain(|reason| !reason.needed_by.as_ref().is_some_and(|path| merged.contains(path)));
        reasons
    }
}

/// The steps, those that keep layers of one image together.
fn steps(plan: &Plan<'_>) -> Vec<StepDocument> {
    let mut steps: Vec<StepDocument> = Vec::new();
    for step in plan.layers.iter().map(step) {
        let follows = |last: &&mut StepDocument| {
            let stays = last.step == "keep" || last.step == "recompress";
            stays && (&last.step, &last.image, last.first + last.layers) == (&step.step, &step.image, step.first)
        };
        match steps.last_mut().filter(follows) {
            Some(last) => {
                last.layers += step.layers;
                last.stored_bytes += step.stored_bytes;
                last.file_bytes += step.file_bytes;
                last.new_file_bytes += step.new_file_bytes;
            }
            None => steps.push(step),
        }
    }
    steps
}

fn step(step: &Step<'_>) -> StepDocument {
    let (name, image, first, count) = match step {
        Step::Keep { image, layer } => ("keep", Some(image), *layer, 1),
        Step::Recompress { image, layer } => ("recompress", Some(image), *layer, 1),
        Step::Merge { image, merged } => ("merge", Some(image), merged.from, image.image.layers.len() - merged.from),
        Step::Files { .. } => ("add", None, 0, 0),
    };
    let of = |size: &dyn Fn(usize) -> u64| (first..first + count).map(size).sum::<u64>();
    let stored = image.map_or(0, |image| of(&|layer| image.image.layers[layer].stored_bytes));
    let files = image.map_or(0, |image| of(&|layer| image.tree.layers()[layer].file_bytes()));
    let saved = match step {
        Step::Merge { merged, .. } => merged.saved,
        Step::Files { files, .. } => {
            Saved { after: files.iter().map(|file| file.contents.len() as u64).sum(), ..Saved::default() }
        }
        _ => Saved { before: files, after: files, ..Saved::default() },
    };
    StepDocument {
        step: name.into(),
        image: image.map(|image| image.image.manifest.reference.clone()),
        first: first as u64,
        layers: count as u64,
        stored_bytes: stored,
        file_bytes: files,
        new_file_bytes: saved.after,
        lost_bytes: saved.lost,
        dropped_bytes: saved.dropped,
        dropped_files: saved.dropped_files,
        deduped_bytes: saved.deduped,
        deduped_files: saved.deduped_files,
    }
}

impl From<&Conflict> for ConflictDocument {
    fn from(conflict: &Conflict) -> Self {
        let Conflict { setting, old, new, own } = conflict.clone();
        Self { setting, old_base: old, new_base: new, application: own }
    }
}

impl From<Subject<'_>> for SizesDocument {
    fn from(subject: Subject<'_>) -> Self {
        let totals = crate::analyze::totals(subject);
        Self {
            layers: totals.layers as u64,
            stored_bytes: totals.stored_bytes,
            file_bytes: totals.file_bytes,
            wasted_bytes: totals.wasted_bytes,
        }
    }
}
