//! Images of a local Docker or podman, streamed over the engine's API socket as a docker-archive (Docker Engine API,
//! `GET /images/NAME/get`; podman's own API, `GET /libpod/images/NAME/get`).

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use tokio::runtime::Runtime;

use super::archive_tar::TarFile;
use super::names::shown;
use super::registry::Environment;

/// A local engine did not give the image.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Nobody listens.
    #[error("no {engine} answers at {address}: {reason}; {hint}")]
    Connect {
        /// `Docker` or `podman`.
        engine: &'static str,
        /// The socket.
        address: String,
        /// What the system said.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// An address that can't be used.
    #[error("{variable}={address} cannot be used: only unix:///PATH and, on this machine, tcp://127.0.0.1:PORT can")]
    Address {
        /// The variable that holds it.
        variable: &'static str,
        /// The address.
        address: String,
    },
    /// It has no such image.
    #[error("{engine} has no image {image} ({message}); `{engine_command} images` lists what it has")]
    NoSuchImage {
        /// `Docker` or `podman`.
        engine: &'static str,
        /// The program.
        engine_command: &'static str,
        /// The image.
        image: String,
        /// What it said.
        message: String,
    },
    /// It said no.
    #[error("{engine} does not give {image}: {message}")]
    Refused {
        /// `Docker` or `podman`.
        engine: &'static str,
        /// The image.
        image: String,
        /// What it said.
        message: String,
    },
}

/// An engine, and where it listens.
#[derive(Clone, Copy)]
pub(super) struct Engine {
    name: &'static str,
    command: &'static str,
    /// The variable that says where.
    variable: &'static str,
    /// Its usual place, and below `$XDG_RUNTIME_DIR` that of one without root.
    socket: &'static str,
    own_socket: &'static str,
    /// Of a request's path, what stands before and after the name.
    path: (&'static str, &'static str),
    hint: &'static str,
}

/// Docker. No version stands in the path: every one since 2013 answers this the same.
pub(super) const DOCKER: Engine = Engine {
    name: "Docker",
    command: "docker",
    variable: "DOCKER_HOST",
    socket: "/var/run/docker.sock",
    own_socket: "docker.sock",
    path: ("/images/", "/get"),
    hint: "start it with `systemctl start docker`, or say where it listens with DOCKER_HOST=unix:///PATH",
};

/// podman, by its own API, which finds short names as `podman save` does; its Docker API puts docker.io before them.
pub(super) const PODMAN: Engine = Engine {
    name: "podman",
    command: "podman",
    variable: "CONTAINER_HOST",
    socket: "/run/podman/podman.sock",
    own_socket: "podman/podman.sock",
    path: ("/v3.0.0/libpod/images/", "/get?format=docker-archive"),
    hint: "start it with `systemctl start podman.socket` (`systemctl --user …` without root) or `podman system service \
           --time=0 unix:///PATH`, or say where it listens with CONTAINER_HOST=unix:///PATH",
};

/// So long may connecting take; saving an image may take any time.
const CONNECT: Duration = Duration::from_secs(10);
/// So much of an error document is read.
const MAX_ERROR: usize = 1 << 14;

/// Where an engine listens.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Unix(PathBuf),
    /// `host:port`
    Tcp(String),
}

impl Engine {
    /// An image of the engine's store as a docker-archive, in a temporary file.
    pub(super) fn save(self, image: &str, environment: &Environment) -> Result<TarFile, super::SourceError> {
        let address = self.address(environment)?;
        let (runtime, response) = self.request(&address, image)?;
        let body = Body { runtime, response, chunk: Default::default() };
        Ok(TarFile::spool(format!("{image} of {}", self.name), body)?)
    }

    /// Where the variable says, else the first usual place that is there.
    fn address(self, environment: &Environment) -> Result<Address, DaemonError> {
        let Some(address) = environment.text(self.variable).filter(|address| !address.is_empty()) else {
            let own = environment.path("XDG_RUNTIME_DIR").map(|dir| dir.join(self.own_socket));
            let system = PathBuf::from(self.socket);
            let own = own.filter(|own| own.exists() && (self.command == "podman" || !system.exists()));
            return Ok(Address::Unix(own.unwrap_or(system)));
        };
        let tcp = address.strip_prefix("tcp://").or_else(|| address.strip_prefix("http://"));
        match (address.strip_prefix("unix://"), tcp) {
            (Some(path), _) => Ok(Address::Unix(path.into())),
            (_, Some(host)) if is_loopback(host) => Ok(Address::Tcp(host.trim_end_matches('/').into())),
            _ => Err(DaemonError::Address { variable: self.variable, address: shown(without_login(address)) }),
        }
    }

