//! Config documents of new images: history, labels, and who wins where old base, new base and image disagree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::model::{Config, History, RuntimeConfig, instructions};

/// Says so in the history.
const BY: &str = "layerscope";

/// The history of an image whose layers `from` to `to` became `made` ones, two at most. Its steps stay, but make no layer,
/// except for the last ones that did.
pub(super) fn merge_history(config: &mut Config, from: usize, to: usize, made: usize) {
    let steps: Vec<usize> = instructions(&config.history, to).into_iter().flatten().collect();
    // Without a history that tells of all layers there is none to keep: a wrong one is worse.
    if steps.len() < to {
        config.history.clear();
        return;
    }
    let last = &steps[from..][(to - from).saturating_sub(made)..];
    for (step, of) in config.history.iter_mut().enumerate() {
        of.empty_layer |= !steps[..from].contains(&step) && !last.contains(&step);
    }
    let count = ["none", "one", "two"].get(made).unwrap_or(&"some");
    let layers = if to - from == 1 { "layer" } else { "layers" };
    let merged = format!("{BY} optimize: {} {layers} in {count}", to - from);
    for step in last {
        let comment = &mut config.history[*step].comment;
        *comment = if comment.is_empty() { merged.clone() } else { format!("{comment}; {merged}") };
    }
    if let Some(step) = last.last().filter(|_| last.len() < made) {
        let again = config.history[*step].clone();
        config.history.insert(step + 1, again);
    }
}

/// The history of an image's layers from one on, with the steps that follow them; none where it can't be told. What the
/// image did before its first layer is told from what its base did by the `base`'s own history.
pub(super) fn history_above(config: &Config, base_layers: usize, base: &[History]) -> Option<Vec<History>> {
    let layers = config.rootfs.diff_ids.len();
    let steps = instructions(&config.history, layers);
    if steps.iter().any(Option::is_none) {
        return None;
    }
    let first = steps.get(base_layers).copied().flatten().unwrap_or(config.history.len());
    let is_known = !base.is_empty() && base.len() <= first && config.history.starts_with(base);
    Some(config.history[if is_known { base.len() } else { first }..].to_vec())
}

/// A setting that the application and the new base have both changed: the application's stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its name: `Env PYTHON_VERSION`, `User`.
    pub setting: String,
    /// What the old base has.
    pub old: String,
    /// What the new one has.
    pub new: String,
    /// What the application has.
    pub own: String,
}

/// Where old base, new base and image all say something else, and the image's is what `made` has.
pub(super) fn conflicts(
    old: &RuntimeConfig,
    new: &RuntimeConfig,
    own: &RuntimeConfig,
    made: &RuntimeConfig,
) -> Vec<Conflict> {
    let [old, new, own, made] = [old, new, own, made].map(settings);
    let value = |of: &BTreeMap<String, String>, name: &str| of.get(name).cloned().unwrap_or_default();
    // What the application took away is no setting of its.
    let names: BTreeSet<&String> = old.keys().chain(own.keys()).collect();
    let all = names.into_iter().map(|name| Conflict {
        setting: name.clone(),
        old: value(&old, name),
        new: value(&new, name),
        own: value(&own, name),
    });
    // What is built on the base's value (`PATH=/venv/bin:$PATH`) is built on the new one's.
    let stays = |conflict: &Conflict| value(&made, &conflict.setting) == conflict.own;
    let differ = |conflict: &Conflict| {
        conflict.old != conflict.own && conflict.old != conflict.new && conflict.new != conflict.own
    };
    all.filter(|conflict| differ(conflict) && !conflict.new.is_empty() && stays(conflict)).collect()
}

