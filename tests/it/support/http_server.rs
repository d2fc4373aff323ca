//! An HTTP server that can misbehave: it cuts connections, stalls, and lies about lengths. It remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An answer, and how it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// `Content-Length`, where it is not the truth.
    pub(crate) claims: Option<usize>,
    /// Sent in chunks, without a length.
    pub(crate) chunked: bool,
    /// The connection is cut after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Before each piece of so many bytes it waits.
    pub(crate) drip: Option<(usize, Duration)>,
}

/// Runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Ask>>>,
    stopped: Arc<AtomicBool>,
}

impl Ask {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A parameter of the query, not unescaped.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let query = self.target.split_once('?')?.1;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// `GET /path`, and `+auth` where credentials came along.
    pub(crate) fn line(&self) -> String {
        let range = self.header("range").map(|range| format!(" {range}")).unwrap_or_default();
        let auth = self.header("authorization").and_then(|value| value.split(' ').next());
        let auth = auth.map(|scheme| format!(" +{scheme}")).unwrap_or_default();
        format!("{} {}{range}{auth}", self.method, self.target)
    }

    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut first = lines.first()?.split(' ').map(str::to_owned);
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers: Vec<_> = headers.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut ask = Self { method: first.next()?, target: first.next()?, headers, body: String::new() };
        let length = ask.header("content-length").map_or(0, |length| length.parse().unwrap());
        stream.take(length).read_to_string(&mut ask.body).ok()?;
        Some(ask)
    }
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    #[must_use]
    pub(crate) fn with(mut self, header: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(header));
        self.headers.push((header.to_owned(), value.into()));
        self
    }

    /// Gone after so many bytes.
    #[must_use]
    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    /// Whether the connection can go on.
    fn send(&self, stream: &mut TcpStream) -> std::io::Result<bool> {
        let mut head = format!("HTTP/1.1 {} Said\r\n", self.status);
        for (key, value) in &self.headers {
            head += &format!("{key}: {value}\r\n");
        }
        head += &match self.chunked {
            true => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
            false => format!("Content-Length: {}\r\n\r\n", self.claims.unwrap_or(self.body.len())),
        };
        stream.write_all(head.as_bytes())?;
        let body = &self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())];
        let (piece, wait) = self.drip.unwrap_or((body.len().max(1), Duration::ZERO));
        for piece in body.chunks(piece) {
            std::thread::sleep(wait);
            if self.chunked {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
            }
            stream.write_all(piece)?;
            if self.chunked {
                stream.write_all(b"\r\n")?;
            }
        }
        if self.chunked && self.cut.is_none() {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(self.cut.is_none() && self.claims.is_none())
    }
}

impl Server {
    /// Answers what `handle` says, one thread for each connection.
    pub(crate) fn start(handle: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (handle, seen, stop) = (Arc::new(handle), log.clone(), stopped.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (handle, seen) = (handle.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &seen, &*handle));
            }
        });
        Self { address, log, stopped }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// What it was asked so far.
    pub(crate) fn log(&self) -> Vec<Ask> {
        self.log.lock().unwrap().clone()
    }

    /// The same as lines, with digests cut short.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |ask: &Ask| match ask.line().split_once("sha256:") {
            Some((before, after)) => format!("{before}sha256:…{}", &after[64..]),
            None => ask.line(),
        };
        self.log().iter().map(line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Ask>>, handle: &dyn Fn(&Ask) -> Reply) {
    // Head and body are sent one after the other: the second must not wait for an answer to the first.
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(ask) = Ask::read(&mut reader) {
        seen.lock().unwrap().push(ask.clone());
        if !handle(&ask).send(&mut stream).unwrap_or(false) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}
