//! Connections: no more than there is room for, and none that only waits.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// How many connections there may be, and how long one may wait for its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at one time; further ones wait for their turn.
    pub(super) connections: usize,
    /// Time for the first request.
    pub(super) first: Duration,
    /// Time for the client to take the next piece of an answer, and for the next request after it.
    pub(super) next: Duration,
}

/// A connection needs two open files, its own and that of a blob; most systems allow a process 1024. A client that is no
/// attacker asks as soon as it is connected, and may then write what it gets to a slow disk.
impl Default for Limits {
    fn default() -> Self {
        Self { connections: 400, first: Duration::from_secs(10), next: Duration::from_secs(60) }
    }
}

/// Accepts connections as long as there is room.
pub(super) struct Connections {
    listener: TcpListener,
    limits: Limits,
    room: Arc<Semaphore>,
}

impl Connections {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        Self { listener, limits, room: Arc::new(Semaphore::new(limits.connections)) }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // It is never closed, so that there is always one in the end.
        let place = self.room.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let Limits { first, next, .. } = self.limits;
        (Connection { stream, next, given_up: Box::pin(sleep(first)), _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when its client neither asks nor takes anything.
pub(super) struct Connection {
    stream: TcpStream,
    next: Duration,
    /// Put off by each piece of an answer that is taken. What is received puts off nothing, since it may come letter by
    /// letter.
    given_up: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// What is still awaited, unless it is too late.
    fn in_time<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_pending() && self.given_up.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }

    fn written(&mut self, polled: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.given_up.as_mut().reset(Instant::now() + self.next);
        }
        self.in_time(polled, cx)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        self.in_time(polled, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::body::Body;

    use super::*;

    const ASKS: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// A server with room for two connections, which answers with more than a connection holds; where it is, and how
    /// many requests it answered at one time.
    fn server(runtime: &tokio::runtime::Runtime) -> (SocketAddr, Arc<AtomicUsize>) {
        let limits = Limits { connections: 2, first: Duration::from_millis(200), next: Duration::from_millis(200) };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = most.clone();
        let router = Router::new().fallback(async move || {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(50)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Body::from(vec![b'x'; 32 << 20])
        });
        let served = axum::serve(Connections::new(listener, limits), router);
        runtime.spawn(async { served.await });
        (address, most)
    }

    fn connect(address: SocketAddr, says: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(says.as_bytes()).unwrap();
        // Only so that a server which never answers fails the test.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    #[test]
    fn who_only_waits_makes_room_for_others() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (address, most) = server(&runtime);
        // What is answered to the last of these is not read.
        for says in ["", "GET / HTTP/1.1\r\nHo", ASKS] {
            let idle: Vec<TcpStream> = (0..5).map(|_| connect(address, says)).collect();
            let mut status = [0; 12];
            connect(address, ASKS).read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200", "{says}");
            for mut stream in idle {
                let ended = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
                assert!(!matches!(ended, Err(io::ErrorKind::WouldBlock)), "{says}");
            }
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
    }
}
