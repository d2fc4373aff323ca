//! `registries.conf`: which registry really gives an image (containers-registries.conf(5), version 2).
//!
//! Short names and the older version 1 are not read: Docker Hub is filled in before.

use std::path::{Path, PathBuf};

use oci_spec::distribution::Reference;
use serde::Deserialize;

use super::environment::Environment;
use super::error::RegistryError;

/// No honest configuration is larger.
const MAX_CONF: u64 = 1 << 20;

/// A place that holds the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// `host` or `host:port`.
    pub(super) host: String,
    /// The repository there.
    pub(super) repository: String,
    /// Plain HTTP and certificates of any kind will do.
    pub(super) insecure: bool,
    /// Whether it is a mirror, not the registry itself.
    pub(super) mirror: bool,
}

/// Where to look for an image, best first. The last is the registry itself.
pub(super) fn locations(reference: &Reference, environment: &Environment) -> Result<Vec<Location>, RegistryError> {
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let Some((registry, file)) = best(read_all(environment)?, reference, &name) else {
        return Ok(vec![split(&name, false, false)?]);
    };
    if registry.blocked {
        return Err(RegistryError::Blocked { name, path: file.display().to_string() });
    }
    let matched = registry.matches(reference, &name).unwrap_or(0);
    let rest = name.get(matched..).unwrap_or_default();
    let pinned = reference.digest().is_some();
    let mirrors = registry.mirror.iter().filter(|mirror| mirror.serves(pinned, registry.mirror_by_digest_only));
    let mut out = Vec::new();
    for mirror in mirrors {
        out.push(split(&format!("{}{rest}", mirror.location), mirror.insecure, true)?);
    }
    let own = registry.location.as_ref().map_or_else(|| name.clone(), |location| format!("{location}{rest}"));
    out.push(split(&own, registry.insecure, false)?);
    Ok(out)
}

/// `host/repository`.
fn split(name: &str, insecure: bool, mirror: bool) -> Result<Location, RegistryError> {
    match name.split_once('/') {
        Some((host, repository)) if !host.is_empty() && !repository.is_empty() => {
            Ok(Location { host: host.into(), repository: repository.into(), insecure, mirror })
        }
        _ => Err(RegistryError::Address { text: name.into(), reason: "expected HOST/REPOSITORY".into() }),
    }
}

#[derive(Deserialize)]
struct Conf {
    #[serde(default)]
    registry: Vec<Registry>,
}

/// One `[[registry]]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

/// One `[[registry.mirror]]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: String,
}

impl Mirror {
    /// Whether it is asked for names of this kind.
    fn serves(&self, pinned: bool, by_digest_only: bool) -> bool {
        match self.pull_from_mirror.as_str() {
            "digest-only" => pinned,
            "tag-only" => !pinned,
            _ => pinned || !by_digest_only,
        }
    }
}

impl Registry {
    /// Slashes at the end mean nothing; without a prefix, the location is it.
    fn tidy(mut self) -> Self {
        let trim = |text: &str| text.trim_end_matches('/').to_owned();
        self.location = self.location.map(|location| trim(&location)).filter(|location| !location.is_empty());
        self.prefix = trim(&self.prefix);
        if self.prefix.is_empty() {
            self.prefix = self.location.clone().unwrap_or_default();
        }
        for mirror in &mut self.mirror {
            mirror.location = trim(&mirror.location);
        }
        self
    }

    /// How many bytes of `name` (`host/repository`) the prefix stands for.
    fn matches(&self, reference: &Reference, name: &str) -> Option<usize> {
        if let Some(suffix) = self.prefix.strip_prefix('*') {
            let host = reference.registry();
            return (suffix.starts_with('.') && host.len() > suffix.len() && host.ends_with(suffix))
                .then_some(host.len());
        }
        let with = |separator: &str, more: Option<&str>| more.map(|more| format!("{name}{separator}{more}"));
        let tagged = with(":", reference.tag()).is_some_and(|full| full == self.prefix);
        let pinned = with("@", reference.digest()).is_some_and(|full| full == self.prefix);
        if tagged || pinned {
            return Some(name.len());
        }
        let rest = name.strip_prefix(self.prefix.as_str()).filter(|_| !self.prefix.is_empty())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(self.prefix.len())
    }
}

/// The entry with the longest prefix.
fn best(all: Vec<(Registry, PathBuf)>, reference: &Reference, name: &str) -> Option<(Registry, PathBuf)> {
    let matching = all.into_iter().filter(|(registry, _)| registry.matches(reference, name).is_some());
    matching.max_by_key(|(registry, _)| registry.prefix.len())
}

/// Every entry of every file. One that comes later replaces one of the same prefix.
fn read_all(environment: &Environment) -> Result<Vec<(Registry, PathBuf)>, RegistryError> {
    let mut all: Vec<(Registry, PathBuf)> = Vec::new();
    for file in files(environment) {
        let Some(text) = read(&file)? else { continue };
        let conf: Conf = toml::from_str(&text).map_err(|error| broken(&file, error.message().to_owned()))?;
        let new: Vec<_> = conf.registry.into_iter().map(|registry| (registry.tidy(), file.clone())).collect();
        all.retain(|(old, _)| !new.iter().any(|(registry, _)| registry.prefix == old.prefix));
        all.extend(new);
    }
    Ok(all)
}

/// The files, least important first. A person's own file hides the system's, as podman has it.
fn files(environment: &Environment) -> Vec<PathBuf> {
    let system = environment.etc().join("containers/registries.conf");
    let system_parts = parts(&environment.etc().join("containers/registries.conf.d"));
    let own = environment.home(".config/containers/registries.conf").filter(|file| file.is_file());
    let own_parts = environment.home(".config/containers/registries.conf.d").map(|dir| parts(&dir)).unwrap_or_default();
    let (main, system_parts) = match (environment.path("CONTAINERS_REGISTRIES_CONF"), own) {
        (Some(named), _) => (named, system_parts),
        (None, Some(own)) => (own, Vec::new()),
        (None, None) => (system, system_parts),
    };
    [vec![main], system_parts, own_parts].concat()
}

/// `*.conf` of a folder, in the order of their names.
fn parts(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ext| ext == "conf")).collect();
    files.sort();
    files
}

/// The text of a configuration file; `None` if it is not there.
pub(super) fn read(file: &Path) -> Result<Option<String>, RegistryError> {
    use std::io::Read as _;
    let opened = match std::fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(broken(file, error.to_string())),
    };
    let mut text = String::new();
    opened.take(MAX_CONF).read_to_string(&mut text).map_err(|error| broken(file, error.to_string()))?;
    Ok(Some(text))
}

/// A file that cannot be used.
pub(super) fn broken(file: &Path, reason: String) -> RegistryError {
    RegistryError::Config { path: file.display().to_string(), reason }
}

#[cfg(test)]
#[path = "conf_tests.rs"]
mod tests;
