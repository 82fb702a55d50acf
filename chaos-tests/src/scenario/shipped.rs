//! The scenarios that come with the program.

use crate::scenario::{Scenario, Wrong};

/// One of them, by the name that the command line takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// `room-in-two`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// All of them, from a day's ordinary hours to its worst.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        }),*];
    };
}

shipped!(
    "opening-rush",
    "closing-time",
    "admin-off",
    "admins-disagree",
    "room-in-two",
    "one-alone",
    "same-code",
    "extend-against-close",
    "reboot-abuse",
    "usb-clone",
    "cold-join",
    "admitter-lost",
    "power-cut",
    "clock-chaos",
    "hostile-kiosk",
    "disk-full",
    "rolling-upgrade",
    "flapping-switch",
);

/// The shipped scenario of that name.
pub fn named(name: &str) -> Option<Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name).copied()
}

impl Shipped {
    /// Reads it.
    ///
    /// # Errors
    /// None in a build whose tests passed.
    pub fn scenario(&self) -> Result<Scenario, Wrong> {
        Scenario::parse(self.text, &format!("{}.toml", self.name))
    }
}
