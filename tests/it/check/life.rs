//! A repository's life: a budget is made, the image grows, the check says what and where, the fix passes.

use serde_json::Value;

use crate::support::Sandbox;

const DOCKERFILE: &str =
    "FROM debian AS build\nRUN make\n\nFROM debian\nCOPY app /app\nRUN pip install \\\n    pandas\nUSER app\n";

const IMAGES: &str = r#"
stage system
layer "/bin/sh -c #(nop) ADD file:1 in / "
  file /bin/sh 755 size=200k seed=1
  file /etc/os-release "ID=debian\n"
empty "/bin/sh -c #(nop)  CMD [\"bash\"]"
stage app
from system
layer "COPY app /app # buildkit"
  file /app/run 755 size=100k seed=2
user app
image app:first linux/amd64
from app
image app:grown linux/amd64
from app
layer "RUN /bin/sh -c pip install     pandas # buildkit"
  file /usr/lib/python3/dist-packages/pandas/lib.so size=2M seed=3
  file /root/.cache/pip/http/pandas.whl size=1M seed=4
image app:fixed linux/amd64
from app
layer "RUN /bin/sh -c pip install     pandas # buildkit"
  file /usr/lib/python3/dist-packages/tiny/lib.so size=8k seed=3
"#;

#[test]
fn a_budget_is_made_broken_and_kept_again() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let image = |tag: &str| format!("{layout}:{tag}");
    sandbox.write("Dockerfile", DOCKERFILE);

    // The first day: a budget from what there is, and a baseline to keep.
    assert_eq!(sandbox.ok(["check", "--init", &image("first")]), "");
    let budget = std::fs::read_to_string(sandbox.path("layerscope.toml")).unwrap();
    assert!(budget.contains("stored-size = \"330kB\"") && budget.contains("layers = 4"), "{budget}");
    let again = sandbox.fails(["check", "--init", &image("first")]);
    assert!(again.contains("layerscope.toml is there already"), "{again}");
    sandbox.ok(["check", &image("first")]);
    sandbox.ok(["inspect", "--format", "json", "-o", "baseline.json", &image("first")]);
    let growth = "stored-growth-percent = { limit = \"10%\", floor = \"50kB\", reason = \"ask in #images first\" }";
    let budget = budget.replace("# stored-growth-percent = { limit = \"5%\", floor = \"1MB\"", &format!("{growth} #"));
    sandbox.write("layerscope.toml", &budget);

    // The image grows.
    let args = ["--baseline", "baseline.json", "--dockerfile", "Dockerfile"];
    let output = sandbox.layerscope([&["check", &image("grown")][..], &args].concat()).run();
    assert_eq!(output.code(), 1, "{output:?}");
    let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "fail stored-size 3.5 MB 330.0 kB",
        "Why: ask in #images first",
        "/usr/lib/python3/dist-packages/pandas/lib.so",
        "layer 2, line 6: RUN pip install pandas",
        "/root/.cache/pip",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{}", output.stdout);
    }
    let output = sandbox.layerscope([&["check", "--format", "json", &image("grown")][..], &args].concat()).run();
    let document: Value = serde_json::from_slice(&output.bytes).unwrap();
    let cache = document["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "pip-cache").unwrap();
    assert_eq!((&cache["line"], &document["dockerfile"]), (&6.into(), &"Dockerfile".into()));

    // The fix.
    sandbox.ok([&["check", &image("fixed")][..], &args].concat());
}

#[test]
fn a_line_is_right_or_none() {
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    sandbox.write("layerscope.toml", "[rules]\nlayer-size = 0\n");
    let lines = |dockerfile: &str| {
        sandbox.write("Dockerfile", dockerfile);
        let image = format!("{layout}:grown");
        let output = sandbox.layerscope(["check", "-f", "json", "--dockerfile", "Dockerfile", &image]).run();
        let document: Value = serde_json::from_slice(&output.bytes).unwrap();
        let evidence = document["rules"][0]["evidence"].as_array().unwrap().clone();
        let line = |one: &Value| (one["layer"].as_u64().unwrap(), one["line"].as_u64().unwrap_or(0));
        let mut lines: Vec<(u64, u64)> = evidence.iter().map(line).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(lines(DOCKERFILE), [(0, 4), (1, 5), (2, 6)], "the base's layer is its FROM's");
    assert_eq!(lines("FROM x\nCOPY app /app\nRUN pip install ${WHAT}\n"), [(0, 1), (1, 2), (2, 0)]);
    assert_eq!(lines("FROM x AS a\nCOPY app /app\nFROM a\nRUN pip install pandas\n"), [(0, 3), (1, 2), (2, 4)]);
    assert_eq!(lines("FROM x\nRUN another\n"), [(0, 0), (1, 0), (2, 0)], "another image's Dockerfile");
}
