//! The consensus messages that validators exchange. Owns their bytes and bounds.
//! Invariant: a decoded message has a round, and no list longer than the validator bound; decoding never panics.
//! Must not know: whether a message is true; the driver checks signatures.

use super::certificate::VoteKind;
use super::context::{Address, GuijuContext, Proposal, Vote};
use crate::block::VALIDATORS_MAX;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey, Signature};
use crate::transaction::Height;
use arc_malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature,
    SignedProposal, SignedVote, VoteType,
};

/// A round number over this is refused: with timeouts that grow, no honest node reaches it in years.
pub const ROUND_MAX: u32 = 1_000_000;

/// A message between validators about one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsensusMessage {
    /// A signed vote.
    Vote(SignedVote<GuijuContext>),
    /// A signed proposal of a block's digest; its body travels as another message.
    Proposal(SignedProposal<GuijuContext>),
    /// Prevotes of more than two thirds for one block, so that a late node can accept its proposal anew.
    Polka(PolkaCertificate<GuijuContext>),
    /// Votes that justify entering a round.
    Round(RoundCertificate<GuijuContext>),
}

/// One statement that a validator must never make twice with different content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Who states it.
    pub validator: PublicKey,
    /// The vote's kind; `None` for a proposal.
    pub kind: Option<VoteKind>,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: u32,
}

impl ConsensusMessage {
    /// The height the message is about.
    pub fn height(&self) -> Height {
        match self {
            Self::Vote(vote) => vote.message.height,
            Self::Proposal(proposal) => proposal.message.height,
            Self::Polka(certificate) => certificate.height,
            Self::Round(certificate) => certificate.height,
        }
    }

    /// Every signed statement in the message, with the digest of the content said (`None` for nil). A proposal's
    /// content is its block and lock round. Serves equivocation checks and the simulator.
    pub fn statements(&self) -> Vec<(Slot, Option<Digest>)> {
        let slot = |validator: Address, kind, height, round: Round| Slot {
            validator: validator.0,
            kind,
            height,
            round: round.as_u32().unwrap_or(0),
        };
        match self {
            Self::Vote(vote) => {
                let vote = &vote.message;
                vec![(slot(vote.validator, Some(vote.vote_kind()), vote.height, vote.round), vote.block())]
            }
            Self::Proposal(proposal) => {
                let p = &proposal.message;
                let mut content = Writer::default();
                p.block.encode(&mut content);
                encode_round(p.lock_round, &mut content);
                let content = Digest::of("guiju/1/proposal-content", &content.into_bytes());
                vec![(slot(p.validator, None, p.height, p.round), Some(content))]
            }
            Self::Polka(c) => (c.polka_signatures.iter())
                .map(|s| (slot(s.address, Some(VoteKind::Prevote), c.height, c.round), Some(c.value_id)))
                .collect(),
            Self::Round(c) => (c.round_signatures.iter())
                .map(|s| {
                    let vote = Vote {
                        kind: s.vote_type,
                        height: c.height,
                        round: c.round,
                        block: s.value_id,
                        validator: s.address,
                    };
                    (slot(s.address, Some(vote.vote_kind()), c.height, c.round), vote.block())
                })
                .collect(),
        }
    }
}

fn encode_kind(kind: VoteType, out: &mut Writer) {
    out.u8(match kind {
        VoteType::Prevote => 1,
        VoteType::Precommit => 2,
    });
}

fn decode_kind(input: &mut Reader<'_>) -> Result<VoteType, DecodeError> {
    match input.u8()? {
        1 => Ok(VoteType::Prevote),
        2 => Ok(VoteType::Precommit),
        _ => Err(DecodeError::Malformed),
    }
}

/// Writes a round that can be nil.
pub(super) fn encode_round(round: Round, out: &mut Writer) {
    out.bool(round.is_defined());
    if let Some(round) = round.as_u32() {
        out.u32(round);
    }
}

/// Reads a round that can be nil.
pub(super) fn decode_round(input: &mut Reader<'_>) -> Result<Round, DecodeError> {
    if input.bool()? { decode_some_round(input) } else { Ok(Round::Nil) }
}

fn decode_some_round(input: &mut Reader<'_>) -> Result<Round, DecodeError> {
    let round = input.u32()?;
    if round > ROUND_MAX { Err(DecodeError::TooLong) } else { Ok(Round::new(round)) }
}

/// Reads a round that must be given.
pub(super) fn decode_defined_round(input: &mut Reader<'_>) -> Result<Round, DecodeError> {
    let round = decode_round(input)?;
    if round.is_defined() { Ok(round) } else { Err(DecodeError::Malformed) }
}

fn encode_block(block: &NilOrVal<Digest>, out: &mut Writer) {
    out.bool(block.is_val());
    if let NilOrVal::Val(digest) = block {
        digest.encode(out);
    }
}

fn decode_block(input: &mut Reader<'_>) -> Result<NilOrVal<Digest>, DecodeError> {
    Ok(if input.bool()? { NilOrVal::Val(Digest::decode(input)?) } else { NilOrVal::Nil })
}

