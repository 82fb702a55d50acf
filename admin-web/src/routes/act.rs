//! Commands. The domain judges them; here they are only read and passed on.

use domain::command::Command;
use domain::fact::Place;
use domain::id::{KioskId, RequestId, RoomId, SessionId};
use domain::refusal::Refusal;

use super::{ADMIN, Body, HOST};
use crate::denied::{Denied, Failure};
use crate::desk::{Accepted, ConsoleDesk, IssueOrder};
use crate::request::{Asked, parse};
use crate::shapes::code::{IssueBatchInput, IssueBatchReply, IssueInput, IssueReply, IssuedCode};
use crate::shapes::command::{
    CloseInput, CommandReply, ExtendInput, KioskNameInput, KioskServiceInput, MessageInput,
    PlainInput, RoomInput,
};
use crate::shapes::delivery::{DeliveryView, Stage};
use crate::shapes::hex::HexId;
use crate::web::{Caller, Web};

/// Most codes of one batch: a print sheet.
const LARGEST_BATCH: u16 = 200;
/// Longest label of a code, in characters.
const LONGEST_LABEL: usize = 80;
/// Longest message to a kiosk, in characters.
const LONGEST_MESSAGE: usize = 500;

/// What a command concerns, for its delivery.
#[derive(Clone, Copy)]
struct About {
    command: &'static str,
    session: Option<HexId>,
    kiosk: Option<HexId>,
}

fn about_session(command: &'static str, session: HexId) -> About {
    About {
        command,
        session: Some(session),
        kiosk: None,
    }
}

fn about_kiosk(command: &'static str, kiosk: HexId) -> About {
    About {
        command,
        session: None,
        kiosk: Some(kiosk),
    }
}

fn deliveries(request: HexId, about: About, accepted: &Accepted) -> Vec<DeliveryView> {
    accepted
        .entries
        .iter()
        .map(|entry| DeliveryView {
            request,
            entry: entry.to_string(),
            command: about.command.to_owned(),
            session: about.session,
            kiosk: about.kiosk,
            at_ms: accepted.at_ms,
            stage: Stage::Accepted,
        })
        .collect()
}

async fn submit<D: ConsoleDesk>(
    web: &Web<D>,
    caller: &Caller,
    request: HexId,
    about: About,
    command: Command,
) -> Result<CommandReply, Failure> {
    let accepted = web
        .desk
        .submit(caller.by(), RequestId(request.0), command)
        .await
        .map_err(|not_done| Denied::from(not_done).of(request))?;
    let deliveries = deliveries(request, about, &accepted);
    Ok(CommandReply {
        stamp: web.stamp(),
        request,
        deliveries,
    })
}

fn out_of_bounds(request: HexId) -> Failure {
    Denied::Refused(Refusal::OutOfBounds).of(request)
}

/// A text that a person reads: some, not too much, nothing that steers a terminal or a screen.
fn readable(text: &str, longest: usize) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= longest
        && text.chars().all(|c| c == '\n' || !c.is_control())
}

pub(super) async fn extend<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let ExtendInput { request, seconds } = parse(body)?;
    let seconds = i32::try_from(seconds).map_err(|_| out_of_bounds(request))?;
    let command = Command::Extend {
        session: SessionId(session.0),
        seconds,
    };
    submit(
        web,
        &caller,
        request,
        about_session("extend", session),
        command,
    )
    .await
}

pub(super) async fn pause<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Pause {
        session: SessionId(session.0),
    };
    submit(
        web,
        &caller,
        request,
        about_session("pause", session),
        command,
    )
    .await
}

pub(super) async fn resume<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Resume {
        session: SessionId(session.0),
    };
    submit(
        web,
        &caller,
        request,
        about_session("resume", session),
        command,
    )
    .await
}

pub(super) async fn close<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let CloseInput { request, keep_rest } = parse(body)?;
    let command = Command::Close {
        session: SessionId(session.0),
        keep_rest,
        note: None,
    };
    submit(
        web,
        &caller,
        request,
        about_session("close", session),
        command,
    )
    .await
}

