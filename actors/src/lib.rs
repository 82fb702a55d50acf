//! The node's machinery.
//!
//! One pure machine, [`replica::Replica`], holds everything that a node knows and decides; ractor
//! shells around it give it a clock, a disk barrier and links over QUIC. The [`vault`] keeps personal
//! data on admin nodes. Nothing here knows a page or a command line.

pub mod backup;
pub mod clerk;
pub mod clock;
pub mod code_key;
pub mod desk;
pub mod entry;
pub mod gateway;
pub mod keeper;
pub mod kiosk;
pub mod ledger_file;
pub mod link;
pub mod pairing;
pub mod peers;
pub mod readings_file;
pub mod replica;
pub mod signing;
pub mod snapshot;
pub mod tree;
pub mod vault;
