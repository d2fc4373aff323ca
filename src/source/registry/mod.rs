//! Images in a registry (OCI distribution-spec, and Docker's v2 API before it).
//!
//! `oci-client` is not used here. It knows no retries, no ranges that can be trusted, no identity tokens and no bounds
//! on what it reads, it takes a wrong password for no password, and it asks `/v2/` before each request; what would be
//! left of it is less than what is here. Names are `oci-spec`'s, challenges are read by `http-auth`.
//!
//! The way of a request: [`Inner::anywhere`] (mirrors, then the registry) → `endpoint` (http or https, login) →
//! `http` (redirects, clients) with `retry` around. All of it is async, and stays behind [`RegistrySource`]'s plain
//! calls, which must not be made from async code.

mod auth;
mod blob;
mod certs;
mod challenge;
mod conf;
mod credentials;
mod endpoint;
mod environment;
mod error;
mod helper;
mod http;
mod part;
mod proxy;
mod push;
mod response;
mod retry;
mod tags;

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use oci_spec::distribution::Reference;

use endpoint::Endpoint;
use error::reason_of;
use http::Http;

use super::names::{listed, shown};
use super::resolve::{self, DocumentKind, Documents, MAX_CONFIG, MAX_MANIFEST};
use super::{ImageIndex, Options, Source, SourceError};
use crate::model::{Descriptor, Digest, Manifest, Platform, ReferenceError, nearest};

pub use environment::Environment;
pub use error::RegistryError;
pub use push::{Put, RegistryTarget};
pub use retry::Patience;

/// What a manifest may be. Without it, registries convert to what nobody wants any more.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// How long tags are waited for that nobody asked for.
const HINT_TIME: Duration = Duration::from_secs(5);
/// Threads for the network: decoding and hashing need the rest.
const THREADS: usize = 2;

/// One image of a registry.
pub struct RegistrySource {
    inner: Arc<Inner>,
    runtime: Arc<Runtime>,
    speculative: bool,
}

/// What the download tasks share with the source.
struct Inner {
    reference: Reference,
    http: Arc<Http>,
    /// Where to ask, best first.
    endpoints: Vec<Endpoint>,
    /// The one that gave something before.
    chosen: AtomicUsize,
    /// Whether parts of blobs were asked for, and whole ones came.
    whole_only: AtomicBool,
}

impl RegistrySource {
    /// Reads `registries.conf`; nothing is sent yet.
    pub fn new(reference: &Reference, options: &Options) -> Result<Self, RegistryError> {
        let environment = &options.environment;
        let http = Arc::new(Http::new(environment.clone(), options.patience));
        let places = conf::locations(reference, environment)?.into_iter();
        let endpoints =
            places.map(|place| Endpoint::new(place, http.clone(), options.credentials.clone(), environment));
        let endpoints = endpoints.collect::<Result<_, _>>()?;
        let (chosen, whole_only) = Default::default();
        let inner = Inner { reference: reference.clone(), http, endpoints, chosen, whole_only };
        Ok(Self { inner: Arc::new(inner), runtime: Arc::new(Runtime::new()?), speculative: options.speculative })
    }

    /// All tags of the repository, in the registry's order.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        Ok(self.runtime.block_on(self.inner.anywhere(tags::tags))?.1)
    }

    /// Which tag may be meant by one that is not there, as the end of a sentence; empty where that can't be told soon.
    fn others(&self, wanted: &str) -> String {
        if self.speculative {
            return String::new();
        }
        let asked = async { tokio::time::timeout(HINT_TIME, self.inner.anywhere(tags::tags)).await };
        let Ok(Ok((_, tags))) = self.runtime.block_on(asked) else { return String::new() };
        match nearest(wanted, tags.iter().map(String::as_str)) {
            Some(tag) => format!("; did you mean {}?", shown(tag)),
            None if tags.is_empty() => String::new(),
            None => format!("; it has: {}", listed(tags)),
        }
    }

    fn small(&self, path: &str, what: &str, kind: DocumentKind) -> Result<Vec<u8>, SourceError> {
        let (accept, limit) = match kind {
            DocumentKind::Manifest => (Some(MANIFEST_TYPES), MAX_MANIFEST),
            DocumentKind::Config => (None, MAX_CONFIG),
        };
        let ask = async |endpoint: &Endpoint| {
            let bytes = endpoint.document(path, what, accept, limit).await?;
            // What stands between may answer in its place, with a page; then another place may do better.
            if kind == DocumentKind::Manifest && !bytes.trim_ascii_start().starts_with(b"{") {
                let (what, host) = (what.to_owned(), endpoint.location.host.clone());
                return Err(RegistryError::NoManifest { what, host, reason: reason_of(&bytes) });
            }
            Ok(bytes)
        };
        Ok(self.runtime.block_on(self.inner.anywhere(ask))?.1)
    }
}

