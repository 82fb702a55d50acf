//! The command line: its words, and the only place that prints.
//!
//! Each command has a file under `commands/`; it does its work and returns what
//! there is to say. Messages are French where the locale is, English elsewhere;
//! the words of the commands are the same everywhere, so that a note on the wall
//! stays true.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is where this program speaks"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::config::{Config, EXAMPLE};
use crate::texts::Say;
use fault::FaultVerb;

pub(crate) mod fault;
#[cfg(test)]
mod tests;

/// Where a node's configuration is when nobody says otherwise.
const DEFAULT_CONFIG: &str = "/etc/poste/poste.toml";

/// Lends computers to the public, with no centre.
#[derive(Debug, Parser)]
#[command(name = "poste", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The node's configuration file.
    #[arg(long, global = true, env = "POSTE_CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Found a site: its key, this first admin node, its first operator.
    Init(InitArgs),
    /// Admit another admin node, with the site key at hand.
    AdmitAdmin(AdminArgs),
    /// Revoke an admin node, with the site key at hand, on another admin node that runs.
    RevokeAdmin(AdminArgs),
    /// Invitations by which kiosks join.
    #[command(subcommand)]
    Token(TokenVerb),
    /// Join a site with the line that one of its nodes printed.
    Join(JoinArgs),
    /// Run the node.
    Run(RunArgs),
    /// Say how the running node is.
    Status {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Access codes.
    #[command(subcommand)]
    Code(CodeVerb),
    /// Rooms of the site.
    #[command(subcommand)]
    Room(RoomVerb),
    /// Places at a desk, named before their machines join.
    #[command(subcommand)]
    Kiosk(KioskVerb),
    /// Nodes of the site.
    #[command(subcommand)]
    Node(NodeVerb),
    /// Operators' accounts.
    #[command(subcommand)]
    Operator(OperatorVerb),
    /// What holds for the whole site; without an option, say it.
    Settings(SettingsArgs),
    /// The ledger as a file that others can verify.
    #[command(subcommand)]
    Ledger(LedgerVerb),
    /// Make a copy of the node's state now.
    Backup {
        /// Folder that receives it; otherwise the configured one.
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Put a copy back, into the empty data folder of a node that is not running.
    Restore {
        /// The copy.
        from: PathBuf,
        /// No other admin node is left to catch up with: open the vault at once.
        #[arg(long)]
        alone: bool,
    },
    /// Exercises: faults that the site's own staff order, on an admin node.
    #[command(subcommand)]
    Fault(FaultVerb),
    /// Personal data, on a node that is not running.
    #[command(subcommand)]
    Vault(VaultVerb),
    /// Run a whole small site on this machine, to look at.
    Demo(DemoArgs),
    /// Print the example configuration.
    Example,
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How a site is founded.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What the public calls the site.
    #[arg(long)]
    pub(crate) name: String,
    /// Login of the first operator, who is an administrator.
    #[arg(long, default_value = "admin")]
    pub(crate) login: String,
    /// Name of the first operator, as colleagues see it.
    #[arg(long)]
    pub(crate) operator_name: Option<String>,
    /// Where the sealed site key is written, to be moved offline.
    #[arg(long, default_value = "site-key.txt")]
    pub(crate) site_key: PathBuf,
    /// Read the passphrase from this file instead of the terminal.
    #[arg(long)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the operator's password from this file instead of the terminal.
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
}

/// Which admin node is admitted or revoked, and the site key for it.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// Id of the node, as its own `poste join` printed it, or `poste node list`.
    pub(crate) node: domain::id::NodeId,
    /// The sealed site key.
    #[arg(long, conflicts_with = "words", required_unless_present = "words")]
    pub(crate) site_key: Option<PathBuf>,
    /// Type the recovery words instead.
    #[arg(long)]
    pub(crate) words: bool,
    /// Read the passphrase, or the words, from this file instead of the terminal.
    #[arg(long)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Invitations by which kiosks join.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Issue one and print its join line.
    Issue {
        /// Room whose machines it lets in, by name or id.
        #[arg(long, conflicts_with = "kiosk", required_unless_present = "kiosk")]
        room: Option<String>,
        /// Kiosk whose machine it lets in, by name or id.
        #[arg(long)]
        kiosk: Option<String>,
        /// Hours until it expires.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24 * 366))]
        hours: u32,
    },
    /// List those that still let somebody in.
    List,
    /// Revoke one.
    Revoke {
        /// Its id, as listed.
        token: domain::id::TokenId,
    },
}

