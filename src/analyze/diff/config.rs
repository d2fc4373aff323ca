//! Differences of two images' configuration, one row for each thing that can be set.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Config, History};

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

/// Every setting that differs, in the order of the config document, names sorted; the history last.
pub fn config_changes(a: &Config, b: &Config) -> Vec<ConfigChange> {
    let (was, is) = (settings(a), settings(b));
    let keys: BTreeSet<&Key> = was.keys().chain(is.keys()).collect();
    let changes = keys.into_iter().filter(|key| was.get(key) != is.get(key));
    let change = |key: &Key| ConfigChange { key: key.1.clone(), a: was.get(key).cloned(), b: is.get(key).cloned() };
    let mut changes: Vec<ConfigChange> = changes.map(change).collect();
    changes.extend(history(&a.history, &b.history));
    changes
}

/// Its place in the table, and its name.
type Key = (usize, String);

/// All that is set.
fn settings(config: &Config) -> BTreeMap<Key, String> {
    let run = &config.config;
    let mut settings = Settings::default();
    settings.one("Platform", Some(config.platform().to_string()));
    settings.one("User", filled(&run.user));
    settings.many("Env", run.env.iter().map(|variable| variable.split_once('=').unwrap_or((variable, ""))));
    settings.one("Entrypoint", run.entrypoint.as_ref().map(json));
    settings.one("Cmd", run.cmd.as_ref().map(json));
    settings.one("WorkingDir", filled(&run.working_dir));
    settings.many("ExposedPorts", run.exposed_ports.keys().map(|port| (port.as_str(), "exposed")));
    settings.many("Volumes", run.volumes.keys().map(|path| (path.as_str(), "volume")));
    settings.many("Labels", run.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    settings.one("StopSignal", run.stop_signal.clone());
    settings.one("Healthcheck", run.healthcheck.as_ref().map(|check| json(&check.test)));
    settings.one("Shell", run.shell.as_ref().map(json));
    settings.one("OnBuild", run.on_build.as_ref().map(json));
    settings.all
}

#[derive(Default)]
struct Settings {
    all: BTreeMap<Key, String>,
    groups: usize,
}

impl Settings {
    fn one(&mut self, key: &str, value: Option<String>) {
        self.groups += 1;
        self.all.extend(value.map(|value| ((self.groups, key.to_owned()), value)));
    }

    /// Of several with one name, as `Env` may have, the last counts.
    fn many<'v>(&mut self, group: &str, values: impl Iterator<Item = (&'v str, &'v str)>) {
        self.groups += 1;
        self.all.extend(values.map(|(name, value)| ((self.groups, format!("{group}.{name}")), value.to_owned())));
    }
}

/// Steps that differ, by number from 1, after those that both images begin with.
fn history(a: &[History], b: &[History]) -> Vec<ConfigChange> {
    let common = a.iter().zip(b).take_while(|(a, b)| a.created_by == b.created_by).count();
    let step = |steps: &[History], at: usize| steps.get(at).map(|step| step.created_by.clone());
    let steps = (common..a.len().max(b.len())).map(|at| (at, step(a, at), step(b, at)));
    let changed = steps.filter(|(_, a, b)| a != b);
    changed.map(|(at, a, b)| ConfigChange { key: format!("History.{}", at + 1), a, b }).collect()
}

fn filled(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn json(list: &Vec<String>) -> String {
    serde_json::Value::from(list.as_slice()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(a: &str, b: &str) -> Vec<String> {
        let read = |text| serde_json::from_str::<Config>(text).expect("a config");
        let or = |value: Option<String>| value.unwrap_or("-".into());
        let changes = config_changes(&read(a), &read(b)).into_iter();
        changes.map(|change| format!("{}: {} → {}", change.key, or(change.a), or(change.b))).collect()
    }

    #[test]
    fn each_setting_by_its_name() {
        let a = r#"{"architecture":"amd64","config":{"Env":["A=1","B=2","B=3"],"Cmd":["sh"],"Labels":{"v":"1"},
            "ExposedPorts":{"80/tcp":{}}},"history":[{"created_by":"x"},{"created_by":"y"}]}"#;
        let b = r#"{"architecture":"arm64","config":{"Env":["B=3","C=a=b"],"Cmd":["sh","-c"],"User":"app",
            "Labels":{"v":"2"},"StopSignal":"INT","OnBuild":["RUN x"],"Healthcheck":{"Test":["NONE"]},"Volumes":{"/d":{}}},
            "history":[{"created_by":"x"},{"created_by":"z"},{"created_by":"w"}]}"#;
        let expected = [
            "Platform: linux/amd64 → linux/arm64",
            "User: - → app",
            "Env.A: 1 → -",
            "Env.C: - → a=b",
            "Cmd: [\"sh\"] → [\"sh\",\"-c\"]",
            "ExposedPorts.80/tcp: exposed → -",
            "Volumes./d: - → volume",
            "Labels.v: 1 → 2",
            "StopSignal: - → INT",
            "Healthcheck: - → [\"NONE\"]",
            "OnBuild: - → [\"RUN x\"]",
            "History.2: y → z",
            "History.3: - → w",
        ];
        assert_eq!(changes(a, b), expected);
        assert!(changes(a, a).is_empty());
    }

    #[test]
    fn an_empty_command_is_not_a_missing_one() {
        assert_eq!(changes(r#"{"config":{"Cmd":[]}}"#, "{}"), ["Cmd: [] → -"]);
    }
}
