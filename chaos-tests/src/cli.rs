//! The command line: its words, and the only place that prints.
//!
//! Each command has a file under `cli/`; it does its work and returns what there is to say and how
//! it ended. Messages are French where the locale is, English elsewhere; the words of the commands
//! are the same everywhere.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

mod catalogue;
mod growth;
mod journal;
mod mutants;
mod night;
mod progress;
mod run;
mod summary;
mod texts;

/// Puts a site through what can go wrong, and looks at what must hold.
#[derive(Debug, Parser)]
#[command(name = "poste-chaos", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// List the scenarios that come with the program.
    List,
    /// Say what a scenario does, and when.
    Show {
        /// A shipped scenario, or a file.
        scenario: String,
        /// As its file, to start one of your own from.
        #[arg(long)]
        toml: bool,
    },
    /// Run scenarios.
    Run(RunArgs),
    /// Run again in the simulator what a seed, or a file kept from a failure, did.
    Replay(ReplayArgs),
    /// Run drawn worlds in the simulator, for hours or so many.
    Night(NightArgs),
    /// Make the page of a journal again.
    Report {
        /// The journal that a run wrote.
        journal: PathBuf,
        /// The page; otherwise beside the journal.
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Measure what a site costs against the number of its nodes, in the laboratory.
    Growth(GrowthArgs),
    /// Try bugs planted on purpose: the invariants must see them.
    Mutants(mutants::MutantArgs),
    /// Run worlds for another process of this program.
    #[command(name = chaos_tests::mutants::worker::WORD, hide = true)]
    MutantWorker,
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What carries a scenario out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetWord {
    /// The seeded simulator, in one thread.
    Sim,
    /// Real processes in network namespaces on this machine.
    Lab,
    /// The site of the admin node that runs on this machine: an exercise, within limits.
    Site,
}

impl TargetWord {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Lab => "lab",
            Self::Site => "site",
        }
    }
}

/// How a scenario runs.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Shipped scenarios, or files; `all` for every shipped one, `subset` for the few that are run
    /// in the laboratory at each change.
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// What carries them out.
    #[arg(long, value_enum, default_value_t = TargetWord::Sim)]
    pub(crate) target: TargetWord,
    /// What everything that is drawn comes of; otherwise a scenario's own, else a new one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs()))]
    pub(crate) seed: Option<u64>,
    /// In the simulator: real signatures, links over QUIC and stores instead of stand-ins.
    #[arg(long)]
    pub(crate) real: bool,
    /// Fit each into so many seconds: what happens keeps its order.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    pub(crate) within: Option<u64>,
    /// On a real site: order nothing, say who would play whom, and which order would come when.
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// Folder that receives a journal and a page for each.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// Data folder of the admin node that orders an exercise's faults.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/poste")]
    pub(crate) data_dir: PathBuf,
    /// The program of another release, for scenarios that upgrade in the laboratory.
    #[arg(long, value_name = "FILE")]
    pub(crate) other_release: Option<PathBuf>,
}

/// What the laboratory works with.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// The program of the nodes, for the laboratory.
    #[arg(long, value_name = "FILE", default_value = "target/debug/poste")]
    pub(crate) poste: PathBuf,
    /// Folder where the laboratory keeps its nodes while it runs; otherwise a new one.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
}

/// What is run again.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A scenario file that a failure left, the journal of a run, or the seed of a drawn world.
    pub(crate) what: String,
    /// The seed is that of a short world on one theme, as `mutants` runs them.
    #[arg(long)]
    pub(crate) themes: bool,
    /// On real signatures, links over QUIC and stores instead of stand-ins.
    #[arg(long)]
    pub(crate) real: bool,
    /// Folder that receives the journal and the page.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    /// Print what happens between these seconds, such as 120..130.5.
    #[arg(long, value_name = "FROM..UNTIL", value_parser = run::seconds)]
    pub(crate) events: Option<std::ops::Range<f64>>,
}

