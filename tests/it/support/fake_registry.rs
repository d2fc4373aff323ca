//! A registry that behaves as Docker Hub does: tokens that expire, blobs on another host, tags in pages. A test adds
//! its trouble with [`Hub::trick`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::http_server::{Ask, Reply, Server};
use super::layout::Layout;

type Trick = Box<dyn Fn(&Ask, usize, Reply) -> Reply + Send + Sync>;

/// What the registry is to be.
#[derive(Default)]
pub(crate) struct Hub {
    layout: Layout,
    login: Login,
    cdn: bool,
    tags: Vec<String>,
    trick: Option<Trick>,
}

/// Who may pull.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Login {
    /// Anyone, without further ado.
    #[default]
    Open,
    /// Who has a token; anyone gets one.
    Token,
    /// Who has a token; only this name and password (or `<token>` and identity token) get one.
    TokenFor(&'static str, &'static str),
    /// This name and password, with each request.
    Basic(&'static str, &'static str),
}

/// A running registry, with the host that its blobs are on.
pub(crate) struct FakeRegistry {
    pub(crate) server: Server,
    pub(crate) cdn: Option<Server>,
    tokens: Arc<Mutex<Tokens>>,
}

struct Tokens {
    issued: BTreeMap<String, Instant>,
    count: usize,
    /// What `expires_in` says, and how long they really live.
    claims: u64,
    life: Duration,
}

impl Hub {
    /// The repository `library/app` with the images of a layout.
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    pub(crate) fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// Blobs are redirected to another host.
    pub(crate) fn cdn(mut self) -> Self {
        self.cdn = true;
        self
    }

    /// More tags than the layout has.
    pub(crate) fn tags(mut self, tags: impl IntoIterator<Item = String>) -> Self {
        self.tags = tags.into_iter().collect();
        self
    }

    /// Changes answers: given the request, how often the same target was asked for before (with any range, by an
    /// accepted login), and the answer.
    pub(crate) fn trick(mut self, trick: impl Fn(&Ask, usize, Reply) -> Reply + Send + Sync + 'static) -> Self {
        self.trick = Some(Box::new(trick));
        self
    }

    pub(crate) fn start(self) -> FakeRegistry {
        let blobs = self.layout.blobs.clone();
        let asked = Mutex::new(BTreeMap::new());
        let trick = Arc::new(self.trick);
        let tricked = trick.clone();
        let cdn = self.cdn.then(|| {
            Server::start(move |ask| {
                assert!(ask.header("authorization").is_none(), "the token went to another host");
                let nth = count(&asked, ask.path());
                let reply = blob(&blobs, ask.path().trim_start_matches("/data/"), ask);
                tricked.iter().fold(reply, |reply, trick| trick(ask, nth, reply))
            })
        });
        let tokens = Tokens { issued: BTreeMap::new(), count: 0, claims: 300, life: Duration::from_secs(300) };
        let tokens = Arc::new(Mutex::new(tokens));
        let desk = Desk {
            layout: self.layout,
            login: self.login,
            tags: self.tags,
            cdn: cdn.as_ref().map(Server::host),
            tokens: tokens.clone(),
            asked: Mutex::default(),
        };
        let server = Server::start(move |ask| {
            if let Some(refusal) = desk.refuses(ask) {
                return refusal;
            }
            let nth = count(&desk.asked, &ask.target);
            let reply = desk.answer(ask);
            trick.iter().fold(reply, |reply, trick| trick(ask, nth, reply))
        });
        FakeRegistry { server, cdn, tokens }
    }
}

impl FakeRegistry {
    /// `127.0.0.1:PORT/library/app:TAG`.
    pub(crate) fn name(&self, tag: &str) -> String {
        format!("{}/library/app:{tag}", self.server.host())
    }

    /// Tokens given from now on are said to live so long, and do so.
    pub(crate) fn token_life(&self, claims: u64, life: Duration) {
        let mut tokens = self.tokens.lock().unwrap();
        (tokens.claims, tokens.life) = (claims, life);
    }

    /// All tokens that were given are worth nothing any more.
    pub(crate) fn revoke_tokens(&self) {
        self.tokens.lock().unwrap().issued.clear();
    }

    /// How many tokens were asked for.
    pub(crate) fn token_requests(&self) -> usize {
        self.server.log().iter().filter(|ask| ask.path() == "/token").count()
    }
}

