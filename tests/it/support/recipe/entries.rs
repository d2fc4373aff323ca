//! The lines of a layer: each an entry of its tar.

use std::collections::BTreeMap;

use super::super::tar_writer::Header;
use super::Open;
use super::words::Line;

impl Open {
    /// Reads one line below `layer`; `texts` are what `+name` names.
    pub(super) fn line(&mut self, line: &Line, texts: &BTreeMap<String, String>) {
        match line.verb() {
            "mtime" => self.mtime = number(line, &line.text(1)),
            "owner" => self.owner = couple(line, &line.text(1)),
            "file" => self.add(line, b'0', &line.path(), Some(content(line, texts))),
            "dir" => self.add(line, b'5', &[line.path().as_slice(), b"/"].concat(), None),
            "link" => self.add(line, b'2', &line.path(), None),
            "hard" => self.add(line, b'1', &line.path(), None),
            "char" => self.add(line, b'3', &line.path(), None),
            "block" => self.add(line, b'4', &line.path(), None),
            "fifo" => self.add(line, b'6', &line.path(), None),
            "whiteout" => self.add(line, b'0', &marker(&line.path()), None),
            "opaque" => self.add(line, b'0', &[line.path().as_slice(), b"/.wh..wh..opq"].concat(), None),
            _ => line.fail("no such entry"),
        }
    }

    fn add(&mut self, line: &Line, flag: u8, name: &[u8], data: Option<Vec<u8>>) {
        let name = name.strip_prefix(b"/").filter(|_| !line.raw()).unwrap_or(name);
        let mut header = Header::new(flag, name);
        if let Some(mode) = line.mode() {
            header.mode = mode;
        }
        (header.uid, header.gid) = line.option("owner").map_or(self.owner, |text| couple(line, &text));
        header.mtime = line.option("mtime").map_or(self.mtime, |text| number(line, &text));
        match flag {
            b'1' => header.link = target(line),
            b'2' => (header.link, header.mode) = (line.bytes(2).to_vec(), 0o777),
            b'3' | b'4' => header.device = couple(line, &line.text(line.words.len() - 1)),
            _ => {}
        }
        self.put_parents(&header);
        self.put_pax(line, &header);
        self.tar.entry(&header, &data.unwrap_or_default());
    }

    /// The directories above an entry, outermost first, where the recipe asks for them and the layer lacks them.
    fn put_parents(&mut self, header: &Header) {
        let Some(dirs) = &mut self.dirs else { return };
        let slashes = header.name.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(i, _)| i + 1);
        for name in slashes.map(|end| &header.name[..end]).filter(|name| *name != header.name) {
            if self.written.insert(name.to_vec()) {
                let dir = dirs.entry(name.to_vec()).or_insert_with(|| Header::dir(name));
                self.tar.entry(dir, b"");
            }
        }
        if header.flag == b'5' {
            self.written.insert(header.name.clone());
            dirs.insert(header.name.clone(), header.clone());
        }
    }

    /// What a plain header cannot say: extended attributes, and names longer than 100 bytes.
    fn put_pax(&mut self, line: &Line, header: &Header) {
        let mut records = Vec::new();
        for word in line.words.iter().filter(|word| !word.quoted) {
            let text = word.bytes.strip_prefix(b"xattr.").unwrap_or_default();
            if let Some(at) = text.iter().position(|&b| b == b'=') {
                let key = format!("SCHILY.xattr.{}", String::from_utf8_lossy(&text[..at]));
                records.push((key, text[at + 1..].to_vec()));
            }
        }
        for (key, bytes) in [("path", &header.name), ("linkpath", &header.link)] {
            if bytes.len() > 100 {
                records.push((key.to_owned(), bytes.clone()));
            }
        }
        if !records.is_empty() {
            let records: Vec<_> = records.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
            self.tar.pax(&records);
        }
    }
}

impl Line {
    fn raw(&self) -> bool {
        self.words.last().is_some_and(|word| !word.quoted && word.bytes == b"raw")
    }

    /// The path without a slash at its end, so that markers and directories can add theirs. `/` alone is the root.
    fn path(&self) -> Vec<u8> {
        let path = self.bytes(1);
        path.strip_suffix(b"/").filter(|_| !self.raw()).unwrap_or(path).to_vec()
    }

