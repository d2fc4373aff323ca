//! The read-only registry: what it answers, to whom it is of use, and that nothing harms it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

use layerscope::serve::{Options, serve};
use serde_json::{Value, json};

use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::{ImageSpec, LayerSpec, Layout, Sandbox, Tar, need, sha256};

/// A server for as long as the test runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) images: Vec<String>,
}

/// One answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Server {
    pub(crate) fn start(paths: Vec<PathBuf>) -> Self {
        let (ready, hear) = mpsc::channel();
        std::thread::spawn(move || {
            let options = Options { paths, listen: "127.0.0.1:0".parse().unwrap() };
            let on_ready = |it: layerscope::serve::Ready<'_>| ready.send((it.address, it.images.to_vec())).unwrap();
            serve(&options, on_ready, std::future::pending()).unwrap();
        });
        let (address, images) = hear.recv().unwrap();
        Self { address, images }
    }

    /// Sends these bytes and reads to the end of the connection.
    fn raw(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        answer
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        Answer::parse(&self.raw(request.as_bytes()))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned()));
        Self { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `404 NAME_UNKNOWN`
    fn failure(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        format!("{} {}", self.status, self.json()["errors"][0]["code"].as_str().unwrap())
    }
}

fn app(name: &str) -> ImageSpec {
    let mut tar = Tar::new();
    // More than is sent in one piece.
    tar.file("data", name.repeat(600_000 / name.len()));
    let mut image = ImageSpec::of_layers([LayerSpec::new(tar.finish())]);
    image.layers[0].packing = crate::support::compress::Packing::None;
    ImageSpec { name: name.into(), ..image }
}

/// `Work Shop` with the tags full and slim, `saved.tar` with python:3.11.
fn workshop() -> (Sandbox, Server) {
    let sandbox = Sandbox::new();
    Layout::of(&[app("full"), app("slim")]).write_dir(&sandbox.path("served/Work Shop"));
    sandbox.write("served/saved.tar", old_docker_archive(&[app("python:3.11")]));
    sandbox.write("served/notes.txt", "no image");
    let server = Server::start(vec![sandbox.path("served")]);
    (sandbox, server)
}

#[test]
fn what_is_served_is_told() {
    let (_sandbox, server) = workshop();
    assert_eq!(server.images, ["library/python:3.11", "saved:3.11", "work-shop:full", "work-shop:slim"]);
    assert_eq!(server.get("/v2/").status, 200);
    assert_eq!(server.get("/v2/").header("docker-distribution-api-version"), "registry/2.0");
    let catalog = server.get("/v2/_catalog");
    assert_eq!(catalog.json(), json!({ "repositories": ["library/python", "saved", "work-shop"] }));
    assert_eq!(server.get("/v2/work-shop/tags/list").json(), json!({ "name": "work-shop", "tags": ["full", "slim"] }));
}

#[test]
fn lists_come_in_pages() {
    let (_sandbox, server) = workshop();
    let first = server.get("/v2/_catalog?n=2");
    assert_eq!(first.json()["repositories"], json!(["library/python", "saved"]));
    assert_eq!(first.header("link"), "</v2/_catalog?n=2&last=saved>; rel=\"next\"");
    let rest = server.get("/v2/_catalog?n=2&last=saved");
    assert_eq!((rest.json()["repositories"].clone(), rest.header("link")), (json!(["work-shop"]), ""));
    let after = server.get("/v2/_catalog?last=library%2Fpython&n=1");
    assert_eq!(after.json()["repositories"], json!(["saved"]));
    let tags = server.get("/v2/work-shop/tags/list?n=1");
    assert_eq!(tags.header("link"), "</v2/work-shop/tags/list?n=1&last=full>; rel=\"next\"");
    let none = server.get("/v2/work-shop/tags/list?n=0");
    assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), ""));
    assert_eq!(server.get("/v2/_catalog?n=many").failure(), "400 PAGINATION_NUMBER_INVALID");
}

#[test]
fn manifests_by_tag_and_digest() {
    let (_sandbox, server) = workshop();
    let documents = app("full").documents();
    let digest = sha256(&documents.manifest);
    for reference in ["full", &digest, &digest.replace(':', "%3A")] {
        let answer = server.get(&format!("/v2/work-shop/manifests/{reference}"));
        assert_eq!((answer.status, &answer.body), (200, &documents.manifest));
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.header("content-type"), app("full").manifest_type());
        let head = server.ask("HEAD", &format!("/v2/work-shop/manifests/{reference}"), "");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), documents.manifest.len().to_string());
    }
    // A config is a blob, and no manifest.
    let config = sha256(&documents.config);
    assert_eq!(server.get(&format!("/v2/work-shop/manifests/{config}")).failure(), "404 MANIFEST_UNKNOWN");
    assert_eq!(server.get(&format!("/v2/work-shop/blobs/{config}")).body, documents.config);
}

