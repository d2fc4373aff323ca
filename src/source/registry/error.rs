//! Why a registry did not give what was asked for, in words that name it and carry no secret.

use std::error::Error;
use std::time::Duration;

use reqwest::Url;
use rustls::{CertificateError, InvalidMessage};
use serde::Deserialize;

use super::proxy;
use crate::model::Digest;

/// Longest text of a foreign hand that is shown.
const SHOWN: usize = 200;

/// What went wrong between us and a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A configuration file, a certificate or a credential helper.
    #[error("cannot use {path}: {reason}")]
    Config {
        /// File or program.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `registries.conf` forbids it.
    #[error("{name} is blocked by {path}")]
    Blocked {
        /// The image.
        name: String,
        /// The file that says so.
        path: String,
    },
    /// A host or path that makes no URL.
    #[error("{text:?} is no address of a registry: {reason}")]
    Address {
        /// What was configured or sent.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or one that broke.
    #[error("cannot get {what} from {host}: {reason}")]
    Transport {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What happened.
        reason: String,
        /// Whether asking again is pointless (a certificate that is not trusted, a host that does not exist).
        permanent: bool,
    },
    /// No TLS where TLS is spoken.
    #[error(
        "cannot get {what} from {host}: it does not speak TLS; if it speaks plain HTTP and may, put [[registry]], location = {host:?} and insecure = true into ~/.config/containers/registries.conf"
    )]
    Plain {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
    },
    /// An answer that is neither the thing nor one of the refusals below.
    #[error("{host} answers {status} to the request for {what}{reason}")]
    Status {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// HTTP status.
        status: u16,
        /// What it says, after a colon; may be empty.
        reason: String,
        /// `Retry-After`.
        wait: Option<Duration>,
    },
    /// The registry asks for patience.
    #[error("{host} limits how often it may be asked (429, for {what}){reason}; try again {}, or log in for a higher limit", later(*wait))]
    Limited {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What it says, after a colon; may be empty.
        reason: String,
        /// `Retry-After`.
        wait: Option<Duration>,
    },
    /// 404.
    #[error("{host} has no {what}{reason}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What it says, after a colon; may be empty.
        reason: String,
    },
    /// 401 or 403.
    #[error("{host} does not give {what}{reason}; {advice}")]
    Denied {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What it says, after a colon; may be empty.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// Credentials that are wrong.
    #[error("{host} does not accept the user name and password (or token) from {origin}{reason}; log in again")]
    Login {
        /// Whom.
        host: String,
        /// Where they came from.
        origin: String,
        /// What it says, after a colon; may be empty.
        reason: String,
    },
    /// A challenge or token that cannot be used.
    #[error("cannot log in to {host}: {reason}")]
    Auth {
        /// Whom.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// A document that is too large to be honest.
    #[error("{host} sends more than {limit} bytes for {what}: refused")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What is allowed.
        limit: u64,
    },
    /// Something else than what a registry sends.
    #[error(
        "what {host} sends for {what} is no manifest{reason}; it may be a page of the network's or of a proxy's that wants a login first"
    )]
    NoManifest {
        /// What was asked for.
        what: String,
        /// Whom.
        host: String,
        /// What it says, after a colon; may be empty.
        reason: String,
    },
    /// A blob that goes on after its end.
    #[error("{host} sends more for {digest} than the {expected} bytes its manifest says")]
    BlobTooLong {
        /// Whom.
        host: String,
        /// The blob.
        digest: Digest,
        /// Its size.
        expected: u64,
    },
    /// A blob that ends early, however often it is resumed.
    #[error("the download of {digest} from {host} stopped at byte {received} of {expected}: {reason}")]
    BlobTooShort {
        /// Whom.
        host: String,
        /// The blob.
        digest: Digest,
        /// Its size.
        expected: u64,
        /// What arrived.
        received: u64,
        /// What happened last.
        reason: String,
    },
    /// A list of tags without end.
    #[error("{name} has more than {limit} tags: refused")]
    TooManyTags {
        /// The repository.
        name: String,
        /// What is allowed.
        limit: usize,
    },
    /// A list of tags in pages without end.
    #[error("{name} lists its tags on more than {limit} pages: refused")]
    TooManyPages {
        /// The repository.
        name: String,
        /// What is allowed.
        limit: usize,
    },
    /// Asked again and again.
    #[error("{source} (tried {tries} times)")]
    Tries {
        /// How often.
        tries: usize,
        /// The last error.
        source: Box<RegistryError>,
    },
    /// Mirrors, and then the registry itself.
    #[error("{source} (its mirrors failed before: {mirrors})")]
    Mirrors {
        /// What they said.
        mirrors: String,
        /// What the registry said.
        source: Box<RegistryError>,
    },
    /// No threads, no TLS.
    #[error("cannot start the registry client: {reason}")]
    Start {
        /// What the system said.
        reason: String,
    },
}

