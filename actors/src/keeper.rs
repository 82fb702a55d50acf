//! The keeper: sees to it that what has ended is erased, and that there is a backup each day.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::authority::NodeKind;
use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::id::{OperatorId, RequestId};
use domain::operator::{By, OperatorRole};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::clerk::ClerkMessage;
use crate::tree::Shared;

/// How often it looks.
const LOOKS_EVERY: Duration = Duration::from_secs(60);
/// Rows erased in one look.
const MOST_ERASED: usize = 100;
/// On whose behalf the keeper writes: nobody's.
pub const KEEPER: By = By { operator: OperatorId([0; 16]), role: OperatorRole::Admin };

/// What makes a backup; blocks.
pub type MakeBackup = Arc<dyn Fn() -> Result<PathBuf, String> + Send + Sync>;

/// How the keeper works.
#[derive(Clone)]
pub struct KeeperSettings {
    /// Milliseconds from now until the next backup is due, asked anew after each; `None`: never.
    pub next_backup_ms: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Makes it.
    pub make_backup: MakeBackup,
}

/// What the keeper is told.
#[derive(ractor_cluster::RactorMessage)]
pub enum KeeperMessage {
    /// Look.
    Look,
    /// A backup is due.
    Backup,
}

/// See the module.
pub struct Keeper;

impl Actor for Keeper {
    type Msg = KeeperMessage;
    type State = (Arc<Shared>, KeeperSettings);
    type Arguments = (Arc<Shared>, KeeperSettings);

    async fn pre_start(
        &self,
        myself: ActorRef<KeeperMessage>,
        (shared, settings): (Arc<Shared>, KeeperSettings),
    ) -> Result<Self::State, ActorProcessingErr> {
        if shared.identity.kind == NodeKind::Admin {
            myself.send_interval(LOOKS_EVERY, || KeeperMessage::Look);
        }
        plan_backup(&myself, &settings);
        Ok((shared, settings))
    }

    async fn handle(
        &self,
        myself: ActorRef<KeeperMessage>,
        message: KeeperMessage,
        (shared, settings): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            KeeperMessage::Look => erase_what_has_ended(shared),
            KeeperMessage::Backup => {
                let make = Arc::clone(&settings.make_backup);
                match tokio::task::spawn_blocking(move || make()).await {
                    Ok(Ok(file)) => tracing::info!(file = %file.display(), "backup made"),
                    Ok(Err(error)) => tracing::error!(%error, "backup failed"),
                    Err(error) => tracing::error!(%error, "backup failed"),
                }
                plan_backup(&myself, settings);
            }
        }
        Ok(())
    }
}

fn plan_backup(myself: &ActorRef<KeeperMessage>, settings: &KeeperSettings) {
    if let Some(wait) = (settings.next_backup_ms)() {
        // At least a second apart, whatever the clock says.
        myself.send_after(Duration::from_millis(wait.max(1_000)), || KeeperMessage::Backup);
    }
}

/// Texts that have ended are erased by a fact, on the admin node of the lowest name that is linked:
/// the others would only say the same.
fn erase_what_has_ended(shared: &Arc<Shared>) {
    let clerk = Arc::clone(shared);
    let told = shared.tell_clerk(ClerkMessage::Turn(Box::new(move |replica, raw| {
        let now = replica.moment(raw);
        let me = replica.me().node();
        let first = replica
            .links()
            .filter(|(_, kind, _)| *kind == NodeKind::Admin)
            .all(|(node, _, _)| me < *node);
        let ended = match replica.vault() {
            Some(vault) if first && !vault.is_shut() => vault.ended_notes(now, MOST_ERASED),
            Some(_) | None => return Vec::new(),
        };
        match ended {
            Ok(rows) => {
                for row in rows {
                    let request = RequestId(rand::random());
                    let asked = Asked { request, command: Command::EraseRow { row } };
                    let (answer, _) = oneshot::channel();
                    let by = OnBehalf::Operator(KEEPER);
                    if !clerk.tell_clerk(ClerkMessage::Ask(by, asked, answer)) {
                        break;
                    }
                }
            }
            Err(error) => tracing::error!(%error, "ended texts cannot be listed"),
        }
        Vec::new()
    })));
    if !told {
        tracing::debug!("the clerk is being started again");
    }
}
