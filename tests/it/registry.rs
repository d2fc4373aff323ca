//! Registries that behave: login, tokens, redirects, platforms, tags, `registries.conf`.

use std::path::Path;
use std::time::Duration;

use layerscope::model::{ImageRef, Manifest};
use layerscope::source::{self, Credentials, Environment, Options, Patience, Source};
use serde_json::json;

use crate::support::compress::Packing;
use crate::support::fake_registry::{FakeRegistry, Hub, Login};
use crate::support::image::descriptor;
use crate::support::{ImageSpec, LayerSpec, Layout, Tar};

/// A machine on which nothing is configured, and that has little time.
pub(crate) fn options() -> Options {
    Options { credentials: None, environment: Environment::bare("/nonexistent"), patience: hurry(), speculative: false }
}

fn hurry() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        idle: Duration::from_millis(700),
        document: Duration::from_secs(3),
        tries: 4,
        first_delay: Duration::from_millis(5),
        longest_wait: Duration::from_secs(3),
    }
}

/// An image under `name`, with layers of 300 and 3 KB that nothing makes smaller.
pub(crate) fn app(name: &str, platform: &str) -> ImageSpec {
    let mut image = ImageSpec::new(name, platform);
    for (i, size) in [300_000, 3_000].into_iter().enumerate() {
        let mut tar = Tar::new();
        tar.file(format!("data-{i}"), noise(size, platform));
        let layer = LayerSpec { packing: Packing::None, ..LayerSpec::new(tar.finish()) };
        image.push(&format!("COPY data-{i} /"), layer);
    }
    image
}

