//! How layers stack: each case of `ls` and of the fates as text, and beside what podman makes of the same layers.

mod hard_links;
pub(crate) mod random;
mod tars;
mod types;
mod whiteouts;

use crate::support::layout::old_docker_archive;
use crate::support::podman::{Podman, assert_same, listing_of};
use crate::support::{ImageSpec, Sandbox, image, need};

/// What podman does with a case.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    /// The same as we.
    Podman,
    /// It refuses the image, or sees what is no file of the image's; the reason stands beside.
    Nobody(&'static str),
}

/// Names of the merged tree, then fates with their bytes; `visible + lost` is held against all data.
#[track_caller]
fn stacked(text: &str, beside: Beside) -> String {
    stacked_image(text, image(text), beside)
}

/// The same of an image that is no recipe; `what` names it where podman sees another.
#[track_caller]
fn stacked_image(what: &str, image: ImageSpec, beside: Beside) -> String {
    let sandbox = Sandbox::new();
    let image = ImageSpec { name: "localhost/test:1".into(), ..image };
    let archive = sandbox.write("image.tar", old_docker_archive(std::slice::from_ref(&image)));
    let name = archive.to_str().unwrap();
    let jsonl = sandbox.ok(["ls", "--format", "jsonl", name]);
    let ours = listing_of(&jsonl);
    if let (Beside::Podman, Some(program)) = (beside, need("podman")) {
        let podman = Podman::new(program, &sandbox.path("podman"), "vfs");
        podman.run(&["load", "-q", "-i", name]);
        assert_same(what, &ours, &podman.listing("localhost/test:1"));
    }
    let names = ours.iter().filter(|(path, _)| path.as_slice() != b"/").map(|(path, line)| {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("sha256:")).collect();
        format!("{} {}\n", path.escape_ascii(), words.join(" "))
    });
    names.collect::<String>() + &fates(&sandbox, name)
}

fn fates(sandbox: &Sandbox, name: &str) -> String {
    let document = sandbox.layerscope(["inspect", "--format", "json", name]).run().json();
    let totals = &document["totals"];
    let number = |key: &str| totals[key].as_u64().unwrap();
    assert_eq!(number("file_bytes"), number("visible_bytes") + number("wasted_bytes"));
    let by_fate = document["waste"]["by_fate"].as_object().unwrap().iter();
    let lost: u64 = by_fate.clone().map(|(_, sum)| sum["bytes"].as_u64().unwrap()).sum();
    assert_eq!(lost, number("wasted_bytes"));
    let lines = by_fate.filter(|(_, sum)| sum["files"] != 0);
    let lines: Vec<String> =
        lines.map(|(fate, sum)| format!("{fate} {} B in {}", sum["bytes"], sum["files"])).collect();
    let visible = format!("visible {} B", number("visible_bytes"));
    [vec![visible], lines].concat().join(", ")
}
