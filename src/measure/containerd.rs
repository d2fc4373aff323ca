//! containerd of our own, driven with `ctr`.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::attached::Attached;
use super::podman::is_loopback;
use super::process::{Daemon, Program};
use super::room::{fits_a_socket, is_root};
use super::{Container, MeasureError, Ready, Room, Runtime, Stop};

const CLEANING: Duration = Duration::from_secs(120);

/// A containerd with a store of its own.
pub(super) struct Containerd {
    socket: String,
    _daemon: Daemon,
}

impl Containerd {
    /// Starts it.
    pub(super) fn start(room: &Arc<Room>, stop: &Stop) -> Result<Self, MeasureError> {
        if !is_root() {
            return Err(MeasureError::Root { what: "a containerd of our own" });
        }
        let socket = room.path("c.sock");
        if !fits_a_socket(&socket) {
            let source = std::io::ErrorKind::InvalidFilename.into();
            return Err(MeasureError::Io { what: format!("{} is too long for a socket", socket.display()), source });
        }
        room.folder("containerd")?;
        let program = Program::new("containerd").args(["--config", "/dev/null", "--address", &room.arg("c.sock")]);
        let program = program.args(["--root", &room.arg("containerd/root"), "--state", &room.arg("containerd/state")]);
        let daemon = Daemon::start("containerd", &program, stop, || UnixStream::connect(&socket).is_ok())?;
        Ok(Self { socket: socket.display().to_string(), _daemon: daemon })
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> &str {
        &self.socket
    }
}

/// `ctr`, and the containerd that it speaks to.
pub(super) struct Ctr {
    containerd: Containerd,
    stop: Stop,
    made: usize,
    room: Arc<Room>,
}

impl Ctr {
    /// Starts containerd.
    pub(super) fn new(room: &Arc<Room>, stop: &Stop) -> Result<Self, MeasureError> {
        let containerd = Containerd::start(room, stop)?;
        Ok(Self { containerd, stop: stop.clone(), made: 0, room: room.clone() })
    }

    fn ctr(&self) -> Program {
        Program::new("ctr").args(["--address", self.containerd.socket(), "--namespace", "layerscope"])
    }
}

impl Runtime for Ctr {
    fn pull(&mut self, image: &str) -> Result<(), MeasureError> {
        let plain = is_loopback(image).then_some("--plain-http");
        self.ctr().args(["images", "pull"]).args(plain).args([image]).run(&self.stop).map(drop)
    }

    fn create(&mut self, image: &str, _: &Ready, command: &[String]) -> Result<String, MeasureError> {
        self.made += 1;
        let name = format!("c{}", self.made);
        self.ctr().args(["containers", "create", image, &name]).args(command).run(&self.stop)?;
        Ok(name)
    }

    fn start(&mut self, container: &str) -> Result<Box<dyn Container>, MeasureError> {
        // Its output goes to a file: attached, `ctr` keeps standard input open, and a shell would wait for it for ever.
        let log = self.room.path(&format!("{container}.log"));
        let start = self.ctr().args(["tasks", "start", "--log-uri", &format!("file://{}", log.display()), container]);
        // TASK PID STATUS: the name is no number.
        let pid = self.ctr().args(["tasks", "list"]);
        Ok(Box::new(Attached::start("containerd", &start, pid, None, &self.stop, Some(log))?))
    }

    fn remove(&mut self, container: &str) {
        self.ctr().args(["tasks", "rm", "--force", container]).clean(CLEANING);
        self.ctr().args(["containers", "rm", container]).clean(CLEANING);
    }

    fn empty(&mut self) {
        let list = self.ctr().args(["images", "list", "--quiet"]).run(&Stop::default()).unwrap_or_default();
        for image in list.lines() {
            self.ctr().args(["images", "rm", "--sync", image]).clean(CLEANING);
        }
    }
}

impl Drop for Ctr {
    fn drop(&mut self) {
        self.empty();
    }
}
