//! Checking a receipt with the genesis file alone. Owns every condition a receipt must fulfil.
//! Invariant: needs no node, no network and no clock; a fault says which part does not hold.
//! Must not know: ledger execution, storage.

use super::custodians::custodians_of;
use super::{FinalHeader, RECEIPT_VERSION, Receipt};
use crate::block::{leaf, root_from_sides};
use crate::codec::Encode;
use crate::consensus::certificate::makes_final;
use crate::crypto::{Digest, Purpose, SUITE};
use crate::custodians::CustodianSet;
use crate::genesis::Genesis;
use crate::state::{RequestState, keys};
use crate::transaction::{CustodianId, Exchange, Height, Payload, Request, Signer, TransactionId, attested_bytes};
use guiju_runtime::date::Date;
use serde_json::{Value, json};
use std::fmt;

/// Why a receipt does not hold. Whoever handed it over is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptFault {
    /// Version or suite is not known here.
    Version,
    /// It is of another chain than the genesis file's.
    Chain,
    /// The request is not signed as it must be, or is no request.
    Request,
    /// A block is not certified by the validators.
    Certificate,
    /// The request is not in the block that is said to have ordered it.
    Inclusion,
    /// The status, or the module's entry, is not in the proven state.
    State,
    /// Parts tell different stories.
    Mismatch,
    /// Too few custodians signed the result, or a signature does not verify.
    Custodians,
}

impl fmt::Display for ReceiptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "回执版本或密码套件未知 / the receipt's version or suite is not known",
            Self::Chain => "回执属于另一条链 / the receipt is of another chain",
            Self::Request => "请求签名无效 / the request is not signed as it must be",
            Self::Certificate => "区块未经验证节点认证 / a block is not certified by the validators",
            Self::Inclusion => "请求不在所称区块中 / the request is not in the block named",
            Self::State => "状态证明不成立 / a state proof does not hold",
            Self::Mismatch => "回执各部分不一致 / parts of the receipt contradict each other",
            Self::Custodians => "受托方签名不足或无效 / custodians' signatures are too few or do not verify",
        })
    }
}

impl std::error::Error for ReceiptFault {}

/// What became of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answered; the answer itself is sealed to the asker.
    Finalised {
        /// In which block.
        height: Height,
        /// Digest of the sealed result.
        digest: Digest,
        /// Who attested it.
        custodians: Vec<CustodianId>,
    },
    /// Refused before anything was opened.
    Refused {
        /// The sharing policy; empty if the owner has none for the type.
        policy: String,
        /// Its clause.
        clause: String,
        /// The owner's name.
        owner: String,
    },
    /// Not answered in time.
    Expired {
        /// In which block.
        height: Height,
    },
}

/// What a receipt that holds says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSummary {
    /// The request.
    pub request: TransactionId,
    /// Name of the department that asked.
    pub asker: String,
    /// The exchange.
    pub exchange: Exchange,
    /// Full name of the policy.
    pub policy: String,
    /// Version of the policy that decided.
    pub version: u32,
    /// Source hash of its module.
    pub module: Digest,
    /// Meaning hash of the module that was in force for the request.
    pub meaning: Digest,
    /// The purpose.
    pub purpose: String,
    /// Legal basis and case number.
    pub basis: String,
    /// Date of the law applied, days since 1970-01-01.
    pub as_of: i32,
    /// Height of what was known: the block that ordered the request.
    pub height: Height,
    /// What became of it.
    pub verdict: Verdict,
    /// The height as of which the module's standing is told.
    pub witnessed: Height,
    /// Whether the module was still in force at that height (neither withdrawn nor replaced).
    pub still_in_force: bool,
}

/// Checks a receipt against the genesis alone. Errors: see [`ReceiptFault`].
pub fn verify(genesis: &Genesis, receipt: &Receipt) -> Result<ReceiptSummary, ReceiptFault> {
    if receipt.version != RECEIPT_VERSION || receipt.suite != SUITE {
        return Err(ReceiptFault::Version);
    }
    let chain = genesis.chain_id();
    let headers = [Some(&receipt.ordered), receipt.decided.as_ref(), Some(&receipt.witness)];
    if receipt.chain != chain || headers.iter().flatten().any(|h| h.header.chain != chain) {
        return Err(ReceiptFault::Chain);
    }
    let verified =
        receipt.request.clone().verify(chain, |who| genesis.key_of(who)).map_err(|_| ReceiptFault::Request)?;
    let Payload::Request(request) = &verified.body().payload else { return Err(ReceiptFault::Request) };
    for header in headers.into_iter().flatten() {
        certified(genesis, header)?;
    }
    if root_from_sides(leaf(&receipt.request), &receipt.path) != receipt.ordered.header.transactions_root {
        return Err(ReceiptFault::Inclusion);
    }
    proven(receipt, verified.id())?;
    consistent(receipt, verified.id(), verified.body().sender, request)?;
    let verdict = decided(genesis, receipt, verified.id())?;
    summary(genesis, receipt, verdict)
}

