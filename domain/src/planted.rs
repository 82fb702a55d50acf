//! Planted bugs: whether the simulator's invariants see what they are for.
//!
//! Each place where a bug is planted asks [`is`] last, once everything else says that the bug would
//! make a difference there. In a node's build the answer is a constant *no* and nothing of the bug is
//! left. In the simulator's build one bug at most is chosen for a process, and every place that was
//! asked is noted: a world that never asks would be the same with the bug.

#[cfg(feature = "chaos")]
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

macro_rules! bugs {
    ($($(#[doc = $says:literal])* $name:ident,)*) => {
        /// A bug that somebody could have written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Bug { $($(#[doc = $says])* $name,)* }

        #[cfg(feature = "chaos")]
        impl Bug {
            /// Every one.
            pub const ALL: &[Bug] = &[$(Bug::$name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Bug::$name => stringify!($name),)* }
            }

            /// What it is, and who it hurts.
            pub fn says(self) -> &'static str {
                match self { $(Bug::$name => concat!($($says),*),)* }
            }
        }
    };
}

bugs! {
    /// A command is acknowledged before the disk has it: a power cut takes back a code just sold.
    AcknowledgedEarly,
    /// A command is acknowledged though the disk failed: the operator believes in what is nowhere.
    AcknowledgedOnFailure,
    /// A receipt is given before the disk has the entry: the operator reads "held by 3" too early.
    ReceiptEarly,
    /// Receipts are not sent: the operator never reads that an entry is safe.
    ReceiptForgotten,
    /// What a full disk did not take counts as written: acknowledged, and gone with the process.
    FullDiskIgnored,
    /// A page is not told that the disk failed: it looks free, and refuses every code.
    DiskFailureUntold,
    /// What was written while a barrier ran counts as on the disk: a power cut takes back a code.
    BarrierTooWide,
    /// A restarted process continues under its former key: honest nodes contradict themselves.
    EpochReused,
    /// An entry need not name the one before it: two histories are mixed into one.
    HeadUnchecked,
    /// Nobody looks whether an entry was signed: a thief writes in an operator's name.
    SignatureUnchecked,
    /// An entry is taken before those that it follows: the ones in between are lost for ever.
    GapAccepted,
    /// An entry that cannot be read ends the process: one message stops the room.
    PoisonFells,
    /// An entry of a later release is not kept: everything behind it in its log is lost, too.
    UnknownDropped,
    /// An entry of a later release is not passed on: what follows it stops here.
    UnknownNotRelayed,
    /// An entry stamped later than this node's clock is refused: a console's wrong clock loses sales.
    FutureRefused,
    /// A request that is sent twice extends twice: the patron gets double time.
    RequestTwice,
    /// A fact that came before its author was admitted is forgotten: nodes disagree for good.
    LateFactLost,
    /// When authority is lost, what was done with it stays: two nodes end differently.
    NotFoldedAgain,
    /// A kiosk may do whatever an operator may: a stolen machine hands out codes and erases rows.
    KioskActsAsAdmin,
    /// A kiosk may extend sessions: a stolen machine gives its user the whole day.
    KioskExtends,
    /// A kiosk may close sessions that run elsewhere: a stolen machine ends everybody's work.
    ClosesElsewhere,
    /// An opening needs no proof that the code was typed: a stolen machine takes anybody's time.
    OpeningUnproven,
    /// The proof of an opening is good on every kiosk: a stolen machine uses codes that it overheard.
    ProofReused,
    /// A kiosk may pair nodes: a stolen machine lets its friends in.
    PairedByKiosk,
    /// A kiosk may revoke nodes: a stolen machine turns the others out.
    RevokedByKiosk,
    /// An admin node needs no word of the site key: a stolen machine makes itself one.
    AdminUnsigned,
    /// What a fact replaces goes on standing: a closed session runs, an old setting holds.
    ReplacedStays,
    /// The settings that came last hold: the rules of the house depend on the wire.
    SettingsByArrival,
    /// Settings and names stamped earlier than the latest word of a console are left out.
    LastWriteByWallClock,
    /// Of two openings the one with the higher hash keeps the session, against the written rule.
    HigherHashWins,
    /// A pause goes on counting: the patron pays for the time away.
    PauseRuns,
    /// The last seconds before a pause count twice.
    PauseCountsTwice,
    /// A process that goes on after a restart counts what was charged ahead as used.
    ChargedAgain,
    /// A restarted process forgets what ran since the last reading: killing it gives time.
    RestartMints,
    /// A restarted process forgets the session: the patron stands before a locked screen.
    RestartLocksOut,
    /// After a reboot the session goes on by itself: whoever comes next sits in the patron's seat.
    RebootGoesOn,
    /// A copied disk passes for the machine that it was copied from: the copy ends what runs there.
    CopyIsOriginal,
    /// Every restart is forgiven: the power button gives time without end.
    ForgivesAll,
    /// No restart is forgiven: each power cut costs the patron.
    ForgivesNone,
    /// The reading that came last holds, not the greatest: late news give time back.
    LastReadingHolds,
    /// Readings of nodes that never opened a session count: a stolen machine uses up anybody's time.
    ForeignReadings,
    /// Use is read once a minute: a power cut gives a minute.
    ReadsRarely,
    /// A kiosk's wall clock measures use: setting the clock gives or takes time.
    WallClockMeasures,
    /// A restarted node does not find its readings again: a power cut of the room gives time back.
    RegistersForgotten,
    /// Use beyond what was granted is not listed.
    ExcessHidden,
    /// A session does not end when its time is up.
    NeverExpires,
    /// Kiosks' clocks have a say in the site's time: one wrong clock shuts valid codes out.
    KioskClockVotes,
    /// The site's time is that of the last entry of a console: it stands still between two of them.
    HintIsTime,
    /// The allowance of a lone kiosk begins anew with each restart.
    AllowanceForgotten,
    /// A lone kiosk does not end what it opened when the allowance is used up.
    AllowanceIgnored,
    /// A kiosk never notices that it is alone.
    AloneUnnoticed,
    /// A lone kiosk runs on though the site's policy is to lock.
    PolicyIgnored,
    /// An amnesic kiosk runs on though nobody else holds its readings.
    AmnesicUnsafe,
    /// A paused session does not hear that it was closed.
    PausedNotClosed,
    /// A withdrawn code's session runs on.
    WithdrawalSpares,
    /// A kiosk does not carry out what operators order.
    OrdersUnheard,
    /// A code that runs on two kiosks keeps both.
    BothKeep,
    /// A session closed here and opened there is taken for one that runs twice.
    ReopenedIsDouble,
    /// What a revoked node wrote goes on having effect.
    CutIgnored,
    /// One entry beyond the cut has effect.
    CutOffByOne,
    /// Of two cuts of one node the wider one holds.
    CutByMaximum,
    /// Links to a revoked node stay.
    RevokedStays,
    /// Who tells two histories is not found out: everybody keeps the first one heard.
    EquivocationSilent,
    /// The proof of two histories is kept for oneself.
    ForkNotPassedOn,
    /// Of two histories the first entry that differs still counts: each node believes another.
    ForkFromNext,
    /// Registers of use are never compared: a reading that was lost stays lost.
    DigestNever,
    /// Nodes compare their ledgers once, when they meet, and never again.
    ComparedOnce,
    /// An answer that was lost is waited for for ever.
    WaitsForEver,
    /// Kiosks link to all other kiosks.
    FullMesh,
    /// Rows of the vault go to kiosks, too: a stolen machine knows the patrons' names.
    RowsToKiosks,
    /// A row that was erased is taken back from an admin node that returns.
    ErasedReturns,
    /// A row that was erased is marked, and kept.
    ErasedKept,
    /// Erasures are folded away: a machine that returns brings the row back.
    ErasureFolded,
    /// A checkpoint holds that fewer than a majority have signed: one thief rewrites the past.
    MinorityAgrees,
    /// A checkpoint is signed by whoever has it, whatever it says: one thief rewrites the past.
    SignedUnchecked,
    /// One entry more is dropped than the checkpoint speaks for.
    PrunedTooFar,
    /// Whoever did not know the last checkpoint is refused whole, however young.
    LateRefused,
    /// Codes that nobody uses at the moment are folded away, though they are valid.
    FoldedEarly,
    /// Entries of a later release are folded away.
    UnknownFolded,
    /// A restarted node does not find its checkpoints again: what was folded is gone.
    BaseForgotten,
}

