//! The binary `poste`: one node of a site, and the commands around it.

mod config;
mod invitation;
mod key_file;
mod printable;
mod seal;
mod seed;
mod texts;
mod words;

fn main() {}
