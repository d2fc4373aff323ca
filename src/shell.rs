//! A shell text's simple commands, and where their words stand: enough to change a word, never to run one.

use std::ops::Range;

/// Substitutions within substitutions that are looked into.
const DEEPEST: usize = 4;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    /// What comes before the program: `sudo`, `A=b`, `then`.
    pub(crate) before: Vec<Word>,
    /// Its words and their bytes in the text.
    pub(crate) words: Vec<Word>,
    /// What comes after it: `&&`, `;`, …; empty at the end.
    pub(crate) operator: String,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) span: Range<usize>,
    /// As written, quotes and all.
    pub(crate) text: String,
}

/// A text, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) commands: Vec<Simple>,
    /// What stands before no program: `A=b` by itself.
    alone: Vec<Word>,
    /// Whether there is more to it than commands one after another: groups, loops, substitutions, comments.
    pub(crate) complex: bool,
    /// Whether it ends in a comment, so that nothing can be added to it.
    pub(crate) comment: bool,
}

/// A command that a shell would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Without quotes; the first is looked up in PATH, or [`ARGUMENTS`].
    pub(crate) words: Vec<String>,
    /// Whether it runs whatever happens: nothing before it could end the text or pass it over.
    pub(crate) certain: bool,
}

/// What runs the arguments that the text was called with.
pub(crate) const ARGUMENTS: &str = "$@";

/// Words that may come before a program.
const BEFORE: [&str; 13] =
    ["sudo", "then", "do", "else", "elif", "!", "{", "if", "while", "until", "exec", "command", "time"];
/// … those of them that make a line complex, and others that do.
const COMPLEX: [&str; 15] =
    ["then", "do", "else", "elif", "!", "{", "}", "if", "while", "fi", "done", "for", "case", "esac", "until"];
/// Words after which the next command runs all the same, if they do as they should.
const GOES_ON: [&str; 12] =
    ["", ":", "cd", "echo", "export", "printf", "readonly", "set", "shopt", "trap", "umask", "unset"];
/// Words that the shell does itself (POSIX, "Special Built-In Utilities", and what all shells have besides).
const BUILTINS: [&str; 52] = [
    "", ".", ":", "[", "[[", "alias", "bg", "break", "case", "cd", "continue", "declare", "done", "echo", "esac",
    "eval", "exit", "export", "false", "fg", "fi", "for", "function", "getopts", "hash", "in", "jobs", "kill", "local",
    "popd", "printf", "pushd", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt", "source",
    "test", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
];

impl Simple {
    /// From its first word to its last.
    pub(crate) fn span(&self) -> Range<usize> {
        let end = self.words.last().map_or(0, |word| word.span.end);
        self.words.first().map_or(0, |word| word.span.start)..end
    }

    /// Its words as text.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.words.iter().map(|word| word.text.as_str()).collect()
    }

    /// The word, if any of them is it.
    pub(crate) fn word(&self, text: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.text == text)
    }
}

impl Word {
    /// Without its quotes.
    pub(crate) fn value(&self) -> String {
        let (mut value, mut quote) = (String::new(), None);
        let mut chars = self.text.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                (None, '\\') => value.extend(chars.next()),
                (Some('"'), '\\') => {
                    let next = chars.next();
                    let escaped = next.is_some_and(|c| "$`\"\\".contains(c));
                    value.extend(Some(c).filter(|_| !escaped).into_iter().chain(next));
                }
                _ => value.push(c),
            }
        }
        value
    }

    /// The texts of the commands that the shell puts the output of in its place.
    fn substitutions(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let (mut rest, mut open) = (self.text.as_str(), None);
        while let Some(c) = rest.chars().next() {
            let inner = match open {
                Some('\'') => None,
                _ if rest.starts_with("$(") && !rest.starts_with("$((") => Some((2, closing(&rest[2..]))),
                _ if c == '`' => Some((1, rest[1..].find('`').unwrap_or(rest.len() - 1))),
                _ => None,
            };
            if let Some((start, length)) = inner {
                found.push(&rest[start..start + length]);
                rest = &rest[start + length..];
                rest = rest.strip_prefix([')', '`']).unwrap_or(rest);
                continue;
            }
            match (open, c) {
                (None, '"' | '\'') => open = Some(c),
                (Some(quote), _) if quote == c => open = None,
                _ => {}
            }
            rest = &rest[c.len_utf8()..];
        }
        found
    }
}

