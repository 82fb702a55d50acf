//! What a later release would write: facts of kinds that this one does not know.

use domain::id::EntryId;
use domain::moment::Moment;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Op;

use super::{Output, Replica};

impl<S: LedgerStore + Clone> Replica<S> {
    /// Writes an entry with this body, whatever it means; `None` for one that does not fit.
    pub fn write_body(
        &mut self,
        body: Vec<u8>,
        raw: Moment,
    ) -> Result<Option<(EntryId, Vec<Output>)>, StoreError> {
        let now = self.time.moment(raw);
        let Some(entry) = self.author.entry(body, now.wall_ms) else {
            return Ok(None);
        };
        let (epoch, seq) = (entry.id.epoch.0, entry.id.seq);
        self.stage(vec![Op::PutEntry { epoch, seq, bytes: entry.to_bytes() }], now)?;
        self.author.advance(&entry);
        self.reached(&entry);
        self.push(std::slice::from_ref(&entry), None);
        Ok(Some((entry.id, self.finish(now))))
    }
}
