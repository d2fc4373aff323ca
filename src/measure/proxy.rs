//! A link imitated on loopback: a TCP proxy with a rate, a round trip and TCP's slow start. No root, no kernel module.
//!
//! The rate is shared by all connections, downwards; each direction is delayed by half a round trip, and a new
//! connection by a whole one more for its handshake. A connection begins with a window of ten segments, which doubles
//! with each round trip (RFC 6928, RFC 5681), and begins anew after a second of silence.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::MeasureError;
use crate::analyze::startup::Profile;

/// What is passed on at once, in bytes.
const PIECE: usize = 32 << 10;
/// Pieces that are on their way at most, in one direction of a connection: more than any link here holds.
const ON_THEIR_WAY: usize = 4096;
/// Bytes of the first window.
const WINDOW: f64 = 14_600.0;
/// After so much silence a connection begins with the first window again.
const SILENCE: f64 = 1.0;
/// How far ahead of the link a sender may be, in seconds: a busy machine wakes threads late, and a sender that is little
/// ahead then leaves the link idle.
const AHEAD: f64 = 0.1;
/// Connections at once: an engine has a few dozen.
const CONNECTIONS: usize = 256;

/// A proxy before one server; ends with the value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port of loopback, and passes on to a server.
    pub fn start(server: SocketAddr, profile: &Profile) -> Result<Self, MeasureError> {
        let failed = || MeasureError::io("cannot listen on 127.0.0.1");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let stop = Arc::new(AtomicBool::new(false));
        let link = Arc::new(Link {
            goodput: profile.goodput(),
            rtt: profile.rtt,
            begin: Instant::now(),
            free_at: Mutex::new(0.0),
            open: AtomicUsize::new(0),
        });
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    connect(&link, client, server);
                }
            }
        });
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the one that listens.
        TcpStream::connect(self.address).ok();
    }
}

/// What all connections share.
struct Link {
    goodput: f64,
    rtt: f64,
    begin: Instant,
    /// When all that was taken on has been sent.
    free_at: Mutex<f64>,
    open: AtomicUsize,
}

impl Link {
    fn now(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    /// Takes on some bytes; when their last one is sent.
    fn send(&self, bytes: usize) -> f64 {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = free_at.max(self.now()) + bytes as f64 / self.goodput;
        *free_at
    }
}

/// A piece, and when it arrives; `None` is the end.
type Piece = (f64, Option<Vec<u8>>);

/// Passes on both directions. A connection that can't be made is closed.
fn connect(link: &Arc<Link>, client: TcpStream, server: SocketAddr) {
    if link.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
        link.open.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let link = Arc::clone(link);
    std::thread::spawn(move || {
        let opened = link.now();
        if let Ok(server) = TcpStream::connect(server) {
            both(&link, opened, client, server).ok();
        }
        link.open.fetch_sub(1, Ordering::Relaxed);
    });
}

fn both(link: &Arc<Link>, opened: f64, client: TcpStream, server: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (up_from, up_to) = (client.try_clone()?, server.try_clone()?);
    let shared = Arc::clone(link);
    let up = std::thread::spawn(move || pass(&shared, opened, up_from, up_to, false));
    pass(link, opened, server, client, true);
    up.join().ok();
    Ok(())
}

/// Reads from one side; another thread writes to the other when it is time.
fn pass(link: &Arc<Link>, opened: f64, mut from: TcpStream, to: TcpStream, down: bool) {
    let (send, receive) = sync_channel(ON_THEIR_WAY);
    let shared = Arc::clone(link);
    let writer = std::thread::spawn(move || deliver(&shared, &receive, to));
    let mut window = Window { size: WINDOW, begin: 0.0, sent: 0.0, last: 0.0 };
    let mut buffer = vec![0; PIECE];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let sent = if down { window.pace(link, n) } else { link.now() };
        // The handshake's round trip has to be over.
        let arrives = sent.max(opened + link.rtt) + link.rtt / 2.0;
        if put(&send, (arrives, Some(buffer[..n].to_vec()))).is_err() {
            break;
        }
    }
    put(&send, (link.now() + link.rtt / 2.0, None)).ok();
    writer.join().ok();
}

fn put(send: &SyncSender<Piece>, piece: Piece) -> Result<(), ()> {
    send.send(piece).map_err(drop)
}

fn deliver(link: &Link, receive: &Receiver<Piece>, mut to: TcpStream) {
    for (arrives, bytes) in receive {
        sleep(arrives - link.now());
        let written = bytes.map(|bytes| to.write_all(&bytes));
        if !matches!(written, Some(Ok(()))) {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
    // Pieces that still come are for nobody: the reader ends when the channel does.
}

/// How much a connection may send in a round trip.
struct Window {
    size: f64,
    begin: f64,
    sent: f64,
    last: f64,
}

impl Window {
    /// Waits until some bytes may be sent; when their last one is.
    fn pace(&mut self, link: &Link, bytes: usize) -> f64 {
        let now = link.now();
        if now - self.last > SILENCE {
            self.size = WINDOW;
        }
        self.last = now;
        if self.size < link.goodput * link.rtt * 2.0 {
            self.grow(link, now, bytes as f64);
        }
        let sent = link.send(bytes);
        sleep(sent - link.now() - AHEAD);
        sent
    }

    /// A window's bytes are answered after a round trip, and the next one has twice as many.
    fn grow(&mut self, link: &Link, now: f64, bytes: f64) {
        if now - self.begin > link.rtt {
            (self.begin, self.sent) = (now, 0.0);
        }
        // A piece is larger than the first window: it goes as several would.
        while self.sent + bytes > self.size && self.size < link.goodput * link.rtt * 2.0 {
            sleep(self.begin + link.rtt - link.now());
            (self.size, self.begin, self.sent) = (self.size * 2.0, link.now(), 0.0);
        }
        self.sent += bytes;
    }
}

fn sleep(seconds: f64) {
    if seconds > 0.0 {
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                    io::copy(&mut from, &mut to).ok();
                    to.shutdown(Shutdown::Write).ok();
                });
            }
        });
        address
    }

    #[test]
    fn what_goes_in_comes_out_unchanged_on_every_connection() {
        let link = Profile::loopback().with(Some(1e9), Some(0.002));
        let proxy = Proxy::start(echo(), &link).unwrap();
        let address = proxy.address();
        let clients: Vec<_> = (0..4_u8)
            .map(|seed| {
                std::thread::spawn(move || {
                    let sent: Vec<u8> = (0..400_000_usize).map(|at| (at / 7) as u8 ^ seed).collect();
                    let mut stream = TcpStream::connect(address).unwrap();
                    let (mut to, copy) = (stream.try_clone().unwrap(), sent.clone());
                    let writer = std::thread::spawn(move || {
                        to.write_all(&copy).unwrap();
                        to.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).unwrap();
                    writer.join().unwrap();
                    assert!(got == sent, "{} bytes came back", got.len());
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    }

    #[test]
    fn a_server_that_is_not_there_closes_the_connection() {
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let proxy = Proxy::start(nobody, &Profile::loopback()).unwrap();
        let mut got = Vec::new();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.read_to_end(&mut got).ok();
        assert!(got.is_empty());
    }

    #[test]
    fn a_link_is_shared() {
        let link = Link {
            goodput: 1000.0,
            rtt: 0.0,
            begin: Instant::now(),
            free_at: Mutex::new(1e6),
            open: AtomicUsize::new(0),
        };
        assert_eq!((link.send(500), link.send(1000)), (1e6 + 0.5, 1e6 + 1.5));
    }
}
