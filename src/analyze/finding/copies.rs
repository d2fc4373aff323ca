//! Bytes that a later layer made useless: copied for their metadata, copied again, deleted.

use super::Found;
use super::facts::{Facts, Group, Groups, top};
use crate::tree::Fate;

/// Files of which a later layer holds a second copy, for another mode or owner.
pub(super) fn metadata_only(facts: &Facts<'_>) -> Vec<Found> {
    let found = by_cause(facts, Fate::MetadataOnly).into_iter();
    found
        .map(|((by, _), group)| {
            let (count, place, layer) = (group.count(), group.place(), facts.layer(by));
            let message = format!("{layer} holds {count} {place} again, only for another mode, owner or attributes");
            found_in(
                by,
                group,
                message,
                "set them where the files are added: COPY --chown=… --chmod=…, or in the same RUN",
            )
        })
        .collect()
}

/// Files of which a later layer holds a second copy that differs in nothing but times.
pub(super) fn unchanged(facts: &Facts<'_>) -> Vec<Found> {
    let found = by_cause(facts, Fate::UnchangedCopy).into_iter();
    found
        .map(|((by, _), group)| {
            let message = format!("{} holds {} {} again, unchanged", facts.layer(by), group.count(), group.place());
            found_in(by, group, message, "copy them once; list what differs in COPY, or in .dockerignore what does not")
        })
        .collect()
}

/// Files that a later layer deleted.
pub(super) fn deleted(facts: &Facts<'_>) -> Vec<Found> {
    let mut groups: Groups<(u32, u32, &[u8])> = Groups::new();
    for file in facts.waste.files.iter().filter(|file| matches!(file.fate, Fate::Deleted | Fate::Opaque)) {
        let path = &facts.subject.tree.entry(file.entry).path;
        groups.entry((file.entry.layer, file.by_layer, top(path))).or_default().add(path, file.bytes);
    }
    let found = groups.into_iter().map(|((layer, by, _), group)| {
        let (count, place) = (group.count(), group.place());
        let message =
            format!("{} added {count} {place} that {} deleted: still downloaded", facts.layer(layer), facts.layer(by));
        found_in(layer, group, message, "delete them in the instruction that adds them, or add them in a build stage")
    });
    found.collect()
}

fn found_in(layer: u32, group: Group, message: String, fix: &str) -> Found {
    let Group { files, bytes, path, .. } = group;
    Found { message, path, layer: Some(layer), files, bytes, fix: fix.into() }
}

/// Lost files by the layer that lost them and their top directory.
fn by_cause<'f>(facts: &'f Facts<'_>, fate: Fate) -> Groups<(u32, &'f [u8])> {
    let mut groups = Groups::new();
    for file in facts.waste.files.iter().filter(|file| file.fate == fate) {
        let path = &facts.subject.tree.entry(file.entry).path;
        let group: &mut Group = groups.entry((file.by_layer, top(path))).or_default();
        group.add(path, file.bytes);
    }
    groups
}
