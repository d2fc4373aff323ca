//! Where output goes: standard output, or a file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;

use super::args::{GlobalArgs, ReportArgs};
use super::interrupt::on_interrupt;
use crate::parallel::lock;
use crate::report::{self, Report};

/// The status of a program that SIGINT ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
/// How often something is removed that others still write into.
const TRIES: usize = 100;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// Calls `write` with where the output goes. A reader of standard output that goes away is no error.
pub(super) fn emit(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => to_file(file, write).with_context(|| format!("cannot write {}", file.display())),
        None => to_stdout(write).context("cannot write to standard output"),
    }
}

/// Writes a report in its form, to where it goes.
pub(super) fn emit_report(document: &impl Report, args: &ReportArgs, global: &GlobalArgs) -> anyhow::Result<()> {
    let write = |to: &mut dyn Write| report::write(document, args.format(), args.look(global), to);
    emit(args.output.output.as_deref(), write)
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Everything is first written to a file without a name, which nothing can leave behind; then it is copied beside its
/// place, and moved there. Whoever interrupts that copy takes it along.
fn to_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if is_special(file) {
        let mut to = BufWriter::with_capacity(BUFFER, File::options().write(true).open(file)?);
        return write(&mut to).and_then(|()| to.flush());
    }
    // A link stays one, and a file that only its owner may read too.
    let target = file.canonicalize().ok();
    let file = target.as_deref().unwrap_or(file);
    let before = file.metadata().ok();
    let draft_permissions = before.as_ref().map_or_else(permissions, fs::Metadata::permissions);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = BufWriter::new(tempfile::tempfile_in(folder)?);
    write(&mut draft)?;
    let mut draft = draft.into_inner().map_err(io::IntoInnerError::into_error)?;
    draft.rewind()?;
    let mut named = tempfile::Builder::new();
    named.prefix(".layerscope-").permissions(draft_permissions);
    let mut beside = removed_when_interrupted(|| named.tempfile_in(folder), |beside| beside.path().to_owned())?;
    io::copy(&mut draft, beside.as_file_mut())?;
    if let Some(before) = before {
        // Only root may give files away; whoever may not, owns what is written.
        std::os::unix::fs::fchown(beside.as_file(), Some(before.uid()), Some(before.gid())).ok();
        beside.as_file().set_permissions(before.permissions())?;
    }
    beside.persist(file)?;
    Ok(())
}

/// Makes a file or folder that Ctrl-C, or a request to end, removes before it ends the program, with the status that
/// shells expect.
pub(super) fn removed_when_interrupted<T, E>(
    make: impl FnOnce() -> Result<T, E>,
    place: impl FnOnce(&T) -> PathBuf,
) -> Result<T, E> {
    let path = Arc::new(Mutex::new(None::<PathBuf>));
    // Held until it is there: an end that comes in between waits for its name.
    let mut known = lock(&path);
    let removed = Arc::clone(&path);
    on_interrupt(move || {
        if let Some(path) = &*lock(&removed) {
            // Others may be writing into it still.
            for _ in 0..TRIES {
                fs::remove_file(path).or_else(|_| fs::remove_dir_all(path)).ok();
                if !path.exists() {
                    break;
                }
            }
        }
        std::process::exit(INTERRUPTED);
    });
    let made = make()?;
    *known = Some(place(&made));
    Ok(made)
}

/// What a file of the user's gets, less what the umask takes.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// `/dev/null`, a pipe: written to, not replaced.
pub(super) fn is_special(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
