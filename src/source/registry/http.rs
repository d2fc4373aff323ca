//! One HTTP request: a client for each host, redirects followed by hand, secrets kept at home.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};

use super::certs::{Trust, client_config};
use super::environment::Environment;
use super::error::{RegistryError, authority};
use super::retry::Patience;

/// More redirects than this go nowhere.
const MAX_REDIRECTS: usize = 5;

/// Sends requests. Clients are made when first needed: reading the system's CAs takes longer than a request to loopback.
pub(super) struct Http {
    environment: Environment,
    patience: Patience,
    clients: Mutex<HashMap<(String, Trust), Client>>,
}

/// What to send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request<'a> {
    /// What it is for, in error messages.
    pub(super) what: &'a str,
    /// `Accept`.
    pub(super) accept: Option<&'static str>,
    /// First byte wanted.
    pub(super) from: u64,
    /// Last byte wanted, where it is not the last that there is.
    pub(super) to: Option<u64>,
    /// Body of a POST.
    pub(super) form: Option<&'a str>,
    /// Whether the host of the first URL need not prove who it is.
    pub(super) insecure: bool,
    /// What is done, where it is not to get something.
    pub(super) change: Option<Change<'a>>,
}

/// A request that may change something. It is never redirected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) method: &'a Method,
    pub(super) body: &'a Bytes,
    pub(super) content_type: &'a str,
    /// The first and the last byte of a piece of a blob.
    pub(super) range: Option<(u64, u64)>,
}

/// What came back.
pub(super) struct Answer {
    /// The last response.
    pub(super) response: Response,
    /// Whether it is of another origin than the first URL: then it may ask for no credentials.
    pub(super) foreign: bool,
}

impl Http {
    pub(super) fn new(environment: Environment, patience: Patience) -> Self {
        Self { environment, patience, clients: Mutex::default() }
    }

    /// The time limits.
    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Sends, and follows redirects. `authorization` goes to the origin of `url` only.
    pub(super) async fn send(
        &self,
        url: &Url,
        request: Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let mut here = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let foreign = here.origin() != url.origin();
            let secret = authorization.filter(|_| !foreign);
            let response = self.send_once(&here, request, secret, foreign).await?;
            match next(&here, &response, request.what)? {
                Some(there) if request.form.is_none() && request.change.is_none() => here = there,
                _ => return Ok(Answer { response, foreign }),
            }
        }
        Err(RegistryError::Status {
            what: request.what.into(),
            host: authority(url),
            status: 302,
            reason: format!(": more than {MAX_REDIRECTS} redirects"),
            wait: None,
        })
    }

    async fn send_once(
        &self,
        url: &Url,
        request: Request<'_>,
        authorization: Option<&HeaderValue>,
        foreign: bool,
    ) -> Result<Response, RegistryError> {
        let client = self.client(url, request.insecure && !foreign)?;
        let usual = if request.form.is_some() { Method::POST } else { Method::GET };
        let method = request.change.map_or(usual, |change| change.method.clone());
        // Without this a proxy may pack a blob again, and its digest would no longer fit.
        let mut builder = client.request(method, url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(accept) = request.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if request.from > 0 || request.to.is_some() {
            let to = request.to.map_or_else(String::new, |to| to.to_string());
            builder = builder.header(RANGE, format!("bytes={}-{to}", request.from));
        }
        if let Some(secret) = authorization {
            builder = builder.header(AUTHORIZATION, secret.clone());
        }
        if let Some(form) = request.form {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        if let Some(Change { body, content_type, range, .. }) = request.change {
            builder = builder.header(CONTENT_TYPE, content_type).body(body.clone());
            if let Some((first, last)) = range {
                builder = builder.header(CONTENT_RANGE, format!("{first}-{last}"));
            }
        }
        tracing::debug!(host = authority(url), what = request.what, from = request.from, "request");
        builder.send().await.map_err(|error| RegistryError::transport(request.what, &authority(url), error))
    }

    /// The client for a URL's host.
    fn client(&self, url: &Url, insecure: bool) -> Result<Client, RegistryError> {
        let host = authority(url);
        let loopback = is_loopback(url);
        let trust = match (url.scheme(), insecure) {
            ("http", _) if loopback => Trust::Plain,
            (_, true) => Trust::Any,
            _ => Trust::Verified,
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(host.clone(), trust)) {
            return Ok(client.clone());
        }
        let client = self.build(&host, trust, loopback)?;
        clients.insert((host, trust), client.clone());
        Ok(client)
    }

    fn build(&self, host: &str, trust: Trust, loopback: bool) -> Result<Client, RegistryError> {
        let builder = Client::builder()
            .user_agent(concat!("layerscope/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            .tls_backend_preconfigured(client_config(host, trust, &self.environment)?);
        // No proxy can reach this machine's own loopback.
        let builder = if loopback { builder.no_proxy() } else { builder };
        builder.build().map_err(|error| RegistryError::Start { reason: error.without_url().to_string() })
    }
}

/// Where a redirect leads.
fn next(here: &Url, response: &Response, what: &str) -> Result<Option<Url>, RegistryError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let there = location.and_then(|location| here.join(location).ok());
    match there {
        Some(there) if matches!(there.scheme(), "http" | "https") && there.has_host() => Ok(Some(there)),
        _ => Err(RegistryError::Status {
            what: what.into(),
            host: authority(here),
            status: response.status().as_u16(),
            reason: ": a redirect to nowhere".into(),
            wait: None,
        }),
    }
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for host in ["localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000"] {
            assert!(is_loopback(&Url::parse(&format!("http://{host}/")).unwrap()), "{host}");
        }
        for host in ["localhost.evil.example", "128.0.0.1", "10.0.0.1", "[::2]"] {
            assert!(!is_loopback(&Url::parse(&format!("http://{host}/")).unwrap()), "{host}");
        }
    }
}
