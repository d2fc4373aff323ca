//! A plan: what a new image is made of. It is data, which can be shown before anything is written.

use std::collections::BTreeMap;

use super::layout::LayoutWriter;
use super::merge::Merged;
use super::pack::{close, open};
use super::tar::Kind;
use super::{Encoding, RewriteError};
use crate::model::{Config, Descriptor, DiffId, LayerPath, Meta, RuntimeConfig};
use crate::scan::Scanned;

/// What a new image is made of.
pub struct Plan<'a> {
    /// How its layers come to be, the lowest first.
    pub layers: Vec<Step<'a>>,
    /// Its config document; the diff IDs are put in when they are known.
    pub config: Config,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

/// How one layer comes to be.
pub enum Step<'a> {
    /// A layer's blob as it is.
    Keep {
        /// The image that has it.
        image: &'a Scanned,
        /// Which of its layers.
        layer: usize,
    },
    /// A layer's tar as it is, compressed anew.
    Recompress {
        /// The image that has it.
        image: &'a Scanned,
        /// Which of its layers.
        layer: usize,
    },
    /// One layer in place of an image's uppermost.
    Merge {
        /// The image.
        image: &'a Scanned,
        /// What is in the layer.
        merged: Merged,
    },
    /// Files that are made here, and the directories above them, as they are.
    Files {
        /// Directories, a parent before its children.
        dirs: BTreeMap<LayerPath, Meta>,
        /// The files.
        files: Vec<NewFile>,
    },
}

/// A file that is made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Where.
    pub path: LayerPath,
    /// Its metadata.
    pub meta: Meta,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// An image's layers as they are, from one on.
pub(super) fn kept(image: &Scanned, from: usize) -> impl Iterator<Item = Step<'_>> {
    (from..image.image.layers.len()).map(move |layer| Step::Keep { image, layer })
}

impl<'a> Plan<'a> {
    /// Images' layers as they are, each image's from one on, for the platform of the lowest. Without a history: nothing of
    /// it is needed to run.
    pub fn stacked(lowest: &'a Scanned, above: Option<(&'a Scanned, usize)>, config: &RuntimeConfig) -> Self {
        let own = &lowest.image.manifest.config;
        let config = Config {
            architecture: own.architecture.clone(),
            os: own.platform().os,
            variant: own.variant.clone(),
            config: config.clone(),
            ..Config::default()
        };
        let layers = kept(lowest, 0).chain(above.into_iter().flat_map(|(image, from)| kept(image, from)));
        Self { layers: layers.collect(), config, annotations: BTreeMap::new() }
    }

    /// Whether any file is left out.
    pub fn drops_anything(&self) -> bool {
        self.layers.iter().any(|step| matches!(step, Step::Merge { merged, .. } if merged.saved.dropped_files > 0))
    }

    /// Those of its steps that make a layer: not where nothing is left of those that are merged.
    pub(super) fn made(&self) -> impl Iterator<Item = &Step<'a>> {
        self.layers.iter().filter(|step| !matches!(step, Step::Merge { merged, .. } if merged.is_empty()))
    }

    /// Writes the image into a layout, and gives its manifest's descriptor. Layers of images that are `there` already, where
    /// the image goes, are not copied.
    pub fn write(
        &self,
        to: &mut LayoutWriter,
        encoding: Encoding,
        there: &dyn Fn(&Scanned) -> bool,
    ) -> Result<Descriptor, RewriteError> {
        let mut layers = Vec::new();
        let mut config = self.config.clone();
        config.rootfs.diff_ids.clear();
        for step in self.made() {
            let (layer, diff_id) = step.write(to, encoding, there)?;
            layers.push(layer);
            config.rootfs.diff_ids.push(diff_id);
        }
        let mut document = serde_json::json!(config);
        document["rootfs"]["type"] = "layers".into();
        to.manifest(&document, &layers, &self.annotations)
    }
}

impl Step<'_> {
    fn write(
        &self,
        to: &mut LayoutWriter,
        encoding: Encoding,
        there: &dyn Fn(&Scanned) -> bool,
    ) -> Result<(Descriptor, DiffId), RewriteError> {
        match self {
            Self::Keep { image, layer } => {
                let (kept, manifest) = (&image.image.layers[*layer], &image.image.manifest);
                let described = match there(image) {
                    true => LayoutWriter::elsewhere(kept),
                    false => to.layer(&manifest.reference, kept.digest, || image.blob(*layer))?,
                };
                // What is said of its bytes, as where its table of contents is, still holds.
                let annotations = manifest.layers.get(*layer).map(|told| told.annotations.clone()).unwrap_or_default();
                Ok((Descriptor { annotations, ..described }, kept.diff_id))
            }
            Self::Recompress { image, layer } => super::recompress::write(image, *layer, to, encoding),
            Self::Merge { image, merged } => merged.write(image, to, encoding),
            Self::Files { dirs, files } => {
                let mut out = open(to, encoding)?;
                for (path, meta) in dirs {
                    let written = out.begin(path, meta, Kind::Dir).and_then(|()| out.end());
                    written.map_err(|error| to.failed(error))?;
                }
                for NewFile { path, meta, contents } in files {
                    let written = out.begin(path, meta, Kind::File(contents.len() as u64));
                    let written = written.and_then(|()| out.data(contents));
                    written.and_then(|()| out.end()).map_err(|error| to.failed(error))?;
                }
                close(out, to)
            }
        }
    }
}
