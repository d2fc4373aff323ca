//! New images in Debian's `docker-registry`: what was pushed comes back with the same digests, and what is there already
//! is not sent again.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{digest, layers, listing};
use crate::support::{Sandbox, need};

/// A registry without a password, gone when dropped.
struct Registry {
    dir: tempfile::TempDir,
    host: String,
    process: Child,
}

impl Registry {
    fn start() -> Option<Self> {
        let program = need("docker-registry")?;
        let dir = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {0}/data }}, delete: {{ enabled: true }} }}\nhttp: {{ addr: '{host}' }}\n",
            dir.path().display()
        );
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(dir.path().join("config.yml")).stdout(log).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let registry = Self { dir, host, process };
        let started = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// Requests of a method so far, by what their path ends in.
    fn requests(&self, method: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap();
        let lines = log.lines().filter_map(|line| line.split(&format!("\"{method} ")).nth(1));
        lines.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const IMAGES: &str = r#"
stage full
layer "ADD full"
  file /etc/os "1"
  file /usr/share/big size=9M seed=1
image base:full linux/amd64 full-name
from full
image base:slim linux/amd64 full-name
layer "ADD slim"
  file /etc/os "1"
image app:1 linux/amd64 full-name
from full
layer "COPY one"
  file /app/data size=20M seed=2
  file /app/gone size=2M seed=3
layer "COPY two"
  whiteout /app/gone
"#;

#[test]
fn a_pushed_image_comes_back_as_it_was_written() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let (app, base) = (format!("{oci}:app:1"), format!("{oci}:base:full"));
    let local = format!("oci:{}:x", sandbox.path("local").display());
    let args = ["optimize", &app, "--from", &base, "-o"];
    sandbox.ok([&args[..], &[&local]].concat());
    let pushed = format!("docker://{}/team/app:small", registry.host);
    for _ in 0..2 {
        sandbox.ok([&args[..], &[&pushed]].concat());
    }
    assert_eq!(digest(&sandbox, &pushed), digest(&sandbox, &local));
    assert_eq!(layers(&sandbox, &pushed), layers(&sandbox, &local));
    assert_eq!(listing(&sandbox, &pushed), listing(&sandbox, &app));
    // The second time all was there but the manifest, which was put again.
    assert_eq!(registry.requests("PUT").iter().filter(|path| path.contains("/blobs/uploads/")).count(), 3);
    assert_eq!(registry.requests("PUT").last().unwrap(), "/v2/team/app/manifests/small");
    let pieces = registry.requests("PATCH").len();
    assert!((5..=6).contains(&pieces), "20 MB and 9 MB in pieces of 8 MiB, and a config: {pieces}");
}

#[test]
fn within_a_registry_only_documents_move() {
    let Some(registry) = Registry::start() else { return };
    let Some(skopeo) = need("skopeo") else { return };
    let sandbox = Sandbox::new();
    let oci = sandbox.oci(IMAGES);
    let names = [("app:1", "team/app:1"), ("base:full", "library/base:full"), ("base:slim", "library/base:slim")];
    for (local, there) in names {
        copy(&skopeo, &format!("{oci}:{local}"), &format!("docker://{}/{there}", registry.host));
    }
    let named = |name: &str| format!("{}/{name}", registry.host);
    let (app, full, slim, new) =
        (named("team/app:1"), named("library/base:full"), named("library/base:slim"), named("other/app:slim"));
    // The analysis has read them before, as a CI job that keeps its cache has.
    for image in [&app, &slim] {
        sandbox.ok(["inspect", image]);
    }
    let before = (registry.requests("GET"), registry.requests("PATCH").len());
    sandbox.ok(["rebase", &app, "--from", &full, "--onto", &slim, "-o", &format!("docker://{new}")]);
    let blobs = |all: &[String]| all.iter().filter(|path| path.contains("/blobs/sha256")).cloned().collect::<Vec<_>>();
    let got = blobs(&registry.requests("GET")[before.0.len()..]);
    let known: Vec<String> = [&app, &slim].into_iter().flat_map(|image| layers(&sandbox, image)).collect();
    assert!(!got.iter().any(|path| known.iter().any(|layer| path.ends_with(layer.as_str()))), "configs alone: {got:?}");
    assert_eq!(registry.requests("PATCH").len() - before.1, 1, "the config went up");
    assert_eq!(layers(&sandbox, &new)[0], layers(&sandbox, &slim)[0]);
    assert_eq!(layers(&sandbox, &new)[1..], layers(&sandbox, &app)[1..]);
    assert!(listing(&sandbox, &new).contains("app/data"));
}

fn copy(skopeo: &Path, from: &str, to: &str) {
    let mut command = Command::new(skopeo);
    command.args(["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", from, to]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
