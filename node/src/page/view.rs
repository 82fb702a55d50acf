//! What the page is told, as JSON.

use std::time::Instant;

use domain::fact::Cause;
use domain::id::RowId;
use domain::screen::{Face, Screen};
use serde::Serialize;

/// The whole screen. Every message replaces the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ScreenView {
    /// The site's name.
    pub(crate) site: String,
    /// The kiosk's name.
    pub(crate) kiosk: String,
    /// What it shows.
    pub(crate) state: StateWord,
    /// Milliseconds left, while there is a session.
    pub(crate) remaining_ms: u64,
    /// The least warning (minutes) that has been reached.
    pub(crate) warning_min: Option<u8>,
    /// Messages that the patron has not read.
    pub(crate) messages: Vec<MessageView>,
    /// Whether the kiosk has no link.
    pub(crate) alone: bool,
    /// Milliseconds until the next code is looked at, after too many wrong ones.
    pub(crate) wait_ms: u64,
    /// How the session ends, while it does.
    pub(crate) ends: Option<EndsView>,
    /// When `remaining_ms` and `grace_ms` were true.
    #[serde(skip)]
    pub(crate) at: Instant,
}

/// What a screen shows, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateWord {
    /// The node reads its ledger.
    Waiting,
    /// Waits for a code.
    Locked,
    /// A session runs down.
    Running,
    /// A session pauses.
    Paused,
    /// Takes nobody.
    OutOfService,
    /// A session has just ended: time to save, then cleaning.
    Ended,
}

/// A message of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MessageView {
    /// Its row, to acknowledge it by.
    pub(crate) id: RowId,
    /// Its text, once this node has it.
    pub(crate) text: Option<String>,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct EndsView {
    /// Why.
    pub(crate) cause: Cause,
    /// Milliseconds left to save one's work.
    pub(crate) grace_ms: u64,
    /// What happens now.
    pub(crate) step: StepWord,
}

/// What happens at a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepWord {
    /// The patron saves.
    Grace,
}

impl ScreenView {
    /// The rules' screen, true at `at`, with nothing of the machine's own yet and
    /// messages without their texts.
    pub(crate) fn of(screen: &Screen, at: Instant) -> Self {
        let (state, remaining_ms, warning_min) = match &screen.face {
            Face::Locked => (StateWord::Locked, 0, None),
            Face::OutOfService => (StateWord::OutOfService, 0, None),
            Face::Running { remaining_ms, warning_min, .. } => {
                (StateWord::Running, *remaining_ms, *warning_min)
            }
            Face::Paused { remaining_ms, .. } => (StateWord::Paused, *remaining_ms, None),
        };
        let messages = screen.messages.iter();
        Self {
            site: screen.site.clone(),
            kiosk: screen.kiosk.clone(),
            state,
            remaining_ms,
            warning_min,
            messages: messages.map(|id| MessageView { id: *id, text: None }).collect(),
            alone: false,
            wait_ms: 0,
            ends: None,
            at,
        }
    }

    /// The same screen as it is at `now`: a page that comes late must not start
    /// its countdown from an old figure.
    pub(crate) fn aged(&self, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.at).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let mut view = self.clone();
        if view.state == StateWord::Running {
            view.remaining_ms = view.remaining_ms.saturating_sub(passed);
        }
        view.wait_ms = view.wait_ms.saturating_sub(passed);
        if let Some(ends) = &mut view.ends {
            ends.grace_ms = ends.grace_ms.saturating_sub(passed);
        }
        view.at = now;
        view
    }
}
