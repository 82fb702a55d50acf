//! The joining machine's side of a pairing.

use std::net::SocketAddr;

use domain::fact::{AdminAdmitted, Fact};
use domain::id::{KioskId, NodeId, SiteId};
use ed25519_dalek::SigningKey;
use quinn::{Connection, ConnectionError};
use quinn_proto::TransportErrorCode;
use tokio::time::timeout;

use super::answer::{hear, say};
use super::digits::{Digits, Said};
use super::words::{LONGEST, Reason, Request, Word, commitment};
use super::{MESSAGE, WAIT};
use crate::link::LinkError;
use crate::link::close::{CloseReason, LinkEnd};
use crate::link::endpoint::{self, HANDSHAKE};
use crate::link::{frame, tls};

/// TLS's alert for a protocol that the other end does not speak (RFC 7301).
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// What the screen shows while an operator is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// The site that would be joined.
    pub site: SiteId,
    /// The admin node that answered.
    pub admin: NodeId,
    /// To be compared.
    pub digits: Digits,
}

/// A place in a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paired {
    /// The site.
    pub site: SiteId,
    /// The site key's word for the admin node that paired.
    pub admission: AdminAdmitted,
    /// The kiosk to be.
    pub kiosk: KioskId,
}

/// Why there was no pairing.
#[derive(Debug, thiserror::Error)]
pub enum Unpaired {
    /// No port, or no TLS, on this side.
    #[error(transparent)]
    Here(#[from] LinkError),
    /// Nobody answers at the address.
    #[error("nobody answers")]
    Unreachable,
    /// Whoever answers pairs nobody: a kiosk, or another release.
    #[error("this node pairs nobody")]
    NotThere,
    /// What it says is not what an admin node says.
    #[error("not an admin node's answer")]
    Odd,
    /// It ended the pairing.
    #[error("ended: {0:?}")]
    Ended(Reason),
    /// It fell silent.
    #[error("connection lost")]
    Lost,
}

impl From<LinkEnd> for Unpaired {
    fn from(end: LinkEnd) -> Self {
        match end {
            LinkEnd::Ours(_) | LinkEnd::Theirs(CloseReason::Malformed) => Self::Odd,
            LinkEnd::Theirs(_) | LinkEnd::Lost | LinkEnd::Crashed => Self::Lost,
        }
    }
}

/// Asks the admin node at `address` to pair, from the local address `from`; `show` is told the
/// digits when there are any. Returns once an operator has decided. Nothing is kept of it here.
///
/// # Errors
/// See [`Unpaired`].
pub async fn ask(
    key: &SigningKey,
    from: SocketAddr,
    address: SocketAddr,
    request: Request,
    show: impl FnOnce(&Offered) + Send,
) -> Result<Paired, Unpaired> {
    let port = endpoint::for_pairing(key, from)?;
    let outcome = match dial(&port, address).await {
        Ok(connection) => {
            let joining = NodeId(key.verifying_key().to_bytes());
            let outcome = converse(&connection, joining, request, show).await;
            match &outcome {
                Err(Unpaired::Odd) => CloseReason::Malformed.close(&connection),
                Ok(_) | Err(_) => CloseReason::Shutdown.close(&connection),
            }
            outcome
        }
        Err(why) => Err(why),
    };
    if timeout(MESSAGE, port.wait_idle()).await.is_err() {
        tracing::debug!("the other end did not take leave");
    }
    outcome
}

async fn dial(port: &quinn::Endpoint, address: SocketAddr) -> Result<Connection, Unpaired> {
    let connecting = port.connect(address, tls::SERVER_NAME).map_err(|_| Unpaired::Unreachable)?;
    match timeout(HANDSHAKE, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if is_another_protocol(&error) => Err(Unpaired::NotThere),
        Ok(Err(ConnectionError::TransportError(_))) => Err(Unpaired::Odd),
        Ok(Err(_)) | Err(_) => Err(Unpaired::Unreachable),
    }
}

fn is_another_protocol(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::ConnectionClosed(close)
        if close.error_code == TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL))
}

async fn converse(
    connection: &Connection,
    joining: NodeId,
    request: Request,
    show: impl FnOnce(&Offered) + Send,
) -> Result<Paired, Unpaired> {
    let admin = NodeId(tls::peer_node(connection).ok_or(Unpaired::Odd)?);
    let opened = timeout(MESSAGE, connection.open_bi()).await;
    let (mut send, mut recv) =
        opened.map_err(|_| Unpaired::Lost)?.map_err(|error| LinkEnd::from(&error))?;
    let nonce = rand::random();
    say(&mut send, Word::Commit(commitment(&nonce, &request))).await?;
    let (admin_nonce, site, admission) = match hear(&mut recv).await? {
        Word::Offer { nonce, site, admission } => (nonce, site, admission),
        Word::Ended(reason) => return Err(Unpaired::Ended(reason)),
        Word::Commit(_) | Word::Reveal { .. } | Word::Paired(_) => return Err(Unpaired::Odd),
    };
    let admission = AdminAdmitted { node: admin, signature: admission };
    if admin == joining || !Fact::from(admission.clone()).certificate_holds(&site) {
        return Err(Unpaired::Odd);
    }
    say(&mut send, Word::Reveal { nonce, request }).await?;
    let digits = Digits::of(Said {
        site,
        joining,
        admin,
        joining_nonce: &nonce,
        admin_nonce: &admin_nonce,
        request: &request,
    });
    show(&Offered { site, admin, digits });
    let last = timeout(WAIT + MESSAGE, frame::read(&mut recv, LONGEST)).await;
    let last = last.map_err(|_| Unpaired::Ended(Reason::Expired))??;
    match Word::read(&last)? {
        Word::Paired(kiosk) => Ok(Paired { site, admission, kiosk }),
        Word::Ended(reason) => Err(Unpaired::Ended(reason)),
        Word::Commit(_) | Word::Offer { .. } | Word::Reveal { .. } => Err(Unpaired::Odd),
    }
}
