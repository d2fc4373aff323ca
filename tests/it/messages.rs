//! What is said where something else was meant, or something stands between: what to do, and no word of a library's.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use layerscope::source::{Environment, Options};

use crate::registry::{app, filter, options, pull};
use crate::support::fake_registry::Hub;
use crate::support::http_server::{Ask, Reply, Server};
use crate::support::layout::docker_archive;
use crate::support::{Layout, Sandbox, images};

fn hub() -> Hub {
    Hub::new(Layout::of(&[app("app:1", "linux/amd64")]))
}

/// What stands before a server that speaks plain HTTP alone, and says so to who speaks TLS, as Go's and nginx do. Its
/// address is this machine's, by a name that is not known to be it.
fn plain_only(behind: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (host, behind) =
        (listener.local_addr().unwrap().to_string().replace("127.0.0.1", "0.0.0.0"), behind.to_owned());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = [0];
            if stream.peek(&mut first).is_ok() && first == [0x16] {
                stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nan HTTP request to an HTTPS server").ok();
                continue;
            }
            let mut server = TcpStream::connect(&behind).unwrap();
            let (mut back, mut from) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut stream, &mut server).ok());
            std::thread::spawn(move || std::io::copy(&mut from, &mut back).ok());
        }
    });
    host
}

#[test]
fn plain_http_where_tls_is_spoken() {
    let registry = hub().start();
    let host = plain_only(&registry.server.host());
    let name = format!("{host}/library/app:1");
    let said = pull(&name, &options()).unwrap_err().replace(&host, "HOST");
    insta::assert_snapshot!(said, @r#"cannot get HOST/library/app:1 from HOST: it does not speak TLS; if it speaks plain HTTP and may, put [[registry]], location = "HOST" and insecure = true into ~/.config/containers/registries.conf"#);
    let etc = tempfile::tempdir().unwrap();
    std::fs::create_dir(etc.path().join("containers")).unwrap();
    let conf = format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
    std::fs::write(etc.path().join("containers/registries.conf"), conf).unwrap();
    let told = Options { environment: Environment::bare(etc.path()), ..options() };
    assert_eq!(pull(&name, &told).unwrap().reference, name, "what it says helps");
}

#[test]
fn a_page_in_place_of_a_manifest() {
    let portal = hub().trick(|_, _, _| Reply::new(200, "\n<html><title>Welcome to\nthe hotel</title>")).start();
    let said = |name: &str| filter(pull(name, &options()).unwrap_err(), &portal);
    insta::assert_snapshot!(said(&portal.name("1")), @"what HOST sends for HOST/library/app:1 is no manifest: Welcome to the hotel; it may be a page of the network's or of a proxy's that wants a login first");
    let pinned = format!("{}@sha256:{}", portal.name("1").replace(":1", ""), "0".repeat(64));
    assert!(said(&pinned).contains("is no manifest"), "{}", said(&pinned));
    let asked = portal.server.log().len();
    said(&portal.name("1"));
    assert_eq!(portal.server.log().len(), asked + 1, "it is not asked again");
}

#[test]
fn a_proxy_that_fails_is_named() {
    let sandbox = Sandbox::new();
    let proxy = Server::start(|_| Reply::new(407, ""));
    let through = |proxy: String| {
        let run = sandbox.layerscope(["inspect", "registry.invalid/a/b:1"]).env("HTTPS_PROXY", proxy);
        run.env("NO_PROXY", "").run().fails()
    };
    let said = through(format!("http://me:pa55@{}", proxy.host()));
    insta::assert_snapshot!(said, @"error: cannot get registry.invalid/a/b:1 from registry.invalid: the proxy 127.0.0.1:[PORT] of HTTPS_PROXY wants a login, as http://USER:PASSWORD@HOST:PORT");
    assert_eq!(proxy.log().len(), 1, "it is not asked again");
}

#[test]
fn a_registry_that_is_away_and_a_cache_that_knows() {
    let sandbox = Sandbox::new();
    let portal = Arc::new(AtomicBool::new(false));
    let closed = portal.clone();
    let page = move |_: &Ask, _: usize, reply| if closed.load(Relaxed) { Reply::new(200, "<html>") } else { reply };
    let registry = hub().trick(page).start();
    let name = registry.name("1");
    sandbox.ok(["ls", &name, "--platform", "linux/amd64"]);
    portal.store(true, Relaxed);
    let said = sandbox.fails(["ls", &name, "--platform", "linux/amd64"]);
    insta::assert_snapshot!(said, @"error: what 127.0.0.1:[PORT] sends for 127.0.0.1:[PORT]/library/app:1 is no manifest; it may be a page of the network's or of a proxy's that wants a login first; the cache knows it: --offline takes it as it was when it was last asked for");
    assert!(!sandbox.fails(["ls", &name, "--platform", "linux/s390x"]).contains("--offline"), "that is not known");
    assert!(!sandbox.fails(["ls", &registry.name("2")]).contains("--offline"), "nor that");
}

#[test]
fn the_cache_knows_an_image_by_its_digest_and_for_its_platform() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("app:1", "linux/arm64")]);
    let digest = layout.index[0]["digest"].as_str().unwrap().to_owned();
    let registry = Hub::new(layout).start();
    let (name, arm) = (registry.name("1"), ["--platform", "linux/arm64", "--offline"]);
    sandbox.ok(["ls", &name, "--platform", "linux/arm64"]);
    let listed = sandbox.ok(["ls", &name, arm[0], arm[1], arm[2]]);
    for pinned in [format!("{name}@{digest}"), format!("{}@{digest}", name.trim_end_matches(":1"))] {
        assert_eq!(sandbox.ok(["ls", &pinned, arm[0], arm[1], arm[2]]), listed);
    }
    let other = format!("{name}@sha256:{}", "0".repeat(64));
    assert!(sandbox.fails(["ls", &other, "--offline"]).contains("is not in the cache"));
    let said = sandbox.fails(["ls", &name, "--platform", "linux/amd64", "--offline"]);
    insta::assert_snapshot!(said, @"error: 127.0.0.1:[PORT]/library/app:1 is in the cache for linux/arm64, not for linux/amd64, and --offline forbids to ask its registry");
}

