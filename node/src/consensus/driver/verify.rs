//! Checks of signatures and certificates within a height. Owns the cache of signatures found good.
//! Invariant: the cache's key covers public key, signed bytes and signature, so a hit proves what the check would;
//! it is bounded and emptied at every height. Must not know: the core's state.
#![expect(clippy::result_large_err, reason = "the error type is the core's, and the core wants it by value")]

use super::super::certificate::{is_quorum, verify_certificate_with};
use super::super::context::{GuijuContext, ValidatorSet, Vote};
use super::super::messages::ConsensusMessage;
use super::certificate_of;
use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, PublicKey, Purpose, Signature};
use crate::transaction::ChainId;
use arc_malachitebft_core_consensus::ConsensusMsg;
use arc_malachitebft_core_types::{
    BoxError, CertificateError, CommitCertificate, NilOrVal, PolkaCertificate, RoundCertificate, RoundCertificateType,
    VoteType,
};
use std::collections::BTreeSet;

/// Most signatures remembered in one height. Beyond it signatures are checked again, never trusted.
const REMEMBERED_MAX: usize = 32_768;

/// The verifier of one height.
pub(super) struct Verifier {
    chain: ChainId,
    validators: ValidatorSet,
    good: BTreeSet<Digest>,
}

impl Verifier {
    pub(super) fn new(chain: ChainId, validators: ValidatorSet) -> Self {
        Self { chain, validators, good: BTreeSet::new() }
    }

    /// Forgets the height before and takes the validators of the one that begins.
    pub(super) fn begin(&mut self, validators: ValidatorSet) {
        self.validators = validators;
        self.good.clear();
    }

    pub(super) fn chain(&self) -> ChainId {
        self.chain
    }

    /// Notes a signature as good: our own, or one just checked.
    pub(super) fn remember(&mut self, purpose: Purpose, key: &PublicKey, bytes: &[u8], signature: &Signature) {
        if self.good.len() < REMEMBERED_MAX {
            self.good.insert(cache_key(purpose, key, bytes, signature));
        }
    }

    fn check(&mut self, purpose: Purpose, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        if self.good.contains(&cache_key(purpose, key, bytes, signature)) {
            return true;
        }
        let good = key.verify(purpose, bytes, signature);
        if good {
            self.remember(purpose, key, bytes, signature);
        }
        good
    }

    pub(super) fn message(
        &mut self,
        message: &ConsensusMsg<GuijuContext>,
        key: &PublicKey,
        signature: &Signature,
    ) -> bool {
        match message {
            ConsensusMsg::Vote(vote) => self.check(Purpose::Vote, key, &vote.signing_bytes(self.chain), signature),
            ConsensusMsg::Proposal(proposal) => {
                self.check(Purpose::Proposal, key, &proposal.signing_bytes(self.chain), signature)
            }
        }
    }

    /// Whether at least one validator's good signature is on the message. Enough to wake for; the core checks all.
    pub(super) fn is_authentic(&mut self, message: &ConsensusMessage) -> bool {
        match message {
            ConsensusMessage::Vote(vote) => {
                self.validators.contains(&vote.message.validator.0)
                    && self.message(&ConsensusMsg::Vote(vote.message), &vote.message.validator.0, &vote.signature)
            }
            ConsensusMessage::Proposal(proposal) => {
                let key = proposal.message.validator.0;
                self.validators.contains(&key)
                    && self.message(&ConsensusMsg::Proposal(proposal.message), &key, &proposal.signature)
            }
            ConsensusMessage::Polka(certificate) => self.polka(certificate).is_ok(),
            ConsensusMessage::Round(certificate) => self.round(certificate).is_ok(),
        }
    }

    pub(super) fn commit(
        &mut self,
        certificate: &CommitCertificate<GuijuContext>,
    ) -> Result<(), CertificateError<GuijuContext>> {
        let certificate = certificate_of(certificate.clone());
        let (chain, keys) = (self.chain, self.validators.keys());
        verify_certificate_with(chain, &keys, &certificate, |key, bytes, signature| {
            self.check(Purpose::Vote, key, bytes, signature)
        })
        .map_err(|fault| CertificateError::VerificationError(Some(BoxError(Box::new(fault)))))
    }

    pub(super) fn polka(
        &mut self,
        certificate: &PolkaCertificate<GuijuContext>,
    ) -> Result<(), CertificateError<GuijuContext>> {
        let mut signers = BTreeSet::new();
        for entry in &certificate.polka_signatures {
            let vote = Vote {
                kind: VoteType::Prevote,
                height: certificate.height,
                round: certificate.round,
                block: NilOrVal::Val(certificate.value_id),
                validator: entry.address,
            };
            self.vote_in_certificate(vote, &entry.signature, &mut signers)?;
        }
        self.enough(signers.len(), is_quorum(signers.len(), self.validators.keys().len()))
    }

    pub(super) fn round(
        &mut self,
        certificate: &RoundCertificate<GuijuContext>,
    ) -> Result<(), CertificateError<GuijuContext>> {
        let mut signers = BTreeSet::new();
        for entry in &certificate.round_signatures {
            let precommits_only = certificate.cert_type == RoundCertificateType::Precommit;
            if precommits_only && entry.vote_type != VoteType::Precommit {
                return Err(CertificateError::InvalidVoteType(entry.address));
            }
            let vote = Vote {
                kind: entry.vote_type,
                height: certificate.height,
                round: certificate.round,
                block: entry.value_id,
                validator: entry.address,
            };
            self.vote_in_certificate(vote, &entry.signature, &mut signers)?;
        }
        let total = self.validators.keys().len();
        let met = match certificate.cert_type {
            RoundCertificateType::Precommit => is_quorum(signers.len(), total),
            RoundCertificateType::Skip => signers.len() * 3 > total,
        };
        self.enough(signers.len(), met)
    }

    fn vote_in_certificate(
        &mut self,
        vote: Vote,
        signature: &Signature,
        signers: &mut BTreeSet<PublicKey>,
    ) -> Result<(), CertificateError<GuijuContext>> {
        let validator = vote.validator;
        if !self.validators.contains(&validator.0) {
            return Err(CertificateError::UnknownValidator(validator));
        }
        if !signers.insert(validator.0) {
            return Err(CertificateError::DuplicateVote(validator));
        }
        if !self.check(Purpose::Vote, &validator.0, &vote.signing_bytes(self.chain), signature) {
            return Err(CertificateError::VerificationError(None));
        }
        Ok(())
    }

    fn enough(&self, signed: usize, met: bool) -> Result<(), CertificateError<GuijuContext>> {
        let total = self.validators.keys().len() as u64;
        let signed = signed as u64;
        if met {
            Ok(())
        } else {
            Err(CertificateError::NotEnoughVotingPower { signed, total, expected: total * 2 / 3 + 1 })
        }
    }
}

fn cache_key(purpose: Purpose, key: &PublicKey, bytes: &[u8], signature: &Signature) -> Digest {
    let mut out = Writer::default();
    out.bool(purpose == Purpose::Proposal);
    key.encode(&mut out);
    signature.encode(&mut out);
    out.raw(bytes);
    Digest::of("guiju/1/verified-signature", &out.into_bytes())
}
