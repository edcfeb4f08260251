//! Sealed records as a custodian finds them. Owns which record a request may see. Invariant: what a request sees depends
//! on ledger order alone: submitted records up to its height, and what earlier contracts wrote, whether those are final
//! yet or not; so a restarted custodian sees the same. Must not know: keys, plaintext, policies.

use crate::transaction::{DepartmentId, Handle, Height, RecordId, SealedRecord};
use std::collections::{BTreeMap, BTreeSet};

/// How a record came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Submitted in the block of this height.
    Submitted(Height),
    /// Written by the contract request with this sequence number, ordered at this height.
    Written(Height, u64),
}

/// A request's place in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Viewpoint {
    /// Its height.
    pub(super) height: Height,
    /// Its sequence number.
    pub(super) sequence: u64,
}

/// Order among the records of a handle: height, submitted before written, then the order within.
pub(super) type Place = (Height, u64, u32);

struct Shelved {
    record: SealedRecord,
    origin: Origin,
}

/// All sealed records.
#[derive(Default)]
pub(super) struct Records {
    all: BTreeMap<RecordId, Shelved>,
    filed: BTreeMap<Handle, BTreeSet<(Place, RecordId)>>,
    successors: BTreeMap<RecordId, BTreeSet<RecordId>>,
    /// Erased records, with the last sequence number that sees them.
    erased: BTreeMap<RecordId, u64>,
}

impl Origin {
    fn visible(self, from: Viewpoint) -> bool {
        match self {
            Self::Submitted(height) => height <= from.height,
            Self::Written(_, sequence) => sequence < from.sequence,
        }
    }
}

impl Records {
    /// Files a record; filing it again changes nothing.
    pub(super) fn file(&mut self, id: RecordId, record: &SealedRecord, origin: Origin, index: u32) {
        if self.all.contains_key(&id) {
            return;
        }
        let place = match origin {
            Origin::Submitted(height) => (height, 0, index),
            Origin::Written(height, sequence) => (height, sequence, index),
        };
        for handle in &record.handles {
            self.filed.entry(*handle).or_default().insert((place, id));
        }
        if let Some(old) = record.supersedes {
            self.successors.entry(old).or_default().insert(id);
        }
        self.all.insert(id, Shelved { record: record.clone(), origin });
    }

    /// Takes back what a contract was thought to write.
    pub(super) fn unfile(&mut self, id: RecordId) {
        let Some(shelved) = self.all.remove(&id) else { return };
        for handle in &shelved.record.handles {
            if let Some(filed) = self.filed.get_mut(handle) {
                filed.retain(|(_, other)| *other != id);
            }
        }
        if let Some(others) = shelved.record.supersedes.and_then(|old| self.successors.get_mut(&old)) {
            others.remove(&id);
        }
    }

    /// Erases a record for requests after `sequence`. What it superseded stays superseded.
    pub(super) fn erase(&mut self, id: RecordId, sequence: u64) {
        self.erased.insert(id, sequence);
    }

    /// A record.
    pub(super) fn get(&self, id: RecordId) -> Option<&SealedRecord> {
        self.all.get(&id).map(|shelved| &shelved.record)
    }

    /// The records of `owner`'s type `schema` filed under `handle` that a request sees and that none it sees has
    /// superseded, oldest first. Handles are public once used, so a stranger's record under one counts for nothing: it
    /// is neither found nor does it supersede.
    pub(super) fn under(
        &self,
        handle: Handle,
        owner: DepartmentId,
        schema: &str,
        from: Viewpoint,
    ) -> BTreeSet<(Place, RecordId)> {
        let exists = |id: &RecordId| {
            self.all
                .get(id)
                .is_some_and(|s| s.record.owner == owner && s.record.schema == schema && s.origin.visible(from))
        };
        let sees = |id: &RecordId| exists(id) && self.erased.get(id).is_none_or(|last| from.sequence <= *last);
        let current = |id: &RecordId| !self.successors.get(id).is_some_and(|next| next.iter().any(exists));
        let filed = self.filed.get(&handle).into_iter().flatten();
        filed.copied().filter(|(_, id)| sees(id) && current(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Digest;
    use crate::transaction::{CapsuleId, DepartmentId};

    fn record(n: u8, supersedes: Option<RecordId>) -> (RecordId, SealedRecord) {
        let record = SealedRecord {
            suite: 1,
            owner: DepartmentId(1),
            schema: "证书".to_owned(),
            standard: Digest([0; 32]),
            handles: vec![Handle(Digest([9; 32]))],
            supersedes,
            nonce: [n; 16],
            body: vec![],
            capsule: CapsuleId(Digest([n; 32])),
        };
        (record.id(), record)
    }

    fn at(height: u64, sequence: u64) -> Viewpoint {
        Viewpoint { height: Height(height), sequence }
    }

    fn under(records: &Records, from: Viewpoint) -> Vec<RecordId> {
        let found = records.under(Handle(Digest([9; 32])), DepartmentId(1), "证书", from);
        found.into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn a_request_sees_what_was_ordered_before_it_and_no_more() {
        let mut records = Records::default();
        let (a, first) = record(1, None);
        let (b, second) = record(2, Some(a));
        let (c, third) = record(3, None);
        // Filed in another order than they happened, as after a restart.
        records.file(c, &third, Origin::Submitted(Height(7)), 0);
        records.file(b, &second, Origin::Written(Height(5), 4), 0);
        records.file(a, &first, Origin::Submitted(Height(2)), 0);
        assert_eq!(under(&records, at(1, 1)), vec![]);
        assert_eq!(under(&records, at(5, 4)), vec![a], "a contract does not see its own writes");
        assert_eq!(under(&records, at(5, 5)), vec![b], "the next request does, before they are final");
        assert_eq!(under(&records, at(7, 5)), vec![b, c]);
        records.unfile(b);
        assert_eq!(under(&records, at(7, 5)), vec![a, c]);
    }

    #[test]
    fn a_strangers_record_under_a_copied_handle_counts_for_nothing() {
        let mut records = Records::default();
        let (a, first) = record(1, None);
        let (_, mut copied) = record(2, Some(a));
        copied.owner = DepartmentId(2);
        let (_, mut other) = record(3, Some(a));
        other.schema = "别的".to_owned();
        records.file(a, &first, Origin::Submitted(Height(1)), 0);
        records.file(copied.id(), &copied, Origin::Submitted(Height(2)), 0);
        records.file(other.id(), &other, Origin::Submitted(Height(2)), 1);
        assert_eq!(under(&records, at(3, 1)), vec![a]);
    }
}