    fn request(self, address: &Address, image: &str) -> Result<(Runtime, Response), DaemonError> {
        let failed = |reason: String| {
            let address = match address {
                Address::Unix(path) => path.display().to_string(),
                Address::Tcp(host) => host.clone(),
            };
            DaemonError::Connect { engine: self.name, address, reason, hint: self.hint }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let client = client(address).map_err(|error| failed(innermost(&error)))?;
        let host = match address {
            Address::Unix(_) => "localhost",
            Address::Tcp(host) => host,
        };
        let (before, after) = self.path;
        let url = format!("http://{host}{before}{}{after}", escaped(&with_tag(image)));
        let response = runtime.block_on(client.get(url).send()).map_err(|error| failed(innermost(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok((runtime, response));
        }
        let (engine, image, message) = (self.name, shown(image), runtime.block_on(message(response)));
        Err(match status {
            StatusCode::NOT_FOUND => DaemonError::NoSuchImage { engine, engine_command: self.command, image, message },
            _ => DaemonError::Refused { engine, image, message },
        })
    }
}

/// A client that asks nobody else: no proxy, no redirects, no certificates.
fn client(address: &Address) -> reqwest::Result<Client> {
    // The client wants a TLS provider even where no TLS is spoken; one that is there already is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().connect_timeout(CONNECT).no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.tls_certs_only([]);
    match address {
        Address::Unix(socket) => client.unix_socket(socket.as_path()).build(),
        Address::Tcp(_) => client.build(),
    }
}

/// What is at the bottom of an error: the system's own words.
fn innermost(error: &reqwest::Error) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_end_matches('/').parse::<std::net::SocketAddr>();
    let name = host.strip_prefix("localhost:").is_some_and(|port| port.trim_end_matches('/').parse::<u16>().is_ok());
    name || address.is_ok_and(|address| address.ip().is_loopback())
}

/// An address that may be shown.
fn without_login(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}

/// A name without a tag means `latest`: engines would give every image of that name. What may be an ID stays.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let id = image.len() >= 12 && image.bytes().all(|byte| byte.is_ascii_hexdigit());
    if last.contains([':', '@']) || id { image.into() } else { format!("{image}:latest") }
}

/// A name as part of a path: it holds slashes, and may hold anything.
fn escaped(image: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~/:@".contains(&byte);
    // Dots are left alone but where a part of the name is all dots, which a client would take for a step in the tree.
    let dots = image.split('/').any(|part| !part.is_empty() && part.bytes().all(|byte| byte == b'.'));
    let kept = |byte: u8| plain(byte) || (byte == b'.' && !dots);
    image.bytes().map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What an engine says in its error document, or else its status.
async fn message(mut response: Response) -> String {
    let mut body = Vec::new();
    while let (true, Ok(Some(chunk))) = (body.len() < MAX_ERROR, response.chunk().await) {
        body.extend_from_slice(&chunk);
    }
    let document: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let said = document.as_ref().and_then(|document| document["message"].as_str().or(document["cause"].as_str()));
    said.filter(|said| !said.is_empty()).map_or_else(|| response.status().to_string(), shown)
}

/// A response's body, read piece by piece as it comes.
struct Body {
    runtime: Runtime,
    response: Response,
    chunk: io::Cursor<Vec<u8>>,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.chunk.read(into)? {
                0 if !into.is_empty() => {}
                got => return Ok(got),
            }
            match self.runtime.block_on(self.response.chunk()).map_err(|error| io::Error::other(innermost(&error)))? {
                Some(chunk) => self.chunk = io::Cursor::new(chunk.into()),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |host: &str| DOCKER.address(&Environment::bare("/none").with("DOCKER_HOST", host)).ok();
        assert_eq!(of("unix:///x/y.sock"), Some(Address::Unix("/x/y.sock".into())));
        assert_eq!(of("tcp://127.0.0.1:2375/"), Some(Address::Tcp("127.0.0.1:2375".into())));
        assert_eq!(of("tcp://[::1]:2375"), Some(Address::Tcp("[::1]:2375".into())));
        assert_eq!(of(""), Some(Address::Unix(DOCKER.socket.into())));
        for refused in ["tcp://10.0.0.1:2375", "tcp://localhost:x", "ssh://u@host", "tcp://127.0.0.1.evil.org:80", "x"]
        {
            assert_eq!(of(refused), None, "{refused}");
        }
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let environment = Environment::bare("/none").with("CONTAINER_HOST", "ssh://me:secret@host/run/podman.sock");
        let error = PODMAN.address(&environment).expect_err("ssh");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn names_in_paths() {
        assert_eq!(with_tag("python"), "python:latest");
        assert_eq!(with_tag("localhost:5000/python"), "localhost:5000/python:latest");
        assert_eq!(with_tag("localhost:5000/python:1"), "localhost:5000/python:1");
        assert_eq!(with_tag("0123456789ab"), "0123456789ab");
        assert_eq!(escaped("a.b/c:1?x#y"), "a.b/c:1%3Fx%23y");
        assert_eq!(escaped("../../containers"), "%2E%2E/%2E%2E/containers");
    }
}
