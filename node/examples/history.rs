//! Lengthens a site's ledger with real entries, for measurements.
//!
//! `history ADMIN_DATA KIOSK_DATA COUNT` takes the data folder of a stopped admin node and that of a
//! stopped kiosk of its site, both joined. It runs the two nodes' Replicas against each other until
//! they have written COUNT entries more: codes issued, opened, extended and left, each decided,
//! signed and verified as in a running site. The admin node's store keeps all of it; the kiosk's is
//! not touched, as if its disk had been lost. Prints how many entries were written.
#![allow(clippy::print_stdout, reason = "its output is what the caller reads")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use actors::entry::Entry;
use actors::replica::message::Message;
use actors::replica::{AskId, Identity, Input, Output, Replica};
use anyhow::{Context, bail, ensure};
use domain::authority::NodeKind;
use domain::command::{Asked, Command, Terms};
use domain::decide::Author as OnBehalf;
use domain::fact::{Fact, Place};
use domain::id::{CodeKey, KioskId, NodeId, OperatorId, RequestId, SessionId, SiteId};
use domain::moment::Moment;
use domain::operator::{By, OperatorRole};
use ed25519_dalek::SigningKey;
use storage::{LedgerStore, MemoryStore, SledStore};

/// Time that one session takes of the history, in milliseconds.
const SESSION_MS: u64 = 200;
/// Sessions between two barriers.
const BARRIER_EVERY: u64 = 250;
const ENTRIES_A_SESSION: u64 = 4;
const HOST: By = By { operator: OperatorId([7; 16]), role: OperatorRole::Host };

type Store = Arc<dyn LedgerStore>;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [admin, kiosk, count] = arguments.as_slice() else {
        bail!("usage: history ADMIN_DATA KIOSK_DATA COUNT");
    };
    let count: u64 = count.parse().context("COUNT is a number")?;
    let opened = SledStore::open(Path::new(admin).join("store"))?;
    ensure!(opened.moved_aside.is_none(), "the admin node's store is damaged");
    let store: Store = Arc::new(opened.store);
    let mut history = History::begin(store, node_key(admin)?, node_key(kiosk)?, count)?;
    let before = history.entries();
    while history.entries() < before + count {
        history.session()?;
    }
    history.settle()?;
    println!("{}", history.entries() - before);
    Ok(())
}

fn node_key(data_dir: &str) -> anyhow::Result<SigningKey> {
    let path = Path::new(data_dir).join("node.key");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(SigningKey::from_bytes(bytes.as_slice().try_into()?))
}

