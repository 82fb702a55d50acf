//! Trees of real actors on what a made-up site has written. One node a process: nextest runs each
//! test in its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::id::{OperatorId, RequestId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use domain::screen::Face;
use tokio::sync::oneshot;

use super::{Node, NodeSettings};
use crate::clerk::ClerkMessage;
use crate::desk::{Batch, Desk, NotDone};
use crate::gateway::{FaultAnswer, LiveCalls};
use crate::keeper::KeeperSettings;
use crate::link::endpoint::Endpoint;
use crate::pairing::ask::{Offered, Paired, Unpaired, ask};
use crate::pairing::words::{Reason, Request};
use crate::replica::duty::View;
use crate::replica::tests::world::{self, World};
use crate::vault::key::VaultKey;

struct NoCalls;

impl LiveCalls for NoCalls {
    fn showing(&self) -> String {
        String::new()
    }
    fn nudge(&self) {}
    fn lock(&self, _: &[u8]) -> bool {
        false
    }
    fn reboot(&self, _: &[u8]) -> bool {
        false
    }
    fn fault(&self, _: Vec<u8>, _: FaultAnswer) {}
}

async fn start(world: &mut World, node: domain::id::NodeId, vault: bool) -> Node {
    world.kill(node);
    let machine = &world.machines[&node];
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Node::start(NodeSettings {
        store: machine.disk.clone(),
        identity: machine.identity.clone(),
        vault_key: vault.then(|| VaultKey::from_bytes([5; 32])),
        endpoint: Endpoint::bind(&machine.identity.node_key, listen).unwrap(),
        hints: Vec::new(),
        pages: vec![String::from("https://127.0.0.1:1")],
        calls: Arc::new(NoCalls),
        keeper: KeeperSettings {
            next_backup_ms: Arc::new(|| None),
            make_backup: Arc::new(|| Err(String::from("never asked"))),
        },
    })
    .await
    .unwrap()
}

async fn shown(node: &Node, what: &str, wanted: impl Fn(&View) -> bool) -> Arc<View> {
    let mut views = node.shared.view.subscribe();
    let found = views.wait_for(|view| view.as_deref().is_some_and(&wanted));
    let found = tokio::time::timeout(Duration::from_secs(20), found).await.expect(what).unwrap();
    found.clone().unwrap()
}

fn running(view: &View) -> Option<u64> {
    match view.screen.face {
        Face::Running { remaining_ms, .. } => Some(remaining_ms),
        Face::Locked | Face::OutOfService | Face::Paused { .. } => None,
    }
}

