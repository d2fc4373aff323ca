//! Folders that have no place in an image: package managers' lists and caches, version control.

use super::Found;
use super::facts::{Facts, Group, Groups};
use crate::model::LayerPath;
use crate::tree::{Fate, Tree};

/// A kind of folder.
struct Place {
    /// What it holds, as a message says it.
    what: &'static str,
    /// Where it is: from the root with a leading slash, else anywhere; then its first name begins with a dot.
    at: &'static str,
    fix: &'static str,
}

const fn place(at: &'static str, what: &'static str, fix: &'static str) -> Place {
    Place { what, at, fix }
}

const APT: &str =
    "in the same RUN as apt-get install: rm -rf /var/lib/apt/lists/* and apt-get clean, or mount a cache there";
const APK: &str = "apk add --no-cache";
const RPM: &str = "in the same RUN: dnf clean all (yum clean all, microdnf clean all, zypper clean -a)";
const PACMAN: &str = "in the same RUN: pacman -Scc --noconfirm";

static PACKAGE_LISTS: [Place; 10] = [
    place("/var/lib/apt/lists", "apt's package lists", APT),
    place("/var/cache/apt", "apt's cache", APT),
    place("/var/cache/apk", "apk's cache", APK),
    place("/etc/apk/cache", "apk's cache", APK),
    place("/var/cache/dnf", "dnf's cache", RPM),
    place("/var/cache/libdnf5", "dnf's cache", RPM),
    place("/var/cache/yum", "yum's cache", RPM),
    place("/var/cache/zypp", "zypper's cache", RPM),
    place("/var/cache/pacman", "pacman's cache", PACMAN),
    place("/var/lib/pacman/sync", "pacman's package lists", PACMAN),
];

const PIP: &str = "pip install --no-cache-dir (or PIP_NO_CACHE_DIR=1), or RUN --mount=type=cache,target=/root/.cache";

static PIP_CACHES: [Place; 4] = [
    place(".cache/pip", "pip's cache", PIP),
    place(".cache/uv", "uv's cache", "uv sync --no-cache, or RUN --mount=type=cache,target=/root/.cache/uv"),
    place(".cache/pypoetry", "poetry's cache", "in the same RUN: rm -rf ~/.cache/pypoetry"),
    place(".cache/pipenv", "pipenv's cache", "in the same RUN: pipenv --clear"),
];

const NPM: &str = "in the same RUN: npm cache clean --force, or RUN --mount=type=cache,target=/root/.npm";
const YARN: &str = "in the same RUN: yarn cache clean";

static NPM_CACHES: [Place; 6] = [
    place(".npm/_cacache", "npm's cache", NPM),
    place(".cache/yarn", "yarn's cache", YARN),
    place("/usr/local/share/.cache", "yarn's cache", YARN),
    place(".yarn/berry/cache", "yarn's cache", YARN),
    place(".cache/node-gyp", "node-gyp's cache", "in the same RUN: rm -rf ~/.cache/node-gyp"),
    place(".cache/pnpm", "pnpm's cache", "in the same RUN: rm -rf ~/.cache/pnpm"),
];

const STAGE: &str = "build in a stage of its own and COPY --from it only what runs, or mount a cache there";

static LANGUAGE_CACHES: [Place; 13] = [
    place(".cargo/registry", "cargo's downloads", STAGE),
    place("/usr/local/cargo/registry", "cargo's downloads", STAGE),
    place("/go/pkg/mod/cache", "Go's downloads", STAGE),
    place(".cache/go-build", "Go's build cache", STAGE),
    place(".m2/repository", "Maven's downloads", STAGE),
    place(".gradle/caches", "Gradle's cache", STAGE),
    place(".ivy2/cache", "Ivy's cache", STAGE),
    place(".nuget/packages", "NuGet's downloads", STAGE),
    place(".composer/cache", "Composer's cache", "in the same RUN: composer clear-cache"),
    place(".cache/composer", "Composer's cache", "in the same RUN: composer clear-cache"),
    place("/usr/local/bundle/cache", "Bundler's downloads", "in the same RUN: rm -rf /usr/local/bundle/cache"),
    place("/opt/conda/pkgs", "conda's downloads", "in the same RUN: conda clean -afy"),
    place(".cache/ccache", "ccache's cache", STAGE),
];

const IGNORE: &str = "list it in .dockerignore";

