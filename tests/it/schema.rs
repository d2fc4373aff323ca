//! The JSON Schemas in `fixtures/schema` are those of the types, and what is written validates against them.
//! `UPDATE_FIXTURES=1 cargo test --test it schema` writes them anew.

use std::path::Path;

use layerscope::report;
use serde_json::Value;

use crate::support::Sandbox;

fn workshop(tag: &str) -> String {
    format!("oci:{}/fixtures/workshop:{tag}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema");
    for (command, schema) in report::schemas() {
        let file = folder.join(format!("{command}.json"));
        let text = format!("{schema:#}\n");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let shipped = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            shipped == text,
            "fixtures/schema/{command}.json is old: UPDATE_FIXTURES=1 cargo test --test it schema"
        );
    }
}

/// A document, held against the schema of its command.
#[track_caller]
fn check(sandbox: &Sandbox, command: &str, args: &[&str]) -> Value {
    check_as(sandbox, command, command, args)
}

/// A document of this name, of a command that may have another.
#[track_caller]
fn check_as(sandbox: &Sandbox, name: &str, command: &str, args: &[&str]) -> Value {
    let document = sandbox.layerscope([&[command, "--format", "json"], args].concat()).run().json();
    let schemas = report::schemas();
    let (_, schema) = schemas.iter().find(|(known, _)| *known == name).unwrap();
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(document["schema"], format!("layerscope.{name}/1"));
    document
}

#[test]
fn documents_validate() {
    let sandbox = Sandbox::new();
    let odd = sandbox.oci(
        r#"
        image odd linux/arm64/v8
        created none
        history none
        layer x
          file "/a\xff" "1" xattr.user.k="\x00"
          file /b zeros=5 4755 mtime=-7
          file /c zeros=5
          link /l "/\xfe"
          char /null 666 1:3
        layer y
          whiteout "/a\xff"
        "#,
    );
    let arm = ["--platform", "linux/arm64"];
    for tag in ["full", "tidy", "slim"] {
        check(&sandbox, "inspect", &[&workshop(tag)]);
        check(&sandbox, "ls", &[&workshop(tag)]);
    }
    check(&sandbox, "inspect", &[&[odd.as_str()][..], &arm].concat());
    let list = check(&sandbox, "ls", &[&[odd.as_str()][..], &arm].concat());
    let device = list["entries"].as_array().unwrap().iter().find(|entry| entry["type"] == "char").unwrap();
    assert_eq!(device["device"], serde_json::json!([1, 3]));
    check(&sandbox, "diff", &[&workshop("full"), &workshop("slim")]);
    check(&sandbox, "diff", &[&workshop("full"), &workshop("full"), "--times", "--top", "3"]);
    sandbox.write("layerscope.toml", "[rules]\nstored-size = \"1GB\"\nstored-growth = \"1GB\"\n");
    check(&sandbox, "check", &[&workshop("full"), "--baseline", &workshop("slim")]);
    check(&sandbox, "start", &[&workshop("full"), &workshop("slim")]);
    check(&sandbox, "recommend", &["--offline", &workshop("full"), "--candidate", &workshop("slim")]);
    let services =
        [("full", "full"), ("tidy", "tidy")].map(|(name, tag)| format!("  {name}: {{image: '{}'}}\n", workshop(tag)));
    sandbox.write("compose.yaml", format!("services:\n{}  gone: {{image: '-'}}\n", services.concat()));
    let together = ["--offline", "--compose", "compose.yaml", "--candidate", &workshop("slim")];
    check_as(&sandbox, "compose", "recommend", &together);
    let to = |name: &str| format!("oci:{}:1", sandbox.path(name).display());
    let onto = [&*workshop("full"), "--onto", &workshop("python:3.7-slim"), "-o", &to("rebased"), "--offline"];
    check_as(&sandbox, "rewrite", "rebase", &onto);
    check_as(&sandbox, "rewrite", "optimize", &[&workshop("full"), "--squash", "all", "--dry-run"]);
    let both = format!("{}:app:1", sandbox.oci(crate::rewrite::platforms::APP));
    check_as(&sandbox, "rewrite-index", "optimize", &[&both, "--squash", "all", "-o", &to("both")]);
    check_as(&sandbox, "rewrite-index", "optimize", &[&both, "--squash", "all", "--dry-run"]);
}

#[test]
fn a_schema_holds_documents_to_something() {
    let schemas = report::schemas();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == "inspect").unwrap();
    let validator = jsonschema::validator_for(schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({ "schema": "layerscope.inspect/1" })));
}

#[test]
fn paths_that_are_no_text_have_their_bytes() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image odd\nlayer x\n  file \"/a\\xff\" \"1\"\nlayer y\n  whiteout \"/a\\xff\"\n");
    let document = check(&sandbox, "inspect", &[&image]);
    let lost = &document["waste"]["paths"][0];
    assert_eq!((&lost["path"], &lost["path_bytes"]), (&"/a\u{fffd}".into(), &"L2H/".into()));
    let image = sandbox.oci("image odd\nlayer x\n  link /l \"a\\xff\"\n");
    let link = &check(&sandbox, "ls", &[&image])["entries"][1];
    assert_eq!((&link["link"], &link["link_bytes"]), (&"a\u{fffd}".into(), &"Yf8=".into()));
}
