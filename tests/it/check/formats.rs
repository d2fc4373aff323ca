//! Every form of a report, read by a parser that knows nothing of us; and images whose names would break out of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;

use crate::support::need::found;
use crate::support::{Sandbox, need};

/// Names and instructions that mean something to a terminal, a log, XML, HTML or Markdown.
const HOSTILE: &str = r#"
image app linux/amd64
label "a=::set-output name=x::y"
layer "RUN x\n::error file=a::gotcha\n\x1b[31m]]></failure><script>alert(1)</script>"
  file "/app/a\n::error::gotcha" size=40k seed=1
  file "/app/b]]></failure><testcase>&amp;" size=39k seed=2
  file "/app/<img src=x onerror=alert(1)>|`@someone`" size=38k seed=3
  file "/app/[link](https:/x) **bold** </details> www.evil.example $x$" size=37k seed=4
  file "/app/\x1b[2J\xe2\x80\xae" size=36k seed=5
  file "/app/\xff\xfe" size=35k seed=6
  file "/app/.env" "SECRET=1"
layer "RUN rm ]( #1 -->"
  whiteout "/app/a\n::error::gotcha"
"#;

const BUDGET: &str = r#"
[rules]
file-size = { limit = "1kB", reason = "see <https://example.com> & ask @someone" }
wasted-size = { limit = "1kB", severity = "warning" }
findings = 0
stored-growth = "1kB"
layers = 9
"#;

/// Every form, written in one run.
fn reports(images: &str, more: &[&str]) -> (Sandbox, impl Fn(&Sandbox, &str) -> String) {
    let sandbox = Sandbox::new();
    let image = sandbox.oci(images);
    sandbox.write("layerscope.toml", BUDGET);
    let formats = ["table", "json", "markdown", "junit", "sarif", "github", "gitlab", "html"];
    let reports: Vec<String> = formats.iter().map(|format| format!("--report={format}=report.{format}")).collect();
    let args =
        [&["check", "-q", image.as_str()], more, &reports.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let run = sandbox.layerscope(args).env("GITHUB_STEP_SUMMARY", sandbox.path("summary.md")).run();
    assert_eq!(run.code(), 1, "{run:?}");
    assert_eq!(
        run.stdout,
        std::fs::read_to_string(sandbox.path("report.table")).map(|text| sandbox.filter(&text)).unwrap()
    );
    let read = |sandbox: &Sandbox, format: &str| {
        let text = std::fs::read_to_string(sandbox.path(format!("report.{format}"))).unwrap();
        let steers = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(steers), "{format}: {text:?}");
        text
    };
    (sandbox, read)
}

#[test]
fn junit_is_read_by_nextests_reader() {
    let (sandbox, read) = reports(HOSTILE, &[]);
    let report = Report::deserialize_from_str(&read(&sandbox, "junit")).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (5, 2, 1));
    let cases = &report.test_suites[0].test_cases;
    let shown: Vec<(&str, &str)> = (cases.iter())
        .map(|case| {
            let kind = match &case.status {
                TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => "failure",
                TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => "error",
                TestCaseStatus::Skipped { .. } => "skipped",
                TestCaseStatus::Success { .. } => "success",
            };
            (case.name.as_str(), kind)
        })
        .collect();
    let expected = [
        ("file-size", "failure"),
        ("wasted-size", "skipped"),
        ("findings", "failure"),
        ("stored-growth", "error"),
        ("layers", "success"),
    ];
    assert_eq!(shown, expected);
    let TestCaseStatus::NonSuccess { description: Some(text), .. } = &cases[0].status else { panic!("{:?}", cases[0]) };
    assert!(
        text.contains(r"/app/a\n::error::gotcha") && text.contains("/app/b]]></failure><testcase>&amp;"),
        "{text:?}"
    );
}

/// The schema that Ant's reports are held to since 2009. It has no message for what was skipped, which pytest and Maven
/// write and Jenkins shows.
#[test]
fn junit_is_as_its_schema_says() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/junit.xsd");
    let Some(schema) = found(schema.is_file().then_some(schema), "junit.xsd is not in target/tools") else { return };
    let Some(xmllint) = need("xmllint") else { return };
    let (sandbox, read) = reports(HOSTILE, &[]);
    let valid = |text: &str| {
        sandbox.write("strict.xml", text);
        let mut command = Command::new(&xmllint);
        command.args(["--noout", "--schema"]).arg(&schema).arg(sandbox.path("strict.xml"));
        let output = command.output().unwrap();
        if output.status.success() { String::new() } else { String::from_utf8(output.stderr).unwrap() }
    };
    let text = read(&sandbox, "junit");
    let (before, after) = text.split_once("<skipped message=").unwrap();
    let strict =
        format!("{before}<skipped{}", after.split_once('"').and_then(|(_, rest)| rest.split_once('"')).unwrap().1);
    assert_eq!(valid(&strict), "");
    assert_ne!(valid(&strict.replace("<testcase ", "<gotcha/><testcase ")), "", "the schema holds it to something");
}

