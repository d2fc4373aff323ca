//! A part of one blob (RFC 9110, 14; distribution-spec, "Pulling blobs"): asked for with `Range`, and taken only if it is
//! what was asked for.

use std::ops::Range;
use std::sync::atomic::Ordering;

use reqwest::Response;

use super::Inner;
use super::blob::range_start;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::response::collect;
use crate::model::Descriptor;

/// The bytes of `range`; `None` from a registry that doesn't give parts. It is not asked again.
pub(super) async fn part(
    inner: &Inner,
    layer: &Descriptor,
    range: Range<u64>,
) -> Result<Option<Vec<u8>>, RegistryError> {
    let Some(to) = range.end.checked_sub(1).filter(|to| *to >= range.start) else { return Ok(Some(Vec::new())) };
    if inner.whole_only.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let what = format!("part of layer {}", layer.digest);
    let wanted = Wanted { digest: layer.digest.to_string(), what, size: layer.size, from: range.start, to };
    let ask = async |endpoint: &Endpoint| endpoint.patience().retry(|| wanted.once(endpoint)).await;
    let (_, bytes) = inner.anywhere(ask).await?;
    if bytes.is_none() {
        inner.whole_only.store(true, Ordering::Relaxed);
    }
    Ok(bytes)
}

struct Wanted {
    digest: String,
    what: String,
    /// Bytes of the blob.
    size: u64,
    from: u64,
    to: u64,
}

impl Wanted {
    async fn once(&self, endpoint: &Endpoint) -> Result<Option<Vec<u8>>, RegistryError> {
        match endpoint.part(&self.digest, &self.what, self.from, self.to).await {
            Ok(response) if self.is_answered_by(&response) => {
                self.bytes(response, &endpoint.location.host).await.map(Some)
            }
            // The whole blob begins to come, or something else: the connection is closed.
            Ok(_) | Err(RegistryError::Status { status: 416, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_answered_by(&self, response: &Response) -> bool {
        response.status() == 206 && range_start(response, self.size) == Some(self.from)
    }

    async fn bytes(&self, response: Response, host: &str) -> Result<Vec<u8>, RegistryError> {
        let length = self.to - self.from + 1;
        let bytes = collect(response, &self.what, host, length).await?;
        if bytes.len() as u64 == length {
            return Ok(bytes);
        }
        let reason = "the connection ended early".into();
        Err(RegistryError::Transport { what: self.what.clone(), host: host.into(), reason, permanent: false })
    }
}