/// The simple commands of a text, those in substitutions among them: what a shell would look up in PATH, as far as that
/// can be told without being one.
pub(crate) fn programs(text: &str) -> Vec<Command> {
    let mut found = Vec::new();
    gather(text, DEEPEST, &mut found);
    found
}

fn gather(text: &str, depth: usize, found: &mut Vec<Command>) {
    let line = read(text, '\\');
    let defines = |simple: &&Simple| simple.operator == "(";
    let functions: Vec<String> =
        line.commands.iter().filter(defines).flat_map(|simple| simple.texts()).map(str::to_owned).collect();
    let mut certain = depth == DEEPEST;
    for simple in &line.commands {
        let words: Vec<String> = simple.words.iter().map(Word::value).collect();
        let Some(first) = words.first().cloned() else { continue };
        certain &= !simple.before.iter().chain(simple.words.first()).any(|word| COMPLEX.contains(&word.text.as_str()));
        if simple.before.iter().any(|word| word.text == "sudo") {
            found.push(Command { words: vec!["sudo".into()], certain });
        }
        let told = first.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+@".contains(c)) || first == ARGUMENTS;
        if told && !BUILTINS.contains(&first.as_str()) && !functions.contains(&first) {
            found.push(Command { words, certain });
        }
        certain &= GOES_ON.contains(&first.as_str()) && matches!(simple.operator.as_str(), ";" | "\n" | "&&");
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    let words = line.commands.iter().flat_map(|simple| simple.before.iter().chain(&simple.words)).chain(&line.alone);
    words.flat_map(Word::substitutions).for_each(|inner| gather(inner, depth, found));
}

/// Where the parenthesis is closed that was opened before a text; its end where it is not.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// What the kernel starts for a script's first line: a program, and at most one argument; `env` looks further.
pub(crate) fn shebang(line: &[u8]) -> Vec<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let (program, argument) = line.split_once([' ', '\t']).map_or((line, ""), |(program, rest)| (program, rest.trim()));
    let argument = argument.strip_prefix("-S").map_or(argument, str::trim);
    let arguments = argument.split_whitespace().map(str::to_owned);
    std::iter::once(program.to_owned()).chain(arguments).filter(|word| !word.is_empty()).collect()
}

/// Whether a program of this name or path reads what this module does.
pub(crate) fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash" | "zsh" | "ksh"))
}

