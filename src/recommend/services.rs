//! Several images that run side by side, as the services of a compose file do: each looked at as alone, then what they
//! share, and what they would on one base.

use std::collections::HashSet;

use super::together::{self, Choice, Load};
use super::{
    Candidate, Command, Finder, Plan, RecommendError, Recommendation, Request, Scanner, Unavailable, diff_ids,
};
use super::{further, recommend};
use crate::analyze::compat::Verdict;
use crate::analyze::share;
use crate::analyze::startup::{LayerCost, Prediction, Setting, predict};
use crate::model::{DiffId, Digest, ImageRef, Platform};
use crate::scan;

/// Bases on which all images are looked at, at most.
const MOST_BASES: usize = 12;

/// An image that services run. Those that run the same are named together.
pub struct Wanted {
    /// The services.
    pub services: Vec<String>,
    /// The image; beside a Dockerfile it need not be there.
    pub image: Option<ImageRef>,
    /// How it is built.
    pub plan: Option<Plan>,
    /// How the services start it, each way once.
    pub commands: Vec<Command>,
    /// What it runs on.
    pub platform: Platform,
    /// What is not known of it, and why.
    pub notes: Vec<String>,
}

/// What is wanted of each, as in [`Request`].
pub struct Terms<'a> {
    /// Images that are to be looked at in any case.
    pub candidates: Vec<ImageRef>,
    /// How many others are read to their ends.
    pub deep: usize,
    /// Where the images are to be started.
    pub setting: &'a Setting,
    /// Layers that are on the host already.
    pub have: &'a HashSet<Digest>,
}

/// An image that was looked at.
pub struct Looked<'a> {
    /// What was wanted.
    pub wanted: &'a Wanted,
    /// What else is not known.
    pub notes: Vec<String>,
    /// It alone.
    pub found: Recommendation,
    /// On bases of the others.
    pub further: Vec<Candidate>,
}

/// A base on which several images might stand.
pub struct Common {
    /// Its names, the plainest first.
    pub names: Vec<String>,
    platform: Platform,
    layers: Vec<DiffId>,
    /// How many images it is known to do for.
    offers: usize,
    stored_bytes: u64,
}

/// All images, each on some base.
pub struct Shared {
    /// What they cost.
    pub load: Load,
    /// Pulling them all, foretold as for one image that has all their layers.
    pub pull: Prediction,
    /// Of each image, the base that it moves to; `None` where it stays.
    moves: Vec<Option<usize>>,
}

/// As many images as possible on one base.
pub struct OneBase {
    base: usize,
    /// All images then.
    pub shared: Shared,
}

/// What costs least together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// What there is.
    Now,
    /// Each image on the base that is best for it alone.
    EachBest,
    /// One base.
    OneBase,
}

/// Images, each alone and all together.
pub struct Together<'a> {
    /// The images.
    pub images: Vec<Looked<'a>>,
    /// Services whose images could not be had.
    pub missing: Vec<Unavailable>,
    /// As they are.
    pub now: Shared,
    /// Data of files of equal content, whatever their path and layer, that a later image has again.
    pub content_bytes: u64,
    /// Each on the base that is best for it alone.
    pub each_best: Shared,
    /// On one base, where there is one that at least two of them can have, at no more cost than now.
    pub one_base: Option<OneBase>,
    bases: Vec<Common>,
}

