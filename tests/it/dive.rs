//! dive's figures are the real dive's.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use layerscope::analyze::dive;
use layerscope::blob::{Claims, Pool, Verify};
use layerscope::index::{LayerIndex, read_layer};
use layerscope::model::{DiffId, Digest, Entry, EntryKind};
use layerscope::tree::Tree;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::properties::images::layers;
use crate::support::layout::old_docker_archive;
use crate::support::{Header, ImageSpec, Tar, images, need};

#[test]
fn random_images_have_the_figures_that_dive_gives_them() {
    let Some(program) = need("dive") else { return };
    let mut runner = TestRunner::deterministic();
    let mut wasteful = 0;
    for _ in 0..500 {
        let tars: Vec<Vec<u8>> = layers().new_tree(&mut runner).unwrap().current().iter().map(tar).collect();
        wasteful += u32::from(compare(&program, ImageSpec::of_tars(tars)));
    }
    assert!(wasteful > 20, "only {wasteful} images have something for dive to count");
}

#[test]
fn the_workshop_has_the_figures_that_dive_gives_it() {
    let Some(program) = need("dive") else { return };
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workshop.recipe");
    for image in images(&std::fs::read_to_string(recipe).unwrap()) {
        compare(&program, image);
    }
}

/// Holds our figures against dive's; tells whether dive found anything wasted.
fn compare(program: &Path, image: ImageSpec) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    std::fs::write(&archive, old_docker_archive(std::slice::from_ref(&image))).unwrap();
    let json = export(program, folder.path(), &archive);
    let pool = Pool::new(1);
    let ours = dive(&image.layers.iter().map(|layer| Arc::new(index(&pool, &layer.tar))).collect::<Vec<_>>());
    assert_eq!(Some(ours.efficiency), json["image"]["efficiencyScore"].as_f64());
    assert_eq!(Some(ours.inefficient_bytes), json["image"]["inefficientBytes"].as_u64());
    if let Some(percent) = ours.user_wasted_percent {
        let shown = format!("userWastedPercent: {:.4} %", percent * 100.0);
        let report = gate(program, folder.path(), &archive);
        assert!(report.contains(&shown), "{shown} is not in {report}");
    }
    ours.inefficient_bytes > 0
}

fn export(program: &Path, folder: &Path, archive: &Path) -> Value {
    let out: PathBuf = folder.join("out.json");
    let mut command = command(program, folder, archive);
    let output = command.arg("--json").arg(&out).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap()
}

/// What dive prints as a gate; it may fail the image.
fn gate(program: &Path, folder: &Path, archive: &Path) -> String {
    let output = command(program, folder, archive).env("CI", "true").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn command(program: &Path, folder: &Path, archive: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(format!("docker-archive://{}", archive.display())).env("HOME", folder).current_dir(folder);
    command
}

fn index(pool: &Pool, tar: &[u8]) -> LayerIndex {
    let digest = Digest::Sha256([0; 32]);
    let claims = Claims { digest, size: tar.len() as u64, diff_id: DiffId(digest) };
    read_layer(pool, Box::new(Cursor::new(tar.to_vec())), &claims, Verify::None, false, &|_| {}).unwrap()
}

fn tar(layer: &LayerIndex) -> Vec<u8> {
    let mut tar = Tar::new();
    for entry in &layer.entries {
        let (header, data) = header(entry);
        tar.entry(&header, &data);
    }
    tar.finish()
}

fn header(entry: &Entry) -> (Header, Vec<u8>) {
    let path = entry.path.as_bytes();
    let no_data = |header| (header, Vec::new());
    match &entry.kind {
        EntryKind::File { size, content, .. } => (Header::file(path), vec![content.bytes()[0]; *size as usize]),
        EntryKind::Symlink { target } => no_data(Header::symlink(path, target)),
        EntryKind::HardLink { target } => no_data(Header::hard(path, target.as_bytes())),
        EntryKind::Whiteout => {
            let name = [b".wh.", entry.path.file_name()].concat();
            no_data(Header::file(entry.path.parent().join(&name).as_bytes()))
        }
        EntryKind::Opaque => no_data(Header::file(entry.path.join(b".wh..wh..opq").as_bytes())),
        _ => no_data(Header::dir(path)),
    }
}