/// Each has a bit of its own in [`ASKED`].
#[cfg(feature = "chaos")]
const _: () = assert!(Bug::ALL.len() <= 128);
#[cfg(feature = "chaos")]
const NONE: u8 = u8::MAX;
#[cfg(feature = "chaos")]
static CHOSEN: AtomicU8 = AtomicU8::new(NONE);
#[cfg(feature = "chaos")]
static ASKED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Whether this process has the bug.
#[cfg(feature = "chaos")]
pub fn is(bug: Bug) -> bool {
    let number = bug as u8;
    let (asked, bit) = (&ASKED[usize::from(number / 64)], 1 << (number % 64));
    if asked.load(Ordering::Relaxed) & bit == 0 {
        asked.fetch_or(bit, Ordering::Relaxed);
    }
    CHOSEN.load(Ordering::Relaxed) == number
}

/// Whether this process has the bug: never.
#[cfg(not(feature = "chaos"))]
pub const fn is(_bug: Bug) -> bool {
    false
}

/// From now on this process has this bug, or none.
#[cfg(feature = "chaos")]
pub fn choose(bug: Option<Bug>) {
    CHOSEN.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
}

/// The bugs whose places were asked since this was last called.
#[cfg(feature = "chaos")]
pub fn take_asked() -> impl Iterator<Item = Bug> {
    let asked = [&ASKED[0], &ASKED[1]].map(|word| word.swap(0, Ordering::Relaxed));
    let all = Bug::ALL.iter().copied();
    all.filter(move |bug| asked[usize::from(*bug as u8 / 64)] & (1 << (*bug as u8 % 64)) != 0)
}
