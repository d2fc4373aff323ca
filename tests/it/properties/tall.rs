//! Images that are large on purpose: every analysis goes through them once, not once for each of their parts.

use std::time::Duration;

use layerscope::analyze::diff::{Filter, diff_files, roll_up};
use layerscope::analyze::finding::findings;
use layerscope::analyze::{Subject, dive, duplicates, share, totals, waste};
use layerscope::index::LayerIndex;
use layerscope::model::{Config, DiffId, Digest, Entry, EntryKind, Image, Layer, LayerPath, Manifest, Meta};
use layerscope::tree::Tree;

use super::images::{file, layer};
use super::tree;

const FILES: usize = 60_000;
/// Of processor time: far more than all of it takes even unoptimised, far less than what is quadratic takes.
const ENOUGH: Duration = Duration::from_secs(30);

fn entry(path: &str, kind: EntryKind) -> Entry {
    Entry { path: LayerPath::from(path), kind, meta: Meta::default(), download_bytes: 0 }
}

fn image(layers: &[LayerIndex]) -> Image {
    let digest = Digest::Sha256([0; 32]);
    let manifest = Manifest {
        reference: String::new(),
        local: false,
        digest: None,
        media_type: String::new(),
        config_digest: digest,
        config: Config::default(),
        annotations: Default::default(),
        layers: Vec::new(),
        attestation: None,
    };
    let layer = Layer { digest, diff_id: DiffId(digest), media_type: String::new(), stored_bytes: 0, created_by: None };
    Image { manifest, layers: vec![layer; layers.len()] }
}

fn analyse(a: &[LayerIndex], b: &[LayerIndex]) {
    let start = processor_time();
    let (tree_a, tree_b): (Tree, Tree) = (tree(a), tree(b));
    let image = image(a);
    let subject = Subject { image: &image, tree: &tree_a };
    let all = totals(subject);
    assert_eq!(all.file_bytes, all.visible_bytes + waste(&tree_a).bytes);
    duplicates(&tree_a);
    dive(tree_a.layers());
    findings(subject, &waste(&tree_a));
    share(&[tree_a.layers(), tree_b.layers()]);
    let diff = diff_files(&tree_a, &tree_b, &Filter { wanted: &|_| true, times: false });
    roll_up(&diff, usize::MAX);
    let took = processor_time() - start;
    assert!(took < ENOUGH, "it took {took:?}");
}

/// What this thread has used so far, whatever else the machine does (proc(5), `schedstat`).
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Files of one content, each in a directory of its own.
fn wide(top: &str) -> LayerIndex {
    layer((0..FILES).map(|n| entry(&format!("{top}{n}/f"), file(2))).collect())
}

#[test]
fn many_layers_of_whiteouts() {
    let name = |n: usize| format!("d{}/f{n}", n % 100);
    let mut layers = vec![layer((0..FILES).map(|n| entry(&name(n), file(2))).collect())];
    for top in 0..38 {
        let gone = (0..1000).map(|n| entry(&name(top * 1000 + n), EntryKind::Whiteout));
        layers.push(layer(gone.collect()));
    }
    analyse(&layers, &[wide("x")]);
}

#[test]
fn many_equal_files_that_all_moved() {
    analyse(&[wide("a")], &[wide("b")]);
}

#[test]
fn many_names_of_one_file_and_a_long_chain_of_links() {
    let link = |name: String, target: String| entry(&name, EntryKind::HardLink { target: target.as_str().into() });
    let star = (0..FILES).map(|n| link(format!("l{n}"), "f".into()));
    let chain = (0..FILES).map(|n| link(format!("l{n}"), format!("l{}", n + 1)));
    analyse(&[layer(std::iter::once(entry("f", file(2))).chain(star).collect())], &[layer(chain.collect())]);
}

#[test]
fn deep_folders_with_a_whiteout_in_each() {
    let at = |depth: usize, name: &str| format!("{}{name}", "d/".repeat(depth));
    let files = (0..2000).map(|depth| entry(&at(depth, "f"), file(2)));
    let gone = (0..2000).map(|depth| entry(&at(depth, "f"), EntryKind::Whiteout));
    analyse(&[layer(files.collect()), layer(gone.collect())], &[wide("x")]);
}
