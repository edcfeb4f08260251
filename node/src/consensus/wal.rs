//! The write-ahead records of one height. Owns what must be on disk before a consensus message leaves, and its bytes.
//! Invariant: feeding the records of a height, in order, to a fresh driver brings back every lock and every statement
//! that this node may have made. Must not know: files; the adapter appends, syncs and truncates.

use super::context::{Address, GuijuContext};
use super::messages::{
    decode_defined_round, decode_polka, decode_proposal, decode_round, decode_vote, encode_polka, encode_proposal,
    encode_round, encode_vote,
};
use crate::block::Block;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey};
use crate::transaction::Height;
use arc_malachitebft_core_consensus::{Input, ProposedValue};
use arc_malachitebft_core_types::{
    PolkaCertificate, Round, SignedProposal, SignedVote, Timeout, TimeoutKind, Validity, ValueOrigin,
};

/// Largest encoded record, in bytes: a block body and its frame.
pub const WAL_RECORD_BYTES_MAX: usize = crate::block::BLOCK_BYTES_MAX + 64 * 1024;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalRecord {
    /// A vote, ours or a peer's.
    Vote(SignedVote<GuijuContext>),
    /// A proposal, ours or a peer's.
    Proposal(SignedProposal<GuijuContext>),
    /// A verdict on a block's body, or a block of our own.
    Value(ProposedValue<GuijuContext>),
    /// A timeout of the height that elapsed.
    Timeout(Height, Timeout),
    /// Prevotes of more than two thirds.
    Polka(PolkaCertificate<GuijuContext>),
    /// A body, so that a restarted node can propose, send and commit the block its records speak of.
    Body(Block),
}

impl WalRecord {
    /// The height the record belongs to. Records at or below the ledger's height are void.
    pub fn height(&self) -> Height {
        match self {
            Self::Vote(vote) => vote.message.height,
            Self::Proposal(proposal) => proposal.message.height,
            Self::Value(value) => value.height,
            Self::Timeout(height, _) => *height,
            Self::Polka(certificate) => certificate.height,
            Self::Body(block) => block.header.height,
        }
    }

    /// The block that `validator` proposed itself by this record, and the round; `None` for every other record.
    pub fn own_value(&self, validator: PublicKey) -> Option<(u32, Digest)> {
        match self {
            Self::Value(value) if value.proposer.0 == validator => Some((value.round.as_u32()?, value.value)),
            _ => None,
        }
    }

    /// The record of a core input; `None` for inputs that the core never asks to persist.
    pub(super) fn of_input(height: Height, input: Input<GuijuContext>) -> Option<Self> {
        Some(match input {
            Input::Vote(vote) => Self::Vote(vote),
            Input::Proposal(proposal) => Self::Proposal(proposal),
            Input::ProposedValue(value, _) => Self::Value(value),
            Input::TimeoutElapsed(timeout) => Self::Timeout(height, timeout),
            Input::PolkaCertificate(certificate) => Self::Polka(certificate),
            Input::StartHeight(..) | Input::RoundCertificate(_) | Input::Propose(_) | Input::SyncValueResponse(_) => {
                return None;
            }
        })
    }

    /// The input to feed at replay; `None` for a body.
    pub(super) fn into_input(self) -> Option<Input<GuijuContext>> {
        Some(match self {
            Self::Vote(vote) => Input::Vote(vote),
            Self::Proposal(proposal) => Input::Proposal(proposal),
            Self::Value(value) => Input::ProposedValue(value, ValueOrigin::Consensus),
            Self::Timeout(_, timeout) => Input::TimeoutElapsed(timeout),
            Self::Polka(certificate) => Input::PolkaCertificate(certificate),
            Self::Body(_) => return None,
        })
    }
}

impl Encode for WalRecord {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Vote(vote) => {
                out.u8(1);
                encode_vote(vote, out);
            }
            Self::Proposal(proposal) => {
                out.u8(2);
                encode_proposal(proposal, out);
            }
            Self::Value(value) => {
                out.u8(3);
                value.height.encode(out);
                encode_round(value.round, out);
                encode_round(value.valid_round, out);
                value.proposer.0.encode(out);
                value.value.encode(out);
                out.bool(value.validity.is_valid());
            }
            Self::Timeout(height, timeout) => {
                out.u8(4);
                height.encode(out);
                out.u8(match timeout.kind {
                    TimeoutKind::Propose => 1,
                    TimeoutKind::Prevote => 2,
                    TimeoutKind::Precommit => 3,
                    TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => 4,
                });
                encode_round(timeout.round, out);
            }
            Self::Polka(certificate) => {
                out.u8(5);
                encode_polka(certificate, out);
            }
            Self::Body(block) => {
                out.u8(6);
                block.encode(out);
            }
        }
    }
}

impl Decode for WalRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Vote(decode_vote(input)?),
            2 => Self::Proposal(decode_proposal(input)?),
            3 => Self::Value(ProposedValue {
                height: Height::decode(input)?,
                round: decode_defined_round(input)?,
                valid_round: decode_round(input)?,
                proposer: Address(PublicKey::decode(input)?),
                value: Digest::decode(input)?,
                validity: Validity::from_bool(input.bool()?),
            }),
            4 => {
                let height = Height::decode(input)?;
                let kind = match input.u8()? {
                    1 => TimeoutKind::Propose,
                    2 => TimeoutKind::Prevote,
                    3 => TimeoutKind::Precommit,
                    4 => TimeoutKind::Rebroadcast,
                    _ => return Err(DecodeError::Malformed),
                };
                let round: Round = decode_defined_round(input)?;
                Self::Timeout(height, Timeout::new(round, kind))
            }
            5 => Self::Polka(decode_polka(input)?),
            6 => Self::Body(Block::decode(input)?),
            _ => return Err(DecodeError::Malformed),
        })
    }
}
