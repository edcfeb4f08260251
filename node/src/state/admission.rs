//! What may enter a node's pool and what a proposed block must fulfil. Owns [`Refusal`], [`BlockFault`] and their texts.
//! Invariant: `validate` looks only at what cannot change between proposal and decision, so that an honest proposer's
//! block is valid at every honest node. Must not know: execution.

use super::backing::Backing;
use super::{Ledger, keys};
use crate::block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, Block, Timestamp, transactions_root};
use crate::codec::Encode;
use crate::transaction::{
    Height, Payload, SignatureError, SignedTransaction, Signer, TRANSACTION_BYTES_MAX, TransactionId,
    VALIDITY_BLOCKS_MAX, VerifiedTransaction,
};
use std::collections::BTreeSet;
use std::fmt;

/// How far a block's time may be ahead of the judge's clock, in milliseconds.
pub const CLOCK_AHEAD_MAX_MS: u64 = 5_000;

/// Why a transaction was not admitted. The sender is at fault, and nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Signatures or chain are wrong.
    Signature(SignatureError),
    /// Larger than [`TRANSACTION_BYTES_MAX`].
    TooLarge,
    /// Its validity has passed.
    Expired {
        /// Last height at which it was valid.
        valid_until: Height,
        /// The next height.
        next: Height,
    },
    /// Its validity reaches too far.
    ValidTooLong,
    /// It was executed already.
    AlreadyExecuted,
    /// This sender cannot send this kind of transaction.
    SenderMayNot(Signer),
    /// A submitted record is of a type that another department owns.
    NotOwner {
        /// The certificate type.
        schema: String,
        /// The department that owns it.
        owner: String,
    },
    /// Its payload is empty or breaks a bound.
    Malformed(&'static str),
}

impl Refusal {
    /// A code for programs; it never changes its meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature(SignatureError::OtherChain) => "other-chain",
            Self::Signature(SignatureError::Unsigned(_)) => "unsigned",
            Self::Signature(SignatureError::UnknownSigner(_)) => "unknown-signer",
            Self::Signature(SignatureError::BadSignature(_)) => "bad-signature",
            Self::TooLarge => "transaction-too-large",
            Self::Expired { .. } => "expired",
            Self::ValidTooLong => "valid-too-long",
            Self::AlreadyExecuted => "already-executed",
            Self::SenderMayNot(_) => "sender-may-not",
            Self::NotOwner { .. } => "not-owner",
            Self::Malformed(_) => "malformed-payload",
        }
    }

    /// The reason in Chinese.
    pub fn zh(&self) -> String {
        self.texts().0
    }

    /// The reason in English.
    pub fn en(&self) -> String {
        self.texts().1
    }

    fn texts(&self) -> (String, String) {
        match self {
            Self::Signature(error) => split(&error.to_string()),
            Self::TooLarge => (
                format!("交易超过 {TRANSACTION_BYTES_MAX} 字节"),
                format!("the transaction is over {TRANSACTION_BYTES_MAX} bytes"),
            ),
            Self::Expired { valid_until, next } => (
                format!("交易有效期至高度 {valid_until},下一高度为 {next}"),
                format!("the transaction was valid until height {valid_until}; the next height is {next}"),
            ),
            Self::ValidTooLong => (
                format!("交易有效期超过 {VALIDITY_BLOCKS_MAX} 个区块"),
                format!("the transaction is valid for more than {VALIDITY_BLOCKS_MAX} blocks"),
            ),
            Self::AlreadyExecuted => ("交易已执行".to_owned(), "already executed".to_owned()),
            Self::SenderMayNot(who) => {
                (format!("{}不能发送此类交易", who.zh()), format!("{} may not send this kind of transaction", who.en()))
            }
            Self::NotOwner { schema, owner } => (
                format!("证书“{schema}”属于{owner},只有其可提交"),
                format!("certificate type {schema} belongs to {owner}, which alone can submit it"),
            ),
            Self::Malformed(what) => split(what),
        }
    }
}

/// The two halves of a `Chinese / English` text.
fn split(text: &str) -> (String, String) {
    let (zh, en) = text.split_once(" / ").unwrap_or((text, text));
    (zh.to_owned(), en.to_owned())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (zh, en) = self.texts();
        write!(f, "{zh} / {en}")
    }
}

impl std::error::Error for Refusal {}

/// Why a proposed block is not valid. The proposer is at fault (or, for its time, one of the two clocks).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// Chain, height or parent do not follow the last block.
    Unlinked,
    /// The state root is not the one after the parent: proposer and judge disagree about the state.
    StateRoot,
    /// The transaction root is not that of the transactions.
    TransactionsRoot,
    /// Not after the parent's time.
    Time,
    /// Too far ahead of the judge's clock. One of the two clocks is at fault, and it passes with time.
    TooEarly,
    /// The proposer is no validator.
    Proposer,
    /// Over [`BLOCK_BYTES_MAX`] or [`BLOCK_TRANSACTIONS_MAX`].
    TooLarge,
    /// A transaction appears twice.
    Duplicate(TransactionId),
    /// A transaction may not be in this block.
    Transaction(TransactionId, Refusal),
}

