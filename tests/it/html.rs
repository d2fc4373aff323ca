//! HTML pages: what they say, and what Chromium makes of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::need::found;
use crate::support::{Sandbox, need};

/// What is needed to look at a page as people do.
struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    modules: PathBuf,
}

impl Browser {
    fn need() -> Option<Self> {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node_modules");
        let there = ["playwright-core", "axe-core"].iter().all(|name| modules.join(name).is_dir());
        let modules = found(there.then_some(modules), "playwright-core and axe-core are not in target/tools")?;
        Some(Self { node: need("node")?, chromium: need("chromium")?, modules })
    }

    /// Opens a page, and tells what happened.
    fn look(&self, page: &Path) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/html/look.cjs");
        let mut command = Command::new(&self.node);
        command.arg(script).arg(&self.chromium).arg(page).env("NODE_PATH", &self.modules);
        command.args(std::env::var_os("LAYERSCOPE_PICTURE"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Nothing went wrong, nothing was asked of a network, and axe-core has nothing against it.
#[track_caller]
fn is_sound(seen: &Value) {
    for list in ["errors", "requests", "light", "dark", "zoomed", "cut", "shown"] {
        assert!(seen[list].as_array().is_none_or(Vec::is_empty), "{list}: {:#}", seen[list]);
    }
}

const IMAGES: &str = r#"
    image app:1 linux/amd64
    layer "ADD base /"
      file /usr/lib/a size=4M seed=1
      file /usr/lib/b size=3M seed=2
      file /usr/bin/tool size=2M seed=3
      file /var/cache/gone size=1M seed=4
      file /etc/passwd "root"
    layer "RUN make"
      file /app/b1 size=900k seed=5
      file /app/c1 size=800k seed=6
      file /app/c2 size=700k seed=7
      file /app/c3 size=600k seed=8
      file /app/c4 size=500k seed=9
      file /app/c5 size=400k seed=10
      whiteout /var/cache/gone
    layer "RUN strip"
      file /usr/lib/b size=1M seed=11
      file /app/b1 size=90k seed=12
      file /app/c1 size=80k seed=13
      file /app/c2 size=70k seed=14
      file /app/c3 size=60k seed=15
      file /app/c4 size=50k seed=16
      file /app/c5 size=40k seed=17
      whiteout /usr/bin/tool
    image app:2 linux/amd64
    layer "ADD base /"
      file /usr/lib/a size=4M seed=1
"#;

#[test]
fn a_page_of_inspect_says_what_the_table_says() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let page = sandbox.ok(["inspect", "--format", "html", &format!("{oci}:1")]);
    for expected in ["RUN strip", "Lost files, the largest first", "content_replaced", "/var/cache/gone"] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    assert!(page.contains("aria-label=\"gone: 1.0 MB in 1 file, layer 0, 100.0% lost\""), "{page}");
    let again = sandbox.ok(["inspect", "--format", "html", &format!("{oci}:1")]);
    assert_eq!(page, again, "an image has one page");
    assert!(page.len() < 100_000, "{}", page.len());
}

#[test]
fn every_report_has_a_page() {
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let (a, b) = (format!("{oci}:1"), format!("{oci}:2"));
    sandbox.write("layerscope.toml", "[rules]\nlayers = 9\n");
    for (args, maps) in [
        (vec!["diff", "-f", "html", &a, &b], 2),
        (vec!["recommend", "--offline", "-f", "html", &a], 0),
        (vec!["start", "-f", "html", &a, &b], 0),
        (vec!["check", "-f", "html", &a], 1),
    ] {
        let page = sandbox.ok(&args);
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{args:?}");
        assert_eq!(page.matches("<figure").count(), maps, "{args:?}");
        assert_eq!(page.matches("<h1").count(), 1, "{args:?}");
    }
}

#[test]
fn chromium_shows_it_zooms_sorts_and_filters() {
    let Some(browser) = Browser::need() else { return };
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let page = sandbox.path("page.html");
    sandbox.ok(["inspect", "--format", "html", "-o", page.to_str().unwrap(), &format!("{oci}:1")]);
    let seen = browser.look(&page);
    is_sound(&seen);
    assert_ne!(seen["colours"][0], seen["colours"][1], "colours change with what they tell");
    assert_eq!(seen["drawn"][0], "usr/", "the picture needs no script: {:#}", seen["drawn"]);
    let zoom = [
        "click: /usr/ | usr/",
        "way: / | ",
        "ArrowDown: / | usr/",
        "Enter: /usr/ | lib/",
        "ArrowDown: /usr/ | bin/",
        "ArrowUp: /usr/ | lib/",
        "End: /usr/ | bin/",
        "Home: /usr/ | usr/",
        "Escape: / | usr/",
        "ArrowLeft: / | /",
    ];
    assert_eq!(seen["zoom"], serde_json::json!(zoom));
    let filtered = &seen["filtered"];
    assert_eq!(filtered["said"], "5 of 9 rows");
    assert_eq!(filtered["visible"].as_array().unwrap().len(), 5);
    let [largest, smallest] = [0, 1].map(|at| seen["sorted"][at][1][0].as_str().unwrap());
    assert!(largest.starts_with("3.") && smallest.starts_with('4'), "{:#}", seen["sorted"]);
    assert_eq!(seen["sorted"][0][0], "descending");
    assert_eq!(seen["sorted"][1][0], "ascending");
}

#[test]
fn chromium_shows_diff_recommend_and_check() {
    let Some(browser) = Browser::need() else { return };
    let sandbox = Sandbox::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workshop");
    let (full, slim) = (format!("oci:{}:full", fixtures.display()), format!("oci:{}:slim", fixtures.display()));
    let page = sandbox.path("page.html");
    let output = page.to_str().unwrap();
    let budget = "[rules]\nlayers = 9\nwasted-size = { limit = \"1kB\", reason = \"pulled for nothing\" }\n";
    sandbox.write("layerscope.toml", budget);
    for args in [vec!["diff", &full, &slim], vec!["recommend", "--offline", &full], vec!["check", &full]] {
        let run = sandbox.layerscope([&args[..], &["--format", "html", "-o", output]].concat()).run();
        assert_eq!(run.code(), i32::from(args[0] == "check"), "{run:?}");
        let seen = browser.look(&page);
        is_sound(&seen);
        assert!(seen["plain"].to_string().contains("MB"), "numbers need no script: {seen:#}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let text = r#"
        image app:1 linux/amd64
        layer "RUN </script><script>alert(1)</script> \x1b[31m"
          file "/</script><img src=x onerror=alert(1)>" size=1M seed=1
          file "/\" onfocus=alert(1) autofocus x=\"" size=1M seed=2
          file "/'--><svg onload=alert(1)>/{{7*7}}" size=1M seed=3
          file "/exe\xe2\x80\xaetxt\n\xff" size=1M seed=4
        layer "two"
          whiteout "/\" onfocus=alert(1) autofocus x=\""
    "#;
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(text);
    let page = sandbox.path("page.html");
    sandbox.ok(["inspect", "--format", "html", "-o", page.to_str().unwrap(), &format!("{oci}:1")]);
    let written = std::fs::read_to_string(&page).unwrap();
    assert_eq!((written.matches("<script").count(), written.matches("<img").count()), (1, 0));
    assert!(!written.contains('\u{202e}') && !written.contains('\u{1b}') && written.contains("\\u{202e}"));
    let Some(browser) = Browser::need() else { return };
    is_sound(&browser.look(&page));
}
