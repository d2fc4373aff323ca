//! What is known of images beside what they say themselves: `catalog.toml`, and files of the user's of the same form.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A catalogue. The one that ships with the program is [`Catalog::shipped`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Catalog {
    /// Languages, and where their official images are.
    #[serde(rename = "runtime")]
    pub runtimes: Vec<Runtime>,
    /// Distributions, and where their official images are.
    #[serde(rename = "distro")]
    pub distros: Vec<Distro>,
    /// Images of other makers.
    #[serde(rename = "family")]
    pub families: Vec<Family>,
    /// By repository and release: the last day on which it gets security updates, `YYYY-MM-DD`.
    pub end_of_life: BTreeMap<String, BTreeMap<String, String>>,
}

/// A language and how it is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Runtime {
    /// Its name.
    pub id: String,
    /// How many numbers of its version must stay the same for programs to run on.
    pub keep: usize,
    /// Where its images are: full names without a tag.
    pub repositories: Vec<String>,
    /// Variables of its official image that hold its version.
    #[serde(default)]
    pub variables: Vec<String>,
    /// Beginnings of names of programs, in a `bin` folder, that end in its version: `python`.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Packages of a distribution that have its version.
    #[serde(default)]
    pub packages: Vec<String>,
}

/// A distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Distro {
    /// `ID` of its os-release.
    pub id: String,
    /// Where its images are.
    pub repositories: Vec<String>,
}

/// An image that may serve in place of an official one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Family {
    /// Its name.
    pub id: String,
    /// The language that it has.
    pub runtime: Option<String>,
    /// Or: the distribution whose images it may replace where there is no language.
    pub distro: Option<String>,
    /// The only version that it has; any where missing.
    pub version: Option<String>,
    /// Its reference; `{version}` is filled in.
    pub image: String,
    /// What it has.
    #[serde(default)]
    pub has: Vec<String>,
    /// What it lacks.
    #[serde(default)]
    pub lacks: Vec<String>,
}

/// A catalogue that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the catalogue {place} is broken: {source}")]
pub struct CatalogError {
    /// Its file.
    pub place: String,
    /// What is wrong, and where.
    pub source: Box<toml::de::Error>,
}

impl Catalog {
    /// The one that ships with the program.
    pub fn shipped() -> Result<Self, CatalogError> {
        Self::parse("that ships with layerscope", include_str!("catalog.toml"))
    }

    /// Reads one. `place` is what an error calls it.
    pub fn parse(place: &str, text: &str) -> Result<Self, CatalogError> {
        toml::from_str(text).map_err(|source| CatalogError { place: place.into(), source: source.into() })
    }

    /// Adds another one, which wins where both know something.
    pub fn extend(&mut self, other: Self) {
        replace(&mut self.runtimes, other.runtimes, |runtime| &runtime.id);
        replace(&mut self.distros, other.distros, |distro| &distro.id);
        replace(&mut self.families, other.families, |family| &family.id);
        for (repository, releases) in other.end_of_life {
            self.end_of_life.entry(repository).or_default().extend(releases);
        }
    }

    /// The last day on which a release is maintained. `version` is tried as exactly as it is given, then less so.
    pub fn end_of_life(&self, repository: &str, release: &[u64], words: &[String]) -> Option<&str> {
        let known = self.end_of_life.get(repository)?;
        let shorter = (1..=release.len()).rev().map(|length| dotted(&release[..length]));
        shorter.chain(words.iter().cloned()).find_map(|name| known.get(&name)).map(String::as_str)
    }

    /// The repositories of official images: the languages', then the distributions'.
    pub fn repositories(&self) -> impl Iterator<Item = &str> {
        let of_runtimes = self.runtimes.iter().flat_map(|runtime| &runtime.repositories);
        of_runtimes.chain(self.distros.iter().flat_map(|distro| &distro.repositories)).map(String::as_str)
    }
}

/// `3.11`.
pub(super) fn dotted(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn replace<T>(into: &mut Vec<T>, from: Vec<T>, id: impl Fn(&T) -> &String) {
    for new in from {
        match into.iter_mut().find(|old| id(old) == id(&new)) {
            Some(old) => *old = new,
            None => into.push(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_one_is_whole() {
        let catalog = Catalog::shipped().unwrap();
        for family in &catalog.families {
            let of_runtime = catalog.runtimes.iter().any(|runtime| Some(&runtime.id) == family.runtime.as_ref());
            assert!(of_runtime != family.distro.is_some(), "{} is for a language or for a distribution", family.id);
            let reference = family.image.replace("{version}", "3.11");
            assert!(reference.parse::<crate::model::ImageRef>().is_ok(), "{reference}");
        }
        let mut ids: Vec<_> = catalog.families.iter().map(|family| &family.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), catalog.families.len());
        let days = catalog.end_of_life.values().flat_map(BTreeMap::values);
        assert!(days.clone().all(|day| day.len() == 10 && day.split('-').count() == 3));
    }

    #[test]
    fn releases_end_as_exactly_as_is_known() {
        let catalog = Catalog::shipped().unwrap();
        let python = "docker.io/library/python";
        assert_eq!(catalog.end_of_life(python, &[3, 7, 17], &[]), Some("2023-06-27"));
        assert_eq!(catalog.end_of_life(python, &[3, 99], &[]), None);
        assert_eq!(catalog.end_of_life("docker.io/library/debian", &[], &["buster".into()]), Some("2024-06-30"));
        let knows = |repository: &str| catalog.repositories().any(|known| known == repository);
        assert!(knows(python) && !knows("docker.io/library/flask"));
    }

    #[test]
    fn another_one_adds_and_replaces() {
        let mut catalog = Catalog::shipped().unwrap();
        let before = catalog.families.len();
        let text = "[[family]]\nid = 'ours'\nruntime = 'python'\nimage = 'registry.example/python:{version}'\n\
                    [[family]]\nid = 'alpine'\ndistro = 'alpine'\nimage = 'registry.example/alpine'\n\
                    [end-of-life.'registry.example/python']\n'3.7' = '2030-01-01'";
        catalog.extend(Catalog::parse("ours.toml", text).unwrap());
        assert_eq!(catalog.families.len(), before + 1);
        assert!(catalog.families.iter().any(|family| family.image == "registry.example/alpine"));
        assert_eq!(catalog.end_of_life("registry.example/python", &[3, 7], &[]), Some("2030-01-01"));
        let error = Catalog::parse("bad.toml", "[[familiy]]\nid = 'x'").unwrap_err().to_string();
        assert!(error.starts_with("the catalogue bad.toml is broken") && error.contains("familiy"), "{error}");
    }
}
