//! Machines that wait to be paired, and an administrator's decision.

use actors::pairing::digits::Digits;
use domain::id::{KioskId, NodeId, RequestId};

use super::act::{About, deliveries};
use super::{ADMIN, Body};
use crate::denied::{Denied, Failure};
use crate::desk::ConsoleDesk;
use crate::request::{Asked, parse};
use crate::shapes::command::CommandReply;
use crate::shapes::hex::{HexId, HexKey};
use crate::shapes::pairing::{PairingConfirmInput, PairingRefuseInput, PairingView, PairingsReply};
use crate::web::Web;

pub(super) async fn list<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
) -> Result<PairingsReply, Failure> {
    web.caller(asked, ADMIN, true).await?;
    Ok(waiting(web))
}

pub(super) async fn confirm<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    node: HexKey,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let PairingConfirmInput { request, digits, kiosk } = parse(body)?;
    let digits = six(&digits)?;
    let kiosk = kiosk.map(|kiosk| KioskId(kiosk.0));
    let accepted = web
        .desk
        .confirm_pairing(caller.by(), RequestId(request.0), NodeId(node.0), digits, kiosk)
        .await
        .map_err(|not_done| Denied::from(not_done).of(request))?;
    let deliveries = deliveries(web, request, About::of("pair_node"), &accepted);
    Ok(CommandReply { stamp: web.stamp(), request, deliveries })
}

pub(super) async fn refuse<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    node: HexKey,
    body: Body,
) -> Result<PairingsReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let PairingRefuseInput { digits } = parse(body)?;
    web.desk.refuse_pairing(caller.by(), NodeId(node.0), six(&digits)?).map_err(Denied::from)?;
    Ok(waiting(web))
}

fn six(text: &str) -> Result<Digits, Denied> {
    let digits = text.parse();
    digits.map_err(|_| Denied::Malformed("digits are six digits".to_owned()))
}

fn waiting<D: ConsoleDesk>(web: &Web<D>) -> PairingsReply {
    let waiting = web.desk.pairings().into_iter();
    PairingsReply {
        stamp: web.stamp(),
        pairings: waiting
            .map(|one| PairingView {
                node: HexKey(one.node.0),
                digits: one.digits.to_string(),
                kiosk: HexId(one.request.kiosk.0),
                release: one.request.release.map(|part| part.to_string()).join("."),
                since_ms: one.since_ms,
            })
            .collect(),
    }
}
