use domain::fact::Fact;
use domain::id::{KioskId, NodeId, SiteId};

use super::{Membership, admission, node_seed};
use crate::config::Kind;
use crate::invitation::{Invitation, Right};
use crate::seal::SiteKey;
use crate::seed::Seed;
use crate::texts::Say;

fn key() -> SiteKey {
    SiteKey::of(Seed::from_bytes([5; 32]))
}

#[test]
fn founding_holds_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Membership::read(folder.path()).unwrap(), None);
    let node = NodeId(node_seed(folder.path()).unwrap().public());
    let founded = Membership::found(&key(), " Médiathèque ", node).unwrap();
    assert_eq!(founded.certificates.len(), 2);
    for fact in &founded.certificates {
        assert!(fact.certificate_holds(&key().site()), "{}", fact.name());
        assert!(!fact.certificate_holds(&SiteId([1; 32])), "{}", fact.name());
    }
    let Fact::SiteFounded(fact) = &founded.certificates[0] else {
        panic!("not a founding");
    };
    assert_eq!(fact.name, "Médiathèque");
    founded.create(folder.path()).unwrap();
    assert_eq!(Membership::read(folder.path()).unwrap(), Some(founded.clone()));
    assert!(matches!(founded.create(folder.path()), Err(Say::HasSite { .. })));
}

#[test]
fn site_without_a_name_is_refused() {
    for name in ["", "  ", "a\nb", &"é".repeat(31)] {
        assert!(matches!(
            Membership::found(&key(), name, NodeId([1; 32])),
            Err(Say::OutOfBounds { .. })
        ));
    }
}

#[test]
fn kiosk_admits_itself_by_its_token() {
    let token = Seed::from_bytes([7; 32]);
    let site = key().site();
    let invitation =
        |right| Invitation { site, right, addresses: vec!["127.0.0.1:7443".parse().unwrap()] };
    let node = NodeId([9; 32]);
    let by_room =
        Membership::accept(&invitation(Right::RoomToken(token.clone())), node, [3; 32]).unwrap();
    assert_eq!(by_room.kiosk, Some(KioskId([3; 16])));
    let kiosk = KioskId([8; 16]);
    let right = Right::KioskToken(token, kiosk);
    let by_kiosk = Membership::accept(&invitation(right), node, [3; 32]).unwrap();
    assert_eq!(by_kiosk.kiosk, Some(kiosk));
    for membership in [by_room, by_kiosk] {
        assert_eq!(membership.kind, Kind::Kiosk);
        assert!(membership.certificates[0].certificate_holds(&site));
    }
    let right = Right::Admitted(admission(&key(), node).signature);
    let admin = Membership::accept(&invitation(right.clone()), node, [3; 32]).unwrap();
    assert_eq!(admin.kind, Kind::Admin);
    assert!(admin.certificates[0].certificate_holds(&site));
    assert!(matches!(
        Membership::accept(&invitation(right), NodeId([8; 32]), [3; 32]),
        Err(Say::InvitationForAnother)
    ));
}

#[test]
fn file_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    Membership::found(&key(), "Site", NodeId([1; 32])).unwrap().create(folder.path()).unwrap();
    let path = super::path(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace(&key().site().to_string(), &"00".repeat(32));
    for wrong in [&other, "", "{}", &text.replace("\"version\": 1", "\"version\": 2")] {
        std::fs::write(&path, wrong).unwrap();
        assert!(matches!(Membership::read(folder.path()), Err(Say::FileTrouble { .. })));
    }
}

#[test]
fn node_keeps_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = node_seed(folder.path()).unwrap();
    assert_eq!(node_seed(folder.path()).unwrap(), first);
}
