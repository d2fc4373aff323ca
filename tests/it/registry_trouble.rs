//! Registries that fail, lie or stall: what is asked again, what is resumed, and what is said in the end.

use std::time::{Duration, Instant};

use layerscope::model::ImageRef;
use layerscope::source::{self, Options, Patience};
use serde_json::json;

use crate::registry::{app, filter, open, options, pull};
use crate::support::Layout;
use crate::support::fake_registry::{FakeRegistry, Hub, Login};
use crate::support::http_server::{Ask, Reply, Server};

fn hub() -> Hub {
    Hub::new(Layout::of(&[app("app:1", "linux/amd64")]))
}

fn said(registry: &FakeRegistry) -> String {
    filter(pull(&registry.name("1"), &options()).unwrap_err(), registry)
}

/// What was asked of the large layer, where it lies.
fn layer_lines(registry: &FakeRegistry) -> Vec<String> {
    let lines = registry.cdn.as_ref().unwrap_or(&registry.server).lines();
    let blobs: Vec<_> = lines.into_iter().filter(|line| line.contains("blobs") || line.contains("data")).collect();
    // The config comes first, the small layer last.
    blobs[1..blobs.len() - 1].to_vec()
}

/// A registry whose large layer comes as `trick` has it.
fn large_layer(trick: impl Fn(&Ask, usize, Reply) -> Reply + Send + Sync + 'static) -> Hub {
    hub().trick(move |ask, nth, reply| match reply.body.len() {
        // Parts of it are as large as is left of it.
        10_000.. => trick(ask, nth, reply),
        _ if ask.header("range").is_some() => trick(ask, nth, reply),
        _ => reply,
    })
}

