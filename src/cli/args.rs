//! Arguments as they are typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, CommandFactory, Parser, Subcommand, ValueEnum};

use super::engine::EngineArg;
use super::rewrite::{OptimizeArgs, RebaseArgs};
use super::start::{NetworkArgs, StartArgs};

/// Reads container images layer by layer, and tells where their bytes go
///
/// Reads container images straight from a registry, layer by layer, and tells where their bytes go: which of them are
/// lost, and what differs between two images. No daemon, no root, nothing is unpacked.
#[derive(Debug, Parser)]
#[command(name = "layerscope", version, max_term_width = 100, after_help = IMAGES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The command line's definition, for completions, the manual and tests.
pub fn command() -> clap::Command {
    Args::command()
}

const IMAGES: &str = "\
An IMAGE is named as for skopeo and podman:
  python:3.7, docker://ghcr.io/owner/name@sha256:…   in a registry (Docker Hub, if none is named)
  oci:DIR[:TAG], oci-archive:FILE[:TAG]              an OCI layout, an archive of one
  docker-archive:FILE[:REF]                          what `docker save` writes, of any age
  docker-daemon:REF, podman:REF                      the local engine
  DIR, FILE.tar, FILE.tar.gz, -                      what is there is recognised; - is standard input

Exit status: 0 done, 1 a gate failed (check, diff --exit-code), 2 it could not be done.";

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Size, layers with the instruction that made each, lost bytes, duplicates, findings
    #[command(visible_alias = "i")]
    Inspect(InspectArgs),
    /// What two images share, and what differs: layers, files, packages, configuration
    #[command(visible_alias = "d")]
    Diff(DiffArgs),
    /// Slimmer base images: whether the application still runs on them, what is gained, what to change
    #[command(visible_alias = "r")]
    Recommend(Box<RecommendArgs>),
    /// Whether an image keeps to its budget, for CI: sizes, growth, waste, contents, base
    #[command(visible_alias = "c")]
    Check(CheckArgs),
    /// How long a cold start takes: predicted, or with --measure really done
    Start(StartArgs),
    /// Put an image's own layers on another base, and write that: nothing is built
    Rebase(RebaseArgs),
    /// Write an image with the same merged tree in fewer bytes: nothing that is lost is kept
    #[command(visible_alias = "optimise", after_help = super::rewrite::drops_help())]
    Optimize(OptimizeArgs),
    /// The merged tree, or what is at and below a path of it
    Ls(LsArgs),
    /// One file of the merged tree
    Cat(CatArgs),
    /// A read-only registry over OCI layouts and archives, for a room without a network
    Serve(ServeArgs),
    /// What was read before, kept to be read faster
    Cache(CacheArgs),
    /// Completions for a shell, on standard output
    Completions(CompletionsArgs),
    /// The manual page, on standard output
    Man(ManArgs),
}

/// What every command takes.
#[derive(Debug, ClapArgs)]
pub(super) struct GlobalArgs {
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Messages")]
    pub(super) color: When,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Messages")]
    pub(super) quiet: bool,
    /// Say what happens; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Messages")]
    pub(super) verbose: u8,
    /// How to show progress: bars on a terminal, plain lines, or not at all
    #[arg(long, global = true, value_name = "HOW", default_value = "auto", help_heading = "Messages")]
    pub(super) progress: ProgressArg,
}

/// Whether to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressArg {
    Auto,
    Plain,
    None,
}

/// How images are found and read.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Images")]
pub(super) struct ImageArgs {
    /// Which image of an index to take: os/arch[/variant] [default: linux on this machine's architecture]
    #[arg(long, value_name = "PLATFORM")]
    pub(super) platform: Option<String>,
    /// Ask no registry: answer from the cache, or fail
    #[arg(long)]
    pub(super) offline: bool,
    /// Neither read nor write the cache
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Where the cache is [default: $LAYERSCOPE_CACHE_DIR, or layerscope in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Read every layer whole, and check of it: digest and diff ID, digest alone, nothing [default: full, of what is
    /// read; a layer with a table of contents (eStargz, zstd:chunked) is told by it, where that is enough]
    #[arg(long, value_name = "WHAT")]
    pub(super) verify: Option<VerifyArg>,
    /// User name for the registry, in place of what `docker login` or `podman login` keep
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(super) username: Option<String>,
    /// Read the password or token from standard input
    #[arg(long, requires = "username")]
    pub(super) password_stdin: bool,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum VerifyArg {
    Full,
    Blob,
    None,
}

/// Where a report goes, and in what form.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(super) struct ReportArgs {
    /// Form of the report
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(super) format: FormatArg,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Rows of each list of files, packages and settings [default: 10 in tables; 200 in HTML; all in JSON, where it cuts files alone]
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(super) top: Option<usize>,
    /// All rows
    #[arg(long)]
    pub(super) all: bool,
}

/// Where output goes.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Write to a file, whole or not at all
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    Table,
    Json,
    Markdown,
    Html,
}

/// Forms of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormatArg {
    Table,
    Json,
    Jsonl,
    Markdown,
}

