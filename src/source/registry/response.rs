//! Reading an answer: bodies within bounds, and what a refusal means.

use std::time::Duration;

use reqwest::Response;

use super::error::{RegistryError, authority, reason_of};
use super::retry::{Patience, retry_after};

/// What is read of an error page.
const ERROR_PAGE: usize = 16 << 10;
/// How long an error page may take.
const ERROR_PAGE_TIME: Duration = Duration::from_secs(5);

/// The whole body, at most `limit` bytes of it and in reasonable time.
pub(super) async fn body(
    response: Response,
    what: &str,
    limit: u64,
    patience: &Patience,
) -> Result<Vec<u8>, RegistryError> {
    let host = authority(response.url());
    let read = tokio::time::timeout(patience.document, collect(response, what, &host, limit)).await;
    read.unwrap_or_else(|_| {
        let reason = "it took too long".to_owned();
        Err(RegistryError::Transport { what: what.into(), host, reason, permanent: false })
    })
}

/// The same, as long as something comes.
pub(super) async fn collect(
    mut response: Response,
    what: &str,
    host: &str,
    limit: u64,
) -> Result<Vec<u8>, RegistryError> {
    let too_large = || RegistryError::TooLarge { what: what.into(), host: host.into(), limit };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| RegistryError::transport(what, host, error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
    }
    Ok(bytes)
}

/// The beginning of an error page; whatever goes wrong with it does not matter, and it is not waited for.
pub(super) async fn start_of_body(mut response: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= ERROR_PAGE {
                break;
            }
        }
    };
    // An error page that drips says enough by its status.
    let _ = tokio::time::timeout(ERROR_PAGE_TIME, read).await;
    bytes.truncate(ERROR_PAGE);
    bytes
}

/// The error that an answer with an error status is.
pub(super) async fn refusal(response: Response, what: &str, host: &str) -> RegistryError {
    let status = response.status().as_u16();
    let wait = retry_after(response.headers());
    let reason = reason_of(&start_of_body(response).await);
    let (what, host) = (what.to_owned(), host.to_owned());
    match status {
        404 => RegistryError::NotFound { what, host, reason },
        429 => RegistryError::Limited { what, host, reason, wait },
        _ => RegistryError::Status { what, host, status, reason, wait },
    }
}
