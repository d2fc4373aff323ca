//! `layerscope inspect IMAGE`.

use anyhow::Context;

use super::args::{GlobalArgs, InspectArgs};
use super::output::emit_report;
use super::{Verdict, settings};
use crate::analyze::{self, area};
use crate::index::toc::Needs;
use crate::recommend::{Catalog, Finder};
use crate::report::document::{self, InspectDocument};

/// Reads the image, and reports. Its base is looked for without asking a registry for anything more.
pub(super) fn run(args: &InspectArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let report = &args.report;
    let refs = settings::locate(&[&args.image], &args.images)?;
    let catalog = Catalog::shipped()?;
    let document = settings::with_scanner_of(Needs::Packages, &args.images, global, false, |scanner| {
        let (scanned, dive) = scanner.scan_and(&refs, |layers| layers.first().map(|layers| analyze::dive(layers)))?;
        let (scanned, dive) = scanned.into_iter().next().zip(dive).context("no image")?;
        let base = Finder { scanner, catalog: &catalog, ask: false, remember: true }.base_of(&scanned, None)?;
        let map = report.has_pictures().then(|| area(&scanned.tree));
        let document = InspectDocument { map, ..document::inspect(scanned.subject(), &base, dive, report.top()) };
        // Nothing else comes: to free its many pieces one by one would take as long as to read them.
        std::mem::forget(scanned);
        Ok(document)
    })?;
    emit_report(&document, &args.report, global)?;
    Ok(Verdict::Done)
}
