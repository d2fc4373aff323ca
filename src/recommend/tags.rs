//! The grammar of tags: a version, then words for what is in the image and what it is built on, joined by `-`
//! (`3.7-slim-bookworm`, `17-jre-alpine`, `12.2.0-runtime-ubuntu22.04`). There is no standard; this is what the official
//! images and their neighbours keep to.

/// Releases of distributions by name, and what else a last word may build on, with a version behind it or not.
const DISTROS: [&str; 33] = [
    "jessie",
    "stretch",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "bionic",
    "focal",
    "jammy",
    "noble",
    "debian",
    "ubuntu",
    "alpine",
    "fedora",
    "centos",
    "rocky",
    "rockylinux",
    "almalinux",
    "ubi",
    "amazonlinux",
    "al",
    "oraclelinux",
    "ol",
    "oracle",
    "mariner",
    "azurelinux",
    "cbl",
    "busybox",
    "uclibc",
    "musl",
    "glibc",
];
/// How much is in an image of a name: words for less than all of it.
const SIZES: [&str; 14] = [
    "slim",
    "minimal",
    "micro",
    "tiny",
    "lite",
    "light",
    "distroless",
    "chiseled",
    "base",
    "runtime",
    "jre",
    "headless",
    "nonroot",
    "small",
];
/// … and for all of it.
const FULL: [&str; 4] = ["jdk", "sdk", "devel", "full"];
/// Not meant to be run in place of another.
const NEVER: [&str; 12] = [
    "windowsservercore",
    "nanoserver",
    "windows",
    "onbuild",
    "debug",
    "dev",
    "test",
    "nightly",
    "preview",
    "source",
    "sig",
    "att",
];

/// A tag, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// The numbers of its version: of `3.7-slim`, 3 and 7. None where it has no version.
    version: Vec<u64>,
    /// Whether its version is one before the release (`3.13.0rc2`).
    pre_release: bool,
    /// What it is built on: `bookworm`, `alpine3.18`.
    distro: Vec<String>,
    /// Words for how much of it there is: `slim`, `jre`.
    sizes: Vec<String>,
    /// What else it is: `fpm`, `apache`. Images that differ here do different things.
    features: Vec<String>,
    never: bool,
}

impl Tag {
    /// Reads a tag. Every text is one.
    pub fn parse(text: &str) -> Self {
        let mut tag = Self::default();
        let words: Vec<String> = text.split('-').map(str::to_ascii_lowercase).filter(|word| !word.is_empty()).collect();
        for (at, word) in words.iter().enumerate() {
            tag.word(word, at == 0);
        }
        tag.distro.sort();
        tag.features.sort();
        tag
    }

    fn word(&mut self, word: &str, first: bool) {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if first && let Some((version, pre_release)) = version(word) {
            (self.version, self.pre_release) = (version, pre_release);
        } else if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            // The day it was built on: one more name of the same.
        } else if NEVER.contains(&letters) || word.starts_with("ltsc") || word.starts_with("sha256") {
            self.never = true;
        } else if DISTROS.contains(&letters) {
            self.distro.push(word.into());
        } else if SIZES.contains(&letters) || FULL.contains(&letters) {
            self.sizes.push(word.into());
        } else if !matches!(word, "latest" | "lts" | "current" | "stable") {
            self.features.push(word.into());
        }
    }

    /// The numbers of its version.
    pub fn version(&self) -> &[u64] {
        &self.version
    }

    /// What it says it is built on.
    pub fn distro(&self) -> &[String] {
        &self.distro
    }

    /// Whether an image with this tag could stand in for one with `other`, of the same repository: the same version,
    /// as exactly as `other` gives it (or `wanted`, where it gives none), the same features, and something that is no
    /// test, debug or Windows image. Where there is no version, what it is built on is its version.
    pub fn stands_in_for(&self, other: &Self, wanted: &[u64]) -> bool {
        let version = if other.version.is_empty() { wanted } else { &other.version };
        let same_version = match (version.is_empty(), self.version.is_empty()) {
            (true, _) => self.version == other.version && self.distro == other.distro,
            // `slim` of `latest`: of whichever version that is.
            (false, true) => other.version.is_empty() && self.distro.is_empty(),
            (false, false) => self.version == version,
        };
        same_version && self.features == other.features && !self.never && !self.pre_release
    }

    /// Whether both are built on the same, as far as they say.
    pub fn on_the_same(&self, other: &Self) -> bool {
        let family = |tag: &Self| tag.distro.iter().any(|word| word.starts_with("alpine") || word.starts_with("musl"));
        family(self) == family(other)
    }
}