#[test]
fn blobs_whole_and_in_pieces() {
    let (_sandbox, server) = workshop();
    let blob = app("full").documents().blobs.remove(0);
    let path = format!("/v2/work-shop/blobs/{}", sha256(&blob));
    let whole = server.get(&path);
    assert_eq!((whole.status, &whole.body), (200, &blob));
    assert_eq!((whole.header("accept-ranges"), whole.header("docker-content-digest")), ("bytes", &*sha256(&blob)));
    let head = server.ask("HEAD", &path, "");
    assert_eq!((head.header("content-length"), head.body.len()), (&*blob.len().to_string(), 0));
    let size = blob.len();
    for (range, from, to) in
        [("0-0", 0, 1), ("5-300004", 5, 300_005), ("600000-", 600_000, size), ("-7", size - 7, size)]
    {
        let part = server.ask("GET", &path, &format!("Range: bytes={range}\r\n"));
        assert_eq!((part.status, &*part.body), (206, &blob[from..to]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
    }
    let beyond = server.ask("GET", &path, &format!("Range: bytes={size}-\r\n"));
    assert_eq!((beyond.status, beyond.header("content-range")), (416, &*format!("bytes */{size}")));
}

#[test]
fn docker_archives_get_a_manifest() {
    let (_sandbox, server) = workshop();
    let documents = app("python:3.11").documents();
    let manifest = server.get("/v2/library/python/manifests/3.11");
    assert_eq!(manifest.header("docker-content-digest"), sha256(&manifest.body));
    assert_eq!(manifest.header("content-type"), "application/vnd.oci.image.manifest.v1+json");
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": sha256(&documents.blobs[0]), "size": documents.blobs[0].len(),
    });
    assert_eq!(manifest.json()["layers"], json!([layer]));
    assert_eq!(manifest.json()["config"]["digest"], sha256(&documents.config));
    for blob in [&documents.config, &documents.blobs[0]] {
        assert_eq!(&server.get(&format!("/v2/saved/blobs/{}", sha256(blob))).body, blob);
    }
}

#[test]
fn several_platforms_of_a_tag_get_an_index() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::default();
    for platform in ["linux/amd64", "linux/arm64"] {
        let descriptor = layout.put_image(&ImageSpec { platform: platform.into(), ..app(platform) });
        layout.tag("both", descriptor);
    }
    let hidden = layout.put_image(&app("hidden"));
    layout.index.push(hidden.clone());
    layout.write_dir(&sandbox.path("x"));
    let server = Server::start(vec![sandbox.path("x")]);
    assert_eq!(server.images, ["x:both".to_owned(), format!("x@{}", hidden["digest"].as_str().unwrap())]);
    let index = server.get("/v2/x/manifests/both");
    assert_eq!(index.header("content-type"), "application/vnd.oci.image.index.v1+json");
    for child in index.json()["manifests"].as_array().unwrap() {
        let manifest = server.get(&format!("/v2/x/manifests/{}", child["digest"].as_str().unwrap()));
        assert_eq!(sha256(&manifest.body), child["digest"].as_str().unwrap());
    }
}

#[test]
fn what_is_not_there_is_said_in_the_specs_words() {
    let (_sandbox, server) = workshop();
    let zeros = format!("sha256:{}", "0".repeat(64));
    let of_another = sha256(&app("python:3.11").documents().config);
    for (path, failure) in [
        ("/v2/nothing/tags/list".to_owned(), "404 NAME_UNKNOWN"),
        ("/v2/nothing/manifests/x".to_owned(), "404 NAME_UNKNOWN"),
        ("/v2/work-shop/manifests/x".to_owned(), "404 MANIFEST_UNKNOWN"),
        (format!("/v2/work-shop/manifests/{zeros}"), "404 MANIFEST_UNKNOWN"),
        ("/v2/work-shop/manifests/sha256:x".to_owned(), "400 DIGEST_INVALID"),
        (format!("/v2/work-shop/blobs/{zeros}"), "404 BLOB_UNKNOWN"),
        (format!("/v2/work-shop/blobs/{of_another}"), "404 BLOB_UNKNOWN"),
        ("/v2/work-shop/blobs/md5:00".to_owned(), "400 DIGEST_INVALID"),
        ("/v2/work-shop".to_owned(), "404 UNSUPPORTED"),
        ("/".to_owned(), "404 UNSUPPORTED"),
        (format!("/v2/work-shop/referrers/{zeros}"), "404 UNSUPPORTED"),
    ] {
        assert_eq!(server.get(&path).failure(), failure, "{path}");
    }
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let answer = server.ask(method, "/v2/work-shop/manifests/full", "");
        assert_eq!((answer.failure(), answer.header("allow")), ("405 UNSUPPORTED".to_owned(), "GET, HEAD"), "{method}");
    }
}

