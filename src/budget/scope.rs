//! What counts of an image: all of it, or what its own layers have; and the figures of that.

use super::amount::Amount;
use super::outcome::Evidence;
use super::rule::{Budget, Figure};
use crate::analyze::{Base, DuplicateGroup, Globs, Subject, duplicates, waste};
use crate::model::{Entry, EntryId, LayerPath};
use crate::tree::Outcome;

/// What counts.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) subject: Subject<'s>,
    /// The lowest layer that counts.
    pub(super) first: u32,
    exclude: Option<&'s Globs>,
}

impl<'s> Scope<'s> {
    /// What a budget counts of an image; why that can't be told where it can't.
    pub(super) fn of(subject: Subject<'s>, budget: &'s Budget, base: Option<&Base>) -> Result<Self, String> {
        let first = if budget.ignore_base { base.and_then(|base| base.layers) } else { Some(0) };
        let untold = || "which layers are the base's can't be told, and base = \"ignore\" asks for it".to_owned();
        Ok(Self { subject, first: first.ok_or_else(untold)? as u32, exclude: budget.exclude.as_ref() })
    }

    /// All of an image.
    pub(super) fn whole(subject: Subject<'s>) -> Self {
        Self { subject, first: 0, exclude: None }
    }

    /// Whether something of a layer counts.
    pub(super) fn counts(&self, layer: u32, path: &LayerPath) -> bool {
        layer >= self.first && self.exclude.is_none_or(|globs| !globs.matches(path))
    }

    /// Whether a path counts, whatever its layer.
    pub(super) fn counts_path(&self, path: &LayerPath) -> bool {
        self.counts(u32::MAX, path)
    }

    /// Every regular file of every layer that counts.
    pub(super) fn files(&self) -> impl Iterator<Item = (EntryId, &'s Entry, Outcome)> {
        let scope = *self;
        self.subject.tree.files().filter(move |(id, entry, _)| scope.counts(id.layer, &entry.path))
    }

    /// Stored bytes of the layers that count, lowest first.
    fn layers(&self) -> impl Iterator<Item = (u32, u64)> {
        let layers = self.subject.image.layers.iter().enumerate().skip(self.first as usize);
        layers.map(|(layer, about)| (layer as u32, about.stored_bytes))
    }

    /// Bytes of files that are visible, and of those that are not.
    fn sums(&self) -> (u64, u64) {
        self.files().fold((0, 0), |(visible, wasted), (_, entry, outcome)| {
            let bytes = entry.file_bytes();
            if outcome.is_visible() { (visible + bytes, wasted) } else { (visible, wasted + bytes) }
        })
    }

    /// A figure.
    pub(super) fn figure(&self, figure: Figure) -> Amount {
        let (visible, wasted) = self.sums();
        let part = |part: u64, none: f64| match visible + wasted {
            0 => Amount::Fraction(none),
            all => Amount::Fraction(part as f64 / all as f64),
        };
        match figure {
            Figure::Stored => Amount::Bytes(self.layers().map(|(_, bytes)| bytes).sum()),
            Figure::Files => Amount::Bytes(visible + wasted),
            Figure::Layers => Amount::Count(self.layers().count() as u64),
            Figure::Layer => Amount::Bytes(self.layers().map(|(_, bytes)| bytes).max().unwrap_or_default()),
            Figure::Wasted => Amount::Bytes(wasted),
            Figure::WastedPart => part(wasted, 0.0),
            Figure::Efficiency => part(visible, 1.0),
            Figure::Duplicates => Amount::Bytes(self.copies().iter().map(|copies| copies.bytes).sum()),
        }
    }

    /// A figure in bytes.
    pub(super) fn bytes(&self, figure: Figure) -> u64 {
        match self.figure(figure) {
            Amount::Bytes(bytes) => bytes,
            _ => 0,
        }
    }

    /// What makes a figure what it is, the most of it first.
    pub(super) fn evidence(&self, figure: Figure, limit: &Amount) -> Vec<Evidence> {
        match figure {
            Figure::Stored | Figure::Layers => self.largest_layers(0),
            Figure::Layer => self.largest_layers(if let Amount::Bytes(limit) = limit { *limit } else { 0 }),
            Figure::Files => self.largest_files(),
            Figure::Wasted | Figure::WastedPart | Figure::Efficiency => self.wasted(),
            Figure::Duplicates => self.copies().iter().map(Copies::evidence).collect(),
        }
    }

    fn largest_layers(&self, above: u64) -> Vec<Evidence> {
        let layers = self.layers().filter(|(_, bytes)| *bytes > above);
        let named = layers.map(|(layer, bytes)| Evidence::of("stored").layer(layer).bytes(bytes));
        sorted(named.collect())
    }

    fn largest_files(&self) -> Vec<Evidence> {
        let file = |(id, entry, outcome): (EntryId, &Entry, Outcome)| {
            let what = if outcome.is_visible() { "in the merged tree" } else { outcome.fate.name() };
            Evidence::of(what).path(&entry.path).layer(id.layer).bytes(entry.file_bytes())
        };
        sorted(self.files().map(file).collect())
    }

    fn wasted(&self) -> Vec<Evidence> {
        let lost = waste(self.subject.tree).files.into_iter().filter_map(|file| {
            let entry = self.subject.tree.entry(file.entry);
            let what = format!("{}, by layer {}", file.fate.name(), file.by_layer);
            let counts = self.counts(file.entry.layer, &entry.path);
            counts.then(|| Evidence::of(what).path(&entry.path).layer(file.entry.layer).bytes(file.bytes))
        });
        lost.collect()
    }

    /// Duplicates as far as they count: a copy that the base has makes all others superfluous.
    fn copies(&self) -> Vec<Copies> {
        let found = duplicates(self.subject.tree).groups;
        let mut copies: Vec<Copies> = found.iter().filter_map(|group| self.copies_of(group)).collect();
        copies.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.paths.cmp(&b.paths)));
        copies
    }

    fn copies_of(&self, group: &DuplicateGroup) -> Option<Copies> {
        let allowed = group.copies.iter().filter(|copy| self.counts_path(&copy.path));
        let (own, of_base): (Vec<_>, Vec<_>) = allowed.partition(|copy| copy.entry.layer >= self.first);
        let superfluous = (own.len() as u64).saturating_sub(u64::from(of_base.is_empty()));
        let layer = own.last()?.entry.layer;
        let paths: Vec<LayerPath> = own.into_iter().chain(of_base).map(|copy| copy.path.clone()).collect();
        (superfluous > 0).then(|| Copies { paths, layer, bytes: group.size * superfluous })
    }
}

/// Files of one content.
struct Copies {
    paths: Vec<LayerPath>,
    layer: u32,
    bytes: u64,
}

impl Copies {
    fn evidence(&self) -> Evidence {
        let other = self.paths.get(1).map(LayerPath::display).unwrap_or_default();
        let what = match self.paths.len() {
            2 => format!("the same as {other}"),
            more => format!("the same as {other} and {} more", more - 2),
        };
        let evidence = Evidence::of(what).layer(self.layer).bytes(self.bytes);
        self.paths.first().map_or(evidence.clone(), |path| evidence.path(path))
    }
}

/// The most bytes first.
pub(super) fn sorted(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.path, a.layer).cmp(&(&b.path, b.layer))));
    evidence
}
