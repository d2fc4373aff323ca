//! What a registry asks for when it says 401: `WWW-Authenticate` (RFC 9110, 11.6.1; distribution's token spec).

use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// A way to log in that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token from elsewhere.
    Bearer {
        /// Where.
        realm: String,
        /// For whom.
        service: Option<String>,
        /// For what.
        scope: Option<String>,
    },
}

/// The challenge to answer: a token is preferred to sending the password around.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let all: Vec<_> = values.filter_map(|value| http_auth::parse_challenges(value).ok()).flatten().collect();
    let understood = all.iter().filter_map(one);
    understood.max_by_key(|challenge| matches!(challenge, Challenge::Bearer { .. }))
}

fn one(challenge: &http_auth::ChallengeRef<'_>) -> Option<Challenge> {
    let param = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped()).filter(|value| !value.is_empty())
    };
    if challenge.scheme.eq_ignore_ascii_case("basic") {
        Some(Challenge::Basic)
    } else if challenge.scheme.eq_ignore_ascii_case("bearer") {
        Some(Challenge::Bearer { realm: param("realm")?, service: param("service"), scope: param("scope") })
    } else {
        None
    }
}

/// The scopes to ask for: what is to be done, and what the registry itself names, if that is to pull.
pub(super) fn scopes(repository: &str, actions: &str, named: Option<&str>) -> Vec<String> {
    let mut scopes = vec![format!("repository:{repository}:{actions}")];
    let named = named.filter(|scope| scope.ends_with(":pull") && *scope != scopes[0]).map(str::to_owned);
    scopes.extend(named);
    scopes
}

/// The token endpoint. A registry that speaks TLS must not lower that for the credentials.
pub(super) fn realm(text: &str, registry_is_https: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("its token address is malformed: {error}"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if !registry_is_https => Ok(url),
        _ => Err("its token address is not https".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let headers = values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap()));
        challenge(&headers.collect())
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.into(), service: own(service), scope: own(scope) })
    }

    #[test]
    fn challenges_as_registries_write_them() {
        let hub =
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        let wanted = bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:a/b:pull"));
        assert_eq!(read(&[hub]), wanted);
        assert_eq!(read(&["Basic realm=\"x\"", hub]), wanted);
        assert_eq!(read(&[hub, "Basic realm=\"x\""]), wanted);
        assert_eq!(read(&["bearer  realm=https://a/t"]), bearer("https://a/t", None, None).filter(|_| false));
        assert_eq!(
            read(&[r#"BEARER Realm="https://a/t?x=\"y\"", Basic realm="b""#]),
            bearer(r#"https://a/t?x="y""#, None, None)
        );
        assert_eq!(read(&["basic"]), Some(Challenge::Basic));
        assert_eq!(read(&["Negotiate", "Basic realm=\"a, b\""]), Some(Challenge::Basic));
        for odd in ["", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"", "Digest realm=\"x\"", "\"", ",,,"] {
            assert_eq!(read(&[odd]), None, "{odd}");
        }
    }

    #[test]
    fn only_pulling_is_asked_for() {
        let scopes = |repository: &str, named| scopes(repository, "pull", named);
        assert_eq!(scopes("a/b", None), ["repository:a/b:pull"]);
        assert_eq!(scopes("a/b", Some("repository:a/b:pull")), ["repository:a/b:pull"]);
        assert_eq!(scopes("b", Some("repository:a/b:pull")), ["repository:b:pull", "repository:a/b:pull"]);
        assert_eq!(scopes("b", Some("repository:b:pull,push")), ["repository:b:pull"]);
        assert_eq!(scopes("b", Some("registry:catalog:*")), ["repository:b:pull"]);
    }

    #[test]
    fn a_token_address_keeps_tls() {
        assert!(realm("https://a/t", true).is_ok() && realm("http://a/t", false).is_ok());
        assert!(realm("http://a/t", true).is_err() && realm("file:///etc/passwd", false).is_err());
        assert!(realm("nonsense", false).is_err());
    }
}
