//! The binary `poste-chaos`: scenarios, run and reported.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
