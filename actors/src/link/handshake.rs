//! From a proven connection to a link: hello for hello, judgement, then the lanes.
//!
//! The dialler speaks first. Whoever answers says nothing before it has judged the dialler, so a
//! stranger that dials gets no byte of the site's, only a named reason.

use std::future::Future;

use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::close::{CloseReason, LinkEnd};
use super::endpoint::{HANDSHAKE, Proven};
use super::frame;
use super::hello::{Hello, MAX_HELLO, VERSIONS};
use super::lane::{Lane, StreamTag};

/// What this node says in its hellos.
#[derive(Debug, Clone)]
pub struct Introduction {
    /// The site; a peer of another one is not judged at all.
    pub site: [u8; 32],
    /// Random at each start of the process.
    pub instance: [u8; 8],
    /// Protocol versions spoken, lowest and highest: [`VERSIONS`].
    pub versions: (u16, u16),
    /// The greeting as it is now, made by the Replica.
    pub greeting: watch::Receiver<Vec<u8>>,
}

impl Introduction {
    /// The introduction of this release, with a fresh instance.
    pub fn new(site: [u8; 32], greeting: watch::Receiver<Vec<u8>>) -> Self {
        Self { site, instance: rand::random(), versions: VERSIONS, greeting }
    }

    fn hello(&self) -> Hello {
        Hello {
            versions: self.versions,
            site: self.site,
            instance: self.instance,
            greeting: self.greeting.borrow().clone(),
        }
    }
}

/// What kind of node a peer is, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PeerKind {
    /// It serves the console and holds the vault.
    Admin,
    /// It is a computer lent to the public.
    Kiosk,
    /// Not known (yet); counts as a kiosk wherever links are counted.
    #[default]
    Unknown,
}

/// Somebody of this site who has proven a key and greeted, and waits to be judged.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// The key that it has proven.
    pub node: [u8; 32],
    /// Whether this node dialled it.
    pub dialled: bool,
    /// The run of its process.
    pub instance: [u8; 8],
    /// The protocol version that both will speak.
    pub version: u16,
    /// Its greeting: hostile bytes.
    pub greeting: Vec<u8>,
    pub(crate) connection: Connection,
}

/// Who judges strangers.
pub trait Judge: Send + Sync {
    /// Admits the stranger as a node of some kind, or names the reason to close.
    fn judge(
        &self,
        stranger: &Stranger,
    ) -> impl Future<Output = Result<PeerKind, CloseReason>> + Send;
}

/// A judged peer with all its lanes open; not yet running (see [`super::session`]).
#[derive(Debug)]
pub struct Link {
    pub(crate) peer: [u8; 32],
    pub(crate) version: u16,
    pub(crate) dialled: bool,
    pub(crate) connection: Connection,
    pub(crate) control: Stream,
    pub(crate) lanes: [(Lane, Stream); 3],
    pub(crate) cluster: Stream,
    pub(crate) _place: OwnedSemaphorePermit,
}

pub(crate) type Stream = (SendStream, RecvStream);

impl Link {
    /// Makes a link of a proven connection, within [`HANDSHAKE`].
    ///
    /// When it fails, the connection has been closed with the reason that is returned.
    pub async fn establish(
        proven: Proven,
        introduction: &Introduction,
        judge: &impl Judge,
    ) -> Result<Self, LinkEnd> {
        let connection = proven.connection.clone();
        let attempt = async {
            if proven.dialled {
                dialled(proven, introduction, judge).await
            } else {
                answered(proven, introduction, judge).await
            }
        };
        let outcome = tokio::time::timeout(HANDSHAKE, attempt).await.unwrap_or(Err(LinkEnd::Lost));
        outcome.map_err(|end| concluded(&connection, end))
    }

    /// The node at the other end.
    pub fn peer(&self) -> [u8; 32] {
        self.peer
    }
}

/// Closes `connection` as `end` says, and tells how it really ended: a reason that the peer gave
/// while this side was still reading or writing is worth more than the failure it caused here.
pub(crate) fn concluded(connection: &Connection, end: LinkEnd) -> LinkEnd {
    if let Some(error) = connection.close_reason()
        && let theirs @ LinkEnd::Theirs(_) = LinkEnd::from(&error)
    {
        return theirs;
    }
    match end {
        LinkEnd::Ours(reason) => reason.close(connection),
        LinkEnd::Theirs(_) | LinkEnd::Lost | LinkEnd::Crashed => {
            CloseReason::Shutdown.close(connection);
        }
    }
    end
}

