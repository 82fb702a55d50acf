//! Commands. The domain judges them; here they are only read and passed on.

use std::sync::Arc;

use domain::command::Command;
use domain::id::{KioskId, RequestId, RoomId, SessionId};
use domain::refusal::Refusal;

use super::{ADMIN, Body, HOST};
use crate::denied::{Denied, Failure};
use crate::desk::{Accepted, ConsoleDesk};
use crate::request::{Asked, parse};
use crate::shapes::command::{
    CloseInput, CommandReply, ExtendInput, KioskNameInput, KioskServiceInput, MessageInput,
    PlainInput, RoomInput,
};
use crate::shapes::delivery::{DeliveryView, Stage};
use crate::shapes::hex::HexId;
use crate::web::{Caller, Web};

/// Longest message to a kiosk, in characters.
const LONGEST_MESSAGE: usize = 500;

/// What a command concerns, for its delivery.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) command: &'static str,
    pub(super) session: Option<HexId>,
    pub(super) kiosk: Option<HexId>,
    pub(super) seconds: Option<i32>,
}

impl About {
    pub(super) fn of(command: &'static str) -> Self {
        About { command, session: None, kiosk: None, seconds: None }
    }
}

fn about_session(command: &'static str, session: HexId) -> About {
    About { session: Some(session), ..About::of(command) }
}

fn about_kiosk(command: &'static str, kiosk: HexId) -> About {
    About { kiosk: Some(kiosk), ..About::of(command) }
}

/// Where an accepted command is. The same request made again writes nothing: then it is where the
/// first one is, as far as that is remembered.
pub(super) fn deliveries<D: ConsoleDesk>(
    web: &Web<D>,
    request: HexId,
    about: About,
    accepted: &Accepted,
) -> Vec<DeliveryView> {
    if accepted.entries.is_empty() {
        let view = Arc::clone(&web.desk.view().borrow());
        let same = view.deliveries.iter().filter(|delivery| delivery.request == request);
        return same.cloned().collect();
    }
    accepted
        .entries
        .iter()
        .map(|entry| DeliveryView {
            request,
            entry: entry.to_string(),
            command: about.command.to_owned(),
            session: about.session,
            kiosk: about.kiosk,
            seconds: about.seconds,
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
    let deliveries = deliveries(web, request, about, &accepted);
    Ok(CommandReply { stamp: web.stamp(), request, deliveries })
}

pub(super) fn out_of_bounds(request: HexId) -> Failure {
    Denied::Refused(Refusal::OutOfBounds).of(request)
}

/// A text that a person reads: some, not too much, nothing that steers a terminal or a screen.
pub(super) fn readable(text: &str, longest: usize) -> bool {
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
    let command = Command::Extend { session: SessionId(session.0), seconds };
    let about = About { seconds: Some(seconds), ..about_session("extend", session) };
    submit(web, &caller, request, about, command).await
}

pub(super) async fn pause<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Pause { session: SessionId(session.0) };
    submit(web, &caller, request, about_session("pause", session), command).await
}

pub(super) async fn resume<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Resume { session: SessionId(session.0) };
    submit(web, &caller, request, about_session("resume", session), command).await
}

pub(super) async fn close<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let CloseInput { request, keep_rest } = parse(body)?;
    let command = Command::Close { session: SessionId(session.0), keep_rest, note: None };
    submit(web, &caller, request, about_session("close", session), command).await
}

pub(super) async fn withdraw<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    session: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let PlainInput { request } = parse(body)?;
    let command = Command::Withdraw { session: SessionId(session.0) };
    submit(web, &caller, request, about_session("withdraw", session), command).await
}

pub(super) async fn name_kiosk<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    kiosk: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let KioskNameInput { request, name, room } = parse(body)?;
    let command = Command::NameKiosk { kiosk: KioskId(kiosk.0), name, room: RoomId(room.0) };
    submit(web, &caller, request, about_kiosk("name_kiosk", kiosk), command).await
}

pub(super) async fn kiosk_service<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    kiosk: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, HOST, true).await?;
    let KioskServiceInput { request, in_service } = parse(body)?;
    let command = Command::DescribeKiosk { kiosk: KioskId(kiosk.0), in_service, note: None };
    submit(web, &caller, request, about_kiosk("describe_kiosk", kiosk), command).await
}

pub(super) async fn name_room<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    room: HexId,
    body: Body,
) -> Result<CommandReply, Failure> {
    let caller = web.caller(asked, ADMIN, true).await?;
    let RoomInput { request, name, order } = parse(body)?;
    let command = Command::NameRoom { room: RoomId(room.0), name, order };
    submit(web, &caller, request, About::of("name_room"), command).await
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
    let deliveries = deliveries(web, request, about_kiosk("send_message", kiosk), &accepted);
    Ok(CommandReply { stamp: web.stamp(), request, deliveries })
}