fn encode_count(count: usize, out: &mut Writer) {
    out.u8(u8::try_from(count).expect("a certificate has at most VALIDATORS_MAX = 128 signatures"));
}

fn decode_list<T>(
    input: &mut Reader<'_>,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = usize::from(input.u8()?);
    if count > VALIDATORS_MAX {
        return Err(DecodeError::TooLong);
    }
    (0..count).map(|_| item(input)).collect()
}

pub(super) fn encode_vote(vote: &SignedVote<GuijuContext>, out: &mut Writer) {
    encode_kind(vote.message.kind, out);
    vote.message.height.encode(out);
    encode_round(vote.message.round, out);
    encode_block(&vote.message.block, out);
    vote.message.validator.0.encode(out);
    vote.signature.encode(out);
}

pub(super) fn decode_vote(input: &mut Reader<'_>) -> Result<SignedVote<GuijuContext>, DecodeError> {
    let message = Vote {
        kind: decode_kind(input)?,
        height: Height::decode(input)?,
        round: decode_defined_round(input)?,
        block: decode_block(input)?,
        validator: Address(PublicKey::decode(input)?),
    };
    Ok(SignedVote::new(message, Signature::decode(input)?))
}

pub(super) fn encode_proposal(proposal: &SignedProposal<GuijuContext>, out: &mut Writer) {
    proposal.message.height.encode(out);
    encode_round(proposal.message.round, out);
    proposal.message.block.encode(out);
    encode_round(proposal.message.lock_round, out);
    proposal.message.validator.0.encode(out);
    proposal.signature.encode(out);
}

pub(super) fn decode_proposal(input: &mut Reader<'_>) -> Result<SignedProposal<GuijuContext>, DecodeError> {
    let message = Proposal {
        height: Height::decode(input)?,
        round: decode_defined_round(input)?,
        block: Digest::decode(input)?,
        lock_round: decode_round(input)?,
        validator: Address(PublicKey::decode(input)?),
    };
    Ok(SignedProposal::new(message, Signature::decode(input)?))
}

pub(super) fn encode_polka(certificate: &PolkaCertificate<GuijuContext>, out: &mut Writer) {
    certificate.height.encode(out);
    encode_round(certificate.round, out);
    certificate.value_id.encode(out);
    encode_count(certificate.polka_signatures.len(), out);
    for signature in &certificate.polka_signatures {
        signature.address.0.encode(out);
        signature.signature.encode(out);
    }
}

pub(super) fn decode_polka(input: &mut Reader<'_>) -> Result<PolkaCertificate<GuijuContext>, DecodeError> {
    Ok(PolkaCertificate {
        height: Height::decode(input)?,
        round: decode_defined_round(input)?,
        value_id: Digest::decode(input)?,
        polka_signatures: decode_list(input, |input| {
            let address = Address(PublicKey::decode(input)?);
            Ok(PolkaSignature { address, signature: Signature::decode(input)? })
        })?,
    })
}

fn encode_round_certificate(certificate: &RoundCertificate<GuijuContext>, out: &mut Writer) {
    certificate.height.encode(out);
    encode_round(certificate.round, out);
    out.u8(match certificate.cert_type {
        RoundCertificateType::Skip => 1,
        RoundCertificateType::Precommit => 2,
    });
    encode_count(certificate.round_signatures.len(), out);
    for signature in &certificate.round_signatures {
        encode_kind(signature.vote_type, out);
        encode_block(&signature.value_id, out);
        signature.address.0.encode(out);
        signature.signature.encode(out);
    }
}

fn decode_round_certificate(input: &mut Reader<'_>) -> Result<RoundCertificate<GuijuContext>, DecodeError> {
    Ok(RoundCertificate {
        height: Height::decode(input)?,
        round: decode_defined_round(input)?,
        cert_type: match input.u8()? {
            1 => RoundCertificateType::Skip,
            2 => RoundCertificateType::Precommit,
            _ => return Err(DecodeError::Malformed),
        },
        round_signatures: decode_list(input, |input| {
            Ok(RoundSignature {
                vote_type: decode_kind(input)?,
                value_id: decode_block(input)?,
                address: Address(PublicKey::decode(input)?),
                signature: Signature::decode(input)?,
            })
        })?,
    })
}

impl Encode for ConsensusMessage {
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
            Self::Polka(certificate) => {
                out.u8(3);
                encode_polka(certificate, out);
            }
            Self::Round(certificate) => {
                out.u8(4);
                encode_round_certificate(certificate, out);
            }
        }
    }
}

