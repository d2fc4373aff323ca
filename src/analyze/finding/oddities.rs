//! What engines read differently, or refuse: oddities that were met while reading layers and stacking them.

use super::Found;
use super::facts::{Facts, Group, Groups};
use crate::index::Note;
use crate::model::{EntryId, LayerPath};
use crate::tree::TreeNote;

/// Entries whose names lead out of the image.
pub(super) fn escapes_root(facts: &Facts<'_>) -> Vec<Found> {
    let groups = by_layer(facts, |layer, note| match note {
        Note::EscapesRoot { row } => Some((facts.subject.tree.entry(EntryId { layer, row: *row }).path.clone(), 0)),
        _ => None,
    });
    all(
        groups,
        |layer, group| {
            let names = group.named();
            format!(
                "names that lead out of the image in {}, read here as {names}: engines refuse them",
                facts.layer(layer)
            )
        },
        "build the layer anew; don't run an image that was made to escape",
    )
}

/// Entries of a type that no engine unpacks.
pub(super) fn unknown_type(facts: &Facts<'_>) -> Vec<Found> {
    let groups = by_layer(facts, |_, note| match note {
        Note::UnknownType { path, .. } => Some((LayerPath::clean(path), 0)),
        _ => None,
    });
    let text = |layer, group: &Group| format!("entries of unknown types in {}: {}", facts.layer(layer), group.named());
    all(groups, text, "build the layer anew with a common tar")
}

/// Package databases that can't be read as such.
pub(super) fn unreadable_packages(facts: &Facts<'_>) -> Vec<Found> {
    let notes = facts.subject.tree.layers().iter().zip(0_u32..).flat_map(|(table, layer)| {
        table.notes.iter().filter_map(move |note| match note {
            Note::UnreadablePackages { row, reason } => Some((EntryId { layer, row: *row }, reason)),
            _ => None,
        })
    });
    let found = notes.map(|(id, reason)| {
        let entry = facts.subject.tree.entry(id);
        let (path, bytes) = (entry.path.clone(), entry.file_bytes());
        let message = format!("{} in {} names no packages: {reason}", path.display(), facts.layer(id.layer));
        let fix = "look at it with the package manager that wrote it".into();
        Found { message, path: Some(path), layer: Some(id.layer), files: 1, bytes, fix }
    });
    found.collect()
}

/// Bytes that follow the end of a layer's tar.
pub(super) fn bytes_after_end(facts: &Facts<'_>) -> Vec<Found> {
    let groups = by_layer(facts, |_, note| match note {
        Note::BytesAfterEnd { bytes } => Some((LayerPath::root(), *bytes)),
        _ => None,
    });
    let text =
        |layer, _: &Group| format!("{} has bytes after the end of its tar, that nothing reads", facts.layer(layer));
    let found = all(groups, text, "build the layer anew");
    found.into_iter().map(|found| Found { path: None, files: 0, ..found }).collect()
}

/// Hard links to nothing, or to what comes behind them.
pub(super) fn dangling_link(facts: &Facts<'_>) -> Vec<Found> {
    let (mut dangling, mut early) = (Groups::<u32>::new(), Groups::<u32>::new());
    for note in facts.subject.tree.notes() {
        let (groups, entry) = match note {
            TreeNote::DanglingLink { entry } => (&mut dangling, entry),
            TreeNote::EarlyLink { entry } => (&mut early, entry),
            TreeNote::ParentReplaced { .. } => continue,
        };
        groups.entry(entry.layer).or_default().add(&facts.subject.tree.entry(*entry).path, 0);
    }
    let found =
        [(dangling, "to nothing"), (early, "before what they lead to")].into_iter().flat_map(|(groups, lead)| {
            let text = |layer, group: &Group| {
                format!("hard links {lead} in {}: {}; engines refuse the layer", facts.layer(layer), group.named())
            };
            all(groups, text, "build the layer anew")
        });
    found.collect()
}

/// A layer that writes below what is no directory underneath.
pub(super) fn parent_replaced(facts: &Facts<'_>) -> Vec<Found> {
    let mut groups: Groups<u32> = Groups::new();
    for note in facts.subject.tree.notes() {
        if let TreeNote::ParentReplaced { path, layer } = note {
            groups.entry(*layer).or_default().add(path, 0);
        }
    }
    let text = |layer, group: &Group| {
        let (names, layer) = (group.named(), facts.layer(layer));
        format!(
            "{layer} writes below {names}, no directory in the layers under it: Docker and podman make it one, containerd follows a link there"
        )
    };
    all(groups, text, "write to the path that the link leads to")
}

fn by_layer(facts: &Facts<'_>, told: impl Fn(u32, &Note) -> Option<(LayerPath, u64)>) -> Groups<u32> {
    let mut groups: Groups<u32> = Groups::new();
    for (layer, table) in facts.subject.tree.layers().iter().enumerate() {
        for (path, bytes) in table.notes.iter().filter_map(|note| told(layer as u32, note)) {
            groups.entry(layer as u32).or_default().add(&path, bytes);
        }
    }
    groups
}

fn all(groups: Groups<u32>, text: impl Fn(u32, &Group) -> String, fix: &str) -> Vec<Found> {
    let found = groups.into_iter().map(|(layer, group)| {
        let message = text(layer, &group);
        let Group { files, bytes, path, .. } = group;
        Found { message, path, layer: Some(layer), files, bytes, fix: fix.into() }
    });
    found.collect()
}
