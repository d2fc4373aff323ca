//! Names that images have in layouts and archives, and which of them a person means.

use crate::model::registry_name;

/// So many names are told in an error message.
const SHOWN: usize = 20;

/// What the archive is called that comes as a stream.
pub(super) const STDIN: &str = "standard input";

/// None of the images of a layout or an archive is the one that is meant, or it is not told which one.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// No image has that name.
    #[error("{place} has no image {select}; it has: {available}")]
    None {
        /// The layout or archive.
        place: String,
        /// What was asked for.
        select: String,
        /// What there is.
        available: String,
    },
    /// There are several, and none was asked for.
    #[error("{place} has several images, choose one by its name: {available}")]
    Several {
        /// The layout or archive.
        place: String,
        /// What there is, as it is to be added.
        available: String,
    },
    /// There are several in what can't be given a name.
    #[error(
        "{STDIN} has several images, and - takes no name: keep it in a file, and choose one as FILE.tar:NAME, of: {available}"
    )]
    SeveralInStream {
        /// What there is, as it is to be added.
        available: String,
    },
    /// There is none.
    #[error("{place} has no image in it")]
    Empty {
        /// The layout or archive.
        place: String,
    },
}

impl ChoiceError {
    pub(super) fn none(place: String, select: &str, available: String) -> Self {
        Self::None { place, select: shown(select), available }
    }

    pub(super) fn several(place: String, available: String) -> Self {
        if place == STDIN { Self::SeveralInStream { available } } else { Self::Several { place, available } }
    }
}

/// Whether two names mean the same image once Docker Hub, `library/` and `latest` are filled in.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let full = |name: &str| registry_name(name).map(|reference| reference.whole());
    a == b || full(a).is_some_and(|a| full(b) == Some(a))
}

/// The tag at the end of a full name: `full` of `host:5000/workshop:full`.
pub(super) fn tag_of(name: &str) -> Option<&str> {
    name.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.is_empty() && !tag.contains('/'))
}

/// Names for an error message: sorted, each once, not endless, no control characters.
pub(super) fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().map(shown).collect();
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (names.is_empty(), more) {
        (true, _) => "none".into(),
        (_, 0) => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

/// Something that others wrote, fit for a message.
pub(super) fn shown(text: impl AsRef<str>) -> String {
    text.as_ref().chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_full() {
        assert!(is_same("python:3.11", "docker.io/library/python:3.11"));
        assert!(is_same("python", "python:latest"));
        assert!(is_same("not a name", "not a name"));
        assert!(!is_same("localhost/python:3.11", "python:3.11"));
        assert!(!is_same("not a name", "neither is this"));
    }

    #[test]
    fn tags_end_names() {
        assert_eq!(tag_of("localhost:5000/workshop:full"), Some("full"));
        assert_eq!(tag_of("localhost:5000/workshop"), None);
        assert_eq!(tag_of("full"), None);
    }

    #[test]
    fn lists_are_short_and_printable() {
        assert_eq!(listed([]), "none");
        assert_eq!(listed(["b", "a\n", "b"].map(str::to_owned)), "a\u{fffd}, b");
        assert!(listed((0..25).map(|n| format!("{n:02}"))).ends_with("18, 19 and 5 more"));
    }
}
