//! The binary `poste`.
fn main() {}