async fn dialled(
    proven: Proven,
    introduction: &Introduction,
    judge: &impl Judge,
) -> Result<Link, LinkEnd> {
    let mut control = open(&proven.connection, StreamTag::Control).await?;
    frame::write(&mut control.0, &introduction.hello().encode()).await?;
    let version = meet(&proven, &mut control.1, introduction, judge).await;
    // Before the streams go: a peer that sees one end first takes it for a broken protocol.
    let version = version.map_err(|end| concluded(&proven.connection, end))?;
    proven.widen();
    let mut lanes = Vec::with_capacity(Lane::ALL.len());
    for lane in Lane::ALL {
        lanes.push((lane, open(&proven.connection, lane.tag()).await?));
    }
    let cluster = open(&proven.connection, StreamTag::Cluster).await?;
    let lanes = lanes.try_into().map_err(|_| LinkEnd::Ours(CloseReason::Malformed))?;
    Ok(link(proven, version, control, lanes, cluster))
}

async fn answered(
    proven: Proven,
    introduction: &Introduction,
    judge: &impl Judge,
) -> Result<Link, LinkEnd> {
    let (tag, mut control) = next_stream(&proven.connection).await?;
    if tag != StreamTag::Control {
        return Err(LinkEnd::Ours(CloseReason::Malformed));
    }
    let version = meet(&proven, &mut control.1, introduction, judge).await;
    // Before the streams go: a peer that sees one end first takes it for a broken protocol.
    let version = version.map_err(|end| concluded(&proven.connection, end))?;
    proven.widen();
    frame::write(&mut control.0, &introduction.hello().encode()).await?;
    let mut lanes = Vec::with_capacity(Lane::ALL.len());
    for lane in Lane::ALL {
        let (tag, stream) = next_stream(&proven.connection).await?;
        if tag != lane.tag() {
            return Err(LinkEnd::Ours(CloseReason::Malformed));
        }
        lanes.push((lane, stream));
    }
    let (tag, cluster) = next_stream(&proven.connection).await?;
    if tag != StreamTag::Cluster {
        return Err(LinkEnd::Ours(CloseReason::Malformed));
    }
    let lanes = lanes.try_into().map_err(|_| LinkEnd::Ours(CloseReason::Malformed))?;
    Ok(link(proven, version, control, lanes, cluster))
}

fn link(
    proven: Proven,
    version: u16,
    control: Stream,
    lanes: [(Lane, Stream); 3],
    cluster: Stream,
) -> Link {
    Link {
        peer: proven.peer,
        version,
        dialled: proven.dialled,
        connection: proven.connection,
        control,
        lanes,
        cluster,
        _place: proven.place,
    }
}

/// Reads the peer's hello and has it judged; the version that both will speak.
async fn meet(
    proven: &Proven,
    control: &mut RecvStream,
    introduction: &Introduction,
    judge: &impl Judge,
) -> Result<u16, LinkEnd> {
    let bytes = frame::read(control, MAX_HELLO).await?;
    let (hello, version) = Hello::decode(&bytes, introduction.versions).map_err(LinkEnd::Ours)?;
    if hello.site != introduction.site {
        return Err(LinkEnd::Ours(CloseReason::OtherSite));
    }
    let stranger = Stranger {
        node: proven.peer,
        dialled: proven.dialled,
        instance: hello.instance,
        version,
        greeting: hello.greeting,
        connection: proven.connection.clone(),
    };
    judge.judge(&stranger).await.map_err(LinkEnd::Ours)?;
    Ok(version)
}

/// Opens a stream and says whose it is.
pub(crate) async fn open(connection: &Connection, tag: StreamTag) -> Result<Stream, LinkEnd> {
    let (mut send, recv) = connection.open_bi().await.map_err(|error| LinkEnd::from(&error))?;
    frame::write_all(&mut send, &[tag.byte()]).await?;
    Ok((send, recv))
}

/// The next stream that the dialler opened, with its tag.
pub(crate) async fn next_stream(connection: &Connection) -> Result<(StreamTag, Stream), LinkEnd> {
    let (send, mut recv) = connection.accept_bi().await.map_err(|error| LinkEnd::from(&error))?;
    let mut tag = [0];
    frame::read_exact(&mut recv, &mut tag).await?;
    let [byte] = tag;
    let tag = StreamTag::from_byte(byte).ok_or(LinkEnd::Ours(CloseReason::Malformed))?;
    Ok((tag, (send, recv)))
}
