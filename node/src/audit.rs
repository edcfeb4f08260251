//! An auditor re-derives from the blocks alone what contracts were decided, in which order, and what they wrote.
//! Owns the reading of audit copies. Invariant: every block's linkage and certificate was checked before it is read.
//! Must not know: ledger state, nodes.

pub mod replay;

use crate::block::{CertifiedBlock, transactions_root};
use crate::codec::{Decode as _, DecodeError, Encode, Reader, Writer};
use crate::consensus::certificate::makes_final;
use crate::crypto::{Digest, Purpose};
use crate::custodians::CustodianSet;
use crate::custody::envelope::{SealingSecret, Use, unpad};
use crate::genesis::Genesis;
use crate::transaction::{
    Attestation, BODY_BYTES_MAX, ChainId, CustodianChange, Exchange, Height, NAME_BYTES_MAX, Payload, RecordId,
    SealedResult, SignedTransaction, Signer, TransactionId, WRITES_MAX, attested_bytes,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Longest input text in an audit copy, in bytes: no more fits sealed arguments.
const INPUT_BYTES_MAX: usize = BODY_BYTES_MAX;
/// Most inputs in an audit copy.
const INPUTS_MAX: usize = 64;

/// What custodians seal to the auditor with each result: about whom, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditCopy {
    /// Policy name.
    pub policy: String,
    /// Version applied.
    pub version: u32,
    /// Inputs by name.
    pub inputs: Vec<(String, Value)>,
    /// Outcomes by name.
    pub outcomes: Vec<(String, String)>,
    /// How many persons the question reached.
    pub persons: u32,
    /// What the asker can have learned of all of them at most, in thousandths of a bit, whether it asked before or not.
    pub millibits: u64,
}

impl Encode for AuditCopy {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.policy);
        out.u32(self.version);
        out.u8(u8::try_from(self.inputs.len()).expect("policies have few inputs"));
        for (name, value) in &self.inputs {
            out.text(name);
            out.text(&value.to_string());
        }
        out.u8(u8::try_from(self.outcomes.len()).expect("policies have few outcomes"));
        for (name, value) in &self.outcomes {
            out.text(name);
            out.text(value);
        }
        out.u32(self.persons);
        out.u64(self.millibits);
    }
}

impl crate::codec::Decode for AuditCopy {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (policy, version) = (input.text(NAME_BYTES_MAX)?, input.u32()?);
        let count = usize::from(input.u8()?);
        if count > INPUTS_MAX {
            return Err(DecodeError::TooLong);
        }
        let inputs = (0..count)
            .map(|_| {
                let name = input.text(NAME_BYTES_MAX)?;
                let text = input.text(INPUT_BYTES_MAX)?;
                Ok((name, serde_json::from_str(&text).map_err(|_| DecodeError::Malformed)?))
            })
            .collect::<Result<_, DecodeError>>()?;
        let count = usize::from(input.u8()?);
        if count > INPUTS_MAX {
            return Err(DecodeError::TooLong);
        }
        let outcomes = (0..count)
            .map(|_| Ok((input.text(NAME_BYTES_MAX)?, input.text(NAME_BYTES_MAX)?)))
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self { policy, version, inputs, outcomes, persons: input.u32()?, millibits: input.u64()? })
    }
}

/// The bytes an audit copy is bound to.
pub fn audit_binding(chain: ChainId, request: TransactionId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    request.encode(&mut out);
    out.into_bytes()
}

/// Who reads: the chain's genesis and the auditor's secret key.
pub struct Auditor<'a> {
    /// The chain.
    pub genesis: &'a Genesis,
    /// The auditor's key.
    pub secret: &'a SealingSecret,
}

/// A contract as the blocks tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedContract {
    /// Its request.
    pub request: TransactionId,
    /// Height at which it was ordered.
    pub ordered: Height,
    /// Policy name.
    pub policy: String,
    /// Inputs by name.
    pub inputs: Vec<(String, Value)>,
    /// Outcomes by name.
    pub outcomes: Vec<(String, String)>,
    /// Records it wrote.
    pub writes: Vec<RecordId>,
}

/// What is wrong with the blocks; the node that served them is at fault.
#[derive(Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// A block does not follow from the one before.
    BrokenChain(Height),
    /// A block's certificate does not hold.
    BadCertificate(Height),
    /// A block is not valid after those before it.
    Refused(Height, String),
    /// A result's audit copy does not open or does not read.
    BadCopy(TransactionId),
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenChain(h) => {
                write!(f, "高度 {h} 的区块与前块不相接 / block {h} does not follow from the one before")
            }
            Self::BadCertificate(h) => {
                write!(f, "高度 {h} 的法定人数证书不成立 / the certificate of block {h} does not hold")
            }
            Self::Refused(h, why) => {
                write!(f, "高度 {h} 的区块无效:{why} / block {h} is not valid after those before it")
            }
            Self::BadCopy(id) => {
                write!(f, "请求 {id} 的审计副本无法打开 / the audit copy of request {id} does not open")
            }
        }
    }
}

impl std::error::Error for AuditFault {}