    /// The first word that can only be a mode.
    fn mode(&self) -> Option<i64> {
        let octal = |bytes: &[u8]| bytes.iter().all(|b| (b'0'..=b'7').contains(b)) && bytes.len() >= 3;
        let word = self.words.get(2).filter(|word| !word.quoted && octal(&word.bytes))?;
        i64::from_str_radix(std::str::from_utf8(&word.bytes).ok()?, 8).ok()
    }
}

/// Link targets of hard links are names in the tar, and lose their slash with them.
fn target(line: &Line) -> Vec<u8> {
    let target = line.bytes(2);
    target.strip_prefix(b"/").filter(|_| !line.raw()).unwrap_or(target).to_vec()
}

/// `/etc/motd` → `/etc/.wh.motd`.
fn marker(path: &[u8]) -> Vec<u8> {
    let at = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
    [&path[..at], b".wh.", &path[at..]].concat()
}

fn number(line: &Line, text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| line.fail("a number was expected"))
}

/// `1000:1000`, `1:3`.
fn couple(line: &Line, text: &str) -> (i64, i64) {
    let (a, b) = text.split_once(':').unwrap_or_else(|| line.fail("two numbers were expected"));
    (number(line, a), number(line, b))
}

fn content(line: &Line, texts: &BTreeMap<String, String>) -> Vec<u8> {
    if let Some(text) = &line.heredoc {
        return text.clone().into_bytes();
    }
    let seed = line.option("seed").map_or(1, |text| number(line, &text)).unsigned_abs();
    let size = |key| line.option(key).map(|text| bytes_of(line, &text));
    if let Some(text) = line.option("elf") {
        super::super::elf::elf(&text, &noise(size("size").unwrap_or(0), seed))
    } else if let Some(path) = line.option("of") {
        std::fs::read(path).unwrap_or_else(|_| line.fail("this machine has no such file"))
    } else if let Some(size) = size("size") {
        noise(size, seed)
    } else if let Some(size) = size("words") {
        prose(size, seed)
    } else if let Some(size) = size("zeros") {
        vec![0; size]
    } else {
        let times = line.option("times").map_or(1, |text| bytes_of(line, &text));
        let text = line.words.iter().skip(2).find(|word| word.quoted).map(|word| word.bytes.repeat(times));
        text.unwrap_or_else(|| named_texts(line, texts))
    }
}

/// `+debian +more`; nothing where no text is named.
fn named_texts(line: &Line, texts: &BTreeMap<String, String>) -> Vec<u8> {
    let names = line.words.iter().filter_map(|word| word.bytes.strip_prefix(b"+"));
    let find = |name| texts.get(&String::from_utf8_lossy(name).into_owned());
    names.flat_map(|name| find(name).unwrap_or_else(|| line.fail("no text above has this name")).bytes()).collect()
}

/// `10`, `10k`, `1M`.
fn bytes_of(line: &Line, text: &str) -> usize {
    let (digits, unit) = match text.strip_suffix(['k', 'M']) {
        Some(digits) => (digits, if text.ends_with('k') { 1 << 10 } else { 1 << 20 }),
        None => (text, 1),
    };
    usize::try_from(number(line, digits)).map_or_else(|_| line.fail("a size was expected"), |n| n * unit)
}

/// Bytes that do not compress: xorshift64*.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    std::iter::repeat_with(|| random().to_le_bytes()).flatten().take(len).collect()
}

/// Lines of made-up words.
fn prose(len: usize, seed: u64) -> Vec<u8> {
    const SYLLABLES: [&str; 16] =
        ["ba", "con", "de", "er", "fi", "ga", "in", "ka", "lo", "mer", "no", "pra", "re", "st", "tu", "vi"];
    let mut random = random(seed);
    let mut out = Vec::with_capacity(len + 32);
    while out.len() < len {
        let bits = random();
        // A product: some words are common, most are rare.
        let word = ((bits & 15) * ((bits >> 8) & 15)) as usize;
        out.extend([SYLLABLES[word % 16], SYLLABLES[word / 16]].concat().bytes());
        out.push(if (bits >> 40).is_multiple_of(10) { b'\n' } else { b' ' });
    }
    out.truncate(len);
    out
}

fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
