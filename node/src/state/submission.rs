//! 证照提交: sealed records enter the ledger. Owns what a record must fulfil and where it is filed.
//! Invariant: a record's owner is the department that the data standard names, and it is filed under its handles once.
//! Must not know: what is sealed.

use super::backing::Backing;
use super::keys;
use super::overlay::Overlay;
use crate::crypto::SUITE;
use crate::genesis::Genesis;
use crate::publication::Register;
use crate::state::Refusal;
use crate::transaction::{DepartmentId, Height, RecordId, SealedRecord, Signer};

impl Register {
    /// Whether `sender` can own `record` by the standards in force; a standard not in force says nothing.
    pub(super) fn owner_check(&self, genesis: &Genesis, sender: Signer, record: &SealedRecord) -> Result<(), Refusal> {
        let Signer::Department(department) = sender else { return Err(Refusal::SenderMayNot(sender)) };
        if record.owner != department {
            return Err(Refusal::Malformed("记录的所有者不是发送者 / a record's owner is not the sender"));
        }
        let name = genesis.department(department).map(|d| d.name.as_str());
        match self.schema_owner(record.standard, &record.schema) {
            Some(owner) if Some(owner) != name => {
                Err(Refusal::NotOwner { schema: record.schema.clone(), owner: owner.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Checks one submitted record. Errors are the transaction's reason, in Chinese and English.
pub(super) fn check<B: Backing>(
    state: &Overlay<'_, B>,
    register: &Register,
    genesis: &Genesis,
    sender: DepartmentId,
    record: &SealedRecord,
    height: Height,
) -> Result<(), String> {
    if record.suite != SUITE {
        return Err(format!("密码套件 {} 未定义 / suite {} is not defined", record.suite, record.suite));
    }
    register.owner_check(genesis, Signer::Department(sender), record).map_err(|refusal| refusal.to_string())?;
    if !register.in_force(record.standard, height) || register.schema_owner(record.standard, &record.schema).is_none() {
        return Err(format!(
            "数据标准未生效或未声明证书“{}” / no standard in force declares certificate type {}",
            record.schema, record.schema
        ));
    }
    if state.has(&keys::record(record.id())) {
        return Err("记录已存在 / the record exists already".to_owned());
    }
    let Some(old) = record.supersedes else { return Ok(()) };
    let Some(replaced) = state.read::<SealedRecord>(&keys::record(old)) else {
        return Err(format!("被取代的记录不存在 / the replaced record does not exist: {old}"));
    };
    if (replaced.owner, &replaced.schema) != (record.owner, &record.schema) {
        return Err("被取代的记录属于另一部门或类型 / the replaced record is of another owner or type".to_owned());
    }
    if state.has(&keys::superseded(old)) {
        return Err(format!("记录已被取代 / the record was replaced already: {old}"));
    }
    Ok(())
}

/// Files a record under its id and its handles. `place` counts the records of the block.
pub(super) fn file<B: Backing>(
    state: &mut Overlay<'_, B>,
    record: &SealedRecord,
    height: Height,
    place: &mut u32,
) -> RecordId {
    let id = record.id();
    state.put(keys::record(id), record);
    for handle in &record.handles {
        state.put(keys::filed(*handle, height, *place), &id);
    }
    // A contract ordered before a correction of the same record takes effect after it: the first replacement stays noted.
    if let Some(old) = record.supersedes
        && !state.has(&keys::superseded(old))
    {
        state.put(keys::superseded(old), &id);
    }
    *place = place.saturating_add(1);
    id
}
