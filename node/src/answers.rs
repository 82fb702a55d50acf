//! What the running node answers to its command line.
//!
//! Whoever reaches the control socket can read the node's key, and so acts with an
//! administrator's role, under an operator id that stands for this node's command
//! line: facts say that it was nobody at the console.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use actors::clerk::Store;
use actors::desk::{Batch, Desk, NotDone};
use actors::gateway::LiveCalls;
use domain::command::Command;
use domain::fact::{Place, Scope};
use domain::floor::Floor;
use domain::id::{KioskId, NodeId, OperatorId, RequestId, RoomId, SiteId, TokenId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use sha2::{Digest, Sha256};

use crate::backup;
use crate::commands::admit_admin::reachable;
use crate::commands::ledger;
use crate::config::Config;
use crate::control::view::TokenView;
use crate::control::{Answer, PlaceNamed, Request};
use crate::invitation::{ADDRESSES_MAX, Invitation, Right};
use crate::report;
use crate::seed::{Seed, random_bytes};
use crate::site_fault::referee::Referee;
use crate::texts::Say;

mod pairing;
mod revocation;
mod site_fault;

const HOUR_MS: i64 = 3_600_000;

/// The node behind its control socket; cheap to clone.
#[derive(Clone)]
pub(crate) struct Answers {
    desk: Desk,
    config: Arc<Config>,
    console_certificate: Option<[u8; 32]>,
    calls: Arc<dyn LiveCalls>,
    referee: Arc<Mutex<Referee>>,
}

/// Why there is no better answer.
struct No(Answer);

impl From<NotDone> for No {
    fn from(why: NotDone) -> Self {
        Self(match why {
            NotDone::Refused(refusal) => Answer::Refused(refusal),
            NotDone::Vault(word) => Answer::Broken { reason: word.to_owned() },
            NotDone::Busy | NotDone::Broken(_) => Answer::Broken { reason: why.to_string() },
        })
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self(Answer::Refused(refusal))
    }
}

impl From<Say> for No {
    fn from(say: Say) -> Self {
        Self(Answer::Broken { reason: say.to_string() })
    }
}

impl Answers {
    /// Answers for the node of `desk`, which `config` describes and which answers `calls` itself;
    /// its console, where it serves one over TLS, shows the certificate of this SHA-256.
    pub(crate) fn new(
        desk: Desk,
        config: Arc<Config>,
        console_certificate: Option<[u8; 32]>,
        calls: Arc<dyn LiveCalls>,
    ) -> Self {
        Self { desk, config, console_certificate, calls, referee: Arc::default() }
    }

    /// Carries a request out.
    pub(crate) async fn answer(&self, request: Request) -> Answer {
        match self.carry_out(request).await {
            Ok(answer) => answer,
            Err(No(answer)) => answer,
        }
    }

    async fn carry_out(&self, request: Request) -> Result<Answer, No> {
        match request {
            Request::Status {} => {
                let status = report::status(&self.desk, self.console_certificate).await?;
                Ok(Answer::Status(Box::new(status)))
            }
            Request::NodeList {} => Ok(Answer::Nodes(report::nodes(&self.desk).await?)),
            Request::CodeIssue { minutes, hours, count, place } => {
                self.issue_codes(minutes, hours, count, &place).await
            }
            Request::TokenIssue { place, hours } => self.issue_token(&place, hours).await,
            Request::TokenList {} => {
                let tokens = self.floor().await?.tokens.into_iter();
                let tokens = tokens
                    .map(|token| TokenView { token: token.token, expires_ms: token.expires_ms });
                Ok(Answer::Tokens(tokens.collect()))
            }
            Request::TokenRevoke { token } => self.submit(Command::RevokeToken { token }).await,
            Request::PairingList {} => Ok(self.pairings()),
            Request::Pair { which, kiosk, room } => {
                self.pair(&which, kiosk.as_deref(), room.as_deref()).await
            }
            Request::PairRefuse { which } => self.refuse(&which),
            Request::NodeRevoke { node } => self.revoke(node).await,
            Request::AdminCut { node } => self.cut_of_admin(node).await,
            Request::AdminRevoke { parts } => self.revoke_admin(parts).await,
            Request::OperatorAdd { login, name, role, password } => {
                let by = self.by()?.operator;
                let desk = &self.desk;
                desk.add_account(by, &login, name, role, &password).await?;
                Ok(Answer::Done)
            }
            Request::OperatorReset { login, password } => {
                let by = self.by()?.operator;
                self.desk.reset_password(by, &login, &password).await?;
                Ok(Answer::Done)
            }
            Request::RoomName { name, order } => {
                let room = match room(&self.floor().await?, &name) {
                    Some(room) => room,
                    None => RoomId(random_bytes()?),
                };
                self.submit(Command::NameRoom { room, name, order }).await
            }
            Request::KioskName { name, room: named } => {
                let floor = self.floor().await?;
                let room = room(&floor, &named).ok_or(Refusal::UnknownRoom)?;
                let kiosk = match kiosk(&floor, &name) {
                    Some(kiosk) => kiosk,
                    None => KioskId(random_bytes()?),
                };
                self.submit(Command::NameKiosk { kiosk, name, room }).await
            }
            Request::Settings {} => {
                let settings = self.desk.look(|replica, _| replica.site().settings());
                Ok(Answer::Settings(settings.await?))
            }
            Request::SettingsChange { settings } => {
                self.submit(Command::ChangeSettings { settings }).await
            }
            Request::LedgerExport { file } => self.export(file, ledger::write).await,
            Request::ReadingsExport { file } => self.export(file, ledger::write_readings).await,
            Request::FaultBegin { nodes, what, for_s, limits } => {
                self.begin_faults(nodes, what, for_s, &limits).await
            }
            Request::FaultCheck { nodes, for_s, limits } => {
                self.check_faults(nodes, for_s, &limits).await
            }
            Request::FaultEnd {} => self.end_faults().await,
            Request::FaultList {} => self.faults(),
            Request::Backup { folder } => self.back_up(folder).await,
        }
    }

    /// On whose behalf the command line acts: an administrator of this admin node.
    fn by(&self) -> Result<By, Refusal> {
        if self.desk.shared().vault_key.is_none() {
            return Err(Refusal::Authority);
        }
        Ok(By { operator: command_line(self.desk.node()), role: OperatorRole::Admin })
    }

    async fn submit(&self, command: Command) -> Result<Answer, No> {
        let request = RequestId(random_bytes()?);
        self.desk.submit(self.by()?, request, command).await?;
        Ok(Answer::Done)
    }

    /// The floor of this very moment: a room named by the last command is on it.
    async fn floor(&self) -> Result<Floor, No> {
        let floor = self.desk.look(|replica, now| replica.site().floor(now));
        Ok(floor.await?)
    }

    async fn issue_codes(
        &self,
        minutes: u32,
        hours: u32,
        count: u16,
        place: &PlaceNamed,
    ) -> Result<Answer, No> {
        let floor = self.floor().await?;
        let batch = Batch {
            count,
            seconds: minutes.saturating_mul(60),
            valid_ms: Some(i64::from(hours) * HOUR_MS),
            place: match place {
                PlaceNamed::Anywhere => Place::Anywhere,
                PlaceNamed::Room(name) => {
                    Place::Room(room(&floor, name).ok_or(Refusal::UnknownRoom)?)
                }
                PlaceNamed::Kiosk(name) => {
                    Place::Kiosk(kiosk(&floor, name).ok_or(Refusal::UnknownKiosk)?)
                }
            },
            label: None,
        };
        let request = RequestId(random_bytes()?);
        let issued = self.desk.issue(self.by()?, request, batch).await?;
        let codes = issued.codes.into_iter().map(|(_, code)| code);
        Ok(Answer::Codes(codes.collect()))
    }

    async fn issue_token(&self, place: &PlaceNamed, hours: u32) -> Result<Answer, No> {
        let floor = self.floor().await?;
        let seed = Seed::fresh()?;
        let token = TokenId(seed.public());
        let (scope, right) = match place {
            PlaceNamed::Anywhere => return Err(Refusal::OutOfBounds.into()),
            PlaceNamed::Room(name) => {
                let room = room(&floor, name).ok_or(Refusal::UnknownRoom)?;
                (Scope::Room(room), Right::RoomToken(seed))
            }
            PlaceNamed::Kiosk(name) => {
                let kiosk = kiosk(&floor, name).ok_or(Refusal::UnknownKiosk)?;
                (Scope::Kiosk(kiosk), Right::KioskToken(seed, kiosk))
            }
        };
        let now = self.desk.look(|_, now| now.wall_ms).await?;
        let command = Command::IssueToken {
            token,
            scope,
            expires_ms: now.saturating_add(i64::from(hours) * HOUR_MS),
        };
        self.submit(command).await?;
        let invitation = Invitation {
            site: self.desk.shared().identity.site,
            right,
            addresses: self.doors().await,
        };
        Ok(Answer::Line(invitation.write()))
    }

    /// Where a newcomer may knock: here, and at the other admin nodes.
    async fn doors(&self) -> Vec<std::net::SocketAddr> {
        let mut doors = reachable(&self.config);
        if let Some(peers) = self.desk.shared().peers() {
            let links = peers.links().await.into_iter();
            let admins = links.filter(|l| l.kind == actors::link::handshake::PeerKind::Admin);
            doors.extend(admins.map(|link| link.address));
        }
        doors.truncate(ADDRESSES_MAX);
        doors
    }

    async fn export(
        &self,
        file: PathBuf,
        write: impl FnOnce(&Store, SiteId, &Path) -> Result<(), Say> + Send + 'static,
    ) -> Result<Answer, No> {
        let store = Arc::clone(&self.desk.shared().store);
        let site = self.desk.shared().identity.site;
        let written = file.clone();
        let work = move || write(&store, site, &file);
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map(|_| Answer::Written { file: written }).map_err(No::from),
            Err(error) => Err(No(Answer::Broken { reason: error.to_string() })),
        }
    }

    async fn back_up(&self, folder: Option<PathBuf>) -> Result<Answer, No> {
        let folder = folder.or_else(|| self.config.backup.dir.clone());
        let folder = folder.ok_or(Say::NoBackupFolder)?;
        let store = Arc::clone(&self.desk.shared().store);
        let config = Arc::clone(&self.config);
        let work = move || backup::make(&store, &config, &folder);
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map(|file| Answer::Written { file }).map_err(No::from),
            Err(error) => Err(No(Answer::Broken { reason: error.to_string() })),
        }
    }
}

