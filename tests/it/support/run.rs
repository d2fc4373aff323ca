//! Drives the real binary in a room of its own: no settings, credentials or cache of the person who runs the tests.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::layout::Layout;
use super::recipe;

/// A run that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// A temporary folder with a home in it. Runs in one sandbox share their cache.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    /// A new, empty one.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("layerscope-test-").tempdir().unwrap();
        for folder in ["home", "home/.cache", "home/.config", "run"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        Self { dir }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes the images of a recipe as an OCI layout and returns `oci:DIR`, to which `:TAG` is added.
    pub(crate) fn oci(&self, text: &str) -> String {
        let dir = tempfile::Builder::new().prefix("oci-").tempdir_in(self.dir.path()).unwrap().keep();
        Layout::of(&recipe::images(text)).write_dir(&dir);
        format!("oci:{}", dir.display())
    }

    /// A command line to build on.
    pub(crate) fn layerscope<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run<'_> {
        let args = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        Run { sandbox: self, args, env: Vec::new(), stdin: Vec::new() }
    }

    /// Runs the command and expects success; its standard output.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        self.layerscope(args).run().ok()
    }

    /// Runs the command and expects exit status 2 and nothing on standard output; its standard error.
    pub(crate) fn fails<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        self.layerscope(args).run().fails()
    }

    /// The text with what differs from run to run taken out: the sandbox's path, and loopback ports.
    pub(crate) fn filter(&self, text: &str) -> String {
        let here = self.dir.path().to_string_lossy().into_owned();
        let text = text.replace(&here, "[DIR]");
        let mut pieces = text.split("127.0.0.1:");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            out.push_str("127.0.0.1:[PORT]");
            out.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        out
    }
}

/// One run, not yet started.
pub(crate) struct Run<'a> {
    sandbox: &'a Sandbox,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
}

impl Run<'_> {
    /// Sets a variable.
    pub(crate) fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// What it reads on standard input; nothing unless told.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The command, for tests that start it themselves (a server, a signal).
    pub(crate) fn command(&self) -> Command {
        let home = self.sandbox.path("home");
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
        command.args(&self.args).current_dir(self.sandbox.dir.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("TMPDIR", self.sandbox.dir.path());
        command.env("XDG_CACHE_HOME", home.join(".cache")).env("XDG_CONFIG_HOME", home.join(".config"));
        command.env("XDG_RUNTIME_DIR", self.sandbox.path("run"));
        command.envs([("NO_COLOR", "1"), ("COLUMNS", "100"), ("LC_ALL", "C"), ("TZ", "UTC")]);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), self.stdin);
        // A program that does not read all of its input is no failure of the test's.
        std::thread::spawn(move || stdin.write_all(&input).ok());
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("layerscope {:?} did not end within {PATIENCE:?}", self.args);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let bytes = stdout.join().unwrap();
        let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
        Output {
            status,
            stdout: self.sandbox.filter(&String::from_utf8_lossy(&bytes)),
            bytes,
            stderr: self.sandbox.filter(&stderr),
        }
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// What a run left. The texts are filtered, the bytes are not.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) stderr: String,
}

impl Output {
    /// The exit status; panics where a signal ended the run.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }

    /// Standard output of a run that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code(), 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Standard error of a run that must end with status 2, having said nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(self) -> String {
        assert_eq!((self.code(), self.stdout.as_str()), (2, ""), "stderr:\n{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }

    /// Standard output of a successful run, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}:\n{text}"))
    }
}
