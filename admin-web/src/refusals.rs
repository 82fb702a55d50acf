//! Refusals as sentences, French first.

use domain::refusal::Refusal;

/// What a refusal says to a person, in French and in English.
#[must_use]
pub fn sentences(refusal: &Refusal) -> (String, String) {
    let (french, english) = match refusal {
        Refusal::UnknownCode => ("Code d’accès inconnu.", "Unknown access code."),
        Refusal::CodeExpired => ("Ce code d’accès a expiré.", "This access code has expired."),
        Refusal::CodeNotYetValid => {
            ("Ce code d’accès n’est pas encore valable.", "This access code is not valid yet.")
        }
        Refusal::CodeWithdrawn => {
            ("Ce code d’accès a été retiré.", "This access code was withdrawn.")
        }
        Refusal::UsedUp => {
            ("Il ne reste plus de temps sur ce code.", "No time is left on this access code.")
        }
        Refusal::SessionClosed => {
            ("Cette session a été fermée définitivement.", "This session was closed for good.")
        }
        Refusal::WrongPlace => (
            "Ce code d’accès est prévu pour un autre poste ou une autre salle.",
            "This access code is for another kiosk or room.",
        ),
        Refusal::OpenElsewhere { kiosk } => {
            return (
                format!("Cette session est ouverte sur un autre poste : {kiosk}."),
                format!("This session is open on another kiosk: {kiosk}."),
            );
        }
        Refusal::KioskInUse => {
            ("Ce poste est déjà occupé par une session.", "This kiosk is already in use.")
        }
        Refusal::OutOfService => ("Ce poste est hors service.", "This kiosk is out of service."),
        Refusal::Isolated => (
            "Ce poste est isolé du réseau et n’ouvre plus de session.",
            "This kiosk is cut off from the network and opens nothing more.",
        ),
        Refusal::Throttled { seconds } => {
            return (
                format!("Trop d’essais erronés : attendez {seconds} s."),
                format!("Too many wrong tries: wait {seconds} s."),
            );
        }
        Refusal::NotJoined => {
            ("Ce nœud n’a pas encore rejoint son site.", "This node has not joined its site yet.")
        }
        Refusal::UnknownSession => {
            ("Cette session est inconnue ici.", "No such session is known here.")
        }
        Refusal::UnknownKiosk => ("Ce poste est inconnu ici.", "No such kiosk is known here."),
        Refusal::UnknownRoom => ("Cette salle est inconnue ici.", "No such room is known here."),
        Refusal::UnknownNode => ("Ce nœud est inconnu ici.", "No such node is known here."),
        Refusal::UnknownToken => {
            ("Ce jeton est inconnu ou a été révoqué.", "This join token is unknown or was revoked.")
        }
        Refusal::TokenExpired => ("Ce jeton a expiré.", "This join token has expired."),
        Refusal::NotNow => (
            "Impossible dans l’état actuel de la session.",
            "Not possible in the session’s present state.",
        ),
        Refusal::Role => {
            ("Votre rôle ne permet pas cette action.", "Your role does not allow this.")
        }
        Refusal::Authority => {
            ("Ce nœud n’a pas le droit de faire cela.", "This node may not do this.")
        }
        Refusal::OutOfBounds => {
            ("Valeur hors des limites permises.", "A value is outside of what is allowed.")
        }
        Refusal::RequestReused => (
            "Cet identifiant de demande a déjà servi pour autre chose.",
            "This request id was already used for something else.",
        ),
        Refusal::Exists => ("Cet identifiant est déjà pris.", "This identifier is already taken."),
    };
    (french.to_owned(), english.to_owned())
}
