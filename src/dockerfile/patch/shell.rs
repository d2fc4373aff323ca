//! A shell line's simple commands, and where their words stand: enough to change a word, never to run one.

use std::ops::Range;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words and their bytes in the line, what comes before the program (`sudo`, `A=b`, `then`) left out.
    pub(super) words: Vec<Word>,
    /// What comes after it: `&&`, `;`, …; empty at the end.
    pub(super) operator: String,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) span: Range<usize>,
    /// As written, quotes and all.
    pub(super) text: String,
}

/// A line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) commands: Vec<Simple>,
    /// Whether there is more to it than commands one after another: groups, loops, substitutions, comments.
    pub(super) complex: bool,
    /// Whether it ends in a comment, so that nothing can be added to it.
    pub(super) comment: bool,
}

/// Words that may come before a program.
const BEFORE: [&str; 9] = ["sudo", "then", "do", "else", "!", "{", "if", "while", "exec"];
/// … those of them that make a line complex, and others that do.
const COMPLEX: [&str; 14] =
    ["then", "do", "else", "!", "{", "}", "if", "while", "fi", "done", "for", "case", "esac", "until"];

impl Simple {
    /// From its first word to its last.
    pub(super) fn span(&self) -> Range<usize> {
        let end = self.words.last().map_or(0, |word| word.span.end);
        self.words.first().map_or(0, |word| word.span.start)..end
    }

    /// Its words as text.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.words.iter().map(|word| word.text.as_str()).collect()
    }

    /// The word, if any of them is it.
    pub(super) fn word(&self, text: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.text == text)
    }
}

/// Takes a line apart, as it stands in the file: with its continuations, comments among them, and line ends.
pub(super) fn read(raw: &str, escape: char) -> Line {
    let mut reader = Reader {
        raw,
        chars: raw.char_indices().collect(),
        at: 0,
        escape,
        line: Line::default(),
        simple: Simple::default(),
    };
    reader.run();
    reader.line
}

