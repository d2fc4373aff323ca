//! A `.dive-ci` file has dive's verdict: dive 0.13 is asked, too.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::podman::Podman;
use crate::support::{Layout, Sandbox, images, need, need_corpus};

/// Files for one small image: kept, broken, left out, turned off, odd, and what dive calls misconfigured.
const FILES: [&str; 16] = [
    "",
    "{}\n",
    "rules:\n  lowestEfficiency: 0.5\n",
    "rules:\n  lowestEfficiency: 0.5\n  highestUserWastedPercent: 0.9\n",
    "rules:\n  lowestefficiency: \"0.99\"\n  HIGHESTUSERWASTEDPERCENT: disabled\n",
    "rules:\n  lowestEfficiency: disabled\n  highestUserWastedPercent: disabled\n",
    "rules:\n  highestWastedBytes: 100kB\n  highestUserWastedPercent: 1\n",
    "rules:\n  highestWastedBytes: 1,000 kB\n  highestUserWastedPercent: 1\n",
    "rules:\n  highestWastedBytes: 0.3MiB\n  highestUserWastedPercent: 1\n",
    "rules:\n  highestWastedBytes: 400000\n  highestUserWastedPercent: 1.0\n  other: 3\n",
    "lowestEfficiency: 0.1\nhighestUserWastedPercent: 0.9\n",
    "rules:\n  lowest-efficiency: 0.99\n  highestUserWastedPercent: 0.9\n",
    "rules:\n  lowestEfficiency: 1.5\n",
    "rules:\n  highestWastedBytes: 20XB\n",
    "rules:\n  lowestEfficiency: Disabled\n  highestUserWastedPercent: 0.9\n",
    "rules: [\n",
];

/// Budgets for any image: with these, at least one of the corpus fails and one passes each.
const FOR_ALL: [&str; 2] =
    ["", "rules:\n  lowestEfficiency: 0.985\n  highestWastedBytes: 60MB\n  highestUserWastedPercent: 0.05\n"];

/// What both say of an archive. Dive ends with 1 where it is misconfigured, too.
fn agree(program: &Path, sandbox: &Sandbox, archive: &Path, file: &str) -> bool {
    sandbox.write(".dive-ci", file);
    let mut dive = Command::new(program);
    dive.arg(format!("docker-archive://{}", archive.display())).env("CI", "true").env("HOME", sandbox.path("home"));
    let theirs = dive.current_dir(sandbox.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&theirs.stdout).into_owned();
    let misconfigured = said.contains("Misconfigured") || !said.contains("Result:");
    let ours = sandbox.layerscope(["check", &format!("docker-archive:{}", archive.display())]).run();
    let expected = if misconfigured { 2 } else { theirs.status.code().unwrap() };
    assert_eq!(ours.code(), expected, "{file}\n{said}\n{ours:?}");
    expected == 0
}

#[test]
fn small_images_have_dives_verdict() {
    let Some(program) = need("dive") else { return };
    let sandbox = Sandbox::new();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workshop.recipe");
    let all = images(&std::fs::read_to_string(recipe).unwrap());
    let mut verdicts = Vec::new();
    for image in &all {
        let archive =
            sandbox.write("image.tar", crate::support::layout::old_docker_archive(std::slice::from_ref(image)));
        verdicts.extend(FILES.map(|file| agree(&program, &sandbox, &archive, file)));
    }
    let passed = verdicts.iter().filter(|passed| **passed).count();
    assert!(passed > 5 && verdicts.len() - passed > 5, "{passed} of {}", verdicts.len());
}

#[test]
fn every_image_of_the_corpus_has_dives_verdict() {
    let (Some(program), Some(podman), Some(folder)) = (need("dive"), need("podman"), need_corpus()) else { return };
    let podman = Podman::new(podman, &folder, "overlay");
    let mut verdicts = Vec::new();
    for image in crate::corpus::IMAGES {
        let sandbox = Sandbox::new();
        let archive: PathBuf = sandbox.path("image.tar");
        let name = format!("localhost/{image}");
        podman.run(&["save", "-q", "--format", "docker-archive", "-o", archive.to_str().unwrap(), &name]);
        verdicts.extend(FOR_ALL.map(|file| agree(&program, &sandbox, &archive, file)));
    }
    assert!(verdicts.contains(&true) && verdicts.contains(&false), "{verdicts:?}");
}
