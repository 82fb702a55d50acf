//! The harness that keeps the system honest.
//!
//! One set of [scenarios](scenario::Scenario), one set of [invariants](checker::Invariant), three
//! [targets](target::Target): a seeded simulator, a laboratory of real processes, a real site.

pub mod book;
pub mod checker;
pub mod cluster;
pub mod cut;
pub mod event;
pub mod fault;
pub mod invariants;
pub mod lab;
pub mod mutants;
pub mod record;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod sim;
pub mod site;
pub mod target;
