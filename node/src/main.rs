//! The binary `poste`: one node of a site, and the commands around it.

mod cli;
mod commands;
mod config;
mod control;
mod first_operator;
mod http;
mod invitation;
mod key_file;
mod logging;
mod machine;
mod membership;
mod moments;
mod ops;
mod page;
mod printable;
mod prompt;
mod seal;
mod seed;
mod standard_input;
mod texts;
mod words;

fn main() -> std::process::ExitCode {
    cli::main()
}
