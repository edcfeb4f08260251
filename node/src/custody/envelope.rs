//! Envelopes: a sealed record is a body (ciphertext, on the ledger) and a capsule (its key, sealed to the custody key by
//! `threshold`). Owns suite 1 of sealing to one holder, HPKE (RFC 9180, base mode) with X25519, HKDF-SHA256 and
//! ChaCha20-Poly1305, and of bodies, ChaCha20-Poly1305 with a key of their own. Invariant: every ciphertext is bound to
//! what it is for, so that nobody can hand in another's as its own; equal inputs and equal randomness give equal bytes.
//! Plaintexts are padded to size classes, so that lengths tell little. Must not know: schemas, policies, where envelopes are kept.

mod pair;

pub use pair::PairKey;

use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, SUITE};
use crate::threshold::{self, DealtKey, Label};
use crate::transaction::{
    BODY_BYTES_MAX, CapsuleId, ChainId, DepartmentId, ENCAPSULATION_BYTES, Encapsulation, HANDLES_MAX, Handle,
    NAME_BYTES_MAX, RecordId, SealedRecord,
};
use chacha20poly1305::aead::Payload;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, aead::Aead};
use hpke::aead::ChaCha20Poly1305 as HpkeAead;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256 as Kem;
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of one capsule: suite, encapsulation, sealed record key.
pub const CAPSULE_BYTES: usize = 1 + ENCAPSULATION_BYTES + 32 + TAG_BYTES;
/// Record bodies and arguments are padded to the next multiple of this many bytes.
pub const SIZE_CLASS: usize = 256;

const TAG_BYTES: usize = 16;

/// Why an envelope could not be made or opened. Each names who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The recipient's public key is of low order (whoever registered it is at fault).
    BadRecipient,
    /// The envelope names a suite that is not defined (the sealer is at fault).
    UnknownSuite,
    /// The capsule is not the one that the record names (the supplier of the capsule is at fault).
    OtherCapsule,
    /// The ciphertext does not open under this key for this use (the sealer is at fault).
    Unopenable,
    /// Too few custodians have opened it so far (nobody is at fault).
    Waiting,
    /// What was opened is not well-formed (the sealer is at fault).
    Malformed,
    /// The plaintext or its public part is over its bound (the sealer is at fault).
    TooLarge,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRecipient => "收件公钥无效 / the recipient's public key is not usable",
            Self::UnknownSuite => "未知的密码套件 / the envelope names an undefined suite",
            Self::OtherCapsule => "密钥封装与记录不符 / the capsule is not the one the record names",
            Self::Unopenable => "密文无法开启 / the ciphertext does not open under this key for this use",
            Self::Waiting => "尚待其他受托方开启 / not enough custodians have opened it yet",
            Self::Malformed => "开启后的内容不合格式 / what was opened is not well-formed",
            Self::TooLarge => "内容超过上限 / the content is over its bound",
        })
    }
}

impl std::error::Error for EnvelopeError {}

/// What a ciphertext is for. Enters the key schedule, so one use never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A record's key, to the custody key.
    Capsule,
    /// A request's arguments, to the custody key.
    Arguments,
    /// An answer, to the asker.
    Answer,
    /// Budget charges, to custody's index.
    Meter,
    /// An audit copy, to the auditor.
    Audit,
    /// A department's handle key in the genesis file, to custody's index.
    HandleKey,
    /// Partial openings, to another custodian.
    Opening,
    /// A part of a custody key that is generated or dealt on, to the custodian it is for.
    Dealing,
}

impl Use {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Capsule => b"guiju/1/seal/capsule",
            Self::Arguments => b"guiju/1/seal/arguments",
            Self::Answer => b"guiju/1/seal/answer",
            Self::Meter => b"guiju/1/seal/meter",
            Self::Audit => b"guiju/1/seal/audit",
            Self::HandleKey => b"guiju/1/seal/handle-key",
            Self::Opening => b"guiju/1/seal/opening",
            Self::Dealing => b"guiju/1/seal/dealing",
        }
    }

    /// The label of what is sealed to the custody key for this use, bound to `aad`.
    pub(super) fn label(self, aad: &[u8]) -> Label {
        Label::of(self.info(), aad)
    }
}

/// An X25519 secret key: a department's for answers, the auditor's, a custodian's for openings, or the one of custody's
/// index. Wiped when dropped; its debug form tells nothing.
#[derive(Clone)]
pub struct SealingSecret(Zeroizing<[u8; 32]>);

