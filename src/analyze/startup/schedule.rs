//! When each layer is there and unpacked: downloads share the link, unpacking goes in order.
//!
//! A fluid model, from event to event. While layers arrive, each has its share of the link, or less where the
//! processors that are left can't keep up.

use super::layer::mb;
use super::{Coefficients, Engine, LayerCost, Profile};

/// Less than this is over: seconds, bytes, and of any number of bytes what a float can't tell from nothing.
const OVER: f64 = 1e-9;
const LAST_BYTE: f64 = 1.0;
const ROUNDING: f64 = 1e-9;
/// Bytes that a connection sends before it waits for the first answer (RFC 6928).
const FIRST_WINDOW: f64 = 14_600.0;

/// What became of a pull. Seconds from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Timeline {
    /// When the last byte was there.
    pub(super) downloaded: f64,
    /// When the last layer was unpacked.
    pub(super) pulled: f64,
}

/// A layer that must be pulled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// Bytes to download; 0 where an equal layer of the image brings them.
    pub(super) stored: f64,
    /// Processor seconds while they come.
    pub(super) fetch: f64,
    /// Seconds to unpack it.
    pub(super) unpack: f64,
}

impl Work {
    /// What a layer costs an engine.
    pub(super) fn of(layer: &LayerCost, again: bool, costs: &Coefficients, disk: f64) -> Self {
        let (stored, inflate) = (mb(layer.stored_bytes), layer.inflate_seconds);
        let written = costs.tar * mb(layer.tar_bytes) + costs.entries * layer.entries as f64 / 1e3;
        let unpack = costs.layer + costs.inflate * inflate + written * disk;
        match again {
            true => Self { stored: 0.0, fetch: 0.0, unpack },
            false => Self {
                stored: layer.stored_bytes as f64,
                fetch: costs.fetch_inflate * inflate + costs.fetch * stored,
                unpack,
            },
        }
    }
}

/// A download that is under way.
struct Download {
    layer: usize,
    /// Seconds until its first byte.
    wait: f64,
    /// Bytes still to come.
    left: f64,
    /// Bytes a second, now.
    rate: f64,
}

/// Plays a pull through.
pub(super) fn play(layers: &[Work], engine: Engine, costs: &Coefficients, profile: &Profile) -> Timeline {
    let begin = costs.fixed + costs.trips * profile.rtt;
    let state = State {
        layers,
        overlaps: engine.overlaps(),
        processors: costs.processors,
        goodput: profile.goodput(),
        now: begin,
        next: 0,
        under_way: Vec::new(),
        there: layers.iter().map(|layer| layer.stored < LAST_BYTE).collect(),
        unpacked: 0,
        unpacking: None,
        downloaded: begin,
    };
    state.run(engine.at_once(), costs.blob_trips * profile.rtt, profile.rtt)
}

struct State<'a> {
    layers: &'a [Work],
    overlaps: bool,
    processors: f64,
    goodput: f64,
    now: f64,
    next: usize,
    under_way: Vec<Download>,
    there: Vec<bool>,
    unpacked: usize,
    /// Seconds that the layer being unpacked still needs.
    unpacking: Option<f64>,
    downloaded: f64,
}

impl State<'_> {
    fn run(mut self, at_once: usize, wait: f64, rtt: f64) -> Timeline {
        // Every round ends a wait, a download or an unpacking: at most three for a layer.
        for _ in 0..self.layers.len() * 3 + 1 {
            if self.unpacked == self.layers.len() {
                break;
            }
            self.begin_downloads(at_once, wait, rtt);
            self.begin_unpacking();
            self.set_rates();
            let step = self.step();
            self.advance(step);
        }
        Timeline { downloaded: self.downloaded, pulled: self.now }
    }

    fn begin_downloads(&mut self, at_once: usize, wait: f64, rtt: f64) {
        while self.next < self.layers.len() && self.under_way.len() < at_once {
            let (layer, left) = (self.next, self.layers[self.next].stored);
            self.next += 1;
            if !self.there[layer] {
                let wait = wait + slow_start(left, self.goodput, rtt);
                self.under_way.push(Download { layer, wait, left, rate: 0.0 });
            }
        }
    }

    fn begin_unpacking(&mut self) {
        let ready = if self.overlaps { self.there[self.unpacked] } else { self.there.iter().all(|there| *there) };
        if self.unpacking.is_none() && ready {
            self.unpacking = Some(self.layers[self.unpacked].unpack);
        }
    }

    /// Shares the link evenly, but no download gets more than its processors can take.
    fn set_rates(&mut self) {
        let coming = self.under_way.iter().filter(|download| download.wait <= OVER).count();
        let busy = if self.unpacking.is_some() { 1.0 } else { 0.0 };
        let processor = ((self.processors - busy).max(0.5) / coming.max(1) as f64).min(1.0);
        let limit = |download: &Download| {
            let work = self.layers[download.layer];
            if work.fetch > 0.0 { processor * work.stored / work.fetch } else { f64::INFINITY }
        };
        let mut order: Vec<(usize, f64)> = self.under_way.iter().map(limit).enumerate().collect();
        order.retain(|(at, _)| self.under_way[*at].wait <= OVER);
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (mut left, mut sharing) = (self.goodput, order.len());
        for (at, limit) in order {
            let rate = limit.min(left / sharing.max(1) as f64);
            self.under_way[at].rate = rate;
            left -= rate;
            sharing -= 1;
        }
    }

    /// Seconds until something ends.
    fn step(&self) -> f64 {
        let ends = |download: &Download| match download.wait > OVER {
            true => download.wait,
            false => download.left / download.rate.max(f64::MIN_POSITIVE),
        };
        let next = self.under_way.iter().map(ends).fold(f64::INFINITY, f64::min);
        next.min(self.unpacking.unwrap_or(f64::INFINITY))
    }

    fn advance(&mut self, step: f64) {
        self.now += step;
        for download in &mut self.under_way {
            match download.wait > OVER {
                true => download.wait -= step,
                false => download.left -= download.rate * step,
            }
        }
        let layers = self.layers;
        let is_there = |download: &Download| download.left < LAST_BYTE + ROUNDING * layers[download.layer].stored;
        for done in self.under_way.iter().filter(|download| is_there(download)) {
            self.there[done.layer] = true;
            self.downloaded = self.now;
        }
        self.under_way.retain(|download| !is_there(download));
        self.unpacking = self.unpacking.map(|left| left - step);
        if self.unpacking.is_some_and(|left| left <= OVER) {
            self.unpacking = None;
            self.unpacked += 1;
        }
    }
}

/// Seconds that a new connection loses until its window is as large as the link takes, or all is sent.
fn slow_start(bytes: f64, goodput: f64, rtt: f64) -> f64 {
    let (mut window, mut sent, mut lost) = (FIRST_WINDOW, 0.0, 0.0);
    while window < goodput * rtt && sent + window < bytes {
        lost += rtt - window / goodput;
        sent += window;
        window *= 2.0;
    }
    lost
}
