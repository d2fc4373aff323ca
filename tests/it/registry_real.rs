//! Debian's `docker-registry` with a password, over TLS with a CA of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use layerscope::source::{Credentials, Environment, Options};

use crate::registry::{app, options, pull};
use crate::support::docker_registry::Settings;
use crate::support::{DockerRegistry, Layout, need};

/// A registry that someone can log in to.
struct Registry(DockerRegistry);

impl Registry {
    /// With `library/app:1`, for `me` with the password `pa55`. `certificate` writes `server.crt` and `server.key` to
    /// the folder it is given, and says what file is to be trusted.
    fn start(certificate: impl Fn(&Path) -> PathBuf) -> Option<(Self, PathBuf)> {
        let programs = ["docker-registry", "openssl", "htpasswd", "skopeo"].map(need);
        let [Some(_), Some(_), Some(htpasswd), Some(skopeo)] = programs else { return None };
        let dir = tempfile::tempdir().unwrap();
        let trusted = certificate(dir.path());
        let users = Command::new(htpasswd).args(["-Bbn", "me", "pa55"]).output().unwrap();
        std::fs::write(dir.path().join("users"), users.stdout).unwrap();
        let place = dir.path().display().to_string();
        let running = Self(DockerRegistry::with(
            dir,
            Settings {
                http: &format!(", tls: {{certificate: {place}/server.crt, key: {place}/server.key}}"),
                top: &format!("auth: {{htpasswd: {{realm: test, path: {place}/users}}}}"),
                ..Settings::default()
            },
        )?);
        running.push(&skopeo);
        Some((running, trusted))
    }

    fn push(&self, skopeo: &Path) {
        let layout = self.path("layout");
        Layout::of(&[app("app:1", "linux/amd64")]).write_dir(&layout);
        let mut copy = Command::new(skopeo);
        copy.args(["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", "--dest-creds=me:pa55"]);
        copy.args([format!("oci:{}:1", layout.display()), format!("docker://{}", self.name())]);
        let output = copy.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn host(&self) -> &str {
        &self.0.host
    }

    fn name(&self) -> String {
        format!("{}/library/app:1", self.host())
    }

    /// A home in which someone has logged in.
    fn logged_in(&self, password: &str) -> Environment {
        let home = self.path("home");
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("me:{password}"));
        std::fs::create_dir_all(home.join(".docker")).unwrap();
        let config = serde_json::json!({ "auths": { self.host(): { "auth": auth } } });
        std::fs::write(home.join(".docker/config.json"), config.to_string()).unwrap();
        Environment::bare(self.path("etc")).with("HOME", home)
    }

    fn pull(&self, environment: Environment) -> Result<(), String> {
        let options = Options { environment, ..options() };
        let dir = self.path("").display().to_string();
        let tidy = |error: String| error.replace(self.host(), "HOST").replace(dir.trim_end_matches('/'), "");
        pull(&self.name(), &options).map(|_| ()).map_err(tidy)
    }
}

fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").current_dir(dir).args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A CA, and a certificate that it signed.
fn signed_by_a_ca(dir: &Path) -> PathBuf {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
    openssl(dir, &format!("req -x509 {key} /CN=ca -keyout ca.key -out ca.crt -days 2"));
    openssl(dir, &format!("req {key} /CN=registry -keyout server.key -out server.csr"));
    std::fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -out server.crt -days 2 -extfile san -CAcreateserial",
    );
    dir.join("ca.crt")
}

/// As Docker's manual has it: one certificate that signs itself.
fn signed_by_itself(dir: &Path) -> PathBuf {
    let options = "-nodes -sha256 -x509 -days 2 -subj /CN=registry -addext subjectAltName=IP:127.0.0.1";
    openssl(dir, &format!("req -newkey rsa:2048 -keyout server.key -out server.crt {options}"));
    dir.join("server.crt")
}

#[test]
fn a_password_over_tls_with_a_ca_of_its_own() {
    let Some((registry, ca)) = Registry::start(signed_by_a_ca) else { return };
    let home = || registry.logged_in("pa55");
    registry.pull(home().with("SSL_CERT_FILE", &ca)).unwrap();
    insta::assert_snapshot!(registry.pull(home()).unwrap_err(), @"cannot get HOST/library/app:1 from HOST: its certificate is not signed by a CA that is trusted here: put it into ~/.config/containers/certs.d/HOST/ca.crt, or its file's name into SSL_CERT_FILE");
    let wrong = registry.logged_in("0ld").with("SSL_CERT_FILE", &ca);
    insta::assert_snapshot!(registry.pull(wrong).unwrap_err(), @"HOST does not accept the user name and password (or token) from /home/.docker/config.json: authentication required; log in again");
    let nobody = Environment::bare("/nonexistent").with("SSL_CERT_FILE", &ca);
    insta::assert_snapshot!(registry.pull(nobody).unwrap_err(), @"HOST does not give HOST/library/app:1: authentication required; it does not exist, or it needs a login: `docker login HOST`");

    let certs = registry.path("etc/containers/certs.d").join(registry.host());
    std::fs::create_dir_all(&certs).unwrap();
    std::fs::copy(&ca, certs.join("own.crt")).unwrap();
    registry.pull(home()).unwrap();
    std::fs::write(certs.join("own.crt"), "nonsense").unwrap();
    insta::assert_snapshot!(registry.pull(home()).unwrap_err(), @"cannot use /etc/containers/certs.d/HOST/own.crt: it holds no certificate in PEM form");
    std::fs::remove_dir_all(&certs).unwrap();

    let conf = format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.host());
    std::fs::write(registry.path("etc/containers/registries.conf"), conf).unwrap();
    registry.pull(home()).unwrap();
    let by_hand = Credentials { username: "me".into(), password: "pa55".into() };
    let options =
        Options { credentials: Some(by_hand), environment: Environment::bare(registry.path("etc")), ..options() };
    pull(&registry.name(), &options).unwrap();
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_where_it_is_named() {
    let Some((registry, own)) = Registry::start(signed_by_itself) else { return };
    let home = || registry.logged_in("pa55");
    insta::assert_snapshot!(registry.pull(home()).unwrap_err(), @"cannot get HOST/library/app:1 from HOST: its certificate is not signed by a CA that is trusted here: put it into ~/.config/containers/certs.d/HOST/ca.crt, or its file's name into SSL_CERT_FILE");
    let certs = registry.path("home/.config/containers/certs.d").join(registry.host());
    std::fs::create_dir_all(&certs).unwrap();
    std::fs::copy(&own, certs.join("ca.crt")).unwrap();
    registry.pull(home()).unwrap();
    registry.pull(Environment::with(home(), "SSL_CERT_FILE", &own)).unwrap();
    // Not for another name, though: the certificate speaks of 127.0.0.1 only.
    let elsewhere = registry.host().replace("127.0.0.1", "localhost");
    std::fs::rename(&certs, certs.with_file_name(&elsewhere)).unwrap();
    let options = Options { environment: home(), ..options() };
    let error = pull(&registry.name().replace("127.0.0.1", "localhost"), &options).unwrap_err();
    insta::assert_snapshot!(error.replace(&elsewhere, "HOST"), @r#"cannot get HOST/library/app:1 from HOST: invalid peer certificate: certificate not valid for name "localhost"; certificate is only valid for IpAddress(127.0.0.1)"#);
}
