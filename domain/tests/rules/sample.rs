//! A fact of each kind, drawn by chance or as large as its bounds allow.

use domain::checkpoint::{Checkpoint, MOST_PARENTS};
use domain::fact::{
    AdminAdmitted, AdminRevoked, BootCertificate, CODES_IN_PART, CUTS_IN_PART, Cause,
    CheckpointSigned, CloseAsked, CodeIssued, CodesIssued, Cut, Derivation, Fact, KioskDescribed,
    KioskNamed, LONGEST_NAME, MOST_PARTS, MessageAcknowledged, MessageSent, NodeAdmitted,
    NodeCountersigned, NodePaired, NodeRevoked, Part, PauseAsked, Place, ResumeAsked, RoomNamed,
    RowErased, Scope, SessionClosed, SessionExtended, SessionOpened, SessionPaused, SessionResumed,
    SettingsChanged, SiteFounded, TokenIssued, TokenRevoked, Withdrawn,
};
use domain::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, OperatorId, RequestId, RoomId, RowId, SessionId,
    Signature, SiteId, TokenId,
};
use domain::operator::{By, OperatorRole};
use domain::replace::MOST_REPLACED;
use domain::settings::{IsolationPolicy, Settings};

use crate::chance::Chance;

/// Number of the last kind of fact.
pub(crate) const LAST_KIND: u16 = 29;

struct Draw {
    chance: Chance,
    most: bool,
}

impl Draw {
    fn id<const N: usize>(&mut self) -> [u8; N] {
        self.chance.bytes()
    }

    fn signature(&mut self) -> Signature {
        Signature(self.chance.bytes())
    }

    /// A figure up to `end`; the end itself in the largest.
    fn figure(&mut self, end: u64) -> u64 {
        if self.most {
            return end;
        }
        let figure = self.chance.draw() >> self.chance.below(64);
        figure % end.saturating_add(1).max(1)
    }

    fn count(&mut self, end: usize) -> usize {
        usize::try_from(self.figure(u64::try_from(end).unwrap())).unwrap()
    }

    fn small(&mut self, end: u32) -> u32 {
        u32::try_from(self.figure(u64::from(end))).unwrap()
    }

    fn time(&mut self) -> i64 {
        let time = i64::try_from(self.figure(u64::try_from(i64::MAX).unwrap())).unwrap();
        if self.most { i64::MIN } else { time - time / 2 }
    }

    fn name(&mut self) -> String {
        let length = self.count(LONGEST_NAME / 2);
        "é".repeat(length)
    }

    fn entry(&mut self) -> EntryId {
        EntryId { epoch: EpochId(self.id()), seq: self.figure(u64::MAX) }
    }

    fn entries(&mut self) -> Vec<EntryId> {
        let count = self.count(MOST_REPLACED);
        (0..count).map(|_| self.entry()).collect()
    }

    fn by(&mut self) -> By {
        let roles = [OperatorRole::Viewer, OperatorRole::Host, OperatorRole::Admin];
        By { operator: OperatorId(self.id()), role: roles[self.chance.below(3)] }
    }

    fn row(&mut self) -> Option<RowId> {
        (self.most || self.chance.below(2) == 0).then(|| RowId(self.id()))
    }

    fn moment(&mut self) -> Option<i64> {
        (self.most || self.chance.below(2) == 0).then(|| self.time())
    }

    fn part(&mut self) -> Part {
        let count = u16::try_from(self.small(u32::from(MOST_PARTS) - 1)).unwrap() + 1;
        Part {
            intent: RequestId(self.id()),
            index: u16::try_from(self.small(u32::from(count) - 1)).unwrap(),
            count,
            root: self.id(),
        }
    }

    fn cut(&mut self) -> Vec<Cut> {
        let count = self.count(CUTS_IN_PART);
        let cut = (0..count).map(|_| Cut {
            epoch: EpochId(self.id()),
            height: self.figure(u64::MAX),
            head: self.id(),
        });
        cut.collect()
    }

    fn place(&mut self) -> Place {
        match self.chance.below(3) {
            0 if !self.most => Place::Anywhere,
            1 => Place::Room(RoomId(self.id())),
            _ => Place::Kiosk(KioskId(self.id())),
        }
    }

    fn scope(&mut self) -> Scope {
        match self.chance.below(2) {
            0 => Scope::Room(RoomId(self.id())),
            _ => Scope::Kiosk(KioskId(self.id())),
        }
    }

    fn cause(&mut self) -> Cause {
        let causes = [
            Cause::Expired,
            Cause::Left,
            Cause::Staff,
            Cause::Freed,
            Cause::Displaced,
            Cause::Isolated,
            Cause::Reboot,
        ];
        causes[self.chance.below(7)]
    }

    fn settings(&mut self) -> Settings {
        let policies =
            [IsolationPolicy::AcceptKnown, IsolationPolicy::Finish, IsolationPolicy::Lock];
        let warnings = u8::try_from(self.small(8)).unwrap();
        Settings {
            isolation: policies[self.chance.below(3)],
            allowance_s: self.small(12 * 3600),
            warnings_min: (1..=warnings).rev().map(|m| m * 30).collect(),
            grace_s: u16::try_from(self.small(600)).unwrap(),
            default_seconds: 60 + self.small(12 * 3600 - 60),
        }
    }
}