/// Every finalised contract of the chain in ledger order of the requests. `block` is asked for heights from 1 on until it
/// has none. Errors: the source's own, or [`AuditFault`] as its kind.
pub fn contracts<E: From<AuditFault>>(
    auditor: &Auditor<'_>,
    mut block: impl FnMut(Height) -> Result<Option<CertifiedBlock>, E>,
) -> Result<Vec<AuditedContract>, E> {
    let mut reading = Reading::new(auditor);
    let mut height = Height(1);
    while let Some(found) = block(height)? {
        reading.read(height, &found)?;
        height = height.next();
    }
    Ok(reading.finish()?)
}

struct Reading<'a> {
    auditor: &'a Auditor<'a>,
    chain: ChainId,
    parent: Digest,
    ordered: Vec<(TransactionId, Height)>,
    /// The custodians of the block that is read.
    custodians: CustodianSet,
    /// By request, digest and epoch.
    votes: BTreeMap<(TransactionId, Digest, u32), BTreeSet<u16>>,
    /// What enough custodians of one epoch first agreed on.
    agreed: BTreeMap<TransactionId, Digest>,
    results: BTreeMap<(TransactionId, Digest), SealedResult>,
}

impl<'a> Reading<'a> {
    fn new(auditor: &'a Auditor<'a>) -> Self {
        let chain = auditor.genesis.chain_id();
        Self {
            auditor,
            chain,
            parent: chain.0,
            ordered: Vec::new(),
            custodians: CustodianSet::founding(auditor.genesis),
            votes: BTreeMap::new(),
            agreed: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    fn read(&mut self, height: Height, found: &CertifiedBlock) -> Result<(), AuditFault> {
        let header = &found.block.header;
        let linked = header.height == height
            && header.chain == self.chain
            && header.parent == self.parent
            && header.transactions_root == transactions_root(&found.block.transactions);
        if !linked {
            return Err(AuditFault::BrokenChain(height));
        }
        let validators = self.auditor.genesis.validator_keys();
        if !makes_final(self.chain, &validators, header, &found.certificate) {
            return Err(AuditFault::BadCertificate(height));
        }
        self.parent = header.digest();
        let mut followed = None;
        for transaction in &found.block.transactions {
            match &transaction.body.payload {
                Payload::Request(request) if request.exchange == Exchange::Contract => {
                    self.ordered.push((transaction.body.id(), height));
                }
                Payload::Attest { attestations } => self.attested(transaction.body.sender, attestations),
                Payload::Custodians(change) => followed = followed.or_else(|| self.changed(transaction, change)),
                _ => {}
            }
        }
        // From the next block on.
        if let Some(custodians) = followed {
            self.custodians = custodians;
        }
        Ok(())
    }

    fn attested(&mut self, sender: Signer, attestations: &[Attestation]) {
        let Signer::Custodian(custodian) = sender else { return };
        let Some(entry) = self.custodians.get(custodian) else { return };
        let (key, epoch, enough) = (entry.signing_key, self.custodians.epoch, self.custodians.enough());
        for attestation in attestations {
            let (request, digest) = (attestation.request, attestation.digest);
            let bytes = attested_bytes(self.chain, request, digest);
            if !key.verify(Purpose::Attestation, &bytes, &attestation.signature) {
                continue;
            }
            let votes = self.votes.entry((request, digest, epoch)).or_default();
            votes.insert(custodian.0);
            if votes.len() >= enough {
                self.agreed.entry(request).or_insert(digest);
            }
            if let Some(result) = &attestation.result
                && result.digest(request) == digest
            {
                self.results.entry((request, digest)).or_insert_with(|| result.clone());
            }
        }
    }

    /// The custodians that a transaction puts in the place of the present ones, if it does.
    fn changed(&self, transaction: &SignedTransaction, change: &CustodianChange) -> Option<CustodianSet> {
        let (present, genesis) = (&self.custodians, self.auditor.genesis);
        let verified = transaction.clone().verify(self.chain, |who| present.key_of(genesis, who)).ok()?;
        present.follow(genesis, change, verified.custodians()).ok()
    }

    fn finish(self) -> Result<Vec<AuditedContract>, AuditFault> {
        let mut contracts = Vec::new();
        for (request, ordered) in &self.ordered {
            let agreed = self.agreed.get(request).map(|digest| (*request, *digest));
            let Some(result) = agreed.and_then(|place| self.results.get(&place)) else { continue };
            let copy = self
                .auditor
                .secret
                .open(Use::Audit, &result.audit_key, &result.audit, &audit_binding(self.chain, *request))
                .ok()
                .and_then(|padded| unpad(&padded).ok())
                .and_then(|bytes| AuditCopy::from_bytes(&bytes).ok())
                .ok_or(AuditFault::BadCopy(*request))?;
            contracts.push(AuditedContract {
                request: *request,
                ordered: *ordered,
                policy: copy.policy,
                inputs: copy.inputs,
                outcomes: copy.outcomes,
                writes: result.writes.iter().take(WRITES_MAX).map(|w| w.id()).collect(),
            });
        }
        Ok(contracts)
    }
}