#[test]
fn a_file_that_is_taken_for_a_name() {
    let sandbox = Sandbox::new();
    sandbox.write("b.zip", "PK");
    sandbox.write("app/Dockerfile", "FROM scratch");
    let registry = hub().start();
    let conf = format!("[[registry]]\nprefix = \"docker.io\"\nlocation = \"{}\"\n", registry.server.host());
    sandbox.write("home/.config/containers/registries.conf", conf);
    insta::assert_snapshot!(sandbox.fails(["inspect", "b.zip"]), @"error: 127.0.0.1:[PORT] has no docker.io/library/b.zip:latest: unknown; ./b.zip is here, but is not taken for an image: an archive that does not end in .tar is named oci-archive:b.zip or docker-archive:b.zip");
    insta::assert_snapshot!(sandbox.fails(["inspect", "app"]), @"error: 127.0.0.1:[PORT] has no docker.io/library/app:latest: unknown; ./app is here, but is not taken for an image: it has no `oci-layout`");
    assert!(!sandbox.fails(["inspect", "app:2"]).contains("./app"), "a tag makes it a name");
}

#[test]
fn a_baseline_that_is_not_there() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer y\n  file /a \"b\"\n");
    sandbox.write("layerscope.toml", "[rules]\nlayers = 9\n");
    sandbox.write("list.json", "[]");
    let against = |file| sandbox.fails(["check", &image, "--baseline", file]);
    insta::assert_snapshot!(against("o/nofile.json"), @"error: there is no baseline o/nofile.json: write one with `layerscope inspect IMAGE --format json -o o/nofile.json`");
    insta::assert_snapshot!(against("list.json"), @"error: list.json is no baseline: it is no JSON object; give an image, or what `layerscope inspect --format json` wrote");
}

