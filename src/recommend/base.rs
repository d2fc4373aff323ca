//! Finding the base under an image: what is claimed is looked up, and what is known is laid beside its layers.

use super::catalog::Catalog;
use super::place::{Place, images_in};
use super::runtime::Signs;
use super::tags::Tag;
use super::{RecommendError, Scanner, diff_ids};
use crate::analyze::{Base, Claim, Confidence, Evidence, EvidenceKind, claims, layers_by_history, shared_layers};
use crate::model::{ImageRef, Manifest};
use crate::scan::Scanned;

/// Images of a repository that are laid beside another one, at most.
const MOST_COMPARED: usize = 48;
/// Claims that are looked up, at most: a provenance statement lists every image that a build used.
const MOST_CLAIMS: usize = 8;

/// How bases are found.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// Reads images.
    pub scanner: Scanner<'a>,
    /// What is known of images.
    pub catalog: &'a Catalog,
    /// Whether registries may be asked for more than the image itself.
    pub ask: bool,
    /// Whether images that were looked at before count: not where the same question must have the same answer.
    pub remember: bool,
}

/// An image that may be the base, with its documents.
struct Known {
    name: String,
    /// Whether it is of a repository of official images.
    official: bool,
    manifest: Manifest,
}

impl Finder<'_> {
    /// The base that someone told of: refused where it is not under the image.
    pub fn told(&self, scanned: &Scanned, kind: EvidenceKind, base: &ImageRef) -> Result<Base, RecommendError> {
        let manifest = self.scanner.document(base)?;
        let (own, its) = (diff_ids(&scanned.image.manifest), diff_ids(&manifest));
        let shared = shared_layers(own, its);
        if shared < its.len() {
            let (image, layers) = (scanned.image.manifest.reference.clone(), its.len());
            return Err(RecommendError::NotUnder { base: manifest.reference, image, shared, layers });
        }
        let evidence = Evidence { kind, says: manifest.reference.clone(), holds: Some(true) };
        let known = Known { name: base.to_string(), official: true, manifest };
        Ok(proven(&known, vec![known.name.clone()], vec![evidence]))
    }

    /// The base under an image: the one that someone told of, or else as it is found.
    pub fn base_of(&self, scanned: &Scanned, told: Option<&ImageRef>) -> Result<Base, RecommendError> {
        match told {
            Some(base) => self.told(scanned, EvidenceKind::Told, base),
            None => Ok(self.find(scanned, &Signs::of(scanned.subject(), self.catalog), None)),
        }
    }

    /// The base under an image, in order of trust: claims that the layers bear out, the longest chain of layers of a
    /// known image, history, contents.
    ///
    /// `more` is a claim of whoever asks, which comes first.
    pub fn find(&self, scanned: &Scanned, signs: &Signs, more: Option<Claim>) -> Base {
        let image = &scanned.image.manifest;
        let (mut evidence, mut known) = self.claimed(scanned, more);
        known.extend(self.known(scanned, signs));
        known.retain(|known| is_under(known, image, self.catalog));
        known.sort_by_key(|known| std::cmp::Reverse((known.official, known.manifest.layers.len())));
        if let Some(best) = known.first() {
            let same: Vec<&Known> =
                known.iter().filter(|other| diff_ids(&other.manifest) == diff_ids(&best.manifest)).collect();
            let mut names: Vec<String> = same.iter().map(|known| known.name.clone()).collect();
            let mut seen = std::collections::HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
            let layers = best.manifest.layers.len();
            let are = if layers == 1 { "is" } else { "are" };
            let says = format!("its {} {are} the image's lowest", counted(layers));
            evidence.push(Evidence { kind: EvidenceKind::Layers, says, holds: Some(true) });
            return proven(best, names, evidence);
        }
        by_signs(scanned, signs, evidence)
    }

    /// Whether the base's tag still leads to the layers that are under an image: looked up now, where registries may be
    /// asked. Why that can't be told, where it can't.
    pub fn is_current(&self, scanned: &Scanned, base: &Base) -> Result<bool, String> {
        let image = &scanned.image.manifest;
        let own = claims(image, &[]).into_iter().find_map(|claim| claim.name);
        let name = base.names.first().cloned().or(own).ok_or("nothing tells the name of the base")?;
        let tag = name.split('@').next().unwrap_or(&name);
        let reference = tag.parse::<ImageRef>().map_err(|error| error.to_string())?;
        if matches!(reference, ImageRef::Registry(_)) && !self.ask {
            return Err("no registry may be asked".into());
        }
        let now = self.scanner.document(&reference).map_err(|error| error.to_string())?;
        Ok(are_lowest(&now, image))
    }

    /// What the image claims, looked up.
    fn claimed(&self, scanned: &Scanned, more: Option<Claim>) -> (Vec<Evidence>, Vec<Known>) {
        let image = &scanned.image.manifest;
        // What lies beside the image costs no request.
        let asks = image.attestation.is_some() && (self.ask || image.local);
        let statements = if asks { scanned.statements().unwrap_or_default() } else { Vec::new() };
        let mut known = Vec::new();
        let claims = more.into_iter().chain(claims(image, &statements));
        let evidence = claims.take(MOST_CLAIMS).map(|claim| {
            let found = self.look_up(&claim, image);
            let holds = found.as_ref().map(|base| shared_layers(diff_ids(image), diff_ids(base)) == base.layers.len());
            let says = claim.says();
            if let (Some(manifest), Some(name)) = (found, claim.name) {
                let name = name.parse::<ImageRef>().map_or(name, |name| name.to_string());
                known.push(Known { official: true, name, manifest });
            }
            Evidence { kind: claim.kind, says, holds }
        });
        (evidence.collect(), known)
    }

    /// The image that is claimed: by its name in the layout that the image lies in, or as exactly as it is claimed.
    fn look_up(&self, claim: &Claim, image: &Manifest) -> Option<Manifest> {
        let beside = match image.reference.parse().ok()? {
            ImageRef::OciLayout { dir, .. } => images_in(&dir).unwrap_or_default(),
            _ => Vec::new(),
        };
        let name = claim.name.as_deref().map(|name| name.split('@').next().unwrap_or(name));
        let wanted = name.and_then(Place::named).and_then(|(place, tag)| Some((place.repository()?, tag)));
        let here = beside.into_iter().find(|(of, tag, _)| {
            wanted.as_ref().is_some_and(|(repository, wanted)| of.as_ref() == Some(repository) && tag == wanted)
        });
        match here {
            Some((.., beside)) => self.scanner.document(&beside).ok(),
            None if self.ask => {
                let reference = claim.reference()?.parse().ok()?;
                self.scanner.documents(&[reference]).pop()?.ok()
            }
            None => None,
        }
    }

    /// Images whose layers may be under this one: in the same layout, in the cache, in official repositories of its
    /// language and distribution.
    fn known(&self, scanned: &Scanned, signs: &Signs) -> Vec<Known> {
        let own = scanned.image.manifest.reference.parse::<ImageRef>().ok();
        let beside = match &own {
            Some(ImageRef::OciLayout { dir, .. }) => images_in(dir).unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut refs: Vec<ImageRef> = beside.into_iter().map(|(.., image)| image).take(MOST_COMPARED).collect();
        if self.ask {
            refs.extend(self.official(signs, own.as_ref()));
        }
        let read = self.scanner.documents(&refs).into_iter().filter_map(Result::ok);
        let cache = self.scanner.options.cache.iter().filter(|_| self.remember);
        let cached = cache.flat_map(|cache| cache.manifests());
        // Layers first: most names need not be read then.
        let image = &scanned.image.manifest;
        let runs_there = |base: &Manifest| {
            base.config.os == image.config.os && base.config.architecture == image.config.architecture
        };
        let under = read.chain(cached).filter(|manifest| are_lowest(manifest, image) && runs_there(manifest));
        under.filter_map(|manifest| self.known_as(manifest)).collect()
    }

    fn known_as(&self, manifest: Manifest) -> Option<Known> {
        let (place, _) = Place::named(&manifest.reference)?;
        Some(Known { name: manifest.reference.clone(), official: place.is_official(self.catalog), manifest })
    }

    /// Tags of the official repositories that the image's contents point at, beside the image first.
    fn official(&self, signs: &Signs, own: Option<&ImageRef>) -> Vec<ImageRef> {
        let here = own.and_then(Place::of).map(|(place, _)| place);
        let mut images = Vec::new();
        for place in self.repositories(signs, here.as_ref()) {
            let Ok(tags) = place.tags(&self.scanner.speculative()) else { continue };
            let fits = |tag: &str| signs.version().is_empty() || Tag::parse(tag).version().starts_with(signs.version());
            images.extend(tags.into_iter().filter(|(tag, _)| fits(tag)).map(|(_, image)| image).take(MOST_COMPARED));
        }
        images
    }

    /// Official repositories for what the image has: of its language, and of its distribution.
    pub(super) fn repositories(&self, signs: &Signs, here: Option<&Place>) -> Vec<Place> {
        let (language, distribution) = (signs.language.as_ref(), signs.distribution.as_ref());
        let runtimes = self.catalog.runtimes.iter().filter(|runtime| language.is_some_and(|own| own.id == runtime.id));
        let distros = self.catalog.distros.iter().filter(|distro| distribution.is_some_and(|own| own.id == distro.id));
        let names = runtimes.flat_map(|runtime| &runtime.repositories);
        let names = names.chain(distros.flat_map(|distro| &distro.repositories));
        let mut places = Vec::new();
        for name in names {
            let official = name.split_once('/').map(|(registry, repository)| Place::Registry {
                registry: registry.into(),
                repository: repository.into(),
            });
            for place in here.and_then(|here| here.beside(name)).into_iter().chain(official) {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places
    }
}

/// No image is known to be under it: what history and contents say.
fn by_signs(scanned: &Scanned, signs: &Signs, mut evidence: Vec<Evidence>) -> Base {
    let image = &scanned.image.manifest;
    let claimed = evidence.iter().find(|evidence| evidence.holds != Some(false)).map(|claim| claim.says.clone());
    let layers = layers_by_history(&image.config);
    if let Some(layers) = layers {
        let says = format!("a default command follows the lowest {}", counted(layers));
        evidence.push(Evidence { kind: EvidenceKind::History, says, holds: None });
    }
    let language = signs.language.as_ref().map(|language| format!("{}, by {}", language.name(), language.told_by));
    let distribution = signs.distribution.as_ref().map(|distribution| distribution.name.clone());
    let told: Vec<String> = language.into_iter().chain(distribution).collect();
    let says = match (told.is_empty(), layers, image.layers.len()) {
        (true, ..) => "no distribution and no language: made from scratch, or from next to nothing".into(),
        (false, None, 1) => {
            format!("{}, all in one layer: the base's files can't be told from the rest", told.join("; "))
        }
        _ => told.join("; "),
    };
    evidence.push(Evidence { kind: EvidenceKind::Contents, says, holds: None });
    let confidence = if claimed.is_some() { Confidence::Likely } else { Confidence::Guess };
    let names = claimed.into_iter().collect();
    Base { names, digest: None, layers, evidence, confidence, config: None }
}

fn proven(known: &Known, names: Vec<String>, evidence: Vec<Evidence>) -> Base {
    let manifest = &known.manifest;
    Base {
        names,
        digest: manifest.digest,
        layers: Some(manifest.layers.len()),
        evidence,
        confidence: Confidence::Proven,
        config: Some(manifest.config.config.clone()),
    }
}

/// Whether it is under an image: its layers are, and an image of one's own is no base of a later tag of it, nor is it its
/// own base; an official one is.
fn is_under(known: &Known, image: &Manifest, catalog: &Catalog) -> bool {
    let place = |name: &str| Place::named(name).map(|(place, _)| place);
    let may_be = || match place(&image.reference) {
        Some(here) if Some(&here) == place(&known.name).as_ref() => here.is_official(catalog),
        _ => known.official || diff_ids(&known.manifest).len() < diff_ids(image).len(),
    };
    are_lowest(&known.manifest, image) && may_be()
}

/// Whether all of its layers are the lowest of an image's.
fn are_lowest(base: &Manifest, image: &Manifest) -> bool {
    let its = diff_ids(base);
    !its.is_empty() && shared_layers(diff_ids(image), its) == its.len()
}

fn counted(layers: usize) -> String {
    if layers == 1 { "layer".into() } else { format!("{layers} layers") }
}