pub(super) async fn withdraw<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Withdraw {
        session: SessionId(session.0),
    };
    submit(
        web,
        &caller,
        request,
        about_session("withdraw", session),
        command,
    )
    .await
}

pub(super) async fn name_kiosk<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    kiosk: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let KioskNameInput {
        request,
        name,
        room,
    } = parse(body)?;
    let command = Command::NameKiosk {
        kiosk: KioskId(kiosk.0),
        name,
        room: RoomId(room.0),
    };
    submit(
        web,
        &caller,
        request,
        about_kiosk("name_kiosk", kiosk),
        command,
    )
    .await
}

pub(super) async fn kiosk_service<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    kiosk: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let KioskServiceInput {
        request,
        in_service,
    } = parse(body)?;
    let command = Command::DescribeKiosk {
        kiosk: KioskId(kiosk.0),
        in_service,
        note: None,
    };
    submit(
        web,
        &caller,
        request,
        about_kiosk("describe_kiosk", kiosk),
        command,
    )
    .await
}

pub(super) async fn name_room<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    room: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let RoomInput {
        request,
        name,
        order,
    } = parse(body)?;
    let command = Command::NameRoom {
        room: RoomId(room.0),
        name,
        order,
    };
    let about = About {
        command: "name_room",
        session: None,
        kiosk: None,
    };
    submit(web, &caller, request, about, command).await
}

pub(super) async fn message<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    kiosk: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let MessageInput { request, text } = parse(body)?;
    if !readable(&text, LONGEST_MESSAGE) {
        return Err(out_of_bounds(request));
    }
    let accepted = web
        .desk
        .message(caller.by(), RequestId(request.0), KioskId(kiosk.0), text)
        .await
        .map_err(|not_done| Denied::from(not_done).of(request))?;
    let deliveries = deliveries(request, about_kiosk("message", kiosk), &accepted);
    Ok(CommandReply {
        stamp: web.stamp(),
        request,
        deliveries,
    })
}

pub(super) async fn issue<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<IssueReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let IssueInput {
        request,
        seconds,
        valid_s,
        kiosk,
        room,
        label,
    } = parse(body)?;
    let batch = IssueBatchInput {
        request,
        count: 1,
        seconds,
        valid_s,
        kiosk,
        room,
        label,
    };
    let mut reply = issue_codes(web, &caller, batch).await?;
    match (reply.issued.pop(), reply.issued.is_empty()) {
        (Some(issued), true) => Ok(IssueReply {
            stamp: reply.stamp,
            request,
            issued,
            deliveries: reply.deliveries,
        }),
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
    let IssueBatchInput {
        request,
        count,
        seconds,
        valid_s,
        kiosk,
        room,
        label,
    } = input;
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
        Some(valid_s) => Some(
            valid_s
                .checked_mul(1000)
                .ok_or_else(|| out_of_bounds(request))?,
        ),
    };
    let sound = (1..=LARGEST_BATCH).contains(&count)
        && label
            .as_ref()
            .is_none_or(|label| readable(label, LONGEST_LABEL));
    if !sound {
        return Err(out_of_bounds(request));
    }
    let order = IssueOrder {
        count,
        seconds,
        valid_ms,
        place,
        label,
    };
    let issued = web
        .desk
        .issue(caller.by(), RequestId(request.0), order)
        .await
        .map_err(|not_done| Denied::from(not_done).of(request))?;
    let session = match issued.codes.as_slice() {
        [(session, _)] => Some(HexId(session.0)),
        _ => None,
    };
    let about = About {
        command: "issue",
        session,
        kiosk,
    };
    Ok(IssueBatchReply {
        stamp: web.stamp(),
        request,
        deliveries: deliveries(request, about, &issued.accepted),
        issued: issued
            .codes
            .into_iter()
            .map(|(session, code)| IssuedCode {
                session: HexId(session.0),
                code,
            })
            .collect(),
    })
}
