//! One place that holds the image: plain HTTP or HTTPS, login, refusals.

use std::sync::{Arc, OnceLock};

use reqwest::header::LINK;
use reqwest::{Response, Url};

use super::auth::Auth;
use super::certs::has_folder;
use super::conf::Location;
use super::environment::Environment;
use super::error::{RegistryError, authority, reason_of};
use super::http::{Answer, Http, Request, is_loopback};
use super::response::{body, refusal, start_of_body};
use super::retry::Patience;
use crate::source::Credentials;

/// A mirror that fails is not worth more tries than this: there is another place to ask.
const MIRROR_TRIES: usize = 2;

/// A repository of a registry.
pub(super) struct Endpoint {
    /// Where it is.
    pub(super) location: Location,
    http: Arc<Http>,
    auth: Auth,
    /// The schemes to try, in order.
    bases: Vec<Url>,
    /// The one that answered.
    settled: OnceLock<Url>,
    patience: Patience,
}

impl Endpoint {
    /// Whether it is on another machine.
    pub(super) fn is_far(&self) -> bool {
        !self.bases.iter().any(is_loopback)
    }
}

/// A small document, and where the next page of it is.
pub(super) struct Page {
    /// The body.
    pub(super) bytes: Vec<u8>,
    /// Path and query of the next page.
    pub(super) next: Option<String>,
}

impl Endpoint {
    /// Sends nothing yet. Credentials given by hand are for the registry, not for its mirrors.
    pub(super) fn new(
        location: Location,
        http: Arc<Http>,
        by_hand: Option<Credentials>,
        environment: &Environment,
    ) -> Result<Self, RegistryError> {
        let bases = bases(&location, environment)?;
        let by_hand = by_hand.filter(|_| !location.mirror);
        let auth = Auth::new(&location.host, &location.repository, by_hand, environment.clone());
        let mut patience = *http.patience();
        if location.mirror {
            patience.tries = patience.tries.min(MIRROR_TRIES);
        }
        Ok(Self { location, http, auth, bases, settled: OnceLock::new(), patience })
    }

    /// The registry itself, to push what may come from other repositories of it.
    pub(super) fn pushing(self, sources: Vec<String>) -> Self {
        Self { auth: self.auth.pushing(sources), ..self }
    }

    /// How long to wait for it, and how often to try.
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// A small document, as often asked for as is reasonable. `path` comes after `/v2/REPOSITORY/`.
    pub(super) async fn document(
        &self,
        path: &str,
        what: &str,
        accept: Option<&'static str>,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let path = self.path(path);
        let request = Request { what, accept, ..Request::default() };
        Ok(self.patience.retry(|| self.page_once(&path, request, limit)).await?.bytes)
    }

    /// A page of a list. `path` is the whole path and query.
    pub(super) async fn page(&self, path: &str, what: &str, limit: u64) -> Result<Page, RegistryError> {
        let request = Request { what, ..Request::default() };
        self.patience.retry(|| self.page_once(path, request, limit)).await
    }

    async fn page_once(&self, path: &str, request: Request<'_>, limit: u64) -> Result<Page, RegistryError> {
        let response = self.get(path, request).await?;
        let next = next_page(&response);
        let bytes = body(response, request.what, limit, self.http.patience()).await?;
        Ok(Page { bytes, next })
    }

    /// One blob from `from` on, asked for once. The answer's status is 200 or 206.
    pub(super) async fn blob(&self, digest: &str, what: &str, from: u64) -> Result<Response, RegistryError> {
        self.get(&self.path(&format!("blobs/{digest}")), Request { what, from, ..Request::default() }).await
    }

    /// The same, asked for as often as is reasonable.
    pub(super) async fn first_blob(&self, digest: &str, what: &str) -> Result<Response, RegistryError> {
        self.patience.retry(|| self.blob(digest, what, 0)).await
    }

    /// A part of a blob, from its first byte to its last, asked for once. The answer's status is 200 or 206.
    pub(super) async fn part(&self, digest: &str, what: &str, from: u64, to: u64) -> Result<Response, RegistryError> {
        let request = Request { what, from, to: Some(to), ..Request::default() };
        self.get(&self.path(&format!("blobs/{digest}")), request).await
    }