/// Which names count.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Files")]
pub(super) struct FilterArgs {
    /// Only names that match, or lie below one that does: `/app`, `*.py`, `/usr/**/*.a` (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(super) include: Vec<String>,
    /// Not names that match, or lie below one that does (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
}

/// `inspect`.
#[derive(Debug, ClapArgs)]
pub(super) struct InspectArgs {
    /// The image
    pub(super) image: String,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// `diff`.
#[derive(Debug, ClapArgs)]
pub(super) struct DiffArgs {
    /// The first image: what there is
    pub(super) a: String,
    /// The second: what it would be
    pub(super) b: String,
    /// End with status 1 if files, packages or configuration differ
    #[arg(long)]
    pub(super) exit_code: bool,
    /// A different time alone makes a file changed
    #[arg(long, help_heading = "Files")]
    pub(super) times: bool,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// `recommend`.
#[derive(Debug, ClapArgs)]
pub(super) struct RecommendArgs {
    /// The built image
    #[arg(required_unless_present_any = ["dockerfile", "compose"])]
    pub(super) image: Option<String>,
    #[command(flatten)]
    pub(super) dockerfile: DockerfileArgs,
    #[command(flatten)]
    pub(super) compose: ComposeArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// An image whose layers are on the host already (may be repeated)
    #[arg(long, value_name = "IMAGE", help_heading = "Network")]
    pub(super) have: Vec<String>,
    /// The base under it, if it is known; else it is found
    #[arg(long, value_name = "IMAGE", help_heading = "Bases")]
    pub(super) from: Option<String>,
    /// Look at this base, whatever else is found (may be repeated)
    #[arg(long = "candidate", value_name = "IMAGE", help_heading = "Bases")]
    pub(super) candidates: Vec<String>,
    /// How many of the bases that are found are read to their ends
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Bases")]
    pub(super) deep: usize,
    /// Add to the catalogue of images (may be repeated)
    #[arg(long, value_name = "FILE", help_heading = "Bases")]
    pub(super) catalog: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) trial: TrialArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// Running the image on what was found.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Trying")]
pub(super) struct TrialArgs {
    /// Run the image as it is, and on each base that is not known to break; one on which it does something else breaks
    #[arg(id = "try", long = "try", requires = "image")]
    pub(super) wanted: bool,
    /// The engine to try it with, in a store of its own [default: the first that is installed of podman, docker and
    /// containerd]
    #[arg(long, value_name = "ENGINE", requires = "try")]
    pub(super) engine: Option<EngineArg>,
    /// What tells that it is ready: exit, output=REGEX, port=N, http=URL [default: its HEALTHCHECK, its first port of
    /// EXPOSE, that it ends, that it still runs after 5 s]
    #[arg(long, value_name = "WHAT", requires = "try", conflicts_with = "command",
          value_parser = crate::measure::Ready::parse)]
    pub(super) ready: Option<crate::measure::Ready>,
    /// A command to run in place of the image's own, which must end with status 0
    #[arg(last = true, value_name = "COMMAND", requires = "try")]
    pub(super) command: Vec<String>,
}

/// A Dockerfile, and how it is built.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Dockerfile")]
pub(super) struct DockerfileArgs {
    /// How the image is built; without IMAGE, what can be told from it and from the base that it names
    #[arg(id = "dockerfile", long = "dockerfile", value_name = "FILE", group = "changeable")]
    pub(super) file: Option<PathBuf>,
    /// The stage that is built [default: the last]
    #[arg(long, value_name = "STAGE", requires = "dockerfile")]
    pub(super) target: Option<String>,
    /// Print the change to the best base that works as a unified diff, in place of the report; where none is known to
    /// work, to one that is worth a try
    #[arg(long, requires = "changeable", conflicts_with = "write")]
    pub(super) patch: bool,
    /// Make the change to the best base that works
    #[arg(long, requires = "dockerfile", conflicts_with = "output")]
    pub(super) write: bool,
    /// A value of an ARG, as for `docker build` (may be repeated)
    #[arg(long = "build-arg", value_name = "NAME=VALUE", requires = "dockerfile")]
    pub(super) build_args: Vec<String>,
}

