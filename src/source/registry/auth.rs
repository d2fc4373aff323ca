//! The `Authorization` of one repository: learnt from the first 401, renewed before it expires, by one at a time.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::challenge::{Challenge, challenge, realm, scopes};
use super::credentials::{Found, Login, find};
use super::environment::Environment;
use super::error::{RegistryError, authority, reason_of};
use super::http::{Http, Request};
use super::response::{body, refusal, start_of_body};
use crate::source::Credentials;

/// The token spec's lifetime where none is given.
const DEFAULT_LIFETIME: u64 = 60;
/// A token is renewed this long before its end, or at three quarters of a short life.
const SKEW: Duration = Duration::from_secs(30);
/// No token is longer.
const MAX_TOKEN: u64 = 1 << 20;

/// Logs in to one registry for one repository.
pub(super) struct Auth {
    host: String,
    repository: String,
    by_hand: Option<Credentials>,
    environment: Environment,
    /// What is done in the repository.
    actions: &'static str,
    /// Repositories of the same registry that blobs come from.
    sources: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts renewals, so that who sees a 401 knows whether someone else has renewed since.
    generation: u64,
    header: Option<HeaderValue>,
    /// When to renew.
    until: Option<Instant>,
    /// The challenge that the header answers.
    challenge: Option<Challenge>,
    /// Looked up once, when first needed.
    login: Option<Option<Found>>,
}

/// What to send, and which renewal it is of.
pub(super) struct Pass {
    /// `Authorization`, if any.
    pub(super) header: Option<HeaderValue>,
    generation: u64,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl Auth {
    /// For a host as its name is written in configuration files.
    pub(super) fn new(host: &str, repository: &str, by_hand: Option<Credentials>, environment: Environment) -> Self {
        let (host, repository) = (host.to_owned(), repository.to_owned());
        let (actions, sources) = ("pull", Vec::new());
        Self { host, repository, by_hand, environment, actions, sources, state: Mutex::default() }
    }

    /// The same, to push what may come from other repositories.
    pub(super) fn pushing(self, sources: Vec<String>) -> Self {
        Self { actions: "pull,push", sources, ..self }
    }

    /// What to send now. A token near its end is renewed first.
    pub(super) async fn pass(&self, http: &Http, registry: &Url, insecure: bool) -> Result<Pass, RegistryError> {
        let mut state = self.state.lock().await;
        if state.until.is_some_and(|until| Instant::now() >= until) {
            self.renew(&mut state, http, registry, insecure).await?;
        }
        Ok(state.pass())
    }

    /// What to send after a 401 to `used`.
    pub(super) async fn after_401(
        &self,
        used: &Pass,
        headers: &HeaderMap,
        http: &Http,
        registry: &Url,
        insecure: bool,
    ) -> Result<Pass, RegistryError> {
        let mut state = self.state.lock().await;
        if state.generation == used.generation {
            let reason = "it asks for a way to log in that is not supported".to_owned();
            let asked = challenge(headers).ok_or_else(|| RegistryError::Auth { host: self.host.clone(), reason })?;
            if asked == Challenge::Basic && used.header.is_some() {
                return Err(self.wrong_login(&state, String::new()));
            }
            state.challenge = Some(asked);
            self.renew(&mut state, http, registry, insecure).await?;
        }
        Ok(state.pass())
    }

    /// The error for a request that is refused although we are logged in as far as we can be.
    pub(super) async fn denied(&self, what: &str, status: u16, reason: String) -> RegistryError {
        let state = self.state.lock().await;
        if status == 401 && state.challenge == Some(Challenge::Basic) && state.header.is_some() {
            return self.wrong_login(&state, reason);
        }
        let advice = match state.found() {
            Some(found) => format!("the login from {} may not {} it, or it does not exist", found.origin, self.verb()),
            None => format!("it does not exist, or it needs a login: `docker login {}`", self.host),
        };
        RegistryError::Denied { what: what.into(), host: self.host.clone(), reason, advice }
    }

    fn verb(&self) -> &'static str {
        if self.actions == "pull" { "pull" } else { "push" }
    }

    async fn renew(&self, state: &mut State, http: &Http, registry: &Url, insecure: bool) -> Result<(), RegistryError> {
        if state.login.is_none() {
            state.login = Some(self.look_up().await?);
        }
        match state.challenge.clone() {
            None => Ok(()),
            Some(Challenge::Basic) => self.basic(state),
            Some(Challenge::Bearer { realm: text, service, scope }) => {
                let secure = registry.scheme() == "https";
                let url = realm(&text, secure).map_err(|reason| self.unusable(reason))?;
                // The registry's own host keeps its exemption when it is also the one that gives tokens.
                let insecure = insecure && url.origin() == registry.origin();
                let mut scopes = scopes(&self.repository, self.actions, scope.as_deref());
                scopes.extend(self.sources.iter().map(|source| format!("repository:{source}:pull")));
                self.bearer(state, http, Realm { url, service, scopes, insecure }).await
            }
        }
    }