#[test]
fn a_stream_of_several_images() {
    let sandbox = Sandbox::new();
    let two = images("image x:1\nlayer y\n  file /a \"b\"\nimage x:2\nlayer y\n  file /a \"c\"\n");
    let said = |archive: Vec<u8>| sandbox.layerscope(["ls", "-"]).stdin(archive).run().fails();
    insta::assert_snapshot!(said(Layout::of(&two).archive()), @"error: standard input has several images, and - takes no name: keep it in a file, and choose one as FILE.tar:NAME, of: 1, 2");
    let saved = docker_archive(&two);
    insta::assert_snapshot!(said(saved.clone()), @"error: standard input has several images, and - takes no name: keep it in a file, and choose one as FILE.tar:NAME, of: x:1, x:2");
    sandbox.write("saved.tar", saved);
    assert_eq!(sandbox.ok(["cat", "saved.tar:x:2", "/a"]), "c", "what it says helps");
}

#[test]
fn libraries_talk_to_programs() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer y\n  file /a \"b\"\n");
    sandbox.write("twice.yaml", "rules:\n  a: 1\n  a: 2\n");
    insta::assert_snapshot!(sandbox.fails(["check", &image, "--config", "twice.yaml"]), @"error: twice.yaml:3: this is no YAML: error: line 3 column 3: duplicate mapping key: a");
    sandbox.write("two.yaml", "services: {}\n---\nservices: {}\n");
    insta::assert_snapshot!(sandbox.fails(["recommend", "--offline", "--compose", "two.yaml"]), @"error: two.yaml: the compose file cannot be read: multiple YAML documents detected at line 3, column 1");
    sandbox.write("unset.yaml", "services:\n  a: {image: \"${A:?}\"}\n");
    insta::assert_snapshot!(sandbox.fails(["recommend", "--offline", "--compose", "unset.yaml"]), @"error: unset.yaml: the compose file cannot be read: no value for the variable `A` at line 2, column 14");
    sandbox.write("catalog.toml", "[[runtime]]\nid = 3\n");
    let said = sandbox.fails(["recommend", &image, "--offline", "--catalog", "catalog.toml"]);
    insta::assert_snapshot!(said, @"error: the catalogue catalog.toml is broken: TOML parse error at line 2, column 6: invalid type: integer `3`, expected a string");
}

#[test]
fn a_command_that_there_is_not() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(["frob"]);
    assert!(!said.contains("similar") && !said.contains("\n\n\n"), "a letter is like every word that has it: {said}");
    let said = sandbox.fails(["inspct"]);
    assert!(said.contains("a similar subcommand exists: 'inspect'"), "{said}");
}

#[test]
fn two_reports_in_one_file() {
    let sandbox = Sandbox::new();
    let image = sandbox.oci("image x\nlayer y\n  file /a \"b\"\n");
    sandbox.write("layerscope.toml", "[rules]\nlayers = 9\n");
    std::fs::create_dir(sandbox.path("o")).unwrap();
    let check = |args: &[&str]| sandbox.layerscope([&["check", &image], args].concat()).run();
    let said = check(&["--report", "junit=o/a", "--report", "sarif=o/../o/a"]).fails();
    insta::assert_snapshot!(said, @"error: two reports go to o/../o/a: give each a file of its own");
    assert!(check(&["-o", "x", "--report", "junit=./x"]).fails().contains("two reports go to ./x"));
    assert!(!sandbox.path("x").exists() && !sandbox.path("o/a").exists());
    check(&["-o", "/dev/null", "--report", "junit=/dev/null", "--report", "sarif=o/a"]).ok();
    check(&["-o", "x", "--report", "sarif=o/a"]).ok();
}

#[test]
fn one_file_is_one_file() {
    let sandbox = Sandbox::new();
    let image =
        sandbox.oci("image x:1\nlayer y\n  file /a \"b\"\nimage x:2\nlayer y\n  file /a \"b\"\n  file /c \"d\"\n");
    sandbox.write("layerscope.toml", "[rules]\nfile-growth = \"1MB\"\n");
    let told = sandbox.ok(["check", &format!("{image}:2"), "--baseline", &format!("{image}:1")]);
    assert!(told.contains("(1 file grew)"), "{told}");
}