#[test]
fn a_cut_connection_is_resumed_by_range() {
    let registry = large_layer(|_, nth, reply| match nth {
        0 => reply.cut(100_000),
        1 => reply.cut(0),
        2 => reply.cut(150_001),
        _ => reply,
    });
    let registry = registry.login(Login::Token).cdn().start();
    pull(&registry.name("1"), &options()).unwrap();
    insta::assert_snapshot!(layer_lines(&registry).join("\n"), @r"
    GET /data/sha256:…?signature=hush
    GET /data/sha256:…?signature=hush bytes=100000-
    GET /data/sha256:…?signature=hush bytes=100000-
    GET /data/sha256:…?signature=hush bytes=250001-
    ");
    // Each time by the registry: a signed address may have expired.
    assert_eq!(registry.server.lines().iter().filter(|line| line.contains("blobs")).count(), 6);
}

#[test]
fn ranges_that_are_ignored_cost_time_but_nothing_else() {
    let layout = Layout::of(&[app("app:1", "linux/amd64")]);
    let blobs = layout.blobs.clone();
    let registry = Hub::new(layout).trick(move |ask, nth, reply| {
        let whole = blobs.get(ask.path().rsplit('/').next().unwrap()).cloned();
        match whole {
            Some(whole) if whole.len() > 10_000 => match nth {
                0..=2 => Reply::new(200, whole).cut(90_000 * (nth + 1)),
                _ => Reply::new(200, whole),
            },
            _ => reply,
        }
    });
    let registry = registry.start();
    pull(&registry.name("1"), &options()).unwrap();
    insta::assert_snapshot!(layer_lines(&registry).join("\n"), @r"
    GET /v2/library/app/blobs/sha256:…
    GET /v2/library/app/blobs/sha256:… bytes=90000-
    GET /v2/library/app/blobs/sha256:… bytes=180000-
    GET /v2/library/app/blobs/sha256:… bytes=270000-
    ");
}

#[test]
fn a_part_that_starts_elsewhere_is_not_believed() {
    for header in ["bytes 5-301567/301568", "bytes 100000-301567/999", "bytes */301568", "lines 1-2/3", ""] {
        let registry = large_layer(move |ask, nth, reply| match (nth, ask.header("range")) {
            (0, _) => reply.cut(100_000),
            (_, Some(_)) => reply.with("Content-Range", header),
            _ => reply,
        });
        let registry = registry.start();
        pull(&registry.name("1"), &options()).unwrap();
        let ranges: Vec<_> = layer_lines(&registry).iter().map(|line| line.contains("bytes=100000-")).collect();
        assert_eq!(ranges, [false, true, false], "{header}");
    }
}

#[test]
fn a_registry_that_refuses_to_resume_is_asked_for_the_whole() {
    let registry = large_layer(|ask, nth, reply| match (nth, ask.header("range")) {
        (0, _) => reply.cut(100_000),
        (_, Some(_)) => Reply::new(416, "no"),
        _ => reply,
    });
    let registry = registry.start();
    pull(&registry.name("1"), &options()).unwrap();
    assert_eq!(layer_lines(&registry).len(), 3);
}

#[test]
fn a_layer_that_always_ends_early_is_given_up() {
    let registry = large_layer(|ask, _, mut reply| {
        if ask.header("range").is_none() {
            reply.body.truncate(1_000);
        } else {
            reply.body.clear();
        }
        reply
    });
    let registry = registry.start();
    let error = said(&registry).replace(&sha_of_large_layer(), "sha256:…");
    insta::assert_snapshot!(error, @"the download of sha256:… from HOST stopped at byte 1000 of 301568: the connection ended early");
    assert_eq!(registry.server.log().len(), 6, "manifest, config, and as many tries as are allowed");
}

fn sha_of_large_layer() -> String {
    let layout = Layout::of(&[app("app:1", "linux/amd64")]);
    layout.blobs.into_iter().find(|(_, bytes)| bytes.len() > 100_000).unwrap().0
}

#[test]
fn a_length_that_is_a_lie_is_found_out() {
    let too_much = large_layer(|_, nth, mut reply| {
        reply.claims = Some(reply.body.len() + 7).filter(|_| nth < 9);
        reply
    });
    let registry = too_much.start();
    insta::assert_snapshot!(said(&registry).replace(&sha_of_large_layer(), "sha256:…"), @"HOST sends more for sha256:… than the 301568 bytes its manifest says");
    let too_little = large_layer(|_, nth, mut reply| {
        reply.claims = Some(reply.body.len() - 7).filter(|_| nth == 0);
        reply
    });
    let registry = too_little.start();
    pull(&registry.name("1"), &options()).unwrap();
    assert!(layer_lines(&registry)[1].contains("bytes="), "the last seven are asked for");
}

#[test]
fn a_layer_that_goes_on_after_its_end_is_refused() {
    let registry = large_layer(|_, _, mut reply| {
        reply.body.extend([0; 100]);
        reply.chunked = true;
        reply
    });
    let registry = registry.start();
    insta::assert_snapshot!(said(&registry).replace(&sha_of_large_layer(), "sha256:…"), @"HOST sends more for sha256:… than the 301568 bytes its manifest says");
    assert_eq!(registry.server.log().len(), 3, "it is not asked again");
}

#[test]
fn a_layer_without_a_length_is_fine() {
    let registry = large_layer(|_, nth, mut reply| {
        reply.chunked = true;
        reply.drip = Some((1_000, Duration::ZERO));
        reply.cut = Some(50_000).filter(|_| nth == 0);
        reply
    });
    pull(&registry.start().name("1"), &options()).unwrap();
}

#[test]
fn a_stalled_download_is_resumed_and_at_last_given_up() {
    let stall = |reply: Reply| Reply { drip: Some((150_000, Duration::from_millis(1_500))), ..reply };
    let once = large_layer(move |_, nth, reply| if nth == 0 { stall(reply) } else { reply }).start();
    pull(&once.name("1"), &options()).unwrap();
    let always = large_layer(move |_, _, reply| stall(reply)).start();
    let started = Instant::now();
    insta::assert_snapshot!(said(&always).replace(&sha_of_large_layer(), "sha256:…"), @"the download of sha256:… from HOST stopped at byte 0 of 301568: no answer in time");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_document_that_drips_is_given_up() {
    let registry = hub().trick(|_, _, reply| Reply { drip: Some((1, Duration::from_millis(50))), ..reply }).start();
    let patience = Patience { document: Duration::from_millis(300), tries: 2, ..options().patience };
    let error = pull(&registry.name("1"), &Options { patience, ..options() }).unwrap_err();
    insta::assert_snapshot!(filter(error, &registry), @"cannot get HOST/library/app:1 from HOST: it took too long (tried 2 times)");
}

#[test]
fn too_many_requests_are_answered_by_waiting() {
    let limited = |wait: &'static str| {
        move |_: &Ask, nth: usize, reply: Reply| match nth {
            0 => Reply::new(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#)
                .with("Retry-After", wait),
            _ => reply,
        }
    };
    let registry = large_layer(limited("1")).start();
    let started = Instant::now();
    pull(&registry.name("1"), &options()).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    let registry = hub().trick(limited("7200")).start();
    insta::assert_snapshot!(said(&registry), @"HOST limits how often it may be asked (429, for HOST/library/app:1): slow down; try again in 120 min, or log in for a higher limit");
    assert_eq!(registry.server.log().len(), 1, "nobody waits two hours");
}

#[test]
fn servers_that_fail_are_asked_again_so_often() {
    let registry = hub().trick(|_, nth, reply| if nth < 3 { Reply::new(503, "") } else { reply }).start();
    pull(&registry.name("1"), &options()).unwrap();
    let page = format!("<html><head><title>502 Bad\n\u{1b}[31m Gateway</title></head>{}", "x".repeat(5 << 20));
    let registry = hub().trick(move |_, _, _| Reply::new(502, page.clone())).start();
    insta::assert_snapshot!(said(&registry), @"HOST answers 502 to the request for HOST/library/app:1: 502 Bad [31m Gateway (tried 4 times)");
    assert_eq!(registry.server.log().len(), 4);
}

#[test]
fn what_is_not_there_is_not_asked_for_again() {
    let registry = hub().start();
    let error = filter(pull(&registry.name("nope"), &options()).unwrap_err(), &registry);
    insta::assert_snapshot!(error, @"HOST has no HOST/library/app:nope: unknown");
    // … but which tags there are.
    assert_eq!(registry.server.log().len(), 2);
    let tags = ["3.11", "3.11-slim", "3.12-slim"].map(str::to_owned);
    let registry = hub().tags(tags).start();
    let error = |tag: &str| filter(pull(&registry.name(tag), &options()).unwrap_err(), &registry);
    insta::assert_snapshot!(error("3.11-slm"), @"HOST has no HOST/library/app:3.11-slm: unknown; did you mean 3.11-slim?");
    insta::assert_snapshot!(error("latest"), @"HOST has no HOST/library/app:latest: unknown; it has: 3.11, 3.11-slim, 3.12-slim");
    let asked = registry.server.log().len();
    let short = pull(&registry.name("3.11-slm"), &Options { speculative: true, ..options() }).unwrap_err();
    assert!(short.ends_with("unknown"), "{short}");
    assert_eq!(registry.server.log().len(), asked + 1);
    let mut layout = Layout::of(&[app("app:1", "linux/amd64")]);
    layout.blobs.retain(|_, bytes| bytes.len() < 100_000);
    let registry = Hub::new(layout).cdn().start();
    insta::assert_snapshot!(said(&registry).replace(&sha_of_large_layer(), "sha256:…"), @"CDN has no layer sha256:…: blob unknown to registry");
}

#[test]
fn nobody_at_home() {
    let host = Server::start(|_| Reply::new(200, "")).host();
    // The server is gone by now.
    std::thread::sleep(Duration::from_millis(50));
    let error = pull(&format!("{host}/library/app:1"), &options()).unwrap_err();
    insta::assert_snapshot!(error.replace(&host, "HOST"), @"cannot get HOST/library/app:1 from HOST: Connection refused (os error 111) (tried 4 times)");
}

#[test]
fn redirects_that_lead_nowhere() {
    let to = |target: &'static str| hub().trick(move |_, _, _| Reply::new(307, "").with("Location", target)).start();
    insta::assert_snapshot!(said(&to("/v2/library/app/manifests/1")), @"HOST answers 302 to the request for HOST/library/app:1: more than 5 redirects");
    insta::assert_snapshot!(said(&to("file:///etc/passwd")), @"HOST answers 307 to the request for HOST/library/app:1: a redirect to nowhere");
    insta::assert_snapshot!(said(&hub().trick(|_, _, _| Reply::new(302, "")).start()), @"HOST answers 302 to the request for HOST/library/app:1: a redirect to nowhere");
}

#[test]
fn another_host_gets_no_credentials_even_if_it_asks() {
    let thief = Server::start(|ask| {
        let host = ask.header("host").unwrap();
        Reply::new(401, "give").with("WWW-Authenticate", format!(r#"Bearer realm="http://{host}/token""#))
    });
    let target = format!("http://user:pw@{}/x?signature=hush", thief.host());
    let registry = hub().trick(move |ask, _, reply| match ask.path().contains("manifests") {
        true => Reply::new(307, "").with("Location", target.clone()),
        false => reply,
    });
    let registry = registry.start();
    let credentials = source::Credentials { username: "me".into(), password: "pa55".into() };
    let options = Options { credentials: Some(credentials), ..options() };
    let error = filter(pull(&registry.name("1"), &options).unwrap_err(), &registry);
    let error = error.replace(&thief.host(), "THIEF");
    insta::assert_snapshot!(error, @"THIEF answers 401 to the request for HOST/library/app:1: give");
    let asked: Vec<_> = thief.log().iter().map(|ask| ask.header("authorization").map(str::to_owned)).collect();
    assert!(asked.iter().all(|auth| auth.as_ref().is_none_or(|auth| auth == "Basic dXNlcjpwdw==")), "{asked:?}");
}

#[test]
fn bytes_that_are_not_what_their_digest_says() {
    let registry = hub().trick(|ask, _, mut reply| {
        if ask.path().contains("blobs") {
            reply.body[0] ^= 1;
        }
        reply
    });
    let registry = registry.start();
    let error = said(&registry);
    assert!(error.starts_with("config sha256:") && error.contains("is corrupt"), "{error}");
}

#[test]
fn documents_that_are_too_large() {
    let registry = hub().trick(|_, _, _| Reply::new(200, vec![b' '; 5 << 20])).start();
    insta::assert_snapshot!(said(&registry), @"HOST sends more than 4194304 bytes for HOST/library/app:1: refused");
    let endless = hub().trick(|_, _, _| Reply { chunked: true, ..Reply::new(200, vec![b' '; 5 << 20]) }).start();
    insta::assert_snapshot!(said(&endless), @"HOST sends more than 4194304 bytes for HOST/library/app:1: refused");
}

#[test]
fn what_is_no_image() {
    let of = |document: serde_json::Value| hub().trick(move |_, _, _| Reply::new(200, document.to_string())).start();
    let schema_1 = of(json!({ "schemaVersion": 1, "name": "library/app", "fsLayers": [], "history": [] }));
    insta::assert_snapshot!(said(&schema_1), @"HOST/library/app:1 is a Docker schema 1 manifest, a format that was withdrawn: push the image again with a current docker or podman");
    let artifact = of(json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.example.sbom",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": crate::support::sha256(b"{}"), "size": 2 },
        "layers": [],
    }));
    insta::assert_snapshot!(said(&artifact), @"HOST/library/app:1 is an artifact of type application/vnd.example.sbom, not a container image");
    let broken = hub().trick(|_, _, _| Reply::new(200, "{ \"schemaVersion\": 2")).start();
    let error = said(&broken);
    assert!(error.starts_with("manifest sha256:") && error.contains("is broken"), "{error}");
}

#[test]
fn tags_without_links_are_asked_for_by_the_last_one() {
    let all: Vec<_> = (0..2_500).map(|i| format!("v{i}")).collect();
    let tags = all.clone();
    let registry = hub().trick(move |ask, _, _| {
        let start = ask.query("last").map_or(0, |last| tags.iter().position(|tag| tag == last).unwrap() + 1);
        let page = &tags[start..(start + 1000).min(tags.len())];
        Reply::new(200, json!({ "tags": page }).to_string())
    });
    let registry = registry.start();
    assert_eq!(tags_of(&registry).unwrap(), all);
    assert_eq!(registry.server.log().len(), 3);
}

#[test]
fn lists_of_tags_that_never_end_or_lead_away() {
    let everything: Vec<_> = (0..1_500).map(|i| format!("v{i}")).collect();
    let reply = Reply::new(200, json!({ "tags": everything }).to_string());
    let again = hub().trick(move |_, _, _| reply.clone().with("Link", r#"<?last=x>; rel="next""#)).start();
    assert_eq!(tags_of(&again).unwrap().len(), 1_500);
    assert_eq!(again.server.log().len(), 2, "the second page brings nothing new");
    let away = Reply::new(200, r#"{"tags":["a"]}"#).with("Link", r#"<http://127.0.0.2:1/steal>; rel="next""#);
    let away = hub().trick(move |_, _, _| away.clone()).start();
    assert_eq!(tags_of(&away).unwrap(), ["a"]);
    let none = hub().trick(|_, _, _| Reply::new(200, r#"{"name":"x","tags":null}"#)).start();
    assert!(tags_of(&none).unwrap().is_empty());
    let endless = hub().trick(|ask, _, _| {
        let page: usize = ask.query("page").map_or(0, |page| page.parse().unwrap());
        let tags: Vec<_> = (0..20_000).map(|i| format!("v{}", page * 20_000 + i)).collect();
        let next = format!(r#"</v2/library/app/tags/list?page={}>; rel="next""#, page + 1);
        Reply::new(200, json!({ "tags": tags }).to_string()).with("Link", next)
    });
    insta::assert_snapshot!(tags_of(&endless.start()).unwrap_err(), @"library/app has more than 200000 tags: refused");
}

#[test]
fn lists_of_tags_that_bring_little_on_each_page_end() {
    let endless = hub().trick(|ask, _, _| {
        let page: usize = ask.query("page").map_or(0, |page| page.parse().unwrap());
        let next = format!(r#"</v2/library/app/tags/list?page={}>; rel="next""#, page + 1);
        Reply::new(200, json!({ "tags": [format!("v{page}")] }).to_string()).with("Link", next)
    });
    let endless = endless.start();
    insta::assert_snapshot!(tags_of(&endless).unwrap_err(), @"library/app lists its tags on more than 1000 pages: refused");
    assert_eq!(endless.server.log().len(), 1000);
}

#[test]
fn what_can_be_no_tag_is_left_out() {
    let (longest, longer) = ("a".repeat(128), "a".repeat(129));
    let tags = ["_1.0-x", "", "b", ".b", "-b", "a b", "a/b", "\u{e9}", "\u{1b}[31m", &longer, &longest, "b"];
    let first = json!({ "tags": tags });
    let registry = hub().trick(move |ask, _, _| match ask.query("page") {
        None => Reply::new(200, first.to_string()).with("Link", r#"<?page=1>; rel="next""#),
        // Nothing of it is new.
        Some(page) => Reply::new(200, json!({ "tags": [format!("{page}/{longer}")] }).to_string())
            .with("Link", format!(r#"<?page={page}1>; rel="next""#)),
    });
    let registry = registry.start();
    assert_eq!(tags_of(&registry).unwrap(), ["_1.0-x", "b", &longest]);
    assert_eq!(registry.server.log().len(), 2);
}

fn tags_of(registry: &FakeRegistry) -> Result<Vec<String>, String> {
    let ImageRef::Registry(reference) = registry.name("1").parse().unwrap() else { panic!("a registry's name") };
    source::tags(&reference, &options()).map_err(|error| filter(error.to_string(), registry))
}

#[test]
fn a_reader_that_goes_away_ends_the_download() {
    let registry =
        large_layer(|_, _, reply| Reply { drip: Some((10_000, Duration::from_millis(20))), ..reply }).start();
    let source = open(&registry.name("1"), &options()).unwrap();
    let manifest = source.resolve(&"linux/amd64".parse().unwrap()).unwrap();
    drop(source.blob(&manifest.layers[0]).unwrap());
    // A blob outlives the source it came from.
    let mut blob = source.blob(&manifest.layers[1]).unwrap();
    drop(source);
    assert!(std::io::copy(&mut blob, &mut std::io::sink()).unwrap() > 3_000);
}
