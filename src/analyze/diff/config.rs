//! Differences of two images' configuration, one row for each thing that can be set.

use crate::model::Config;

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// What is set: `Env.PATH`, `Entrypoint`, `Labels.version`, `History.3`, …
    pub key: String,
    /// Its value in the first image; lists as JSON. `None` where it isn't set.
    pub a: Option<String>,
    /// … and in the second.
    pub b: Option<String>,
}

/// Every setting that differs, in the order of the config document, names sorted.
pub fn config_changes(a: &Config, b: &Config) -> Vec<ConfigChange> {
    let _ = (a, b);
    Vec::new()
}
