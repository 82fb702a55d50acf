//! `poste token`: invitations by which kiosks join.

use crate::cli::TokenVerb;
use crate::config::Config;
use crate::control::{Answer, PlaceNamed, Request};
use crate::moments;
use crate::texts::Say;

use super::{ask_admin, listed};

/// Issues, lists, revokes.
pub(crate) fn token(config: &Config, verb: TokenVerb) -> anyhow::Result<String> {
    match verb {
        TokenVerb::Issue { room, kiosk, hours } => {
            let place = match (room, kiosk) {
                (_, Some(kiosk)) => PlaceNamed::Kiosk(kiosk),
                (Some(room), None) => PlaceNamed::Room(room),
                (None, None) => PlaceNamed::Anywhere,
            };
            let request = Request::TokenIssue { place, hours };
            let Answer::Line(line) = ask_admin(config, &request)? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::TokenIssued { line, hours }.to_string())
        }
        TokenVerb::List => {
            let Answer::Tokens(tokens) = ask_admin(config, &Request::TokenList {})? else {
                return Err(Say::AnswerOdd.into());
            };
            let lines: Vec<String> = tokens
                .iter()
                .map(|token| format!("{}  {}", token.token, moments::utc(token.expires_ms)))
                .collect();
            Ok(listed(&lines))
        }
        TokenVerb::Revoke { token } => {
            let Answer::Done = ask_admin(config, &Request::TokenRevoke { token })? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::TokenRevoked.to_string())
        }
    }
}
