//! Lanes: the streams of a link, each for one kind of traffic and with a bound of its own.

/// A lane that carries frames between the two Replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Entries of the ledger, frontiers, receipts.
    Ledger,
    /// Registers of use.
    Uses,
    /// Sealed rows: between admin nodes, and messages for a kiosk's screen.
    Rows,
}

impl Lane {
    /// All frame lanes, in the order in which they are opened.
    pub const ALL: [Self; 3] = [Self::Ledger, Self::Uses, Self::Rows];

    /// The longest frame, in bytes; longer ones close the link.
    pub fn max_frame(self) -> usize {
        match self {
            Self::Ledger | Self::Rows => 256 * 1024,
            Self::Uses => 64 * 1024,
        }
    }

    /// How many bytes may wait to be sent on one link.
    pub fn max_waiting_bytes(self) -> usize {
        match self {
            Self::Ledger => 4 * 1024 * 1024,
            Self::Uses => 512 * 1024,
            Self::Rows => 2 * 1024 * 1024,
        }
    }

    /// How many received frames may wait to be handled, over all links.
    pub(crate) fn max_intake(self) -> usize {
        match self {
            Self::Ledger | Self::Uses => 96,
            Self::Rows => 48,
        }
    }

    pub(crate) fn tag(self) -> StreamTag {
        match self {
            Self::Ledger => StreamTag::Ledger,
            Self::Uses => StreamTag::Uses,
            Self::Rows => StreamTag::Rows,
        }
    }

    /// Its place among the lanes of a link.
    pub fn index(self) -> usize {
        match self {
            Self::Ledger => 0,
            Self::Uses => 1,
            Self::Rows => 2,
        }
    }
}

/// The first byte of every stream that the dialler opens: whose stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamTag {
    Control,
    Ledger,
    Uses,
    Rows,
    Cluster,
}

impl StreamTag {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Control => b'C',
            Self::Ledger => b'L',
            Self::Uses => b'U',
            Self::Rows => b'R',
            Self::Cluster => b'A',
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Control, Self::Ledger, Self::Uses, Self::Rows, Self::Cluster]
            .into_iter()
            .find(|tag| tag.byte() == byte)
    }
}
