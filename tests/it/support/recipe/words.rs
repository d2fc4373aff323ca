//! A recipe's lines and the words in them.

/// A line, less its blanks and comment.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its number in the text, from 1.
    number: usize,
    /// Whether it begins with a blank: an entry of the layer above.
    pub(super) indented: bool,
    pub(super) words: Vec<Word>,
    /// The lines of a `<<END` at its end.
    pub(super) heredoc: Option<String>,
}

/// A word. Quoted or not, its bytes are what was meant.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) bytes: Vec<u8>,
    /// Whether it opened with a quote: content, never an option.
    pub(super) quoted: bool,
}

/// Takes a text apart. Empty lines and comments are no lines.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut out = Vec::new();
    let mut rest = text.lines().enumerate();
    let margin = margin(text).len();
    while let Some((i, text)) = rest.next() {
        let mut line =
            Line { number: i + 1, indented: indent(text) > margin, words: words(text, i + 1), heredoc: None };
        if let Some(end) = line.words.last().and_then(heredoc_end) {
            line.words.pop();
            let body: Vec<_> = rest.by_ref().map(|(_, l)| l).take_while(|l| l.trim() != end).collect();
            line.heredoc = Some(dedent(&body));
        }
        if !line.words.is_empty() {
            out.push(line);
        }
    }
    out
}

/// The blanks before every line: a recipe inside a test is indented as a whole.
pub(super) fn margin(text: &str) -> &str {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    filled.min_by_key(|line| indent(line)).map_or("", |line| &line[..indent(line)])
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn heredoc_end(word: &Word) -> Option<String> {
    let end = word.bytes.strip_prefix(b"<<").filter(|_| !word.quoted)?;
    Some(String::from_utf8_lossy(end).into_owned())
}

fn dedent(lines: &[&str]) -> String {
    let margin = lines.first().map_or(0, |line| indent(line));
    lines.iter().map(|line| format!("{}\n", line.get(margin.min(indent(line))..).unwrap_or_default())).collect()
}

fn words(line: &str, number: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return words,
            Some('[' | '{') => {
                // JSON: the rest of the line is one word.
                words.push(Word { bytes: chars.by_ref().collect::<String>().into_bytes(), quoted: true });
            }
            Some(&first) => {
                let mut bytes = Vec::new();
                while chars.peek().is_some_and(|c| !c.is_whitespace()) {
                    match chars.next() {
                        Some('"') => quoted(&mut chars, &mut bytes, number),
                        Some(c) => bytes.extend(c.to_string().into_bytes()),
                        None => {}
                    }
                }
                words.push(Word { bytes, quoted: first == '"' });
            }
        }
    }
}

/// What stands up to the closing quote.
fn quoted(chars: &mut impl Iterator<Item = char>, out: &mut Vec<u8>, number: usize) {
    loop {
        match chars.next().unwrap_or_else(|| panic!("recipe line {number}: a quote is not closed")) {
            '"' => return,
            '\\' => out.extend(escaped(chars, number)),
            c => out.extend(c.to_string().into_bytes()),
        }
    }
}

fn escaped(chars: &mut impl Iterator<Item = char>, number: usize) -> Vec<u8> {
    match chars.next() {
        Some('n') => b"\n".to_vec(),
        Some('t') => b"\t".to_vec(),
        Some('r') => b"\r".to_vec(),
        Some('0') => b"\0".to_vec(),
        Some('x') => {
            let hex: String = chars.take(2).collect();
            vec![u8::from_str_radix(&hex, 16).unwrap_or_else(|_| panic!("recipe line {number}: \\x{hex}"))]
        }
        Some(c) => c.to_string().into_bytes(),
        None => panic!("recipe line {number}: a backslash at the end"),
    }
}

impl Line {
    /// Its first word.
    pub(super) fn verb(&self) -> &str {
        std::str::from_utf8(&self.words[0].bytes).unwrap_or_default()
    }

    /// A word's bytes; empty where there is none, since some lines need only the first.
    pub(super) fn bytes(&self, i: usize) -> &[u8] {
        self.words.get(i).map_or(b"", |word| &word.bytes)
    }

    /// A word as text.
    pub(super) fn text(&self, i: usize) -> String {
        String::from_utf8(self.bytes(i).to_vec()).unwrap_or_else(|_| self.fail("this is not UTF-8"))
    }

    /// A word as JSON.
    pub(super) fn json(&self, i: usize) -> serde_json::Value {
        serde_json::from_slice(self.bytes(i)).unwrap_or_else(|e| self.fail(&e.to_string()))
    }

    /// The bytes after `KEY=` in one of the words.
    pub(super) fn option_bytes(&self, key: &str) -> Option<&[u8]> {
        let open = self.words.iter().filter(|word| !word.quoted);
        open.filter_map(|word| word.bytes.strip_prefix(key.as_bytes())?.strip_prefix(b"=")).next()
    }

    /// The same as text.
    pub(super) fn option(&self, key: &str) -> Option<String> {
        self.option_bytes(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Stops the test: this line cannot be read.
    pub(super) fn fail(&self, why: &str) -> ! {
        panic!("recipe line {}: {why}: {}", self.number, self.verb())
    }
}
