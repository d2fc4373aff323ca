//! What a request asks for, and how one is refused (OCI distribution-spec, "Endpoints" and "Error Codes").

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use crate::model::Digest;

/// One of the endpoints.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/NAME/tags/list`
    Tags { name: &'a str },
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest { name: &'a str, reference: &'a str },
    /// `/v2/NAME/blobs/DIGEST`
    Blob { name: &'a str, digest: &'a str },
}

impl<'a> Asked<'a> {
    /// Takes a path apart. Names are looked up and never used as paths, so that nothing in them can do harm.
    pub(super) fn of(method: &Method, path: &'a str) -> Result<Self, Failure> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Failure::read_only());
        }
        let rest = path.strip_prefix("/v2").ok_or_else(Failure::no_endpoint)?;
        match rest.strip_prefix('/').unwrap_or(rest) {
            "" => Ok(Self::Base),
            "_catalog" => Ok(Self::Catalog),
            rest => Self::in_repository(rest).ok_or_else(Failure::no_endpoint),
        }
    }

    fn in_repository(rest: &'a str) -> Option<Self> {
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags { name });
        }
        let (rest, last) = rest.rsplit_once('/')?;
        let (name, kind) = rest.rsplit_once('/')?;
        match kind {
            "manifests" => Some(Self::Manifest { name, reference: last }),
            "blobs" => Some(Self::Blob { name, digest: last }),
            _ => None,
        }
    }
}

/// A digest as it stands in a path: some clients write its colon as `%3A`.
pub(super) fn digest(text: &str) -> Option<Digest> {
    text.replace("%3A", ":").replace("%3a", ":").parse().ok()
}

/// Which part of a list is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// At most so many.
    pub(super) n: Option<usize>,
    /// What comes after this.
    pub(super) last: Option<String>,
}

impl Page {
    /// Reads `n=…&last=…`.
    pub(super) fn of(query: Option<&str>) -> Result<Self, Failure> {
        let mut page = Self::default();
        for (key, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "n" => page.n = Some(value.parse().map_err(|_| Failure::page())?),
                "last" => page.last = Some(decoded(value)),
                _ => {}
            }
        }
        Ok(page)
    }
}

/// Takes `%2F` and the like out of a query's value; what is no such code stays as it is.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => (out.push(byte), rest = &tail[2..]),
            None => (out.push(*first), rest = tail),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The bytes from start to before end.
pub(super) type Range = (u64, u64);

/// The one range that is asked for of `size` bytes. Several, or one in an unknown form, may be ignored (RFC 9110, 14.2).
pub(super) fn range(headers: &HeaderMap, size: u64) -> Result<Option<Range>, Failure> {
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((from, to)) = wanted.and_then(|value| value.strip_prefix("bytes=")).and_then(|v| v.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end) = match (number(from), number(to)) {
        (Some(start), Some(last)) if last >= start => (start, last.saturating_add(1).min(size)),
        (Some(start), None) if to.trim().is_empty() => (start, size),
        (None, Some(length)) if from.trim().is_empty() => (size.saturating_sub(length), size),
        _ => return Ok(None),
    };
    if start < end { Ok(Some((start, end))) } else { Err(Failure::range(size)) }
}

/// A refusal in the spec's form.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl Failure {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, header: None }
    }

    fn read_only() -> Self {
        let header = Some((header::ALLOW, HeaderValue::from_static("GET, HEAD")));
        Self { header, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read-only") }
    }

    fn no_endpoint() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such endpoint")
    }

    fn page() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n is no number")
    }

    fn range(size: u64) -> Self {
        let header = HeaderValue::from_str(&format!("bytes */{size}")).ok().map(|value| (header::CONTENT_RANGE, value));
        Self {
            header,
            ..Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", "the blob ends before the range")
        }
    }

    pub(super) fn no_repository() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such repository")
    }

    pub(super) fn no_manifest() -> Self {
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "no such tag or manifest")
    }

    pub(super) fn no_blob() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "no such blob")
    }

    pub(super) fn bad_digest() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "expected sha256: or sha512: and lower-case hex digits")
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the file cannot be read, or is not what its digest says",
        )
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let Failure { status, code, message, header } = failure;
        let document = serde_json::json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(header);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let of = |path| Asked::of(&Method::GET, path).ok();
        assert_eq!(of("/v2/"), Some(Asked::Base));
        assert_eq!(of("/v2/_catalog"), Some(Asked::Catalog));
        assert_eq!(of("/v2/a/b/tags/list"), Some(Asked::Tags { name: "a/b" }));
        assert_eq!(of("/v2/a/manifests/x"), Some(Asked::Manifest { name: "a", reference: "x" }));
        assert_eq!(of("/v2/manifests/blobs/y"), Some(Asked::Blob { name: "manifests", digest: "y" }));
        for nothing in ["/", "/v1/", "/v2/a", "/v2/a/b", "/v2/a/uploads/x", "/v2/a/referrers/sha256:0"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert!(Asked::of(&Method::DELETE, "/v2/").is_err());
    }

    #[test]
    fn pages() {
        let page = |n, last: Option<&str>| Page { n, last: last.map(str::to_owned) };
        assert_eq!(Page::of(None).expect("none"), page(None, None));
        assert_eq!(Page::of(Some("last=a%2Fb%&n=2&x")).expect("both"), page(Some(2), Some("a/b%")));
        assert!(Page::of(Some("n=-1")).is_err());
    }

    #[test]
    fn ranges() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(text).expect("header"))]);
            range(&headers, 10).map_err(|failure| failure.status.as_u16())
        };
        assert_eq!(of("bytes=2-4"), Ok(Some((2, 5))));
        assert_eq!(of("bytes=2-99"), Ok(Some((2, 10))));
        assert_eq!(of("bytes=9-"), Ok(Some((9, 10))));
        assert_eq!(of("bytes=-3"), Ok(Some((7, 10))));
        assert_eq!(of("bytes=-99"), Ok(Some((0, 10))));
        assert_eq!((of("bytes=10-"), of("bytes=-0")), (Err(416), Err(416)));
        for ignored in
            ["bytes=4-2", "bytes=0-1,3-4", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=1-18446744073709551616"]
        {
            assert_eq!(of(ignored), Ok(None), "{ignored}");
        }
    }
}
