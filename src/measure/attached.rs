//! A container whose output we read, and whose network we look into through `/proc`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Child;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::{KEPT, Program, Written, drain, kill_group};
use super::ready::listens;
use super::room::is_root;
use super::{Container, MeasureError, Ready, Stop};

/// An answer that takes longer than this is none.
const ANSWER: Duration = Duration::from_secs(2);

/// What an engine's program that is attached to a container gives: its output, and its end.
pub(super) struct Attached {
    child: Child,
    written: Written,
    stop: Stop,
    /// Prints the process's number, once there is one.
    pid: Program,
    found: Option<u32>,
    /// Succeeds once the container is healthy, if the engine can tell.
    health: Option<Program>,
    /// Where its output goes, if not through the program.
    log: Option<PathBuf>,
    engine: &'static str,
}

impl Attached {
    /// Starts the program.
    pub(super) fn start(
        engine: &'static str,
        program: &Program,
        pid: Program,
        health: Option<Program>,
        stop: &Stop,
        log: Option<PathBuf>,
    ) -> Result<Self, MeasureError> {
        let mut child = program.spawn()?;
        let written = Written::default();
        child.stdout.take().map(|pipe| drain(pipe, &written));
        child.stderr.take().map(|pipe| drain(pipe, &written));
        Ok(Self { child, written, stop: stop.clone(), pid, found: None, health, log, engine })
    }

    /// The number of the container's first process; `None` while there is none.
    fn pid(&mut self) -> Option<u32> {
        if self.found.is_none() {
            let text = self.pid.run(&self.stop).ok()?;
            self.found = text.split_ascii_whitespace().find_map(|word| word.parse().ok()).filter(|pid| *pid > 0);
        }
        self.found
    }
}

impl Container for Attached {
    fn output(&mut self) -> Vec<u8> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(file) = self.log.as_ref().and_then(|log| fs::File::open(log).ok()) {
            file.take(KEPT as u64).read_to_end(&mut written).ok();
        }
        written
    }

    fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn status(&mut self) -> Option<i32> {
        // An engine's program ends as the container did.
        self.child.try_wait().ok().flatten()?.code()
    }

    fn is(&mut self, ready: &Ready) -> Result<bool, MeasureError> {
        match (ready, self.pid()) {
            (Ready::Healthy, _) => match &self.health {
                Some(health) => Ok(health.run(&self.stop).is_ok_and(|said| said.is_empty() || said == "healthy")),
                None => Err(MeasureError::Untold { engine: self.engine, ready: ready.describe() }),
            },
            (Ready::Port(port), Some(pid)) => {
                let table = |name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
                Ok(["tcp", "tcp6"].into_iter().any(|name| listens(&table(name), *port)))
            }
            (Ready::Http { port, path }, Some(pid)) => {
                if !is_root() {
                    return Err(MeasureError::Root { what: "asking a container over HTTP" });
                }
                Ok(answers(pid, *port, path))
            }
            _ => Ok(false),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_group(self.child.id(), Signal::KILL);
            self.child.wait().ok();
        }
    }
}

/// Whether a request in a process's network is answered with a status below 400. A thread enters that network, and ends.
fn answers(pid: u32, port: u16, path: &str) -> bool {
    let path = path.to_owned();
    let ask = move || -> std::io::Result<bool> {
        let network = fs::File::open(format!("/proc/{pid}/ns/net"))?;
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n").as_bytes())?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        let status = std::str::from_utf8(&head[9..]).ok().and_then(|status| status.parse::<u16>().ok());
        Ok(head.starts_with(b"HTTP/1.") && status.is_some_and(|status| (100..400).contains(&status)))
    };
    std::thread::spawn(ask).join().is_ok_and(|answer| answer.unwrap_or(false))
}