impl Looked<'_> {
    fn diff_ids(&self) -> &[DiffId] {
        diff_ids(&self.found.image.image.manifest)
    }

    /// Its lowest layers, where they are known to be a base's.
    fn base(&self) -> Option<&[DiffId]> {
        self.found.base.config.as_ref()?;
        self.diff_ids().get(..self.found.base.layers?).filter(|layers| !layers.is_empty())
    }

    /// Whether it is built on this base.
    pub fn stands_on(&self, base: &Common) -> bool {
        self.wanted.platform == base.platform && self.base() == Some(&base.layers)
    }

    /// What is known of it on a base.
    pub fn on(&self, base: &Common) -> Option<&Candidate> {
        let all = self.found.candidates.iter().chain(&self.further);
        let here = all.filter(|_| self.wanted.platform == base.platform);
        here.filter(|candidate| candidate.scanned.is_some()).find(|one| diff_ids(&one.manifest) == base.layers)
    }

    /// Bases that it has or could have.
    fn offers(&self) -> Vec<Common> {
        let platform = || self.wanted.platform.clone();
        let layers = &self.found.image.image.layers;
        let own = self.base().map(|base| Common {
            names: self.found.base.names.clone(),
            platform: platform(),
            stored_bytes: layers[..base.len()].iter().map(|layer| layer.stored_bytes).sum(),
            layers: base.to_vec(),
            offers: 1,
        });
        let works = self.found.candidates.iter().filter(|one| one.verdict() == Verdict::Works && one.scanned.is_some());
        own.into_iter().chain(works.map(|one| common(one, platform()))).filter(|base| !base.names.is_empty()).collect()
    }

    fn choice(&self, bases: &[Common]) -> Choice {
        let now = LayerCost::of_image(self.found.image.subject());
        let own = self.found.base.layers.and_then(|layers| now.get(layers..)).map(<[LayerCost]>::to_vec);
        let on = bases.iter().enumerate().filter_map(|(number, base)| {
            let candidate = self.on(base).filter(|one| one.verdict() == Verdict::Works)?;
            let mut layers = LayerCost::of_image(candidate.scanned.as_ref()?.subject());
            layers.extend(own.clone()?);
            Some((number, layers))
        });
        Choice {
            services: self.wanted.services.len(),
            on: on.collect(),
            stands_on: bases.iter().position(|base| self.stands_on(base)),
            now,
        }
    }
}

fn common(candidate: &Candidate, platform: Platform) -> Common {
    let layers = &candidate.manifest.layers;
    Common {
        names: candidate.names.clone(),
        platform,
        layers: diff_ids(&candidate.manifest).to_vec(),
        offers: 1,
        stored_bytes: layers.iter().map(|layer| layer.size).sum(),
    }
}

impl Together<'_> {
    /// What costs least to pull; of what costs the same, what there is, else what has the smaller images.
    pub fn advice(&self) -> Advice {
        let one = self.one_base.as_ref().map(|one| (&one.shared, Advice::OneBase));
        let all = [(&self.now, Advice::Now)].into_iter().chain(one).chain([(&self.each_best, Advice::EachBest)]);
        let cost = |(shared, advice): &(&Shared, Advice)| {
            (shared.load.pull_bytes, *advice != Advice::Now, shared.load.sum_bytes)
        };
        all.min_by_key(cost).map_or(Advice::Now, |(_, advice)| advice)
    }

    /// All images as the advice has them.
    pub fn advised(&self) -> &Shared {
        match (self.advice(), &self.one_base) {
            (Advice::OneBase, Some(one)) => &one.shared,
            (Advice::EachBest, _) => &self.each_best,
            _ => &self.now,
        }
    }

    /// The base that the most services can have.
    pub fn common(&self) -> Option<&Common> {
        self.one_base.as_ref().and_then(|one| self.bases.get(one.base))
    }

    /// The images with what they move to, where they do.
    pub fn moves<'s>(&'s self, shared: &'s Shared) -> impl Iterator<Item = (&'s Looked<'s>, Option<&'s Candidate>)> {
        let base = |on: &Option<usize>| on.and_then(|number| self.bases.get(number));
        self.images.iter().zip(&shared.moves).map(move |(image, on)| (image, base(on).and_then(|base| image.on(base))))
    }
}

