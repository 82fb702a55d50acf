//! What this node answers when another one calls it directly.

use std::sync::{Arc, OnceLock, Weak};

use actors::clerk::ClerkMessage;
use actors::gateway::{DISK_FAILED, FaultAnswer, LiveCalls};
use actors::replica::{Input, Output, Replica};
use actors::tree::Shared;
use domain::screen::Face;

use crate::site_fault::executor::{Executor, Here, bear};
use crate::site_fault::order::Word;

/// Answers to live calls.
pub(crate) struct Answering {
    pages: Vec<String>,
    executor: Arc<Executor>,
    shared: OnceLock<Weak<Shared>>,
}

impl Answering {
    /// Answers for a node whose console, if it has one, is at `pages`, and which bears faults if
    /// `obeys`.
    pub(crate) fn new(pages: Vec<String>, obeys: bool) -> Self {
        let executor = Arc::new(Executor::new(obeys));
        Self { pages, executor, shared: OnceLock::new() }
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
        if view.as_ref().is_some_and(|view| view.disk_failed) {
            return DISK_FAILED.to_owned();
        }
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
        let look =
            |replica: &mut _, now| -> Vec<Output> { Replica::handle(replica, Input::Wake, now) };
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

    /// Judged in the clerk's turn, which knows who stands; an empty order asks for the epoch.
    fn fault(&self, order: Vec<u8>, answer: FaultAnswer) {
        let Some(shared) = self.shared() else {
            return;
        };
        let (executor, bearer) = (Arc::clone(&self.executor), Arc::clone(&shared));
        let judge = move |replica: &mut Replica<_>, _| -> Vec<Output> {
            let (node, epoch) = (replica.me().node(), replica.epoch());
            let word = if order.is_empty() {
                executor.is_willing().map_or_else(Word::Refused, |()| Word::Epoch(epoch))
            } else {
                match executor.judge(&order, &Here { node, epoch, site: replica.site() }) {
                    Ok(order) => {
                        bear(order, bearer);
                        Word::Obeyed
                    }
                    Err(why) => {
                        tracing::warn!(?why, "an order to bear a fault was not obeyed");
                        Word::Refused(why)
                    }
                }
            };
            answer(word.write());
            Vec::new()
        };
        if !shared.tell_clerk(ClerkMessage::Turn(Box::new(judge))) {
            tracing::debug!("ordered while the clerk is being started again");
        }
    }
}
