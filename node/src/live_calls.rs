//! What this node answers when another one calls it directly.

use std::sync::{Arc, OnceLock, Weak};

use actors::clerk::ClerkMessage;
use actors::gateway::LiveCalls;
use actors::replica::{Input, Output};
use actors::tree::Shared;
use domain::screen::Face;

/// Answers to live calls.
pub(crate) struct Answering {
    pages: Vec<String>,
    shared: OnceLock<Weak<Shared>>,
}

impl Answering {
    /// Answers for a node whose console, if it has one, is at `pages`.
    pub(crate) fn new(pages: Vec<String>) -> Self {
        Self { pages, shared: OnceLock::new() }
    }

    /// Lets it see the node, once that is there.
    pub(crate) fn see(&self, shared: &Arc<Shared>) {
        self.shared.get_or_init(|| Arc::downgrade(shared));
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.get().and_then(Weak::upgrade)
    }
}

impl LiveCalls for Answering {
    /// An admin node's screen is its console: where that is. A kiosk's: in a word.
    fn showing(&self) -> String {
        if !self.pages.is_empty() {
            return self.pages.join("\n");
        }
        let Some(shared) = self.shared() else {
            return String::new();
        };
        let view = shared.view.borrow();
        let word = match view.as_ref().map(|view| &view.screen.face) {
            Some(Face::Locked) => "locked",
            Some(Face::OutOfService) => "out_of_service",
            Some(Face::Running { .. }) => "running",
            Some(Face::Paused { .. }) => "paused",
            None => "starting",
        };
        word.to_owned()
    }

    fn nudge(&self) {
        let look = |replica: &mut _, now| -> Vec<Output> {
            actors::replica::Replica::handle(replica, Input::Wake, now)
        };
        if let Some(shared) = self.shared()
            && !shared.tell_clerk(ClerkMessage::Turn(Box::new(look)))
        {
            tracing::debug!("nudged while the clerk is being started again");
        }
    }

    /// No order to lock is known to this release: none is obeyed.
    fn lock(&self, _order: &[u8]) -> bool {
        false
    }

    /// No order to reboot is known to this release: none is obeyed.
    fn reboot(&self, _order: &[u8]) -> bool {
        false
    }
}
