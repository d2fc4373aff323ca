//! `layerscope recommend IMAGE`.

use anyhow::{Context, bail};
use etcetera::{BaseStrategy, choose_base_strategy};

use super::args::{GlobalArgs, RecommendArgs};
use super::output::emit;
use super::{Verdict, settings};
use crate::analyze::EvidenceKind;
use crate::model::ImageRef;
use crate::recommend::{Catalog, Finder, Request, recommend};
use crate::report::{self, document};
use crate::source;

/// Finds the base, looks for others, and reports.
pub(super) fn run(args: &RecommendArgs, global: &GlobalArgs) -> anyhow::Result<Verdict> {
    let report = &args.report;
    let Some(image) = &args.image else { bail!("name an image") };
    let catalog = catalog(args)?;
    let document = settings::with_scanner(image, &args.images, global, |scanner, image| {
        let finder = Finder { scanner, catalog: &catalog, ask: !args.images.offline };
        let request = Request {
            image: image.clone(),
            from: args
                .from
                .as_deref()
                .map(|from| anyhow::Ok((EvidenceKind::Told, source::locate(from)?)))
                .transpose()?,
            runs_with: None,
            build_commands: &[],
            candidates: args
                .candidates
                .iter()
                .map(|name| source::locate(name))
                .collect::<Result<Vec<ImageRef>, _>>()?,
            deep: args.deep,
        };
        let found = recommend(finder, &request, &report::today())?;
        Ok(document::recommend(&found))
    })?;
    let write = |to: &mut dyn std::io::Write| report::write(&document, report.format(), report.look(global), to);
    emit(report.output.output.as_deref(), write)?;
    Ok(Verdict::Done)
}

/// The catalogue that ships, with what the user's configuration and the command line add.
fn catalog(args: &RecommendArgs) -> anyhow::Result<Catalog> {
    let mut catalog = Catalog::shipped()?;
    let own = choose_base_strategy().ok().map(|places| places.config_dir().join("layerscope/catalog.toml"));
    for path in own.filter(|path| path.exists()).iter().chain(&args.catalog) {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the catalogue {place}"))?;
        catalog.extend(Catalog::parse(&place, &text)?);
    }
    Ok(catalog)
}
