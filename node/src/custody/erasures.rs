//! Capsules that are to be destroyed. Owns when: not before every request that still sees the record is final.
//! Invariant: a custodian says that it destroyed a capsule only after its store has done so durably, and says so until the
//! ledger has heard it. Must not know: what capsules open, how they are kept.

use super::execute::RESEND_BLOCKS;
use crate::state::feed::{DestroyedCapsule, ErasedRecord};
use crate::transaction::{CustodianId, ERASURES_MAX, Height, RecordId};
use std::collections::BTreeMap;

struct Waiting {
    sequence: u64,
    said: Option<Height>,
}

/// Erasures that this custodian has not been heard on.
#[derive(Default)]
pub(super) struct Erasures(BTreeMap<RecordId, Waiting>);

impl Erasures {
    /// Takes the ledger's word on erasures and statements.
    pub(super) fn feed(&mut self, erased: &[ErasedRecord], destroyed: &[DestroyedCapsule], own: CustodianId) {
        for ErasedRecord { record, sequence } in erased {
            self.0.insert(*record, Waiting { sequence: *sequence, said: None });
        }
        for DestroyedCapsule { record, custodian, complete } in destroyed {
            if *complete || *custodian == own {
                self.0.remove(record);
            }
        }
    }

    /// Records whose capsules are to be destroyed now, given the first request that is not final; they count as said.
    pub(super) fn due(&mut self, first_open: Option<u64>, now: Height, again: bool) -> Vec<RecordId> {
        let free = |waiting: &Waiting| first_open.is_none_or(|first| waiting.sequence < first);
        let unheard =
            |waiting: &Waiting| waiting.said.is_none_or(|said| again || now.0 >= said.0.saturating_add(RESEND_BLOCKS));
        let due = self.0.iter_mut().filter(|(_, waiting)| free(waiting) && unheard(waiting)).take(ERASURES_MAX);
        due.map(|(record, waiting)| {
            waiting.said = Some(now);
            *record
        })
        .collect()
    }
}
