//! What a kiosk's page shows, the machine's own part included.

use domain::fact::Cause;
use domain::id::{RowId, SessionId};
use domain::moment::Moment;
use domain::screen::{Face, Screen};
use storage::ledger_store::LedgerStore;

use crate::replica::Replica;

/// What a kiosk's page shows, the machine's own part included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What the site's state says.
    pub screen: Screen,
    /// Whether the kiosk has had no link for 30 s.
    pub alone: bool,
    /// The end of the last session, while it is shown, and milliseconds left of that.
    pub ended: Option<(Cause, u64)>,
    /// Milliseconds until this session ends because another kiosk keeps it.
    pub displaced_in_ms: Option<u64>,
    /// Milliseconds until the next code is looked at.
    pub wait_ms: u64,
    /// Whether the disk took a write no more: no code opens until the program starts anew.
    pub disk_failed: bool,
    /// Texts of the messages that were not read.
    pub texts: Vec<(RowId, String)>,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// What the kiosk's page shows.
    pub fn view(&self, raw: Moment) -> Option<View> {
        let now = self.time.moment(raw);
        let duty = self.duty.as_ref()?;
        let mut screen = self.site.screen(duty.kiosk, now);
        let member = self.site.standing().members.get(&self.me.node());
        if member.is_some_and(|member| member.revoked) {
            screen.face = Face::OutOfService;
        }
        // Two machines may answer for one kiosk: each shows what runs on itself. What stands there and does
        // not run in this process is counted by nobody here, and no code opens beside it: the other machine
        // runs it, or this one's disk takes no closing any more.
        let run = duty.run.as_ref().map(|run| run.session);
        let stands =
            |id: &SessionId| self.site.session(id).is_some_and(|s| s.stands_on(duty.kiosk));
        let own = run.filter(stands).and_then(|id| self.site.face_of(duty.kiosk, id, now));
        match own {
            Some(face) if screen.face != Face::OutOfService => screen.face = face,
            None if run.is_none() && matches!(screen.face, Face::Running { .. }) => {
                screen.face = Face::OutOfService;
            }
            Some(_) | None => {}
        }
        // Its disk takes nothing: no code opens here until the program starts anew.
        if self.disk_failed && run.is_none() {
            screen.face = Face::OutOfService;
        }
        let displaced = duty.run.as_ref().and_then(|run| run.displaced_until);
        let texts = screen
            .messages
            .iter()
            .filter_map(|row| duty.texts.get(*row, now).map(|text| (*row, text.to_owned())));
        Some(View {
            alone: self.is_isolated(now),
            ended: duty
                .ended
                .map(|ended| (ended.cause, ended.until_boot_ms.saturating_sub(now.boot_ms))),
            displaced_in_ms: displaced.map(|until| until.saturating_sub(now.boot_ms)),
            disk_failed: self.disk_failed,
            wait_ms: duty.blocked_until.saturating_sub(now.boot_ms),
            texts: texts.collect(),
            screen,
        })
    }
}
