//! From a request to its response.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::body::FileBody;
use super::request::{Asked, Failure, Page, digest, range};
use super::store::Store;

/// Answers a request.
pub(super) fn answer(store: &Store, request: &Parts) -> Response {
    let answer = Asked::of(&request.method, request.uri.path()).and_then(|asked| match asked {
        Asked::Base => response([(header::CONTENT_TYPE, "application/json")], Body::from("{}")),
        Asked::Catalog => catalog(store, request),
        Asked::Tags { name } => tags(store, name, request),
        Asked::Manifest { name, reference } => manifest(store, name, reference),
        Asked::Blob { name, digest } => blob(store, name, digest, request),
    });
    let mut answer = answer.unwrap_or_else(Response::from);
    // Docker asks for it at `/v2/`.
    let version = HeaderName::from_static("docker-distribution-api-version");
    answer.headers_mut().insert(version, HeaderValue::from_static("registry/2.0"));
    answer
}

fn catalog(store: &Store, request: &Parts) -> Result<Response, Failure> {
    let (names, next) = page(store.repositories(), request)?;
    list(json!({ "repositories": names }), next.map(|next| format!("</v2/_catalog?{next}>; rel=\"next\"")))
}

fn tags(store: &Store, name: &str, request: &Parts) -> Result<Response, Failure> {
    let repository = store.repository(name).ok_or_else(Failure::no_repository)?;
    let (tags, next) = page(repository.tags(), request)?;
    let next = next.map(|next| format!("</v2/{name}/tags/list?{next}>; rel=\"next\""));
    list(json!({ "name": name, "tags": tags }), next)
}

/// The wanted part of a sorted list, and the query for the next.
fn page<'a>(all: impl Iterator<Item = &'a str>, request: &Parts) -> Result<(Vec<&'a str>, Option<String>), Failure> {
    let Page { n, last } = Page::of(request.uri.query())?;
    let mut left: Vec<&str> = all.skip_while(|item| last.as_deref().is_some_and(|last| *item <= last)).collect();
    let more = n.is_some_and(|n| n < left.len());
    left.truncate(n.unwrap_or(usize::MAX));
    let next = left.last().filter(|_| more).map(|last| format!("n={}&last={last}", left.len()));
    Ok((left, next))
}

fn list(document: serde_json::Value, next: Option<String>) -> Result<Response, Failure> {
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned())];
    response(headers.into_iter().chain(next.map(|next| (header::LINK, next))), Body::from(document.to_string()))
}

fn manifest(store: &Store, name: &str, reference: &str) -> Result<Response, Failure> {
    let repository = store.repository(name).ok_or_else(Failure::no_repository)?;
    let wanted = match repository.tag(reference) {
        Some(tagged) => tagged,
        None if reference.contains([':', '%']) => digest(reference).ok_or_else(Failure::bad_digest)?,
        None => return Err(Failure::no_manifest()),
    };
    let document = store.manifest(repository, &wanted)?;
    let headers = [
        (header::CONTENT_TYPE, document.media_type),
        (header::CONTENT_LENGTH, document.bytes.len().to_string()),
        (CONTENT_DIGEST, wanted.to_string()),
    ];
    response(headers, Body::from(document.bytes))
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

fn blob(store: &Store, name: &str, wanted: &str, request: &Parts) -> Result<Response, Failure> {
    let repository = store.repository(name).ok_or_else(Failure::no_repository)?;
    let wanted = digest(wanted).ok_or_else(Failure::bad_digest)?;
    let part = store.blob(repository, &wanted)?;
    let size = part.len();
    let range = range(&request.headers, size)?;
    let (start, end) = range.unwrap_or((0, size));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, (end - start).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (CONTENT_DIGEST, wanted.to_string()),
    ];
    let ranged = range.map(|_| (header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1)));
    let mut response = response(headers.into_iter().chain(ranged), Body::new(FileBody::new(part.slice(start, end))))?;
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// A response of status 200. A media type that cannot stand in a header is an error of the image's.
fn response(headers: impl IntoIterator<Item = (HeaderName, impl AsRef<str>)>, body: Body) -> Result<Response, Failure> {
    let mut response = Response::new(body);
    for (name, value) in headers {
        let value = HeaderValue::from_str(value.as_ref()).map_err(|_| Failure::internal())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
