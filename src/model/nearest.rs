//! What a mistyped word was probably meant to be.

/// Less alike than this, two words are not the same word mistyped.
const ALIKE: f64 = 0.8;

/// The name that is most like a word, if one is much like it.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let alike = |name: &str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let most = known.map(|name| (alike(name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    most.filter(|(alike, _)| *alike >= ALIKE).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told() {
        let known = ["stored-size", "file-size", "layers"];
        assert_eq!(nearest("store-size", known.into_iter()), Some("stored-size"));
        assert_eq!(nearest("Layer", known.into_iter()), Some("layers"));
        assert_eq!(nearest("colour", known.into_iter()), None);
    }
}
