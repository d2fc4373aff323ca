//! Compilers, headers and static libraries in an image that is made to run one program.

use super::Found;
use super::facts::{Facts, Group, Groups};
use crate::model::LayerPath;

/// Commands of images that others build on: an interpreter's prompt, or a shell.
const PROMPTS: [&str; 21] = [
    "sh", "bash", "ash", "dash", "zsh", "fish", "python", "python2", "python3", "pypy", "pypy3", "node", "irb", "php",
    "perl", "jshell", "ghci", "erl", "iex", "julia", "R",
];
/// Names of the programs that make an image one with build tools: the compilers proper, which no runtime needs.
const COMPILERS: [&str; 6] = ["cc1", "cc1plus", "lto1", "rustc", "compile", "clang"];
/// Where build tools keep what only they read.
const FOLDERS: [&str; 9] = [
    "usr/include",
    "usr/local/include",
    "usr/lib/gcc",
    "usr/libexec/gcc",
    "usr/local/go/pkg",
    "usr/local/go/src",
    "usr/local/rustup/toolchains",
    "usr/lib/llvm",
    "usr/local/cargo/bin",
];

/// Build tools by layer, where there is a compiler and the image isn't one to build on.
pub(super) fn build_tools(facts: &Facts<'_>) -> Vec<Found> {
    let has_compiler = facts.files().any(|file| is_compiler(file.path));
    if !has_compiler || is_to_build_on(facts) {
        return Vec::new();
    }
    let mut groups: Groups<u32> = Groups::new();
    for file in facts.files().filter(|file| is_build_tool(file.path)) {
        groups.entry(file.id.layer).or_default().add(file.path, file.entry.file_bytes());
    }
    groups.into_iter().filter(|(_, group)| group.bytes > 0).map(|(layer, group)| found(facts, layer, group)).collect()
}

fn found(facts: &Facts<'_>, layer: u32, group: Group) -> Found {
    Found {
        message: format!("compilers, headers and static libraries ({}), from {}", group.count(), facts.layer(layer)),
        path: group.path,
        layer: Some(layer),
        files: group.files,
        bytes: group.bytes,
        fix: "build in a stage of its own and COPY --from it what runs, onto a slim base".into(),
    }
}

/// Whether it starts nothing but a prompt.
fn is_to_build_on(facts: &Facts<'_>) -> bool {
    let run = &facts.subject.image.manifest.config.config;
    let words = || run.entrypoint.iter().chain(&run.cmd).flatten();
    let program = words().next().map(|word| word.rsplit('/').next().unwrap_or(word));
    match program {
        None => true,
        Some(name) => words().count() == 1 && PROMPTS.contains(&name),
    }
}

fn is_compiler(path: &LayerPath) -> bool {
    let name = path.file_name();
    let named = COMPILERS.iter().any(|compiler| name == compiler.as_bytes()) || name.starts_with(b"clang-");
    named
        && !path.starts_with(&"usr/share".into())
        && !path.starts_with(&"etc".into())
        && !path.starts_with(&"var".into())
}

fn is_build_tool(path: &LayerPath) -> bool {
    let library = path.as_bytes().ends_with(b".a") && path.components().any(|name| name == b"lib" || name == b"lib64");
    library || is_compiler(path) || FOLDERS.iter().any(|folder| path.starts_with(&(*folder).into()))
}
