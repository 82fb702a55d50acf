//! Issuing access codes, one or a sheet of them.

use domain::fact::Place;
use domain::id::{KioskId, RequestId, RoomId};

use super::act::{About, deliveries, out_of_bounds, readable};
use super::{Body, HOST};
use crate::denied::{Denied, Failure};
use crate::desk::{ConsoleDesk, IssueOrder};
use crate::request::{Asked, parse};
use crate::shapes::code::{IssueBatchInput, IssueBatchReply, IssueInput, IssueReply, IssuedCode};
use crate::shapes::hex::HexId;
use crate::web::{Caller, Web};

/// Most codes of one batch: a print sheet.
const LARGEST_BATCH: u16 = 200;
/// Longest label of a code, in characters.
const LONGEST_LABEL: usize = 80;

pub(super) async fn issue<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<IssueReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let IssueInput { request, seconds, valid_s, kiosk, room, label } = parse(body)?;
    let batch = IssueBatchInput { request, count: 1, seconds, valid_s, kiosk, room, label };
    let mut reply = issue_codes(web, &caller, batch).await?;
    match (reply.issued.pop(), reply.issued.is_empty()) {
        (Some(issued), true) => {
            Ok(IssueReply { stamp: reply.stamp, request, issued, deliveries: reply.deliveries })
        }
        (Some(_), false) | (None, _) => Err(Denied::Broken.of(request)),
    }
}

pub(super) async fn issue_batch<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<IssueBatchReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    issue_codes(web, &caller, parse(body)?).await
}

async fn issue_codes<D: ConsoleDesk>(
    web: &Web<D>,
    caller: &Caller,
    input: IssueBatchInput,
) -> Result<IssueBatchReply, Failure> {
    let IssueBatchInput { request, count, seconds, valid_s, kiosk, room, label } = input;
    let place = match (kiosk, room) {
        (None, None) => Place::Anywhere,
        (Some(kiosk), None) => Place::Kiosk(KioskId(kiosk.0)),
        (None, Some(room)) => Place::Room(RoomId(room.0)),
        (Some(_), Some(_)) => {
            return Err(Denied::Malformed("kiosk or room, not both".to_owned()).of(request));
        }
    };
    let seconds = u32::try_from(seconds).map_err(|_| out_of_bounds(request))?;
    let valid_ms = match valid_s {
        None => None,
        Some(valid_s) => Some(valid_s.checked_mul(1000).ok_or_else(|| out_of_bounds(request))?),
    };
    let sound = (1..=LARGEST_BATCH).contains(&count)
        && label.as_ref().is_none_or(|label| readable(label, LONGEST_LABEL));
    if !sound {
        return Err(out_of_bounds(request));
    }
    let order = IssueOrder { count, seconds, valid_ms, place, label };
    let issued = web
        .desk
        .issue(caller.by(), RequestId(request.0), order)
        .await
        .map_err(|not_done| Denied::from(not_done).of(request))?;
    let about = match issued.codes.as_slice() {
        [(session, _)] => {
            About { session: Some(HexId(session.0)), kiosk, ..About::of("issue_code") }
        }
        _ => About { kiosk, ..About::of("issue_codes") },
    };
    Ok(IssueBatchReply {
        stamp: web.stamp(),
        request,
        deliveries: deliveries(web, request, about, &issued.accepted),
        issued: issued
            .codes
            .into_iter()
            .map(|(session, code)| IssuedCode { session: HexId(session.0), code })
            .collect(),
    })
}
