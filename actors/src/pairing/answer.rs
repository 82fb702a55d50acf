//! The admin node's side of a pairing.

use domain::id::NodeId;
use quinn::{RecvStream, SendStream};
use tokio::time::timeout;

use super::digits::{Digits, Said};
use super::waiting::{Pairings, Verdict};
use super::words::{LONGEST, Reason, Word, commitment};
use super::{MESSAGE, WAIT};
use crate::link::close::{CloseReason, LinkEnd};
use crate::link::endpoint::Proven;
use crate::link::frame;
use crate::link::handshake::concluded;

impl Pairings {
    /// Talks with whoever wants to pair until it has heard what an operator decided.
    pub(crate) async fn answer(&self, proven: Proven) {
        let (node, connection) = (NodeId(proven.peer), proven.connection.clone());
        match self.converse(proven).await {
            Ok(verdict) => {
                tracing::info!(%node, ?verdict, "a pairing ended");
                // Whoever has heard leaves first: closing now might overtake the last word.
                if timeout(MESSAGE, connection.closed()).await.is_err() {
                    CloseReason::Shutdown.close(&connection);
                }
            }
            Err(end) => {
                let end = concluded(&connection, end);
                tracing::info!(%node, %end, "a pairing broke off");
            }
        }
    }

    async fn converse(&self, proven: Proven) -> Result<Verdict, LinkEnd> {
        let Proven { connection, peer, place: _place, _handshake: handshake, .. } = proven;
        let node = NodeId(peer);
        let opened = timeout(MESSAGE, connection.accept_bi()).await;
        let (mut send, mut recv) =
            opened.map_err(|_| LinkEnd::Lost)?.map_err(|error| LinkEnd::from(&error))?;
        let Word::Commit(committed) = hear(&mut recv).await? else {
            return Err(LinkEnd::Ours(CloseReason::Malformed));
        };
        let Some(_seat) = self.sit() else {
            say_last(&mut send, Word::Ended(Reason::Busy)).await?;
            return Ok(Err(Reason::Busy));
        };
        let admin_nonce = rand::random();
        let offer = Word::Offer { nonce: admin_nonce, site: self.site, admission: self.admission };
        say(&mut send, offer).await?;
        let Word::Reveal { nonce, request } = hear(&mut recv).await? else {
            return Err(LinkEnd::Ours(CloseReason::Malformed));
        };
        if commitment(&nonce, &request) != committed {
            return Err(LinkEnd::Ours(CloseReason::Malformed));
        }
        drop(handshake);
        let digits = Digits::of(Said {
            site: self.site,
            joining: node,
            admin: self.node,
            joining_nonce: &nonce,
            admin_nonce: &admin_nonce,
            request: &request,
        });
        let decided = self.show(node, digits, request);
        tracing::info!(%node, "a machine waits to be paired");
        let verdict = tokio::select! {
            decided = timeout(WAIT, decided) => match decided {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(_)) => Err(Reason::Refused),
                Err(_) => Err(Reason::Expired),
            },
            end = breach(&mut recv) => return Err(end),
        };
        let last = match verdict {
            Ok(kiosk) => Word::Paired(kiosk),
            Err(reason) => Word::Ended(reason),
        };
        say_last(&mut send, last).await?;
        Ok(verdict)
    }
}

/// Waits until the machine leaves or says what it has no business to say.
async fn breach(recv: &mut RecvStream) -> LinkEnd {
    match frame::read_exact(recv, &mut [0]).await {
        Ok(()) => LinkEnd::Ours(CloseReason::Malformed),
        Err(end) => end,
    }
}

/// The next word, in time.
pub(super) async fn hear(recv: &mut RecvStream) -> Result<Word, LinkEnd> {
    let bytes = timeout(MESSAGE, frame::read(recv, LONGEST)).await;
    Word::read(&bytes.map_err(|_| LinkEnd::Lost)??)
}

/// Says a word, in time.
pub(super) async fn say(send: &mut SendStream, word: Word) -> Result<(), LinkEnd> {
    let said = timeout(MESSAGE, frame::write(send, &word.write())).await;
    said.map_err(|_| LinkEnd::Lost)?
}

async fn say_last(send: &mut SendStream, word: Word) -> Result<(), LinkEnd> {
    say(send, word).await?;
    // Finishing a stream that the other end has closed already changes nothing.
    if send.finish().is_err() {
        tracing::debug!("a machine left before the last word");
    }
    Ok(())
}