impl SealingSecret {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// The key whose bytes are `bytes`, as in a key file.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be written to a key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        Kem::sk_to_pk(&self.private()).to_bytes().into()
    }

    fn private(&self) -> <Kem as hpke::Kem>::PrivateKey {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(self.0.as_ref()).expect("an X25519 secret is any 32 bytes")
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret(…)")
    }
}

impl SealingSecret {
    /// Opens `ciphertext` with its encapsulated key, for one use, bound to `aad`. Errors: `Unopenable`.
    pub fn open(
        &self,
        purpose: Use,
        encapsulated: &[u8; 32],
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let encapsulated =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| EnvelopeError::Unopenable)?;
        hpke::single_shot_open::<HpkeAead, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.private(),
            &encapsulated,
            purpose.info(),
            ciphertext,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| EnvelopeError::Unopenable)
    }
}

/// Seals `plaintext` to `recipient` for one use, bound to `aad`. Returns the encapsulated key and the ciphertext.
/// Errors: [`EnvelopeError::BadRecipient`].
pub fn seal_to(
    rng: &mut impl CryptoRng,
    recipient: &[u8; 32],
    purpose: Use,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<([u8; 32], Vec<u8>), EnvelopeError> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient).map_err(|_| EnvelopeError::BadRecipient)?;
    let (key, ciphertext) = hpke::single_shot_seal_with_rng::<HpkeAead, HkdfSha256, Kem>(
        &OpModeS::Base,
        &recipient,
        purpose.info(),
        plaintext,
        aad,
        rng,
    )
    .map_err(|_| EnvelopeError::BadRecipient)?;
    Ok((key.to_bytes().into(), ciphertext))
}

/// Seals `plaintext` to the custody key for one use, bound to `aad`. Equal randomness gives equal bytes.
/// Errors: [`EnvelopeError::BadRecipient`].
pub fn seal_to_custody(
    rng: &mut impl CryptoRng,
    custody_key: &[u8; 32],
    purpose: Use,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<(Encapsulation, Vec<u8>), EnvelopeError> {
    threshold::seal(rng, custody_key, purpose.label(aad), aad, plaintext).ok_or(EnvelopeError::BadRecipient)
}

/// Opens what is sealed to the custody key.
pub trait OpenCapsule {
    /// Opens `ciphertext` with its encapsulation, for one use, bound to `aad`. Errors: `Unopenable`, `Waiting`.
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError>;
}

impl OpenCapsule for DealtKey {
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        DealtKey::open(self, purpose.label(aad), encapsulation, ciphertext, aad).ok_or(EnvelopeError::Unopenable)
    }
}

/// The public part of a record to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDraft<'a> {
    /// Department that owns the type.
    pub owner: DepartmentId,
    /// Name of the certificate type, at most [`NAME_BYTES_MAX`] bytes.
    pub schema: &'a str,
    /// Source hash of the module that declares it.
    pub standard: Digest,
    /// Handles it is filed under, in any order, at most [`HANDLES_MAX`] distinct ones.
    pub handles: Vec<Handle>,
    /// The record it replaces.
    pub supersedes: Option<RecordId>,
}

/// Seals a record to the custody key. Returns its public part and its capsule. All randomness comes from `rng`, so a
/// seeded one gives equal bytes for equal inputs. Errors: `TooLarge`, `BadRecipient`.
pub fn seal_record(
    rng: &mut impl CryptoRng,
    chain: ChainId,
    custody_key: &[u8; 32],
    draft: RecordDraft<'_>,
    plaintext: &[u8],
) -> Result<(SealedRecord, Vec<u8>), EnvelopeError> {
    let RecordDraft { owner, schema, standard, mut handles, supersedes } = draft;
    handles.sort_unstable();
    handles.dedup();
    if handles.len() > HANDLES_MAX || schema.len() > NAME_BYTES_MAX {
        return Err(EnvelopeError::TooLarge);
    }
    let padded = pad(plaintext, SIZE_CLASS);
    if padded.len() + TAG_BYTES > BODY_BYTES_MAX {
        return Err(EnvelopeError::TooLarge);
    }
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(key.as_mut());
    let mut record = SealedRecord {
        suite: SUITE,
        owner,
        schema: schema.to_owned(),
        standard,
        handles,
        supersedes,
        nonce,
        body: Vec::new(),
        capsule: CapsuleId(Digest([0; 32])),
    };
    let binding = binding(chain, &record);
    // The key seals this one body, so a fixed nonce never meets it twice.
    record.body = ChaCha20Poly1305::new((&*key).into())
        .encrypt(&Nonce::default(), Payload { msg: &padded, aad: &binding })
        .map_err(|_| EnvelopeError::TooLarge)?;
    let (encapsulation, sealed) =
        seal_to_custody(rng, custody_key, Use::Capsule, &capsule_binding(&binding, &record.body), key.as_ref())?;
    let mut capsule = Vec::with_capacity(CAPSULE_BYTES);
    capsule.push(SUITE);
    capsule.extend_from_slice(&encapsulation.0);
    capsule.extend_from_slice(&sealed);
    record.capsule = capsule_id(&capsule);
    Ok((record, capsule))
}

