//! Logs that were left behind.

use super::Found;
use super::facts::{Facts, Groups};
use crate::model::EntryKind;
use crate::tree::VisibleFile;

/// A log from here on is large, in bytes.
const LARGE: u64 = 1 << 20;
/// lastlog from here on is what a huge user number makes of it, in bytes as a reader sees them.
const HUGE: u64 = 10 << 20;

/// Large files below /var/log, or named `*.log`.
pub(super) fn large(facts: &Facts<'_>) -> Vec<Found> {
    let mut groups: Groups<u32> = Groups::new();
    for file in facts.files().filter(|file| is_log(file) && !by_user_number(file)) {
        if file.entry.file_bytes() >= LARGE {
            groups.entry(file.id.layer).or_default().add(file.path, file.entry.file_bytes());
        }
    }
    let found = groups.into_iter().map(|(layer, group)| Found {
        message: format!("large logs: {}, from {}", group.named(), facts.layer(layer)),
        path: group.path,
        layer: Some(layer),
        files: group.files,
        bytes: group.bytes,
        fix: "delete them in the RUN that writes them, or log to /dev/null there".into(),
    });
    found.collect()
}

fn is_log(file: &VisibleFile<'_>) -> bool {
    file.path.as_bytes().starts_with(b"var/log/") || file.path.as_bytes().ends_with(b".log")
}

fn by_user_number(file: &VisibleFile<'_>) -> bool {
    matches!(file.path.as_bytes(), b"var/log/lastlog" | b"var/log/faillog" | b"var/log/tallylog")
}

/// lastlog and its like, which have a slot for every user number up to the highest.
pub(super) fn lastlog(facts: &Facts<'_>) -> Vec<Found> {
    let files = facts.files().filter(|file| by_user_number(file));
    let huge = files.filter_map(|file| match file.entry.kind {
        EntryKind::File { size, apparent_size, .. } if apparent_size >= HUGE => Some((file, size, apparent_size)),
        _ => None,
    });
    let found = huge.map(|(file, size, apparent)| Found {
        message: format!(
            "{} is {apparent} bytes long for a high user number, from {}: many engines unpack it in full",
            file.path.display(),
            facts.layer(file.id.layer)
        ),
        path: Some(file.path.clone()),
        layer: Some(file.id.layer),
        files: 1,
        bytes: size,
        fix: "useradd --no-log-init, or a lower user number".into(),
    });
    found.collect()
}
