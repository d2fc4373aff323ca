//! Rights that a container doesn't need.

use super::Found;
use super::facts::{Facts, Groups};
use crate::analyze::runs_as_root;

/// Programs that run with the rights of their owner.
pub(super) fn set_id(facts: &Facts<'_>) -> Vec<Found> {
    let mut groups: Groups<u32> = Groups::new();
    for file in facts.files().filter(|file| file.meta.is_set_id()) {
        groups.entry(file.id.layer).or_default().add(file.path, file.entry.file_bytes());
    }
    let found = groups.into_iter().map(|(layer, group)| Found {
        message: format!("set-uid or set-gid: {}, from {}", group.named(), facts.layer(layer)),
        path: group.path,
        layer: Some(layer),
        files: group.files,
        bytes: group.bytes,
        fix: "run with no-new-privileges, or take the bits away in the layer that has them: chmod a-s".into(),
    });
    found.collect()
}

/// An image whose user is root, or none.
pub(super) fn root(facts: &Facts<'_>) -> Vec<Found> {
    let user = &facts.subject.image.manifest.config.config.user;
    let name = user.split(':').next().unwrap_or_default().trim();
    let is_root = runs_as_root(facts.subject);
    let message = if name.is_empty() { "no USER is set: it runs as root".into() } else { format!("USER is {user}") };
    let fix = "USER with a number that is not 0, after the instructions that need root".into();
    is_root.then_some(Found { message, path: None, layer: None, files: 0, bytes: 0, fix }).into_iter().collect()
}