/// What answers.
struct Desk {
    layout: Layout,
    login: Login,
    tags: Vec<String>,
    cdn: Option<String>,
    tokens: Arc<Mutex<Tokens>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Desk {
    /// 401 with a challenge, where the login is missing.
    fn refuses(&self, ask: &Ask) -> Option<Reply> {
        let host = ask.header("host").unwrap();
        let scope = "repository:library/app:pull";
        let bearer = format!(r#"Bearer realm="http://{host}/token",service="registry.test",scope="{scope}""#);
        let given = ask.header("authorization").unwrap_or_default();
        let (welcome, challenge) = match &self.login {
            Login::Open => (true, String::new()),
            Login::Basic(name, password) => (given == basic(name, password), r#"Basic realm="registry""#.to_owned()),
            Login::Token | Login::TokenFor(..) => (ask.path() == "/token" || self.knows(given), bearer),
        };
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        (!welcome).then(|| Reply::new(401, body).with("WWW-Authenticate", challenge))
    }

    fn knows(&self, given: &str) -> bool {
        let tokens = self.tokens.lock().unwrap();
        let issued = given.strip_prefix("Bearer ").and_then(|token| tokens.issued.get(token));
        issued.is_some_and(|at| at.elapsed() < tokens.life)
    }

    fn answer(&self, ask: &Ask) -> Reply {
        let path = ask.path();
        let unknown =
            |code: &str| Reply::new(404, json!({"errors": [{"code": code, "message": "unknown"}]}).to_string());
        if path == "/token" {
            return self.token(ask);
        }
        let Some(rest) = path.strip_prefix("/v2/library/app/") else { return unknown("NAME_UNKNOWN") };
        if let Some(reference) = rest.strip_prefix("manifests/") {
            return self.manifest(reference).unwrap_or_else(|| unknown("MANIFEST_UNKNOWN"));
        }
        if let Some(digest) = rest.strip_prefix("blobs/") {
            return match &self.cdn {
                Some(cdn) => Reply::new(307, "").with("Location", format!("http://{cdn}/data/{digest}?signature=hush")),
                None => blob(&self.layout.blobs, digest, ask),
            };
        }
        match rest {
            "tags/list" => self.tag_page(ask),
            _ => unknown("UNSUPPORTED"),
        }
    }

    fn manifest(&self, reference: &str) -> Option<Reply> {
        let name = |tag: &serde_json::Value| tag["annotations"]["org.opencontainers.image.ref.name"] == reference;
        let tagged = self.layout.index.iter().find(|tag| name(tag));
        let digest = tagged.map_or(reference, |tag| tag["digest"].as_str().unwrap());
        let bytes = self.layout.blobs.get(digest)?;
        let parsed: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let media_type = parsed["mediaType"].as_str().unwrap_or_default();
        Some(Reply::new(200, bytes.clone()).with("Content-Type", media_type).with("Docker-Content-Digest", digest))
    }

    fn token(&self, ask: &Ask) -> Reply {
        let wrong = Reply::new(401, r#"{"details":"incorrect username or password"}"#);
        let given = ask.header("authorization");
        if let Login::TokenFor(name, secret) = &self.login {
            let refresh = format!("refresh_token={secret}&");
            let right = match *name {
                "<token>" => ask.method == "POST" && ask.body.contains(&refresh),
                _ => given == Some(&basic(name, secret)),
            };
            if !right {
                return wrong;
            }
        } else if given.is_some() {
            return wrong;
        }
        let mut tokens = self.tokens.lock().unwrap();
        tokens.count += 1;
        let token = format!("t0ken-{}", tokens.count);
        tokens.issued.insert(token.clone(), Instant::now());
        Reply::new(200, json!({ "token": token, "expires_in": tokens.claims }).to_string())
    }

    /// At most `n` tags, ten if not said, and the way to the next.
    fn tag_page(&self, ask: &Ask) -> Reply {
        let size = ask.query("n").map_or(10, |n| n.parse::<usize>().unwrap()).min(10);
        let last = ask.query("last").and_then(|last| self.tags.iter().position(|tag| tag == last));
        let start = last.map_or(0, |last| last + 1);
        let page = &self.tags[start..(start + size).min(self.tags.len())];
        let reply = Reply::new(200, json!({ "name": "library/app", "tags": page }).to_string());
        match page.last() {
            Some(last) if start + size < self.tags.len() => {
                reply.with("Link", format!(r#"</v2/library/app/tags/list?last={last}&n={size}>; rel="next""#))
            }
            _ => reply,
        }
    }
}

/// A blob, or the part of it that is asked for.
fn blob(blobs: &BTreeMap<String, Vec<u8>>, digest: &str, ask: &Ask) -> Reply {
    let Some(bytes) = blobs.get(digest) else {
        return Reply::new(404, r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#);
    };
    let range = ask.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    match range.map(|(start, end)| (start.parse::<usize>().unwrap(), end.parse().unwrap_or(bytes.len() - 1))) {
        None => Reply::new(200, bytes.clone()),
        Some((start, end)) => {
            let range = format!("bytes {start}-{end}/{}", bytes.len());
            Reply::new(206, &bytes[start..=end]).with("Content-Range", range)
        }
    }
}

fn count(asked: &Mutex<BTreeMap<String, usize>>, target: &str) -> usize {
    let mut asked = asked.lock().unwrap();
    let count = asked.entry(target.to_owned()).or_default();
    *count += 1;
    *count - 1
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}
