//! What the application runs with on the candidate: its own settings over the candidate's.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Application;
use super::world::DEFAULT_PATH;
use crate::model::RuntimeConfig;

/// Settings that the application left as its base has them become the candidate's; others stay.
pub(super) fn merged(application: &Application<'_>, candidate: &RuntimeConfig) -> RuntimeConfig {
    let own = application.runs_with;
    let none = RuntimeConfig::default();
    let base = application.base.unwrap_or(&none);
    let own_entrypoint = own.entrypoint != base.entrypoint;
    RuntimeConfig {
        user: pick(&own.user, &base.user, &candidate.user),
        env: merged_env(&own.env, &base.env, &candidate.env),
        entrypoint: pick(&own.entrypoint, &base.entrypoint, &candidate.entrypoint),
        // An ENTRYPOINT of one's own forgets the CMD of the base, in a Dockerfile as in an image.
        cmd: if own_entrypoint { own.cmd.clone() } else { pick(&own.cmd, &base.cmd, &candidate.cmd) },
        working_dir: pick(&own.working_dir, &base.working_dir, &candidate.working_dir),
        exposed_ports: laid_over(&own.exposed_ports, &base.exposed_ports, &candidate.exposed_ports),
        volumes: laid_over(&own.volumes, &base.volumes, &candidate.volumes),
        labels: laid_over(&own.labels, &base.labels, &candidate.labels),
        on_build: pick(&own.on_build, &base.on_build, &candidate.on_build),
        stop_signal: pick(&own.stop_signal, &base.stop_signal, &candidate.stop_signal),
        healthcheck: pick(&own.healthcheck, &base.healthcheck, &candidate.healthcheck),
        shell: pick(&own.shell, &base.shell, &candidate.shell),
        other: laid_over(&own.other, &base.other, &candidate.other),
    }
}

fn pick<T: Clone + PartialEq>(own: &T, base: &T, candidate: &T) -> T {
    if own == base { candidate.clone() } else { own.clone() }
}

fn laid_over<V: Clone + PartialEq>(
    own: &BTreeMap<String, V>,
    base: &BTreeMap<String, V>,
    candidate: &BTreeMap<String, V>,
) -> BTreeMap<String, V> {
    let added = own.iter().filter(|(key, value)| base.get(*key) != Some(value));
    candidate.iter().chain(added).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The candidate's variables in order, then the application's own. A value that was built on the base's (`PATH=/x:$PATH`)
/// is built on the candidate's.
fn merged_env(own: &[String], base: &[String], candidate: &[String]) -> Vec<String> {
    let (old, new) = (by_name(base), by_name(candidate));
    let mut set: BTreeMap<usize, (&str, String)> = BTreeMap::new();
    for (key, (at, value)) in by_name(own) {
        let usual = (key == "PATH").then_some(DEFAULT_PATH);
        let old = old.get(key).map(|(_, old)| *old).or(usual.filter(|_| !base.is_empty()));
        if old == Some(value) {
            continue;
        }
        let new = new.get(key).map(|(_, new)| *new).or(usual).unwrap_or_default();
        let value = old.and_then(|old| rebuilt(value, old, new)).unwrap_or_else(|| value.to_owned());
        set.insert(at, (key, format!("{key}={value}")));
    }
    let names: HashSet<&str> = set.values().map(|(key, _)| *key).collect();
    let kept = candidate.iter().filter(|pair| pair.split_once('=').is_none_or(|(key, _)| !names.contains(key)));
    kept.cloned().chain(set.values().map(|(_, pair)| pair.clone())).collect()
}

/// The variables by name, each with its place; the last one of a name counts.
fn by_name(env: &[String]) -> HashMap<&str, (usize, &str)> {
    let pairs = env.iter().enumerate().filter_map(|(at, pair)| Some((at, pair.split_once('=')?)));
    pairs.map(|(at, (key, value))| (key, (at, value))).collect()
}

/// `/x:OLD` becomes `/x:NEW`.
fn rebuilt(value: &str, old: &str, new: &str) -> Option<String> {
    let at = value.find(old).filter(|_| !old.is_empty())?;
    let (before, after) = (&value[..at], &value[at + old.len()..]);
    let bounded = (before.is_empty() || before.ends_with(':')) && (after.is_empty() || after.starts_with(':'));
    bounded.then(|| [before, new, after].concat().trim_matches(':').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_on_the_base_is_built_on_the_candidate() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let base = list("PATH=/usr/bin LANG=C VERSION=3.11.1 KEPT=1");
        let own = list("PATH=/venv/bin:/usr/bin LANG=C VERSION=3.11.1 KEPT=2 APP=x");
        let candidate = list("PATH=/opt/bin:/bin VERSION=3.11.9");
        let merged = merged_env(&own, &base, &candidate);
        assert_eq!(merged, list("VERSION=3.11.9 PATH=/venv/bin:/opt/bin:/bin KEPT=2 APP=x"));
        assert_eq!(rebuilt("/usr/bin2", "/usr/bin", "/b"), None);
    }
}
