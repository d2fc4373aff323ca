//! Which instruction made which layer.

use super::History;

/// For each of `layers` layers, lowest first, the index in `history` of the step that made it.
///
/// Steps that made no layer are passed over. Where history and layers disagree in number, this follows BuildKit
/// (`normalizeLayersAndHistory`): a short history belongs to the lowest layers, and the surplus steps of a long
/// one, from the bottom, are taken to have made none.
pub fn instructions(history: &[History], layers: usize) -> Vec<Option<usize>> {
    let made: Vec<usize> = (0..history.len()).filter(|&step| !history[step].empty_layer).collect();
    let surplus = made.len().saturating_sub(layers);
    (0..layers).map(|layer| made.get(layer + surplus).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pattern: &str) -> Vec<History> {
        pattern.chars().map(|c| History { empty_layer: c == '-', ..History::default() }).collect()
    }

    #[test]
    fn matching_missing_short_and_overlong() {
        assert_eq!(instructions(&steps("L-L-"), 2), [Some(0), Some(2)]);
        assert_eq!(instructions(&[], 2), [None, None]);
        assert_eq!(instructions(&steps("L-"), 2), [Some(0), None]);
        assert_eq!(instructions(&steps("LL-L"), 2), [Some(1), Some(3)]);
        assert_eq!(instructions(&steps("LL"), 0), []);
    }
}
