//! A Docker of our own: its daemon, its containerd, its store. Only root can run one.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::attached::Attached;
use super::containerd::Containerd;
use super::podman::running;
use super::process::{Daemon, Program};
use super::room::is_root;
use super::{Container, MeasureError, Ready, Room, Runtime, Stop};

const CLEANING: Duration = Duration::from_secs(120);
/// How often Docker looks after a container's health: as often as it lets us.
const HEALTH: [&str; 2] = ["--health-interval", "100ms"];

/// A Docker daemon, and `docker`, which speaks to it.
pub(super) struct Docker {
    room: Arc<Room>,
    stop: Stop,
    // Ended in this order.
    _daemon: Daemon,
    _containerd: Containerd,
}

impl Docker {
    /// Starts the daemon, without networks.
    pub(super) fn new(room: &Arc<Room>, stop: &Stop) -> Result<Self, MeasureError> {
        if !is_root() {
            return Err(MeasureError::Root { what: "a Docker daemon of our own" });
        }
        let containerd = Containerd::start(room, stop)?;
        let socket = format!("unix://{}", room.arg("d.sock"));
        let places = [
            ["--containerd", containerd.socket()],
            ["--data-root", &room.arg("docker")],
            ["--exec-root", &room.arg("exec")],
            ["--pidfile", &room.arg("d.pid")],
            ["--config-file", &room.arg("none.json")],
            ["--host", &socket],
            ["--storage-driver", "overlay2"],
        ];
        let none = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"];
        std::fs::write(room.path("none.json"), "{}").map_err(MeasureError::io("cannot write a configuration"))?;
        let program = Program::new("dockerd").args(places.concat()).args(none).args(["--userland-proxy=false"]);
        let daemon = Daemon::start("dockerd", &program, stop, || UnixStream::connect(room.path("d.sock")).is_ok())?;
        let docker = Self { room: room.clone(), stop: stop.clone(), _daemon: daemon, _containerd: containerd };
        docker.docker().args(["version"]).run(stop)?;
        Ok(docker)
    }

    fn docker(&self) -> Program {
        let host = format!("unix://{}", self.room.arg("d.sock"));
        Program::new("docker").args(["--host", &host]).env("DOCKER_CLI_HINTS", "false")
    }
}

impl Runtime for Docker {
    fn pull(&mut self, image: &str) -> Result<(), MeasureError> {
        self.docker().args(["pull", "--quiet", image]).run(&self.stop).map(drop)
    }

    fn create(&mut self, image: &str, ready: &Ready, command: &[String]) -> Result<String, MeasureError> {
        let health = matches!(ready, Ready::Healthy).then_some(HEALTH).into_iter().flatten();
        let create = self.docker().args(["create", "--network", "none"]).args(health);
        create.args(running(image, command)).run(&self.stop)
    }

    fn start(&mut self, container: &str) -> Result<Box<dyn Container>, MeasureError> {
        let start = self.docker().args(["start", "--attach", container]);
        let pid = self.docker().args(["inspect", "--format", "{{.State.Pid}}", container]);
        let health = self.docker().args(["inspect", "--format", "{{.State.Health.Status}}", container]);
        Ok(Box::new(Attached::start("docker", &start, pid, Some(health), &self.stop, None)?))
    }

    fn remove(&mut self, container: &str) {
        self.docker().args(["rm", "--force", container]).clean(CLEANING);
    }

    fn empty(&mut self) {
        let list = self.docker().args(["images", "--quiet", "--no-trunc"]).run(&Stop::default()).unwrap_or_default();
        let images: Vec<&str> = list.lines().collect();
        if !images.is_empty() {
            self.docker().args(["rmi", "--force"]).args(images).clean(CLEANING);
        }
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let list = self.docker().args(["ps", "--all", "--quiet"]).run(&Stop::default()).unwrap_or_default();
        for container in list.lines() {
            self.remove(container);
        }
    }
}