impl Decode for ConsensusMessage {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Vote(decode_vote(input)?),
            2 => Self::Proposal(decode_proposal(input)?),
            3 => Self::Polka(decode_polka(input)?),
            4 => Self::Round(decode_round_certificate(input)?),
            _ => return Err(DecodeError::Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::wal::WalRecord;
    use super::*;
    use crate::block::{Block, Header, Timestamp};
    use crate::transaction::ChainId;
    use arc_malachitebft_core_consensus::ProposedValue;
    use arc_malachitebft_core_types::{Timeout, Validity};

    const KEY: PublicKey = PublicKey([3; 32]);
    const SIGNATURE: Signature = Signature([4; 64]);

    fn vote(block: NilOrVal<Digest>) -> SignedVote<GuijuContext> {
        let (kind, round) = (VoteType::Precommit, Round::new(2));
        SignedVote::new(Vote { kind, height: Height(7), round, block, validator: Address(KEY) }, SIGNATURE)
    }

    fn proposal(lock_round: Round) -> SignedProposal<GuijuContext> {
        let (height, round, block) = (Height(7), Round::new(2), Digest([9; 32]));
        SignedProposal::new(Proposal { height, round, block, lock_round, validator: Address(KEY) }, SIGNATURE)
    }

    fn polka() -> PolkaCertificate<GuijuContext> {
        let polka_signatures = vec![PolkaSignature { address: Address(KEY), signature: SIGNATURE }; 3];
        PolkaCertificate { height: Height(7), round: Round::new(1), value_id: Digest([9; 32]), polka_signatures }
    }

    fn messages() -> Vec<ConsensusMessage> {
        let signature = RoundSignature {
            vote_type: VoteType::Prevote,
            value_id: NilOrVal::Nil,
            address: Address(KEY),
            signature: SIGNATURE,
        };
        let round = |cert_type| RoundCertificate {
            height: Height(7),
            round: Round::new(1),
            cert_type,
            round_signatures: vec![signature.clone(); 2],
        };
        vec![
            ConsensusMessage::Vote(vote(NilOrVal::Nil)),
            ConsensusMessage::Vote(vote(NilOrVal::Val(Digest([9; 32])))),
            ConsensusMessage::Proposal(proposal(Round::Nil)),
            ConsensusMessage::Proposal(proposal(Round::new(1))),
            ConsensusMessage::Polka(polka()),
            ConsensusMessage::Round(round(RoundCertificateType::Skip)),
            ConsensusMessage::Round(round(RoundCertificateType::Precommit)),
        ]
    }

    fn records() -> Vec<WalRecord> {
        let header = Header {
            chain: ChainId(Digest([1; 32])),
            height: Height(7),
            parent: Digest([2; 32]),
            time: Timestamp(3),
            proposer: KEY,
            state_root: Digest([4; 32]),
            transactions_root: Digest([5; 32]),
        };
        let value = |valid| ProposedValue {
            height: Height(7),
            round: Round::new(2),
            valid_round: Round::Nil,
            proposer: Address(KEY),
            value: Digest([9; 32]),
            validity: Validity::from_bool(valid),
        };
        vec![
            WalRecord::Vote(vote(NilOrVal::Nil)),
            WalRecord::Proposal(proposal(Round::Nil)),
            WalRecord::Value(value(true)),
            WalRecord::Value(value(false)),
            WalRecord::Timeout(Height(7), Timeout::propose(Round::new(2))),
            WalRecord::Timeout(Height(7), Timeout::precommit(Round::new(0))),
            WalRecord::Polka(polka()),
            WalRecord::Body(Block { header, transactions: Vec::new() }),
        ]
    }

    #[test]
    fn messages_and_records_come_back_as_they_were() {
        for message in messages() {
            assert_eq!(ConsensusMessage::from_bytes(&message.to_bytes()), Ok(message));
        }
        for record in records() {
            assert_eq!(record.height(), Height(7));
            assert_eq!(WalRecord::from_bytes(&record.to_bytes()), Ok(record));
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_mean_something_else_and_never_panic() {
        for bytes in messages().iter().map(Encode::to_bytes) {
            assert!((0..bytes.len()).all(|cut| ConsensusMessage::from_bytes(&bytes[..cut]).is_err()));
            assert_eq!(ConsensusMessage::from_bytes(&[bytes.clone(), vec![0]].concat()), Err(DecodeError::Trailing));
            for at in 0..bytes.len() {
                for flip in [1, 0x80, 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] ^= flip;
                    // One value has one encoding: what decodes must encode to the same bytes.
                    if let Ok(message) = ConsensusMessage::from_bytes(&changed) {
                        assert_eq!(message.to_bytes(), changed);
                    }
                }
            }
        }
        for bytes in records().iter().map(Encode::to_bytes) {
            assert!((0..bytes.len()).all(|cut| WalRecord::from_bytes(&bytes[..cut]).is_err()));
        }
    }

    #[test]
    fn a_vote_without_a_round_and_a_round_out_of_reach_are_refused() {
        let mut nil = vote(NilOrVal::Nil);
        nil.message.round = Round::Nil;
        assert_eq!(ConsensusMessage::from_bytes(&ConsensusMessage::Vote(nil).to_bytes()), Err(DecodeError::Malformed));
        let mut far = vote(NilOrVal::Nil);
        far.message.round = Round::new(ROUND_MAX + 1);
        assert_eq!(ConsensusMessage::from_bytes(&ConsensusMessage::Vote(far).to_bytes()), Err(DecodeError::TooLong));
    }
}