static VERSION_CONTROL: [Place; 4] = [
    place(".git", "git's history", IGNORE),
    place(".svn", "Subversion's copies", IGNORE),
    place(".hg", "Mercurial's history", IGNORE),
    place(".bzr", "Bazaar's history", IGNORE),
];

/// The places of each rule.
static BY_RULE: [(&str, &[Place]); 5] = [
    ("package-lists", &PACKAGE_LISTS),
    ("pip-cache", &PIP_CACHES),
    ("npm-cache", &NPM_CACHES),
    ("language-cache", &LANGUAGE_CACHES),
    ("vcs-folder", &VERSION_CONTROL),
];

/// What a rule finds in its places.
pub(super) fn found_by(facts: &Facts<'_>, rule: &str) -> Vec<Found> {
    let placed = facts.placed().iter().filter(|((kind, _), _)| BY_RULE[kind.0].0 == rule);
    placed.map(|(((rule, place), layer), group)| found(facts, *layer, &BY_RULE[*rule].1[*place], group)).collect()
}

/// A rule, and one of its places, by their numbers.
type Kind = (usize, usize);

/// Files of every rule's places, by what they are and the layer that holds them.
pub(super) type Placed = Groups<(Kind, u32)>;

/// Files with bytes in them. Visible ones, and those that a later layer wrote anew, as apt does with its cache; deleted ones
/// are another rule's.
pub(super) fn placed(tree: &Tree) -> Placed {
    // Files of one folder follow each other.
    let mut last: (&[u8], Vec<(Kind, LayerPath)>) = (b"", Vec::new());
    let mut groups = Placed::new();
    let files = tree.files().filter(|(_, entry, _)| entry.file_bytes() > 0);
    for (id, entry, _) in files.filter(|(.., outcome)| matches!(outcome.fate, Fate::Visible | Fate::ContentReplaced)) {
        let folder = entry.path.parent_bytes();
        if last.0 != folder {
            let dotted = dotted(folder);
            let kinds = BY_RULE.iter().enumerate().filter_map(|(rule, (_, places))| {
                let (place, top) = place_of(folder, &dotted, places)?;
                Some(((rule, place), top))
            });
            last = (folder, kinds.collect());
        }
        for (kind, top) in &last.1 {
            groups.entry((*kind, id.layer)).or_default().add(top, entry.file_bytes());
        }
    }
    groups
}

fn found(facts: &Facts<'_>, layer: u32, place: &Place, group: &Group) -> Found {
    let at = group.path.as_ref().map(LayerPath::display).unwrap_or_default();
    let message = format!("{} in {at} ({}), from {}", place.what, group.count(), facts.layer(layer));
    let path = group.path.clone();
    Found { message, path, layer: Some(layer), files: group.files, bytes: group.bytes, fix: place.fix.into() }
}

/// Where names that begin with a dot begin in a path.
fn dotted(path: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b'.', path).filter(|&dot| dot == 0 || path[dot - 1] == b'/').collect()
}

/// The place that a folder is at or below: its number, and its own path. `dotted` is where its dotted names begin.
fn place_of(folder: &[u8], dotted: &[usize], places: &[Place]) -> Option<(usize, LayerPath)> {
    places.iter().enumerate().find_map(|(number, place)| {
        let (names, starts) = match place.at.strip_prefix('/') {
            Some(names) => (names, &[0][..]),
            None => (place.at, dotted),
        };
        let start = starts.iter().find(|&&start| begins_with(&folder[start..], names))?;
        Some((number, LayerPath::clean(&folder[..start + names.len()])))
    })
}

/// Whether a file is what a rule of this family looks for.
pub fn is_place(rule: &str, path: &LayerPath) -> bool {
    let places = BY_RULE.iter().find(|(its, _)| *its == rule);
    let folder = path.parent_bytes();
    places.is_some_and(|(_, places)| place_of(folder, &dotted(folder), places).is_some())
}

/// Whether the first names of a path are these.
fn begins_with(path: &[u8], names: &str) -> bool {
    // Most fail at the first byte.
    path.first() == names.as_bytes().first()
        && path.strip_prefix(names.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_anywhere_begins_with_a_dot() {
        let mut places = BY_RULE.iter().flat_map(|(_, places)| *places);
        assert!(places.all(|place| place.at.starts_with(['/', '.'])));
    }
}
