//! `layerscope inspect IMAGE`.

use super::args::{GlobalArgs, InspectArgs};
use super::output::emit;
use super::{Verdict, settings};
use crate::report::{self, document};

/// Reads the image, and reports.
pub(super) fn run(args: &InspectArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let report = &args.report;
    let scanned = settings::scan(&[&args.image], &args.images, global, false)?;
    for scanned in &scanned {
        let document = document::inspect(scanned.subject(), report.top());
        let write = |to: &mut dyn std::io::Write| report::write(&document, report.format(), report.look(global), to);
        emit(report.output.output.as_deref(), write)?;
    }
    Ok(Verdict::Done)
}
