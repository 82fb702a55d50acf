//! Bad input on running nodes: real processes with real folders, founded and joined by the real
//! commands, then harmed.
//!
//! What a part does with bad input is tested in that part; here it is asked of the whole: one clear
//! line, nothing acknowledged is lost, no panic, no growth without bound.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails on whatever it does not expect, and says what it could not test"
)]

#[path = "hostile/clocks.rs"]
mod clocks;
#[path = "hostile/codes.rs"]
mod codes;
#[path = "hostile/console.rs"]
mod console;
#[path = "hostile/control.rs"]
mod control;
#[path = "hostile/damage.rs"]
mod damage;
#[path = "hostile/faces.rs"]
mod faces;
#[path = "hostile/full_disk.rs"]
mod full_disk;
#[path = "hostile/kills.rs"]
mod kills;
#[path = "hostile/member.rs"]
mod member;
#[path = "hostile/noise.rs"]
mod noise;
#[path = "hostile/outsiders.rs"]
mod outsiders;
#[path = "hostile/ports.rs"]
mod ports;
#[path = "hostile/revoked.rs"]
mod revoked;
#[path = "hostile/site.rs"]
mod site;
#[path = "hostile/site_faults.rs"]
mod site_faults;
#[path = "hostile/waiting.rs"]
mod waiting;
