//! What images cost together, and on which one base they cost least: pure arithmetic over layers.
//!
//! A host that pulls several images fetches each blob once. An image that moves to another base is counted as a rebase
//! would make it: the new base's layers, and its own above them as they are.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::analyze::startup::LayerCost;

/// An image's layers, lowest first: as it is, and on the bases on which it works.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// How many services run it.
    pub(super) services: usize,
    /// As it is.
    pub(super) now: Vec<LayerCost>,
    /// The base that it stands on, if it is among those that are looked at.
    pub(super) stands_on: Option<usize>,
    /// On each base on which it is known to work, by the base's number.
    pub(super) on: BTreeMap<usize, Vec<LayerCost>>,
}

/// For each image the base that it moves to; `None` where it stays as it is.
pub(super) type Moves = Vec<Option<usize>>;

/// What several images cost together. Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Blobs of each image on its own, summed up.
    pub sum_bytes: u64,
    /// Each distinct blob once: what pulling all of them downloads.
    pub pull_bytes: u64,
    /// Distinct blobs that at least two of the images have.
    pub shared_layers: usize,
    /// Every distinct layer, in the order in which it is first met.
    pub layers: Vec<LayerCost>,
}

impl Load {
    /// What sharing saves: the bytes that a later image finds there.
    pub fn shared_bytes(&self) -> u64 {
        self.sum_bytes - self.pull_bytes
    }

    /// Adds up images.
    fn of<'a>(images: impl Iterator<Item = &'a [LayerCost]>) -> Self {
        let mut load = Self::default();
        let mut holders: HashMap<_, usize> = HashMap::new();
        for image in images {
            let mut own = HashSet::new();
            for layer in image.iter().filter(|layer| own.insert(layer.digest)) {
                load.sum_bytes = load.sum_bytes.saturating_add(layer.stored_bytes);
                let held = holders.entry(layer.digest).or_default();
                *held += 1;
                match *held {
                    1 => {
                        load.pull_bytes = load.pull_bytes.saturating_add(layer.stored_bytes);
                        load.layers.push(layer.clone());
                    }
                    2 => load.shared_layers += 1,
                    _ => {}
                }
            }
        }
        load
    }
}

impl Choice {
    fn layers(&self, on: Option<usize>) -> &[LayerCost] {
        on.and_then(|base| self.on.get(&base)).unwrap_or(&self.now)
    }

    /// How it gets to stand on a base: `None` where it does not work there.
    fn moved_to(&self, base: usize) -> Option<Option<usize>> {
        match self.stands_on == Some(base) {
            true => Some(None),
            false => self.on.contains_key(&base).then_some(Some(base)),
        }
    }
}

/// What images cost with each on the base that `moves` has for it.
pub(super) fn load(images: &[Choice], moves: &[Option<usize>]) -> Load {
    Load::of(images.iter().zip(moves).map(|(image, on)| image.layers(*on)))
}

/// Moves images one by one to where all together cost least, until no move gains; those of `fixed` stay on their place.
fn settled(images: &[Choice], mut moves: Moves, fixed: &[bool]) -> Moves {
    let mut least = load(images, &moves).pull_bytes;
    loop {
        let before = least;
        for at in (0..images.len()).filter(|at| !fixed[*at]) {
            for on in std::iter::once(None).chain(images[at].on.keys().copied().map(Some)) {
                let was = std::mem::replace(&mut moves[at], on);
                let bytes = load(images, &moves).pull_bytes;
                if bytes < least { least = bytes } else { moves[at] = was }
            }
        }
        if least == before {
            return moves;
        }
    }
}

