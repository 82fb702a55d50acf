//! `poste token`: invitations by which kiosks join.

use crate::cli::TokenVerb;
use crate::config::Config;
use crate::control::{Answer, PlaceNamed, Request};
use crate::moments;
use crate::texts::Say;

use super::ask_admin;

/// Issues, lists, revokes.
pub(crate) fn token(config: &Config, verb: TokenVerb) -> anyhow::Result<String> {
    match verb {
        TokenVerb::Issue { room, kiosk, hours } => {
            let place = match (room, kiosk) {
                (_, Some(kiosk)) => PlaceNamed::Kiosk(kiosk),
                (Some(room), None) => PlaceNamed::Room(room),
                (None, None) => PlaceNamed::Anywhere,
            };
            match ask_admin(config, &Request::TokenIssue { place, hours })? {
                Answer::Line(line) => Ok(Say::TokenIssued { line, hours }.to_string()),
                _ => Err(Say::AnswerOdd.into()),
            }
        }
        TokenVerb::List => match ask_admin(config, &Request::TokenList {})? {
            Answer::Tokens(tokens) if tokens.is_empty() => Ok(Say::NothingListed.to_string()),
            Answer::Tokens(tokens) => Ok(tokens
                .iter()
                .map(|token| format!("{}  {}", token.token, moments::utc(token.expires_ms)))
                .collect::<Vec<_>>()
                .join("\n")),
            _ => Err(Say::AnswerOdd.into()),
        },
        TokenVerb::Revoke { token } => match ask_admin(config, &Request::TokenRevoke { token })? {
            Answer::Done => Ok(Say::TokenRevoked.to_string()),
            _ => Err(Say::AnswerOdd.into()),
        },
    }
}
