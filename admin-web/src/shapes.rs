//! Shapes of the JSON that the API and the live stream speak.
//!
//! What comes in refuses unknown fields and is bounded; what goes out carries a
//! [`stamp::Stamp`]. They are made from the domain's values and hold no rule.

pub mod code;
pub mod command;
pub mod delivery;
pub mod floor;
pub mod hex;
pub mod live;
pub mod login;
pub mod node;
pub mod pairing;
pub mod problem;
pub mod session;
pub mod stamp;
pub mod token;