    /// `/v2/REPOSITORY/…`.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.location.repository)
    }

    async fn get(&self, path: &str, request: Request<'_>) -> Result<Response, RegistryError> {
        self.ask(path, request, &[200, 206]).await
    }

    /// Asked once: an answer with one of these statuses is one; else what it refuses.
    pub(super) async fn ask(&self, path: &str, request: Request<'_>, good: &[u16]) -> Result<Response, RegistryError> {
        let request = Request { insecure: self.location.insecure, ..request };
        let answer = self.reach(path, request).await?;
        let status = answer.response.status().as_u16();
        match status {
            status if good.contains(&status) => Ok(answer.response),
            401 | 403 if !answer.foreign => {
                let reason = reason_of(&start_of_body(answer.response).await);
                Err(self.auth.denied(request.what, status, reason).await)
            }
            _ if answer.foreign => {
                let host = authority(answer.response.url());
                Err(refusal(answer.response, request.what, &host).await)
            }
            _ => Err(refusal(answer.response, request.what, &self.location.host).await),
        }
    }

    /// Finds out, with the first request, whether the registry speaks HTTP or HTTPS.
    async fn reach(&self, path: &str, request: Request<'_>) -> Result<Answer, RegistryError> {
        if let Some(base) = self.settled.get() {
            return self.exchange(base, path, request).await;
        }
        let mut first = None;
        for base in &self.bases {
            let result = self.exchange(base, path, request).await;
            match result {
                // A certificate that is not trusted is no reason to go on in plain text, and the one thing to tell.
                Err(RegistryError::Transport { permanent: true, .. }) => return result,
                Err(RegistryError::Transport { .. } | RegistryError::Plain { .. }) => first = first.or(Some(result)),
                // What TLS servers say to plain HTTP.
                Ok(answer) if answer.response.status() == 400 && base.scheme() == "http" => {
                    first = first.or(Some(Ok(answer)));
                }
                other => {
                    let _ = self.settled.set(base.clone());
                    return other;
                }
            }
        }
        let reason = "no address".to_owned();
        first.unwrap_or(Err(RegistryError::Address { text: self.location.host.clone(), reason }))
    }

    /// Sends, and logs in if that is asked for.
    async fn exchange(&self, base: &Url, path: &str, request: Request<'_>) -> Result<Answer, RegistryError> {
        let bad = |error: &dyn ToString| RegistryError::Address { text: path.into(), reason: error.to_string() };
        let url = base.join(path).map_err(|error| bad(&error))?;
        if url.origin() != base.origin() {
            return Err(bad(&"it leads to another host"));
        }
        let pass = self.auth.pass(&self.http, base, request.insecure).await?;
        let answer = self.http.send(&url, request, pass.header.as_ref()).await?;
        if answer.response.status() != 401 || answer.foreign {
            return Ok(answer);
        }
        let headers = answer.response.headers().clone();
        let renewed = self.auth.after_401(&pass, &headers, &self.http, base, request.insecure).await?;
        match renewed.header {
            Some(header) => self.http.send(&url, request, Some(&header)).await,
            None => Ok(answer),
        }
    }
}

/// Loopback is plain unless it has certificates of its own; what is insecure may be plain; all else is HTTPS.
fn bases(location: &Location, environment: &Environment) -> Result<Vec<Url>, RegistryError> {
    let host = match location.host.as_str() {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        host => host,
    };
    // Someone may have written a password before an @.
    let shown = host.rsplit('@').next().unwrap_or_default();
    let bad = |reason: String| RegistryError::Address { text: shown.into(), reason };
    let base = |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).map_err(|error| bad(error.to_string()));
    let (https, http) = (base("https")?, base("http")?);
    if https.path() != "/" || !https.username().is_empty() || https.password().is_some() || https.query().is_some() {
        return Err(bad("expected HOST or HOST:PORT".into()));
    }
    Ok(match (is_loopback(&https), location.insecure) {
        (true, _) if has_folder(host, environment) => vec![https],
        (true, _) => vec![http, https],
        (false, true) => vec![https, http],
        (false, false) => vec![https],
    })
}

/// `Link: </v2/…>; rel="next"` (distribution-spec, "Listing Tags"), if it stays at home.
fn next_page(response: &Response) -> Option<String> {
    let links = response.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let target = links.flat_map(|value| value.split(",<")).find_map(link_to_next)?;
    let url = response.url().join(target).ok()?;
    if url.origin() != response.url().origin() {
        return None;
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{}{query}", url.path()))
}

fn link_to_next(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().trim_start_matches('<').split_once('>')?;
    let next = |parameter: &str| {
        let (key, value) = parameter.split_once('=').unwrap_or_default();
        key.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
    };
    parameters.split(';').any(next).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_next_page() {
        assert_eq!(link_to_next(r#"</v2/a/tags/list?n=1&last=x>; rel="next""#), Some("/v2/a/tags/list?n=1&last=x"));
        assert_eq!(link_to_next("<https://h/x>;type=a; REL=next"), Some("https://h/x"));
        for other in ["", "</x>", r#"</x>; rel="prev""#, "/x; rel=next", "</x"] {
            assert_eq!(link_to_next(other), None, "{other}");
        }
    }

    fn schemes(host: &str, insecure: bool) -> String {
        let location = Location { host: host.into(), repository: "x".into(), insecure, mirror: false };
        match bases(&location, &Environment::bare("/nonexistent")) {
            Ok(bases) => bases.iter().map(Url::as_str).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn plain_http_only_where_it_is_allowed() {
        assert_eq!(schemes("docker.io", false), "https://registry-1.docker.io/");
        assert_eq!(schemes("quay.io:8443", false), "https://quay.io:8443/");
        assert_eq!(schemes("quay.io", true), "https://quay.io/ http://quay.io/");
        assert_eq!(schemes("localhost:5000", false), "http://localhost:5000/ https://localhost:5000/");
        for odd in ["user:pw@quay.io", "quay.io?x", "a b", ":5000"] {
            let said = schemes(odd, false);
            assert!(said.contains("is no address") && !said.contains("pw"), "{odd}: {said}");
        }
    }
}