/// The operator id of a node's command line.
pub(crate) fn command_line(node: NodeId) -> OperatorId {
    let digest = Sha256::new_with_prefix(b"poste-command-line-1").chain_update(node.0).finalize();
    OperatorId(std::array::from_fn(|i| digest[i]))
}

fn room(floor: &Floor, named: &str) -> Option<RoomId> {
    let rooms = floor.rooms.iter();
    let rooms = rooms.map(|room| (room.id, room.id.to_string(), room.name.as_str()));
    find(rooms, named)
}

fn kiosk(floor: &Floor, named: &str) -> Option<KioskId> {
    let tiles = floor.tiles.iter();
    let tiles = tiles.map(|tile| (tile.kiosk, tile.kiosk.to_string(), tile.name.as_str()));
    find(tiles, named)
}

/// What is called `named`, by id or by name; nothing where two have the name.
fn find<'a, T>(all: impl Iterator<Item = (T, String, &'a str)>, named: &str) -> Option<T> {
    let wanted = named.trim().to_lowercase();
    let mut found = all.filter(|(_, id, name)| *id == wanted || name.to_lowercase() == wanted);
    match (found.next(), found.next()) {
        (Some((one, _, _)), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::id::NodeId;

    use super::{command_line, find};

    #[test]
    fn place_is_found_by_name_or_id_and_never_guessed() {
        let all = || {
            [
                (1, "aa".to_owned(), "Salle multimédia"),
                (2, "bb".to_owned(), "Espace jeunesse"),
                (3, "cc".to_owned(), "Espace jeunesse"),
            ]
            .into_iter()
        };
        assert_eq!(find(all(), " salle Multimédia "), Some(1));
        assert_eq!(find(all(), "CC"), Some(3));
        assert_eq!(find(all(), "Espace jeunesse"), None);
        assert_eq!(find(all(), "Espace"), None);
    }

    #[test]
    fn command_lines_of_two_nodes_are_told_apart() {
        let one = command_line(NodeId([1; 32]));
        assert_ne!(one, command_line(NodeId([2; 32])));
        assert_eq!(one, command_line(NodeId([1; 32])));
    }
}
