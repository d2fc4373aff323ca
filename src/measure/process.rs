//! Programs that are run: in a process group of their own, so that Ctrl-C is ours to act on, and not for ever.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{MeasureError, Stop};

/// A pull of a large image over a thin link may take so long; nothing else does.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);
/// How often it is asked whether the person wants to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Kept of what a program writes: the first part. And of that, the end is shown.
pub(super) const KEPT: usize = 1 << 20;
const SHOWN: usize = 400;

/// What a program wrote so far; both streams in one, as they come.
pub(super) type Written = Arc<Mutex<Vec<u8>>>;

/// Keeps reading, so that the program never waits; keeps only the first part.
pub(super) fn drain(mut from: impl Read + Send + 'static, into: &Written) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(into.len());
            into.extend_from_slice(&buffer[..n.min(room)]);
        }
    })
}

/// The end of what was written, as text.
pub(super) fn tail(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    let text = text.trim();
    let from = text.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
    if text.is_empty() { "it said nothing".into() } else { text[from..].to_owned() }
}

/// A command with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Program {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Program {
    /// A program, looked for on `PATH`.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), args: Vec::new(), env: Vec::new() }
    }

    /// With more arguments.
    pub(super) fn args<A: AsRef<str>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// With a variable.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// As a person would type it, shortened.
    fn shown(&self) -> String {
        let last = self.args.iter().rev().take(3).rev().map(String::as_str).collect::<Vec<_>>().join(" ");
        let dots = if self.args.len() > 3 { " …" } else { "" };
        format!("{}{dots} {last}", self.name)
    }

    /// Starts it, with pipes for what it writes.
    pub(super) fn spawn(&self) -> Result<Child, MeasureError> {
        let mut command = Command::new(&self.name);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value))).process_group(0);
        command.env("PATH", with_sbin()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|source| MeasureError::Program { program: self.name.clone(), source })
    }

    /// Runs it to its end, which must be a good one; what it wrote on standard output.
    pub(super) fn run(&self, stop: &Stop) -> Result<String, MeasureError> {
        let (status, out, err) = self.finish(Some(stop), PATIENCE)?;
        match status.success() {
            true => Ok(String::from_utf8_lossy(&out).trim().to_owned()),
            false => Err(MeasureError::Failed { command: self.shown(), said: tail(&[out, err].concat()) }),
        }
    }

    /// Runs it while cleaning up: whatever comes of it, and whoever wants to stop.
    pub(super) fn clean(&self, patience: Duration) {
        if let Err(error) = self.finish(None, patience) {
            tracing::debug!("while cleaning up: {error}");
        }
    }

    fn finish(&self, stop: Option<&Stop>, patience: Duration) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), MeasureError> {
        let mut child = self.spawn()?;
        let pid = child.id();
        let (out, err) = (Written::default(), Written::default());
        let drains =
            (child.stdout.take().map(|pipe| drain(pipe, &out)), child.stderr.take().map(|pipe| drain(pipe, &err)));
        let (ended, hear) = mpsc::channel();
        std::thread::spawn(move || ended.send(child.wait()));
        let begin = Instant::now();
        let status = loop {
            match hear.recv_timeout(LOOK) {
                Ok(status) => break status.map_err(MeasureError::io(self.shown()))?,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(self.late(patience)),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            let stopped = stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            if stopped || begin.elapsed() > patience {
                kill_group(pid, Signal::KILL);
                hear.recv_timeout(Duration::from_secs(5)).ok();
                return Err(if stopped { MeasureError::Interrupted } else { self.late(patience) });
            }
        };
        // A grandchild (conmon) may hold the pipes for longer than the program lives.
        let begin = Instant::now();
        let open = |handle: &Option<JoinHandle<()>>| handle.as_ref().is_some_and(|handle| !handle.is_finished());
        while (open(&drains.0) || open(&drains.1)) && begin.elapsed() < LOOK {
            std::thread::sleep(Duration::from_millis(1));
        }
        let take = |written: Written| std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((status, take(out), take(err)))
    }

    fn late(&self, patience: Duration) -> MeasureError {
        MeasureError::Late { command: self.shown(), seconds: patience.as_secs() }
    }
}

/// Daemons and runtimes are in folders that are not on everyone's `PATH`.
fn with_sbin() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

/// Sends a signal to a process and all that it started.
pub(super) fn kill_group(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        kill_process_group(pid, signal).ok();
    }
}

/// A daemon of our own; ended with the value.
pub(super) struct Daemon {
    child: Child,
    log: Written,
}

/// Time for a daemon to end by itself: it unmounts what it has.
const GRACE: Duration = Duration::from_secs(15);

impl Daemon {
    /// Starts it, and waits until `answers` says yes.
    pub(super) fn start(
        name: &'static str,
        program: &Program,
        stop: &Stop,
        answers: impl Fn() -> bool,
    ) -> Result<Self, MeasureError> {
        let mut child = program.spawn()?;
        let log = Written::default();
        child.stdout.take().map(|pipe| drain(pipe, &log));
        child.stderr.take().map(|pipe| drain(pipe, &log));
        let mut daemon = Self { child, log };
        let begin = Instant::now();
        while !answers() {
            if stop.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted);
            }
            if begin.elapsed() > Duration::from_secs(60) || matches!(daemon.child.try_wait(), Ok(Some(_))) {
                let said = tail(&daemon.log.lock().unwrap_or_else(PoisonError::into_inner));
                return Err(MeasureError::Daemon { program: name, said });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        kill_group(self.child.id(), Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_group(self.child.id(), Signal::KILL);
        self.child.wait().ok();
    }
}
