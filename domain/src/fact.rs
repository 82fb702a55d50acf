//! Facts: what entries mean, and their bytes.
//!
//! A fact's bytes are its kind (two bytes, little-endian) and its body. A kind that this release
//! does not know is not an error: the entry is kept and forwarded by those who hold it, and changes
//! nothing here. Facts hold identifiers and figures; free text and personal data never.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkpoint::{Checkpoint, checkpoint_bytes};
use crate::codec::{self, CodecError};
use crate::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, RequestId, RoomId, RowId, SessionId, Signature,
    SiteId, TokenId, verifies,
};
use crate::operator::By;
use crate::planted::{self, Bug};
use crate::settings::Settings;

/// Largest body of an entry, in bytes: what an entry of 1,200 leaves beside its header.
pub const MOST_BODY: usize = 1_000;
/// Longest name of a kiosk, a room or a site, in bytes.
pub const LONGEST_NAME: usize = 60;
/// Most codes in one part of a batch.
pub const CODES_IN_PART: usize = 16;
/// Most epochs in one part of a cut.
pub const CUTS_IN_PART: usize = 10;
/// Most parts of one intent.
pub const MOST_PARTS: u16 = 64;

/// How access codes become keys at this site: argon2id's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Derivation {
    /// Number of this derivation at the site.
    pub version: u8,
    /// Salt, drawn when the site is founded.
    pub salt: [u8; 16],
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

/// One piece of an intent that does not fit one entry; effective when all pieces are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The intent.
    pub intent: RequestId,
    /// This piece's place, from 0.
    pub index: u16,
    /// Number of pieces.
    pub count: u16,
    /// Hash over all pieces in order: see [`root_of`].
    pub root: [u8; 32],
}

/// The hash that the parts of an intent carry: over the bytes of the whole.
pub fn root_of<T: Serialize>(whole: &T) -> Result<[u8; 32], CodecError> {
    codec::hash(b"poste-parts-1", whole)
}

/// How far an epoch's entries stay in effect after a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cut {
    /// The epoch.
    pub epoch: EpochId,
    /// Number of its entries that stay in effect.
    pub height: u64,
    /// Hash of the last of them.
    pub head: [u8; 32],
}

/// Where a code opens a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// Any kiosk of the site.
    Anywhere,
    /// The kiosks of one room.
    Room(RoomId),
    /// One kiosk.
    Kiosk(KioskId),
}

/// What a join token admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// The machine of one kiosk.
    Kiosk(KioskId),
    /// Machines of one room.
    Room(RoomId),
}

/// Why a session ended on a kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its time was used up (an extension makes it reopenable).
    Expired,
    /// The patron left; what remains can be used later.
    Left,
    /// An operator ended it for good.
    Staff,
    /// An operator freed it from this kiosk; what remains can be used elsewhere.
    Freed,
    /// The same session stood open on another kiosk, which keeps it.
    Displaced,
    /// The kiosk was isolated, and the site's policy or allowance ended it.
    Isolated,
    /// The machine rebooted; the code opens it again.
    Reboot,
}

impl Cause {
    /// Whether the code may open the session again.
    pub fn reopenable(self) -> bool {
        self != Cause::Staff
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $kind:literal $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
        )*

        /// What an entry says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "facts live briefly; entries are bytes")]
        pub enum Fact { $($(#[$doc])* $name($name),)* }

        impl Fact {
            /// The number of this kind of fact in its bytes.
            pub fn kind(&self) -> u16 {
                match self { $(Fact::$name(_) => $kind,)* }
            }

            /// This kind of fact, in words.
            pub fn name(&self) -> &'static str {
                match self { $(Fact::$name(_) => stringify!($name),)* }
            }

            /// The body of an entry that says this.
            pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
                let mut bytes = Vec::from(self.kind().to_le_bytes());
                match self { $(Fact::$name(body) => bytes.extend(codec::encode(body)?),)* }
                Ok(bytes)
            }

            /// The fact in an entry's body; `None` for a kind that this release does not know.
            pub fn decode(body: &[u8]) -> Result<Option<Fact>, CodecError> {
                let Some((kind, rest)) = body.split_first_chunk::<2>() else {
                    return Err(CodecError::Malformed);
                };
                match u16::from_le_bytes(*kind) {
                    $($kind => codec::decode(rest).map(|body| Some(Fact::$name(body))),)*
                    _ => Ok(None),
                }
            }
        }

        $(impl From<$name> for Fact { fn from(body: $name) -> Fact { Fact::$name(body) } })*
    };
}

