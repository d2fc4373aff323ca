//! A file on its way to a client, piece by piece. No thread waits for a slow client.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::source::Part;

/// What is read and held at once, for each download.
const PIECE: u64 = 1 << 18;

/// A response's body.
pub(super) struct FileBody {
    left: u64,
    state: State,
}

enum State {
    Waiting(Option<Part>),
    Reading(JoinHandle<io::Result<(Part, Vec<u8>)>>),
}

impl FileBody {
    pub(super) fn new(part: Part) -> Self {
        Self { left: part.len(), state: State::Waiting(Some(part)) }
    }
}

fn read(mut part: Part) -> io::Result<(Part, Vec<u8>)> {
    let mut piece = Vec::with_capacity(usize::try_from(part.len().min(PIECE)).unwrap_or_default());
    part.by_ref().take(PIECE).read_to_end(&mut piece)?;
    Ok((part, piece))
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match &mut self.state {
                State::Waiting(part) => match part.take().filter(|part| part.len() > 0) {
                    Some(part) => self.state = State::Reading(tokio::task::spawn_blocking(move || read(part))),
                    None => return Poll::Ready(None),
                },
                State::Reading(reading) => {
                    let done = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
                    let (part, piece) = match done {
                        Ok((part, piece)) => (Some(part), Ok(piece)),
                        Err(error) => (None, Err(error)),
                    };
                    self.state = State::Waiting(part);
                    self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
                    return Poll::Ready(Some(piece.map(|piece| Frame::data(piece.into()))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
