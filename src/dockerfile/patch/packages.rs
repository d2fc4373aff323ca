//! Package managers in a `RUN`: what stays gets lean, what changes is translated where the names are known.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Edit, Manager};
use crate::shell::{Line, Simple, Word};

/// Names of packages, from `names.toml`.
static NAMES: LazyLock<Names> = LazyLock::new(|| toml::from_str(include_str!("names.toml")).unwrap_or_default());

#[derive(Default, serde::Deserialize)]
struct Names {
    build: Vec<String>,
    names: BTreeMap<String, Elsewhere>,
}

#[derive(serde::Deserialize)]
struct Elsewhere {
    apk: Option<String>,
    dnf: Option<String>,
}

/// What removes apt's lists.
pub(super) const CLEAN: &str = "rm -rf /var/lib/apt/lists/*";

/// What a simple command does with packages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deed<'a> {
    /// apt installs these.
    AptInstall(Vec<&'a str>),
    /// apt gets its lists, or cleans up.
    AptUpkeep,
    /// Another of apt's: `apt-get remove`.
    AptOther,
    /// Another distribution's manager.
    Other(Manager),
    /// pip installs.
    Pip,
    /// npm installs.
    Npm,
    /// Nothing with packages.
    Nothing,
}

/// What a command does with packages.
pub(super) fn deed(command: &Simple) -> Deed<'_> {
    let texts = command.texts();
    let plain: Vec<&str> = texts[1..].iter().copied().filter(|word| !word.starts_with('-')).collect();
    match (texts[0], plain.first().copied()) {
        ("apt-get" | "apt", Some("install")) => Deed::AptInstall(plain[1..].to_vec()),
        ("apt-get" | "apt", Some("update" | "clean" | "autoclean")) => Deed::AptUpkeep,
        ("rm", _) if !plain.is_empty() && plain.iter().all(|path| path.starts_with("/var/lib/apt/lists")) => {
            Deed::AptUpkeep
        }
        ("apt-get" | "apt" | "dpkg" | "apt-key" | "add-apt-repository", _) => Deed::AptOther,
        ("apk", _) => Deed::Other(Manager::Apk),
        ("dnf" | "yum", _) => Deed::Other(Manager::Dnf),
        ("microdnf", _) => Deed::Other(Manager::Microdnf),
        (program, Some("install")) if is_pip(program) => Deed::Pip,
        (program, Some("pip")) if is_python(program) && texts.contains(&"-m") && plain.get(1) == Some(&"install") => {
            Deed::Pip
        }
        ("npm", Some("ci" | "install" | "i")) => Deed::Npm,
        _ => Deed::Nothing,
    }
}