/// A fact of `kind`: drawn from `seed`, or the largest that the bounds allow.
#[allow(clippy::too_many_lines, reason = "a line or two for each kind")]
pub(crate) fn fact(kind: u16, seed: u64, most: bool) -> Fact {
    let d = &mut Draw { chance: Chance::new(seed * 64 + u64::from(kind)), most };
    match kind {
        1 => SiteFounded {
            site: SiteId(d.id()),
            name: d.name(),
            derivation: Derivation {
                version: u8::try_from(d.small(255)).unwrap(),
                salt: d.id(),
                memory_kib: d.small(u32::MAX),
                passes: d.small(u32::MAX),
            },
            signature: d.signature(),
        }
        .into(),
        2 => AdminAdmitted { node: NodeId(d.id()), signature: d.signature() }.into(),
        3 => AdminRevoked {
            node: NodeId(d.id()),
            part: d.part(),
            cut: d.cut(),
            signature: d.signature(),
        }
        .into(),
        4 => BootCertificate {
            node: NodeId(d.id()),
            epoch: EpochId(d.id()),
            amnesic: d.chance.below(2) == 0,
            machine: d.id(),
            knew_ms: d.moment(),
            signature: d.signature(),
        }
        .into(),
        5 => TokenIssued {
            token: TokenId(d.id()),
            scope: d.scope(),
            expires_ms: d.time(),
            by: d.by(),
        }
        .into(),
        6 => TokenRevoked { token: TokenId(d.id()), by: d.by() }.into(),
        7 => NodeAdmitted {
            node: NodeId(d.id()),
            token: TokenId(d.id()),
            kiosk: KioskId(d.id()),
            machine: d.id(),
            signature: d.signature(),
        }
        .into(),
        8 => NodeCountersigned {
            node: NodeId(d.id()),
            token: TokenId(d.id()),
            kiosk: KioskId(d.id()),
        }
        .into(),
        9 => NodePaired { node: NodeId(d.id()), kiosk: KioskId(d.id()), by: d.by() }.into(),
        10 => NodeRevoked { node: NodeId(d.id()), part: d.part(), cut: d.cut(), by: d.by() }.into(),
        11 => KioskNamed {
            kiosk: KioskId(d.id()),
            name: d.name(),
            room: RoomId(d.id()),
            replaces: d.entries(),
            by: d.by(),
        }
        .into(),
        12 => KioskDescribed {
            kiosk: KioskId(d.id()),
            in_service: d.chance.below(2) == 0,
            note: d.row(),
            replaces: d.entries(),
            by: d.by(),
        }
        .into(),
        13 => RoomNamed {
            room: RoomId(d.id()),
            name: d.name(),
            order: u16::try_from(d.small(u32::from(u16::MAX))).unwrap(),
            replaces: d.entries(),
            by: d.by(),
        }
        .into(),
        14 => SettingsChanged { settings: d.settings(), replaces: d.entries(), by: d.by() }.into(),
        15 => CodeIssued {
            session: SessionId(d.id()),
            key: CodeKey(d.id()),
            derivation: u8::try_from(d.small(255)).unwrap(),
            seconds: d.small(u32::MAX),
            from_ms: d.time(),
            until_ms: d.time(),
            place: d.place(),
            label: d.row(),
            request: RequestId(d.id()),
            by: d.by(),
        }
        .into(),
        16 => CodesIssued {
            part: d.part(),
            codes: {
                let count = d.count(CODES_IN_PART);
                let codes = (0..count).map(|_| (SessionId(d.id()), CodeKey(d.id())));
                codes.collect()
            },
            derivation: u8::try_from(d.small(255)).unwrap(),
            seconds: d.small(u32::MAX),
            from_ms: d.time(),
            until_ms: d.time(),
            place: d.place(),
            by: d.by(),
        }
        .into(),
        17 => Withdrawn { session: SessionId(d.id()), by: d.by() }.into(),
        18 => SessionOpened {
            session: SessionId(d.id()),
            kiosk: KioskId(d.id()),
            node: NodeId(d.id()),
            opening: d.small(u32::MAX),
            replaces: d.entries(),
            proof: d.signature(),
        }
        .into(),
        19 => SessionExtended {
            session: SessionId(d.id()),
            seconds: if d.most { i32::MIN } else { 900 - i32::try_from(d.small(1800)).unwrap() },
            request: RequestId(d.id()),
            by: d.by(),
        }
        .into(),
        20 => SessionPaused {
            session: SessionId(d.id()),
            kiosk: KioskId(d.id()),
            replaces: d.entries(),
        }
        .into(),
        21 => SessionResumed {
            session: SessionId(d.id()),
            kiosk: KioskId(d.id()),
            replaces: d.entries(),
        }
        .into(),
        22 => SessionClosed {
            session: SessionId(d.id()),
            kiosk: KioskId(d.id()),
            cause: d.cause(),
            replaces: d.entries(),
        }
        .into(),
        23 => CloseAsked {
            session: SessionId(d.id()),
            keep_rest: d.chance.below(2) == 0,
            sees: d.entries(),
            note: d.row(),
            by: d.by(),
        }
        .into(),
        24 => PauseAsked { session: SessionId(d.id()), sees: d.entries(), by: d.by() }.into(),
        25 => ResumeAsked { session: SessionId(d.id()), sees: d.entries(), by: d.by() }.into(),
        26 => MessageSent { message: RowId(d.id()), kiosk: KioskId(d.id()), by: d.by() }.into(),
        27 => MessageAcknowledged { message: RowId(d.id()), kiosk: KioskId(d.id()) }.into(),
        28 => RowErased { row: RowId(d.id()), by: d.by() }.into(),
        29 => CheckpointSigned {
            checkpoint: Checkpoint {
                parents: (0..d.count(MOST_PARENTS)).map(|_| d.id()).collect(),
                as_of_ms: d.time(),
                since_ms: d.time(),
                pieces: d.id(),
                count: d.small(u32::MAX),
            },
            node: NodeId(d.id()),
            signature: d.signature(),
        }
        .into(),
        _ => panic!("no such kind: {kind}"),
    }
}
