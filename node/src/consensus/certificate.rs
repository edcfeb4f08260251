//! What a validator's signature covers, and when a certificate makes a block final. Owns the signing bytes of votes
//! and proposals and the offline check of a commit certificate.
//! Invariant: two different votes or proposals never have the same signing bytes; every field is inside them.
//! Must not know: malachite, rounds in progress, ledger state.

use crate::block::{Certificate, Header};
use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, PublicKey, Purpose, SUITE, Signature};
use crate::transaction::{ChainId, Height};
use std::fmt;

/// The two votes of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteKind {
    /// "This block is valid and may be locked."
    Prevote,
    /// "I saw more than two thirds prevote it: commit it."
    Precommit,
}

impl VoteKind {
    /// The byte that stands for the kind on the wire and in signing bytes.
    pub fn tag(self) -> u8 {
        match self {
            Self::Prevote => 1,
            Self::Precommit => 2,
        }
    }
}

/// The bytes that a vote's signature covers (with [`Purpose::Vote`]). `block` is `None` for a vote for nil.
pub fn vote_bytes(
    chain: ChainId,
    kind: VoteKind,
    height: Height,
    round: u32,
    block: Option<Digest>,
    validator: PublicKey,
) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(SUITE);
    chain.encode(&mut out);
    out.u8(kind.tag());
    height.encode(&mut out);
    out.u32(round);
    out.option(block.as_ref());
    validator.encode(&mut out);
    out.into_bytes()
}

/// The bytes that a proposal's signature covers (with [`Purpose::Proposal`]). `lock_round` is the round whose
/// prevotes justify proposing an earlier block again; it is signed, or a relay could change what peers must check.
pub fn proposal_bytes(
    chain: ChainId,
    height: Height,
    round: u32,
    block: Digest,
    lock_round: Option<u32>,
    validator: PublicKey,
) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(SUITE);
    chain.encode(&mut out);
    height.encode(&mut out);
    out.u32(round);
    block.encode(&mut out);
    out.bool(lock_round.is_some());
    if let Some(round) = lock_round {
        out.u32(round);
    }
    validator.encode(&mut out);
    out.into_bytes()
}

/// Whether `signed` validators of `total` are a quorum: more than two thirds.
pub fn is_quorum(signed: usize, total: usize) -> bool {
    signed * 3 > total * 2
}

/// Why a certificate does not make its block final. Whoever handed it over is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Signatures are not strictly ascending by key.
    Unordered,
    /// A signer is no validator.
    UnknownValidator(PublicKey),
    /// A signature does not verify.
    BadSignature(PublicKey),
    /// Not more than two thirds have signed.
    NoQuorum {
        /// How many valid signatures there are.
        signed: usize,
        /// How many validators there are.
        total: usize,
    },
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unordered => write!(f, "证书签名未按密钥升序 / certificate signatures are not ascending by key"),
            Self::UnknownValidator(key) => write!(f, "签名者不是验证节点 / the signer is no validator: {key:?}"),
            Self::BadSignature(key) => write!(f, "证书签名无效 / a certificate signature does not verify: {key:?}"),
            Self::NoQuorum { signed, total } => {
                write!(f, "签名不足三分之二以上 / no quorum: {signed} of {total} validators have signed")
            }
        }
    }
}

impl std::error::Error for CertificateFault {}

/// Checks that more than two thirds of `validators` (consensus keys, each once) precommitted the certificate's block.
/// Needs nothing but the genesis' keys, so that receipts are checked offline. Errors: see [`CertificateFault`].
pub fn verify_certificate(
    chain: ChainId,
    validators: &[PublicKey],
    certificate: &Certificate,
) -> Result<(), CertificateFault> {
    verify_certificate_with(chain, validators, certificate, |key, bytes, signature| {
        key.verify(Purpose::Vote, bytes, signature)
    })
}

/// Whether `certificate` is of the block with this header, and makes it final among `validators`.
pub fn makes_final(chain: ChainId, validators: &[PublicKey], header: &Header, certificate: &Certificate) -> bool {
    certificate.block == header.digest()
        && certificate.height == header.height
        && verify_certificate(chain, validators, certificate).is_ok()
}

/// As [`verify_certificate`], with the signature check given: the driver has a cache in front of it.
pub(crate) fn verify_certificate_with(
    chain: ChainId,
    validators: &[PublicKey],
    certificate: &Certificate,
    mut verify: impl FnMut(&PublicKey, &[u8], &Signature) -> bool,
) -> Result<(), CertificateFault> {
    if !certificate.signatures.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(CertificateFault::Unordered);
    }
    let (height, round, block) = (certificate.height, certificate.round, Some(certificate.block));
    for (key, signature) in &certificate.signatures {
        if !validators.contains(key) {
            return Err(CertificateFault::UnknownValidator(*key));
        }
        let bytes = vote_bytes(chain, VoteKind::Precommit, height, round, block, *key);
        if !verify(key, &bytes, signature) {
            return Err(CertificateFault::BadSignature(*key));
        }
    }
    let (signed, total) = (certificate.signatures.len(), validators.len());
    if is_quorum(signed, total) { Ok(()) } else { Err(CertificateFault::NoQuorum { signed, total }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Keypair;

    fn certificate(keys: &[Keypair], chain: ChainId) -> Certificate {
        let (height, round, block) = (Height(7), 2, Digest([9; 32]));
        let mut signatures: Vec<_> = keys
            .iter()
            .map(|key| {
                let bytes = vote_bytes(chain, VoteKind::Precommit, height, round, Some(block), key.public());
                (key.public(), key.sign(Purpose::Vote, &bytes))
            })
            .collect();
        signatures.sort();
        Certificate { height, round, block, signatures }
    }

    #[test]
    fn three_of_four_are_a_quorum_and_every_change_is_found() {
        let keys: Vec<_> = (1..=4).map(|i| Keypair::from_seed([i; 32])).collect();
        let validators: Vec<_> = keys.iter().map(Keypair::public).collect();
        let chain = ChainId(Digest([1; 32]));
        let good = certificate(&keys[..3], chain);
        assert_eq!(verify_certificate(chain, &validators, &good), Ok(()));

        let few = certificate(&keys[..2], chain);
        let fault = CertificateFault::NoQuorum { signed: 2, total: 4 };
        assert_eq!(verify_certificate(chain, &validators, &few), Err(fault));

        let mut doubled = good.clone();
        doubled.signatures.push(doubled.signatures[2]);
        assert_eq!(verify_certificate(chain, &validators, &doubled), Err(CertificateFault::Unordered));

        let outsider = certificate(&[Keypair::from_seed([8; 32])], chain);
        assert!(matches!(
            verify_certificate(chain, &validators, &outsider),
            Err(CertificateFault::UnknownValidator(_))
        ));

        for changed in [
            Certificate { height: Height(8), ..good.clone() },
            Certificate { round: 3, ..good.clone() },
            Certificate { block: Digest([8; 32]), ..good.clone() },
        ] {
            assert!(matches!(verify_certificate(chain, &validators, &changed), Err(CertificateFault::BadSignature(_))));
        }
        let other_chain = ChainId(Digest([2; 32]));
        assert!(verify_certificate(other_chain, &validators, &good).is_err());
    }
}
