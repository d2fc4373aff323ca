//! What `--calibrate` learnt of this machine: one file an engine, `layerscope/start-1/ENGINE.json` in the user's data
//! folder.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use etcetera::{BaseStrategy, choose_base_strategy};
use serde::{Deserialize, Serialize};

use crate::analyze::startup::{Calibration, Coefficients, Engine};

/// The number of the form of these files: another form has another folder.
const FOLDER: &str = "start-1";
/// A file longer than this is none of ours, in bytes.
const LONGEST: u64 = 64 << 10;

/// A file.
#[derive(Serialize, Deserialize)]
struct Kept {
    schema: String,
    engine: String,
    #[serde(flatten)]
    calibration: Calibration,
}

const SCHEMA: &str = "layerscope.calibration/1";

/// The numbers of this machine for an engine, if it was measured. A file that can't be read is told of and passed over.
pub(super) fn read(engine: Engine) -> Option<Coefficients> {
    let file = place(engine).ok()?;
    let size = fs::metadata(&file).ok()?.len();
    let text = (size <= LONGEST).then(|| fs::read_to_string(&file)).transpose().ok().flatten().unwrap_or_default();
    let kept =
        serde_json::from_str::<Kept>(&text).ok().filter(|kept| kept.schema == SCHEMA && is_sane(&kept.calibration));
    if kept.is_none() {
        tracing::warn!(
            "{} is no calibration: the numbers that ship are used; --calibrate writes it anew",
            file.display()
        );
    }
    kept.map(|kept| kept.calibration.costs)
}

/// Whether every number is one that a measurement gives.
fn is_sane(calibration: &Calibration) -> bool {
    let costs = &calibration.costs;
    let numbers = [
        costs.fixed,
        costs.trips,
        costs.blob_trips,
        costs.layer,
        costs.inflate,
        costs.tar,
        costs.entries,
        costs.fetch_inflate,
        costs.fetch,
        costs.create,
        costs.create_tar,
        costs.start,
        costs.start_tar,
    ];
    numbers.iter().all(|number| (0.0..1e6).contains(number)) && (0.1..1e5).contains(&costs.processors)
}

/// Keeps numbers: the file is there whole, or as it was. Returns where.
pub(super) fn write(engine: Engine, calibration: &Calibration) -> anyhow::Result<PathBuf> {
    let file = place(engine)?;
    let folder = file.parent().context("no folder")?;
    let failed = || format!("cannot write {}", file.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let kept = Kept { schema: SCHEMA.into(), engine: engine.name().into(), calibration: calibration.clone() };
    let mut draft = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    writeln!(draft, "{}", serde_json::to_string_pretty(&kept)?).with_context(failed)?;
    draft.persist(&file).with_context(failed)?;
    Ok(file)
}

fn place(engine: Engine) -> anyhow::Result<PathBuf> {
    let places = choose_base_strategy().context("no home folder to keep a calibration in: set HOME")?;
    // nerdctl is another name for the same work.
    let engine = if engine == Engine::Nerdctl { Engine::Containerd } else { engine };
    Ok(places.data_dir().join("layerscope").join(FOLDER).join(format!("{}.json", engine.name())))
}
