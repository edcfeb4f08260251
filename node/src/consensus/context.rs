//! The node's words in malachite's terms. Owns the vote, the proposal, the validator set and the choice of proposer.
//! Invariant: equality of votes and proposals covers exactly what is signed; the proposer is a pure function of
//! validator set, height and round.
//! Must not know: the driver, the ledger, peers.

use super::certificate::{VoteKind, proposal_bytes, vote_bytes};
use crate::crypto::{Digest, Keypair, PublicKey, Signature};
use crate::transaction::{ChainId, Height};
use arc_malachitebft_core_types as core;
use core::{NilOrVal, Round, SignedExtension, VoteType, VotingPower};
use std::fmt;
use std::sync::Arc;

/// Malachite's type parameters, chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuijuContext;

/// A validator's consensus key as its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub PublicKey);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl core::Address for Address {}

impl core::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.checked_add(n).expect("2^64 blocks are out of reach"))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }
    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// Consensus is on digests; bodies travel apart and are judged by the ledger.
impl core::Value for Digest {
    type Id = Digest;
    fn id(&self) -> Digest {
        *self
    }
}

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The height voted on.
    pub height: Height,
    /// The round; never nil in a vote that is sent.
    pub round: Round,
    /// The block voted for, or nil.
    pub block: NilOrVal<Digest>,
    /// Who votes.
    pub validator: Address,
}

impl Vote {
    /// The kind, in the certificate module's word.
    pub fn vote_kind(&self) -> VoteKind {
        match self.kind {
            VoteType::Prevote => VoteKind::Prevote,
            VoteType::Precommit => VoteKind::Precommit,
        }
    }
    /// The block voted for; `None` is nil.
    pub fn block(&self) -> Option<Digest> {
        match self.block {
            NilOrVal::Nil => None,
            NilOrVal::Val(digest) => Some(digest),
        }
    }
    /// The round's number.
    pub fn round_number(&self) -> u32 {
        self.round.as_u32().unwrap_or(0)
    }
    /// What the signature covers.
    pub fn signing_bytes(&self, chain: ChainId) -> Vec<u8> {
        vote_bytes(chain, self.vote_kind(), self.height, self.round_number(), self.block(), self.validator.0)
    }
}

impl core::Vote<GuijuContext> for Vote {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<Digest> {
        &self.block
    }
    fn take_value(self) -> NilOrVal<Digest> {
        self.block
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &Address {
        &self.validator
    }
    fn extension(&self) -> Option<&SignedExtension<GuijuContext>> {
        None
    }
    fn take_extension(&mut self) -> Option<SignedExtension<GuijuContext>> {
        None
    }
    fn extend(self, _: SignedExtension<GuijuContext>) -> Self {
        self
    }
}

/// A proposal of a block's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The height.
    pub height: Height,
    /// The round; never nil.
    pub round: Round,
    /// The block.
    pub block: Digest,
    /// The earlier round whose prevotes justify proposing this block again.
    pub lock_round: Round,
    /// Who proposes.
    pub validator: Address,
}

impl Proposal {
    /// What the signature covers.
    pub fn signing_bytes(&self, chain: ChainId) -> Vec<u8> {
        let round = self.round.as_u32().unwrap_or(0);
        proposal_bytes(chain, self.height, round, self.block, self.lock_round.as_u32(), self.validator.0)
    }
}

impl core::Proposal<GuijuContext> for Proposal {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &Digest {
        &self.block
    }
    fn take_value(self) -> Digest {
        self.block
    }
    fn pol_round(&self) -> Round {
        self.lock_round
    }
    fn validator_address(&self) -> &Address {
        &self.validator
    }
}

/// The core never uses parts: bodies go as one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPart;

impl core::ProposalPart<GuijuContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }
    fn is_last(&self) -> bool {
        true
    }
}

/// A validator; every one has one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator(Address);

impl core::Validator<GuijuContext> for Validator {
    fn address(&self) -> &Address {
        &self.0
    }
    fn public_key(&self) -> &PublicKey {
        &self.0.0
    }
    fn voting_power(&self) -> VotingPower {
        1
    }
}

/// The validators of a height, ascending by key, each once. Cheap to clone: the core clones it at every certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Vec<Validator>>);

impl ValidatorSet {
    /// The set of `keys`; order and repetition do not matter.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut addresses: Vec<_> = keys.into_iter().map(Address).collect();
        addresses.sort();
        addresses.dedup();
        Self(Arc::new(addresses.into_iter().map(Validator).collect()))
    }
    /// Whether `key` is a validator.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.binary_search_by_key(key, |validator| validator.0.0).is_ok()
    }
    /// Their keys, ascending.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.0.iter().map(|validator| validator.0.0).collect()
    }
    /// Who proposes at `height` and `round`: round-robin, so that a dead proposer costs one round in turn.
    pub fn proposer(&self, height: Height, round: u32) -> PublicKey {
        self.proposer_entry(height, round).0.0
    }

    fn proposer_entry(&self, height: Height, round: u32) -> &Validator {
        let count = self.0.len() as u64;
        let turn = (height.0 % count + u64::from(round) % count) % count;
        &self.0[usize::try_from(turn).expect("less than the number of validators")]
    }
}

impl core::ValidatorSet<GuijuContext> for ValidatorSet {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn total_voting_power(&self) -> VotingPower {
        self.0.len() as u64
    }
    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        let at = self.0.binary_search_by_key(address, |validator| validator.0).ok()?;
        self.0.get(at)
    }
    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.0.get(index)
    }
}

/// Ed25519, as `crypto` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519;

impl core::SigningScheme for Ed25519 {
    type DecodingError = crate::codec::DecodeError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = Keypair;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, Self::DecodingError> {
        crate::codec::Decode::from_bytes(bytes)
    }
    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, Self::DecodingError> {
        crate::codec::Decode::from_bytes(bytes)
    }
    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.0.to_vec()
    }
}

impl core::Context for GuijuContext {
    type Address = Address;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = core::LinearTimeouts;
    type Value = Digest;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a ValidatorSet, height: Height, round: Round) -> &'a Validator {
        set.proposer_entry(height, round.as_u32().unwrap_or(0))
    }
    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        block: Digest,
        lock_round: Round,
        validator: Address,
    ) -> Proposal {
        Proposal { height, round, block, lock_round, validator }
    }
    fn new_prevote(&self, height: Height, round: Round, block: NilOrVal<Digest>, validator: Address) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, block, validator }
    }
    fn new_precommit(&self, height: Height, round: Round, block: NilOrVal<Digest>, validator: Address) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, block, validator }
    }
}