struct Reader<'a> {
    raw: &'a str,
    chars: Vec<(usize, char)>,
    at: usize,
    escape: char,
    line: Line,
    simple: Simple,
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            if self.continuation() || self.operator(c) {
                continue;
            }
            match c {
                '#' => return self.comment(),
                c if c.is_whitespace() => self.at += 1,
                _ => self.word(),
            }
        }
        self.end(String::new());
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|(_, c)| *c)
    }

    fn place(&self) -> usize {
        self.chars.get(self.at).map_or(self.raw.len(), |(place, _)| *place)
    }

    /// The escape at a line's end; passes over it, and over comments and empty lines after it.
    fn continuation(&mut self) -> bool {
        if self.peek(0) != Some(self.escape) {
            return false;
        }
        let blanks = self.chars[self.at + 1..].iter().take_while(|(_, c)| matches!(c, ' ' | '\t' | '\r')).count();
        if self.peek(blanks + 1) != Some('\n') {
            return false;
        }
        self.at += blanks + 2;
        while let Some(line) = self.raw[self.place()..].split_inclusive('\n').next() {
            let trimmed = line.trim();
            if !(trimmed.is_empty() || trimmed.starts_with('#')) || !line.ends_with('\n') {
                break;
            }
            self.at += line.chars().count();
        }
        true
    }

    fn operator(&mut self, c: char) -> bool {
        let twice = self.peek(1) == Some(c);
        match c {
            '&' | '|' if twice => self.take(2),
            ';' | '|' | '&' | '\n' => self.take(1),
            '(' | ')' => {
                self.line.complex = true;
                self.take(1);
            }
            _ => return false,
        }
        true
    }

    fn take(&mut self, length: usize) {
        let operator = self.chars[self.at..self.at + length].iter().map(|(_, c)| *c).collect();
        self.at += length;
        self.end(operator);
    }

    fn end(&mut self, operator: String) {
        let mut simple = std::mem::take(&mut self.simple);
        if simple.words.is_empty() {
            return;
        }
        self.line.complex |= simple.words.iter().any(|word| COMPLEX.contains(&word.text.as_str()));
        let assigns = |word: &Word| word.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        let before = |word: &&Word| BEFORE.contains(&word.text.as_str()) || assigns(word);
        let skipped = simple.words.iter().take_while(before).count();
        simple.words.drain(..skipped);
        simple.operator = operator;
        if !simple.words.is_empty() {
            self.line.commands.push(simple);
        }
    }

    fn comment(&mut self) {
        self.line.complex = true;
        self.line.comment = true;
        self.end(String::new());
    }

    fn word(&mut self) {
        let (start, mut quote, mut depth, mut text) = (self.place(), None, 0_usize, String::new());
        while let Some(c) = self.peek(0) {
            if self.continuation() {
                continue;
            }
            if quote.is_none() && depth == 0 && (c.is_whitespace() || ";|&()".contains(c)) {
                break;
            }
            self.at += 1;
            text.push(c);
            match (quote, c) {
                (None | Some('"'), '\\') => {
                    text.extend(self.peek(0));
                    self.at += usize::from(self.peek(0).is_some());
                }
                (None | Some('"'), '`') => self.line.complex = true,
                (None | Some('"'), '$') if self.peek(0) == Some('(') => {
                    self.line.complex = true;
                    depth += 1;
                    self.at += 1;
                    text.push('(');
                }
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                _ => {}
            }
        }
        self.simple.words.push(Word { span: start..self.place(), text });
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a shell passes on of a line that asks nothing else of it: its words.
pub(super) fn plain_words(line: &str) -> Option<Vec<&str>> {
    const BUILT_IN: [&str; 14] =
        ["cd", "export", ".", "source", "set", "unset", "ulimit", "umask", "eval", "trap", "[", "if", "for", "while"];
    const PLAIN: &str = "-_./:=@%+,^";
    let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || PLAIN.contains(c);
    let words: Vec<_> = line.split_whitespace().skip_while(|word| *word == "exec").collect();
    let first = words.first()?;
    let program = !first.contains('=') && !BUILT_IN.contains(first);
    (program && line.chars().all(plain)).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(raw: &str) -> Vec<String> {
        let line = read(raw, '\\');
        line.commands.iter().map(|simple| format!("{} {}", simple.texts().join("·"), simple.operator)).collect()
    }

    #[test]
    fn commands_are_parted() {
        assert_eq!(
            shape(
                "apt-get update && \\\n # c\n\n  A=1 sudo apt-get install -y 'a b' \\\r\n c;x|y $(d && e) \"f;g\"\\ h"
            ),
            ["apt-get·update &&", "apt-get·install·-y·'a b'·c ;", "x |", "y·$(d && e)·\"f;g\"\\ h "]
        );
        assert_eq!(shape("if x; then pip install y; fi"), ["x ;", "pip·install·y ;", "fi "]);
    }

    #[test]
    fn words_stand_where_they_say() {
        let raw = "a \\\n  b'c d' # e";
        let line = read(raw, '\\');
        let words: Vec<_> = line.commands[0].words.iter().map(|word| &raw[word.span.clone()]).collect();
        assert_eq!(words, ["a", "b'c d'"]);
        assert!(line.complex && line.comment);
        assert!(!read("a && b", '\\').complex && read("(a)", '\\').complex && read("a `b`", '\\').complex);
    }

    #[test]
    fn lines_that_need_no_shell() {
        assert_eq!(plain_words("exec python app.py --port=80"), Some(vec!["python", "app.py", "--port=80"]));
        for needs in ["echo $A", "a && b", "cd /x", "A=b c", "ls *", "a > b", "say 'x'", "", "~/x"] {
            assert_eq!(plain_words(needs), None, "{needs}");
        }
    }
}
