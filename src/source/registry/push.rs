//! Putting an image into a repository (OCI distribution-spec, "Push"): blobs that are there stay, those of other
//! repositories are mounted, others go up in pieces, and a piece that fails is taken up where the registry has got to. The
//! manifest comes last.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use oci_spec::distribution::Reference;
use reqwest::header::{LOCATION, RANGE};
use reqwest::{Method, Response};

use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::http::{Change, Http, Request};
use super::{Runtime, conf};
use crate::model::Digest;
use crate::source::Options;

/// Bytes that go up at once. Registries behind proxies take no more than some tens of MB.
const PIECE: usize = 8 << 20;
const BYTES: &str = "application/octet-stream";

/// A repository that an image is put into.
pub struct RegistryTarget {
    endpoint: Endpoint,
    runtime: Runtime,
}

/// How a blob got there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was there.
    There,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It went up.
    Uploaded,
}

/// An upload that is under way: where its next piece goes.
struct Session {
    path: String,
}

impl RegistryTarget {
    /// Nothing is sent yet. `sources` are repositories of the same registry that blobs may be mounted from. Mirrors are
    /// not written to.
    pub fn new(reference: &Reference, sources: Vec<String>, options: &Options) -> Result<Self, RegistryError> {
        let environment = &options.environment;
        let http = Arc::new(Http::new(environment.clone(), options.patience));
        let own = conf::locations(reference, environment)?.into_iter().find(|place| !place.mirror);
        let own = own.ok_or_else(|| RegistryError::Start { reason: "no place to push to".into() })?;
        let endpoint = Endpoint::new(own, http, options.credentials.clone(), environment)?.pushing(sources);
        Ok(Self { endpoint, runtime: Runtime::new()? })
    }

    /// Whether a blob is there or can be mounted; nothing is uploaded.
    pub fn take(&self, digest: &Digest, from: Option<&str>) -> Result<Option<Put>, RegistryError> {
        self.runtime.block_on(self.endpoint.patience().retry(|| async {
            if self.has(digest).await? {
                return Ok(Some(Put::There));
            }
            let Some(from) = from else { return Ok(None) };
            let session = self.begin(digest, Some(from)).await?;
            // Where it can't be mounted an upload has begun, which the registry forgets in time.
            Ok(session.is_none().then_some(Put::Mounted))
        }))
    }

    /// Uploads a blob.
    pub fn upload(&self, digest: &Digest, blob: &mut File) -> Result<Put, RegistryError> {
        self.runtime.block_on(async {
            let begun = self.endpoint.patience().retry(|| self.begin(digest, None)).await?;
            let Some(mut session) = begun else { return Ok(Put::Mounted) };
            let mut at = 0;
            loop {
                let piece = read(blob, at).map_err(|error| self.unreadable(digest, &error))?;
                if piece.is_empty() {
                    break;
                }
                at = self.piece(&mut session, digest, &piece, at).await?;
            }
            self.endpoint.patience().retry(|| self.finish(&session, digest)).await?;
            Ok(Put::Uploaded)
        })
    }

    /// Gives the repository a manifest, under a tag or its digest.
    pub fn manifest(&self, name: &str, media_type: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let (path, what, body) =
            (self.endpoint.path(&format!("manifests/{name}")), format!("manifest {name}"), bytes.into());
        let change = Change { method: &Method::PUT, body: &body, content_type: media_type, range: None };
        let request = Request { what: &what, change: Some(change), ..Request::default() };
        let patience = self.endpoint.patience();
        let put = patience.retry(|| self.endpoint.ask(&path, request, &[200, 201, 202]));
        self.runtime.block_on(put).map(drop)
    }

    async fn has(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let (what, empty) = (format!("blob {digest}"), Bytes::new());
        let change = Change { method: &Method::HEAD, body: &empty, content_type: BYTES, range: None };
        let request = Request { what: &what, change: Some(change), ..Request::default() };
        let path = self.endpoint.path(&format!("blobs/{digest}"));
        // What a redirect leads to is there.
        let answer = self.endpoint.ask(&path, request, &[200, 302, 307, 404]).await?;
        Ok(answer.status() != 404)
    }

