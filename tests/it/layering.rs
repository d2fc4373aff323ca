//! Holds the order of the source: who may import whom, and where the heavy crates may be named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lowest first. A module imports only from the rows above its own.
const ORDER: &[&[&str]] = &[
    &["model", "parallel", "shell"],
    &["blob", "pkgdb", "elf", "dockerfile", "compose"],
    &["source"],
    &["index"],
    &["tree"],
    &["analyze"],
    &["scan"],
    &["budget", "rewrite"],
    &["measure"],
    &["recommend"],
    &["report", "tui", "serve"],
    &["cli"],
    &["main"],
];

/// Crates that stay where they are at home.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "main"]),
    ("axum", &["serve"]),
    ("backon", &["source"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["report"]),
    ("crossterm", &["report", "tui"]),
    ("http_auth", &["source"]),
    ("http_body", &["serve"]),
    ("indicatif", &["cli"]),
    ("maud", &["report"]),
    ("parse_dockerfile", &["dockerfile"]),
    ("quick_xml", &["report"]),
    ("ratatui", &["tui"]),
    ("reqwest", &["source"]),
    ("rustls", &["source"]),
    ("rustls_native_certs", &["source"]),
    ("serde_saphyr", &["budget", "compose"]),
    ("tokio", &["source", "serve"]),
    ("tracing_subscriber", &["cli"]),
];

/// Files longer than this are two files.
const LONGEST: usize = 500;

/// A source file, its comments and its unit tests taken out of `code`.
struct Source {
    path: PathBuf,
    text: String,
    code: String,
}

impl Source {
    /// The folder or file below `src` that it belongs to.
    fn module(&self) -> String {
        let first = self.path.components().next().unwrap();
        Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
    }

    /// What the code names as `PREFIX::x` or `use PREFIX…`: the words after a path's first part.
    fn names_after(&self, prefix: &str) -> Vec<String> {
        let prefix = format!("{prefix}::");
        self.code.split(&prefix).skip(1).flat_map(heads).collect()
    }

    /// Whether a chain of `super::` leaves the module, past what the other checks read.
    fn climbs_out(&self) -> bool {
        let is_mod = self.path.ends_with("mod.rs");
        let depth = self.path.components().count() - usize::from(is_mod);
        self.code.contains(&"super::".repeat(depth))
    }

    /// Whether a crate is named.
    fn names_crate(&self, name: &str) -> bool {
        let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let path = format!("{name}::");
        let in_path = self.code.match_indices(&path).any(|(at, _)| boundary(self.code[..at].chars().next_back()));
        in_path || self.code.contains(&format!("use {name};"))
    }
}

/// `tree::Tree` → tree; `{tree::Tree, model::*}` → tree, model.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    let Some(list) = rest.strip_prefix('{') else { return word(rest).into_iter().collect() };
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            _ => {}
        }
        if let (Some(item), true) = (items.last_mut(), c != ',') {
            item.push(c);
        }
    }
    items.iter().filter_map(|item| word(item)).filter(|w| !w.is_empty()).collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut out = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let code = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
                out.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text, code });
            }
        }
    }
    assert!(out.len() > 10, "the sources were not found");
    out
}

fn ranks() -> BTreeMap<&'static str, usize> {
    ORDER.iter().enumerate().flat_map(|(rank, row)| row.iter().map(move |name| (*name, rank))).collect()
}

#[test]
fn modules_import_only_what_is_below_them() {
    let ranks = ranks();
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let Some(rank) = ranks.get(module.as_str()) else {
            wrong.push(format!("src/{}: has no place in ORDER", source.path.display()));
            continue;
        };
        if source.climbs_out() {
            wrong.push(format!("src/{}: `super::` leaves {module}: say `crate::`", source.path.display()));
        }
        let names = [source.names_after("crate"), source.names_after("layerscope")].concat();
        for name in names.iter().filter(|name| **name != module) {
            if ranks.get(name.as_str()).is_none_or(|other| other >= rank) {
                wrong.push(format!("src/{}: {module} may not import {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn heavy_crates_stay_where_they_are_at_home() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        for (name, homes) in HOMES {
            if !homes.contains(&module.as_str()) && source.names_crate(name) {
                wrong.push(format!("src/{}: {name} belongs in {homes:?}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        let path = source.path.display();
        if !source.text.starts_with("//! ") {
            wrong.push(format!("src/{path}: the first line is no `//!` line"));
        }
        let lines = source.text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("src/{path}: {lines} lines are more than {LONGEST}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One dependency that asks flate2 for a C zlib would silently cost a fifth of the speed.
#[test]
fn flate2_inflates_with_zlib_rs_alone() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "features", "--invert", "flate2"]);
    let tree = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("flate2 feature \"zlib-rs\""), "{tree}");
    for other in ["zlib-ng", "any_c_zlib", "\"zlib\"", "cloudflare", "miniz_oxide"] {
        assert!(!tree.contains(other), "flate2 has {other}:\n{tree}");
    }
}

#[test]
fn imports_are_read_as_they_are_written() {
    assert_eq!(heads("tree::Tree;"), ["tree"]);
    assert_eq!(heads("{tree::{A, B}, model::*}; x"), ["tree", "model"]);
    assert_eq!(heads("{\n    cli,\n    scan::X,\n}"), ["cli", "scan"]);
    let source =
        Source { path: "a/b.rs".into(), text: String::new(), code: "use tokio::x; my_clap::y; ::a::clap::z".into() };
    assert!(source.names_crate("tokio") && !source.names_crate("clap"));
    assert_eq!(source.module(), "a");
}
