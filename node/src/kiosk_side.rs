//! The running node as the kiosk's page knows it.

use std::sync::Arc;
use std::time::Instant;

use actors::kiosk::Seat;
use actors::replica::Failure;
use actors::replica::duty::View;
use domain::fact::Cause;
use domain::id::KioskId;
use domain::screen::{Face, Screen};
use tokio::sync::{mpsc, watch};

use crate::page::view::{EndsView, ScreenView, StateWord, StepWord};
use crate::page::{Act, Asked, NotDone, Source};

/// Acts that wait; a patron has two hands.
const WAITING_ACTS: usize = 8;

/// What the page is served from, on the node whose view and seat these are.
pub(crate) fn source(views: watch::Receiver<Option<Arc<View>>>, seat: Seat, own: &str) -> Source {
    let (acts, asked) = mpsc::channel(WAITING_ACTS);
    let (told, screens) =
        watch::channel(Arc::new(screen_view(views.borrow().as_deref(), own, Instant::now())));
    tokio::spawn(show(views, told, own.to_owned()));
    tokio::spawn(carry_out(asked, seat));
    Source { screens, acts }
}

async fn show(
    mut views: watch::Receiver<Option<Arc<View>>>,
    told: watch::Sender<Arc<ScreenView>>,
    own: String,
) {
    // What is there already may have come between the first look and now.
    views.mark_changed();
    while views.changed().await.is_ok() {
        let view = views.borrow_and_update().clone();
        told.send_replace(Arc::new(screen_view(view.as_deref(), &own, Instant::now())));
    }
}

async fn carry_out(mut asked: mpsc::Receiver<Asked>, seat: Seat) {
    while let Some((act, done)) = asked.recv().await {
        let seat = seat.clone();
        // Side by side: leaving must not wait behind a code's derivation.
        tokio::spawn(async move {
            let outcome = match act {
                Act::Open(code) => seat.open(&code).await,
                Act::Finish => seat.leave().await,
                Act::Acknowledge(message) => seat.acknowledge(message).await,
            };
            let outcome = outcome.map_err(|failure| match failure {
                Failure::Refused(refusal) => NotDone::Refused(refusal),
                Failure::Disk => NotDone::Broken,
            });
            if done.send(outcome).is_err() {
                tracing::debug!("the page left before its answer");
            }
        });
    }
}

/// The screen, with what only the machine knows. `own` names the kiosk until staff
/// have.
fn screen_view(view: Option<&View>, own: &str, at: Instant) -> ScreenView {
    let Some(view) = view else {
        // Before the ledger is folded there is nothing to say but "wait".
        let screen = Screen {
            site: String::new(),
            kiosk: own.to_owned(),
            face: Face::OutOfService,
            messages: Vec::new(),
        };
        return ScreenView { state: StateWord::Waiting, ..ScreenView::of(&screen, at) };
    };
    let mut shown = ScreenView::of(&view.screen, at);
    if shown.kiosk.is_empty() {
        own.clone_into(&mut shown.kiosk);
    }
    for message in &mut shown.messages {
        let text = view.texts.iter().find(|(row, _)| *row == message.id);
        message.text = text.map(|(_, text)| text.clone());
    }
    shown.alone = view.alone;
    shown.wait_ms = view.wait_ms;
    // Another kiosk keeps the session: time to save, while it still runs here.
    if let Some(grace_ms) = view.displaced_in_ms {
        shown.state = StateWord::Ended;
        shown.ends = Some(EndsView { cause: Cause::Displaced, grace_ms, step: StepWord::Grace });
    } else if let (Some((cause, left_ms)), Face::Locked | Face::OutOfService) =
        (view.ended, &view.screen.face)
    {
        shown.state = StateWord::Ended;
        shown.ends = Some(EndsView { cause, grace_ms: left_ms, step: StepWord::Grace });
    }
    shown
}

/// A kiosk's name before anybody named it.
pub(crate) fn own_name(configured: &str, kiosk: Option<KioskId>) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    kiosk.map_or_else(String::new, |kiosk| {
        let id = kiosk.to_string();
        format!("Poste {}", id.get(..6).unwrap_or(&id))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use actors::replica::duty::View;
    use domain::fact::Cause;
    use domain::id::{KioskId, RowId, SessionId};
    use domain::screen::{Face, Screen};

    use super::{own_name, screen_view};
    use crate::page::view::StateWord;

    fn view(face: Face) -> View {
        View {
            screen: Screen {
                site: "Médiathèque".into(),
                kiosk: "Baobab".into(),
                face,
                messages: vec![RowId([1; 16]), RowId([2; 16])],
            },
            alone: true,
            ended: None,
            displaced_in_ms: None,
            wait_ms: 0,
            disk_failed: false,
            texts: vec![(RowId([2; 16]), "Fermeture dans 10 min".into())],
        }
    }

    #[test]
    fn messages_carry_their_texts_once_they_are_here() {
        let shown = screen_view(Some(&view(Face::Locked)), "", Instant::now());
        assert!(shown.alone);
        assert_eq!(shown.messages[0].text, None);
        let text = shown.messages[1].text.as_deref();
        assert_eq!(text, Some("Fermeture dans 10 min"));
    }

    #[test]
    fn end_is_shown_until_the_screen_locks_or_the_next_session_runs() {
        let mut ended = view(Face::Locked);
        ended.ended = Some((Cause::Staff, 30_000));
        let shown = screen_view(Some(&ended), "", Instant::now());
        assert_eq!(shown.state, StateWord::Ended);
        assert_eq!(shown.ends.unwrap().cause, Cause::Staff);
        ended.screen.face = Face::OutOfService;
        let shown = screen_view(Some(&ended), "", Instant::now());
        assert_eq!(shown.state, StateWord::Ended);
        ended.screen.face =
            Face::Running { session: SessionId([1; 16]), remaining_ms: 60_000, warning_min: None };
        let shown = screen_view(Some(&ended), "", Instant::now());
        assert_eq!(shown.state, StateWord::Running);
        ended.displaced_in_ms = Some(20_000);
        let shown = screen_view(Some(&ended), "", Instant::now());
        assert_eq!(shown.ends.unwrap().grace_ms, 20_000);
    }

    #[test]
    fn kiosk_has_a_name_before_staff_give_it_one() {
        assert_eq!(own_name("Baobab", None), "Baobab");
        let kiosk = Some(KioskId([0xab; 16]));
        assert_eq!(own_name("", kiosk), "Poste ababab");
        let waiting = screen_view(None, "Baobab", Instant::now());
        assert_eq!(waiting.state, StateWord::Waiting);
        assert_eq!(waiting.kiosk, "Baobab");
    }
}
