//! Credentials for a registry: Docker's `config.json`, podman's `auth.json`, and the helpers they name.
//!
//! Rules: containers-auth.json(5) and docker-login. Read here and not with `docker_credential`, which knows no keys
//! with a path, takes a helper's "not found" for a failure, and stops at a missing file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer};

use super::conf::{broken, read};
use super::environment::Environment;
use super::error::RegistryError;
use super::helper;
use crate::source::Credentials;

/// Padded or not: both are written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What proves who we are.
pub(super) enum Login {
    /// Name and password.
    Password(Credentials),
    /// An OAuth2 refresh token.
    IdentityToken(String),
}

/// A login and where it comes from.
pub(super) struct Found {
    /// The login.
    pub(super) login: Login,
    /// File, helper or option, for error messages.
    pub(super) origin: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AuthFile {
    #[serde(deserialize_with = "null_is_default")]
    auths: BTreeMap<String, Entry>,
    #[serde(deserialize_with = "null_is_default")]
    creds_store: String,
    #[serde(deserialize_with = "null_is_default")]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    #[serde(deserialize_with = "null_is_default")]
    auth: String,
    #[serde(deserialize_with = "null_is_default")]
    username: String,
    #[serde(deserialize_with = "null_is_default")]
    password: String,
    #[serde(deserialize_with = "null_is_default")]
    identitytoken: String,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Looks for a login; `None` is anonymous. Blocks: it reads files and may run a helper.
pub(super) fn find(host: &str, repository: &str, environment: &Environment) -> Result<Option<Found>, RegistryError> {
    for file in files(environment) {
        let Some(text) = read(&file)? else { continue };
        let parsed: AuthFile = serde_json::from_str(&text).map_err(|error| broken(&file, shape(&error)))?;
        if let Some(found) = parsed.login(host, repository, &file, environment)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Where a JSON file is wrong. Not serde's own words: they may quote a password.
fn shape(error: &serde_json::Error) -> String {
    format!("not the JSON that `docker login` writes, at line {} column {}", error.line(), error.column())
}

/// The files, most important first. As for podman, `$REGISTRY_AUTH_FILE` stands alone.
fn files(environment: &Environment) -> Vec<PathBuf> {
    if let Some(file) = environment.path("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let docker = environment.path("DOCKER_CONFIG").or_else(|| environment.home(".docker"));
    let runtime = environment.path("XDG_RUNTIME_DIR");
    let config = environment.path("XDG_CONFIG_HOME").or_else(|| environment.home(".config"));
    let podman = [runtime, config].into_iter().flatten().map(|dir| dir.join("containers/auth.json"));
    docker.map(|dir| dir.join("config.json")).into_iter().chain(podman).collect()
}

impl AuthFile {
    fn login(
        &self,
        host: &str,
        repository: &str,
        file: &Path,
        environment: &Environment,
    ) -> Result<Option<Found>, RegistryError> {
        if let Some(name) = hosts(host).into_iter().find_map(|host| self.cred_helpers.get(host)) {
            return helper::ask(name, server(host), environment);
        }
        if let Some(entry) = self.entry(host, repository) {
            let origin = file.display().to_string();
            return Ok(entry.login(file)?.map(|login| Found { login, origin }));
        }
        match self.creds_store.as_str() {
            "" => Ok(None),
            store => helper::ask_store(store, server(host), environment),
        }
    }

    /// The entry of the longest key: `host/a/b`, `host/a`, `host`, then Docker's `https://host/v1/`.
    fn entry(&self, host: &str, repository: &str) -> Option<&Entry> {
        let parents = std::iter::successors(Some(repository), |path| Some(path.rsplit_once('/')?.0));
        let scoped = parents.map(|path| format!("{host}/{path}"));
        let plain = hosts(host).into_iter().map(str::to_owned);
        let by_key = scoped.chain(plain).find_map(|key| self.auths.get(&key));
        let by_url = || self.auths.iter().find(|(key, _)| hosts(host).contains(&host_of(key)));
        by_key.or_else(|| by_url().map(|(_, entry)| entry)).filter(|entry| !entry.is_empty())
    }
}

impl Entry {
    /// Docker leaves an empty entry where a helper has the secret.
    fn is_empty(&self) -> bool {
        [&self.auth, &self.username, &self.identitytoken].iter().all(|text| text.is_empty())
    }

    fn login(&self, file: &Path) -> Result<Option<Login>, RegistryError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::IdentityToken(self.identitytoken.clone())));
        }
        if self.auth.is_empty() {
            let credentials = Credentials { username: self.username.clone(), password: self.password.clone() };
            return Ok(Some(Login::Password(credentials)));
        }
        let decoded = BASE64.decode(self.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((username, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
            return Err(broken(file, "an `auth` is not the base64 of NAME:PASSWORD".into()));
        };
        let password = password.trim_end_matches('\0').to_owned();
        Ok(Some(Login::Password(Credentials { username: username.into(), password })))
    }
}

/// Every name of a host: Docker Hub has several.
fn hosts(host: &str) -> Vec<&str> {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
            vec!["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"]
        }
        _ => vec![host],
    }
}

/// The host of a key as Docker wrote them: `https://host/v1/`.
fn host_of(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).map(|rest| rest.split('/').next());
    bare.flatten().unwrap_or_default()
}

/// What a helper is asked for.
fn server(host: &str) -> &str {
    match hosts(host).len() {
        1 => host,
        _ => "https://index.docker.io/v1/",
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