#[test]
fn hostile_requests_do_no_harm() {
    let (sandbox, server) = workshop();
    let secret = "the secret that must not be read";
    sandbox.write("secret", secret);
    let long = "a".repeat(1 << 20);
    let paths = [
        "/v2/../../secret",
        "/v2/work-shop/blobs/sha256:../../../secret",
        "/v2/work-shop/blobs/../../../secret",
        "/v2/work-shop/blobs/%2e%2e%2f%2e%2e%2fsecret",
        "/v2/%2e%2e/manifests/secret",
        "/v2/work-shop/../../manifests/full",
        "/v2//manifests/",
        "/v2/\0/tags/list",
        "/v2/\u{fc}/tags/list",
        "/v2/_catalog?n=99999999999999999999999",
        "/v2/_catalog?last=%ff%zz%&n",
        "*",
        "",
        &long,
    ];
    for path in paths {
        for method in ["GET", "HEAD", "DELETE"] {
            let answer =
                server.raw(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
            assert!(!answer.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path}");
        }
    }
    for request in [b"\x16\x03\x01\x02\x00".as_slice(), b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", &[0; 9000]] {
        server.raw(request);
    }
    for range in ["bytes=-0", "bytes=18446744073709551615-", "bytes=5-2", "bytes=,", "bytes=0-0,1-1"] {
        let blob = sha256(&app("full").documents().blobs[0]);
        let answer = server.ask("GET", &format!("/v2/work-shop/blobs/{blob}"), &format!("Range: {range}\r\n"));
        assert!(matches!(answer.status, 200 | 416), "{range}: {}", answer.status);
    }
    assert_eq!(server.get("/v2/").status, 200);
}

#[test]
fn a_blob_that_changed_on_disk_is_no_manifest() {
    let (sandbox, server) = workshop();
    let manifest = app("full").documents().manifest;
    let file = sandbox.path("served/Work Shop/blobs").join(sha256(&manifest).replace(':', "/"));
    std::fs::write(file, [manifest.as_slice(), b" "].concat()).unwrap();
    assert_eq!(server.get("/v2/work-shop/manifests/full").failure(), "500 UNKNOWN");
}

/// Who made a layout could link to any file of the machine that serves it.
#[test]
fn links_in_a_layout_lead_nowhere() {
    let (secret, name) = ("the secret that must not be read", "a".repeat(64));
    let sandbox = Sandbox::new();
    let outside = sandbox.write(format!("outside/sha256/{name}"), secret);
    let blobs = sandbox.path("outside");
    for (layout, link, target) in [
        ("blob", format!("blobs/sha256/{name}"), outside.clone()),
        ("beside", format!("blobs/sha256/{name}"), format!("../../../outside/sha256/{name}").into()),
        ("algorithm", "blobs/sha256".into(), blobs.join("sha256")),
        ("blobs", "blobs".into(), blobs),
    ] {
        let path = sandbox.path(format!("all/{layout}"));
        Layout::of(&[app("full")]).write_dir(&path);
        if path.join(&link).is_dir() {
            std::fs::remove_dir_all(path.join(&link)).unwrap();
        }
        symlink(target, path.join(link)).unwrap();
    }
    Layout::of(&[app("full")]).write_dir(&sandbox.path("own/shop"));
    symlink(sandbox.path("own/shop"), sandbox.path("linked")).unwrap();
    let server = Server::start(vec![sandbox.path("all"), sandbox.path("linked")]);
    for layout in ["blob", "beside", "algorithm", "blobs"] {
        let answer = server.get(&format!("/v2/{layout}/blobs/sha256:{name}"));
        assert_eq!(answer.failure(), "500 UNKNOWN", "{layout}");
        let manifest = server.get(&format!("/v2/{layout}/manifests/sha256:{name}"));
        assert_eq!(manifest.failure(), "500 UNKNOWN", "{layout}");
    }
    // The folder that is named may be a link itself.
    for layout in ["blob", "shop"] {
        let layer = sha256(&app("full").documents().blobs[0]);
        assert_eq!(server.get(&format!("/v2/{layout}/blobs/{layer}")).status, 200, "{layout}");
    }
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    Layout::of(&[app("full")]).write_dir(&sandbox.path("a/shop"));
    Layout::of(&[ImageSpec { name: "full".into(), ..app("other") }]).write_dir(&sandbox.path("b/shop"));
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let fails = |paths: &[&str], listen: SocketAddr| {
        let paths = paths.iter().map(|path| sandbox.path(path)).collect();
        let never = |ready: layerscope::serve::Ready<'_>| panic!("{ready:?}");
        sandbox.filter(&serve(&Options { paths, listen }, never, std::future::pending()).unwrap_err().to_string())
    };
    insta::assert_snapshot!(fails(&["empty"], listen), @"[DIR]/empty has no images in it: expected an OCI layout, an archive (.tar, .tar.gz), or a folder of these");
    insta::assert_snapshot!(fails(&["nowhere"], listen), @"cannot read [DIR]/nowhere: No such file or directory (os error 2)");
    insta::assert_snapshot!(fails(&["a/shop", "b/shop"], listen), @"shop:full would be two images, one in [DIR]/a/shop, one in [DIR]/b/shop: rename a folder or file, or serve one of them");
    let taken = std::net::TcpListener::bind(listen).unwrap();
    let message = fails(&["a"], taken.local_addr().unwrap());
    insta::assert_snapshot!(message, @"cannot listen on 127.0.0.1:[PORT]: Address already in use (os error 98); choose another address with --listen");
}

#[test]
fn what_is_broken_in_a_folder_is_left_out_and_told() {
    let sandbox = Sandbox::new();
    Layout::of(&[app("full")]).write_dir(&sandbox.path("all/shop"));
    Layout::of(&[app("full")]).write_dir(&sandbox.path("all/broken"));
    let index = sandbox.write("all/broken/index.json", "no JSON");
    let options = |path: &str| Options { paths: vec![sandbox.path(path)], listen: "127.0.0.1:0".parse().unwrap() };
    let mut told = Vec::new();
    let on_ready = |ready: layerscope::serve::Ready<'_>| {
        assert_eq!(ready.images, ["shop:full"]);
        told = ready.left_out.iter().map(|left| (left.path.clone(), left.error.to_string())).collect();
    };
    serve(&options("all"), on_ready, std::future::ready(())).unwrap();
    let [(path, why)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*path, index.parent().unwrap().display().to_string());
    assert!(why.contains("index.json"), "{why}");
    // What was named itself, or is all there is, is an error.
    std::fs::remove_dir_all(sandbox.path("all/shop")).unwrap();
    for path in ["all", "all/broken"] {
        let error = serve(&options(path), |_| panic!("{path} was served"), std::future::ready(())).unwrap_err();
        assert!(error.to_string().contains("index.json"), "{error}");
    }
}