/// The schema that the crate `serde-sarif` ships.
fn sarif_schema() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["metadata", "--offline", "--filter-platform", "host-tuple", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let metadata: Value = serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let file = manifest.with_file_name("src").join("schema.json");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    // The pattern of a language that we never name is no regular expression: a bracket is missing.
    for of in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{of}/properties/language")).unwrap();
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    schema
}

#[test]
fn sarif_is_as_its_schema_says() {
    let (sandbox, read) = reports(HOSTILE, &[]);
    let log: Value = serde_json::from_str(&read(&sandbox, "sarif")).unwrap();
    let schema = sarif_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = "gotcha".into();
    assert!(!validator.is_valid(&broken), "the schema holds it to something");
    let log: serde_sarif::sarif::Sarif = serde_json::from_value(log).unwrap();
    let run = &log.runs[0];
    let rules = run.tool.driver.rules.as_ref().unwrap();
    for result in run.results.as_ref().unwrap() {
        let rule = &rules[result.rule_index.unwrap() as usize];
        assert_eq!(Some(&rule.id), result.rule_id.as_ref());
    }
    let text = run.results.as_ref().unwrap()[0].message.text.as_ref().unwrap();
    assert!(text.starts_with("file-size: ") && text.contains(r"/app/a\\n::error::gotcha"), "{text}");
}

#[test]
fn annotations_are_a_line_each() {
    let (sandbox, read) = reports(HOSTILE, &["--dockerfile", "Dockerfile.none"][..0]);
    let text = read(&sandbox, "github");
    for line in text.lines() {
        let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("{line}"));
        let (command, message) = rest.split_once("::").unwrap();
        let (kind, properties) = command.split_once(' ').unwrap();
        assert!(["error", "warning", "notice"].contains(&kind), "{line}");
        let keys: Vec<&str> = properties.split(',').map(|pair| pair.split_once('=').unwrap().0).collect();
        assert_eq!(keys, ["file", "line", "title"], "{line}");
        assert!(!message.is_empty());
    }
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("::error file=layerscope.toml,line=3,title=layerscope%3A file-size::"), "{first}");
    let errors = text.lines().filter(|line| line.starts_with("::error")).count();
    assert_eq!(errors, 3, "a finding is no error of its own:\n{text}");
    let summary = std::fs::read_to_string(sandbox.path("summary.md")).unwrap();
    assert_eq!(summary, read(&sandbox, "markdown"));
}

#[test]
fn code_quality_is_a_list_of_places() {
    let (sandbox, read) = reports(HOSTILE, &[]);
    let issues: Vec<Value> = serde_json::from_str(&read(&sandbox, "gitlab")).unwrap();
    let mut seen = HashSet::new();
    for issue in &issues {
        assert!(seen.insert(issue["fingerprint"].as_str().unwrap()), "{issue:#}");
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap()));
        assert!(issue["description"].is_string() && issue["check_name"].is_string());
        assert_eq!(issue["location"]["path"], "layerscope.toml");
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() > 0);
    }
    assert!(issues.len() > 4, "{issues:#?}");
}

#[test]
fn a_comment_holds_nothing_but_its_own_markup() {
    let (sandbox, read) = reports(HOSTILE, &[]);
    let text = read(&sandbox, "markdown");
    let mut tables = 0;
    for event in Parser::new_ext(&text, Options::all()) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_)) => panic!("{event:?} in\n{text}"),
            Event::Code(_) | Event::InlineMath(_) | Event::DisplayMath(_) => panic!("{event:?} in\n{text}"),
            Event::Html(html) | Event::InlineHtml(html) => {
                let bare = html.replace("<details>", "").replace("</details>", "");
                let bare =
                    bare.replace("<summary>", "").replace("</summary>", "").replace("<!-- layerscope check -->", "");
                assert!(!bare.contains(['<', '>']), "{html} in\n{text}");
            }
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::Text(words) => assert!(!words.contains("@someone"), "{words}"),
            _ => {}
        }
    }
    assert_eq!(tables, 1);
    assert!(!text.contains("://") && !text.contains("www."), "{text}");
    assert!(text.contains("<details>") && text.matches("<details>").count() == text.matches("</details>").count());
}

#[test]
fn the_dockerfile_is_pointed_at() {
    let sandbox = Sandbox::new();
    let image =
        sandbox.oci("image app linux/amd64\nlayer \"RUN /bin/sh -c fetch model # buildkit\"\n  file /model size=90k\n");
    sandbox.write("layerscope.toml", "[rules]\nfile-size = 1\n");
    sandbox.write("build/Dockerfile", "FROM scratch\n\nRUN fetch model\n");
    let args = ["check", "-f", "github", "--dockerfile", "build/Dockerfile", &image];
    let said = sandbox.layerscope(args).run().stdout;
    assert!(said.starts_with("::error file=build/Dockerfile,line=3,title=layerscope%3A file-size::"), "{said}");
}
