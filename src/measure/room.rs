//! A temporary folder for an engine's store: gone at the end, with what is mounted in it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};

use super::MeasureError;
use super::process::Program;

/// Where a disk is, mostly: `/tmp` is memory on many machines.
const ON_DISK: &str = "/var/tmp";

/// A temporary folder.
#[derive(Debug)]
pub struct Room {
    dir: PathBuf,
}

impl Room {
    /// Makes one, in `$TMPDIR` if that is set, else in `/var/tmp`.
    pub fn new() -> Result<Self, MeasureError> {
        let told = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|dir| !dir.as_os_str().is_empty());
        let usual = || if Path::new(ON_DISK).is_dir() { ON_DISK.into() } else { std::env::temp_dir() };
        let parent = told.unwrap_or_else(usual);
        let made = tempfile::Builder::new().prefix("layerscope-").tempdir_in(&parent);
        let dir = made.map_err(MeasureError::io(format!("cannot make a folder in {}", parent.display())))?.keep();
        let dir = dir.canonicalize().unwrap_or(dir);
        Ok(Self { dir })
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The same as text, for arguments.
    pub(super) fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A folder in it, made where it isn't there.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, MeasureError> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(MeasureError::io(format!("cannot make {}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        unmount_below(&self.dir);
        if fs::remove_dir_all(&self.dir).is_ok() {
            return;
        }
        if !is_root() {
            // What belongs to the subordinate users of a podman without root.
            let remove = Program::new("podman").args(["unshare", "rm", "-rf", &self.dir.display().to_string()]);
            remove.clean(Duration::from_secs(60));
        }
        if self.dir.exists() {
            tracing::warn!("{} could not be removed", self.dir.display());
        }
    }
}

/// Unmounts what is mounted in a folder, the last first (proc_pid_mountinfo(5)).
fn unmount_below(dir: &Path) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for place in table.lines().rev().filter_map(|line| line.split(' ').nth(4)) {
        if Path::new(place).starts_with(dir) {
            unmount(Path::new(place), UnmountFlags::DETACH).ok();
        }
    }
}

/// Whether this is root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a socket's path is short enough for one (unix(7): 108 bytes with the end).
pub(super) fn fits_a_socket(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() < 108
}
