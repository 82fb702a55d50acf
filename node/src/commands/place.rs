//! `poste room` and `poste kiosk`: the places, before any machine stands there.

use crate::cli::{KioskVerb, RoomVerb};
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::texts::Say;

use super::ask_admin;

/// Makes a room, or moves it among the rooms.
pub(crate) fn room(config: &Config, verb: RoomVerb) -> anyhow::Result<String> {
    let RoomVerb::Add { name, order } = verb;
    named(config, &name, &Request::RoomName { name: name.clone(), order })
}

/// Makes a kiosk's place, or moves it to a room.
pub(crate) fn kiosk(config: &Config, verb: KioskVerb) -> anyhow::Result<String> {
    let KioskVerb::Add { name, room } = verb;
    named(config, &name, &Request::KioskName { name: name.clone(), room })
}

fn named(config: &Config, name: &str, request: &Request) -> anyhow::Result<String> {
    let Answer::Done = ask_admin(config, request)? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(Say::PlaceNamed { name: name.to_owned() }.to_string())
}
