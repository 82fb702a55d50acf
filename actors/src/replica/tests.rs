//! The Replica in worlds of several nodes, on virtual time, over a network that can be cut.

mod attack;
mod checkpoint;
mod copied_disk;
mod learning;
mod story;
pub(crate) mod world;
