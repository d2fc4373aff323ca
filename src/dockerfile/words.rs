//! Words of `ENV`, `LABEL` and `ARG`, as BuildKit parts them (`parser/line_parsers.go`).

/// `A=1 B="x y"`, or the old `A x y`: names and values, quotes and variables as written. `None` is no such list.
pub(super) fn pairs(text: &str, escape: char) -> Option<Vec<(String, String)>> {
    let words = split(text, escape);
    if !words.first()?.contains('=') {
        let (name, value) = text.trim().split_once(char::is_whitespace)?;
        return Some(vec![(name.into(), value.trim_start().into())]);
    }
    words.iter().map(|word| word.split_once('=').map(|(name, value)| (name.into(), value.into()))).collect()
}

/// `A B=1`: names and defaults, as written.
pub(super) fn options(text: &str, escape: char) -> Vec<(String, Option<String>)> {
    let one = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    split(text, escape).into_iter().map(one).collect()
}

/// Parts at white space that is neither quoted nor escaped; keeps quotes and escapes.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(chars.next());
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_pairs() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs(r#"A=1 B="x y" C=x\ y"#, '\\'),
            Some(vec![pair("A", "1"), pair("B", "\"x y\""), pair("C", "x\\ y")])
        );
        assert_eq!(pairs("A x = y ", '\\'), Some(vec![pair("A", "x = y ".trim_end())]));
        assert_eq!(pairs("A", '\\'), None);
        assert_eq!(pairs("A=1 B", '\\'), None);
        assert_eq!(pairs("", '\\'), None);
    }

    #[test]
    fn quotes_and_escapes_hold_words_together() {
        assert_eq!(split(r#"a 'b c\' d"e f"g"#, '\\'), ["a", "'b c\\'", "d\"e f\"g"]);
        assert_eq!(split(r"C:\a\ b", '`'), [r"C:\a\", "b"]);
    }
}
