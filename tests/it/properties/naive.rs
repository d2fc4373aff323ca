//! The union as OCI image-spec layer.md tells it, with maps of whole paths: slow, and simple enough to be believed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use layerscope::index::LayerIndex;
use layerscope::model::{Entry, EntryId, EntryKind, LayerPath};
use layerscope::tree::Fate;

/// What is at a path.
#[derive(Clone, Debug)]
enum Place {
    /// A directory, its own entry if it has one, and the layer that put the name there.
    Dir(Option<EntryId>, u32),
    /// Anything else: the entry that has its data, and the layer that put the name there.
    Leaf(EntryId, u32),
}

/// What is at a path of one layer.
#[derive(Clone, Debug)]
enum Own {
    Dir { entry: Option<EntryId>, opaque: bool, hides: Vec<LayerPath> },
    Leaf(EntryId),
    Link(LayerPath),
}

/// An image.
pub(super) struct Naive<'l> {
    layers: &'l [LayerIndex],
    places: BTreeMap<LayerPath, Place>,
    /// For data without a name: the layer in which the last ones went, and how they went there.
    lost: HashMap<EntryId, (u32, BTreeSet<Fate>)>,
}

impl<'l> Naive<'l> {
    pub(super) fn new(layers: &'l [LayerIndex]) -> Self {
        let mut naive = Self { layers, places: BTreeMap::new(), lost: HashMap::new() };
        for layer in 0..layers.len() as u32 {
            naive.stack(layer);
        }
        naive
    }

    /// Every name: its path, whether it is a directory, its data's entry, the layer that put it there.
    pub(super) fn names(&self) -> Vec<(String, bool, Option<EntryId>, u32)> {
        let name = |(path, place): (&LayerPath, &Place)| match *place {
            Place::Dir(entry, layer) => (path.display(), true, entry, layer),
            Place::Leaf(entry, layer) => (path.display(), false, Some(entry), layer),
        };
        self.places.iter().map(name).collect()
    }

    /// Where and how a file lost its last names; `None` while it has one.
    pub(super) fn lost(&self, id: EntryId) -> Option<(u32, &BTreeSet<Fate>)> {
        self.lost.get(&id).map(|(layer, fates)| (*layer, fates))
    }

