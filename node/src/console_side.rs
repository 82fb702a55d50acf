//! The running node as the console asks for it.
//!
//! Nothing is decided here: what the desk offers is put into the console's shapes,
//! and the desk's refusals into the console's.

use std::sync::Arc;

use actors::desk::{Batch, Desk, FloorNow, NotDone as DeskNotDone};
use actors::pairing::digits::Digits;
use actors::pairing::waiting::Waiting;
use actors::replica::Done;
use actors::replica::delivery::Progress;
use actors::vault::account::{Account as KeptAccount, Doubt};
use actors::vault::login::Login;
use admin_web::desk::{Accepted, Account, ConsoleDesk, IssueOrder, Issued, NotDone, PasswordCheck};
use admin_web::shapes::delivery::{DeliveryView, Stage};
use admin_web::shapes::hex::{HexId, HexKey};
use admin_web::shapes::login::AdminView;
use admin_web::shapes::stamp::Stamp;
use admin_web::view::{Around, LiveView};
use domain::command::Command;
use domain::id::{KioskId, NodeId, OperatorId, RequestId};
use domain::operator::By;
use domain::refusal::Refusal;
use tokio::sync::watch;

#[cfg(test)]
mod tests;

/// The desk behind the console.
#[derive(Clone)]
pub(crate) struct ConsoleSide {
    desk: Desk,
    view: watch::Receiver<Arc<LiveView>>,
}

impl ConsoleSide {
    /// Waits for the desk's first picture, and from then on turns each into the
    /// console's, once for all who look.
    ///
    /// # Errors
    /// The desk ended before it drew one.
    pub(crate) async fn start(desk: Desk) -> Result<Self, watch::error::RecvError> {
        let mut floors = desk.floor();
        let first = loop {
            let first = floors.borrow_and_update().clone();
            match first {
                Some(first) => break first,
                None => floors.changed().await?,
            }
        };
        let (told, view) = watch::channel(Arc::new(live_view(&first)));
        tokio::spawn(async move {
            while floors.changed().await.is_ok() {
                let floor = floors.borrow_and_update().clone();
                if let Some(floor) = floor {
                    told.send_replace(Arc::new(live_view(&floor)));
                }
                if told.is_closed() {
                    return;
                }
            }
        });
        Ok(Self { desk, view })
    }

    async fn find(&self, mine: impl Fn(&KeptAccount) -> bool) -> Result<Option<Account>, NotDone> {
        let accounts = self.desk.accounts().await.map_err(not_done)?;
        Ok(accounts.into_iter().find(|account| mine(account)).filter(may_sign_in).map(|account| {
            Account {
                operator: account.operator,
                name: account.name,
                role: account.role,
                password_changed_ms: account.password_changed_ms.unwrap_or_default(),
            }
        }))
    }

    fn accepted(&self, done: Done) -> Accepted {
        Accepted { entries: done.entries, at_ms: self.now_ms() }
    }
}

impl ConsoleDesk for ConsoleSide {
    fn node(&self) -> NodeId {
        self.desk.node()
    }

    fn now_ms(&self) -> i64 {
        self.desk.now_ms()
    }

    fn view(&self) -> watch::Receiver<Arc<LiveView>> {
        self.view.clone()
    }

    fn admin_nodes(&self) -> Vec<NodeId> {
        let view = self.view.borrow();
        view.admins.iter().map(|admin| NodeId(admin.node.0)).collect()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.desk.sign(bytes)
    }

    async fn submit(
        &self,
        by: By,
        request: RequestId,
        command: Command,
    ) -> Result<Accepted, NotDone> {
        let done = self.desk.submit(by, request, command).await;
        done.map(|done| self.accepted(done)).map_err(not_done)
    }

    async fn issue(
        &self,
        by: By,
        request: RequestId,
        order: IssueOrder,
    ) -> Result<Issued, NotDone> {
        let batch = Batch {
            count: order.count,
            seconds: order.seconds,
            valid_ms: order.valid_ms,
            place: order.place,
            label: order.label,
        };
        let issued = self.desk.issue(by, request, batch).await;
        let issued = issued.map_err(not_done)?;
        Ok(Issued {
            accepted: Accepted { entries: issued.entries, at_ms: self.now_ms() },
            codes: issued.codes.into_iter().map(|(session, code)| (session, Some(code))).collect(),
        })
    }

    async fn message(
        &self,
        by: By,
        request: RequestId,
        kiosk: KioskId,
        text: String,
    ) -> Result<Accepted, NotDone> {
        let done = self.desk.message(by, request, kiosk, text).await;
        done.map(|done| self.accepted(done)).map_err(not_done)
    }