/// Takes a text apart, as it stands in a file: with its continuations, comments among them, and line ends.
pub(crate) fn read(raw: &str, escape: char) -> Line {
    let mut reader = Reader {
        raw,
        chars: raw.char_indices().collect(),
        at: 0,
        escape,
        line: Line::default(),
        simple: Simple::default(),
        here: Vec::new(),
        here_named: true,
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
    /// Lines that end the documents which begin below this line.
    here: Vec<String>,
    /// Whether the last one's name has come.
    here_named: bool,
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            if self.continuation() || self.operator(c) {
                continue;
            }
            match c {
                '#' => self.comment(),
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
            // `&>` goes to a file.
            '&' if self.peek(1) == Some('>') => return false,
            '&' | '|' if twice => self.take(2),
            ';' | '|' | '&' => self.take(1),
            '\n' => {
                self.take(1);
                self.documents();
            }
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

    /// Passes over here-documents.
    fn documents(&mut self) {
        for end in std::mem::take(&mut self.here) {
            while let Some(line) = self.raw[self.place()..].split_inclusive('\n').next() {
                self.at += line.chars().count();
                if line.trim() == end {
                    break;
                }
            }
        }
    }

    /// Notes a word's here-document: where its name begins in the word, unless it is the next word.
    fn document(&mut self, word: &Word, name: Option<usize>) {
        let name = match name {
            Some(at) => word.text[at..].trim_start_matches('-'),
            None if self.here_named => return,
            None => &word.text,
        };
        self.line.complex = true;
        self.here_named = !name.is_empty();
        if self.here_named {
            self.here.push(Word { span: word.span.clone(), text: name.to_owned() }.value());
        }
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
        simple.before = simple.words.drain(..skipped).collect();
        simple.operator = operator;
        match simple.words.is_empty() {
            true => self.line.alone.extend(simple.before),
            false => self.line.commands.push(simple),
        }
    }

    /// Passes over it, to the end of its line.
    fn comment(&mut self) {
        self.line.complex = true;
        while self.peek(0).is_some_and(|c| c != '\n') {
            if !self.continuation() {
                self.at += 1;
            }
        }
        self.line.comment = self.peek(0).is_none();
    }

    fn word(&mut self) {
        // The quotes that parentheses stand in, the outermost first.
        let (start, mut quote, mut outer, mut text) = (self.place(), None, Vec::new(), String::new());
        let mut document = None;
        while let Some(c) = self.peek(0) {
            if self.continuation() {
                continue;
            }
            let redirects = c == '&' && (text.ends_with(['>', '<']) || self.peek(1) == Some('>'));
            if quote.is_none() && outer.is_empty() && !redirects && (c.is_whitespace() || ";|&()".contains(c)) {
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
                    outer.push(quote.take());
                    self.at += 1;
                    text.push('(');
                }
                (None, '<') if outer.is_empty() && text.ends_with("<<") && !text.ends_with("<<<") => {
                    document = (self.peek(0) != Some('<')).then_some(text.len());
                }
                (None, '(') => outer.push(None),
                (None, ')') => quote = outer.pop().flatten(),
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                _ => {}
            }
        }
        let word = Word { span: start..self.place(), text };
        self.document(&word, document);
        self.simple.words.push(word);
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a shell passes on of a line that asks nothing else of it: its words.
pub(crate) fn plain_words(line: &str) -> Option<Vec<&str>> {
    const PLAIN: &str = "-_./:=@%+,^";
    let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || PLAIN.contains(c);
    let words: Vec<_> = line.split_whitespace().skip_while(|word| *word == "exec").collect();
    let first = words.first()?;
    let program = !first.contains('=') && !BUILTINS.contains(first) && !COMPLEX.contains(first);
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
        assert_eq!(shape("make -j\"$(nproc \"x\")\" && b"), ["make·-j\"$(nproc \"x\")\" &&", "b "]);
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

    #[test]
    fn programs_are_told() {
        let firsts = |text: &str| {
            programs(text).into_iter().map(|command| command.words[0].clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(firsts("set -ex; cd /app && A=1 B='x y' exec python app.py 2>&1 | tee log"), "python tee");
        assert_eq!(firsts("if ! curl -f \"http://x;y\"; then exit 1; fi # wget"), "curl");
        assert_eq!(firsts("apt-get update \\\n && apt-get install -y gcc"), "apt-get apt-get");
        assert_eq!(firsts("$CMD; \"$@\"; (gunicorn app:app) &"), "$@ gunicorn");
        assert_eq!(firsts("run() { a; }\nrun; case $1 in start) b ;; esac"), "a b");
        assert_eq!(firsts("cat <<A - << 'B C' <<<d; x\ny\nA\nz\n\tB C\nw $((1 << 2))"), "cat x w");
        assert_eq!(firsts("a &>log; b # c\nd; sudo -u x e"), "a b d sudo -u");
        assert_eq!(
            firsts("Z=$(date); X=$(curl -s \"$(wget y)\") y \"`git log`\" '$(no)' $((1 + 2))"),
            "y curl wget git date"
        );
        assert_eq!(firsts(&"$(".repeat(10_000)), "");
    }

    #[test]
    fn words_lose_their_quotes() {
        let commands = programs(r#"a 'b "c' "d \"e\" \x" f\ g '' "#);
        assert_eq!(commands[0].words, ["a", "b \"c", r#"d "e" \x"#, "f g", ""]);
    }

    #[test]
    fn what_runs_whatever_happens() {
        let certain = |text: &str| {
            let commands = programs(text).into_iter().filter(|command| command.certain);
            commands.map(|command| command.words[0].clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(certain("set -e\n# starts\ncd /app && A=b exec python app.py; b"), "python");
        for text in
            ["if a; then b; fi", "[ -f x ] && a", "exit\na", "x=$(a)", "cd x || a", "f() { a; }", "while a; do b; done"]
        {
            assert_eq!(certain(text), "", "{text}");
        }
    }
}
