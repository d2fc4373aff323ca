//! Arguments of `start` as they are typed.

use clap::Args as ClapArgs;

use super::super::args::{ImageArgs, ReportArgs};
use super::super::engine::EngineArg;
use crate::analyze::startup::{self, Profile};

/// `start`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct StartArgs {
    /// The images: the first is what there is, the others what it would be
    #[arg(required_unless_present = "calibrate", value_name = "IMAGE")]
    pub(super) images: Vec<String>,
    /// The engine [default: the first that is installed of podman, docker and containerd; docker, where none is]
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<EngineArg>,
    /// An image whose layers are on the host already (may be repeated)
    #[arg(long, value_name = "IMAGE", conflicts_with = "measure")]
    pub(super) have: Vec<String>,
    /// Seconds that the application itself takes from its first instruction until it is ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub(super) app_start: f64,
    /// Read manifests alone, and guess what the layers hold
    #[arg(long, conflicts_with_all = ["measure", "calibrate"])]
    pub(super) quick: bool,
    /// The numbers that ship, though this machine was measured
    #[arg(long, conflicts_with = "calibrate")]
    pub(super) uncalibrated: bool,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    #[command(flatten)]
    pub(super) measuring: MeasureArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) reading: ImageArgs,
}

/// The link to the registry.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Network")]
pub(in crate::cli) struct NetworkArgs {
    /// A link by name: office (100 Mbit/s, 20 ms), ci (1 Gbit/s, 5 ms), cloud (2 Gbit/s, 2 ms), edge (20 Mbit/s, 60 ms,
    /// a slow disk), lan (1 Gbit/s, 0.5 ms), loopback [default: office; loopback with --measure]
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub(super) profile: Option<Profile>,
    /// … or by its rate a second: 50Mbit, 1Gbit
    #[arg(long, value_name = "RATE", value_parser = startup::bandwidth)]
    pub(super) bandwidth: Option<f64>,
    /// … and its round trip: 30ms
    #[arg(long, value_name = "TIME", value_parser = startup::round_trip)]
    pub(super) rtt: Option<f64>,
}

impl NetworkArgs {
    /// The link that was asked for; else the usual one, or where there is none, loopback.
    pub(super) fn or(&self, usual: Option<Profile>) -> Profile {
        let base = self.profile.clone().or(usual).unwrap_or_else(Profile::loopback);
        base.with(self.bandwidth, self.rtt)
    }
}

/// Really doing it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Measuring")]
pub(super) struct MeasureArgs {
    /// Pull and start the images, with an emptied store of its own; a link that was asked for is imitated on loopback
    #[arg(long)]
    pub(super) measure: bool,
    /// How often; runs that something else disturbs are made again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) runs: u32,
    /// What tells that a container is ready: exit, output=REGEX, port=N, http=URL [default: its HEALTHCHECK, its first
    /// port of EXPOSE, its first output, its end]
    #[arg(long, value_name = "WHAT", requires = "measure", value_parser = crate::measure::Ready::parse)]
    pub(super) ready: Option<crate::measure::Ready>,
    /// Measure this machine, and keep the result for later predictions
    #[arg(long)]
    pub(super) calibrate: bool,
}

/// The longest start that is believed: an hour.
const LONGEST: f64 = 3600.0;

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected seconds, as 0.8".to_owned())?;
    if (0.0..=LONGEST).contains(&number) { Ok(number) } else { Err("expected 0 to 3600 seconds".to_owned()) }
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = || Profile::names().collect::<Vec<_>>().join(", ");
    Profile::named(name).ok_or_else(|| format!("expected one of {}", known()))
}
