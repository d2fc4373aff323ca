//! podman, with a store of its own.

use std::sync::Arc;
use std::time::Duration;

use super::attached::Attached;
use super::process::Program;
use super::{Container, MeasureError, Ready, Room, Runtime, Stop};

/// Removing what a run left may take so long.
const CLEANING: Duration = Duration::from_secs(120);

/// Options of podman and of its containers that are tried in turn until a container runs: a machine's own settings, one
/// without systemd, and one where crun can't work with the control groups or podman may not raise limits.
const WAYS: [(&[&str], &[&str]); 3] = [
    (&[], &[]),
    (&["--cgroup-manager", "cgroupfs", "--events-backend", "none"], &[]),
    (
        &["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc"],
        &["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
    ),
];

/// podman and its store.
pub(super) struct Podman {
    room: Arc<Room>,
    stop: Stop,
    global: &'static [&'static str],
    create: &'static [&'static str],
}

impl Podman {
    /// Finds out how containers run here, with a small image.
    pub(super) fn new(room: &Arc<Room>, stop: &Stop, probe: &str) -> Result<Self, MeasureError> {
        let mut failed = None;
        for (global, create) in WAYS {
            let mut podman = Self { room: room.clone(), stop: stop.clone(), global, create };
            match podman.try_out(probe) {
                Ok(()) => return Ok(podman),
                Err(error @ (MeasureError::Interrupted | MeasureError::Program { .. })) => return Err(error),
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        Err(failed.unwrap_or(MeasureError::Interrupted))
    }

    fn try_out(&mut self, probe: &str) -> Result<(), MeasureError> {
        self.pull(probe)?;
        let name = self.create(probe, &Ready::FirstOutput, &[])?;
        let said = self.podman().args(["start", "--attach", &name]).run(&self.stop);
        self.remove(&name);
        self.empty();
        said.map(drop)
    }

    fn podman(&self) -> Program {
        let room = &self.room;
        let store = ["--root", &room.arg("store"), "--runroot", &room.arg("run"), "--storage-driver", "overlay"];
        Program::new("podman").args(["--log-level", "error"]).args(store).args(self.global)
    }
}

impl Runtime for Podman {
    fn pull(&mut self, image: &str) -> Result<(), MeasureError> {
        let tls = if is_loopback(image) { "--tls-verify=false" } else { "--tls-verify=true" };
        self.podman().args(["pull", "--quiet", tls, image]).run(&self.stop).map(drop)
    }

    fn create(&mut self, image: &str, _: &Ready, command: &[String]) -> Result<String, MeasureError> {
        let podman = self.podman().args(["create", "--pull", "never", "--network", "none"]).args(self.create);
        podman.args(running(image, command)).run(&self.stop)
    }

    fn start(&mut self, container: &str) -> Result<Box<dyn Container>, MeasureError> {
        let start = self.podman().args(["start", "--attach", container]);
        let pid = self.podman().args(["inspect", "--format", "{{.State.Pid}}", container]);
        let health = self.podman().args(["healthcheck", "run", container]);
        Ok(Box::new(Attached::start("podman", &start, pid, Some(health), &self.stop, None)?))
    }

    fn remove(&mut self, container: &str) {
        self.podman().args(["rm", "--force", "--time", "0", container]).clean(CLEANING);
    }

    fn empty(&mut self) {
        self.podman().args(["rmi", "--all", "--force"]).clean(CLEANING);
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.podman().args(["rm", "--all", "--force", "--time", "0"]).clean(CLEANING);
        self.empty();
    }
}

/// The last arguments of `create`: the image, and the command that it runs in place of its own.
pub(super) fn running(image: &str, command: &[String]) -> Vec<String> {
    match command {
        [] => vec![image.to_owned()],
        [program, args @ ..] => [&["--entrypoint".into(), program.clone(), image.into()], args].concat(),
    }
}

/// Whether a registry is on this machine, where plain HTTP is the rule.
pub(super) fn is_loopback(image: &str) -> bool {
    let host = image.split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.starts_with("127.")
}