    fn entry(&self, id: EntryId) -> &'l Entry {
        &self.layers[id.layer as usize].entries[id.row as usize]
    }

    fn stack(&mut self, layer: u32) {
        let mut gone: Vec<(EntryId, Fate)> = Vec::new();
        let own = self.own(layer, &mut gone);
        self.hide(&own, &mut gone);
        for (path, own) in own {
            self.lay(layer, &path, &own, &mut gone);
        }
        let named: BTreeSet<EntryId> = self
            .places
            .values()
            .filter_map(|place| match place {
                Place::Leaf(id, _) => Some(*id),
                Place::Dir(..) => None,
            })
            .collect();
        for (id, fate) in gone.into_iter().filter(|(id, _)| !named.contains(id)) {
            self.lost.entry(id).or_insert((layer, BTreeSet::new())).1.insert(fate);
        }
    }

    /// The layer's own tree: the last entry of a path wins, links are settled at the end.
    fn own(&self, layer: u32, gone: &mut Vec<(EntryId, Fate)>) -> BTreeMap<LayerPath, Own> {
        let mut own: BTreeMap<LayerPath, Own> = BTreeMap::new();
        for (row, entry) in self.layers[layer as usize].entries.iter().enumerate() {
            let id = EntryId { layer, row: row as u32 };
            match &entry.kind {
                EntryKind::Whiteout => {
                    if let Some(hides) = folder(&mut own, &entry.path.parent(), gone).1 {
                        hides.push(entry.path.clone());
                    }
                }
                EntryKind::Opaque => *folder(&mut own, &entry.path, gone).2 = true,
                EntryKind::Dir => *folder(&mut own, &entry.path, gone).0 = Some(id),
                EntryKind::HardLink { target } => {
                    let now = match (own.get(target), self.places.get(target)) {
                        (Some(Own::Leaf(id)), _) | (None, Some(Place::Leaf(id, _))) => Own::Leaf(*id),
                        _ => Own::Link(target.clone()),
                    };
                    put(&mut own, &entry.path, now, gone);
                }
                _ => put(&mut own, &entry.path, Own::Leaf(id), gone),
            }
        }
        let links: Vec<LayerPath> = own.keys().cloned().collect();
        let settled: Vec<_> = links.into_iter().map(|path| (self.settle(&own, &path), path)).collect();
        for (leaf, path) in settled {
            match (leaf, own.get(&path)) {
                (Some(id), Some(Own::Link(_))) => drop(own.insert(path, Own::Leaf(id))),
                (None, Some(Own::Link(_))) => drop(own.remove(&path)),
                _ => {}
            }
        }
        own
    }

    /// What a link leads to that stands before its target, over other links of its layer.
    fn settle(&self, own: &BTreeMap<LayerPath, Own>, path: &LayerPath) -> Option<EntryId> {
        let mut at = path;
        for _ in 0..=own.len() {
            match own.get(at) {
                Some(Own::Link(target)) => at = target,
                Some(Own::Leaf(id)) => return Some(*id),
                Some(Own::Dir { .. }) | None => return None,
            }
        }
        None
    }

    /// Whiteouts and opaque directories take away what lies below, from the top down.
    fn hide(&mut self, own: &BTreeMap<LayerPath, Own>, gone: &mut Vec<(EntryId, Fate)>) {
        for (path, own) in own {
            let Own::Dir { opaque, hides, .. } = own else { continue };
            if *opaque {
                self.take(|other| other != path && other.starts_with(path), Fate::Opaque, gone);
            }
            for hidden in hides {
                self.take(|other| other.starts_with(hidden), Fate::Deleted, gone);
            }
        }
    }

    fn take(&mut self, which: impl Fn(&LayerPath) -> bool, fate: Fate, gone: &mut Vec<(EntryId, Fate)>) {
        let paths: Vec<LayerPath> = self.places.keys().filter(|path| which(path)).cloned().collect();
        for path in paths {
            if let Some(Place::Leaf(id, _)) = self.places.remove(&path) {
                gone.push((id, fate));
            }
        }
    }

    /// One name of the layer over what is there. Parents come first.
    fn lay(&mut self, layer: u32, path: &LayerPath, own: &Own, gone: &mut Vec<(EntryId, Fate)>) {
        match (own, self.places.get(path)) {
            (Own::Dir { .. }, _) if path.is_root() => {}
            (Own::Dir { entry: None, .. }, Some(Place::Dir(..))) => {}
            (Own::Dir { entry, .. }, _) => {
                if let Some(Place::Leaf(old, _)) = self.places.insert(path.clone(), Place::Dir(*entry, layer)) {
                    gone.push((old, Fate::TypeReplaced));
                }
            }
            (Own::Leaf(new), Some(Place::Leaf(old, _))) => {
                gone.push((*old, self.replaced(*old, *new)));
                self.places.insert(path.clone(), Place::Leaf(*new, layer));
            }
            (Own::Leaf(new), _) => {
                self.take(|other| other.starts_with(path), Fate::TypeReplaced, gone);
                self.places.insert(path.clone(), Place::Leaf(*new, layer));
            }
            (Own::Link(_), _) => {}
        }
    }

    fn replaced(&self, old: EntryId, new: EntryId) -> Fate {
        let (old, new) = (self.entry(old), self.entry(new));
        let (EntryKind::File { content: was, .. }, EntryKind::File { content: is, .. }) = (&old.kind, &new.kind) else {
            return Fate::TypeReplaced;
        };
        if was != is {
            Fate::ContentReplaced
        } else if old.meta.uid != new.meta.uid {
            Fate::MetadataOnly
        } else {
            Fate::UnchangedCopy
        }
    }
}

type Parts<'o> = (&'o mut Option<EntryId>, Option<&'o mut Vec<LayerPath>>, &'o mut bool);

/// The directory at a path of a layer, made with its parents in place of whatever is there.
fn folder<'o>(own: &'o mut BTreeMap<LayerPath, Own>, path: &LayerPath, gone: &mut Vec<(EntryId, Fate)>) -> Parts<'o> {
    let mut at = LayerPath::root();
    let mut way = vec![at.clone()];
    for name in path.components() {
        at = at.join(name);
        way.push(at.clone());
    }
    for path in way {
        if !matches!(own.get(&path), Some(Own::Dir { .. })) {
            let dir = Own::Dir { entry: None, opaque: false, hides: Vec::new() };
            if let Some(Own::Leaf(old)) = own.insert(path, dir) {
                gone.push((old, Fate::SameLayer));
            }
        }
    }
    match own.get_mut(path) {
        Some(Own::Dir { entry, opaque, hides }) => (entry, Some(hides), opaque),
        _ => panic!("it was just made"),
    }
}

/// Something else than a directory, in place of whatever is there.
fn put(own: &mut BTreeMap<LayerPath, Own>, path: &LayerPath, what: Own, gone: &mut Vec<(EntryId, Fate)>) {
    folder(own, &path.parent(), gone);
    let below: Vec<LayerPath> = own.keys().filter(|other| other.starts_with(path)).cloned().collect();
    for path in below {
        if let Some(Own::Leaf(old)) = own.remove(&path) {
            gone.push((old, Fate::SameLayer));
        }
    }
    own.insert(path.clone(), what);
}