fn noise(size: usize, seed: &str) -> Vec<u8> {
    let mut x = seed.bytes().fold(7u32, |x, b| x.wrapping_mul(31).wrapping_add(b.into()));
    let mut next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

pub(crate) fn open(name: &str, options: &Options) -> Result<Box<dyn Source>, String> {
    let reference: ImageRef = name.parse().unwrap();
    source::open(&reference, options).map_err(|error| error.to_string())
}

/// Resolves, reads every layer, and checks them against their digests.
pub(crate) fn pull(name: &str, options: &Options) -> Result<Manifest, String> {
    pull_for("linux/amd64", name, options)
}

fn pull_for(platform: &str, name: &str, options: &Options) -> Result<Manifest, String> {
    let source = open(name, options)?;
    let manifest = source.resolve(&platform.parse().unwrap()).map_err(|error| error.to_string())?;
    for layer in &manifest.layers {
        let bytes = read(&*source, layer)?;
        assert_eq!(crate::support::sha256(&bytes), layer.digest.to_string());
    }
    Ok(manifest)
}

pub(crate) fn read(source: &dyn Source, layer: &layerscope::model::Descriptor) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut blob = source.blob(layer).map_err(|error| error.to_string())?;
    blob.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// An error without the port of the day.
pub(crate) fn filter(error: String, registry: &FakeRegistry) -> String {
    let error = error.replace(&registry.server.host(), "HOST");
    registry.cdn.iter().fold(error, |error, cdn| error.replace(&cdn.host(), "CDN"))
}

fn refused(registry: &FakeRegistry, options: &Options) -> String {
    filter(pull(&registry.name("1"), options).unwrap_err(), registry)
}

fn by_hand(username: &str, password: &str) -> Options {
    let credentials = Credentials { username: username.into(), password: password.into() };
    Options { credentials: Some(credentials), ..options() }
}

/// Eight platforms, each with an attestation, as docker/build-push-action makes them.
fn eight_platforms() -> Layout {
    let platforms = ["amd64", "386", "arm/v5", "arm/v7", "arm64/v8", "ppc64le", "riscv64", "s390x"];
    let mut layout = Layout::default();
    let mut children = Vec::new();
    for platform in platforms {
        children.push(layout.put_image(&app("app:1", &format!("linux/{platform}"))));
    }
    for image in children.clone() {
        let statement = format!(r#"{{"schemaVersion":2,"layers":[],"of":{}}}"#, image["digest"]);
        let mut attestation = layout.put("application/vnd.oci.image.manifest.v1+json", statement.into());
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        children.insert(0, attestation);
    }
    let index = layout.put_index(&children);
    layout.tag("1", index);
    layout
}

#[test]
fn an_image_comes_as_from_docker_hub() {
    let registry = Hub::new(eight_platforms()).login(Login::Token).cdn().start();
    let manifest = pull(&registry.name("1"), &options()).unwrap();
    assert_eq!(manifest.reference, registry.name("1"));
    insta::assert_snapshot!(registry.server.lines().join("\n").replace(&registry.server.host(), "HOST"), @r"
    GET /v2/library/app/manifests/1
    GET /token?service=registry.test&scope=repository%3Alibrary%2Fapp%3Apull
    GET /v2/library/app/manifests/1 +Bearer
    GET /v2/library/app/manifests/sha256:… +Bearer
    GET /v2/library/app/blobs/sha256:… +Bearer
    GET /v2/library/app/blobs/sha256:… +Bearer
    GET /v2/library/app/blobs/sha256:… +Bearer
    ");
    let cdn = registry.cdn.as_ref().unwrap();
    insta::assert_snapshot!(cdn.lines().join("\n"), @r"
    GET /data/sha256:…?signature=hush
    GET /data/sha256:…?signature=hush
    GET /data/sha256:…?signature=hush
    ");
    for ask in registry.server.log() {
        assert_eq!(
            ask.header("accept").is_some_and(|accept| accept.contains("image.index")),
            ask.path().contains("manifests")
        );
    }
}

#[test]
fn each_platform_is_its_own_image() {
    let registry = Hub::new(eight_platforms()).start();
    let mut seen = Vec::new();
    for platform in ["linux/amd64", "linux/386", "linux/arm/v5", "linux/arm/v7", "linux/arm64", "linux/s390x"] {
        let manifest = pull_for(platform, &registry.name("1"), &options()).unwrap();
        assert!(manifest.config.platform().to_string().starts_with(platform));
        seen.push(manifest.digest);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    let error = pull_for("linux/mips64", &registry.name("1"), &options()).unwrap_err();
    insta::assert_snapshot!(filter(error, &registry), @"HOST/library/app:1 has no image for linux/mips64: it has linux/386, linux/amd64, linux/arm/v5, linux/arm/v7, linux/arm64/v8, linux/ppc64le, linux/riscv64, linux/s390x; choose one with --platform");
}

#[test]
fn a_registry_without_login_is_asked_for_nothing_more() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).start();
    pull(&registry.name("1"), &options()).unwrap();
    insta::assert_snapshot!(registry.server.lines().join("\n"), @r"
    GET /v2/library/app/manifests/1
    GET /v2/library/app/blobs/sha256:…
    GET /v2/library/app/blobs/sha256:…
    GET /v2/library/app/blobs/sha256:…
    ");
}

#[test]
fn a_digest_in_the_name_is_what_counts() {
    let layout = Layout::of(&[app("app:1", "linux/amd64")]);
    let digest = layout.index[0]["digest"].as_str().unwrap().to_owned();
    let registry = Hub::new(layout).start();
    let name = format!("{}@{digest}", registry.name("1"));
    let manifest = pull(&name, &options()).unwrap();
    assert_eq!(manifest.reference, name);
    assert_eq!(manifest.digest.unwrap().to_string(), digest);
    assert!(registry.server.lines()[0].ends_with("/manifests/sha256:…"));
    let liar = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).trick(|ask, _, mut reply| {
        if ask.path().contains("manifests") {
            reply.body.push(b' ');
        }
        reply
    });
    let liar = liar.start();
    let error = filter(pull(&format!("{}@{digest}", liar.name("1")), &options()).unwrap_err(), &liar);
    assert!(error.starts_with(&format!("manifest {digest} is corrupt")), "{error}");
}

#[test]
fn a_token_that_expires_in_the_middle_of_a_pull_is_renewed() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::Token).start();
    let source = open(&registry.name("1"), &options()).unwrap();
    let manifest = source.resolve(&"linux/amd64".parse().unwrap()).unwrap();
    registry.revoke_tokens();
    for layer in &manifest.layers {
        read(&*source, layer).unwrap();
    }
    assert_eq!(registry.token_requests(), 2);
}

#[test]
fn a_token_near_its_end_is_renewed_before_it_is_refused() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::Token).start();
    registry.token_life(1, Duration::from_secs(1));
    let source = open(&registry.name("1"), &options()).unwrap();
    let manifest = source.resolve(&"linux/amd64".parse().unwrap()).unwrap();
    let before = registry.server.log().len();
    std::thread::sleep(Duration::from_millis(1100));
    read(&*source, &manifest.layers[0]).unwrap();
    let after = registry.server.lines().split_off(before);
    insta::assert_snapshot!(after.join("\n"), @r"
    GET /token?service=registry.test&scope=repository%3Alibrary%2Fapp%3Apull
    GET /v2/library/app/blobs/sha256:… +Bearer
    ");
}

