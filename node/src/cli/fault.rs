//! Words of `poste fault`.

use clap::{Args, Subcommand};
use domain::id::NodeId;

use crate::site_fault::hours::Hours;

/// Exercises: faults that the site's own staff order.
#[derive(Debug, Subcommand)]
pub(crate) enum FaultVerb {
    /// Cut nodes off from others, for a while.
    Cut {
        /// Ids of the nodes, as listed.
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<NodeId>,
        /// Ids of the nodes to which they make no links; otherwise of all others.
        #[arg(long, value_name = "NODE", num_args = 1..)]
        from: Vec<NodeId>,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Kill the processes of nodes; their service managers start them again.
    Restart {
        /// Ids of the nodes, as listed.
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<NodeId>,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// End every fault that was ordered on this node.
    End {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// List the nodes that may be under a fault.
    List {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// What must hold with a fault, or it is not ordered.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Seconds until each node ends it by its own clock.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) for_s: u32,
    /// Longest fault, in seconds.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) deadline_s: u32,
    /// Local hours, such as 20:00-07:00; otherwise only while nobody uses the kiosks concerned.
    #[arg(long)]
    pub(crate) hours: Option<Hours>,
    /// Most kiosks under a fault at one time, in hundredths.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) share: u8,
    /// Durable nodes that are linked and under no fault, at any time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep_durable: u16,
    /// As JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}