/// The site that the store is about, and the site key's words in it: the founding, admissions.
fn site_of(store: &Store) -> anyhow::Result<(SiteId, Vec<Fact>)> {
    let (mut site, mut words, mut after) = (None, Vec::new(), None);
    loop {
        let page = store.scan_entries(after, 512)?;
        let Some((epoch, seq, _)) = page.last() else {
            return Ok((site.context("the store holds no founding of a site")?, words));
        };
        after = Some((*epoch, *seq));
        for (_, _, bytes) in &page {
            match Fact::decode(&Entry::parse(bytes)?.body)? {
                Some(Fact::SiteFounded(founded)) => {
                    site = Some(founded.site);
                    words.push(founded.into());
                }
                Some(admitted @ Fact::AdminAdmitted(_)) => words.push(admitted),
                Some(_) | None => {}
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Admin,
    Kiosk,
}

struct Node {
    replica: Replica<Store>,
    store: Store,
    wake_at: u64,
}

/// An admin node and a kiosk with a link between them, and a clock of their own.
struct History {
    admin: Node,
    kiosk: Node,
    place: KioskId,
    wire: VecDeque<(End, Message)>,
    refused: Option<String>,
    now: Moment,
    asks: u64,
    sessions: u64,
}

impl History {
    fn begin(
        store: Store,
        admin: SigningKey,
        kiosk: SigningKey,
        count: u64,
    ) -> anyhow::Result<Self> {
        // The history ends now: hints of the future would hold the site's time ahead.
        let lasts = i64::try_from(count / ENTRIES_A_SESSION * SESSION_MS)? + 60_000;
        let now = Moment {
            boot_ms: 10_000_000,
            wall_ms: actors::clock::BootClock.wall_ms() - lasts,
            trusted: false,
        };
        let (site, words) = site_of(&store)?;
        let identity = |node_key, kind, kiosk, certificates| Identity {
            site,
            node_key,
            kind,
            kiosk,
            certificates,
            amnesic: false,
            machine: rand::random(),
            boot_id: rand::random(),
        };
        let kiosk_node = NodeId(kiosk.verifying_key().to_bytes());
        let admin = Node::start(store, identity(admin, NodeKind::Admin, None, words), now)?;
        let members = &admin.replica.site().standing().members;
        let member = members.get(&kiosk_node).and_then(|member| member.kiosk);
        let place = member.context("the kiosk is no member of the admin node's site")?;
        let own = Arc::new(MemoryStore::default());
        let identity = identity(kiosk, NodeKind::Kiosk, Some(place), Vec::new());
        let kiosk = Node::start(own, identity, now)?;
        let mut history = History {
            admin,
            kiosk,
            place,
            wire: VecDeque::new(),
            refused: None,
            now,
            asks: 0,
            sessions: 0,
        };
        history.link()?;
        Ok(history)
    }

    /// Links the two ends, and lets the kiosk learn what the admin node knows.
    fn link(&mut self) -> anyhow::Result<()> {
        for (end, peer, kind) in
            [(End::Kiosk, End::Admin, NodeKind::Admin), (End::Admin, End::Kiosk, NodeKind::Kiosk)]
        {
            let greeting = self.node(peer).replica.greeting()?;
            let now = self.now;
            let peer = self.node(peer).replica.me().node();
            let met = self.node(end).replica.meet(peer, &greeting, now);
            let (_, outputs) = met.context("the two do not know each other")?;
            self.carry_out(end, outputs)?;
            self.input(end, Input::LinkUp { peer, kind })?;
        }
        self.deliver()?;
        let whole = self.admin.entries();
        while self.kiosk.entries() < whole {
            self.pass(1_000)?;
            ensure!(self.now.boot_ms < 10_600_000, "the kiosk does not learn the ledger");
        }
        // A code of the future is not opened: the kiosk's clock is the admin node's by now.
        self.pass(10_000)
    }

    /// A code is issued, opened, extended, and its patron leaves.
    fn session(&mut self) -> anyhow::Result<()> {
        self.pass(SESSION_MS)?;
        self.sessions += 1;
        let session = SessionId(rand::random());
        let code = SigningKey::from_bytes(&rand::random());
        let terms = Terms {
            derivation: 1,
            seconds: 2_700,
            from_ms: self.now.wall_ms - 60_000,
            until_ms: self.now.wall_ms + 24 * 3_600_000,
            place: Place::Anywhere,
        };
        let key = CodeKey(code.verifying_key().to_bytes());
        self.order(Command::IssueCode { session, key, terms, label: None })?;
        let ask = self.next_ask();
        let key = Some(Box::new(code));
        self.input(End::Kiosk, Input::Typed { ask, key })?;
        self.deliver()?;
        self.order(Command::Extend { session, seconds: 900 })?;
        let node = self.kiosk.replica.me().node();
        let kiosk = self.place;
        self.ask(End::Kiosk, OnBehalf::Kiosk { kiosk, node }, Command::Leave { session })?;
        if self.sessions.is_multiple_of(BARRIER_EVERY) {
            self.settle()?;
        }
        Ok(())
    }

    fn order(&mut self, command: Command) -> anyhow::Result<()> {
        self.ask(End::Admin, OnBehalf::Operator(HOST), command)
    }

    fn ask(&mut self, end: End, by: OnBehalf, command: Command) -> anyhow::Result<()> {
        let request = RequestId(rand::random());
        let asked = Asked { request, command };
        let ask = self.next_ask();
        self.input(end, Input::Ask { ask, by, asked })?;
        self.deliver()
    }

    fn next_ask(&mut self) -> AskId {
        self.asks += 1;
        AskId(self.asks)
    }

    fn node(&mut self, end: End) -> &mut Node {
        match end {
            End::Admin => &mut self.admin,
            End::Kiosk => &mut self.kiosk,
        }
    }

    /// Entries that the admin node holds.
    fn entries(&self) -> u64 {
        self.admin.entries()
    }

    fn pass(&mut self, ms: u64) -> anyhow::Result<()> {
        self.now.boot_ms += ms;
        self.now.wall_ms += i64::try_from(ms)?;
        for end in [End::Admin, End::Kiosk] {
            if self.node(end).wake_at <= self.now.boot_ms {
                self.input(end, Input::Wake)?;
            }
        }
        self.deliver()
    }

    /// Everything so far is on the disk, and both ends know it.
    fn settle(&mut self) -> anyhow::Result<()> {
        for end in [End::Admin, End::Kiosk] {
            let ticket = self.node(end).store.barrier()?;
            self.input(end, Input::Durable(ticket))?;
        }
        self.deliver()
    }

    fn input(&mut self, end: End, input: Input) -> anyhow::Result<()> {
        let now = self.now;
        let outputs = self.node(end).replica.handle(input, now);
        self.carry_out(end, outputs)
    }

    fn carry_out(&mut self, end: End, outputs: Vec<Output>) -> anyhow::Result<()> {
        for output in outputs {
            match output {
                Output::Send { message, .. } => self.wire.push_back((end, message)),
                Output::WakeAt(at) => self.node(end).wake_at = at,
                Output::Reply { outcome: Err(failure), .. } => {
                    self.refused = Some(failure.to_string())
                }
                Output::Drop { .. } | Output::StartAgain => bail!("the link was refused"),
                // A newcomer refuses most of the first answer: it knows no author yet, and asks again.
                Output::Notice(_)
                | Output::Reply { .. }
                | Output::Persist(_)
                | Output::Changed { .. } => {}
            }
        }
        match self.refused.take() {
            Some(refused) => bail!("{refused}"),
            None => Ok(()),
        }
    }

    fn deliver(&mut self) -> anyhow::Result<()> {
        while let Some((from, message)) = self.wire.pop_front() {
            let to = match from {
                End::Admin => End::Kiosk,
                End::Kiosk => End::Admin,
            };
            let peer = self.node(from).replica.me().node();
            self.input(to, Input::Heard { peer, message })?;
        }
        Ok(())
    }
}

impl Node {
    fn start(store: Store, identity: Identity, now: Moment) -> anyhow::Result<Self> {
        let seed = rand::random();
        let (replica, outputs) = Replica::start(Arc::clone(&store), identity, None, seed, now)?;
        let mut wake_at = now.boot_ms;
        for output in outputs {
            if let Output::WakeAt(at) = output {
                wake_at = at;
            }
        }
        Ok(Node { replica, store, wake_at })
    }

    fn entries(&self) -> u64 {
        let reaches = self.replica.frontier();
        reaches.map(|reach| reach.height - reach.pruned_below).sum()
    }
}
