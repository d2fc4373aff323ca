//! An image of another's lowest layers and one's own above them.

use serde_json::{Value, json};

use super::{LayoutWriter, RewriteError};
use crate::model::{Descriptor, DiffId, RuntimeConfig};
use crate::scan::Scanned;

/// What an image is stacked of.
pub struct Stack<'a> {
    /// The image that gives all its layers.
    pub below: &'a Scanned,
    /// The image whose layers come above, from this one on.
    pub above: (&'a Scanned, usize),
    /// What it runs with.
    pub config: &'a RuntimeConfig,
}

impl Stack<'_> {
    /// Writes it.
    pub fn write(&self, to: &mut LayoutWriter, name: &str) -> Result<(), RewriteError> {
        let (above, from) = self.above;
        let mut layers = layers(self.below, 0, to)?;
        layers.extend(self::layers(above, from, to)?);
        let ids = diff_ids(self.below, 0).chain(diff_ids(above, from)).collect();
        to.image(name, &config(self.below, self.config, ids), &layers)
    }
}

/// Writes an image as it is.
pub fn copy(image: &Scanned, to: &mut LayoutWriter, name: &str) -> Result<(), RewriteError> {
    let layers = layers(image, 0, to)?;
    let own = &image.image.manifest.config.config;
    to.image(name, &config(image, own, diff_ids(image, 0).collect()), &layers)
}

fn diff_ids(image: &Scanned, from: usize) -> impl Iterator<Item = &DiffId> {
    image.image.layers.iter().skip(from).map(|layer| &layer.diff_id)
}

/// Copies layers from one on. What is read must be what was scanned.
fn layers(image: &Scanned, from: usize, to: &mut LayoutWriter) -> Result<Vec<Descriptor>, RewriteError> {
    let reference = &image.image.manifest.reference;
    let layers = image.image.layers.iter().enumerate().skip(from);
    layers.map(|(at, layer)| to.layer(reference, layer.digest, || image.blob(at))).collect()
}

/// A config document, without history: nothing of it is needed to run.
fn config(platform: &Scanned, config: &RuntimeConfig, diff_ids: Vec<&DiffId>) -> Value {
    let own = &platform.image.manifest.config;
    let os = own.platform().os;
    json!({
        "architecture": own.architecture, "os": os, "variant": own.variant, "config": config,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}