/// `check`.
#[derive(Debug, ClapArgs)]
pub(super) struct CheckArgs {
    /// The image
    pub(super) image: String,
    /// The budget [default: layerscope.toml or .dive-ci, here]
    #[arg(long, value_name = "FILE", value_parser = maybe_path())]
    pub(super) config: Option<PathBuf>,
    /// Write a first budget with limits a little above the image's figures, in place of checking
    #[arg(long, conflicts_with_all = ["baseline", "from", "reports", "format"])]
    pub(super) init: bool,
    /// What growth is measured against: an image, or what `inspect --format json` wrote [default: the budget's]
    #[arg(long, value_name = "IMAGE|FILE")]
    pub(super) baseline: Option<String>,
    /// The base under it, if it is known; else it is found
    #[arg(long, value_name = "IMAGE")]
    pub(super) from: Option<String>,
    /// How the image is built: reports point at its lines
    #[arg(long, value_name = "FILE", value_parser = maybe_path())]
    pub(super) dockerfile: Option<PathBuf>,
    /// The stage that is built [default: the last]
    #[arg(long, value_name = "STAGE", requires = "dockerfile")]
    pub(super) target: Option<String>,
    /// Form of the report
    #[arg(long, short, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(super) format: CheckFormatArg,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// One more report, in a form of its own: junit=report.xml (may be repeated)
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report_to, help_heading = "Output")]
    pub(super) reports: Vec<ReportTo>,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// Forms of what came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormatArg {
    Table,
    Json,
    Markdown,
    Junit,
    Sarif,
    Github,
    Gitlab,
    Html,
}

/// A report, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct ReportTo {
    pub(super) format: CheckFormatArg,
    pub(super) file: Option<PathBuf>,
}

/// A path that CI may leave empty for none.
fn maybe_path() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    clap::builder::TypedValueParser::map(clap::builder::OsStringValueParser::new(), PathBuf::from)
}

fn report_to(text: &str) -> Result<ReportTo, String> {
    let (format, file) = text.split_once('=').ok_or("expected FORMAT=FILE, as junit=report.xml")?;
    let format = <CheckFormatArg as ValueEnum>::from_str(format, false).map_err(|_| {
        let forms = CheckFormatArg::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let forms: Vec<String> = forms.map(|form| form.get_name().to_owned()).collect();
        format!("no form is called {format:?}; there are {}", forms.join(", "))
    })?;
    if file.is_empty() {
        Err("no file is named behind =".into())
    } else {
        Ok(ReportTo { format, file: Some(file.into()) })
    }
}

/// A compose file.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Compose")]
pub(super) struct ComposeArgs {
    /// All services of a compose file together: each one's bases, what they share, and what they would on one base
    #[arg(id = "compose", long = "compose", value_name = "FILE", group = "changeable",
        conflicts_with_all = ["image", "dockerfile", "from"])]
    pub(super) file: Option<PathBuf>,
    /// The services of this profile too (may be repeated; `*` for all) [default: $COMPOSE_PROFILES]
    #[arg(long = "compose-profile", value_name = "NAME", requires = "compose")]
    pub(super) profiles: Vec<String>,
}

/// `ls`.
#[derive(Debug, ClapArgs)]
pub(super) struct LsArgs {
    /// The image
    pub(super) image: String,
    /// Where to begin; a link to a directory is followed
    #[arg(default_value = "/")]
    pub(super) path: std::ffi::OsString,
    /// Form of the list; JSON and JSON lines have each file's SHA-256
    #[arg(long, short, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(super) format: ListFormatArg,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// `cat`.
#[derive(Debug, ClapArgs)]
pub(super) struct CatArgs {
    /// The image
    pub(super) image: String,
    /// The file; links are followed as in the container
    pub(super) path: std::ffi::OsString,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) images: ImageArgs,
}

/// `serve`.
#[derive(Debug, ClapArgs)]
pub(super) struct ServeArgs {
    /// OCI layouts, archives, and folders of these
    #[arg(required = true, value_name = "DIR")]
    pub(super) paths: Vec<PathBuf>,
    /// Address to listen on; there is no login, so anything but loopback shows the images to all who can reach it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub(super) listen: SocketAddr,
}

/// `cache`.
#[derive(Debug, ClapArgs)]
pub(super) struct CacheArgs {
    #[command(subcommand)]
    pub(super) command: CacheCommand,
    /// Where the cache is [default: $LAYERSCOPE_CACHE_DIR, or layerscope in the user's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Print its folder
    Dir,
    /// Print what it holds
    Size,
    /// Remove what has not been used for a while (once a day this is done by itself: 90 days, 2 GB)
    Prune {
        /// Days without use after which something goes
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
        /// What was used least lately goes, until no more than this is left: 500MB, 1GiB
        #[arg(long, value_name = "SIZE", value_parser = crate::budget::size, default_value = "2GB")]
        max_size: u64,
    },
    /// Remove everything
    Clean,
}

/// `completions`.
#[derive(Debug, ClapArgs)]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, ClapArgs)]
pub(super) struct ManArgs {
    /// The page of one command
    pub(super) command: Option<String>,
}
