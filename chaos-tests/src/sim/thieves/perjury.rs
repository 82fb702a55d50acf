//! A thief who has an admin node's key says what the ledger comes to, and lies.

use actors::entry::Entry;
use actors::signing::sign;
use actors::snapshot::{Snapshot, piece_hash, shelf};
use domain::authority::NodeKind;
use domain::checkpoint::{Checkpoint, Floor, Ground, checkpoint_bytes, pieces_hash};
use domain::fact::{CheckpointSigned, Fact};
use storage::ledger_store::LedgerStore;

use crate::event::{Event, HostId};
use crate::sim::world::World;

impl World {
    /// Signs a checkpoint that forgets everything but who belongs, and tells everybody of it. Whoever
    /// asks for its pieces gets them: they lie on the machine's own disk.
    pub(super) fn lie(&mut self, host: HostId) {
        let Some(checkpoint) = self.write_lie(host) else {
            return;
        };
        let Some(me) = self.stage.running(host).map(|process| process.replica.me().clone()) else {
            return;
        };
        let Ok(bytes) = checkpoint_bytes(&me.site, &checkpoint) else {
            return;
        };
        let (node, signature) = (me.node(), sign(&me.node_key, &bytes));
        let signed = CheckpointSigned { checkpoint, node, signature };
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let entries: Vec<Entry> = self.write_as_thief(host, &[Fact::CheckpointSigned(signed)]);
        self.tell_entries(host, &entries);
    }

    /// A first checkpoint, of all that is known there, less every fact; its pieces are on the disk.
    fn write_lie(&mut self, host: HostId) -> Option<Checkpoint> {
        let process = self.stage.running(host)?;
        let replica = &process.replica;
        if replica.me().kind != NodeKind::Admin {
            return None;
        }
        let as_of_ms = replica.moment(process.clock.moment()).wall_ms;
        let site = replica.site();
        let floors = site.standing().epochs.iter().filter_map(|(epoch, member)| {
            let reach = replica.reach(epoch).filter(|reach| reach.height <= member.below)?;
            Some((*epoch, Floor { height: reach.height, head: reach.head }))
        });
        let ground =
            Ground { as_of_ms: Some(as_of_ms), since_ms: as_of_ms, floors: floors.collect() };
        let (nothing, forks) = (Snapshot::default(), site.chain().forks());
        let folded = Snapshot::fold(site.id(), &nothing, forks, ground, &process.disk).ok()?;
        let lie = Snapshot { facts: Default::default(), ..folded.snapshot };
        let pieces = lie.pieces().ok()??;
        let list: Vec<[u8; 32]> = pieces.iter().map(|piece| piece_hash(piece)).collect();
        let (pieces_hash, count) = (pieces_hash(&list).ok()?, u32::try_from(list.len()).ok()?);
        let (parents, since_ms) = (Vec::new(), as_of_ms);
        let checkpoint = Checkpoint { parents, as_of_ms, since_ms, pieces: pieces_hash, count };
        let ops = shelf::put(checkpoint.hash().ok()?, &list, pieces).collect();
        process.disk.stage(ops).ok()?;
        Some(checkpoint)
    }
}