/// Opens a record with its capsule. Errors: `UnknownSuite`, `OtherCapsule`, `Unopenable`, `Waiting`,
/// `Malformed`.
pub fn open_record(
    opener: &dyn OpenCapsule,
    chain: ChainId,
    record: &SealedRecord,
    capsule: &[u8],
) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    if record.suite != SUITE {
        return Err(EnvelopeError::UnknownSuite);
    }
    if capsule_id(capsule) != record.capsule {
        return Err(EnvelopeError::OtherCapsule);
    }
    let (suite, rest) = capsule.split_first().ok_or(EnvelopeError::Malformed)?;
    if *suite != SUITE {
        return Err(EnvelopeError::UnknownSuite);
    }
    let (encapsulation, sealed) = rest.split_first_chunk::<ENCAPSULATION_BYTES>().ok_or(EnvelopeError::Malformed)?;
    let (encapsulation, binding) = (Encapsulation(*encapsulation), binding(chain, record));
    let key = opener.open(Use::Capsule, &encapsulation, sealed, &capsule_binding(&binding, &record.body))?;
    let key = Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).map_err(|_| EnvelopeError::Malformed)?);
    let padded = ChaCha20Poly1305::new((&*key).into())
        .decrypt(&Nonce::default(), Payload { msg: &record.body, aad: &binding })
        .map(Zeroizing::new)
        .map_err(|_| EnvelopeError::Unopenable)?;
    unpad(&padded)
}

/// A capsule's identity, as records name it.
pub fn capsule_id(capsule: &[u8]) -> CapsuleId {
    CapsuleId(Digest::of("guiju/1/capsule", capsule))
}

/// `plaintext` with its length before it and zeros after it, to a multiple of `class` bytes.
pub(crate) fn pad(plaintext: &[u8], class: usize) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(plaintext.len()).expect("callers bound plaintexts far below 4 GiB");
    let size = (plaintext.len() + 4).next_multiple_of(class);
    let mut padded = Zeroizing::new(Vec::with_capacity(size));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(plaintext);
    padded.resize(size, 0);
    padded
}

/// Undoes [`pad`]; the zeros are checked, so that one plaintext has one padded form. Errors: `Malformed`.
pub(crate) fn unpad(padded: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let (length, rest) = padded.split_first_chunk::<4>().ok_or(EnvelopeError::Malformed)?;
    let (plaintext, zeros) =
        rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(EnvelopeError::Malformed)?;
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(EnvelopeError::Malformed);
    }
    Ok(Zeroizing::new(plaintext.to_vec()))
}

/// What body and capsule are bound to: every public part but themselves.
fn binding(chain: ChainId, record: &SealedRecord) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(record.suite);
    chain.encode(&mut out);
    out.u16(record.owner.0);
    out.text(&record.schema);
    record.standard.encode(&mut out);
    out.list(&record.handles);
    out.option(record.supersedes.as_ref());
    out.raw(&record.nonce);
    out.into_bytes()
}