    /// Begins an upload; nothing, where the blob was mounted instead.
    async fn begin(&self, digest: &Digest, from: Option<&str>) -> Result<Option<Session>, RegistryError> {
        let what = format!("an upload of {digest}");
        let query = from.map(|from| format!("?mount={digest}&from={}", encoded(from))).unwrap_or_default();
        let path = self.endpoint.path(&format!("blobs/uploads/{query}"));
        let answer = self.send(&path, &what, &Method::POST, &Bytes::new(), None, &[201, 202]).await?;
        if answer.status() == 201 { Ok(None) } else { self.session(&answer, &what).map(Some) }
    }

    /// Sends one piece, as often as is reasonable; gives where the next one begins.
    async fn piece(
        &self,
        session: &mut Session,
        digest: &Digest,
        piece: &Bytes,
        at: u64,
    ) -> Result<u64, RegistryError> {
        let (what, end) = (format!("a piece of {digest}"), at + piece.len() as u64);
        let mut pauses = self.endpoint.patience().pauses();
        loop {
            let sent = self.send(&session.path, &what, &Method::PATCH, piece, Some((at, end - 1)), &[202, 204]).await;
            let error = match sent {
                Ok(answer) => {
                    *session = self.session(&answer, &what)?;
                    return Ok(end);
                }
                Err(error) => error,
            };
            let Some(pause) = self.endpoint.patience().pause(&error, pauses.next()) else { return Err(error) };
            tracing::warn!("{error}; trying again in {} ms", pause.as_millis());
            tokio::time::sleep(pause).await;
            // It may have come, in part or whole, and only the answer was lost.
            if let Some((resumed, there)) = self.progress(session, &what).await
                && there > at
                && there <= end
            {
                *session = resumed;
                return Ok(there);
            }
        }
    }

    /// How far an upload has got, if the registry tells.
    async fn progress(&self, session: &Session, what: &str) -> Option<(Session, u64)> {
        let request = Request { what, ..Request::default() };
        let answer = self.endpoint.ask(&session.path, request, &[204]).await.ok()?;
        let range = answer.headers().get(RANGE)?.to_str().ok()?;
        let last: u64 = range.rsplit('-').next()?.parse().ok()?;
        Some((self.session(&answer, what).ok()?, last + 1))
    }

    async fn finish(&self, session: &Session, digest: &Digest) -> Result<(), RegistryError> {
        let joint = if session.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{joint}digest={digest}", session.path);
        let what = format!("the end of {digest}");
        self.send(&path, &what, &Method::PUT, &Bytes::new(), None, &[201, 204]).await.map(drop)
    }

    async fn send(
        &self,
        path: &str,
        what: &str,
        method: &Method,
        body: &Bytes,
        range: Option<(u64, u64)>,
        good: &[u16],
    ) -> Result<Response, RegistryError> {
        let change = Change { method, body, content_type: BYTES, range };
        self.endpoint.ask(path, Request { what, change: Some(change), ..Request::default() }, good).await
    }

    /// Where the next piece goes: on the registry's own host.
    fn session(&self, answer: &Response, what: &str) -> Result<Session, RegistryError> {
        let odd = |reason: &str| RegistryError::Status {
            what: what.into(),
            host: self.endpoint.location.host.clone(),
            status: answer.status().as_u16(),
            reason: format!(": {reason}"),
            wait: None,
        };
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| answer.url().join(location).ok());
        let url = url.ok_or_else(|| odd("it does not say where to go on"))?;
        if url.origin() != answer.url().origin() {
            return Err(odd("it sends the upload to another host"));
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Session { path: format!("{}{query}", url.path()) })
    }

    fn unreadable(&self, digest: &Digest, error: &std::io::Error) -> RegistryError {
        RegistryError::Transport {
            what: format!("blob {digest} ready to go up"),
            host: self.endpoint.location.host.clone(),
            reason: error.to_string(),
            permanent: true,
        }
    }
}

/// The next piece of a file.
fn read(blob: &mut File, at: u64) -> std::io::Result<Bytes> {
    blob.seek(SeekFrom::Start(at))?;
    let mut piece = Vec::with_capacity(PIECE);
    blob.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece.into())
}

/// A repository's name in a query: its slashes are the only thing to escape (distribution-spec, "Pulling manifests").
fn encoded(repository: &str) -> String {
    repository.replace('/', "%2F")
}
