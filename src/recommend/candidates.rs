//! Images that could be the base instead: by the tags of the same repository, by the catalogue, and as told. Documents
//! first; only the best few are read to their ends.

use super::application::Application;
use super::catalog::dotted;
use super::place::Place;
use super::runtime::Signs;
use super::tags::Tag;
use super::{Family, Figures, Finder, Patch, RecommendError, Request, Trial, diff_ids};
use crate::analyze::Base;
use crate::analyze::compat::{Compatibility, Verdict};
use crate::analyze::startup::{LayerCost, Prediction};
use crate::model::{ImageRef, Manifest};
use crate::scan::Scanned;
use crate::source::SourceError;

/// Tags of one repository whose documents are looked at, at most.
const MOST_TAGS: usize = 32;

/// An image that could be the base instead.
pub struct Candidate {
    /// Its names, the plainest first.
    pub names: Vec<String>,
    /// What the catalogue says of it.
    pub family: Option<Family>,
    /// Its release, if it is no longer maintained.
    pub end_of_life: Option<EndOfLife>,
    /// The image as it would be on it.
    pub figures: Figures,
    /// Its cold start, foretold.
    pub start: Prediction,
    /// Whether the application runs on it; `None` where that was not looked at.
    pub compatibility: Option<Compatibility>,
    /// The change of the Dockerfile, where there is one and its layers were read.
    pub patch: Option<Patch>,
    /// Its documents.
    pub manifest: Manifest,
    /// The image itself, where it was read.
    pub scanned: Option<Scanned>,
    /// Whether it was asked for by name.
    pub told: bool,
    /// What came of running the image on it, where it was run.
    pub trial: Option<Trial>,
}

/// A release that is no longer maintained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOfLife {
    /// `python 3.7`.
    pub release: String,
    /// Its last day, `YYYY-MM-DD`.
    pub since: String,
}

/// An image or repository that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Whether it was asked for by name.
    pub told: bool,
}

/// The same, while it may still be what ends the run.
struct Missing {
    name: String,
    error: RecommendError,
    told: bool,
}

impl Candidate {
    /// What was proven, unless it was run and did not. What was not looked at is undecided.
    pub fn verdict(&self) -> Verdict {
        let proven = self.compatibility.as_ref().map_or(Verdict::Undecided, |compatibility| compatibility.verdict);
        let broke = self.trial.as_ref().filter(|trial| trial.verdict == Verdict::Breaks);
        broke.map_or(proven, |trial| trial.verdict)
    }
}

/// A name to look at.
struct Lead {
    reference: ImageRef,
    family: Option<Family>,
    told: bool,
}

/// Looks for candidates for one image.
pub(super) struct Search<'a> {
    pub(super) finder: Finder<'a>,
    pub(super) request: &'a Request<'a>,
    pub(super) image: &'a Scanned,
    pub(super) base: &'a Base,
    pub(super) signs: &'a Signs,
    pub(super) application: &'a Application<'a>,
    /// `YYYY-MM-DD`.
    pub(super) today: &'a str,
}

