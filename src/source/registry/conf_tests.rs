//! What `registries.conf` makes of names.

use tempfile::TempDir;

use super::*;

/// Writes files below an `/etc` and a home, and says where `name` is looked for.
fn ask(files: &[(&str, &str)], name: &str) -> Result<Vec<String>, String> {
    let dir = TempDir::new().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut environment = Environment::bare(dir.path().join("etc")).with("HOME", dir.path().join("home"));
    if files.iter().any(|(file, _)| *file == "named.conf") {
        environment = environment.with("CONTAINERS_REGISTRIES_CONF", dir.path().join("named.conf"));
    }
    let found = locations(&name.parse().unwrap(), &environment)
        .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), ""))?;
    let show = |l: Location| {
        format!(
            "{}/{}{}{}",
            l.host,
            l.repository,
            ["", " insecure"][usize::from(l.insecure)],
            ["", " mirror"][usize::from(l.mirror)]
        )
    };
    Ok(found.into_iter().map(show).collect())
}

fn system(text: &str, name: &str) -> Result<Vec<String>, String> {
    ask(&[("etc/containers/registries.conf", text)], name)
}

#[test]
fn nothing_configured_is_the_name_itself() {
    assert_eq!(ask(&[], "python:3.11").unwrap(), ["docker.io/library/python"]);
}

#[test]
fn docker_hub_maps_to_another_registry() {
    let text = r#"
        unqualified-search-registries = ["quay.io"]
        [[registry]]
        prefix = "docker.io"
        location = "127.0.0.1:5000"
        insecure = true"#;
    assert_eq!(system(text, "python:3.11").unwrap(), ["127.0.0.1:5000/library/python insecure"]);
    assert_eq!(system(text, "quay.io/a/b").unwrap(), ["quay.io/a/b"]);
}

#[test]
fn mirrors_come_first_and_in_order() {
    let text = r#"
        [[registry]]
        location = "docker.io/library"
        [[registry.mirror]]
        location = "one.example/cache"
        insecure = true
        [[registry.mirror]]
        location = "two.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "three.example/"
        pull-from-mirror = "tag-only""#;
    let own = "docker.io/library/python";
    let by_tag = ["one.example/cache/python insecure mirror", "three.example/python mirror", own];
    assert_eq!(system(text, "python").unwrap(), by_tag);
    let pinned = format!("python@sha256:{}", "0".repeat(64));
    let by_digest = ["one.example/cache/python insecure mirror", "two.example/python mirror", own];
    assert_eq!(system(text, &pinned).unwrap(), by_digest);
}

#[test]
fn mirrors_for_digests_only() {
    let text =
        "[[registry]]\nlocation='a.example'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m.example'";
    assert_eq!(system(text, "a.example/x").unwrap(), ["a.example/x"]);
    let pinned = format!("a.example/x@sha256:{}", "0".repeat(64));
    assert_eq!(system(text, &pinned).unwrap(), ["m.example/x mirror", "a.example/x"]);
}

#[test]
fn the_longest_prefix_wins_at_a_boundary() {
    let text = r#"
        [[registry]]
        prefix = "a.example/foo"
        location = "short.example"
        [[registry]]
        prefix = "a.example/foo/bar"
        location = "long.example/x"
        [[registry]]
        prefix = "a.example/foo/bar:one"
        location = "tag.example/y""#;
    assert_eq!(system(text, "a.example/foo/bar:two").unwrap(), ["long.example/x"]);
    assert_eq!(system(text, "a.example/foo/bar:one").unwrap(), ["tag.example/y"]);
    assert_eq!(system(text, "a.example/foo/barn").unwrap(), ["short.example/barn"]);
    assert_eq!(system(text, "a.example/food/x").unwrap(), ["a.example/food/x"]);
    assert_eq!(system(text, "a.example:5000/foo/x").unwrap(), ["a.example:5000/foo/x"]);
}

#[test]
fn wildcards_stand_for_subdomains() {
    let text = "[[registry]]\nprefix = '*.example.com'\nblocked = false\ninsecure = true";
    assert_eq!(system(text, "a.b.example.com/x").unwrap(), ["a.b.example.com/x insecure"]);
    assert_eq!(system(text, "example.com/x").unwrap(), ["example.com/x"]);
    assert_eq!(system(text, "badexample.com/x").unwrap(), ["badexample.com/x"]);
    let mapped = "[[registry]]\nprefix = '*.example.com'\nlocation = 'mirror.test/all'";
    assert_eq!(system(mapped, "a.example.com/x/y").unwrap(), ["mirror.test/all/x/y"]);
}

#[test]
fn blocked_and_broken_files_say_which() {
    let blocked = system("[[registry]]\nlocation='a.example'\nblocked=true", "a.example/x").unwrap_err();
    assert_eq!(blocked, "a.example/x is blocked by /etc/containers/registries.conf");
    let broken = system("[[registry]\n", "a.example/x").unwrap_err();
    assert!(broken.starts_with("cannot use /etc/containers/registries.conf: "), "{broken}");
    let empty = system("[[registry]]\nprefix='docker.io/library/python'\nlocation='nowhere'", "python").unwrap_err();
    assert!(empty.contains("\"nowhere\""), "{empty}");
}

#[test]
fn later_files_replace_and_ones_own_hides_the_system() {
    let to = |host: &str| format!("[[registry]]\nprefix='docker.io'\nlocation='{host}'");
    let (main, drop_in, own) = (to("main.example"), to("drop.example"), to("own.example"));
    let mut files = vec![("etc/containers/registries.conf", main.as_str())];
    assert_eq!(ask(&files, "x/y").unwrap(), ["main.example/x/y"]);
    files.push(("etc/containers/registries.conf.d/10-a.conf", &drop_in));
    files.push(("etc/containers/registries.conf.d/20-a.conf.bak", "["));
    assert_eq!(ask(&files, "x/y").unwrap(), ["drop.example/x/y"]);
    files.push(("home/.config/containers/registries.conf", &own));
    assert_eq!(ask(&files, "x/y").unwrap(), ["own.example/x/y"]);
    let named = to("named.example");
    let files = [("home/.config/containers/registries.conf", own.as_str()), ("named.conf", &named)];
    assert_eq!(ask(&files, "x/y").unwrap(), ["named.example/x/y"]);
}

#[test]
fn version_1_is_passed_over() {
    assert_eq!(system("[registries.search]\nregistries = ['docker.io']", "x/y").unwrap(), ["docker.io/x/y"]);
}
