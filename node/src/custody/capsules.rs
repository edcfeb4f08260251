//! Key capsules at rest: the custodians' own, erasable store. Owns the capsule database (fjall; the ledger's is another
//! process's, so this is its second importer). Invariant: a capsule is durable before anything that rests on it leaves;
//! an erased capsule stays erased when it is offered again. Must not know: what capsules open.

use crate::transaction::CapsuleId;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where capsules are kept.
pub trait CapsuleStore {
    /// Keeps capsules, durably, except those that were erased.
    fn put(&mut self, capsules: &[(CapsuleId, Vec<u8>)]) -> Result<(), CapsuleFault>;
    /// A capsule.
    fn get(&self, id: CapsuleId) -> Result<Option<Vec<u8>>, CapsuleFault>;
    /// Erases a capsule for good: the record it opens can be read no more.
    fn erase(&mut self, id: CapsuleId) -> Result<(), CapsuleFault>;
}

/// The store failed; the disk or its operator is at fault, and the process must end.
#[derive(Debug)]
pub struct CapsuleFault(String);

impl std::fmt::Display for CapsuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "解密中心存储故障 / the custodian's storage failed: {}", self.0)
    }
}

impl std::error::Error for CapsuleFault {}

impl From<std::io::Error> for CapsuleFault {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<fjall::Error> for CapsuleFault {
    fn from(error: fjall::Error) -> Self {
        Self(error.to_string())
    }
}

/// Capsules on disk.
pub struct DiskCapsules {
    database: Database,
    capsules: Keyspace,
    erased: Keyspace,
}

impl DiskCapsules {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path) -> Result<Self, CapsuleFault> {
        let database = Database::builder(folder).manual_journal_persist(true).open()?;
        let capsules = database.keyspace("capsules", KeyspaceCreateOptions::default)?;
        let erased = database.keyspace("erased", KeyspaceCreateOptions::default)?;
        Ok(Self { database, capsules, erased })
    }
}

impl CapsuleStore for DiskCapsules {
    fn put(&mut self, capsules: &[(CapsuleId, Vec<u8>)]) -> Result<(), CapsuleFault> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (id, capsule) in capsules {
            if self.erased.get(id.0.0)?.is_none() {
                batch.insert(&self.capsules, id.0.0, capsule.as_slice());
            }
        }
        Ok(batch.commit()?)
    }

    fn get(&self, id: CapsuleId) -> Result<Option<Vec<u8>>, CapsuleFault> {
        Ok(self.capsules.get(id.0.0)?.map(|bytes| bytes.to_vec()))
    }

    fn erase(&mut self, id: CapsuleId) -> Result<(), CapsuleFault> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.remove(&self.capsules, id.0.0);
        batch.insert(&self.erased, id.0.0, [1]);
        Ok(batch.commit()?)
    }
}

/// Capsules in memory, for tests and the simulator.
#[derive(Clone, Debug, Default)]
pub struct MemoryCapsules {
    capsules: BTreeMap<CapsuleId, Vec<u8>>,
    erased: BTreeSet<CapsuleId>,
}

impl CapsuleStore for MemoryCapsules {
    fn put(&mut self, capsules: &[(CapsuleId, Vec<u8>)]) -> Result<(), CapsuleFault> {
        for (id, capsule) in capsules.iter().filter(|(id, _)| !self.erased.contains(id)) {
            self.capsules.insert(*id, capsule.clone());
        }
        Ok(())
    }

    fn get(&self, id: CapsuleId) -> Result<Option<Vec<u8>>, CapsuleFault> {
        Ok(self.capsules.get(&id).cloned())
    }

    fn erase(&mut self, id: CapsuleId) -> Result<(), CapsuleFault> {
        self.capsules.remove(&id);
        self.erased.insert(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Digest;

    fn keeps_and_erases(mut store: impl CapsuleStore) {
        let (a, b) = (CapsuleId(Digest([1; 32])), CapsuleId(Digest([2; 32])));
        store.put(&[(a, vec![1, 2]), (b, vec![3])]).expect("writes");
        assert_eq!(store.get(a).expect("reads"), Some(vec![1, 2]));
        store.erase(a).expect("erases");
        assert_eq!(store.get(a).expect("reads"), None);
        store.put(&[(a, vec![1, 2])]).expect("writes");
        assert_eq!(store.get(a).expect("reads"), None, "an erased capsule does not come back");
        assert_eq!(store.get(b).expect("reads"), Some(vec![3]));
    }

    #[test]
    fn capsules_are_kept_until_erased() {
        keeps_and_erases(MemoryCapsules::default());
        let folder = tempfile::tempdir().expect("a folder");
        keeps_and_erases(DiskCapsules::open(folder.path()).expect("opens"));
        let again = DiskCapsules::open(folder.path()).expect("opens again");
        assert_eq!(again.get(CapsuleId(Digest([1; 32]))).expect("reads"), None);
        assert_eq!(again.get(CapsuleId(Digest([2; 32]))).expect("reads"), Some(vec![3]));
    }
}