fn capsule_binding(binding: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = binding.to_vec();
    out.extend_from_slice(&Digest::of("guiju/1/body", body).0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn chain() -> ChainId {
        ChainId(Digest::of("guiju/test", b"chain"))
    }

    fn handle(n: u8) -> Handle {
        Handle(Digest([n; 32]))
    }

    fn draft() -> RecordDraft<'static> {
        RecordDraft {
            owner: DepartmentId(3),
            schema: "居民户口簿",
            standard: Digest([7; 32]),
            handles: vec![handle(2), handle(1), handle(2)],
            supersedes: None,
        }
    }

    fn custody(seed: u64) -> DealtKey {
        DealtKey::generate(&mut ChaCha20Rng::seed_from_u64(seed), 3)
    }

    fn sealed(seed: u64, plaintext: &[u8]) -> (DealtKey, SealedRecord, Vec<u8>) {
        let custody = custody(9);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (record, capsule) = seal_record(&mut rng, chain(), &custody.public(), draft(), plaintext).unwrap();
        (custody, record, capsule)
    }

    #[test]
    fn a_sealed_record_opens_with_the_custody_key() {
        let (custody, record, capsule) = sealed(1, "张三".as_bytes());
        assert_eq!(record.handles, vec![handle(1), handle(2)]);
        assert_eq!(capsule.len(), CAPSULE_BYTES);
        let plain = open_record(&custody, chain(), &record, &capsule).unwrap();
        assert_eq!(plain.as_slice(), "张三".as_bytes());
    }

    #[test]
    fn equal_randomness_gives_equal_bytes_and_other_randomness_other_bytes() {
        assert_eq!(sealed(1, b"x").1, sealed(1, b"x").1);
        assert_ne!(sealed(1, b"x").1.body, sealed(2, b"x").1.body);
    }

    #[test]
    fn every_public_part_is_bound() {
        let (custody, record, capsule) = sealed(1, b"secret");
        type Change = fn(&mut SealedRecord);
        let changes: [(&str, Change); 8] = [
            ("owner", |r| r.owner = DepartmentId(4)),
            ("schema", |r| r.schema.push('x')),
            ("standard", |r| r.standard = Digest([8; 32])),
            ("handles", |r| {
                r.handles.pop();
            }),
            ("supersedes", |r| r.supersedes = Some(RecordId(Digest([1; 32])))),
            ("nonce", |r| r.nonce[0] ^= 1),
            ("body", |r| r.body[0] ^= 1),
            ("body's tag", |r| *r.body.last_mut().unwrap() ^= 1),
        ];
        for (name, change) in changes {
            let mut other = record.clone();
            change(&mut other);
            let opened = open_record(&custody, chain(), &other, &capsule);
            assert_eq!(opened.err(), Some(EnvelopeError::Unopenable), "{name}");
        }
        let elsewhere = ChainId(Digest([1; 32]));
        assert_eq!(open_record(&custody, elsewhere, &record, &capsule).err(), Some(EnvelopeError::Unopenable));
        let stranger = self::custody(10);
        assert_eq!(open_record(&stranger, chain(), &record, &capsule).err(), Some(EnvelopeError::Unopenable));
    }

    #[test]
    fn bad_capsules_and_suites_are_refused() {
        let (custody, mut record, mut capsule) = sealed(1, b"secret");
        capsule[40] ^= 1;
        assert_eq!(open_record(&custody, chain(), &record, &capsule).err(), Some(EnvelopeError::OtherCapsule));
        for broken in [&b""[..], b"\x01", b"\x01short"] {
            record.capsule = capsule_id(broken);
            assert_eq!(open_record(&custody, chain(), &record, broken).err(), Some(EnvelopeError::Malformed));
        }
        let mut other_suite = sealed(1, b"secret").2;
        other_suite[0] = 2;
        record.capsule = capsule_id(&other_suite);
        assert_eq!(open_record(&custody, chain(), &record, &other_suite).err(), Some(EnvelopeError::UnknownSuite));
        record.suite = 2;
        assert_eq!(open_record(&custody, chain(), &record, &capsule).err(), Some(EnvelopeError::UnknownSuite));
    }

    #[test]
    fn lengths_show_only_the_size_class() {
        let body = |n: usize| sealed(1, &vec![1; n]).1.body.len();
        assert_eq!(body(0), body(252));
        assert_eq!(body(253) - body(252), SIZE_CLASS);
        let custody = custody(9);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let huge = vec![0; BODY_BYTES_MAX];
        let refused = seal_record(&mut rng, chain(), &custody.public(), draft(), &huge);
        assert_eq!(refused.err(), Some(EnvelopeError::TooLarge));
    }

    #[test]
    fn one_use_never_opens_as_another() {
        let key = SealingSecret::from_bytes([9; 32]);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (enc, ct) = seal_to(&mut rng, &key.public(), Use::Answer, b"aad", b"x").unwrap();
        assert_eq!(key.open(Use::Answer, &enc, &ct, b"aad").unwrap().as_slice(), b"x");
        assert!(key.open(Use::Meter, &enc, &ct, b"aad").is_err());
        assert!(key.open(Use::Answer, &enc, &ct, b"other").is_err());
    }

    #[test]
    fn a_low_order_recipient_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let refused = seal_to(&mut rng, &[0; 32], Use::Answer, b"", b"x");
        assert_eq!(refused.err(), Some(EnvelopeError::BadRecipient));
    }

    #[test]
    fn padding_has_one_form() {
        let mut padded = pad(b"abc", 16);
        assert_eq!(unpad(&padded).unwrap().as_slice(), b"abc");
        *padded.last_mut().unwrap() = 1;
        assert_eq!(unpad(&padded).err(), Some(EnvelopeError::Malformed));
        assert_eq!(unpad(&[0, 0, 0, 9, 1]).err(), Some(EnvelopeError::Malformed));
        assert_eq!(unpad(&[0, 0]).err(), Some(EnvelopeError::Malformed));
    }
}
