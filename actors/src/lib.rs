//! actors

pub mod clock;
pub mod code_key;
pub mod vault;
pub mod link;
