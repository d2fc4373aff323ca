//! `layerscope diff A B`.

use anyhow::bail;

use super::args::{DiffArgs, GlobalArgs};
use super::filter::Filter;
use super::output::emit_report;
use super::{Verdict, settings, start};
use crate::analyze::{self, area, diff};
use crate::index::toc::Needs;
use crate::report::document;

/// Rows of the roll-up by directory, unless told.
const DIRECTORIES: usize = 12;

/// Reads both images together, and reports what differs.
pub(super) fn run(args: &DiffArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let report = &args.report;
    let filter = Filter::new(&args.filter)?;
    // What is not told must not decide.
    let needs = if args.exit_code { Needs::Everything } else { Needs::Packages };
    let refs = settings::locate(&[&args.a, &args.b], &args.images)?;
    let (scanned, sharing) = settings::with_scanner_of(needs, &args.images, global, false, |scanner| {
        Ok(scanner.scan_and(&refs, analyze::share)?)
    })?;
    let [a, b] = scanned.as_slice() else { bail!("two images were to be read, not {}", scanned.len()) };
    let filter = diff::Filter { wanted: &|path| filter.wants(path), times: args.times };
    let directories = report.top.unwrap_or(DIRECTORIES);
    let setting = start::usual(&args.network);
    let mut document = document::diff(a.subject(), b.subject(), &sharing, &filter, &setting, report.top(), directories);
    document.maps = report.has_pictures().then(|| [a, b].map(|side| area(&side.tree)));
    emit_report(&document, &args.report, global)?;
    let verdict = if args.exit_code && !document.is_empty() { Verdict::GateFailed } else { Verdict::Done };
    // Nothing else comes: to free their many pieces one by one would take as long as to read them.
    std::mem::forget(document);
    std::mem::forget(scanned);
    Ok(verdict)
}