fn is_pip(program: &str) -> bool {
    program.strip_prefix("pip").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// `python`, `python3`, `python3.11`.
pub(super) fn is_python(program: &str) -> bool {
    program.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Whether a package is only of use while something is built.
pub(super) fn builds(package: &str) -> bool {
    let name = package.split('=').next().unwrap_or(package);
    name.ends_with("-dev") || NAMES.build.iter().any(|known| known == name)
}

/// Adds `option` after the word `install` and a `-y` after it, where it is not there yet.
pub(super) fn with_option(command: &Simple, option: &str) -> Option<Edit> {
    if command.word(option).is_some() {
        return None;
    }
    let install = command.words.iter().position(|word| word.text == "install")?;
    let yes =
        |word: &&Word| matches!(word.text.as_str(), "-y" | "--yes" | "-qq" | "-q" | "-yq" | "-qqy" | "-yqq" | "-qy");
    let after = install + command.words[install + 1..].iter().take_while(yes).count();
    let end = command.words[after].span.end;
    Some(Edit { span: end..end, text: format!(" {option}") })
}

/// Whether a command line installs what lists of an earlier one name.
pub(super) fn needs_lists(line: &str) -> bool {
    let apt = line.contains("apt-get") || line.contains("apt ") || line.contains("aptitude");
    apt && line.contains("install") && !line.contains("update")
}

/// What installs Debian's packages with another manager, and the names that are not known there.
pub(super) fn install(manager: Manager, packages: &[&str]) -> Result<String, Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    let mut unknown = Vec::new();
    for package in packages {
        let elsewhere = NAMES.names.get(*package);
        let name = match manager {
            Manager::Apt => Some(*package),
            Manager::Apk => elsewhere.and_then(|names| names.apk.as_deref()),
            Manager::Dnf | Manager::Microdnf => elsewhere.and_then(|names| names.dnf.as_deref()),
        };
        match name {
            Some(name) => names.extend(name.split(' ').filter(|name| !names.contains(name)).collect::<Vec<_>>()),
            None => unknown.push((*package).to_owned()),
        }
    }
    if !unknown.is_empty() || names.is_empty() {
        return Err(unknown);
    }
    let names = names.join(" ");
    Ok(match manager {
        Manager::Apt => format!("apt-get update && apt-get install -y --no-install-recommends {names} && {CLEAN}"),
        Manager::Apk => format!("apk add --no-cache {names}"),
        Manager::Dnf => format!("dnf install -y --setopt=install_weak_deps=0 {names} && dnf clean all"),
        Manager::Microdnf => format!("microdnf install -y --setopt=install_weak_deps=0 {names} && microdnf clean all"),
    })
}

/// A line's apt commands in another manager's words. `Err` says why a person has to.
pub(super) fn translated(line: &Line, manager: Manager) -> Result<Vec<Edit>, String> {
    let joined = |simple: &Simple| matches!(simple.operator.as_str(), "&&" | ";" | "");
    if line.complex || !line.commands.iter().all(joined) {
        return Err("the line is more than commands one after another".into());
    }
    let mut edits = Vec::new();
    let mut kept = 0;
    for (index, command) in line.commands.iter().enumerate() {
        match deed(command) {
            Deed::AptInstall(packages) => {
                let options = ["-t", "-o", "-c"].iter().any(|option| command.word(option).is_some());
                let odd = |package: &str| package.contains(['$', '=', '*', '/', '"', '\'', '>', '<']);
                if options || packages.iter().any(|package| odd(package)) {
                    return Err("it installs more than packages by name".into());
                }
                let text = install(manager, &packages).map_err(|unknown| match unknown.is_empty() {
                    true => "it installs nothing".to_owned(),
                    false => format!("no other name is known here for {}", unknown.join(", ")),
                })?;
                edits.push(Edit { span: command.span(), text });
                kept += 1;
            }
            Deed::AptUpkeep => edits.push(Edit { span: without(line, index), text: String::new() }),
            Deed::AptOther => return Err(format!("{} is Debian's", command.texts()[0])),
            _ => kept += 1,
        }
    }
    // Cuts at the end of a line reach back to the last command that stays: they may not lie in one another.
    edits.sort_by_key(|edit| edit.span.start);
    let apart = edits.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start);
    if kept > 0 && apart { Ok(edits) } else { Err("nothing of the line would stay".into()) }
}

/// What to cut to be rid of a command: with what joins it to the next, or at the end to the one before.
fn without(line: &Line, index: usize) -> std::ops::Range<usize> {
    let span = line.commands[index].span();
    let last = line.commands.len() - 1;
    let upkeep = |index: usize| deed(&line.commands[index]) == Deed::AptUpkeep;
    let tail = (index..=last).all(upkeep);
    match line.commands.get(index + 1) {
        Some(next) if !tail => span.start..next.span().start,
        _ if index > 0 => line.commands[index - 1].span().end..span.end,
        _ => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    fn to(manager: Manager, raw: &str) -> Result<String, String> {
        let edits = translated(&shell::read(raw, '\\'), manager)?;
        Ok(super::super::apply(raw, edits))
    }

    #[test]
    fn the_table_reads() {
        assert!(NAMES.names.len() > 30 && builds("gcc") && builds("libpq-dev=1.2") && !builds("libpq5"));
    }

    #[test]
    fn apt_in_other_words() {
        let raw = "apt-get update && apt-get install -y --no-install-recommends \\\n  curl git && rm -rf /var/lib/apt/lists/*";
        assert_eq!(to(Manager::Apk, raw).as_deref(), Ok("apk add --no-cache curl git"));
        let raw = "apt-get update; apt-get -y install build-essential && make && apt-get clean && rm -rf /var/lib/apt/lists/*";
        assert_eq!(to(Manager::Apk, raw).as_deref(), Ok("apk add --no-cache build-base && make"));
        assert_eq!(
            to(Manager::Microdnf, "apt-get install -y gcc g++").as_deref(),
            Ok("microdnf install -y --setopt=install_weak_deps=0 gcc gcc-c++ && microdnf clean all")
        );
        for odd in [
            "apt-get install -y nothing-known",
            "apt-get install -y curl || true",
            "apt-get install -y curl=1.0",
            "apt-get install $P",
            "apt-get update",
            "(apt-get install curl)",
            "apt-get install curl && dpkg -i x.deb",
        ] {
            assert!(to(Manager::Apk, odd).is_err(), "{odd}");
        }
    }
}