/// `3.7.17`, `v1.2`, `3.13.0rc2`, `17.0.9_9`: its numbers, and whether letters follow that make it a candidate.
fn version(word: &str) -> Option<(Vec<u64>, bool)> {
    let word = word.strip_prefix('v').unwrap_or(word);
    let numbers = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit() || "._+".contains(c)).len();
    let (numbers, rest) = word.split_at(numbers);
    let parsed: Option<Vec<u64>> =
        numbers.split(['.', '_', '+']).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
    let is_pre = ["rc", "a", "b", "alpha", "beta", "pre"].iter().any(|mark| {
        rest.strip_prefix(mark).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    });
    parsed.filter(|numbers| !numbers.is_empty() && (rest.is_empty() || is_pre)).map(|numbers| (numbers, is_pre))
}

/// The numbers of a version as a person or a package writes it: of `3.11.2-1+b1`, 3, 11 and 2.
pub fn numbers(text: &str) -> Vec<u64> {
    let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand_ins<'t>(base: &str, wanted: &[u64], tags: &[&'t str]) -> Vec<&'t str> {
        let base = Tag::parse(base);
        tags.iter().copied().filter(|tag| Tag::parse(tag).stands_in_for(&base, wanted)).collect()
    }

    #[test]
    fn the_version_and_the_features_are_kept() {
        let tags = [
            "3.7",
            "3.7-slim",
            "3.7-slim-bookworm",
            "3.7-alpine3.18",
            "3.7-windowsservercore-ltsc2022",
            "3.7.17-slim",
            "3.70-slim",
            "3-slim",
            "slim",
            "3.8-slim",
            "3.7rc1-slim",
            "3.7-onbuild",
            "alpine",
            "latest",
        ];
        let expected = ["3.7", "3.7-slim", "3.7-slim-bookworm", "3.7-alpine3.18"];
        assert_eq!(stand_ins("3.7", &[3, 11], &tags), expected);
        let php = ["8.2-fpm-alpine", "8.2-cli-alpine", "8.2-alpine", "8.2-fpm-bookworm", "8.2-zts-alpine"];
        assert_eq!(stand_ins("8.2-fpm", &[], &php), ["8.2-fpm-alpine", "8.2-fpm-bookworm"]);
        let cuda = ["12.2.0-runtime-ubuntu22.04", "12.2.0-base-ubuntu22.04", "12.2.0-cudnn8-runtime-ubuntu22.04"];
        assert_eq!(stand_ins("12.2.0-devel-ubuntu22.04", &[], &cuda), cuda[..2]);
    }

    #[test]
    fn java_s_and_node_s_words() {
        let java = ["17-jre", "17-jre-alpine", "17.0.9_9-jre", "21-jre", "17-jdk-jammy"];
        assert_eq!(stand_ins("17-jdk", &[], &java), ["17-jre", "17-jre-alpine", "17-jdk-jammy"]);
        let node = ["20-slim", "lts-slim", "20-bookworm-slim", "hydrogen-slim", "current-alpine"];
        assert_eq!(stand_ins("20", &[], &node), ["20-slim", "20-bookworm-slim"]);
    }

    #[test]
    fn without_a_version_the_one_inside_counts_or_what_it_is_built_on() {
        let tags = ["slim", "3.11-slim", "3.12-slim", "bookworm", "latest"];
        assert_eq!(stand_ins("latest", &[3, 11], &tags), ["slim", "3.11-slim", "latest"]);
        let debian = ["bookworm-slim", "trixie-slim", "bookworm-20231009-slim", "12-slim", "slim"];
        assert_eq!(stand_ins("bookworm", &[], &debian), ["bookworm-slim", "bookworm-20231009-slim"]);
    }

    #[test]
    fn any_text_is_a_tag() {
        for text in ["", "-", "v", "é-ü", "99999999999999999999999-slim", "sha256-abc.sig"] {
            assert!(!Tag::parse(text).stands_in_for(&Tag::parse("3.7"), &[]), "{text}");
        }
        assert_eq!(numbers("1:20.11.0~dfsg-1"), [1]);
        assert_eq!(
            [numbers("3.11.2-1+b1"), numbers("python3.9"), numbers("none")],
            [vec![3, 11, 2], vec![3, 9], vec![]]
        );
    }
}