pub(super) fn certified(genesis: &Genesis, block: &FinalHeader) -> Result<(), ReceiptFault> {
    let final_here = makes_final(genesis.chain_id(), &genesis.validator_keys(), &block.header, &block.certificate);
    if final_here { Ok(()) } else { Err(ReceiptFault::Certificate) }
}

fn proven(receipt: &Receipt, id: TransactionId) -> Result<(), ReceiptFault> {
    let root = receipt.witness.header.state_root;
    let (status, module) = (receipt.status.to_bytes(), receipt.module.to_bytes());
    let holds = receipt.status_proof.verify(root, &keys::request(id), Some(&status))
        && receipt.module_proof.verify(root, &keys::module(receipt.status.module), Some(&module));
    if holds { Ok(()) } else { Err(ReceiptFault::State) }
}

/// That the status is of this request, in this block, under this module.
fn consistent(receipt: &Receipt, id: TransactionId, sender: Signer, request: &Request) -> Result<(), ReceiptFault> {
    let (status, ordered) = (&receipt.status, &receipt.ordered.header);
    let day = ordered.time.shanghai_day();
    let named = status.policy == request.policy || status.policy.ends_with(&format!(".{}", request.policy));
    let same = status.tx == id
        && named
        && status.height == ordered.height
        && sender == Signer::Department(status.asker)
        && status.exchange == request.exchange
        && status.purpose == request.purpose
        && status.basis == request.basis
        && status.day == day
        && status.as_of == request.as_of.unwrap_or(day)
        && status.meaning == receipt.module.meaning
        && receipt.witness.header.height > ordered.height;
    if same { Ok(()) } else { Err(ReceiptFault::Mismatch) }
}

fn decided(genesis: &Genesis, receipt: &Receipt, id: TransactionId) -> Result<Verdict, ReceiptFault> {
    let at = receipt.decided.as_ref().map(|block| block.header.height);
    let witnessed = |height: Height| at == Some(height) && receipt.witness.header.height > height;
    match &receipt.status.state {
        RequestState::Pending => Err(ReceiptFault::Mismatch),
        RequestState::Refused { policy, clause, owner } if at.is_none() => {
            nothing_signed(receipt)?;
            let owner = genesis.department(*owner).ok_or(ReceiptFault::Mismatch)?.name.clone();
            Ok(Verdict::Refused { policy: policy.clone(), clause: clause.clone(), owner })
        }
        RequestState::Expired { height } if witnessed(*height) => {
            nothing_signed(receipt)?;
            Ok(Verdict::Expired { height: *height })
        }
        RequestState::Finalised { height, digest, epoch, custodians } if witnessed(*height) => {
            let root = receipt.witness.header.state_root;
            let set = custodians_of(genesis, receipt.custodians.as_ref(), root, *epoch)?;
            attested(genesis, &set, receipt, id, *digest, custodians)?;
            Ok(Verdict::Finalised { height: *height, digest: *digest, custodians: custodians.clone() })
        }
        _ => Err(ReceiptFault::Mismatch),
    }
}

fn nothing_signed(receipt: &Receipt) -> Result<(), ReceiptFault> {
    let empty = receipt.signatures.is_empty() && receipt.result.is_none() && receipt.custodians.is_none();
    if empty { Ok(()) } else { Err(ReceiptFault::Mismatch) }
}

