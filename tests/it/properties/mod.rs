//! Laws that hold for every image, tried on random small ones.

pub(crate) mod images;
mod naive;
mod tall;

use std::collections::BTreeSet;
use std::sync::Arc;

use layerscope::analyze::diff::{Filter, diff_files, roll_up};
use layerscope::analyze::{duplicates, waste};
use layerscope::index::LayerIndex;
use layerscope::model::{EntryId, LayerPath};
use layerscope::tree::Tree;
use proptest::prelude::*;

use images::layers;
use naive::Naive;

fn tree(layers: &[LayerIndex]) -> Tree {
    Tree::new(layers.iter().cloned().map(Arc::new).collect())
}

/// The entries whose data the merged tree shows.
fn shown(tree: &Tree) -> BTreeSet<EntryId> {
    tree.walk().filter_map(|item| tree.data(item.node)).filter(|id| tree.entry(*id).is_file()).collect()
}

fn visible_bytes(tree: &Tree) -> u64 {
    shown(tree).into_iter().map(|id| tree.entry(id).file_bytes()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The union, and every file's fate, are what a model says that has a map of paths and nothing clever.
    #[test]
    fn union_is_what_the_naive_model_says(layers in layers()) {
        let (tree, naive) = (tree(&layers), Naive::new(&layers));
        let names: Vec<_> = tree
            .walk()
            .filter(|item| !item.path().is_root())
            .map(|item| (item.path().display(), item.node.is_dir(), tree.data(item.node), item.node.layer()))
            .collect();
        let mut expected = naive.names();
        expected.sort_by(|a, b| a.0.split('/').cmp(b.0.split('/')));
        prop_assert_eq!(names, expected);
        prop_assert!(tree.walk().all(|item| tree.get(&item.path()) == Some(item.id)));
        for (id, _, outcome) in tree.files() {
            match naive.lost(id) {
                None => prop_assert!(outcome.is_visible(), "{id:?} is {outcome:?}"),
                Some((by_layer, fates)) => {
                    prop_assert!(fates.contains(&outcome.fate), "{id:?} is {outcome:?}, not {fates:?}");
                    prop_assert_eq!(outcome.by_layer, by_layer);
                }
            }
        }
    }

    /// `Σ file bytes of all layers = visible + wasted`, where visible is what a walk of the tree finds.
    #[test]
    fn no_byte_is_lost_from_the_books(layers in layers()) {
        let tree = tree(&layers);
        let all: u64 = layers.iter().map(LayerIndex::file_bytes).sum();
        let waste = waste(&tree);
        prop_assert_eq!(all, visible_bytes(&tree) + waste.bytes);
        prop_assert_eq!(waste.bytes, waste.by_fate.iter().map(|sum| sum.bytes).sum::<u64>());
        prop_assert_eq!(waste.bytes, waste.files.iter().map(|file| file.bytes).sum::<u64>());
        prop_assert_eq!(waste.bytes, waste.layers.iter().map(|layer| layer.held_bytes).sum::<u64>());
        prop_assert_eq!(waste.bytes, waste.layers.iter().map(|layer| layer.caused_bytes).sum::<u64>());
        prop_assert!(duplicates(&tree).reclaimable_bytes <= visible_bytes(&tree));
    }

    /// What a comparison adds, removes and changes is the distance between the two images, in all and by directory.
    #[test]
    fn differences_add_up(a in layers(), b in layers(), rows in 1_usize..6) {
        let (a, b) = (tree(&a), tree(&b));
        let filter = Filter { wanted: &|_: &LayerPath| true, times: true };
        let diff = diff_files(&a, &b, &filter);
        let distance = visible_bytes(&b) as i64 - visible_bytes(&a) as i64;
        let totals = diff.totals;
        let changed: i64 = diff.changed.iter().map(|file| file.b_bytes as i64 - file.a_bytes as i64).sum();
        prop_assert_eq!(totals.growth, distance);
        prop_assert_eq!(totals.added.bytes as i64 - totals.removed.bytes as i64 + changed, distance);

        let table = roll_up(&diff, rows);
        prop_assert!(table.len() <= rows);
        prop_assert_eq!(table.iter().map(|row| row.growth).sum::<i64>(), distance);
        prop_assert_eq!(table.iter().map(|row| row.added.bytes).sum::<u64>(), totals.added.bytes);
        prop_assert_eq!(table.iter().map(|row| row.removed.names).sum::<u64>(), totals.removed.names);

        for row in &table {
            let below = table.iter().any(|other| other.path != row.path && other.path.starts_with(&row.path));
            prop_assert_eq!(row.rest, below, "{:?}", table);
        }

        let back = diff_files(&b, &a, &filter);
        prop_assert_eq!((back.added.len(), back.removed.len()), (diff.removed.len(), diff.added.len()));
        prop_assert_eq!((back.changed.len(), back.moved.len()), (diff.changed.len(), diff.moved.len()));
        prop_assert!(diff_files(&a, &a, &filter).is_empty());
    }
}
