//! What requests that are not evaluated yet may still change for later ones: records they may write, charges they may make.
//! Invariant: a later request is let past them only if its result is the same however they end. Must not know: arguments,
//! records.

use super::library::Loaded;
use crate::transaction::DepartmentId;
use std::collections::{BTreeMap, BTreeSet};

/// Most requests that are worked on at once.
pub(super) const AHEAD_MAX: usize = 64;

/// What is ahead of a request.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Certificate types, by owner and name, that records may be written of.
    writes: BTreeSet<(String, String)>,
    /// Thousandths of a bit by which each asker's meters of any one subject may still rise.
    charges: BTreeMap<DepartmentId, u64>,
}

impl Ahead {
    /// Adds a request under a policy.
    pub(super) fn add(&mut self, loaded: &Loaded, asker: DepartmentId) {
        let written = loaded.policy.writes.iter().map(|write| &write.schema);
        self.writes.extend(written.map(|schema| (schema.owner.clone(), schema.name.clone())));
        *self.charges.entry(asker).or_default() += u64::from(price(loaded));
    }

    /// Whether what is ahead may change what a policy reads.
    pub(super) fn may_change(&self, loaded: &Loaded) -> bool {
        let mut read = loaded.policy.evidence.iter().map(|evidence| &evidence.schema);
        read.any(|schema| self.writes.contains(&(schema.owner.clone(), schema.name.clone())))
    }

    /// What may still be charged to each of an asker's meters.
    pub(super) fn charges(&self, asker: DepartmentId) -> u64 {
        self.charges.get(&asker).copied().unwrap_or_default()
    }
}

/// What one answer of a policy can tell at most of each subject, in thousandths of a bit.
pub(super) fn price(loaded: &Loaded) -> u32 {
    loaded.policy.releases.iter().map(|release| release.declared_millibits).sum()
}
