//! Records that nobody is to open any more. Owns what the ledger knows of each erasure, from its owner's word to that of the
//! last custodian. Invariant: the record itself stays on the ledger, sealed, so that every state root still holds; requests
//! ordered before the erasure see it, later ones do not. Must not know: how capsules are kept or destroyed.

use super::backing::Backing;
use super::execute::Execution;
use super::keys;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Purpose, Signature};
use crate::state::feed::{DestroyedCapsule, ErasedRecord};
use crate::transaction::{
    CUSTODIANS_MAX, CapsuleId, CustodianId, DepartmentId, Destruction, Height, NAME_BYTES_MAX, RecordId, SealedRecord,
    destroyed_bytes,
};
use std::collections::BTreeSet;

/// What the ledger knows of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The record.
    pub record: RecordId,
    /// Its capsule, without which it cannot be opened.
    pub capsule: CapsuleId,
    /// The owner, which asked for it.
    pub owner: DepartmentId,
    /// Legal basis and case number.
    pub basis: String,
    /// The block that ordered it.
    pub asked: Height,
    /// Custodians that have destroyed their copies, ascending, with their signatures.
    pub destroyed: Vec<(CustodianId, Signature)>,
    /// The block in which the last of the then custodians said so, and their epoch.
    pub complete: Option<(Height, u32)>,
}

impl<B: Backing> Execution<'_, B> {
    /// Notes erasures. Errors are reasons; the sender is at fault.
    pub(super) fn erase(&mut self, sender: DepartmentId, records: &[RecordId], basis: &str) -> Result<(), String> {
        if basis.trim().is_empty() {
            return Err("须写明依据 / the basis must be stated".to_owned());
        }
        let mut erased = Vec::with_capacity(records.len());
        for id in records {
            let record = self.state.read::<SealedRecord>(&keys::record(*id));
            let record = record.ok_or_else(|| format!("没有这条记录:{id} / there is no such record: {id}"))?;
            if record.owner != sender {
                return Err(format!("记录属于其他部门:{id} / the record is another department's: {id}"));
            }
            if self.state.has(&keys::erasure(*id)) {
                return Err(format!("记录已删除:{id} / the record is erased already: {id}"));
            }
            let erasure = Erasure {
                record: *id,
                capsule: record.capsule,
                owner: sender,
                basis: basis.to_owned(),
                asked: self.height,
                destroyed: Vec::new(),
                complete: None,
            };
            self.state.put(keys::erasure(*id), &erasure);
            erased.push(ErasedRecord { record: *id, sequence: self.sequence });
        }
        self.feed.erased.append(&mut erased);
        Ok(())
    }

    /// Takes a custodian's statements. Any wrong one makes the transaction invalid; repeated ones are passed over.
    pub(super) fn destroyed(&mut self, custodian: CustodianId, statements: &[Destruction]) -> Result<(), String> {
        let set = &self.ledger.custodians;
        let key = set.get(custodian).map(|c| c.signing_key);
        let key = key.ok_or_else(|| "受托方未登记 / the custodian is not registered".to_owned())?;
        let mut told = Vec::with_capacity(statements.len());
        for Destruction { record, signature } in statements {
            let erasure = self.state.read::<Erasure>(&keys::erasure(*record));
            let mut erasure =
                erasure.ok_or_else(|| format!("记录未删除:{record} / the record is not erased: {record}"))?;
            let bytes = destroyed_bytes(self.ledger.chain, *record, erasure.capsule);
            if !key.verify(Purpose::Erasure, &bytes, signature) {
                return Err("删除声明签名无效 / a statement's signature does not verify".to_owned());
            }
            if let Err(place) = erasure.destroyed.binary_search_by_key(&custodian, |(id, _)| *id) {
                erasure.destroyed.insert(place, (custodian, *signature));
            }
            let said: BTreeSet<CustodianId> = erasure.destroyed.iter().map(|(id, _)| *id).collect();
            if erasure.complete.is_none() && set.custodians.iter().all(|c| said.contains(&c.id)) {
                erasure.complete = Some((self.height, set.epoch));
            }
            self.state.put(keys::erasure(*record), &erasure);
            told.push(DestroyedCapsule { record: *record, custodian, complete: erasure.complete.is_some() });
        }
        self.feed.destroyed.append(&mut told);
        Ok(())
    }
}

impl Encode for Erasure {
    fn encode(&self, out: &mut Writer) {
        self.record.encode(out);
        self.capsule.encode(out);
        out.u16(self.owner.0);
        out.text(&self.basis);
        self.asked.encode(out);
        out.u16(u16::try_from(self.destroyed.len()).expect("few custodians ever"));
        for (custodian, signature) in &self.destroyed {
            out.u16(custodian.0);
            signature.encode(out);
        }
        out.bool(self.complete.is_some());
        if let Some((height, epoch)) = self.complete {
            height.encode(out);
            out.u32(epoch);
        }
    }
}
impl Decode for Erasure {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (record, capsule) = (RecordId::decode(input)?, CapsuleId::decode(input)?);
        let (owner, basis) = (DepartmentId(input.u16()?), input.text(NAME_BYTES_MAX)?);
        let (asked, count) = (Height::decode(input)?, usize::from(input.u16()?));
        // Those of several epochs may have said so.
        if count > 16 * CUSTODIANS_MAX {
            return Err(DecodeError::TooLong);
        }
        let destroyed = (0..count)
            .map(|_| Ok((CustodianId(input.u16()?), Signature::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        let complete = if input.bool()? { Some((Height::decode(input)?, input.u32()?)) } else { None };
        if !destroyed.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { record, capsule, owner, basis, asked, destroyed, complete })
    }
}