    /// Reading files and running helpers blocks.
    async fn look_up(&self) -> Result<Option<Found>, RegistryError> {
        if let Some(credentials) = self.by_hand.clone() {
            let origin = "the command line".to_owned();
            return Ok(Some(Found { login: Login::Password(credentials), origin }));
        }
        let (host, repository) = (self.host.clone(), self.repository.clone());
        let environment = self.environment.clone();
        let found = tokio::task::spawn_blocking(move || find(&host, &repository, &environment)).await;
        found.map_err(|error| RegistryError::Start { reason: error.to_string() })?
    }

    fn basic(&self, state: &mut State) -> Result<(), RegistryError> {
        let header = match state.found().map(|found| &found.login) {
            Some(Login::Password(credentials)) => Some(basic(credentials).map_err(|reason| self.unusable(reason))?),
            Some(Login::IdentityToken(_)) => {
                return Err(self.unusable("it wants a password, and there is only an identity token".into()));
            }
            None => None,
        };
        state.set(header, None);
        Ok(())
    }

    async fn bearer(&self, state: &mut State, http: &Http, realm: Realm) -> Result<(), RegistryError> {
        let asked = Instant::now();
        let token = self.fetch(state, http, realm).await?;
        let lifetime = Duration::from_secs(token.expires_in.filter(|s| *s > 0).unwrap_or(DEFAULT_LIFETIME));
        if let (Some(new), Some(Some(Found { login: Login::IdentityToken(old), .. }))) =
            (token.refresh_token, &mut state.login)
        {
            *old = new;
        }
        let text = token.token.or(token.access_token).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| self.unusable("its token server gives no token".into()))?;
        let header = secret(&format!("Bearer {text}"));
        let header = header.ok_or_else(|| self.unusable("its token is malformed".into()))?;
        let until = asked.checked_add(lifetime - SKEW.min(lifetime / 4));
        state.set(Some(header), until);
        Ok(())
    }

    async fn fetch(&self, state: &State, http: &Http, realm: Realm) -> Result<Token, RegistryError> {
        let what = format!("a token for {}", self.repository);
        let request = Request { what: &what, insecure: realm.insecure, ..Request::default() };
        let (url, header, form) = match state.found().map(|found| &found.login) {
            None => (realm.query(None), None, None),
            Some(Login::Password(credentials)) => {
                let header = basic(credentials).map_err(|reason| self.unusable(reason))?;
                (realm.query(Some(&credentials.username)), Some(header), None)
            }
            Some(Login::IdentityToken(token)) => (realm.url.clone(), None, Some(realm.form(token))),
        };
        let request = Request { form: form.as_deref(), ..request };
        let answer = http.send(&url, request, header.as_ref()).await?;
        let response = answer.response;
        if response.status().is_success() {
            let bytes = body(response, &what, MAX_TOKEN, http.patience()).await?;
            return serde_json::from_slice(&bytes)
                .map_err(|_| self.unusable("its token server does not send JSON".into()));
        }
        match response.status().as_u16() {
            400 | 401 | 403 => {
                let reason = reason_of(&start_of_body(response).await);
                Err(match state.found() {
                    Some(_) => self.wrong_login(state, reason),
                    None => self.anonymous(reason),
                })
            }
            _ => Err(refusal(response, &what, &authority(&url)).await),
        }
    }

    fn wrong_login(&self, state: &State, reason: String) -> RegistryError {
        match state.found() {
            Some(found) => RegistryError::Login { host: self.host.clone(), origin: found.origin.clone(), reason },
            None => self.anonymous(reason),
        }
    }

    fn anonymous(&self, reason: String) -> RegistryError {
        let advice = format!("it needs a login: `docker login {}`", self.host);
        RegistryError::Denied { what: self.repository.clone(), host: self.host.clone(), reason, advice }
    }

    fn unusable(&self, reason: String) -> RegistryError {
        RegistryError::Auth { host: self.host.clone(), reason }
    }
}

impl State {
    fn pass(&self) -> Pass {
        Pass { header: self.header.clone(), generation: self.generation }
    }

    fn found(&self) -> Option<&Found> {
        self.login.as_ref()?.as_ref()
    }

    fn set(&mut self, header: Option<HeaderValue>, until: Option<Instant>) {
        (self.header, self.until) = (header, until);
        self.generation += 1;
    }
}

/// A token server and what to ask it for.
struct Realm {
    url: Url,
    service: Option<String>,
    scopes: Vec<String>,
    insecure: bool,
}

impl Realm {
    /// Docker's way: everything in the query.
    fn query(&self, account: Option<&str>) -> Url {
        let mut url = self.url.clone();
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(self.service.iter().map(|service| ("service", service)));
        pairs.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        pairs.extend_pairs(account.map(|account| ("account", account)));
        drop(pairs);
        url
    }

    /// OAuth2's way, for a refresh token.
    fn form(&self, token: &str) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "layerscope")
            .append_pair("refresh_token", token)
            .append_pair("scope", &self.scopes.join(" "))
            .extend_pairs(self.service.iter().map(|service| ("service", service)));
        url.query().unwrap_or_default().to_owned()
    }
}

fn basic(credentials: &Credentials) -> Result<HeaderValue, String> {
    let pair = BASE64_STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
    secret(&format!("Basic {pair}")).ok_or_else(|| "the credentials make no header".into())
}

/// A header that stays out of logs.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