impl fmt::Display for BlockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlinked => f.write_str("区块不接续账本 / the block does not follow the last one"),
            Self::StateRoot => f.write_str("状态根不一致 / the state root differs"),
            Self::TransactionsRoot => f.write_str("交易根不一致 / the transaction root differs"),
            Self::Time => f.write_str("区块时间不晚于前块 / the block's time is not after its parent's"),
            Self::TooEarly => f.write_str("区块时间超前 / the block's time is too far ahead of the clock"),
            Self::Proposer => f.write_str("提议者不是验证节点 / the proposer is no validator"),
            Self::TooLarge => f.write_str("区块过大 / the block is too large"),
            Self::Duplicate(id) => write!(f, "交易重复 / a transaction appears twice: {id}"),
            Self::Transaction(id, refusal) => {
                write!(f, "交易不可入块 / a transaction may not be in it: {id}: {refusal}")
            }
        }
    }
}

impl std::error::Error for BlockFault {}

impl<B: Backing> Ledger<B> {
    /// Whether a transaction may wait for a block: size, signatures, chain, validity, not executed, sender and ownership.
    /// What only execution can decide (a gate, a policy not yet in force) is not refused here: it may change before its turn.
    pub fn admit(&self, transaction: &SignedTransaction) -> Result<VerifiedTransaction, Refusal> {
        let verified = self.admissible(transaction, self.head.height.next())?;
        if self.backing.get(&keys::seen(verified.id())).is_some() {
            return Err(Refusal::AlreadyExecuted);
        }
        if let Payload::Submit { records } = &transaction.body.payload {
            for record in records {
                self.register.owner_check(&self.genesis, transaction.body.sender, record)?;
            }
        }
        Ok(verified)
    }

    /// Whether a proposed block follows the ledger. `now` is the judge's clock.
    pub fn validate(&self, block: &Block, now: Timestamp) -> Result<(), BlockFault> {
        let header = &block.header;
        let next = self.head.height.next();
        if header.chain != self.chain || header.height != next || header.parent != self.head.block {
            return Err(BlockFault::Unlinked);
        }
        if header.state_root != self.root {
            return Err(BlockFault::StateRoot);
        }
        if header.time <= self.head.time {
            return Err(BlockFault::Time);
        }
        if header.time.0 > now.0.saturating_add(CLOCK_AHEAD_MAX_MS) {
            return Err(BlockFault::TooEarly);
        }
        if !self.genesis.is_validator(header.proposer) {
            return Err(BlockFault::Proposer);
        }
        if block.transactions.len() > BLOCK_TRANSACTIONS_MAX || block.to_bytes().len() > BLOCK_BYTES_MAX {
            return Err(BlockFault::TooLarge);
        }
        if header.transactions_root != transactions_root(&block.transactions) {
            return Err(BlockFault::TransactionsRoot);
        }
        let mut ids = BTreeSet::new();
        for transaction in &block.transactions {
            let id = transaction.body.id();
            if !ids.insert(id) {
                return Err(BlockFault::Duplicate(id));
            }
            self.admissible(transaction, next).map_err(|refusal| BlockFault::Transaction(id, refusal))?;
            if self.backing.get(&keys::seen(id)).is_some() {
                return Err(BlockFault::Transaction(id, Refusal::AlreadyExecuted));
            }
        }
        Ok(())
    }

    /// The part that depends on nothing but genesis, height, the custodians after the parent and the transaction itself.
    pub(super) fn admissible(
        &self,
        transaction: &SignedTransaction,
        height: Height,
    ) -> Result<VerifiedTransaction, Refusal> {
        let body = &transaction.body;
        if transaction.to_bytes().len() > TRANSACTION_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if body.valid_until < height {
            return Err(Refusal::Expired { valid_until: body.valid_until, next: height });
        }
        // One block of slack: a client that reads the height of the node ahead of this one is still served.
        if body.valid_until.0 > height.0.saturating_add(VALIDITY_BLOCKS_MAX) {
            return Err(Refusal::ValidTooLong);
        }
        may_send(body.sender, &body.payload)?;
        transaction.clone().verify(self.chain, |who| self.key_of(who)).map_err(Refusal::Signature)
    }
}

/// Custodians attest, say what they destroyed and who follows them; departments do everything else. Empty payloads are refused.
fn may_send(sender: Signer, payload: &Payload) -> Result<(), Refusal> {
    let of_custody = matches!(payload, Payload::Attest { .. } | Payload::Destroyed { .. } | Payload::Custodians(_));
    if of_custody != matches!(sender, Signer::Custodian(_)) {
        return Err(Refusal::SenderMayNot(sender));
    }
    let empty = match payload {
        Payload::Submit { records } => records.is_empty(),
        Payload::Attest { attestations } => attestations.is_empty(),
        Payload::Publish { source } => source.is_empty(),
        Payload::Request(request) => request.policy.is_empty(),
        Payload::Erase { records, .. } => records.is_empty(),
        Payload::Destroyed { records } => records.is_empty(),
        Payload::Custodians(change) => change.custodians.is_empty(),
        Payload::Approve { .. } | Payload::Withdraw { .. } => false,
    };
    if empty { Err(Refusal::Malformed("交易内容为空 / the payload is empty")) } else { Ok(()) }
}
