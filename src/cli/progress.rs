//! What a scan is at, on standard error: a bar on a terminal, plain lines, or nothing.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{GlobalArgs, ProgressArg};
use crate::report::bytes;
use crate::report::escape::escape;
use crate::scan::ScanEvent;

const TEMPLATE: &str = "{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {msg}";

/// Shows progress.
pub(super) struct Progress {
    shown: Shown,
    cache_failed: AtomicBool,
}

enum Shown {
    Bar(ProgressBar),
    Plain,
    Nothing,
}

impl Progress {
    /// As asked for.
    pub(super) fn new(global: &GlobalArgs) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let shown = match global.progress {
            _ if global.quiet => Shown::Nothing,
            ProgressArg::Auto if on_terminal => Shown::Bar(bar()),
            ProgressArg::Plain => Shown::Plain,
            ProgressArg::Auto if global.verbose > 0 => Shown::Plain,
            ProgressArg::Auto | ProgressArg::None => Shown::Nothing,
        };
        Self { shown, cache_failed: AtomicBool::new(false) }
    }

    /// Hears what happens.
    pub(super) fn on(&self, event: &ScanEvent<'_>) {
        if let ScanEvent::CacheFailed { error } = event {
            // One full disk is one warning.
            if !self.cache_failed.swap(true, Ordering::Relaxed) {
                tracing::warn!("{error}");
            }
            return;
        }
        match &self.shown {
            Shown::Bar(bar) => advance(bar, event),
            Shown::Plain => say(event),
            Shown::Nothing => {}
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style)
}

/// The bar's length is what is really read: layers that are known are not.
fn advance(bar: &ProgressBar, event: &ScanEvent<'_>) {
    match event {
        ScanEvent::Resolved { manifest, .. } => bar.set_message(escape(&manifest.reference)),
        ScanEvent::Started { bytes, .. } => bar.inc_length(*bytes),
        ScanEvent::Read { bytes, .. } => bar.inc(*bytes),
        ScanEvent::Told { read, .. } => {
            bar.inc_length(*read);
            bar.inc(*read);
        }
        ScanEvent::Done { .. } | ScanEvent::CacheFailed { .. } => {}
    }
}

fn say(event: &ScanEvent<'_>) {
    let line = match event {
        ScanEvent::Resolved { manifest, .. } => {
            let (layers, size) = (manifest.layers.len(), manifest.layers.iter().map(|layer| layer.size).sum());
            format!("{}: {layers} layers, {}", escape(&manifest.reference), bytes(size))
        }
        ScanEvent::Started { layer, digest, bytes: size, .. } => {
            format!("layer {layer} ({}): reading {}", digest.short(), bytes(*size))
        }
        ScanEvent::Told { layer, digest, bytes: size, read, .. } => {
            let (read, digest) = (bytes(*read), digest.short());
            format!("layer {layer} ({digest}): {read} of {} read, by its table of contents", bytes(*size))
        }
        ScanEvent::Done { layer, cached: true, .. } => format!("layer {layer}: known from before"),
        ScanEvent::Done { layer, .. } => format!("layer {layer}: done"),
        ScanEvent::Read { .. } | ScanEvent::CacheFailed { .. } => return,
    };
    writeln!(std::io::stderr(), "{line}").ok();
}