#[test]
fn layers_read_at_once_share_one_token() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::Token).start();
    let source = open(&registry.name("1"), &options()).unwrap();
    let manifest = source.resolve(&"linux/amd64".parse().unwrap()).unwrap();
    registry.revoke_tokens();
    std::thread::scope(|scope| {
        for i in 0..12 {
            let (source, layer) = (&*source, &manifest.layers[i % 2]);
            scope.spawn(move || read(source, layer).unwrap());
        }
    });
    assert_eq!(registry.token_requests(), 2);
}

#[test]
fn tokens_are_for_those_who_may() {
    let layout = || Layout::of(&[app("app:1", "linux/amd64")]);
    let registry = Hub::new(layout()).login(Login::TokenFor("me", "pa55")).cdn().start();
    pull(&registry.name("1"), &by_hand("me", "pa55")).unwrap();
    assert_eq!(registry.server.lines()[1].matches(" +Basic").count(), 1);
    insta::assert_snapshot!(refused(&registry, &options()), @"HOST does not give library/app: incorrect username or password; it needs a login: `docker login HOST`");
    let before = registry.server.log().len();
    let error = refused(&registry, &by_hand("me", "s3cret"));
    insta::assert_snapshot!(error, @"HOST does not accept the user name and password (or token) from the command line: incorrect username or password; log in again");
    let after = registry.server.lines().split_off(before);
    assert!(after.iter().filter(|line| line.contains("/token")).all(|line| line.contains("+Basic")), "{after:?}");
}

#[test]
fn passwords_of_basic_registries() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::Basic("me", "pa55")).start();
    pull(&registry.name("1"), &by_hand("me", "pa55")).unwrap();
    let refusals = registry.server.log().iter().filter(|ask| ask.header("authorization").is_none()).count();
    assert_eq!(refusals, 1, "the password is asked for once");
    insta::assert_snapshot!(refused(&registry, &options()), @"HOST does not give HOST/library/app:1: authentication required; it does not exist, or it needs a login: `docker login HOST`");
    insta::assert_snapshot!(refused(&registry, &by_hand("me", "s3cret")), @"HOST does not accept the user name and password (or token) from the command line: authentication required; log in again");
}

/// A home folder with this `~/.docker/config.json`.
fn with_docker_config(config: &serde_json::Value) -> (tempfile::TempDir, Options) {
    let home = tempfile::tempdir().unwrap();
    write(&home.path().join(".docker/config.json"), &config.to_string());
    let environment = Environment::bare(home.path().join("etc")).with("HOME", home.path());
    (home, Options { environment, ..options() })
}

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[test]
fn what_docker_login_wrote_is_used() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::TokenFor("me", "pa55")).start();
    let auth = |pair: &str| json!({ "auth": base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pair) });
    let (home, right) = with_docker_config(&json!({ "auths": { registry.server.host(): auth("me:pa55") } }));
    pull(&registry.name("1"), &right).unwrap();
    drop(home);
    let (home, wrong) = with_docker_config(&json!({ "auths": { registry.server.host(): auth("me:0ld") } }));
    let error = refused(&registry, &wrong).replace(&home.path().display().to_string(), "~");
    insta::assert_snapshot!(error, @"HOST does not accept the user name and password (or token) from ~/.docker/config.json: incorrect username or password; log in again");
}