/// How a night runs.
#[derive(Debug, Args)]
pub(crate) struct NightArgs {
    /// Hours; a fraction will do.
    #[arg(long, required_unless_present = "seeds", value_parser = night::hours)]
    pub(crate) hours: Option<f64>,
    /// So many worlds, whatever the time.
    #[arg(long, conflicts_with = "hours", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// With hours: so many worlds at least, whatever the time.
    #[arg(long, default_value_t = 0, requires = "hours", conflicts_with = "seeds")]
    pub(crate) at_least: u64,
    /// Threads; a world runs in one.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    /// First seed; otherwise a new one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs() / 2))]
    pub(crate) from_seed: Option<u64>,
    /// Runs for making a failing world smaller.
    #[arg(long, default_value_t = 120)]
    pub(crate) shrink_runs: usize,
    /// Worlds that are short, and each on one theme.
    #[arg(long)]
    pub(crate) themes: bool,
    /// Each world on real signatures, links and stores too; otherwise one in a hundred.
    #[arg(long)]
    pub(crate) real: bool,
    /// Folder that receives the figures, and the smallest world of each failure.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
}

/// How growth is measured.
#[derive(Debug, Args)]
pub(crate) struct GrowthArgs {
    /// Sizes of the site, in nodes.
    #[arg(long, value_delimiter = ',', default_values_t = [12, 25, 50],
        value_parser = clap::value_parser!(u16).range(3..=i64::from(chaos_tests::lab::MOST_HOSTS)))]
    pub(crate) nodes: Vec<u16>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// How a command ended, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was looked at held.
    Held,
    /// Something did not.
    Broken,
    /// Nothing was run, or not all that was asked for.
    NotRun,
}

/// What a command has to say, and how it ended.
type Said = (String, End);

/// A sentence on why nothing was run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotDone(String);

/// Exit code of what was run and did not hold.
const BROKEN: u8 = 1;
/// Exit code of what was not run, as clap has it for a wrong command line.
const NOT_RUN: u8 = 2;

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok((text, end)) => {
            let printed = if text.is_empty() { Ok(()) } else { print(text.trim_end()) };
            match (printed, end) {
                (Err(error), End::Held) => not_run(&error.to_string()),
                (_, End::Held) => ExitCode::SUCCESS,
                (_, End::Broken) => ExitCode::from(BROKEN),
                (_, End::NotRun) => ExitCode::from(NOT_RUN),
            }
        }
        Err(NotDone(sentence)) => not_run(&sentence),
    }
}

/// Prints a text at once, for commands that go on after it, whether or not somebody reads it.
pub(crate) fn say_now(text: &str) {
    if let Err(error) = print(text) {
        complain(&error.to_string());
    }
}

/// Whoever no longer listens has heard enough.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn complain(sentence: &str) {
    // There is nobody left to tell that this failed.
    writeln!(io::stderr().lock(), "poste-chaos: {sentence}").unwrap_or(());
}

fn not_run(sentence: &str) -> ExitCode {
    complain(sentence);
    ExitCode::from(NOT_RUN)
}

/// Below 2⁶³, so that a scenario file can say it.
fn new_seed() -> u64 {
    rand::random::<u64>() >> 1
}

fn carry_out(verb: Verb) -> Result<Said, NotDone> {
    let said = |text| (text, End::Held);
    match verb {
        Verb::List => catalogue::list().map(said),
        Verb::Show { scenario, toml } => catalogue::show(&scenario, toml).map(said),
        Verb::Run(args) => run::run(&args),
        Verb::Replay(args) => run::replay(&args),
        Verb::Night(args) => night::night(&args),
        Verb::Report { journal, to } => journal::page(&journal, to).map(said),
        Verb::Growth(args) => growth::growth(&args),
        Verb::Mutants(args) => mutants::run(&args),
        Verb::MutantWorker => mutants::work(),
        Verb::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "poste-chaos", &mut bytes);
            Ok(said(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}