/// Rooms of the site.
#[derive(Debug, Subcommand)]
pub(crate) enum RoomVerb {
    /// Make a room, or give one of this name another place among them.
    Add {
        /// Its name.
        name: String,
        /// Place among the rooms.
        #[arg(long, default_value_t = 1)]
        order: u16,
    },
}

/// Places at a desk.
#[derive(Debug, Subcommand)]
pub(crate) enum KioskVerb {
    /// Make a kiosk's place, or move one of this name to another room.
    Add {
        /// Its name.
        name: String,
        /// Its room, by name or id.
        #[arg(long)]
        room: String,
    },
}

/// How a machine joins.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The join line. Left out, it is asked for; on an admin node that is not
    /// admitted yet, the node's id is printed instead.
    #[arg(conflicts_with = "line_file")]
    pub(crate) line: Option<String>,
    /// Read the join line from this file.
    #[arg(long)]
    pub(crate) line_file: Option<PathBuf>,
    /// Without a line: ask at an admin node's link address, show six digits and wait
    /// until an operator has compared them.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["line", "line_file"])]
    pub(crate) pair: Option<std::net::SocketAddr>,
}

/// How the node runs.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Stop when standard input ends: for a parent that may be killed.
    #[arg(long)]
    pub(crate) with_parent: bool,
}

/// Personal data.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultVerb {
    /// Open the vault that a restored copy left shut, when no other admin node is left
    /// to catch up with.
    Open,
}

/// Access codes.
#[derive(Debug, Subcommand)]
pub(crate) enum CodeVerb {
    /// Issue codes and print them. They are kept nowhere else.
    Issue {
        /// Minutes that each grants.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=720))]
        minutes: u32,
        /// Hours during which each opens; beyond 24 codes are longer.
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=24 * 400))]
        hours: u32,
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=500))]
        count: u16,
        /// Only in this room, by name or id.
        #[arg(long, conflicts_with = "kiosk")]
        room: Option<String>,
        /// Only on this kiosk, by name or id.
        #[arg(long)]
        kiosk: Option<String>,
    },
}

/// Nodes of the site.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeVerb {
    /// List them, and the machines that wait to be paired.
    List,
    /// Pair a machine that waits, after comparing the digits on its screen.
    Pair {
        /// The digits that the machine shows, or its node as listed.
        which: String,
        /// Kiosk that it becomes, by name or id; with --room a new one of that name.
        #[arg(long, required_unless_present = "room")]
        kiosk: Option<String>,
        /// Room of a new kiosk, by name or id.
        #[arg(long)]
        room: Option<String>,
    },
    /// Turn away a machine that waits to be paired.
    Refuse {
        /// The digits that are listed for it, or its node.
        which: String,
    },
    /// Revoke a kiosk's node: it loses all effect on the site.
    Revoke {
        /// Its id, as listed.
        node: domain::id::NodeId,
    },
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleWord {
    /// Sees the room.
    Viewer,
    /// Issues codes, extends, closes.
    Host,
    /// Also configures, admits and revokes.
    Admin,
}

impl From<RoleWord> for domain::operator::OperatorRole {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Host => Self::Host,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// Operators' accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    /// Add an account.
    Add {
        /// Its login.
        login: String,
        /// Name, as colleagues see it.
        #[arg(long)]
        name: Option<String>,
        /// What the account may do.
        #[arg(long, value_enum, default_value_t = RoleWord::Host)]
        role: RoleWord,
        /// Read the password from this file instead of the terminal.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Give an account a new password.
    Reset {
        /// Its login.
        login: String,
        /// Read the password from this file instead of the terminal.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

/// What a kiosk does that has had no link for half a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AloneWord {
    /// Opens known codes, up to the allowance.
    Codes,
    /// Finishes the running session and opens nothing.
    Finish,
    /// Ends the running session and locks.
    Lock,
}

impl From<AloneWord> for domain::settings::IsolationPolicy {
    fn from(word: AloneWord) -> Self {
        match word {
            AloneWord::Codes => Self::AcceptKnown,
            AloneWord::Finish => Self::Finish,
            AloneWord::Lock => Self::Lock,
        }
    }
}

/// What holds for the whole site.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// What a kiosk does that is alone.
    #[arg(long, value_enum)]
    pub(crate) alone: Option<AloneWord>,
    /// Minutes that one session may use on one kiosk that is alone.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=720))]
    pub(crate) allowance: Option<u32>,
    /// Seconds left to save one's work when a session ends other than by its time.
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=600))]
    pub(crate) grace: Option<u16>,
}

