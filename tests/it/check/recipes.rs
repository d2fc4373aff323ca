//! What the README and `action.yml` tell CI to run is what runs.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Sandbox;

const IMAGES: &str = "image app:old linux/amd64\nlayer x\n  file /x size=9k\nimage app:new linux/amd64\nfrom app:old\n\
                      layer \"RUN grow\"\n  file /y size=90k\n";

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The README's snippets of YAML, in order.
fn snippets() -> Vec<Value> {
    let readme = text("README.md");
    readme.split("```yaml\n").skip(1).map(|rest| yaml(rest.split("\n```").next().unwrap())).collect()
}

/// A folder with a budget, a Dockerfile and images, as a repository would have them.
fn repository() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    sandbox.write("layerscope.toml", "[rules]\nstored-growth = \"50kB\"\n");
    sandbox.write("Dockerfile", "FROM scratch\nRUN grow\n");
    (sandbox, layout)
}

/// The arguments of the action, with these inputs and else its defaults.
fn arguments(action: &Value, inputs: &[(&str, &str)]) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for argument in action["runs"]["args"].as_array().unwrap() {
        let mut argument = argument.as_str().unwrap().to_owned();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let given = inputs.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
            let value = given.or(input["default"].as_str()).unwrap_or_else(|| panic!("{name} is not given"));
            argument = argument.replace(&format!("${{{{ inputs.{name} }}}}"), value);
        }
        assert!(!argument.contains("${{"), "{argument}");
        arguments.push(argument);
    }
    arguments
}

#[test]
fn the_action_checks_an_image() {
    let action = yaml(&text("action.yml"));
    assert_eq!((&action["runs"]["using"], &action["runs"]["image"]), (&"docker".into(), &"Dockerfile".into()));
    let (sandbox, layout) = repository();
    let (old, new) = (format!("{layout}:old"), format!("{layout}:new"));
    let run = |inputs: &[(&str, &str)]| sandbox.layerscope(arguments(&action, inputs)).run();
    let grown = run(&[("image", &new), ("baseline", &old), ("dockerfile", "Dockerfile")]);
    assert_eq!(grown.code(), 1, "{grown:?}");
    let first = grown.stdout.lines().next().unwrap();
    assert!(first.starts_with("::error file=Dockerfile,line=2,title=layerscope%3A stored-growth::"), "{first}");
    assert!(grown.stdout.contains("FAIL  "), "{}", grown.stdout);
    assert_eq!(run(&[("image", &old), ("baseline", &old)]).code(), 0);
    assert_eq!(run(&[("image", &old)]).code(), 1, "growth can't be told without a baseline");
    for file in ["layerscope.xml", "layerscope.sarif", "layerscope.md"] {
        assert!(sandbox.path(file).exists(), "{file}");
    }
}

#[test]
fn the_snippet_for_github_gives_the_action_what_it_takes() {
    let action = yaml(&text("action.yml"));
    let jobs = &snippets()[0]["jobs"];
    let steps = jobs["image"]["steps"].as_array().unwrap();
    let is_ours = |step: &&Value| step["uses"].as_str().is_some_and(|uses| uses.starts_with("layerscope/layerscope@"));
    let ours = steps.iter().find(is_ours).unwrap();
    for input in ours["with"].as_object().unwrap().keys() {
        assert!(action["inputs"].get(input).is_some(), "{input} is no input");
    }
    let written: Vec<&str> =
        ["sarif", "markdown"].map(|name| action["inputs"][name]["default"].as_str().unwrap()).to_vec();
    let used = serde_json::to_string(steps).unwrap();
    assert!(written.iter().all(|file| used.contains(file)), "{used}");
}

#[test]
fn the_snippet_for_gitlab_runs() {
    let job = snippets()[1]["image budget"].clone();
    let (sandbox, layout) = repository();
    let program = Path::new(env!("CARGO_BIN_EXE_layerscope")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program).chain(std::env::split_paths(&others))).unwrap();
    for (image, status) in [("new", 1), ("old", 0)] {
        let mut shell = Command::new("sh");
        shell.args(["-c", job["script"][0].as_str().unwrap()]).current_dir(sandbox.path(""));
        shell.env("IMAGE", format!("{layout}:{image}")).env("BASELINE", format!("{layout}:old"));
        shell.env("HOME", sandbox.path("home")).env("XDG_CACHE_HOME", sandbox.path("home/.cache")).env("PATH", &path);
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let reports = job["artifacts"]["reports"].as_object().unwrap().values();
        for file in reports.chain(job["artifacts"]["paths"].as_array().unwrap()) {
            let file = sandbox.path(file.as_str().unwrap());
            assert!(file.exists(), "{file:?}");
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn every_rule_is_in_the_readme() {
    let readme = text("README.md");
    for kind in layerscope::budget::KINDS {
        let name = kind.name.strip_suffix("-percent").filter(|name| name.ends_with("growth")).unwrap_or(kind.name);
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn our_own_dockerfile_is_read() {
    let dockerfile = layerscope::dockerfile::Dockerfile::parse(&text("Dockerfile")).unwrap();
    let runs = dockerfile.runs_with(1, &layerscope::model::RuntimeConfig::default()).unwrap();
    assert_eq!(runs.entrypoint, Some(vec!["layerscope".to_owned()]));
}
