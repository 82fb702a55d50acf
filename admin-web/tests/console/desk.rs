//! A node in memory: accounts, one room, and whatever was submitted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use actors::pairing::digits::Digits;
use actors::pairing::waiting::Waiting;
use actors::vault::password::PasswordHash;
use admin_web::desk::{Accepted, Account, ConsoleDesk, IssueOrder, Issued, NotDone, PasswordCheck};
use admin_web::shapes::floor::{KioskState, LiveTile, RoomView};
use admin_web::shapes::hex::{HexId, HexKey};
use admin_web::shapes::login::AdminView;
use admin_web::shapes::session::{SessionState, SessionView};
use admin_web::shapes::stamp::Stamp;
use admin_web::view::LiveView;
use domain::command::{Command, MOST_SECONDS};
use domain::id::{EntryId, EpochId, KioskId, NodeId, OperatorId, RequestId, SessionId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use ed25519_dalek::{Signer, SigningKey};
use tokio::sync::watch;

pub(crate) const NOW_MS: i64 = 1_795_000_000_000;
pub(crate) const PASSWORD: &str = "les mots de passe sont longs";
pub(crate) const SESSION: [u8; 16] = [5; 16];
pub(crate) const KIOSK: [u8; 16] = [7; 16];

#[derive(Clone)]
pub(crate) struct MemoryDesk(Arc<Inner>);

pub(crate) struct Inner {
    key: SigningKey,
    pub(crate) admins: Mutex<Vec<NodeId>>,
    pub(crate) now_ms: AtomicI64,
    pub(crate) accounts: Mutex<BTreeMap<String, Account>>,
    phc: String,
    carried_out: Mutex<BTreeSet<RequestId>>,
    pub(crate) submitted: Mutex<Vec<(By, Command)>>,
    pub(crate) messages: Mutex<Vec<String>>,
    pub(crate) pairings: Mutex<Vec<Waiting>>,
    pub(crate) view: watch::Sender<Arc<LiveView>>,
}

impl std::ops::Deref for MemoryDesk {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

fn account(id: u8, name: &str, role: OperatorRole) -> Account {
    let operator = OperatorId([id; 16]);
    Account { operator, name: name.to_owned(), role, password_changed_ms: NOW_MS - 1_000_000 }
}

pub(crate) fn session(remaining_ms: u64, at_ms: i64, running: bool) -> SessionView {
    SessionView {
        id: HexId(SESSION),
        state: if running { SessionState::Running } else { SessionState::Paused },
        intended: None,
        kiosk: Some(HexId(KIOSK)),
        bound_kiosk: None,
        bound_room: None,
        label: None,
        granted_ms: 3_600_000,
        used_ms: 3_600_000 - remaining_ms,
        remaining_ms,
        excess_ms: 0,
        at_ms,
        running,
        valid_from_ms: NOW_MS - 1,
        valid_until_ms: NOW_MS + 86_400_000,
        issued_by: HexId([1; 16]),
        double: false,
    }
}

pub(crate) fn tile(name: &str, kiosk: [u8; 16], session: Option<SessionView>) -> LiveTile {
    LiveTile {
        kiosk: HexId(kiosk),
        name: name.to_owned(),
        named: true,
        room: Some(HexId([9; 16])),
        state: if session.is_some() { KioskState::Running } else { KioskState::Free },
        session,
        nodes: vec![HexKey([8; 32])],
        reachable: true,
        seen_ms: Some(NOW_MS),
        alarms: Vec::new(),
        unread: 0,
    }
}

/// The hash as the vault makes it, so that what it makes is what the console can check.
fn phc() -> String {
    static PHC: OnceLock<String> = OnceLock::new();
    PHC.get_or_init(|| PasswordHash::of(PASSWORD, [3; 16]).unwrap().as_str().to_owned()).clone()
}

impl MemoryDesk {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let node = NodeId(key.verifying_key().to_bytes());
        let accounts = [
            ("lecture", account(1, "Lise", OperatorRole::Viewer)),
            ("animateur", account(2, "Anaïs", OperatorRole::Host)),
            ("admin", account(3, "Ary", OperatorRole::Admin)),
        ];
        let view = LiveView {
            stamp: Stamp { as_of_ms: NOW_MS, node: HexKey(node.0), behind_ms: 0 },
            made: std::time::Instant::now(),
            site_name: "Médiathèque".to_owned(),
            default_seconds: 3600,
            rooms: vec![RoomView { id: HexId([9; 16]), name: "Salle multimédia".to_owned() }],
            tiles: vec![tile("Poste 1", KIOSK, Some(session(1_800_000, NOW_MS, true)))],
            resting: Vec::new(),
            deliveries: Vec::new(),
            admins: vec![AdminView {
                node: HexKey([2; 32]),
                pages: vec!["https://127.0.0.2:8443".to_owned(), "https://x;y z".to_owned()],
                here: false,
                linked: true,
            }],
            nodes: Vec::new(),
            fingerprint: HexKey([0; 32]),
        };
        MemoryDesk(Arc::new(Inner {
            key,
            admins: Mutex::new(vec![node]),
            now_ms: AtomicI64::new(NOW_MS),
            accounts: Mutex::new(
                accounts.into_iter().map(|(login, account)| (login.to_owned(), account)).collect(),
            ),
            phc: phc(),
            carried_out: Mutex::default(),
            submitted: Mutex::new(Vec::new()),
            messages: Mutex::new(Vec::new()),
            pairings: Mutex::default(),
            view: watch::channel(Arc::new(view)).0,
        }))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut LiveView)) {
        self.view.send_modify(|view| change(Arc::make_mut(view)));
    }

    fn leave(&self, node: NodeId, digits: Digits) -> Result<Waiting, NotDone> {
        let mut pairings = self.pairings.lock().unwrap();
        let found = pairings.iter().position(|one| (one.node, one.digits) == (node, digits));
        let found = found.ok_or(NotDone::Refused(Refusal::UnknownNode))?;
        Ok(pairings.remove(found))
    }

    fn accepted(&self) -> Accepted {
        Accepted {
            entries: vec![EntryId { epoch: EpochId([4; 32]), seq: 1 }],
            at_ms: self.now_ms(),
        }
    }
}