impl Source for RegistrySource {
    fn resolve(&self, platform: &Platform) -> Result<Manifest, SourceError> {
        resolve::resolve(self, &self.inner.reference.whole(), platform)
    }

    fn blob(&self, layer: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(blob::open(&self.runtime, &self.inner, layer)?))
    }

    fn is_far(&self) -> bool {
        self.inner.endpoints.iter().any(Endpoint::is_far)
    }

    fn index(&self) -> Result<Option<ImageIndex>, SourceError> {
        resolve::index(self, &self.inner.reference.whole())
    }

    fn part(&self, layer: &Descriptor, range: Range<u64>) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.runtime.block_on(part::part(&self.inner, layer, range))?)
    }

    fn statements(&self, manifest: &Manifest) -> Result<Vec<Vec<u8>>, SourceError> {
        resolve::statements(self, manifest)
    }
}

impl Documents for RegistrySource {
    /// A digest in the name is what is verified: a registry's `Docker-Content-Digest` proves nothing.
    fn root(&self) -> Result<(Vec<u8>, Option<Digest>), SourceError> {
        let reference = &self.inner.reference;
        let bad = |text: &str, reason: String| ReferenceError::Reference { text: text.into(), reason };
        let parse = |text: &str| text.parse::<Digest>().map_err(|error| bad(text, error.to_string()));
        let pinned = reference.digest().map(parse).transpose()?;
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
        match self.small(&format!("manifests/{wanted}"), &reference.whole(), DocumentKind::Manifest) {
            Err(SourceError::Registry(RegistryError::NotFound { what, host, reason })) if pinned.is_none() => {
                let reason = format!("{reason}{}", self.others(wanted));
                Err(RegistryError::NotFound { what, host, reason }.into())
            }
            bytes => Ok((bytes?, pinned)),
        }
    }

    fn document(&self, kind: DocumentKind, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let digest = descriptor.digest;
        match kind {
            DocumentKind::Manifest => self.small(&format!("manifests/{digest}"), &format!("manifest {digest}"), kind),
            DocumentKind::Config => self.small(&format!("blobs/{digest}"), &format!("config {digest}"), kind),
        }
    }
}

impl Inner {
    /// Asks each place in turn, the one that worked before first. Gives which it was, too.
    async fn anywhere<T>(
        &self,
        ask: impl AsyncFn(&Endpoint) -> Result<T, RegistryError>,
    ) -> Result<(usize, T), RegistryError> {
        let chosen = self.chosen.load(Ordering::Relaxed);
        let others = (0..self.endpoints.len()).filter(|i| *i != chosen);
        let mut failed: Vec<(bool, RegistryError)> = Vec::new();
        for i in std::iter::once(chosen).chain(others) {
            let endpoint = &self.endpoints[i];
            match ask(endpoint).await {
                Ok(value) => {
                    self.chosen.store(i, Ordering::Relaxed);
                    return Ok((i, value));
                }
                Err(error) => failed.push((endpoint.location.mirror, error)),
            }
        }
        Err(together(failed))
    }
}

/// The registry's own error, with what its mirrors said before.
fn together(failed: Vec<(bool, RegistryError)>) -> RegistryError {
    let (mirrors, own): (Vec<_>, Vec<_>) = failed.into_iter().partition(|(mirror, _)| *mirror);
    let mirrors: Vec<_> = mirrors.into_iter().map(|(_, error)| error.to_string()).collect();
    let nowhere = || RegistryError::Start { reason: "no place to ask".into() };
    let own = own.into_iter().next().map_or_else(nowhere, |(_, error)| error);
    match mirrors.is_empty() {
        true => own,
        false => RegistryError::Mirrors { mirrors: mirrors.join("; "), source: Box::new(own) },
    }
}

/// The threads of one source. Dropping it waits for nothing, not even for a name server.
struct Runtime(Option<tokio::runtime::Runtime>, tokio::runtime::Handle);

impl Runtime {
    fn new() -> Result<Self, RegistryError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let built = builder.worker_threads(THREADS).thread_name("registry").enable_all().build();
        let runtime = built.map_err(|error| RegistryError::Start { reason: error.to_string() })?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.1.block_on(future)
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.1.spawn(future);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
