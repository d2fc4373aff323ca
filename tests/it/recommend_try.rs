//! `recommend --try`: applications that podman runs as they are, and on other bases.

use serde_json::Value;

use crate::support::{Sandbox, need};

/// Bases of a static busybox, and applications on the full one, some of which need a file that `1-bare` lacks: nothing
/// that is checked without running them tells so.
const IMAGES: &str = r##"
tree system
  dir /bin 755
  dir /etc 755
  dir /tmp 777
  file /bin/busybox 755 of=/bin/busybox
  link /bin/sh busybox
  link /bin/sleep busybox
  file /etc/passwd "root:x:0:0:root:/root:/bin/sh\n"
  file /etc/group "root:x:0:\n"
image tool:1 linux/amd64
env PATH=/bin
layer full
  include system
  file /usr/share/manual "how to"
  file /usr/share/more size=100k
image tool:1-slim linux/amd64
env PATH=/bin
layer slim
  include system
  file /usr/share/manual "how to"
image tool:1-bare linux/amd64
env PATH=/bin
layer bare
  include system
stage app
from tool:1
layer "COPY app /app"
  file /app/ends 755 "#!/bin/sh\ntest -f /usr/share/manual && echo done\n"
  file /app/stays 755 "#!/bin/sh\ntest -f /usr/share/manual && exec sleep 60\n"
  file /app/fails 755 "#!/bin/sh\necho no database >&2\nexit 3\n"
image app:ends linux/amd64
from app
entrypoint ["/app/ends"]
image app:stays linux/amd64
from app
entrypoint ["/app/stays"]
image app:fails linux/amd64
from app
entrypoint ["/app/fails"]
"##;

/// What is said of an application on `1-slim` and `1-bare`, or `None` where nothing can be run.
fn tried(image: &str, more: &[&str]) -> Option<Value> {
    let (Some(_), Some(_)) = (need("podman"), need("busybox")) else { return None };
    let sandbox = Sandbox::new();
    let layout = sandbox.oci(IMAGES);
    let (image, bare) = (format!("{layout}:{image}"), format!("{layout}:1-bare"));
    let base = format!("{layout}:1");
    let args = [
        "recommend",
        "--offline",
        "--format",
        "json",
        &image,
        "--from",
        &base,
        "--candidate",
        &bare,
        "--try",
        "--engine",
        "podman",
    ];
    let output = sandbox.layerscope([&args, more].concat()).run();
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(0), ""), "{}", output.stdout);
    let left =
        std::fs::read_dir(sandbox.path("")).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert_eq!(left.filter(|name| name.starts_with("layerscope-")).count(), 0, "a room is left");
    Some(output.json())
}

#[test]
fn what_does_not_run_there_breaks_though_nothing_spoke_against_it() {
    let Some(document) = tried("ends", &[]) else { return };
    insta::assert_snapshot!(trials(&document), @"
    now: ended with status 0
    1-slim: works: ended with status 0
    1-bare: breaks: ended with status 1: it said nothing
    ");
    let [slim, bare] = [0, 1].map(|at| &document["candidates"][at]);
    assert_eq!((&slim["verdict"], &bare["verdict"]), (&"works".into(), &"breaks".into()));
    assert_eq!(bare["reasons"], Value::Array(Vec::new()));
}

#[test]
fn what_stays_is_seen_to_stay() {
    let Some(document) = tried("stays", &[]) else { return };
    insta::assert_snapshot!(trials(&document), @"
    now: still running after 5 s
    1-slim: works: still running after 5 s
    1-bare: breaks: ended with status 1: it said nothing
    ");
}

#[test]
fn what_fails_as_it_is_tells_nothing() {
    let Some(document) = tried("fails", &[]) else { return };
    insta::assert_snapshot!(trials(&document), @"
    now: ended with status 3: no database
    1-bare: undecided: ended with status 3: no database
    1-slim: undecided: ended with status 3: no database
    ");
    assert_eq!(document["candidates"][0]["verdict"], "works");
}

#[test]
fn a_command_of_ones_own_is_run_in_place_of_the_images() {
    let Some(document) = tried("fails", &["--", "/bin/busybox", "test", "-f", "/usr/share/manual"]) else { return };
    insta::assert_snapshot!(trials(&document), @"
    now: ended with status 0
    1-slim: works: ended with status 0
    1-bare: breaks: ended with status 1: it said nothing
    ");
    assert_eq!(document["tried"]["command"].as_array().unwrap().len(), 4);
}

/// A line for the image as it is, and one for each base that it was tried on.
fn trials(document: &Value) -> String {
    let mut lines = vec![format!("now: {}", document["tried"]["now"].as_str().unwrap())];
    for candidate in document["candidates"].as_array().unwrap().iter().filter(|one| one["trial"].is_object()) {
        let trial = &candidate["trial"];
        let [name, verdict, says] =
            [&candidate["reference"], &trial["verdict"], &trial["says"]].map(|it| it.as_str().unwrap());
        let tag = name.rsplit(':').next().unwrap();
        lines.push(format!("{tag}: {verdict}: {says}"));
    }
    lines.join("\n")
}

#[test]
fn trying_needs_an_image() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(["recommend", "--dockerfile", "Dockerfile", "--try"]);
    insta::assert_snapshot!(said.lines().next().unwrap_or_default(), @"error: the following required arguments were not provided:");
    let said = sandbox.fails(["recommend", "x", "--", "true"]);
    insta::assert_snapshot!(said.lines().next().unwrap_or_default(), @"error: the following required arguments were not provided:");
}