    fn pairings(&self) -> Vec<Waiting> {
        self.desk.pairings()
    }

    async fn confirm_pairing(
        &self,
        by: By,
        request: RequestId,
        node: NodeId,
        digits: Digits,
        kiosk: Option<KioskId>,
    ) -> Result<Accepted, NotDone> {
        let done = self.desk.confirm_pairing(by, request, node, digits, kiosk);
        let done = done.await.map_err(not_done)?;
        Ok(self.accepted(done))
    }

    fn refuse_pairing(&self, by: By, node: NodeId, digits: Digits) -> Result<(), NotDone> {
        self.desk.refuse_pairing(by, node, digits).map_err(not_done)
    }

    async fn password_check(&self, login: &str) -> Result<PasswordCheck, NotDone> {
        let challenge = self.desk.challenge(login.to_owned()).await;
        let phc = challenge.map_err(not_done)?.hash().as_str().to_owned();
        let account = match Login::parse(login) {
            Ok(login) => self.find(|account| account.logins.contains(&login)).await?,
            Err(_) => None,
        };
        Ok(PasswordCheck { phc, account })
    }

    async fn account(&self, operator: OperatorId) -> Result<Option<Account>, NotDone> {
        self.find(|account| account.operator == operator).await
    }
}

/// As the vault reads it: to the safe side.
fn may_sign_in(account: &KeptAccount) -> bool {
    let in_doubt = |doubt| account.doubts.contains(&doubt);
    !account.disabled && !in_doubt(Doubt::Password) && !in_doubt(Doubt::Clash)
}

fn not_done(why: DeskNotDone) -> NotDone {
    match why {
        DeskNotDone::Refused(refusal) => NotDone::Refused(refusal),
        // The vault refuses texts that are too long or hold what no screen shows.
        DeskNotDone::Vault(word) => {
            tracing::info!(word, "the vault refused");
            NotDone::Refused(Refusal::OutOfBounds)
        }
        DeskNotDone::Busy => NotDone::Busy,
        DeskNotDone::Broken(reason) => NotDone::Broken(reason),
    }
}

/// The desk's picture in the console's shapes.
fn live_view(now: &FloorNow) -> LiveView {
    let around = Around {
        stamp: Stamp { as_of_ms: now.as_of_ms, node: HexKey(now.node.0), behind_ms: now.behind_ms },
        fingerprint: now.fingerprint,
        links: &now.links,
        doubled: &now.doubled,
        failing: &now.failing,
        labels: &now.texts,
        deliveries: now
            .deliveries
            .iter()
            .rev()
            .map(|progress| delivery_view(progress, now))
            .collect(),
        admins: now
            .admins
            .iter()
            .map(|(node, pages)| AdminView {
                node: HexKey(node.0),
                pages: pages.clone(),
                here: *node == now.node,
                linked: now.links.get(node).is_some_and(|(linked, _)| *linked),
            })
            .collect(),
    };
    LiveView::of(&now.floor, around)
}

fn delivery_view(progress: &Progress, now: &FloorNow) -> DeliveryView {
    let delivery = &progress.delivery;
    let (n, m) = (progress.held_by, progress.of);
    let stage = match delivery.confirmed_ms {
        Some(at_ms) => Stage::Confirmed { at_ms, n, m },
        None => match delivery.kiosk.filter(|_| !progress.kiosk_linked) {
            Some(kiosk) => {
                Stage::Waiting { since_ms: last_seen(kiosk, now).unwrap_or(delivery.at_ms), n, m }
            }
            None if n > 1 => Stage::Replicated { n, m },
            None => Stage::Accepted,
        },
    };
    // The console's words for those commands that have another name there.
    let command = match delivery.verb {
        "issue" => "issue_code",
        "issue_batch" => "issue_codes",
        "message" => "send_message",
        same => same,
    };
    DeliveryView {
        request: HexId(delivery.request.0),
        entry: delivery.entry.to_string(),
        command: command.to_owned(),
        seconds: delivery.seconds,
        session: delivery.session.map(|session| HexId(session.0)),
        kiosk: delivery.kiosk.map(|kiosk| HexId(kiosk.0)),
        at_ms: delivery.at_ms,
        stage,
    }
}

/// When a kiosk's nodes were last linked.
fn last_seen(kiosk: KioskId, now: &FloorNow) -> Option<i64> {
    let tile = now.floor.tiles.iter().find(|tile| tile.kiosk == kiosk)?;
    let seen = tile.nodes.iter().filter_map(|node| now.links.get(node)?.1);
    seen.max()
}
