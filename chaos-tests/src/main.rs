//! `poste-chaos`.

fn main() {}