impl ConsoleDesk for MemoryDesk {
    fn node(&self) -> NodeId {
        NodeId(self.key.verifying_key().to_bytes())
    }

    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn view(&self) -> watch::Receiver<Arc<LiveView>> {
        self.view.subscribe()
    }

    fn admin_nodes(&self) -> Vec<NodeId> {
        self.admins.lock().unwrap().clone()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }

    async fn submit(
        &self,
        by: By,
        request: RequestId,
        command: Command,
    ) -> Result<Accepted, NotDone> {
        if let Command::Extend { seconds, .. } = command
            && (seconds == 0 || seconds.unsigned_abs() > MOST_SECONDS)
        {
            return Err(NotDone::Refused(Refusal::OutOfBounds));
        }
        if !self.carried_out.lock().unwrap().insert(request) {
            let again = self.accepted();
            return Ok(Accepted { entries: Vec::new(), ..again });
        }
        self.submitted.lock().unwrap().push((by, command));
        Ok(self.accepted())
    }

    async fn issue(
        &self,
        _by: By,
        _request: RequestId,
        order: IssueOrder,
    ) -> Result<Issued, NotDone> {
        let codes =
            (0..order.count).map(|n| (SessionId([n as u8; 16]), Some("K7QM-2XPD".to_owned())));
        Ok(Issued { accepted: self.accepted(), codes: codes.collect() })
    }

    async fn message(
        &self,
        _by: By,
        _request: RequestId,
        _kiosk: KioskId,
        text: String,
    ) -> Result<Accepted, NotDone> {
        self.messages.lock().unwrap().push(text);
        Ok(self.accepted())
    }

    fn pairings(&self) -> Vec<Waiting> {
        self.pairings.lock().unwrap().clone()
    }

    async fn confirm_pairing(
        &self,
        by: By,
        request: RequestId,
        node: NodeId,
        digits: Digits,
        kiosk: Option<KioskId>,
    ) -> Result<Accepted, NotDone> {
        let one = self.leave(node, digits)?;
        let kiosk = kiosk.unwrap_or(one.request.kiosk);
        self.submit(by, request, Command::PairNode { node, kiosk }).await
    }

    fn refuse_pairing(&self, _by: By, node: NodeId, digits: Digits) -> Result<(), NotDone> {
        self.leave(node, digits).map(|_| ())
    }

    async fn password_check(&self, login: &str) -> Result<PasswordCheck, NotDone> {
        let account = self.accounts.lock().unwrap().get(login).cloned();
        Ok(PasswordCheck { phc: self.phc.clone(), account })
    }

    async fn account(&self, operator: OperatorId) -> Result<Option<Account>, NotDone> {
        let accounts = self.accounts.lock().unwrap();
        Ok(accounts.values().find(|account| account.operator == operator).cloned())
    }
}
