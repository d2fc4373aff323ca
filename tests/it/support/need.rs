//! What a test needs from outside: a missing program skips it, loudly, and fails it in CI.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Where the corpus images are, as `.ci/run` and the README put them.
const CORPUS: &str = "/tmp/layerscope-images";

/// Path of a program, or `None` after saying that the calling test is skipped. With `CI=true` a missing one panics.
pub(crate) fn need(program: &str) -> Option<PathBuf> {
    found(find(program), &format!("{program} is not installed"))
}

/// The folder of the corpus images (`$LAYERSCOPE_CORPUS`, `/tmp/layerscope-images`): `store` for buildah and podman,
/// `run` beside it. `None`, as with [`need`], where they have not been built.
pub(crate) fn need_corpus() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os("LAYERSCOPE_CORPUS").unwrap_or_else(|| CORPUS.into()));
    let built = dir.join("store").is_dir().then_some(dir);
    found(built, "the corpus images are not built (see README, Development)")
}

/// Address of the registry with the corpus images (`$LAYERSCOPE_CORPUS_REGISTRY`, `127.0.0.1:5000`), if one answers.
pub(crate) fn need_corpus_registry() -> Option<String> {
    let address = std::env::var("LAYERSCOPE_CORPUS_REGISTRY").unwrap_or_else(|_| "127.0.0.1:5000".to_owned());
    let answers = std::net::TcpStream::connect(&address).is_ok();
    found(answers.then_some(address), "no registry serves the corpus images (see README, Development)")
}

/// Passes on what was found, or says that the test is skipped for this reason.
pub(crate) fn found<T>(thing: Option<T>, otherwise: &str) -> Option<T> {
    let log = skip_log();
    if thing.is_none() {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "{test}: {otherwise}, and nothing is skipped in CI");
        let line = format!("skipped: {test}: {otherwise}\n");
        // Past the capture of the test harness, so that it is seen.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        log.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }
    thing
}

/// `target/tmp/skipped.txt`, begun anew by each run of the tests.
fn skip_log() -> &'static Mutex<File> {
    static LOG: OnceLock<Mutex<File>> = OnceLock::new();
    LOG.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
        Mutex::new(File::create(path).unwrap())
    })
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(program)).find(|file| file.is_file())
}
