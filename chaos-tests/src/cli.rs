//! The command line: its words, and the only place that prints.
//!
//! Each command has a file under `cli/`; it does its work and returns what there is to say and how
//! it ended. Messages are French where the locale is, English elsewhere; the words of the commands
//! are the same everywhere.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is where this program speaks"
)]

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

mod catalogue;
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
}

impl TargetWord {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sim => "sim",
        }
    }
}

/// How a scenario runs.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Shipped scenarios, or files; `all` for every shipped one.
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// What carries them out.
    #[arg(long, value_enum, default_value_t = TargetWord::Sim)]
    pub(crate) target: TargetWord,
    /// What everything that is drawn comes of; otherwise a scenario's own, else a new one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs()))]
    pub(crate) seed: Option<u64>,
    /// Fit each into so many seconds: what happens keeps its order.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    pub(crate) within: Option<u64>,
}

/// How a command ended, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was looked at held.
    Held,
    /// Something did not.
    Broken,
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
            if !text.is_empty() {
                println!("{}", text.trim_end());
            }
            match end {
                End::Held => ExitCode::SUCCESS,
                End::Broken => ExitCode::from(BROKEN),
            }
        }
        Err(NotDone(sentence)) => {
            eprintln!("poste-chaos: {sentence}");
            ExitCode::from(NOT_RUN)
        }
    }
}

/// Prints a text at once, for commands that go on after it.
pub(crate) fn say_now(text: &str) {
    println!("{text}");
}

fn carry_out(verb: Verb) -> Result<Said, NotDone> {
    let said = |text| (text, End::Held);
    match verb {
        Verb::List => catalogue::list().map(said),
        Verb::Show { scenario, toml } => catalogue::show(&scenario, toml).map(said),
        Verb::Run(args) => run::run(&args),
        Verb::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "poste-chaos", &mut bytes);
            Ok(said(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}
