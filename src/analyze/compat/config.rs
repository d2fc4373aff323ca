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
        // A build runs its base's triggers, and passes none of them on.
        on_build: own.on_build.clone(),
        stop_signal: pick(&own.stop_signal, &base.stop_signal, &candidate.stop_signal),
        healthcheck: pick(&own.healthcheck, &base.healthcheck, &candidate.healthcheck),
        shell: pick(&own.shell, &base.shell, &candidate.shell),
        other: laid_over(&own.other, &base.other, &candidate.other),
    }
}

fn pick<T: Clone + PartialEq>(own: &T, base: &T, candidate: &T) -> T {
    if own == base { candidate.clone() } else { own.clone() }
}

/// What the application took from its base's is not the candidate's either.
fn laid_over<V: Clone + PartialEq>(
    own: &BTreeMap<String, V>,
    base: &BTreeMap<String, V>,
    candidate: &BTreeMap<String, V>,
) -> BTreeMap<String, V> {
    let added = own.iter().filter(|(key, value)| base.get(*key) != Some(value));
    let kept = candidate.iter().filter(|(key, _)| own.contains_key(*key) || !base.contains_key(*key));
    kept.chain(added).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The candidate's variables in order, then the application's own. A value that was built on the base's (`PATH=/x:$PATH`)
/// is built on the candidate's; one that the application took away stays away.
fn merged_env(own: &[String], base: &[String], candidate: &[String]) -> Vec<String> {
    let (old, new) = (by_name(base), by_name(candidate));
    let mut set: BTreeMap<usize, (&str, String)> = BTreeMap::new();
    let own = by_name(own);
    let is_gone = |key: &str| old.contains_key(key) && !own.contains_key(key);
    for (key, (at, value)) in &own {
        let (key, value) = (*key, *value);
        let usual = (key == "PATH").then_some(DEFAULT_PATH);
        let old = old.get(key).map(|(_, old)| *old).or(usual.filter(|_| !base.is_empty()));
        if old == Some(value) {
            continue;
        }
        let new = new.get(key).map(|(_, new)| *new).or(usual).unwrap_or_default();
        let value = old.and_then(|old| rebuilt(value, old, new)).unwrap_or_else(|| value.to_owned());
        set.insert(*at, (key, format!("{key}={value}")));
    }
    let names: HashSet<&str> = set.values().map(|(key, _)| *key).collect();
    let is_set = |key: &str| names.contains(key) || is_gone(key);
    let kept = candidate.iter().filter(|pair| pair.split_once('=').is_none_or(|(key, _)| !is_set(key)));
    kept.cloned().chain(set.values().map(|(_, pair)| pair.clone())).collect()
}

/// The variables by name, each with its place; the last one of a name counts.
fn by_name(env: &[String]) -> HashMap<&str, (usize, &str)> {
    let pairs = env.iter().enumerate().filter_map(|(at, pair)| Some((at, pair.split_once('=')?)));
    pairs.map(|(at, (key, value))| (key, (at, value))).collect()
}

/// `/x:OLD` becomes `/x:NEW`, where these are lists of paths.
fn rebuilt(value: &str, old: &str, new: &str) -> Option<String> {
    let [own, old, new] = [value, old, new].map(|list| list.split(':').collect::<Vec<_>>());
    let is_paths = old.iter().all(|path| path.starts_with('/'));
    let at = own.windows(old.len()).position(|part| is_paths && part == old)?;
    let (before, after) = (&own[..at], &own[at + old.len()..]);
    let new = if new == [""] { &[] } else { &new[..] };
    Some([before, new, after].concat().join(":"))
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
    }

    #[test]
    fn lists_of_paths_are_rebuilt_by_their_elements() {
        let rebuilt = |value: &str, old: &str, new: &str| rebuilt(value, old, new).unwrap_or_default();
        assert_eq!(rebuilt("/usr/bin2", "/usr/bin", "/b"), "");
        assert_eq!(rebuilt("/venv/bin:/bin", "/bin", "/opt/new:/bin"), "/venv/bin:/opt/new:/bin");
        assert_eq!(rebuilt("/venv:/usr/bin:/bin:/x", "/usr/bin:/bin", ""), "/venv:/x");
        assert_eq!(rebuilt("localhost:8080", "localhost", "0.0.0.0"), "", "no list of paths");
        assert_eq!(rebuilt("/a", "", "/b"), "");
    }

    #[test]
    fn what_the_application_took_away_stays_away() {
        let text = r#"{"Env": ["PATH=/bin", "SECRET=1"], "Labels": {"a": "1", "b": "2"}, "Volumes": {"/data": {}},
            "ExposedPorts": {"80/tcp": {}}, "OnBuild": ["RUN old"]}"#;
        let base: RuntimeConfig = serde_json::from_str(text).unwrap();
        let mut candidate: RuntimeConfig = serde_json::from_str(&text.replace("old", "new")).unwrap();
        candidate.labels.insert("c".into(), "3".into());
        let own: RuntimeConfig = serde_json::from_str(r#"{"Env": ["PATH=/bin"], "Labels": {"b": "2"}}"#).unwrap();
        let image = crate::analyze::testing::Fixture::new(&[]);
        let on = |base| {
            let application = Application {
                image: image.subject(),
                base_layers: 0,
                base,
                runs_with: &own,
                build_commands: &[],
                copies: &[],
                built: true,
            };
            merged(&application, &candidate)
        };
        let merged = on(Some(&base));
        assert_eq!(merged.env, ["PATH=/bin"]);
        assert_eq!(merged.labels.keys().collect::<Vec<_>>(), ["b", "c"], "what only the candidate has is new");
        assert!(merged.volumes.is_empty() && merged.exposed_ports.is_empty());
        assert_eq!(merged.on_build, None, "FROM passes no triggers on");
        assert_eq!(on(None).labels.len(), 3, "of an unknown base nothing is known to be gone");
    }
}