facts! {
    /// A site exists; signed by its key.
    1 SiteFounded {
        /// The site, whose key signs.
        site: SiteId,
        /// What the public calls it.
        name: String,
        /// How access codes become keys.
        derivation: Derivation,
        /// By the site key.
        signature: Signature,
    }
    /// An admin node belongs to the site; signed by the site key.
    2 AdminAdmitted {
        /// The node.
        node: NodeId,
        /// By the site key.
        signature: Signature,
    }
    /// An admin node no longer belongs; each part is signed by the site key.
    3 AdminRevoked {
        /// The node.
        node: NodeId,
        /// This piece of the cut.
        part: Part,
        /// Epochs that stay in effect up to a height; those not listed lose all effect.
        cut: Vec<Cut>,
        /// By the site key.
        signature: Signature,
    }
    /// An epoch began: always the first entry of its log.
    4 BootCertificate {
        /// The node that started.
        node: NodeId,
        /// The epoch, author of this entry.
        epoch: EpochId,
        /// Whether the node forgets everything when it stops.
        amnesic: bool,
        /// The fingerprint of the machine that it started on (hashed): the same disk in another machine
        /// is another's.
        machine: [u8; 32],
        /// Site time of the newest checkpoint that the node knew (ms since 1970), if it knew any.
        knew_ms: Option<i64>,
        /// By the node key.
        signature: Signature,
    }
    /// A join token was issued.
    5 TokenIssued {
        /// The token's public key.
        token: TokenId,
        /// What it admits.
        scope: Scope,
        /// Last moment at which a member may countersign with it (ms since 1970).
        expires_ms: i64,
        /// The operator.
        by: By,
    }
    /// A join token admits nobody any more.
    6 TokenRevoked {
        /// The token.
        token: TokenId,
        /// The operator.
        by: By,
    }
    /// A kiosk's node admits itself by a token; takes effect once countersigned.
    7 NodeAdmitted {
        /// The node.
        node: NodeId,
        /// The token.
        token: TokenId,
        /// The kiosk that it serves.
        kiosk: KioskId,
        /// The machine's fingerprint (hashed).
        machine: [u8; 32],
        /// By the token's key.
        signature: Signature,
    }
    /// A member met a node and found its token good at that time.
    8 NodeCountersigned {
        /// The node.
        node: NodeId,
        /// The token.
        token: TokenId,
        /// The kiosk that the node asked to serve: no other is signed for.
        kiosk: KioskId,
    }
    /// An operator admitted a kiosk's node after comparing digits.
    9 NodePaired {
        /// The node.
        node: NodeId,
        /// The kiosk that it serves.
        kiosk: KioskId,
        /// The operator.
        by: By,
    }
    /// A kiosk's node no longer belongs.
    10 NodeRevoked {
        /// The node.
        node: NodeId,
        /// This piece of the cut.
        part: Part,
        /// Epochs that stay in effect up to a height; those not listed lose all effect.
        cut: Vec<Cut>,
        /// The operator.
        by: By,
    }
    /// A kiosk got its name and room: staff know it.
    11 KioskNamed {
        /// The kiosk.
        kiosk: KioskId,
        /// Its name, as painted on the desk.
        name: String,
        /// Its room.
        room: RoomId,
        /// Earlier names that this replaces.
        replaces: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// A kiosk went out of service, or came back.
    12 KioskDescribed {
        /// The kiosk.
        kiosk: KioskId,
        /// Whether it takes patrons.
        in_service: bool,
        /// The vault's row with the reason, if any.
        note: Option<RowId>,
        /// Earlier descriptions that this replaces.
        replaces: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// A room got its name.
    13 RoomNamed {
        /// The room.
        room: RoomId,
        /// Its name.
        name: String,
        /// Place among the rooms.
        order: u16,
        /// Earlier names that this replaces.
        replaces: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// The site's settings changed.
    14 SettingsChanged {
        /// All of them.
        settings: Settings,
        /// Earlier settings that this replaces.
        replaces: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// An access code was issued.
    15 CodeIssued {
        /// The session that it opens.
        session: SessionId,
        /// The code's public key.
        key: CodeKey,
        /// The derivation's version.
        derivation: u8,
        /// Seconds granted.
        seconds: u32,
        /// First moment at which it opens (ms since 1970).
        from_ms: i64,
        /// Last moment at which it opens (ms since 1970).
        until_ms: i64,
        /// Where.
        place: Place,
        /// The vault's row that says for whom, if anybody.
        label: Option<RowId>,
        /// The operator's intent.
        request: RequestId,
        /// The operator.
        by: By,
    }
    /// Codes were issued together, alike but for their keys; this is one piece.
    16 CodesIssued {
        /// This piece of the batch; the intent is the batch's name.
        part: Part,
        /// Sessions and their codes' keys.
        codes: Vec<(SessionId, CodeKey)>,
        /// The derivation's version.
        derivation: u8,
        /// Seconds granted to each.
        seconds: u32,
        /// First moment at which they open (ms since 1970).
        from_ms: i64,
        /// Last moment at which they open (ms since 1970).
        until_ms: i64,
        /// Where.
        place: Place,
        /// The operator.
        by: By,
    }
    /// A code was withdrawn: its session ends and never opens again.
    17 Withdrawn {
        /// The session.
        session: SessionId,
        /// The operator.
        by: By,
    }
    /// A session was opened on a kiosk by someone who knew its code.
    18 SessionOpened {
        /// The session.
        session: SessionId,
        /// The kiosk.
        kiosk: KioskId,
        /// The kiosk's node.
        node: NodeId,
        /// Number of this opening, counted by the kiosk's view.
        opening: u32,
        /// What it follows.
        replaces: Vec<EntryId>,
        /// By the code's key.
        proof: Signature,
    }
    /// Time was added or taken.
    19 SessionExtended {
        /// The session.
        session: SessionId,
        /// Seconds, negative to take.
        seconds: i32,
        /// The operator's intent: repeated, it counts once.
        request: RequestId,
        /// The operator.
        by: By,
    }
    /// A session pauses on its kiosk.
    20 SessionPaused {
        /// The session.
        session: SessionId,
        /// The kiosk.
        kiosk: KioskId,
        /// What it follows.
        replaces: Vec<EntryId>,
    }
    /// A paused session goes on, on its kiosk.
    21 SessionResumed {
        /// The session.
        session: SessionId,
        /// The kiosk.
        kiosk: KioskId,
        /// What it follows.
        replaces: Vec<EntryId>,
    }
    /// A session ended on its kiosk.
    22 SessionClosed {
        /// The session.
        session: SessionId,
        /// The kiosk.
        kiosk: KioskId,
        /// Why.
        cause: Cause,
        /// What it follows.
        replaces: Vec<EntryId>,
    }
    /// An operator orders a session closed.
    23 CloseAsked {
        /// The session.
        session: SessionId,
        /// Whether what remains can be used later, elsewhere or here.
        keep_rest: bool,
        /// The session's life as the operator's node saw it.
        sees: Vec<EntryId>,
        /// The vault's row with the reason, if any.
        note: Option<RowId>,
        /// The operator.
        by: By,
    }
    /// An operator orders a session paused.
    24 PauseAsked {
        /// The session.
        session: SessionId,
        /// The session's life as the operator's node saw it.
        sees: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// An operator orders a paused session to go on.
    25 ResumeAsked {
        /// The session.
        session: SessionId,
        /// The session's life as the operator's node saw it.
        sees: Vec<EntryId>,
        /// The operator.
        by: By,
    }
    /// A message was sent to a kiosk; its text is a short-lived sealed row.
    26 MessageSent {
        /// The row.
        message: RowId,
        /// The kiosk.
        kiosk: KioskId,
        /// The operator.
        by: By,
    }
    /// The patron read a message.
    27 MessageAcknowledged {
        /// The row.
        message: RowId,
        /// The kiosk.
        kiosk: KioskId,
    }
    /// A row of the vault was erased for ever.
    28 RowErased {
        /// The row.
        row: RowId,
        /// The operator.
        by: By,
    }
    /// An admin node found what a checkpoint says to be what the ledger comes to.
    29 CheckpointSigned {
        /// The checkpoint.
        checkpoint: Checkpoint,
        /// The admin node.
        node: NodeId,
        /// By the node key.
        signature: Signature,
    }
}

/// Hash of a fact under its name: the last word between facts that conflict.
pub fn fact_hash(id: &EntryId, body: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(b"poste-fact-1")
        .chain_update(id.epoch.0)
        .chain_update(id.seq.to_le_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

/// Bytes that the site key signs to found a site.
pub fn founding_bytes(site: &SiteId, name: &str, derivation: &Derivation) -> Vec<u8> {
    let mut bytes = Vec::from(b"poste-site-founded-1".as_slice());
    bytes.extend_from_slice(&site.0);
    bytes.push(derivation.version);
    bytes.extend_from_slice(&derivation.salt);
    bytes.extend_from_slice(&derivation.memory_kib.to_le_bytes());
    bytes.extend_from_slice(&derivation.passes.to_le_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

/// Bytes that the site key signs to admit an admin node.
pub fn admin_admission_bytes(site: &SiteId, node: &NodeId) -> Vec<u8> {
    [b"poste-admin-admitted-1".as_slice(), &site.0, &node.0].concat()
}

/// Bytes that the site key signs for one part of an admin node's revocation.
pub fn admin_revocation_bytes(
    site: &SiteId,
    node: &NodeId,
    part: &Part,
    cut: &[Cut],
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = [b"poste-admin-revoked-1".as_slice(), &site.0, &node.0].concat();
    bytes.extend(codec::encode(&(part, cut))?);
    Ok(bytes)
}

/// Bytes that a node key signs when its node starts an epoch.
pub fn boot_bytes(
    site: &SiteId,
    node: &NodeId,
    epoch: &EpochId,
    amnesic: bool,
    machine: &[u8; 32],
    knew_ms: Option<i64>,
) -> Vec<u8> {
    let mut bytes = [b"poste-boot-3".as_slice(), &site.0, &node.0, &epoch.0, machine].concat();
    bytes.push(u8::from(amnesic));
    bytes.push(u8::from(knew_ms.is_some()));
    bytes.extend_from_slice(&knew_ms.unwrap_or(0).to_le_bytes());
    bytes
}

/// Bytes that a token's key signs to admit a node.
pub fn node_admission_bytes(
    site: &SiteId,
    node: &NodeId,
    kiosk: &KioskId,
    machine: &[u8; 32],
) -> Vec<u8> {
    [b"poste-node-admitted-1".as_slice(), &site.0, &node.0, &kiosk.0, machine].concat()
}

/// Bytes that a code's key signs to open its session.
pub fn opening_bytes(
    site: &SiteId,
    session: &SessionId,
    kiosk: &KioskId,
    node: &NodeId,
    opening: u32,
) -> Vec<u8> {
    let anywhere = planted::is(Bug::ProofReused);
    let (kiosk, node) = if anywhere { (&[0; 16], &[0; 32]) } else { (&kiosk.0, &node.0) };
    let mut bytes = [b"poste-open-1".as_slice(), &site.0, &session.0, kiosk, node].concat();
    bytes.extend_from_slice(&opening.to_le_bytes());
    bytes
}

impl Fact {
    /// Whether it carries a certificate, so that it matters not who wrote it down.
    pub fn speaks_for_itself(&self) -> bool {
        matches!(
            self,
            Fact::SiteFounded(_)
                | Fact::AdminAdmitted(_)
                | Fact::AdminRevoked(_)
                | Fact::NodeAdmitted(_)
                | Fact::CheckpointSigned(_)
        )
    }

    /// Whether only the site key can say it.
    pub fn is_of_site_key(&self) -> bool {
        matches!(self, Fact::SiteFounded(_) | Fact::AdminAdmitted(_) | Fact::AdminRevoked(_))
    }

    /// Whether the certificate inside, if there is one, was made by the key that it names. Facts
    /// without a certificate draw their authority from their author and pass.
    pub fn certificate_holds(&self, site: &SiteId) -> bool {
        match self {
            Fact::SiteFounded(f) => {
                let bytes = founding_bytes(&f.site, &f.name, &f.derivation);
                f.site == *site && verifies(&site.0, &[&bytes], &f.signature)
            }
            Fact::AdminAdmitted(f) => {
                verifies(&site.0, &[&admin_admission_bytes(site, &f.node)], &f.signature)
                    || planted::is(Bug::AdminUnsigned)
            }
            Fact::AdminRevoked(f) => admin_revocation_bytes(site, &f.node, &f.part, &f.cut)
                .is_ok_and(|bytes| verifies(&site.0, &[&bytes], &f.signature)),
            Fact::BootCertificate(f) => {
                let bytes = boot_bytes(site, &f.node, &f.epoch, f.amnesic, &f.machine, f.knew_ms);
                verifies(&f.node.0, &[&bytes], &f.signature)
            }
            Fact::CheckpointSigned(f) => checkpoint_bytes(site, &f.checkpoint)
                .is_ok_and(|bytes| verifies(&f.node.0, &[&bytes], &f.signature)),
            Fact::NodeAdmitted(f) => {
                let bytes = node_admission_bytes(site, &f.node, &f.kiosk, &f.machine);
                verifies(&f.token.0, &[&bytes], &f.signature)
            }
            // Proven against the code's key, which only the session knows: see `session`.
            Fact::SessionOpened(_)
            | Fact::TokenIssued(_)
            | Fact::TokenRevoked(_)
            | Fact::NodeCountersigned(_)
            | Fact::NodePaired(_)
            | Fact::NodeRevoked(_)
            | Fact::KioskNamed(_)
            | Fact::KioskDescribed(_)
            | Fact::RoomNamed(_)
            | Fact::SettingsChanged(_)
            | Fact::CodeIssued(_)
            | Fact::CodesIssued(_)
            | Fact::Withdrawn(_)
            | Fact::SessionExtended(_)
            | Fact::SessionPaused(_)
            | Fact::SessionResumed(_)
            | Fact::SessionClosed(_)
            | Fact::CloseAsked(_)
            | Fact::PauseAsked(_)
            | Fact::ResumeAsked(_)
            | Fact::MessageSent(_)
            | Fact::MessageAcknowledged(_)
            | Fact::RowErased(_) => true,
        }
    }
}
