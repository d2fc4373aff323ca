//! `check`: rules, baselines, reports, and the verdicts of dive.

mod baseline;
mod dive;
mod formats;
mod life;
mod recipes;
mod rules;

use serde_json::Value;

use crate::support::Sandbox;

/// Holds an image to a budget: the document, which is as its schema says, and whose verdict is the status.
#[track_caller]
fn checked(sandbox: &Sandbox, budget: &str, args: &[&str]) -> Value {
    sandbox.write("layerscope.toml", budget);
    let output = sandbox.layerscope([&["check", "--format", "json"], args].concat()).run();
    let document: Value = serde_json::from_slice(&output.bytes).unwrap_or_else(|_| panic!("{output:?}"));
    let schemas = layerscope::report::schemas();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == "check").unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(schema).unwrap().iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let status = if document["verdict"] == "pass" { 0 } else { 1 };
    assert_eq!(output.code(), status, "{document:#}");
    document
}

/// What came of each rule: its id, its verdict, what is said of it, and the paths that it is about.
fn told(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rule = |rule: &Value| {
        let paths: Vec<String> = rule["evidence"].as_array().unwrap().iter().map(|one| text(&one["path"])).collect();
        let said = format!("{} {}: {}", text(&rule["id"]), text(&rule["verdict"]), text(&rule["message"]));
        let paths = paths.into_iter().filter(|path| !path.is_empty()).collect::<Vec<_>>().join(" ");
        format!("{said} {paths}").trim_end().to_owned()
    };
    document["rules"].as_array().unwrap().iter().map(rule).collect()
}
