//! Where this machine's configuration of registries lies: the variables that point at it, and `/etc`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variables that are looked at.
const NAMES: &[&str] = &[
    "HOME",
    "PATH",
    "DOCKER_CONFIG",
    "REGISTRY_AUTH_FILE",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "CONTAINERS_REGISTRIES_CONF",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DOCKER_HOST",
    "CONTAINER_HOST",
];

/// The part of the process's environment that says where credentials, `registries.conf` and certificates lie, and where
/// local engines listen.
/// Proxies are not part of it: the HTTP client reads `HTTPS_PROXY` and its kin itself.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    etc: PathBuf,
}

impl Default for Environment {
    /// The process's own.
    fn default() -> Self {
        let variables = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        Self { variables: variables.filter(|(_, value)| !value.is_empty()).collect(), etc: "/etc".into() }
    }
}

impl Environment {
    /// One in which nothing is set, and whose `/etc` is another folder.
    pub fn bare(etc: impl Into<PathBuf>) -> Self {
        Self { variables: BTreeMap::new(), etc: etc.into() }
    }

    /// The same with a variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A variable as text.
    pub(in crate::source) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str()
    }

    /// A variable as a path.
    pub(in crate::source) fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).map(PathBuf::from)
    }

    /// `$HOME/name`.
    pub(super) fn home(&self, name: &str) -> Option<PathBuf> {
        Some(self.path("HOME")?.join(name))
    }

    /// A program on `$PATH`.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let path = self.variables.get("PATH")?;
        std::env::split_paths(path).map(|dir| dir.join(&file)).find(|file| file.is_file())
    }

    /// `/etc`.
    pub(super) fn etc(&self) -> &Path {
        &self.etc
    }
}