impl RegistryError {
    /// Whether the same request may have more luck in a while.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Transport { permanent, .. } => !permanent,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502..=599),
            Self::Limited { .. } => true,
            _ => false,
        }
    }

    /// Whether it is not about the image: the registry did not come to speak of it.
    pub(crate) fn is_unreachable(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::NoManifest { .. } => true,
            Self::Tries { source, .. } | Self::Mirrors { source, .. } => source.is_unreachable(),
            other => other.is_passing(),
        }
    }

    /// How long the registry asks to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } | Self::Limited { wait, .. } => *wait,
            _ => None,
        }
    }

    /// From the HTTP client's error. Its URL is not shown: it may be signed.
    pub(super) fn transport(what: &str, host: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let certificate = match tls(&error) {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                return Self::Plain { what: what.into(), host: host.into() };
            }
            Some(rustls::Error::InvalidCertificate(problem)) => Some(problem),
            _ => None,
        };
        let certificate = certificate.map(|problem| match problem {
            // The latter is what a certificate gets that signs itself.
            CertificateError::UnknownIssuer | CertificateError::Other(_) => format!(
                "its certificate is not signed by a CA that is trusted here: put it into \
                 ~/.config/containers/certs.d/{host}/ca.crt, or its file's name into SSL_CERT_FILE"
            ),
            _ => root(&error),
        });
        // A name that does not exist won't in a second; a name server that is busy may answer then.
        let unknown = error.is_dns() && !root(&error).contains("emporary");
        let permanent = certificate.is_some() || unknown || proxy::is_refusal(&error);
        let said = || if error.is_timeout() { "no answer in time".to_owned() } else { root(&error) };
        let other = || proxy::told(&error, &said()).unwrap_or_else(said);
        let reason = certificate.unwrap_or_else(other);
        Self::Transport { what: what.into(), host: host.into(), reason, permanent }
    }
}

/// The innermost cause in one line.
fn root(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    one_line(&last.to_string())
}

/// What TLS has against the other side, its certificate for one. An `io::Error` hides what it wraps from `source`.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(problem) = error.downcast_ref() {
            return Some(problem);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        next = inner.map_or_else(|| error.source(), |inner| Some(inner));
    }
    None
}

fn later(wait: Option<Duration>) -> String {
    match wait.map(|wait| wait.as_secs()) {
        None => "later".into(),
        Some(seconds @ 0..=119) => format!("in {seconds} s"),
        Some(seconds) => format!("in {} min", seconds / 60),
    }
}

/// Text of a foreign hand in one short line: no control or direction characters, nothing to mislead a terminal.
pub(super) fn one_line(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let clean: String = text.chars().map(|c| if harmless(c) { c } else { ' ' }).take(SHOWN * 4).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What an error page says, as `: text`, or nothing. Registries send JSON (OCI distribution-spec, "Error Codes"),
/// what stands before them sends HTML.
pub(super) fn reason_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.text(),
        Err(_) if text.trim_start().starts_with('<') => between(&text, "<title>", "</title>").into(),
        Err(_) => text.into_owned(),
    };
    let line = one_line(&said);
    if line.is_empty() { line } else { format!(": {line}") }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorItem>,
    #[serde(default, alias = "error_description", alias = "message", alias = "error")]
    details: Option<String>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: Option<String>,
}

impl ErrorBody {
    fn text(self) -> String {
        let item = |item: ErrorItem| item.message.filter(|m| !m.is_empty()).unwrap_or(item.code);
        self.errors.into_iter().next().map(item).or(self.details).unwrap_or_default()
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(inside, _)| inside)
}

/// `host` or `host:port` of a URL: all of it that is shown, since a path, query or user name may carry a secret.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_pages_become_one_short_line() {
        let json = br#"{"errors":[{"code":"DENIED","message":"no\u001b[31m\nway"}]}"#;
        assert_eq!(reason_of(json), ": no [31m way");
        assert_eq!(reason_of(br#"{"errors":[{"code":"DENIED"}]}"#), ": DENIED");
        assert_eq!(reason_of(br#"{"details":"incorrect username or password"}"#), ": incorrect username or password");
        assert_eq!(reason_of(b"<html><title>502 Bad\nGateway</title><body>x"), ": 502 Bad Gateway");
        assert_eq!(reason_of(b"<html>nothing"), "");
        assert_eq!(reason_of(b"\xff\x00 "), ": \u{fffd}");
        assert_eq!(reason_of(&b"x".repeat(1 << 20)).chars().count(), 203);
    }

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        let url = Url::parse("https://user:pw@cdn.example:8443/blob?X-Amz-Signature=abc").unwrap();
        assert_eq!(authority(&url), "cdn.example:8443");
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        let status = |status| RegistryError::Status {
            what: String::new(),
            host: String::new(),
            status,
            reason: String::new(),
            wait: None,
        };
        assert!(status(503).is_passing() && status(500).is_passing());
        assert!(!status(400).is_passing() && !status(501).is_passing());
    }
}