impl Search<'_> {
    /// The candidates, in no order, and what could not be had. What was asked for by name and can't be had is an error
    /// only where nothing else is left to tell of.
    pub(super) fn run(&self) -> Result<(Vec<Candidate>, Vec<Unavailable>), RecommendError> {
        let mut missing = Vec::new();
        let leads = self.leads(&mut missing);
        let mut candidates = self.described(leads, &mut missing);
        self.choose(&mut candidates);
        let candidates = self.read(candidates, &mut missing)?;
        if let Some(told) = missing.iter().position(|missing| missing.told && candidates.is_empty()) {
            return Err(missing.swap_remove(told).error);
        }
        let unavailable = missing.into_iter().map(|Missing { name, error, told }| {
            let reason = error.to_string();
            Unavailable { name, reason, told }
        });
        Ok((candidates, unavailable.collect()))
    }

    /// One image that is named, and nothing else.
    pub(super) fn only(&self, reference: &ImageRef) -> Result<Candidate, RecommendError> {
        let lead = Lead { reference: reference.clone(), family: None, told: true };
        let mut missing = Vec::new();
        let described = self.described(vec![lead], &mut missing);
        let read = self.read(described, &mut missing)?.pop();
        let own = || RecommendError::Same { base: reference.to_string() };
        read.ok_or_else(|| missing.pop().map_or_else(own, |missing| missing.error))
    }

    fn leads(&self, missing: &mut Vec<Missing>) -> Vec<Lead> {
        let told = self.request.candidates.iter().cloned();
        let mut leads: Vec<Lead> = told.map(|reference| Lead { reference, family: None, told: true }).collect();
        let places = self.places();
        let in_layout = places.iter().any(|(place, _)| matches!(place, Place::Layout { .. }));
        let offline = self.finder.scanner.options.offline && !in_layout;
        for (place, tag) in places {
            if offline {
                let name = place.repository().unwrap_or_default();
                missing.push(Missing { name, error: RecommendError::Offline, told: false });
            }
            match place.tags(&self.finder.scanner.speculative()) {
                Ok(tags) => leads.extend(self.stand_ins(tags, &tag)),
                Err(error) => {
                    let name = place.repository().unwrap_or_default();
                    missing.push(Missing { name, error: error.into(), told: false });
                }
            }
        }
        leads.extend(self.of_catalogue());
        leads
    }

    /// The repositories of the base, with its tag there; official ones where its name is not known.
    fn places(&self) -> Vec<(Place, String)> {
        let mut places: Vec<(Place, String)> = Vec::new();
        for (place, tag) in self.base.names.iter().filter_map(|name| Place::named(name)) {
            if !places.iter().any(|(known, _)| *known == place) {
                places.push((place, tag));
            }
        }
        let here = self.request.image.as_ref().and_then(Place::of).map(|(place, _)| place);
        if places.is_empty() && (self.finder.ask || matches!(here, Some(Place::Registry { .. }))) {
            let found = self.finder.repositories(self.signs, here.as_ref());
            places.extend(found.into_iter().map(|place| (place, String::new())));
        }
        places
    }

    /// Tags that could stand in for the base's, those that are built on the same first, short names first.
    fn stand_ins(&self, tags: Vec<(String, ImageRef)>, base: &str) -> Vec<Lead> {
        let base = Tag::parse(base);
        let mut fitting: Vec<(Tag, String, ImageRef)> =
            tags.into_iter().map(|(tag, reference)| (Tag::parse(&tag), tag, reference)).collect();
        fitting.retain(|(tag, ..)| tag.stands_in_for(&base, self.signs.version()));
        fitting.sort_by_key(|(tag, text, _)| (!tag.on_the_same(&base), text.len()));
        let leads = fitting.into_iter().take(MOST_TAGS);
        leads.map(|(.., reference)| Lead { reference, family: None, told: false }).collect()
    }

    fn of_catalogue(&self) -> Vec<Lead> {
        let families = self.finder.catalog.families.iter().filter_map(|family| {
            let version = match (&family.runtime, &family.distro) {
                (Some(runtime), _) => self.signs.language.as_ref().filter(|own| own.id == *runtime)?.release(),
                (_, Some(distro)) if self.signs.language.is_none() => self.distribution_version(distro)?,
                _ => return None,
            };
            let fits = family.version.as_ref().is_none_or(|only| *only == version);
            let reference = family.image.replace("{version}", &version).parse::<ImageRef>().ok()?;
            fits.then(|| Lead { reference, family: Some(family.clone()), told: false })
        });
        families.filter(|lead| self.finder.ask || self.is_at_hand(&lead.reference)).collect()
    }

    /// Whether no registry has to be asked for its documents.
    fn is_at_hand(&self, reference: &ImageRef) -> bool {
        let options = self.finder.scanner.options;
        let cached = |name: String| options.cache.as_ref()?.manifest(&name, &options.platform);
        !matches!(reference, ImageRef::Registry(_)) || cached(reference.to_string()).is_some()
    }

    /// The release of the image's distribution, if it is this one, as exactly as its images are named.
    fn distribution_version(&self, id: &str) -> Option<String> {
        let own = self.signs.distribution.as_ref().filter(|own| own.id == id)?;
        let numbers = own.version.split('.').take(if id == "alpine" { 2 } else { 1 });
        Some(numbers.collect::<Vec<_>>().join("."))
    }

    /// Looks at documents. Images that are the base itself, or one another, count once; what would not be smaller is
    /// left out unless it was asked for.
    fn described(&self, leads: Vec<Lead>, missing: &mut Vec<Missing>) -> Vec<Candidate> {
        let refs: Vec<ImageRef> = leads.iter().map(|lead| lead.reference.clone()).collect();
        let base_layers = self.base.layers.unwrap_or(0);
        let base = diff_ids(&self.image.image.manifest).get(..base_layers).unwrap_or_default();
        let mut candidates: Vec<Candidate> = Vec::new();
        for (lead, found) in leads.into_iter().zip(self.finder.scanner.documents(&refs)) {
            let manifest = match found {
                Ok(manifest) => manifest,
                Err(error) => {
                    let name = lead.reference.to_string();
                    missing.push(Missing { name, error: error.into(), told: lead.told });
                    continue;
                }
            };
            let name = lead.reference.to_string();
            let same = |candidate: &&mut Candidate| diff_ids(&candidate.manifest) == diff_ids(&manifest);
            if let Some(known) = candidates.iter_mut().find(same) {
                known.family = known.family.take().or(lead.family);
                if !known.names.contains(&name) {
                    known.names.push(name);
                }
            } else if diff_ids(&manifest) != base || lead.told {
                candidates.push(self.candidate(lead, name, manifest));
            }
        }
        let now = self.image.image.layers.iter().map(|layer| layer.stored_bytes).sum::<u64>();
        candidates.retain(|candidate| candidate.told || candidate.figures.stored_bytes < now);
        candidates
    }

    fn candidate(&self, lead: Lead, name: String, manifest: Manifest) -> Candidate {
        let end_of_life = Place::of(&lead.reference).and_then(|place| self.ended(place));
        Candidate {
            names: vec![name],
            family: lead.family,
            end_of_life,
            figures: self.application.figures_by_manifest(&manifest),
            start: self.application.start_on(LayerCost::of_manifest(&manifest)),
            compatibility: None,
            patch: None,
            manifest,
            scanned: None,
            trial: None,
            told: lead.told,
        }
    }

    /// Which are to be read: those that were asked for, and of the others the smallest, in turn of those that are built
    /// on the same as the base and of those that are not.
    fn choose(&self, candidates: &mut [Candidate]) {
        let tag = |names: &[String]| {
            Tag::parse(&names.first().and_then(|name| Place::named(name)).map(|(_, tag)| tag).unwrap_or_default())
        };
        let base = tag(&self.base.names);
        let alike = |candidate: &Candidate| tag(&candidate.names).on_the_same(&base);
        candidates.sort_by_key(|candidate| candidate.figures.stored_bytes);
        let mut turn = [0_usize; 2];
        candidates.sort_by_cached_key(|candidate| {
            let side = usize::from(!alike(candidate));
            turn[side] += usize::from(!candidate.told);
            (!candidate.told, turn[side], side)
        });
    }

    /// Reads the first ones, and looks whether the application runs on them. Those that can't be read are left out.
    fn read(
        &self,
        mut candidates: Vec<Candidate>,
        missing: &mut Vec<Missing>,
    ) -> Result<Vec<Candidate>, RecommendError> {
        let told = candidates.iter().filter(|candidate| candidate.told).count();
        let others = candidates.split_off(candidates.len().min(told + self.request.deep));
        let named = candidates.iter().map(|candidate| candidate.names[0].parse::<ImageRef>());
        let refs = named.collect::<Result<Vec<_>, _>>().map_err(SourceError::from)?;
        let mut read = Vec::new();
        for (mut candidate, scanned) in candidates.into_iter().zip(self.finder.scanner.scan_each(&refs)) {
            match scanned {
                Ok(scanned) => {
                    self.judge(&mut candidate, scanned)?;
                    read.push(candidate);
                }
                Err(error) => {
                    let (name, told) = (candidate.names.swap_remove(0), candidate.told);
                    missing.push(Missing { name, error: error.into(), told });
                }
            }
        }
        read.extend(others);
        Ok(read)
    }

    /// What is known of a candidate once it was read to its end.
    fn judge(&self, candidate: &mut Candidate, scanned: Scanned) -> Result<(), RecommendError> {
        candidate.compatibility = self.application.runs_on(scanned.subject());
        candidate.start = self.application.start_on(LayerCost::of_image(scanned.subject()));
        if self.base.layers.is_some() {
            candidate.figures = self.application.figures_on(scanned.subject());
            candidate.patch = self.patch(candidate, &scanned)?;
        }
        candidate.scanned = Some(scanned);
        Ok(())
    }

    /// What the Dockerfile would be on it.
    fn patch(&self, candidate: &Candidate, scanned: &Scanned) -> Result<Option<Patch>, RecommendError> {
        let Some((plan, name)) = self.request.plan.zip(candidate.names.first()) else { return Ok(None) };
        plan.patch(name, &self.application.old_base(), scanned.subject(), candidate.compatibility.as_ref())
    }

    /// Whether the base's release has ended.
    pub(super) fn end_of_life(&self) -> Option<EndOfLife> {
        let named = self.base.names.iter().find_map(|name| self.ended(Place::named(name)?));
        named.or_else(|| self.language_ended())
    }

    fn ended(&self, (place, tag): (Place, String)) -> Option<EndOfLife> {
        place.is_official(self.finder.catalog).then_some(())?;
        let official = self.finder.catalog.end_of_life.keys().find(|official| place.is_copy_of(official))?;
        let tag = Tag::parse(&tag);
        let since = self.finder.catalog.end_of_life(official, tag.version(), tag.distro())?;
        let name = official.rsplit('/').next().unwrap_or(official);
        let release = if tag.version().is_empty() { tag.distro().join("-") } else { dotted(tag.version()) };
        (since < self.today).then(|| EndOfLife { release: format!("{name} {release}"), since: since.into() })
    }

    fn language_ended(&self) -> Option<EndOfLife> {
        let language = self.signs.language.as_ref()?;
        let runtime = self.finder.catalog.runtimes.iter().find(|runtime| runtime.id == language.id)?;
        let since = runtime
            .repositories
            .iter()
            .find_map(|repository| self.finder.catalog.end_of_life(repository, &language.version, &[]))?;
        (since < self.today).then(|| EndOfLife { release: language.name(), since: since.into() })
    }
}
