//! Files whose names say that they hold a secret, in any layer: what a later layer deletes is still in the image.

use super::Found;
use super::facts::{Facts, Group, Groups};
use crate::model::LayerPath;
use crate::tree::{Fate, Outcome};

/// Names that are secrets wherever they stand.
const NAMES: [&str; 20] = [
    ".env",
    ".npmrc",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".pgpass",
    ".dockercfg",
    ".vault-token",
    ".s3cfg",
    ".boto",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "key.pem",
    "privkey.pem",
    "private.pem",
    "server.key",
    "private.key",
];
/// Ends of paths that are secrets.
const ENDS: [&str; 11] = [
    ".aws/credentials",
    ".docker/config.json",
    ".kube/config",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".config/gh/hosts.yml",
    ".config/gcloud/credentials.db",
    ".config/gcloud/application_default_credentials.json",
    ".azure/accessTokens.json",
    ".azure/msal_token_cache.json",
];
/// Ends of names that are secrets.
const SUFFIXES: [&str; 8] =
    ["-key.pem", "_key.pem", "-private.pem", "_private.pem", "_rsa.pem", ".p12", ".pfx", ".kdbx"];
/// `.env.local` is a secret; these are made to be shown.
const HARMLESS_ENVS: [&str; 5] = ["example", "sample", "template", "dist", "test"];
/// Folders whose files are other people's: tests and documentation of packages.
const HARMLESS_FOLDERS: [&str; 13] = [
    "test",
    "tests",
    "testing",
    "testdata",
    "fixtures",
    "doc",
    "docs",
    "example",
    "examples",
    "node_modules",
    "site-packages",
    "dist-packages",
    "gems",
];

/// Looks at every file of every layer.
pub(super) fn by_name(facts: &Facts<'_>) -> Vec<Found> {
    let mut groups: Groups<(u32, LayerPath, Lost)> = Groups::new();
    for (id, entry, outcome) in facts.subject.tree.files() {
        if entry.file_bytes() > 0 && is_secret(&entry.path) {
            let key = (id.layer, entry.path.parent(), lost(outcome));
            groups.entry(key).or_default().add(&entry.path, entry.file_bytes());
        }
    }
    groups.into_iter().map(|((layer, _, lost), group)| found(facts, layer, lost, group)).collect()
}

/// The layer that took a file out of sight, and how.
type Lost = Option<(u32, Fate)>;

fn lost(outcome: Outcome) -> Lost {
    Some((outcome.by_layer, outcome.fate)).filter(|_| !outcome.is_visible())
}

fn found(facts: &Facts<'_>, layer: u32, lost: Lost, group: Group) -> Found {
    let later = match lost {
        None => String::new(),
        Some((by, Fate::MetadataOnly | Fate::UnchangedCopy)) => format!("; {} stores it again", facts.layer(by)),
        Some((by, _)) => format!("; {} hides it, but anyone with the image can read it", facts.layer(by)),
    };
    Found {
        message: format!("{} in {} looks like a secret{later}", group.named(), facts.layer(layer)),
        path: group.path,
        layer: Some(layer),
        files: group.files,
        bytes: group.bytes,
        fix: "change the secret, keep it out with .dockerignore, and give it to builds with RUN --mount=type=secret"
            .into(),
    }
}

fn is_secret(path: &LayerPath) -> bool {
    let Ok(text) = std::str::from_utf8(path.as_bytes()) else { return false };
    let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
    named_secret(text, name) && !is_harmless(folder)
}

fn named_secret(path: &str, name: &str) -> bool {
    let env = name.strip_prefix(".env.").is_some_and(|kind| !HARMLESS_ENVS.contains(&kind));
    let host_key = path.starts_with("etc/ssh/ssh_host_") && name.ends_with("_key");
    let tls_key = path.starts_with("etc/") && name.ends_with(".key") && path.contains("/private/");
    env || host_key
        || tls_key
        || NAMES.contains(&name)
        || SUFFIXES.iter().any(|suffix| before(name, suffix).is_some())
        || ENDS.iter().any(|end| before(path, end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/')))
}

/// What stands before this end. Most have another last byte already.
fn before<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    if text.as_bytes().last() == end.as_bytes().last() { text.strip_suffix(end) } else { None }
}

fn is_harmless(folder: &str) -> bool {
    folder.starts_with("usr/share") || folder.split('/').any(|name| HARMLESS_FOLDERS.contains(&name))
}
