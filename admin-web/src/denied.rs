//! Why a request was not carried out, and the reply that says so.

use std::time::Duration;

use domain::refusal::Refusal;
use warp::http::{StatusCode, header};
use warp::reply::Response;

use crate::desk::NotDone;
use crate::refusals;
use crate::reply;
use crate::shapes::hex::HexId;
use crate::shapes::problem::Problem;
use crate::shapes::stamp::Stamp;

/// Longest part of a parser's complaint that is passed on, in characters.
const LONGEST_DETAIL: usize = 200;

/// Why not.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The request makes no sense; what the parser said of it.
    Malformed(String),
    /// No login that holds.
    NotSignedIn,
    /// Login name and password do not belong together.
    WrongLogin,
    /// The ticket is void, used, or for another node.
    WrongTicket,
    /// The role is too low, or the way of signing in is not the one asked for.
    NotAllowed,
    /// The request comes from another site's page.
    ForeignOrigin,
    /// The request is for a name that is not this console's.
    ForeignHost,
    /// No such thing.
    NotFound,
    /// Not with this method.
    Method,
    /// The body took too long.
    Slow,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON.
    NotJson,
    /// Too many wrong passwords: wait.
    TooManyTries(Duration),
    /// Too much is under way.
    Busy,
    /// Something broke here.
    Broken,
    /// The rules said no.
    Refused(Refusal),
}

/// Why not, and which request it was, where that could be read.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) denied: Denied,
    pub(crate) request: Option<HexId>,
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Failure { denied, request: None }
    }
}

impl From<NotDone> for Denied {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => Denied::Refused(refusal),
            NotDone::Busy => Denied::Busy,
            NotDone::Broken(what) => {
                tracing::error!("a request could not be carried out: {what}");
                Denied::Broken
            }
        }
    }
}

impl Denied {
    /// The same, of this request.
    pub(crate) fn of(self, request: HexId) -> Failure {
        Failure { denied: self, request: Some(request) }
    }

    fn status(&self) -> StatusCode {
        match self {
            Denied::Malformed(_) => StatusCode::BAD_REQUEST,
            Denied::NotSignedIn | Denied::WrongLogin | Denied::WrongTicket => {
                StatusCode::UNAUTHORIZED
            }
            Denied::NotAllowed | Denied::ForeignOrigin => StatusCode::FORBIDDEN,
            Denied::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Denied::NotFound => StatusCode::NOT_FOUND,
            Denied::Method => StatusCode::METHOD_NOT_ALLOWED,
            Denied::Slow => StatusCode::REQUEST_TIMEOUT,
            Denied::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Denied::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Denied::TooManyTries(_) => StatusCode::TOO_MANY_REQUESTS,
            Denied::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Denied::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Denied::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Denied::Malformed(_) => "malformed",
            Denied::NotSignedIn => "not_signed_in",
            Denied::WrongLogin => "wrong_login",
            Denied::WrongTicket => "wrong_ticket",
            Denied::NotAllowed => "not_allowed",
            Denied::ForeignOrigin => "foreign_origin",
            Denied::ForeignHost => "foreign_host",
            Denied::NotFound => "not_found",
            Denied::Method => "method_not_allowed",
            Denied::Slow => "too_slow",
            Denied::TooLarge => "too_large",
            Denied::NotJson => "not_json",
            Denied::TooManyTries(_) => "too_many_tries",
            Denied::Busy => "busy",
            Denied::Broken => "broken",
            Denied::Refused(refusal) => refusal.code(),
        }
    }

    fn sentences(&self) -> (String, String) {
        let (french, english) = match self {
            Denied::Malformed(detail) => {
                let detail: String = detail.chars().take(LONGEST_DETAIL).collect();
                return (
                    format!("Demande mal formée : {detail}"),
                    format!("Malformed request: {detail}"),
                );
            }
            Denied::NotSignedIn => ("Connectez-vous pour continuer.", "Sign in to go on."),
            Denied::WrongLogin => {
                ("Identifiant ou mot de passe incorrect.", "Wrong login name or password.")
            }
            Denied::WrongTicket => (
                "La reprise n’est plus possible : connectez-vous.",
                "Going on is no longer possible: sign in.",
            ),
            Denied::NotAllowed => {
                ("Votre rôle ne permet pas cette action.", "Your role does not allow this.")
            }
            Denied::ForeignOrigin => (
                "Cette demande ne vient pas de la console.",
                "This request does not come from the console.",
            ),
            Denied::ForeignHost => (
                "Cette adresse n’est pas celle de la console.",
                "This address is not the console’s.",
            ),
            Denied::NotFound => ("Introuvable.", "Not found."),
            Denied::Method => {
                ("Méthode non permise à cette adresse.", "Method not allowed at this address.")
            }
            Denied::Slow => {
                ("La demande est arrivée trop lentement.", "The request came too slowly.")
            }
            Denied::TooLarge => (
                "Demande trop volumineuse (64 Kio au plus).",
                "Request too large (64 KiB at most).",
            ),
            Denied::NotJson => (
                "Le corps de la demande doit être en JSON (application/json).",
                "The body must be JSON (application/json).",
            ),
            Denied::TooManyTries(wait) => {
                let seconds = whole_seconds(*wait);
                return (
                    format!("Trop d’essais : attendez {seconds} s."),
                    format!("Too many tries: wait {seconds} s."),
                );
            }
            Denied::Busy => {
                ("Le nœud est trop occupé : réessayez.", "This node is too busy: try again.")
            }
            Denied::Broken => (
                "Une panne a empêché l’action ; rien n’a été enregistré.",
                "Something broke; nothing was recorded.",
            ),
            Denied::Refused(refusal) => return refusals::sentences(refusal),
        };
        (french.to_owned(), english.to_owned())
    }

    fn retry_after_s(&self) -> Option<u32> {
        if let Denied::TooManyTries(wait) = self {
            Some(whole_seconds(*wait))
        } else if let Denied::Refused(Refusal::Throttled { seconds }) = self {
            Some(*seconds)
        } else {
            matches!(self, Denied::Busy).then_some(1)
        }
    }
}

fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl Failure {
    /// The reply.
    pub(crate) fn reply(self, stamp: Stamp) -> Response {
        let (message_fr, message_en) = self.denied.sentences();
        let retry_after_s = self.denied.retry_after_s();
        let problem = Problem {
            stamp,
            error: self.denied.code().to_owned(),
            message_fr,
            message_en,
            request: self.request,
            retry_after_s,
        };
        let mut response = reply::json(self.denied.status(), &problem);
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