/// The ledger as a file.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerVerb {
    /// Check every signature and chain: of a file, or of this node's store.
    Verify {
        /// The file; otherwise this node's store, while the node is stopped.
        file: Option<PathBuf>,
    },
    /// Take the entries of a file into this node's store, while it is stopped.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Write the running node's ledger to a file.
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Write the running node's registers of use to a file: what the ledger leaves out.
    Readings {
        /// The file.
        file: PathBuf,
    },
}

/// How the demonstration runs.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder of the demonstration.
    #[arg(long, default_value = "demo")]
    pub(crate) dir: PathBuf,
    /// Begin anew: what an earlier demonstration left is removed.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// First of some forty ports that are used, on 127.0.0.1 and 127.0.0.2.
    #[arg(long, default_value_t = 8700, value_parser = clap::value_parser!(u16).range(1024..=65_400))]
    pub(crate) ports: u16,
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli) {
        Ok(text) => {
            if !text.is_empty() {
                println!("{}", text.trim_end());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("poste: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line at once, for commands that go on after it.
pub(crate) fn say_now(text: &str) {
    println!("{text}");
}

/// Carries out a command; returns what is left to print.
fn carry_out(cli: Cli) -> anyhow::Result<String> {
    // Read by those that need it: some do not.
    let config = || configuration(&cli.config);
    match cli.command {
        Verb::Init(args) => commands::init::init(&config()?, &args),
        Verb::AdmitAdmin(args) => commands::admit_admin::admit_admin(&config()?, &args),
        Verb::RevokeAdmin(args) => commands::revoke_admin::revoke_admin(&config()?, &args),
        Verb::Token(verb) => commands::token::token(&config()?, verb),
        Verb::Join(args) => commands::join::join(&config()?, &args),
        Verb::Status { json } => commands::status::status(&config()?, json),
        Verb::Code(verb) => commands::code::code(&config()?, verb),
        Verb::Room(verb) => commands::place::room(&config()?, verb),
        Verb::Kiosk(verb) => commands::place::kiosk(&config()?, verb),
        Verb::Node(verb) => commands::node::node(&config()?, verb),
        Verb::Fault(verb) => commands::fault::fault(&config()?, verb),
        Verb::Operator(verb) => commands::operator::operator(&config()?, verb),
        Verb::Run(args) => commands::run::run(config()?, &args),
        Verb::Ledger(LedgerVerb::Verify { file: Some(file) }) => {
            commands::ledger::verify_file(&file)
        }
        Verb::Ledger(LedgerVerb::Verify { file: None }) => {
            commands::ledger::verify_store(&config()?)
        }
        Verb::Ledger(LedgerVerb::Import { file }) => commands::ledger::import(&config()?, &file),
        Verb::Settings(args) => commands::settings::settings(&config()?, &args),
        Verb::Ledger(LedgerVerb::Readings { file }) => {
            commands::ledger::readings(&config()?, &file)
        }
        Verb::Ledger(LedgerVerb::Export { file }) => commands::ledger::export(&config()?, &file),
        Verb::Backup { to } => commands::backup::backup(&config()?, to),
        Verb::Restore { from, alone } => commands::backup::restore(&config()?, &from, alone),
        Verb::Vault(VaultVerb::Open) => commands::backup::open_vault(&config()?),
        Verb::Demo(args) => commands::demo::demo(&args),
        Verb::Example => Ok(EXAMPLE.to_owned()),
        Verb::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "poste", &mut bytes);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

fn configuration(path: &std::path::Path) -> Result<Config, Say> {
    if path == std::path::Path::new(DEFAULT_CONFIG) && !path.exists() {
        return Err(Say::ConfigMissing { file: path.display().to_string() });
    }
    Config::read(path)
}
