//! The command line: arguments as typed (`args`), what they mean (`settings`), and one file for each command.

mod args;
mod cache;
mod cat;
mod check;
mod completions;
mod diff;
mod engine;
mod filter;
mod inspect;
mod interrupt;
mod ls;
mod man;
mod message;
mod output;
mod progress;
mod recommend;
mod rewrite;
mod serve;
mod settings;
mod start;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::report::escape::escape;
use args::{Args, Command, GlobalArgs};
use message::message;

pub use args::command;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Done; no gate failed.
    Done,
    /// Done, and a gate failed.
    GateFailed,
}

/// Runs the program with the process's arguments. The status is 0 for done, 1 for a gate that failed, 2 for what could
/// not be done.
pub fn main() -> ExitCode {
    let args = Args::try_parse().unwrap_or_else(|error| message::of_usage(error).exit());
    log_to_stderr(&args.global);
    let done = run(&args);
    interrupt::let_it_end();
    match done {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::GateFailed) => ExitCode::from(1),
        Err(error) => {
            // Errors quote file names and what registries say.
            writeln!(std::io::stderr(), "error: {}", escape(&message(&error))).ok();
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> anyhow::Result<Verdict> {
    let global = &args.global;
    match &args.command {
        Command::Inspect(args) => inspect::run(args, global),
        Command::Diff(args) => diff::run(args, global),
        Command::Recommend(args) => recommend::run(args, global),
        Command::Check(args) => check::run(args, global),
        Command::Start(args) => start::run(args, global),
        Command::Rebase(args) => rewrite::rebase(args, global),
        Command::Optimize(args) => rewrite::optimize(args, global),
        Command::Ls(args) => ls::run(args, global),
        Command::Cat(args) => cat::run(args, global),
        Command::Serve(args) => serve::run(args, global),
        Command::Cache(args) => cache::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}

/// Warnings go to standard error; `-v` and `-vv` add what happens, `-q` leaves only errors.
fn log_to_stderr(global: &GlobalArgs) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) => LevelFilter::WARN,
        (_, 1) => LevelFilter::INFO,
        (_, _) => LevelFilter::DEBUG,
    };
    let color = settings::use_color(global.color, &std::io::stderr());
    // Messages quote file names and what registries and images say.
    let escaped = debug_fn(|to, field, value| match field.name() {
        "message" => write!(to, "{}", escape(&format!("{value:?}"))),
        name => write!(to, "{name}={}", escape(&format!("{value:?}"))),
    });
    let log = tracing_subscriber::fmt::layer().fmt_fields(escaped).with_writer(std::io::stderr).with_ansi(color);
    let own = Targets::new().with_target("layerscope", level);
    tracing_subscriber::registry().with(log.without_time().with_target(false).with_filter(own)).try_init().ok();
}