#[test]
fn an_identity_token_is_exchanged() {
    let registry =
        Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).login(Login::TokenFor("<token>", "r3fresh")).start();
    let entry = json!({ "auth": "MDA6", "identitytoken": "r3fresh" });
    let (_home, options) = with_docker_config(&json!({ "auths": { registry.server.host(): entry } }));
    pull(&registry.name("1"), &options).unwrap();
    let log = registry.server.log();
    let post = log.iter().find(|ask| ask.method == "POST").unwrap();
    insta::assert_snapshot!(post.body, @"grant_type=refresh_token&client_id=layerscope&refresh_token=r3fresh&scope=repository%3Alibrary%2Fapp%3Apull&service=registry.test");
    assert_eq!(registry.token_requests(), 1);
}

#[test]
fn docker_hub_maps_to_another_registry_by_registries_conf() {
    let registry = Hub::new(Layout::of(&[app("app:1", "linux/amd64")])).start();
    let etc = tempfile::tempdir().unwrap();
    let conf = format!("[[registry]]\nprefix = 'docker.io'\nlocation = '{}'\n", registry.server.host());
    write(&etc.path().join("containers/registries.conf"), &conf);
    let options = Options { environment: Environment::bare(etc.path()), ..options() };
    assert_eq!(pull("app:1", &options).unwrap().reference, "docker.io/library/app:1");
}

#[test]
fn mirrors_are_asked_first_and_may_fail() {
    let layout = || Layout::of(&[app("app:1", "linux/amd64")]);
    let broken = Hub::new(layout()).trick(|_, _, _| crate::support::http_server::Reply::new(503, "busy")).start();
    let [good, own] = [layout(), layout()].map(|layout| Hub::new(layout).start());
    let etc = tempfile::tempdir().unwrap();
    let mirror = |registry: &FakeRegistry| format!("[[registry.mirror]]\nlocation = '{}'\n", registry.server.host());
    let conf = |mirrors: &str| {
        let conf = format!("[[registry]]\nprefix = 'docker.io'\nlocation = '{}'\n{mirrors}", own.server.host());
        write(&etc.path().join("containers/registries.conf"), &conf);
        Options { environment: Environment::bare(etc.path()), ..options() }
    };
    pull("app:1", &conf(&(mirror(&broken) + &mirror(&good)))).unwrap();
    assert_eq!(broken.server.log().len(), 2, "a mirror is not worth more");
    assert_eq!((good.server.log().len(), own.server.log().len()), (4, 0));
    pull("app:1", &conf(&mirror(&broken))).unwrap();
    assert_eq!(own.server.log().len(), 4);
    let error = pull("app:2", &conf(&mirror(&broken))).unwrap_err();
    let error = filter(filter(error, &own), &broken);
    insta::assert_snapshot!(error, @"HOST has no docker.io/library/app:2: unknown (its mirrors failed before: HOST answers 503 to the request for docker.io/library/app:2: busy (tried 2 times))");
}

#[test]
fn tags_come_in_pages() {
    let all: Vec<_> = (0..35).map(|i| format!("v{i}")).collect();
    let registry = Hub::new(Layout::default()).login(Login::Token).tags(all.clone()).start();
    let ImageRef::Registry(reference) = registry.name("1").parse().unwrap() else { panic!("a registry's name") };
    assert_eq!(source::tags(&reference, &options()).unwrap(), all);
    insta::assert_snapshot!(registry.server.lines().join("\n"), @r"
    GET /v2/library/app/tags/list?n=1000
    GET /token?service=registry.test&scope=repository%3Alibrary%2Fapp%3Apull
    GET /v2/library/app/tags/list?n=1000 +Bearer
    GET /v2/library/app/tags/list?last=v9&n=10 +Bearer
    GET /v2/library/app/tags/list?last=v19&n=10 +Bearer
    GET /v2/library/app/tags/list?last=v29&n=10 +Bearer
    ");
}
