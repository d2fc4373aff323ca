//! Debian's `docker-registry`, running.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::need;

/// A registry of a test's own, gone when dropped.
pub(crate) struct DockerRegistry {
    dir: tempfile::TempDir,
    program: PathBuf,
    pub(crate) host: String,
    process: Child,
}

/// What it is told beside its place, in the form of its configuration.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'s> {
    pub(crate) http: &'s str,
    pub(crate) storage: &'s str,
    pub(crate) top: &'s str,
}

impl DockerRegistry {
    /// Without a password, over plain HTTP.
    pub(crate) fn start() -> Option<Self> {
        Self::with(tempfile::tempdir().unwrap(), Settings::default())
    }

    /// On a folder. `None`, as with [`need`], where it is not installed.
    pub(crate) fn with(dir: tempfile::TempDir, settings: Settings<'_>) -> Option<Self> {
        let program = need("docker-registry")?;
        // Free a moment ago, and likely to stay so.
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let process = serve(&program, dir.path(), &host, settings);
        Some(Self { dir, program, host, process })
    }

    /// From now on it gives, and takes nothing.
    pub(crate) fn refuse_pushes(&mut self) {
        self.stop();
        let settings = Settings { storage: ", maintenance: {readonly: {enabled: true}}", ..Settings::default() };
        self.process = serve(&self.program, self.dir.path(), &self.host, settings);
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Requests of a method so far, by their path.
    pub(crate) fn requests(&self, method: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap();
        let lines = log.lines().filter_map(|line| line.split(&format!("\"{method} ")).nth(1));
        lines.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(program: &Path, dir: &Path, host: &str, Settings { http, storage, top }: Settings<'_>) -> Child {
    let data = dir.join("data");
    let storage = format!("storage: {{filesystem: {{rootdirectory: {}}}{storage}}}", data.display());
    let config = format!("version: 0.1\nlog: {{level: info}}\n{storage}\nhttp: {{addr: '{host}'{http}}}\n{top}\n");
    std::fs::write(dir.join("config.yml"), config).unwrap();
    let mut command = Command::new(program);
    command.arg("serve").arg(dir.join("config.yml"));
    command.stdout(File::create(dir.join("log")).unwrap()).stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let started = Instant::now();
    while TcpStream::connect(host).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "docker-registry does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    process
}