/// Looks at all images, and at each on what is good for the others. One that can't be had stops nothing.
pub fn together<'a>(finder: Finder<'_>, wanted: &'a [Wanted], terms: &Terms<'_>, today: &str) -> Together<'a> {
    let (mut images, mut missing) = (Vec::new(), Vec::new());
    for one in wanted {
        match on_platform(finder, &one.platform, |finder| look(finder, one, terms, today)) {
            Ok(image) => images.push(image),
            Err(reason) => {
                let name = |name: &String| Unavailable { name: name.clone(), reason: reason.clone(), told: true };
                missing.extend(one.services.iter().map(name));
            }
        }
    }
    let mut bases = bases(&images);
    for image in images.iter_mut().filter(|image| image.base().is_some()) {
        let lacks = |base: &&Common| {
            base.platform == image.wanted.platform && !image.stands_on(base) && image.on(base).is_none()
        };
        let names = |base: &Common| base.names.iter().filter_map(|name| name.parse().ok()).collect();
        let others: Vec<Vec<ImageRef>> = bases.iter().filter(lacks).map(names).collect();
        let built = image.wanted.image.clone().filter(|_| image.found.built);
        let request = request(image.wanted, terms, built);
        let more = on_platform(finder, &image.wanted.platform, |finder| {
            further(finder, &request, &image.found, &others, today)
        });
        image.further = more.unwrap_or_default();
    }
    let in_common = bases.len();
    let best = images.iter().map(|image| own_best(image, &mut bases)).collect();
    let choices: Vec<Choice> = images.iter().map(|image| image.choice(&bases)).collect();
    let shared = |moves: Vec<Option<usize>>| {
        let load = together::load(&choices, &moves);
        Shared { pull: predict(&load.layers, terms.have, terms.setting), load, moves }
    };
    let layers: Vec<_> = images.iter().map(|image| image.found.image.tree.layers()).collect();
    Together {
        now: shared(vec![None; images.len()]),
        content_bytes: share(&layers).content_bytes,
        each_best: shared(best),
        one_base: together::one_base(&choices, in_common).map(|(base, moves)| OneBase { base, shared: shared(moves) }),
        images,
        missing,
        bases,
    }
}

/// Looks at one image alone.
fn look<'a>(finder: Finder<'_>, wanted: &'a Wanted, terms: &Terms<'_>, today: &str) -> Result<Looked<'a>, String> {
    let mut notes = wanted.notes.clone();
    let mut image = wanted.image.clone();
    if image.is_none() && wanted.plan.is_none() {
        return Err(notes.join("; "));
    }
    if let (Some(name), Some(_)) = (&image, &wanted.plan)
        && let Some(Err(error)) = finder.scanner.documents(std::slice::from_ref(name)).pop()
    {
        notes.push(format!("what is told is told of its Dockerfile, for the image could not be had: {error}"));
        image = None;
    }
    let found = recommend(finder, &request(wanted, terms, image), today);
    let failed =
        |error: RecommendError| notes.iter().cloned().chain([error.to_string()]).collect::<Vec<_>>().join("; ");
    Ok(Looked { found: found.map_err(failed)?, wanted, notes, further: Vec::new() })
}

fn request<'a>(wanted: &'a Wanted, terms: &Terms<'a>, image: Option<ImageRef>) -> Request<'a> {
    Request {
        image,
        plan: wanted.plan.as_ref(),
        commands: &wanted.commands,
        from: None,
        candidates: terms.candidates.clone(),
        deep: terms.deep,
        setting: terms.setting,
        have: terms.have,
    }
}

/// Works with images of this platform.
fn on_platform<T>(finder: Finder<'_>, platform: &Platform, work: impl FnOnce(Finder<'_>) -> T) -> T {
    let options = scan::Options { platform: platform.clone(), ..finder.scanner.options.clone() };
    work(Finder { scanner: Scanner { options: &options, ..finder.scanner }, ..finder })
}

/// The bases that are worth a look for all: those that do for the most first, then small ones. None for one image alone.
fn bases(images: &[Looked<'_>]) -> Vec<Common> {
    let mut bases: Vec<Common> = Vec::new();
    for offer in images.iter().filter(|_| images.len() > 1).flat_map(Looked::offers) {
        match bases.iter_mut().find(|known| (&known.platform, &known.layers) == (&offer.platform, &offer.layers)) {
            Some(known) => known.offers += 1,
            None => bases.push(offer),
        }
    }
    bases.sort_by_key(|base| (std::cmp::Reverse(base.offers), base.stored_bytes));
    bases.truncate(MOST_BASES);
    bases
}

/// The number of the base that is best for an image alone, added where it is missing.
fn own_best(image: &Looked<'_>, bases: &mut Vec<Common>) -> Option<usize> {
    let best = common(image.found.best()?, image.wanted.platform.clone());
    let known = bases.iter().position(|base| (&base.platform, &base.layers) == (&best.platform, &best.layers));
    Some(known.unwrap_or_else(|| {
        bases.push(best);
        bases.len() - 1
    }))
}
