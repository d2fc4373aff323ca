//! File names are hostile input: what would steer a terminal, a log or a page is shown instead of carried out.

/// Control characters, and those that turn the direction of text or have no width, as `\n`, `\x1b` or `\u{202e}`; a
/// backslash stays one, since names with one are rarer than people who copy them.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.extend(c.escape_default()),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters of Latin-1, marks of direction, joiners and blanks without width, separators of lines, tags,
/// variation selectors (Unicode Standard Annex 9 and Technical Report 36).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown() {
        assert_eq!(escape("/a\n\x1b[31mred\x07"), r"/a\n\x1b[31mred\x07");
        assert_eq!(escape("exe\u{202e}txt\u{200b}\u{9b}"), r"exe\u{202e}txt\u{200b}\u{9b}");
        assert_eq!(escape("naïve 日本 🦀 \\"), "naïve 日本 🦀 \\");
    }
}
