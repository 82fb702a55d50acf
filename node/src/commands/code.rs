//! `poste code`: access codes.

use crate::cli::CodeVerb;
use crate::config::Config;
use crate::control::{Answer, PlaceNamed, Request};
use crate::texts::Say;

use super::ask_admin;

/// Issues codes; prints one to a line and nothing else, for whoever pipes them.
pub(crate) fn code(config: &Config, verb: CodeVerb) -> anyhow::Result<String> {
    let CodeVerb::Issue { minutes, hours, count, room, kiosk } = verb;
    let place = match (room, kiosk) {
        (_, Some(kiosk)) => PlaceNamed::Kiosk(kiosk),
        (Some(room), None) => PlaceNamed::Room(room),
        (None, None) => PlaceNamed::Anywhere,
    };
    let request = Request::CodeIssue { minutes, hours, count, place };
    let Answer::Codes(codes) = ask_admin(config, &request)? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(codes.join("\n"))
}