/// The base on which the most services work, of those the one with which all images together cost least. The images
/// that do not work on it are where they cost least beside the others. `None` where no two images have a base in common
/// that costs no more than what there is.
pub(super) fn one_base(images: &[Choice], bases: usize) -> Option<(usize, Moves)> {
    let now = load(images, &vec![None; images.len()]).pull_bytes;
    let plans = (0..bases).filter_map(|base| {
        let moved: Vec<Option<Option<usize>>> = images.iter().map(|image| image.moved_to(base)).collect();
        let there: Vec<bool> = moved.iter().map(Option::is_some).collect();
        let plan = settled(images, moved.into_iter().map(Option::flatten).collect(), &there);
        let bytes = load(images, &plan).pull_bytes;
        let together = there.iter().filter(|there| **there).count() > 1;
        let services: usize =
            images.iter().zip(&there).filter(|(_, there)| **there).map(|(image, _)| image.services).sum();
        (together && bytes <= now).then_some((std::cmp::Reverse(services), bytes, base, plan))
    });
    let best = plans.min_by_key(|(services, bytes, base, _)| (*services, *bytes, *base));
    best.map(|(.., base, plan)| (base, plan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use proptest::prelude::*;

    /// A layer whose digest is its number.
    fn layer((number, bytes): (u8, u64)) -> LayerCost {
        LayerCost::new(Digest::Sha256([number; 32]), "application/vnd.oci.image.layer.v1.tar+gzip", bytes, bytes, 1)
    }

    fn layers(of: &[(u8, u64)]) -> Vec<LayerCost> {
        of.iter().copied().map(layer).collect()
    }

    fn image(now: &[(u8, u64)], stands_on: Option<usize>, on: &[(usize, &[(u8, u64)])]) -> Choice {
        let on = on.iter().map(|(base, of)| (*base, layers(of))).collect();
        Choice { services: 1, now: layers(now), stands_on, on }
    }

    const FULL: (u8, u64) = (1, 700);
    const SLIM: (u8, u64) = (2, 100);

    #[test]
    fn blobs_are_pulled_once() {
        let images = [image(&[FULL, (10, 5), (10, 5)], None, &[]), image(&[FULL, (11, 7)], None, &[])];
        let load = load(&images, &[None, None]);
        assert_eq!((load.sum_bytes, load.pull_bytes, load.shared_bytes(), load.shared_layers), (1412, 712, 700, 1));
        assert_eq!(load.layers.len(), 3);
    }

    #[test]
    fn the_base_on_which_all_work_and_that_costs_least() {
        let web = image(&[FULL, (10, 5)], Some(0), &[(1, &[SLIM, (10, 5)])]);
        let jobs = image(&[SLIM, (11, 7)], Some(1), &[(0, &[FULL, (11, 7)])]);
        assert_eq!(one_base(&[web, jobs], 2), Some((1, vec![Some(1), None])));
    }

    #[test]
    fn a_slimmer_base_for_one_alone_may_cost_all_more() {
        let web = image(&[FULL, (10, 5)], Some(0), &[(1, &[SLIM, (10, 5)])]);
        let jobs = image(&[FULL, (11, 7)], Some(0), &[]);
        let both = [web, jobs];
        assert_eq!(one_base(&both, 2), Some((0, vec![None, None])));
        assert!(load(&both, &[Some(1), None]).pull_bytes > load(&both, &[None, None]).pull_bytes);
    }

    #[test]
    fn those_that_do_not_work_there_go_where_it_is_cheapest() {
        let a = image(&[FULL, (10, 5)], Some(0), &[(1, &[SLIM])]);
        let b = image(&[FULL, (11, 7)], Some(0), &[(1, &[SLIM])]);
        let other = image(&[(3, 50)], None, &[(2, &[(4, 20)])]);
        assert_eq!(one_base(&[a, b, other.clone()], 3), Some((1, vec![Some(1), Some(1), Some(2)])));
        assert_eq!(one_base(&[other], 3), None);
    }

    proptest! {
        #[test]
        fn one_base_never_costs_more_than_what_there_is(
            images in prop::collection::vec(
                (
                    prop::collection::vec((0_u8..12, 1_u64..9), 1..5),
                    prop::option::of(0_usize..4),
                    prop::collection::btree_map(0_usize..4, prop::collection::vec((0_u8..12, 1_u64..9), 1..5), 0..4),
                ),
                1..6,
            )
        ) {
            // A blob has one size.
            let sized = |of: &[(u8, u64)]| layers(&of.iter().map(|(n, _)| (*n, 1 << n)).collect::<Vec<_>>());
            let images: Vec<Choice> = images.iter().map(|(now, stands_on, on)| Choice {
                services: 1,
                now: sized(now),
                stands_on: *stands_on,
                on: on.iter().map(|(base, of)| (*base, sized(of))).collect(),
            }).collect();
            let now = load(&images, &vec![None; images.len()]);
            prop_assert!(now.pull_bytes <= now.sum_bytes);
            prop_assert_eq!(now.pull_bytes, now.layers.iter().map(|layer| layer.stored_bytes).sum::<u64>());
            if let Some((base, plan)) = one_base(&images, 4) {
                let then = load(&images, &plan);
                prop_assert!(then.pull_bytes <= now.pull_bytes && then.pull_bytes <= then.sum_bytes);
                let there = images.iter().filter(|image| image.moved_to(base).is_some()).count();
                prop_assert!(there > 1);
            }
        }
    }
}
