//! Images for several platforms under one index: what the new index says of them.

use std::collections::BTreeMap;

use super::Plan;
use super::rebase::{BASE_DIGEST, BASE_NAME};
use crate::model::{Descriptor, Manifest};
use crate::source::ImageIndex;

/// What is said of an image in its manifest.
type Annotations = BTreeMap<String, String>;

/// How a new image is listed: as the old one was. What was said there of the old manifest's annotations is said of the new
/// one's.
pub fn listed(image: Descriptor, old: &Descriptor, made: &Manifest, plan: &Plan<'_>) -> Descriptor {
    let annotation = |(key, value): (&String, &String)| {
        let new = plan.annotations.get(key);
        let stays = !made.annotations.contains_key(key);
        Some((key.clone(), new.or(stays.then_some(value))?.clone()))
    };
    let annotations = old.annotations.iter().filter_map(annotation).collect();
    Descriptor { annotations, platform: old.platform.clone(), ..image }
}

/// What the new index says of all its images: what the old one did. Where they are on another base, that of all is the one
/// that their manifests name, if they name one.
pub fn of_all(index: ImageIndex, images: &[Annotations], on_another: bool) -> Annotations {
    let mut annotations = index.annotations;
    for key in [BASE_NAME, BASE_DIGEST].into_iter().filter(|_| on_another) {
        let named = images.first().and_then(|first| first.get(key));
        let same = named.filter(|name| images.iter().all(|image| image.get(key) == Some(name)));
        if annotations.remove(key).is_some() {
            annotations.extend(same.map(|name| (key.to_owned(), name.clone())));
        }
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_all_is_that_of_each() {
        let named = |name: &str| Annotations::from([(BASE_NAME.to_owned(), name.to_owned())]);
        let after = |images: &[&str], on_another| {
            let index = ImageIndex { images: Vec::new(), annotations: named("old"), attested: 0 };
            let images: Vec<Annotations> = images.iter().map(|name| named(name)).collect();
            of_all(index, &images, on_another).get(BASE_NAME).cloned()
        };
        assert_eq!(after(&["new", "new"], true).as_deref(), Some("new"));
        assert_eq!(after(&["new", "other"], true), None);
        assert_eq!(after(&[], false).as_deref(), Some("old"), "it is the same base");
    }
}
