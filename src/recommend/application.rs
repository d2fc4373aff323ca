//! The application: what an image has above its base, worked out once for all candidates.

use super::plan::{OldBase, Plan};
use super::{Command, Figures, RecommendError, Request, figures};
use crate::analyze::compat::{self, Application as Checked, Compatibility};
use crate::analyze::startup::{LayerCost, Prediction, predict};
use crate::analyze::{Base, Subject, instruction, packages};
use crate::model::{Manifest, RuntimeConfig, instructions};
use crate::scan::Scanned;
use crate::tree::Tree;

/// The layers of an image above its base's. All of them, where the base's can't be told.
pub(super) struct Application<'a> {
    request: &'a Request<'a>,
    image: Subject<'a>,
    base: &'a Base,
    base_layers: usize,
    /// What the base has alone.
    below: Tree,
    /// What pip compiled on it, where the image is known and a Dockerfile is to be changed.
    compiled: Option<Vec<String>>,
    stored_bytes: u64,
    file_bytes: u64,
    /// How many layers it has.
    layers: usize,
    /// Packages that it added to its base's.
    packages: usize,
    costs: Vec<LayerCost>,
    runs_with: RuntimeConfig,
    build_commands: Vec<String>,
    copies: Vec<String>,
}

impl<'a> Application<'a> {
    pub(super) fn new(request: &'a Request<'a>, image: &'a Scanned, base: &'a Base) -> Result<Self, RecommendError> {
        let base_layers = base.layers.unwrap_or(0);
        let (manifest, subject) = (&image.image.manifest, image.subject());
        let (lowest, own) = image.tree.layers().split_at(base_layers);
        let below = Tree::new(lowest.to_vec());
        let old = packages(&below);
        let config = &manifest.config.config;
        let planned = request.plan.filter(|_| !request.built()).map(|plan| plan.runs_with(config)).transpose()?;
        Ok(Self {
            request,
            image: subject,
            base,
            base_layers,
            stored_bytes: image.image.layers[base_layers..].iter().map(|layer| layer.stored_bytes).sum(),
            file_bytes: own.iter().map(|layer| layer.file_bytes()).sum(),
            layers: own.len(),
            packages: packages(&image.tree).iter().filter(|package| old.binary_search(package).is_err()).count(),
            compiled: request.plan.filter(|_| request.built()).map(|_| compat::compiled(&image.tree, base_layers)),
            below,
            costs: LayerCost::of_image(subject).split_off(base_layers),
            runs_with: planned.unwrap_or_else(|| config.clone()),
            build_commands: match request.plan {
                Some(plan) => plan.build_commands()?,
                None => commands(manifest, base_layers),
            },
            copies: request.plan.map(Plan::copies).transpose()?.unwrap_or_default(),
        })
    }

    /// Its numbers on a candidate of which the manifest alone is known.
    pub(super) fn figures_by_manifest(&self, candidate: &Manifest) -> Figures {
        Figures {
            stored_bytes: self.stored_bytes + candidate.layers.iter().map(|layer| layer.size).sum::<u64>(),
            layers: self.layers + candidate.layers.len(),
            ..Figures::default()
        }
    }

    /// Its numbers on a candidate: the candidate's packages, and those that it added to its old base's.
    pub(super) fn figures_on(&self, candidate: Subject<'_>) -> Figures {
        let its = figures(candidate);
        Figures {
            stored_bytes: self.stored_bytes + its.stored_bytes,
            file_bytes: its.file_bytes.map(|bytes| self.file_bytes + bytes),
            layers: self.layers + its.layers,
            packages: its.packages.map(|packages| self.packages + packages),
        }
    }

    /// Its cold start on layers of a candidate.
    pub(super) fn start_on(&self, mut layers: Vec<LayerCost>) -> Prediction {
        layers.extend_from_slice(&self.costs);
        predict(&layers, self.request.have, self.request.setting)
    }

    /// The base, as a Dockerfile's change depends on it.
    pub(super) fn old_base(&self) -> OldBase<'_> {
        OldBase { tree: &self.below, config: self.base.config.as_ref(), compiled: self.compiled.as_deref() }
    }

    /// Whether it runs on a candidate; `None` where it can't be told from its base.
    pub(super) fn runs_on(&self, candidate: Subject<'_>) -> Option<Compatibility> {
        self.base.layers?;
        let started = |command: &Command| {
            let application = Checked {
                image: self.image,
                base_layers: self.base_layers,
                base: self.base.config.as_ref(),
                runs_with: &command.over(&self.runs_with),
                build_commands: &self.build_commands,
                copies: &self.copies,
                built: self.request.built(),
            };
            compat::check(&application, candidate)
        };
        let usual = [Command::default()];
        let commands = if self.request.commands.is_empty() { &usual } else { self.request.commands };
        commands.iter().map(started).reduce(Compatibility::and)
    }
}

/// The commands that history says made the layers above the base.
fn commands(manifest: &Manifest, base_layers: usize) -> Vec<String> {
    let steps = instructions(&manifest.config.history, manifest.layers.len());
    let above = steps.into_iter().skip(base_layers).flatten();
    let made = above.map(|step| instruction(&manifest.config.history[step].created_by));
    made.filter_map(|made| made.strip_prefix("RUN ").map(str::to_owned)).collect()
}