async fn type_code(node: &Node, number: u8) {
    let (answer, answered) = oneshot::channel();
    let key = Some(Box::new(world::code(number)));
    assert!(node.shared.tell_clerk(ClerkMessage::Typed(key, answer)));
    answered.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosk_whose_actors_are_killed_goes_on_with_its_session() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    world.issue(admins[0], 1, 600);
    world.run_for(6_000);
    let node = start(&mut world, kiosks[0], false).await;
    type_code(&node, 1).await;
    let first = shown(&node, "opened", |view| running(view).is_some()).await;

    for _ in 0..3 {
        // The kiosk actor takes its session's actor down with it.
        let kiosk = node.shared.kiosk_actor().unwrap();
        kiosk.kill();
        let gone =
            wait(|| node.shared.kiosk_actor().is_some_and(|new| new.get_id() != kiosk.get_id()));
        gone.await;
        shown(&node, "after the kiosk actor", |view| running(view).is_some()).await;

        let clerk = node.shared.clerk().unwrap();
        clerk.kill();
        wait(|| node.shared.clerk().is_some_and(|new| new.get_id() != clerk.get_id())).await;
        let before = running(&first).unwrap();
        let now = shown(&node, "after the clerk", |view| {
            running(view).is_some_and(|remaining| remaining < before)
        });
        let now = now.await;
        let remaining = running(&now).unwrap();
        assert!(remaining > before - 30_000, "time was lost: {before} ms, then {remaining} ms");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_whose_actors_are_killed_comes_back_with_its_state() {
    let (mut world, admins, _) = World::new(1, 0);
    let node = start(&mut world, admins[0], true).await;
    let desk = Desk::new(Arc::clone(&node.shared));
    let batch = Batch {
        count: 1,
        seconds: 900,
        valid_ms: None,
        place: domain::fact::Place::Anywhere,
        label: Some(String::from("Mme Payet")),
    };
    let request = domain::id::RequestId([1; 16]);
    let issued = desk.issue(world::HOST, request, batch.clone()).await.unwrap();
    assert_eq!(desk.issue(world::HOST, request, batch.clone()).await.unwrap(), issued);
    let other = Batch { seconds: 901, ..batch };
    assert_eq!(
        desk.issue(world::HOST, request, other).await,
        Err(NotDone::Refused(domain::refusal::Refusal::RequestReused))
    );
    let by = world::HOST.operator;
    let role = domain::operator::OperatorRole::Host;
    let password = "Baobab-Letchi-42-vert";
    let name = String::from("Marie Hoarau");
    desk.add_account(by, "marie", name, role, password).await.unwrap();
    let weak = desk.add_account(by, "jean", String::from("Jean"), role, "court").await;
    assert!(matches!(weak, Err(NotDone::Vault(_))), "{weak:?}");

    for actor in [
        node.shared.clerk().unwrap().get_cell(),
        node.shared.desk_actor().unwrap().get_cell(),
        node.shared.peers().unwrap().cell(),
        node.shared.gateway().unwrap().cell(),
    ] {
        actor.kill();
    }
    let session = issued.codes[0].0;
    let mut floors = desk.floor();
    let extended = loop {
        let command = domain::command::Command::Extend { session, seconds: 60 };
        match desk.submit(world::HOST, domain::id::RequestId([2; 16]), command).await {
            Err(NotDone::Busy) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(extended.session, Some(session));
    let seen = floors.wait_for(|floor| {
        floor.as_deref().is_some_and(|now| {
            now.floor.sessions.iter().any(|s| s.id == session && s.granted_ms == 960_000)
                && now.texts.values().any(|text| text == "Mme Payet")
        })
    });
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("a new picture").unwrap();
    let challenge = desk.challenge(String::from("marie")).await.unwrap();
    let signed_in = tokio::task::spawn_blocking(move || challenge.answer(password)).await.unwrap();
    assert_eq!(signed_in.map(|who| who.role), Some(role));
    let challenge = desk.challenge(String::from("nobody")).await.unwrap();
    let nobody = tokio::task::spawn_blocking(move || challenge.answer(password)).await.unwrap();
    assert_eq!(nobody, None);
    node.stop().await;
}

async fn wait(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), met).await.expect("in time");
}

/// A machine that asks the node at `address` to pair it, and the digits that it shows.
fn asking(
    seed: u8,
    address: SocketAddr,
) -> (oneshot::Receiver<Offered>, tokio::task::JoinHandle<Result<Paired, Unpaired>>) {
    let (show, shown) = oneshot::channel();
    let request =
        Request { kiosk: domain::id::KioskId([seed; 16]), machine: [seed; 32], release: [0, 1, 0] };
    let key = world::key(seed);
    let outcome = tokio::spawn(async move {
        let from = "127.0.0.1:0".parse().unwrap();
        let show = |offered: &Offered| {
            show.send(*offered).ok();
        };
        ask(&key, from, address, request, show).await
    });
    (shown, outcome)
}

const ADMINISTRATOR: By = By { operator: OperatorId([77; 16]), role: OperatorRole::Admin };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_pairs_a_machine_once_and_a_member_by_token_never() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let node = start(&mut world, admins[0], true).await;
    let desk = Desk::new(Arc::clone(&node.shared));
    let address = node.endpoint.address().unwrap();

    let (shown, outcome) = asking(60, address);
    let offered = shown.await.unwrap();
    wait(|| desk.pairings().len() == 1).await;
    let waiting = desk.pairings()[0];
    assert_eq!(waiting.digits, offered.digits);
    let confirm = async |by, request: u8, kiosk| {
        let request = RequestId([request; 16]);
        desk.confirm_pairing(by, request, waiting.node, waiting.digits, kiosk).await
    };
    let host = By { role: OperatorRole::Host, ..ADMINISTRATOR };
    assert_eq!(confirm(host, 1, None).await, Err(NotDone::Refused(Refusal::Role)));
    let done = confirm(ADMINISTRATOR, 1, None).await.unwrap();
    assert_eq!(done.entries.len(), 1);
    let paired = outcome.await.unwrap().unwrap();
    assert_eq!(paired.kiosk, waiting.request.kiosk);
    let member = desk
        .look(move |replica, _| {
            let members = &replica.site().standing().members;
            members.get(&waiting.node).map(|member| member.kiosk)
        })
        .await
        .unwrap();
    assert_eq!(member, Some(Some(paired.kiosk)));
    // The same request again is done already; another one finds nobody.
    assert_eq!(confirm(ADMINISTRATOR, 1, None).await.unwrap().entries, Vec::new());
    assert_eq!(confirm(ADMINISTRATOR, 2, None).await, Err(NotDone::Refused(Refusal::UnknownNode)));

    // It did not keep what it heard, and asks again: the same place it may have, no other.
    for (request, kiosk, again) in
        [(3, Some(paired.kiosk), true), (4, Some(world::kiosk_id(1)), false)]
    {
        let (shown, outcome) = asking(60, address);
        let digits = shown.await.unwrap().digits;
        wait(|| desk.pairings().len() == 1).await;
        let request = RequestId([request; 16]);
        let done = desk.confirm_pairing(ADMINISTRATOR, request, waiting.node, digits, kiosk).await;
        let outcome = outcome.await.unwrap();
        if again {
            assert_eq!(done.unwrap().entries, Vec::new());
            assert_eq!(outcome.unwrap(), paired);
        } else {
            assert_eq!(done, Err(NotDone::Refused(Refusal::Exists)));
            assert!(matches!(outcome, Err(Unpaired::Ended(Reason::Known))));
        }
    }

    // A member that came by a token, with the kiosk that it serves.
    let (shown, outcome) = asking(101, address);
    let digits = shown.await.unwrap().digits;
    wait(|| desk.pairings().len() == 1).await;
    assert_eq!(desk.pairings()[0].node, kiosks[0]);
    let request = RequestId([5; 16]);
    let kiosk = Some(world::kiosk_id(1));
    let done = desk.confirm_pairing(ADMINISTRATOR, request, kiosks[0], digits, kiosk).await;
    assert_eq!(done, Err(NotDone::Refused(Refusal::Exists)));
    let outcome = outcome.await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::Ended(Reason::Known))), "{outcome:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosks_node_pairs_nobody() {
    let (mut world, _, kiosks) = World::new(1, 1);
    let node = start(&mut world, kiosks[0], false).await;
    let (_shown, outcome) = asking(60, node.endpoint.address().unwrap());
    let outcome = outcome.await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::NotThere)), "{outcome:?}");
    node.stop().await;
}
