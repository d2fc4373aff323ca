//! `layerscope cache dir|size|prune|clean`.

use std::time::Duration;

use super::args::{CacheArgs, CacheCommand};
use super::output::emit;
use super::{Verdict, settings};
use crate::index::{Cache, CacheSize, Keep};
use crate::report::bytes;

/// A day, in seconds.
const DAY: u64 = 24 * 60 * 60;

/// Tells of the cache, or removes from it.
pub(super) fn run(args: &CacheArgs) -> anyhow::Result<Verdict> {
    let dir = settings::cache_dir(args.cache_dir.as_deref())?;
    let line = match args.command {
        CacheCommand::Dir => dir.display().to_string(),
        CacheCommand::Size => amount(Cache::new(&dir).size()?),
        CacheCommand::Prune { days, max_size } => {
            let age = Duration::from_secs(u64::from(days) * DAY);
            removed(Cache::new(&dir).prune(Keep { age, bytes: max_size })?)
        }
        CacheCommand::Clean => removed(Cache::new(&dir).clean()?),
    };
    emit(None, |to| writeln!(to, "{line}"))?;
    Ok(Verdict::Done)
}

fn amount(size: CacheSize) -> String {
    let files = if size.files == 1 { "1 file".into() } else { format!("{} files", size.files) };
    format!("{} in {files}", bytes(size.bytes))
}

fn removed(size: CacheSize) -> String {
    format!("removed {}", amount(size))
}