/// That enough custodians signed the result, which is there and has the digest.
fn attested(
    genesis: &Genesis,
    set: &CustodianSet,
    receipt: &Receipt,
    id: TransactionId,
    digest: Digest,
    custodians: &[CustodianId],
) -> Result<(), ReceiptFault> {
    if receipt.result.as_ref().is_none_or(|result| result.digest(id) != digest) {
        return Err(ReceiptFault::Mismatch);
    }
    let bytes = attested_bytes(genesis.chain_id(), id, digest);
    // Ascending by their encoding, hence distinct.
    let listed = receipt.signatures.iter().map(|(custodian, _)| custodian).eq(custodians);
    let ascending = receipt.signatures.is_sorted_by(|a, b| a.0 < b.0);
    let signed = receipt.signatures.iter().all(|(custodian, signature)| {
        set.get(*custodian).is_some_and(|c| c.signing_key.verify(Purpose::Attestation, &bytes, signature))
    });
    let enough = receipt.signatures.len() >= set.enough();
    if listed && ascending && signed && enough { Ok(()) } else { Err(ReceiptFault::Custodians) }
}

fn summary(genesis: &Genesis, receipt: &Receipt, verdict: Verdict) -> Result<ReceiptSummary, ReceiptFault> {
    let status = &receipt.status;
    let decided = receipt.result.as_ref();
    Ok(ReceiptSummary {
        request: status.tx,
        asker: genesis.department(status.asker).ok_or(ReceiptFault::Mismatch)?.name.clone(),
        exchange: status.exchange,
        policy: status.policy.clone(),
        version: decided.map_or(status.version, |result| result.version),
        module: decided.map_or(status.module, |result| result.module),
        meaning: status.meaning,
        purpose: status.purpose.clone(),
        basis: status.basis.clone(),
        as_of: decided.map_or(status.as_of, |result| result.as_of),
        height: status.height,
        verdict,
        // A header names the state root after its parent.
        witnessed: Height(receipt.witness.header.height.0.saturating_sub(1)),
        still_in_force: receipt.module.active_from.is_some() && receipt.module.replaced_by.is_none(),
    })
}

impl ReceiptSummary {
    /// The as-of date as people write it.
    fn date(&self) -> String {
        Date::from_days(i64::from(self.as_of)).map_or_else(|| self.as_of.to_string(), |date| date.to_string())
    }

    /// The same facts as JSON.
    pub fn to_json(&self) -> Value {
        let verdict = match &self.verdict {
            Verdict::Finalised { height, digest, custodians } => json!({
                "state": "finalised",
                "height": height.0,
                "digest": digest.hex(),
                "custodians": custodians.iter().map(|c| c.0).collect::<Vec<_>>(),
            }),
            Verdict::Refused { policy, clause, owner } => {
                json!({ "state": "refused", "policy": policy, "clause": clause, "owner": owner })
            }
            Verdict::Expired { height } => json!({ "state": "expired", "height": height.0 }),
        };
        json!({
            "request": self.request.to_string(),
            "asker": self.asker,
            "exchange": format!("{:?}", self.exchange).to_lowercase(),
            "policy": self.policy,
            "version": self.version,
            "module": self.module.hex(),
            "meaning": self.meaning.hex(),
            "purpose": self.purpose,
            "basis": self.basis,
            "as_of": self.date(),
            "height": self.height.0,
            "verdict": verdict,
            "witnessed_height": self.witnessed.0,
            "still_in_force": self.still_in_force,
        })
    }
}

impl fmt::Display for ReceiptSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "回执有效 / the receipt holds")?;
        writeln!(f, "  请求 request    {}", self.request)?;
        writeln!(f, "  询问部门 asker  {}", self.asker)?;
        writeln!(f, "  策略 policy     {} 版本 version {}", self.policy, self.version)?;
        writeln!(f, "  目的 purpose    {}   依据 basis {}", self.purpose, self.basis)?;
        writeln!(f, "  基准日 as of    {}   高度 height {}", self.date(), self.height)?;
        match &self.verdict {
            Verdict::Finalised { height, digest, custodians } => {
                let who: Vec<String> = custodians.iter().map(|c| c.0.to_string()).collect();
                writeln!(
                    f,
                    "  办结 finalised  高度 height {height}, 受托方 custodians {}, 结果 result {digest}",
                    who.join(",")
                )?;
            }
            Verdict::Refused { policy, clause, owner } => {
                writeln!(f, "  拒绝 refused    {owner} · {policy} · {clause}")?;
            }
            Verdict::Expired { height } => writeln!(f, "  过期 expired    高度 height {height}")?,
        }
        let standing =
            if self.still_in_force { "仍有效 in force" } else { "已撤回或被取代 withdrawn or replaced" };
        write!(f, "  模块 module     {standing} (高度 height {})", self.witnessed)
    }
}
