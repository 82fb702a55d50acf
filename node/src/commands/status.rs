//! `poste status`: how the running node is, in words or as JSON.

use domain::authority::NodeKind;

use crate::config::Config;
use crate::control::view::StatusView;
use crate::control::{Answer, Request};
use crate::moments;
use crate::texts::{Lang, Say};

use super::ask;

/// Asks and tells.
pub(crate) fn status(config: &Config, json: bool) -> anyhow::Result<String> {
    let Answer::Status(status) = ask(config, &Request::Status {})? else {
        return Err(Say::AnswerOdd.into());
    };
    if json {
        return Ok(serde_json::to_string_pretty(&status)?);
    }
    Ok(in_words(&status, Lang::here()))
}

fn in_words(status: &StatusView, lang: Lang) -> String {
    let mut lines = Vec::new();
    let mut line = |fr: &str, en: &str, value: String| {
        let label = lang.pick(fr, en);
        lines.push(format!("{label:<22}{value}"));
    };
    let site = status.site.map_or_else(
        || lang.pick("aucun", "none").to_owned(),
        |site| format!("{} ({site})", status.site_name),
    );
    line("Site", "Site", site);
    line("Nœud", "Node", format!("{} ({})", status.node, status.kind));
    line("Programme", "Program", format!("poste {}, pid {}", status.version, status.pid));
    if !status.joined {
        let waits =
            lang.pick("n'a pas encore été reçu par un membre", "no member has let it in yet");
        line("Adhésion", "Membership", waits.to_owned());
    }
    line("Empreinte de l'état", "Fingerprint", status.fingerprint.clone());
    line("Liens", "Links", status.links.len().to_string());
    for link in &status.links {
        let kind = match link.kind {
            Some(NodeKind::Admin) => lang.pick("administration", "admin"),
            Some(NodeKind::Kiosk) => lang.pick("poste", "kiosk"),
            None => "?",
        };
        let address = link.address.as_deref().unwrap_or("");
        line("", "", format!("{}  {kind}  {address}", link.node));
    }
    for door in &status.closed_doors {
        let value = format!("{}  {}", door.address, door.why);
        line("Porte fermée", "Closed door", value);
    }
    let entries = status.replication.entries;
    line(
        "Journal",
        "Ledger",
        match lang {
            Lang::Fr => format!("{entries} écritures, {} époques", status.frontier.len()),
            Lang::En => format!("{entries} entries, {} epochs", status.frontier.len()),
        },
    );
    if let Some(checkpoint) = &status.checkpoint {
        let date = moments::utc(checkpoint.as_of_ms);
        line("Point de reprise", "Checkpoint", date);
    }
    for epoch in &status.refused_epochs {
        let late = lang.pick("arrivée trop tard, sans effet", "came too late, without effect");
        line("Époque refusée", "Refused epoch", format!("{epoch}  {late}"));
    }
    let replication = &status.replication;
    let (commands, elsewhere) = (replication.commands, replication.elsewhere);
    line(
        "Réplication",
        "Replication",
        match lang {
            Lang::Fr => {
                format!("{elsewhere} des {commands} dernières commandes sont aussi ailleurs")
            }
            Lang::En => format!("{elsewhere} of the last {commands} commands are elsewhere too"),
        },
    );
    if !status.writable {
        let fails = lang.pick(
            "n'écrit plus : libérez de la place ou changez-le ; le nœud l'essaie toutes les 10 s",
            "takes no writes: make room or replace it; the node tries it every 10 s",
        );
        line("Disque", "Disk", fails.to_owned());
    }
    if let Some(certificate) = &status.console_certificate {
        line("Certificat (SHA-256)", "Certificate (SHA-256)", certificate.clone());
    }
    let trust = if status.clocks.trusted {
        lang.pick("heure du site", "site time")
    } else {
        lang.pick("heure de cette machine seule", "this machine's word only")
    };
    line("Heure", "Time", format!("{} ({trust})", moments::utc(status.clocks.site_ms)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use domain::id::{EpochId, NodeId, SiteId};

    use super::in_words;
    use crate::control::view::{
        CheckpointView, ClocksView, DoorView, LinkView, ReplicationView, StatusView,
    };
    use crate::texts::Lang;

    #[test]
    fn status_says_what_to_look_at_in_both_languages() {
        let status = StatusView {
            version: "0.1.0".into(),
            pid: 42,
            node: NodeId([1; 32]),
            epoch: None,
            site: Some(SiteId([2; 32])),
            site_name: "Médiathèque".into(),
            kind: "kiosk".into(),
            joined: false,
            writable: false,
            fingerprint: "f".repeat(64),
            links: vec![LinkView {
                node: NodeId([3; 32]),
                kind: None,
                address: Some("127.0.0.1:7443".into()),
            }],
            closed_doors: vec![DoorView {
                address: "127.0.0.1:7444".into(),
                why: "closed by the other end: revoked".into(),
            }],
            frontier: Vec::new(),
            checkpoint: Some(CheckpointView {
                checkpoint: "d".repeat(64),
                as_of_ms: 1_795_000_000_000,
            }),
            refused_epochs: vec![EpochId([9; 32])],
            replication: ReplicationView::default(),
            clocks: ClocksView::default(),
            console_certificate: Some("c".repeat(64)),
            rows: Some(1),
        };
        for (lang, word) in [(Lang::Fr, "Empreinte"), (Lang::En, "Fingerprint")] {
            let text = in_words(&status, lang);
            for part in [
                word,
                "Médiathèque",
                "pid 42",
                "127.0.0.1:7443",
                "127.0.0.1:7444",
                "revoked",
                "2026-11-18",
                &"09".repeat(32),
                &"f".repeat(64),
                &"c".repeat(64),
            ] {
                assert!(text.contains(part), "{part} is not in:\n{text}");
            }
        }
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<StatusView>(&json).unwrap(), status);
    }
}
