//! What the demonstration says.

use crate::texts::Lang;

use super::crew::Crew;
use super::plan::{LOGIN, PASSWORD, Plan, ROOMS, Role, SITE};

/// While a first start takes its seconds.
pub(super) fn preparing(lang: Lang) -> String {
    lang.pick("Préparation d'un petit site…", "Preparing a small site…").to_owned()
}

/// At the end.
pub(super) fn stopping(lang: Lang) -> String {
    lang.pick(
        "Arrêt. L'état reste : le prochain démarrage reprend ici (--fresh pour repartir de zéro).",
        "Stopping. The state stays: the next start goes on from here (--fresh to begin anew).",
    )
    .to_owned()
}

/// A process runs again.
pub(super) fn restarted(name: &str, pid: u32, lang: Lang) -> String {
    match lang {
        Lang::Fr => format!("{name} a redémarré (processus {pid})."),
        Lang::En => format!("{name} was started again (process {pid})."),
    }
}

/// A process ended and stays so.
pub(super) fn stopped(name: &str, lang: Lang) -> String {
    match lang {
        Lang::Fr => format!("{name} est arrêté. Entrée pour le relancer."),
        Lang::En => format!("{name} has stopped. Enter to start it again."),
    }
}

/// Everything that there is to see and to try.
pub(super) fn welcome(plan: &Plan, crew: &Crew, codes: &[String], lang: Lang) -> String {
    let mut lines = vec![String::new(), format!("  {SITE}"), String::new()];
    let heading = |fr: &str, en: &str| format!("  {}", lang.pick(fr, en));
    let pid = |name: &str| crew.pid(name).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let process = lang.pick("processus", "process");

    lines.push(heading("Consoles", "Consoles"));
    for member in plan.members.iter().filter(|m| m.role == Role::Admin) {
        lines.push(format!(
            "    {:<8} {:<23} {process} {}",
            member.name,
            member.page(),
            pid(member.name)
        ));
    }
    let (login, password) = match lang {
        Lang::Fr => ("identifiant", "mot de passe"),
        Lang::En => ("login", "password"),
    };
    lines.push(format!("    {login} {LOGIN}   {password} {PASSWORD}"));
    lines.push(String::new());

    lines.push(heading("Postes", "Kiosks"));
    for member in plan.members.iter().filter(|m| m.role == Role::Kiosk) {
        let room = ROOMS.get(member.room).copied().unwrap_or_default();
        lines.push(format!(
            "    {:<8} {:<23} {process} {:<7} {} ({room})",
            member.name,
            member.page(),
            pid(member.name),
            member.title
        ));
    }
    lines.push(String::new());
    lines.push(heading("Codes d'accès (45 min)", "Access codes (45 min)"));
    lines.push(format!("    {}", codes.join("   ")));
    lines.push(String::new());

    let admin = pid("admin-1");
    let kiosk = pid("poste-1");
    lines.push(heading("À essayer", "To try"));
    lines.extend(match lang {
        Lang::Fr => [
            "    1. Tapez un code sur la page d'un poste : la tuile vit dans la console."
                .to_owned(),
            format!("    2. Tuez la première console : kill -9 {admin} — le temps continue."),
            "    3. Prolongez depuis l'autre console : le poste obéit.".to_owned(),
            format!("    4. Tuez le programme du poste : kill -9 {kiosk} — la session reprend."),
            "    5. Entrée ici : la première console revient, et tous disent la même chose."
                .to_owned(),
        ],
        Lang::En => [
            "    1. Type a code on a kiosk's page: its tile comes alive in the console.".to_owned(),
            format!("    2. Kill the first console: kill -9 {admin} — time goes on."),
            "    3. Extend from the other console: the kiosk obeys.".to_owned(),
            format!("    4. Kill the kiosk's program: kill -9 {kiosk} — the session resumes."),
            "    5. Enter here: the first console is back, and all say the same.".to_owned(),
        ],
    });
    lines.push(String::new());
    lines.push(heading("Ctrl-C arrête tout.", "Ctrl-C stops everything."));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Crew, Plan, welcome};
    use crate::texts::Lang;

    #[test]
    fn notice_says_where_to_go_and_what_to_type() {
        let plan = Plan::new(Path::new("/x/demo"), 8700);
        let crew = Crew::new(plan.folder.clone());
        let codes = ["K7QM-2XPD".to_owned(), "AAAA-BBBB".to_owned()];
        for lang in [Lang::Fr, Lang::En] {
            let text = welcome(&plan, &crew, &codes, lang);
            for part in [
                "http://127.0.0.1:8700/",
                "http://127.0.0.2:8700/",
                "http://127.0.0.1:8712/",
                "http://127.0.0.1:8714/",
                "lea",
                super::PASSWORD,
                "K7QM-2XPD",
                "kill -9",
                "Espace jeunesse",
            ] {
                assert!(text.contains(part), "{part} is not in:\n{text}");
            }
            assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
        }
    }
}
