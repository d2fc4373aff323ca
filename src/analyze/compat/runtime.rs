//! The interpreter of the base that runs the application's own code.

use super::python::Pythons;
use super::summary::Problem;
use super::world::{Found, World};
use super::{Facts, Verdict, commands, node};
use crate::analyze::packages;

/// Languages whose programs are read by an interpreter of the base, by its name.
const LANGUAGES: [(&str, &str); 7] = [
    ("python", "Python"),
    ("node", "Node"),
    ("java", "Java"),
    ("ruby", "Ruby"),
    ("perl", "Perl"),
    ("php", "PHP"),
    ("pypy", "PyPy"),
];

/// An interpreter that is started, and its version where it can be told.
#[derive(PartialEq, Eq)]
struct Runtime {
    language: &'static str,
    version: Option<String>,
}

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let (old, new) = (runtimes(&facts.old, &facts.old_pythons), runtimes(&facts.new, &facts.new_pythons));
    let mut problems = Vec::new();
    for before in &old {
        // That it is not there at all, the command tells.
        let Some(after) = new.iter().find(|after| after.language == before.language) else { continue };
        let language = before.language;
        let (what, missing) = match (&before.version, &after.version) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(before), Some(after)) => {
                let what = format!("its code is made for {language} {before} and would run on {after}");
                (what, format!("{language} {before}"))
            }
            _ => (format!("whether the base has the same version of {language} is not known"), language.to_owned()),
        };
        let hint = before.version.as_ref().map(|version| format!("a base with {language} {version}"));
        problems.push(Problem::new(Verdict::Undecided, "runtime-version", what).missing(missing).hint(hint));
    }
    problems.extend(packages_of_base(facts, &old));
    problems
}

/// Interpreters that the base has and its settings start, each once.
fn runtimes(world: &World<'_>, pythons: &Pythons<'_>) -> Vec<Runtime> {
    let mut found: Vec<Runtime> = Vec::new();
    let started = commands::started(world);
    for program in started.iter().flat_map(|led| &led.programs).filter(|program| !world.owns(&program.path)) {
        let name = String::from_utf8_lossy(program.path.file_name()).into_owned();
        let is = |word: &str| name.strip_prefix(word).is_some_and(|rest| rest.bytes().all(|c| !c.is_ascii_lowercase()));
        let Some((_, language)) = LANGUAGES.iter().find(|(word, _)| is(word)) else { continue };
        let runtime = Runtime { language, version: version(world, pythons, language, program, &name) };
        if !found.contains(&runtime) {
            found.push(runtime);
        }
    }
    found
}

fn version(
    world: &World<'_>,
    pythons: &Pythons<'_>,
    language: &str,
    program: &Found<'_>,
    name: &str,
) -> Option<String> {
    let of_env = |key: &str, parts: usize| {
        let value = world.env(key)?.trim_start_matches(['v', 'j', 'd', 'k', '-']);
        let numbers = value.split(['.', '+', '_', '-', 'u']).take(parts).collect::<Vec<_>>().join(".");
        Some(numbers).filter(|numbers| numbers.starts_with(|c: char| c.is_ascii_digit()))
    };
    let of_name = || Some(name.trim_start_matches(|c: char| !c.is_ascii_digit())).filter(|rest| !rest.is_empty());
    match language {
        "Python" => pythons.of_program(&program.path).map(|python| python.version()),
        "Node" => node::major(world).map(|major| major.to_string()),
        "Java" => of_env("JAVA_VERSION", 1),
        "Ruby" => of_env("RUBY_VERSION", 2).or_else(|| of_name().map(str::to_owned)),
        "PHP" => of_env("PHP_VERSION", 2).or_else(|| of_name().map(str::to_owned)),
        "Perl" => of_env("PERL_VERSION", 2).or_else(|| of_name().map(str::to_owned)),
        _ => None,
    }
}

/// Packages of Node's that the old base brings and the candidate lacks: the application's code may import them. Of
/// Python's, the source tells.
fn packages_of_base(facts: &Facts<'_>, runtimes: &[Runtime]) -> Option<Problem> {
    /// What comes with every interpreter's image, for installing and not for running.
    const TOOLS: [&str; 12] = [
        "pip",
        "setuptools",
        "wheel",
        "npm",
        "corepack",
        "yarn",
        "distlib",
        "virtualenv",
        "distro-info",
        "argcomplete",
        "@npmcli/arborist",
        "pkg-resources",
    ];
    let runs = |ecosystem: &str| {
        let language = if ecosystem == "python" { "Python" } else { "Node" };
        runtimes.iter().any(|runtime| runtime.language == language)
    };
    let there: Vec<_> = packages(facts.new.tree);
    let lost = packages(facts.base).into_iter().filter(|package| {
        let tool = TOOLS.contains(&package.name.as_str()) || package.path.lossy().contains("node_modules/npm/");
        package.ecosystem == "npm" && runs(package.ecosystem) && !tool
    });
    let lost = lost.filter(|package| {
        !there.iter().any(|other| other.ecosystem == package.ecosystem && other.name == package.name)
    });
    let names: std::collections::BTreeSet<String> = lost.map(|package| package.name).collect();
    let first = names.first()?;
    let what = format!("its code may import packages that only the old base has: {}", super::summary::listed(&names));
    let hint = "the packages it needs, in its own list of requirements".to_owned();
    Some(Problem::new(Verdict::Works, "base-packages", what).missing(first).hint(hint))
}
