//! The binary `poste`: one node of a site, and the commands around it.

mod answers;
mod backup;
mod cli;
mod commands;
mod config;
mod console_side;
mod control;
mod founding;
mod http;
mod invitation;
mod key_file;
mod kiosk_side;
mod live_calls;
mod logging;
mod machine;
mod membership;
mod moments;
mod ops;
mod page;
mod printable;
mod prompt;
mod report;
mod running;
mod seal;
mod seed;
mod site_fault;
mod standard_input;
mod texts;
mod words;

fn main() -> std::process::ExitCode {
    cli::main()
}
