//! Refusals in French; their English is the rules' own.

use domain::refusal::Refusal;

/// What `refusal` says to a French reader of the command line.
pub(super) fn french(refusal: &Refusal) -> String {
    let fixed = match refusal {
        Refusal::OpenElsewhere { kiosk } => {
            return format!("Cette session est ouverte sur un autre poste ({kiosk}).");
        }
        Refusal::Throttled { seconds } => {
            return format!("Trop d'essais : attendez {seconds} s.");
        }
        Refusal::UnknownCode => "Code d'accès inconnu.",
        Refusal::CodeExpired => "Code d'accès expiré.",
        Refusal::CodeNotYetValid => "Code d'accès pas encore valable.",
        Refusal::CodeWithdrawn => "Code d'accès annulé.",
        Refusal::UsedUp => "Il ne reste plus de temps sur ce code.",
        Refusal::SessionClosed => "Session fermée par un opérateur.",
        Refusal::WrongPlace => "Ce code est pour un autre endroit.",
        Refusal::KioskInUse => "Ce poste est occupé.",
        Refusal::OutOfService => "Ce poste est hors service.",
        Refusal::Isolated => "Ce poste est isolé et n'ouvre plus de session.",
        Refusal::NotJoined => "Ce nœud n'a pas encore rejoint son site.",
        Refusal::UnknownSession => "Session inconnue.",
        Refusal::UnknownKiosk => "Poste inconnu.",
        Refusal::UnknownRoom => "Salle inconnue.",
        Refusal::UnknownNode => "Nœud inconnu.",
        Refusal::UnknownToken => "Invitation inconnue ou révoquée.",
        Refusal::TokenExpired => "Invitation expirée.",
        Refusal::NotNow => "Impossible dans l'état présent de la session.",
        Refusal::Role => "Le rôle de l'opérateur ne le permet pas.",
        Refusal::Authority => "Ce nœud n'en a pas le droit.",
        Refusal::OutOfBounds => "Valeur hors des limites.",
        Refusal::RequestReused => "Cet identifiant de demande a déjà servi à autre chose.",
        Refusal::Exists => "Cela existe déjà.",
    };
    fixed.to_owned()
}