/// A config as names and values.
fn settings(config: &RuntimeConfig) -> BTreeMap<String, String> {
    let list = |words: &Option<Vec<String>>| words.as_ref().map(|words| format!("{words:?}")).unwrap_or_default();
    let check = config.healthcheck.as_ref().map(|check| json!(check).to_string());
    let mut settings: BTreeMap<String, String> = [
        ("User", config.user.clone()),
        ("WorkingDir", config.working_dir.clone()),
        ("Entrypoint", list(&config.entrypoint)),
        ("Cmd", list(&config.cmd)),
        ("StopSignal", config.stop_signal.clone().unwrap_or_default()),
        ("Healthcheck", check.unwrap_or_default()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let variables = config.env.iter().filter_map(|pair| pair.split_once('='));
    settings.extend(variables.map(|(name, value)| (format!("Env {name}"), value.to_owned())));
    settings.extend(config.labels.iter().map(|(name, value)| (format!("Label {name}"), value.clone())));
    settings.retain(|_, value| !value.is_empty());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DiffId, Digest, Healthcheck, RootFs};

    fn config(pattern: &str) -> Config {
        let step = |(at, c): (usize, char)| History {
            created_by: format!("step {at}"),
            empty_layer: c == '-',
            ..History::default()
        };
        Config { history: pattern.chars().enumerate().map(step).collect(), ..Config::default() }
    }

    fn pattern(config: &Config) -> String {
        config.history.iter().map(|step| if step.empty_layer { '-' } else { '+' }).collect()
    }

    #[test]
    fn merged_steps_stay_and_the_last_makes_the_layer() {
        let mut merged = config("+-+-++-");
        merge_history(&mut merged, 1, 4, 1);
        assert_eq!(pattern(&merged), "+----+-");
        assert_eq!(merged.history[5].comment, "layerscope optimize: 3 layers in one");
        let mut nothing = config("+-+-++-");
        merge_history(&mut nothing, 1, 4, 0);
        assert_eq!(pattern(&nothing), "+------");
        let mut surplus = config("++-+");
        merge_history(&mut surplus, 0, 2, 1);
        assert_eq!(pattern(&surplus), "---+", "a step more than there are layers");
        let mut two = config("+-+-++-");
        merge_history(&mut two, 1, 4, 2);
        assert_eq!(pattern(&two), "+---++-");
        assert_eq!(two.history[4].comment, "layerscope optimize: 3 layers in two");
        let mut parted = config("+-+-");
        merge_history(&mut parted, 1, 2, 2);
        assert_eq!(pattern(&parted), "+-++-");
        let mut unknown = config("+");
        merge_history(&mut unknown, 0, 3, 1);
        assert_eq!(pattern(&unknown), "");
    }

    #[test]
    fn steps_before_the_first_layer_are_told_by_the_bases_history() {
        let own = |pattern: &str, layers: usize| {
            let diff_ids = vec![DiffId(Digest::Sha256([0; 32])); layers];
            Config { rootfs: RootFs { diff_ids }, ..config(pattern) }
        };
        let above = |of: &Config, base: &[History]| {
            let above = history_above(of, 1, base).unwrap();
            above.iter().map(|step| step.created_by.clone()).collect::<Vec<_>>().join(", ")
        };
        let (image, base) = (own("+--+-", 2), config("+-"));
        assert_eq!(above(&image, &base.history), "step 2, step 3, step 4");
        assert_eq!(above(&image, &[]), "step 3, step 4", "the base is not at hand");
        assert_eq!(above(&image, &config("++").history), "step 3, step 4", "it is another one's");
        assert_eq!(above(&own("+--", 1), &base.history), "step 2", "settings alone");
    }

    #[test]
    fn conflicts_are_of_three() {
        let with = |env: &[&str], user: &str| RuntimeConfig {
            env: env.iter().map(|pair| (*pair).to_owned()).collect(),
            user: user.into(),
            ..RuntimeConfig::default()
        };
        let old = with(&["A=1", "B=1", "C=1", "PATH=/bin", "V=3.11", "GONE=1", "X=1"], "app");
        let new = with(&["A=2", "B=2", "C=1", "PATH=/usr/bin", "V=3.12", "GONE=2", "X=1"], "nobody");
        let mut own = with(&["A=1", "B=3", "C=3", "D=4", "PATH=/venv:/bin", "V=3.11.4"], "app:www");
        let mut made = with(&["A=2", "B=3", "C=3", "D=4", "PATH=/venv:/usr/bin", "V=3.11.4"], "app:www");
        let check = |of: &str| Some(Healthcheck { test: vec!["CMD".into(), of.into()], ..Healthcheck::default() });
        let [old, new] =
            [(old, "old"), (new, "new")].map(|(of, word)| RuntimeConfig { healthcheck: check(word), ..of });
        (own.healthcheck, made.healthcheck) = (check("own"), check("own"));
        let found = conflicts(&old, &new, &own, &made);
        let found: Vec<&str> = found.iter().map(|conflict| &*conflict.setting).collect();
        assert_eq!(found, ["Env B", "Env GONE", "Env V", "Healthcheck", "User"]);
    }
}
