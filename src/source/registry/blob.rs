//! One blob as a plain `Read`: fetched by a task, handed over through a bounded channel, resumed where it broke off.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use std::vec::IntoIter;

use backon::ExponentialBackoff;
use bytes::{Buf as _, Bytes};
use reqwest::Response;
use reqwest::header::CONTENT_RANGE;
use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::retry::Patience;
use super::{Inner, Runtime};
use crate::model::Descriptor;

/// Pieces that wait for the reader, at most 1 MiB together; and as many that it has taken.
const PIECES: usize = 16;
/// The largest piece.
const PIECE: usize = 64 << 10;
/// A download that gets this much further may fail as often again.
const PROGRESS: u64 = 1 << 20;

type Piece = Result<Bytes, RegistryError>;

/// Starts a download. The first answer is waited for, so that a blob that cannot be had is known at once.
pub(super) fn open(
    runtime: &Arc<Runtime>,
    inner: &Arc<Inner>,
    layer: &Descriptor,
) -> Result<BlobReader, RegistryError> {
    let what = format!("layer {}", layer.digest);
    let digest = layer.digest.to_string();
    let first = async |endpoint: &Endpoint| endpoint.first_blob(&digest, &what).await;
    let (endpoint, response) = runtime.block_on(inner.anywhere(first))?;
    let (sender, pieces) = mpsc::channel(PIECES);
    let patience = *inner.http.patience();
    let download = Download {
        inner: inner.clone(),
        endpoint,
        what,
        layer: layer.clone(),
        at: 0,
        mark: 0,
        ranges: true,
        pauses: patience.pauses(),
        patience,
        sender,
    };
    runtime.spawn(download.run(response));
    Ok(BlobReader {
        pieces,
        taken: Vec::new().into_iter(),
        current: Bytes::new(),
        left: layer.size,
        _runtime: runtime.clone(),
    })
}

/// The reading end.
pub(super) struct BlobReader {
    pieces: mpsc::Receiver<Piece>,
    /// All that had come, taken at once: taken one by one, each would wake the task that fetches, for one more.
    taken: IntoIter<Piece>,
    current: Bytes,
    /// Bytes still to come.
    left: u64,
    /// Keeps the task alive as long as it is read.
    _runtime: Arc<Runtime>,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if let Some(piece) = self.taken.next() {
                self.current = piece.map_err(io::Error::other)?;
                continue;
            }
            let mut pieces = Vec::with_capacity(PIECES);
            match self.pieces.blocking_recv_many(&mut pieces, PIECES) {
                0 if self.left == 0 => return Ok(0),
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download has stopped")),
                _ => self.taken = pieces.into_iter(),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// The fetching end.
struct Download {
    inner: Arc<Inner>,
    /// Which of the endpoints it comes from.
    endpoint: usize,
    what: String,
    layer: Descriptor,
    /// Bytes handed over.
    at: u64,
    /// Where `at` was when the pauses were last reset.
    mark: u64,
    /// Whether ranges are worth asking for.
    ranges: bool,
    pauses: ExponentialBackoff,
    patience: Patience,
    sender: mpsc::Sender<Piece>,
}

impl Download {
    async fn run(mut self, first: Response) {
        let mut answer = Ok((first, 0));
        loop {
            let outcome = match answer {
                Ok((response, from)) => self.stream(response, from).await,
                Err(error) => Err(error),
            };
            let Err(error) = outcome else { return };
            let Some(pause) = self.pause(&error) else {
                let _ = self.sender.send(Err(self.last_word(error))).await;
                return;
            };
            tracing::warn!("{error}; resuming at byte {} in {} ms", self.at, pause.as_millis());
            tokio::time::sleep(pause).await;
            if self.sender.is_closed() {
                return;
            }
            answer = self.resume().await;
        }
    }

    /// Hands over what comes, from the byte that is next. `from` is where the response starts.
    async fn stream(&mut self, mut response: Response, mut from: u64) -> Result<(), RegistryError> {
        if from == 0 && response.content_length().is_some_and(|length| length > self.layer.size) {
            return Err(self.too_long());
        }
        loop {
            let chunk = response.chunk().await;
            let mut chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                // All is here: how the connection ends doesn't matter.
                _ if self.at == self.layer.size => return Ok(()),
                Ok(None) => return Err(self.broken("the connection ended early")),
                Err(error) => return Err(RegistryError::transport(&self.what, self.host(), error)),
            };
            let known = usize::try_from(self.at - from).unwrap_or(usize::MAX).min(chunk.len());
            chunk.advance(known);
            from += known as u64;
            if chunk.len() as u64 > self.layer.size - self.at {
                return Err(self.too_long());
            }
            from += chunk.len() as u64;
            if self.hand_over(chunk).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Fails when nobody reads any more.
    async fn hand_over(&mut self, mut chunk: Bytes) -> Result<(), ()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(PIECE));
            let count = piece.len() as u64;
            self.sender.send(Ok(piece)).await.map_err(|_| ())?;
            self.at += count;
        }
        Ok(())
    }

    /// Asks for the rest, or for the whole where the registry makes a mess of ranges.
    async fn resume(&mut self) -> Result<(Response, u64), RegistryError> {
        let from = if self.ranges { self.at } else { 0 };
        let endpoint = &self.inner.endpoints[self.endpoint];
        let response = match endpoint.blob(&self.layer.digest.to_string(), &self.what, from).await {
            Err(RegistryError::Status { status: 416, .. }) => {
                self.ranges = false;
                return Err(self.broken("it refuses to resume (416)"));
            }
            other => other?,
        };
        if response.status() != 206 {
            return Ok((response, 0));
        }
        if range_start(&response, self.layer.size) != Some(from) {
            self.ranges = false;
            return Err(self.broken("it resumes at the wrong byte"));
        }
        Ok((response, from))
    }

    /// How long to wait after an error; `None` to give up.
    fn pause(&mut self, error: &RegistryError) -> Option<Duration> {
        if self.at - self.mark >= PROGRESS {
            self.mark = self.at;
            self.pauses = self.patience.pauses();
        }
        let pause = self.pauses.next();
        self.patience.pause(error, pause)
    }

    fn last_word(&self, error: RegistryError) -> RegistryError {
        if !error.is_passing() {
            return error;
        }
        RegistryError::BlobTooShort {
            host: self.host().into(),
            digest: self.layer.digest,
            expected: self.layer.size,
            received: self.at,
            reason: match error {
                RegistryError::Transport { reason, .. } => reason,
                other => other.to_string(),
            },
        }
    }

    fn host(&self) -> &str {
        &self.inner.endpoints[self.endpoint].location.host
    }

    fn too_long(&self) -> RegistryError {
        let (digest, expected) = (self.layer.digest, self.layer.size);
        RegistryError::BlobTooLong { host: self.host().into(), digest, expected }
    }

    fn broken(&self, reason: &str) -> RegistryError {
        let (what, host) = (self.what.clone(), self.host().to_owned());
        RegistryError::Transport { what, host, reason: reason.into(), permanent: false }
    }
}

/// The first byte of a 206, if its `Content-Range` fits a blob of this size (RFC 9110, 14.4).
pub(super) fn range_start(response: &Response, size: u64) -> Option<u64> {
    let header = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let fits = total == "*" || total.parse() == Ok(size);
    range.split_once('-').filter(|_| fits)?.0.trim().parse().ok()
}
