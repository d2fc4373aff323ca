//! What the files of `docker login` and `podman login` give.

use tempfile::TempDir;

use super::*;

fn ask(json: &str, host: &str, repository: &str) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("auth.json");
    std::fs::write(&file, json).unwrap();
    let environment = Environment::bare("/nonexistent").with("REGISTRY_AUTH_FILE", &file);
    show(find(host, repository, &environment)).replace(&file.display().to_string(), "FILE")
}

fn show(found: Result<Option<Found>, RegistryError>) -> String {
    match found.map(|found| found.map(|found| found.login)) {
        Ok(None) => "anonymous".into(),
        Ok(Some(Login::Password(c))) => format!("{}:{}", c.username, c.password),
        Ok(Some(Login::IdentityToken(token))) => format!("token {token}"),
        Err(error) => error.to_string(),
    }
}

/// An entry as it is written to disk.
fn auth(text: &str) -> String {
    format!(r#"{{"auth":"{}"}}"#, BASE64.encode(text))
}

#[test]
fn docker_hub_has_many_names() {
    for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] {
        let json = format!(r#"{{"auths":{{"other.example":{},"{key}":{}}}}}"#, auth("no:no"), auth("me:pw"));
        assert_eq!(ask(&json, "docker.io", "library/python"), "me:pw", "{key}");
    }
}

#[test]
fn the_longest_path_wins() {
    let json = format!(
        r#"{{"auths":{{"q.example":{},"q.example/a":{},"q.example/a/b":{}}}}}"#,
        auth("host:1"),
        auth("a:2"),
        auth("ab:3:with:colons")
    );
    assert_eq!(ask(&json, "q.example", "a/b"), "ab:3:with:colons");
    assert_eq!(ask(&json, "q.example", "a/c/d"), "a:2");
    assert_eq!(ask(&json, "q.example", "ab"), "host:1");
    assert_eq!(ask(&json, "r.example", "a/b"), "anonymous");
}

#[test]
fn forms_of_an_entry() {
    let one =
        |entry: &str| ask(&format!(r#"{{"auths":{{"https://h.example:5000/v2/":{entry}}}}}"#), "h.example:5000", "x");
    assert_eq!(one(r#"{"username":"u","password":"p"}"#), "u:p");
    assert_eq!(one(r#"{"auth":"MDA6","identitytoken":"tok"}"#), "token tok");
    assert_eq!(one(r#"{"auth":"dTpw"}"#), "u:p");
    assert_eq!(one(r#"{"auth":"dTpwcA"}"#), "u:pp");
    assert_eq!(one(r#"{"auth":null}"#), "anonymous");
    assert_eq!(one("{}"), "anonymous");
    assert_eq!(one(r#"{"auth":"%%%"}"#), "cannot use FILE: an `auth` is not the base64 of NAME:PASSWORD");
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    let said = ask(r#"{"auths":{"a":"secret"}}"#, "a", "x");
    assert!(said.starts_with("cannot use FILE: not the JSON") && !said.contains("secret"), "{said}");
    assert_eq!(ask(r#"{"auths":null}"#, "a", "x"), "anonymous");
}

#[test]
fn files_in_their_order() {
    let dir = TempDir::new().unwrap();
    let put = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!(r#"{{"auths":{{"h.example":{}}}}}"#, auth(text))).unwrap();
    };
    let all =
        Environment::bare("/nonexistent").with("HOME", dir.path()).with("XDG_RUNTIME_DIR", dir.path().join("run"));
    assert_eq!(show(find("h.example", "x", &all)), "anonymous");
    put(".config/containers/auth.json", "podman:1");
    assert_eq!(show(find("h.example", "x", &all)), "podman:1");
    put("run/containers/auth.json", "runtime:1");
    assert_eq!(show(find("h.example", "x", &all)), "runtime:1");
    put(".docker/config.json", "docker:1");
    assert_eq!(show(find("h.example", "x", &all)), "docker:1");
    put("dc/config.json", "dc:1");
    let all = all.with("DOCKER_CONFIG", dir.path().join("dc"));
    assert_eq!(show(find("h.example", "x", &all)), "dc:1");
    let alone = all.with("REGISTRY_AUTH_FILE", dir.path().join("missing.json"));
    assert_eq!(show(find("h.example", "x", &alone)), "anonymous");
}

#[test]
fn a_store_that_is_not_installed_is_passed_over_but_a_named_helper_is_not() {
    assert_eq!(ask(r#"{"credsStore":"of-nobody"}"#, "docker.io", "x"), "anonymous");
    let said = ask(r#"{"credHelpers":{"h.example":"of-nobody"}}"#, "h.example", "x");
    assert!(said.starts_with("cannot use docker-credential-of-nobody: "), "{said}");
    let said = ask(r#"{"credHelpers":{"h.example":"../x"}}"#, "h.example", "x");
    assert!(said.contains("no slash"), "{said}");
}

/// A helper that knows Docker Hub, an identity token, nothing, and failure.
#[cfg(unix)]
#[test]
fn helpers_are_asked_by_the_server_name_that_docker_uses() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::new().unwrap();
    let program = dir.path().join("docker-credential-ours");
    let script = r#"#!/bin/sh
read -r server
case "$1 $server" in
"get https://index.docker.io/v1/") echo '{"ServerURL":"x","Username":"hub","Secret":"pw"}' ;;
"get token.example") echo '{"Username":"<token>","Secret":"tok"}' ;;
"get odd.example") echo '{"Username":' ;;
"get broken.example") echo "keychain is locked"; exit 1 ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac
"#;
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, r#"{"auths":{"token.example":{}},"credsStore":"ours","credHelpers":{"h.example":"ours"}}"#)
        .unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let environment = Environment::bare("/nonexistent").with("REGISTRY_AUTH_FILE", &file).with("PATH", path);
    let ask = |host: &str| show(find(host, "a/b", &environment));
    assert_eq!(ask("docker.io"), "hub:pw");
    assert_eq!(ask("token.example"), "token tok");
    assert_eq!(ask("h.example"), "anonymous");
    assert_eq!(ask("other.example"), "anonymous");
    assert_eq!(ask("broken.example"), "cannot use docker-credential-ours: it failed: keychain is locked");
    assert_eq!(ask("odd.example"), "cannot use docker-credential-ours: its answer is not the JSON that helpers give");
}
