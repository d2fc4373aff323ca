//! Every command of the README runs, and every output in it is what comes. `UPDATE_README=1 cargo test --test it readme`
//! writes the outputs anew.
//!
//! A block ```` ```console ```` has commands behind `$ `, each followed by its output. In ```` ```console corpus ````
//! the images are the corpus's: Debian moves on, so numbers, digests and dates only have to be there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::svg::picture;
use crate::support::{Sandbox, need_corpus_registry};

/// How wide the pictures are.
const COLUMNS: usize = 104;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What runs the commands of a block.
struct Shell {
    sandbox: Sandbox,
    path: std::ffi::OsString,
}

impl Shell {
    fn new() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_layerscope"));
        let others = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(program.parent().unwrap().to_owned()).chain(std::env::split_paths(&others));
        let shell = Self { sandbox: Sandbox::new(), path: std::env::join_paths(folders).unwrap() };
        let mirror = std::env::var("LAYERSCOPE_CORPUS_REGISTRY").unwrap_or_else(|_| "127.0.0.1:5000".into());
        let conf = format!("[[registry]]\nprefix = 'docker.io'\nlocation = '{mirror}'\n");
        shell.sandbox.write("home/.config/containers/registries.conf", conf);
        // podman with a store of its own, as it works on a machine without systemd, too.
        let limits = "default_ulimits = ['nofile=1024:1024', 'nproc=1024:1024']";
        let engine = "cgroup_manager = 'cgroupfs'\nevents_logger = 'none'\nruntime = 'runc'";
        shell.sandbox.write("containers.conf", format!("[containers]\n{limits}\n[engine]\n{engine}\n"));
        let [graph, run] = ["graph", "run"].map(|name| shell.sandbox.path(name).display().to_string());
        let storage = format!("[storage]\ndriver = 'overlay'\ngraphroot = '{graph}'\nrunroot = '{run}'\n");
        shell.sandbox.write("storage.conf", storage);
        shell
    }

    fn output(&self, line: &str) -> String {
        let mut command = self.sandbox.layerscope::<&str>([]).command();
        let environment: Vec<_> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command = Command::new("sh");
        command.args(["-c", line]).current_dir(root()).env_clear().envs(environment).env("PATH", &self.path);
        command.env("CONTAINERS_CONF", self.sandbox.path("containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", self.sandbox.path("storage.conf"));
        let output = command.output().unwrap();
        assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The README with every output as it comes now, but for blocks that can't be run here.
fn rerun(readme: &str, shell: &Shell, corpus: bool) -> String {
    let mut out = String::new();
    let mut lines = readme.lines().peekable();
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        if !line.starts_with("```console") || (line.ends_with("corpus") && !corpus) {
            continue;
        }
        while let Some(line) = lines.next_if(|line| *line != "```") {
            if let Some(command) = line.strip_prefix("$ ") {
                out += &format!("{line}\n{}", shell.output(command));
            }
        }
    }
    out
}

/// A text of which only the words count: numbers with their units, digests, dates and how columns are aligned are not
/// those of every machine.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut in_corpus = false;
    for line in text.lines() {
        in_corpus = line == "```console corpus" || (in_corpus && line != "```");
        if !in_corpus || line.starts_with("$ ") {
            out += &format!("{line}\n");
            continue;
        }
        let is_number = |word: &&str| {
            !word.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c) || ('█'..='▏').contains(&c))
        };
        let unit = |word: &&str| !matches!(*word, "B" | "kB" | "MB" | "GB") && !word.starts_with("sha256:");
        out += &line.split_whitespace().filter(is_number).filter(unit).collect::<Vec<_>>().join(" ");
        out.push('\n');
    }
    out
}

#[test]
fn the_readme_is_true() {
    let file = root().join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let corpus = need_corpus_registry().is_some();
    let now = rerun(&readme, &Shell::new(), corpus);
    if std::env::var_os("UPDATE_README").is_some() {
        return std::fs::write(&file, &now).unwrap();
    }
    let hint = "the README is not true: UPDATE_README=1 cargo test --test it readme";
    let (shown, comes) = (words(&readme), words(&now));
    for (shown, comes) in shown.lines().zip(comes.lines()) {
        assert_eq!(shown, comes, "{hint}");
    }
    assert_eq!(shown.lines().count(), comes.lines().count(), "{hint}");
}

#[test]
fn its_pictures_are_what_comes() {
    let pictures = [
        ("inspect", "--color always inspect --top 5 oci:fixtures/workshop:full | head -n 62"),
        ("recommend", "--color always recommend --offline oci:fixtures/workshop:full"),
    ];
    for (name, line) in pictures {
        let line = format!("COLUMNS={COLUMNS} layerscope {line}");
        let comes = picture(&Shell::new().output(&line), COLUMNS);
        let file = root().join("fixtures/readme").join(name).with_extension("svg");
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &comes).unwrap();
        }
        let shown = std::fs::read_to_string(&file).unwrap_or_default();
        let hint = "UPDATE_README=1 cargo test --test it readme";
        assert!(shown == comes, "{} is not true: {hint}", file.display());
    }
}

#[test]
fn the_readme_names_what_is_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
        assert!(root().join(link).exists(), "{link} is not there");
    }
}
