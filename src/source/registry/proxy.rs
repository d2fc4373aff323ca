//! Which proxy stood between, where one failed: the HTTP client reads the variables itself, and does not tell.

use std::error::Error;

use reqwest::Url;

use super::error::authority;

/// What name a proxy for HTTPS, the first one that is set: as the HTTP client has it.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// How errors on the way through a proxy begin. The HTTP client has no type for them that can be named.
const TUNNEL: &str = "tunnel error: ";
/// What of such an error says that the proxy wants a login.
const LOGIN: &str = "proxy authorization required";

/// What a proxy did, if it was one that failed: `said` is what came of it.
pub(super) fn told(error: &dyn Error, said: &str) -> Option<String> {
    tunnel(error)?;
    let set = |name| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?));
    let proxy = match VARIABLES.into_iter().find_map(set) {
        Some((name, value)) => format!("the proxy {} of {name}", shown(&value)),
        None => "the system's proxy".into(),
    };
    Some(match is_refusal(error) {
        true => format!("{proxy} wants a login, as http://USER:PASSWORD@HOST:PORT"),
        false => format!("{proxy} fails: {}", said.trim_start_matches(TUNNEL)),
    })
}

/// Whether a proxy wants a login: it will the next time, too.
pub(super) fn is_refusal(error: &dyn Error) -> bool {
    tunnel(error).is_some_and(|text| text.contains(LOGIN))
}

fn tunnel(error: &dyn Error) -> Option<String> {
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if text.starts_with(TUNNEL) {
            return Some(text);
        }
        next = error.source();
    }
    None
}

/// A proxy without its user name and password; nothing of what is no address.
fn shown(value: &str) -> String {
    let url = if value.contains("://") { value.parse() } else { format!("http://{value}").parse::<Url>() };
    url.map(|url| authority(&url)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_shown_without_secrets() {
        for (value, expected) in [
            ("http://me:pa55@proxy.example:3128/x?y", "proxy.example:3128"),
            ("me:pa55@proxy.example:3128", "proxy.example:3128"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("socks5h://h:1", "h:1"),
            ("me:pa55@:", ""),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }
}
