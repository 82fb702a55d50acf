//! The command line: its words, and the only place that prints.
//!
//! Each command has a file under `cli/`; it does its work and returns what there is to say. Messages are French where the locale is, English elsewhere; the words of the commands
//! are the same everywhere.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is where this program speaks"
)]

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod catalogue;
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
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// A sentence on why nothing was run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotDone(String);

/// Exit code of what was not run, as clap has it for a wrong command line.
const NOT_RUN: u8 = 2;

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(NotDone(sentence)) => {
            eprintln!("poste-chaos: {sentence}");
            ExitCode::from(NOT_RUN)
        }
    }
}

fn carry_out(verb: Verb) -> Result<String, NotDone> {
    match verb {
        Verb::List => catalogue::list(),
        Verb::Show { scenario, toml } => catalogue::show(&scenario, toml),
        Verb::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "poste-chaos", &mut bytes);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}