#[test]
fn it_ends_when_it_is_told() {
    let sandbox = Sandbox::new();
    Layout::of(&[app("full")]).write_dir(&sandbox.path("shop"));
    let options = Options { paths: vec![sandbox.path("shop")], listen: "127.0.0.1:0".parse().unwrap() };
    // A client that stays does not keep it.
    let mut client = None;
    let on_ready = |ready: layerscope::serve::Ready<'_>| client = Some(TcpStream::connect(ready.address).unwrap());
    serve(&options, on_ready, std::future::ready(())).unwrap();
}

#[test]
fn our_own_source_reads_from_it() {
    let (_sandbox, server) = workshop();
    let options = crate::registry::options();
    for (name, spec) in [("work-shop:full", "full"), ("library/python:3.11", "python:3.11")] {
        let manifest = crate::registry::pull(&format!("{}/{name}", server.address), &options).unwrap();
        assert_eq!(manifest.layers[0].digest.to_string(), sha256(&app(spec).documents().blobs[0]));
    }
}

#[test]
fn podman_and_skopeo_pull_from_it() {
    let (sandbox, server) = workshop();
    if let Some(skopeo) = need("skopeo") {
        for name in ["work-shop:full", "saved:3.11"] {
            let to = format!("dir:{}", sandbox.path(name.replace(':', "-")).display());
            let from = format!("docker://{}/{name}", server.address);
            let output =
                Command::new(&skopeo).args(["copy", "-q", "--src-tls-verify=false", &from, &to]).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    if let Some(podman) = need("podman") {
        let path = |name: &str| sandbox.path(name).display().to_string();
        for name in ["work-shop:slim", "library/python:3.11"] {
            let mut command = Command::new(&podman);
            command.args(["--root", &path("store"), "--runroot", &path("runroot"), "--storage-driver", "vfs"]);
            command.args(["pull", "-q", "--tls-verify=false", &format!("{}/{name}", server.address)]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
