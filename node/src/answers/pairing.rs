//! Machines that wait to be paired, as the command line decides of them.

use actors::pairing::digits::Digits;
use actors::pairing::waiting::Waiting;
use domain::command::Command;
use domain::floor::Floor;
use domain::id::{KioskId, NodeId, RequestId, RoomId};
use domain::refusal::Refusal;

use super::{Answers, No, kiosk, room};
use crate::control::Answer;
use crate::control::view::PairingView;
use crate::kiosk_side::own_name;
use crate::seed::random_bytes;
use crate::texts::Say;

/// Which kiosk a machine becomes.
struct Place {
    kiosk: KioskId,
    /// Its name and room, where it has none yet.
    naming: Option<(String, RoomId)>,
}

impl Answers {
    /// Who waits.
    pub(super) fn pairings(&self) -> Answer {
        let waiting = self.desk.pairings().into_iter();
        let views = waiting.map(|one| PairingView {
            node: one.node,
            digits: one.digits.to_string(),
            kiosk: one.request.kiosk,
            since_ms: one.since_ms,
        });
        Answer::Pairings(views.collect())
    }

    /// Confirms one, by its digits or its node.
    pub(super) async fn pair(
        &self,
        which: &str,
        kiosk: Option<&str>,
        room: Option<&str>,
    ) -> Result<Answer, No> {
        let by = self.by()?;
        let one = self.which(which)?;
        let place = place(&self.floor().await?, &one, kiosk, room)?;
        let request = RequestId(random_bytes()?);
        self.desk.confirm_pairing(by, request, one.node, one.digits, Some(place.kiosk)).await?;
        match place.naming {
            Some((name, room)) => {
                let kiosk = place.kiosk;
                self.submit(Command::NameKiosk { kiosk, name, room }).await
            }
            None => Ok(Answer::Done),
        }
    }

    /// Turns one away.
    pub(super) fn refuse(&self, which: &str) -> Result<Answer, No> {
        let by = self.by()?;
        let one = self.which(which)?;
        self.desk.refuse_pairing(by, one.node, one.digits)?;
        Ok(Answer::Done)
    }

    fn which(&self, named: &str) -> Result<Waiting, Say> {
        let digits: Option<Digits> = named.parse().ok();
        let node: Option<NodeId> = named.parse().ok();
        let waiting = self.desk.pairings().into_iter();
        let mut found = waiting.filter(|one| Some(one.digits) == digits || Some(one.node) == node);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            // Two machines with the same digits: one of them is not what it seems.
            _ => Err(Say::NobodyWaits { which: named.chars().take(64).collect() }),
        }
    }
}

fn place(
    floor: &Floor,
    one: &Waiting,
    named: Option<&str>,
    in_room: Option<&str>,
) -> Result<Place, No> {
    let own = one.request.kiosk;
    let is_known = floor.tiles.iter().any(|tile| tile.kiosk == own);
    let in_room = match in_room {
        Some(named) => Some(room(floor, named).ok_or(Refusal::UnknownRoom)?),
        None => None,
    };
    let Some(named) = named else {
        // The place follows the machine.
        let naming = in_room.filter(|_| !is_known);
        return Ok(Place {
            kiosk: own,
            naming: naming.map(|room| (own_name("", Some(own)), room)),
        });
    };
    if let Some(kiosk) = kiosk(floor, named) {
        return Ok(Place { kiosk, naming: None });
    }
    let room = in_room.ok_or(Refusal::UnknownKiosk)?;
    let kiosk = match is_known {
        // Its own place has a name already, and keeps it.
        true => KioskId(random_bytes()?),
        false => own,
    };
    Ok(Place { kiosk, naming: Some((named.to_owned(), room)) })
}
