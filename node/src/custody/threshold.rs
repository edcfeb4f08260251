//! The custody key in shares. Owns the key encapsulation of what is sealed to custody (suite 1: Ristretto255, TDH2 of
//! Shoup and Gennaro, "Securing Threshold Cryptosystems against Chosen Ciphertext Attack", 2002), the shares of its key
//! (Shamir, degree t − 1) and the partial openings that custodians make with them.
//!
//! An encapsulation carries a proof that its maker knows the randomness, bound to what the ciphertext is for; it is checked
//! before a share touches it, so that no custodian answers for a ciphertext taken from elsewhere. A partial opening carries
//! a proof (Chaum and Pedersen, "Wallet Databases with Observers", 1992) that it was made with the registered share, for
//! one request.
//! Invariant: a share and what t partial openings give are wiped when dropped; fewer than t tell nothing of it.
//! Must not know: records, requests, who asks whom for openings.

use super::envelope::{EnvelopeError, Use};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::transaction::{CustodianId, ENCAPSULATION_BYTES, Encapsulation};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, IsIdentity};
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What an encapsulation is for: it opens for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(Digest);

impl Label {
    /// The label of one use, bound to `aad`.
    pub fn of(purpose: Use, aad: &[u8]) -> Self {
        let mut out = Writer::default();
        out.bytes(purpose.info());
        out.bytes(aad);
        Self(Digest::of("guiju/1/custody/label", &out.into_bytes()))
    }
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

/// Seals `plaintext` to the custody key for one use, bound to `aad`. Equal randomness gives equal bytes.
/// Errors: [`EnvelopeError::BadRecipient`].
pub fn seal_to_custody(
    rng: &mut impl CryptoRng,
    custody_key: &[u8; 32],
    purpose: Use,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<(Encapsulation, Vec<u8>), EnvelopeError> {
    let key = point(custody_key).filter(|p| !p.is_identity()).ok_or(EnvelopeError::BadRecipient)?;
    let label = Label::of(purpose, aad);
    let (r, s) = (random_scalar(rng), random_scalar(rng));
    let (u, u_bar) = (RistrettoPoint::mul_base(&r), *r * second_generator());
    let (w, w_bar) = (RistrettoPoint::mul_base(&s), *s * second_generator());
    let e = challenge("guiju/1/custody/knows", label.0, &[u, w, u_bar, w_bar]);
    let f = *s + *r * e;
    let mut bytes = [0; ENCAPSULATION_BYTES];
    for (slot, part) in bytes.chunks_exact_mut(32).zip([u.compress().0, u_bar.compress().0, e.to_bytes(), f.to_bytes()])
    {
        slot.copy_from_slice(&part);
    }
    let shared = Zeroizing::new((*r * key).compress().0);
    let sealed = cipher(&u, &shared, custody_key, label)
        .encrypt(&Nonce::default(), Payload { msg: plaintext, aad })
        .map_err(|_| EnvelopeError::TooLarge)?;
    Ok((Encapsulation(bytes), sealed))
}

/// Opens a ciphertext with what its encapsulation shares with the custody key. Errors: `Unopenable`.
pub(super) fn open_with(
    shared: &[u8; 32],
    custody_key: &[u8; 32],
    label: Label,
    encapsulation: &Encapsulation,
    ciphertext: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let u = encapsulation.point().ok_or(EnvelopeError::Unopenable)?;
    cipher(&u, shared, custody_key, label)
        .decrypt(&Nonce::default(), Payload { msg: ciphertext, aad })
        .map(Zeroizing::new)
        .map_err(|_| EnvelopeError::Unopenable)
}

/// The key seals one ciphertext, so a fixed nonce never meets it twice.
fn cipher(u: &RistrettoPoint, shared: &[u8; 32], custody_key: &[u8; 32], label: Label) -> ChaCha20Poly1305 {
    let mut out = Writer::default();
    out.raw(u.compress().as_bytes());
    out.raw(custody_key);
    label.0.encode(&mut out);
    let key = Zeroizing::new(Digest::keyed(shared, "guiju/1/custody/key", &out.into_bytes()).0);
    ChaCha20Poly1305::new((&*key).into())
}

impl Encapsulation {
    fn part(&self, index: usize) -> [u8; 32] {
        let mut part = [0; 32];
        part.copy_from_slice(&self.0[index * 32..(index + 1) * 32]);
        part
    }

    fn point(&self) -> Option<RistrettoPoint> {
        point(&self.part(0))
    }

    /// Whether its maker knew its randomness and made it for `label`.
    pub fn is_for(&self, label: Label) -> bool {
        let parts = (self.point(), point(&self.part(1)), scalar(&self.part(2)), scalar(&self.part(3)));
        let (Some(u), Some(u_bar), Some(e), Some(f)) = parts else { return false };
        let w = RistrettoPoint::vartime_double_scalar_mul_basepoint(&-e, &u, &f);
        let w_bar = f * second_generator() - e * u_bar;
        !u.is_identity() && e == challenge("guiju/1/custody/knows", label.0, &[u, w, u_bar, w_bar])
    }

    /// Names the encapsulation, as one made for `label`.
    pub(super) fn id(&self, label: Label) -> Digest {
        Digest::of("guiju/1/custody/encapsulation", &[self.0.as_slice(), &label.0.0].concat())
    }
}

/// One custodian's share of the custody key. Wiped when dropped; its debug form tells nothing.
#[derive(Clone)]
pub struct KeyShare(Zeroizing<[u8; 32]>);

impl KeyShare {
    /// The share whose bytes are `bytes`, as in a key file; `None` if they are none.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        scalar(&bytes).filter(|s| *s != Scalar::ZERO).map(|_| Self(bytes))
    }

    /// The bytes, to be written to a key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The public half, as the genesis file registers it.
    pub fn public(&self) -> [u8; 32] {
        RistrettoPoint::mul_base(&self.scalar()).compress().0
    }

    fn scalar(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(scalar(&self.0).unwrap_or(Scalar::ZERO))
    }

    /// The partial opening of an encapsulation that was checked, proved in `context`.
    pub fn open(&self, encapsulation: &Encapsulation, context: Digest) -> Option<PartialOpening> {
        let (u, x) = (encapsulation.point()?, self.scalar());
        let (own, opened) = (RistrettoPoint::mul_base(&x), *x * u);
        // Derived, so that no weak source of randomness can tell the share: used once, for these very points.
        let mut seed = Writer::default();
        seed.raw(u.compress().as_bytes());
        context.encode(&mut seed);
        let k = Zeroizing::new(wide(&Digest::keyed(&self.0, "guiju/1/custody/nonce", &seed.into_bytes())));
        let c = challenge("guiju/1/custody/opens", context, &[own, u, opened, RistrettoPoint::mul_base(&k), *k * u]);
        let z = *k + c * *x;
        Some(PartialOpening { point: opened.compress().0, challenge: c.to_bytes(), response: z.to_bytes() })
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyShare(…)")
    }
}

/// What one share makes of an encapsulation, with the proof that it is right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartialOpening {
    point: [u8; 32],
    challenge: [u8; 32],
    response: [u8; 32],
}

impl fmt::Debug for PartialOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartialOpening(…)")
    }
}

impl Encode for PartialOpening {
    fn encode(&self, out: &mut Writer) {
        out.raw(&self.point);
        out.raw(&self.challenge);
        out.raw(&self.response);
    }
}
impl Decode for PartialOpening {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { point: input.array()?, challenge: input.array()?, response: input.array()? })
    }
}

impl PartialOpening {
    /// Whether it was made of this encapsulation, in this context, with the share whose public half is `share`.
    pub fn is_right(&self, share: &[u8; 32], encapsulation: &Encapsulation, context: Digest) -> bool {
        let parts = (point(share), encapsulation.point(), point(&self.point));
        let (Some(own), Some(u), Some(opened)) = parts else { return false };
        let (Some(c), Some(z)) = (scalar(&self.challenge), scalar(&self.response)) else { return false };
        let a = RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, &own, &z);
        let b = z * u - c * opened;
        c == challenge("guiju/1/custody/opens", context, &[own, u, opened, a, b])
    }
}

/// What the encapsulation shares with the custody key, of right partial openings by as many custodians as the threshold.
pub(super) fn combine(partials: &BTreeMap<CustodianId, PartialOpening>) -> Option<Zeroizing<[u8; 32]>> {
    let ids: Vec<CustodianId> = partials.keys().copied().collect();
    let mut sum = RistrettoPoint::identity();
    for (id, partial) in partials {
        sum += lagrange(*id, &ids, CustodianId(0)) * point(&partial.point)?;
    }
    let shared = Zeroizing::new(sum.compress().0);
    sum.zeroize();
    Some(shared)
}

/// Whether public halves of shares lie on one polynomial of degree `threshold` − 1 whose value at 0 is the custody key, so
/// that any `threshold` of them open the same.
pub fn shares_fit(custody_key: &[u8; 32], threshold: u16, shares: &[(CustodianId, [u8; 32])]) -> bool {
    let points: Option<Vec<(CustodianId, RistrettoPoint)>> =
        shares.iter().map(|(id, bytes)| Some((*id, point(bytes).filter(|p| !p.is_identity())?))).collect();
    let (Some(points), Some(key)) = (points, point(custody_key)) else { return false };
    if points.len() < usize::from(threshold) || points.iter().any(|(id, _)| id.0 == 0) {
        return false;
    }
    let (first, rest) = points.split_at(usize::from(threshold));
    let ids: Vec<CustodianId> = first.iter().map(|(id, _)| *id).collect();
    let at = |x: CustodianId| -> RistrettoPoint { first.iter().map(|(id, p)| lagrange(*id, &ids, x) * p).sum() };
    at(CustodianId(0)) == key && rest.iter().all(|(id, p)| at(*id) == *p)
}

/// The weight of share `id` among `ids` for the value at `x`.
fn lagrange(id: CustodianId, ids: &[CustodianId], x: CustodianId) -> Scalar {
    let of = |id: CustodianId| Scalar::from(u64::from(id.0));
    let others = ids.iter().filter(|other| **other != id);
    let (mut over, mut under) = (Scalar::ONE, Scalar::ONE);
    for other in others {
        over *= of(x) - of(*other);
        under *= of(id) - of(*other);
    }
    // Ids differ, so nothing is divided by 0.
    over * under.invert()
}

/// The whole custody key, which only a dealer ever has: it deals the shares and is forgotten. Wiped when dropped.
#[derive(Clone)]
pub struct DealtKey(Vec<Zeroizing<[u8; 32]>>);

impl DealtKey {
    /// A fresh key that `threshold` custodians open together.
    pub fn generate(rng: &mut impl CryptoRng, threshold: u16) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed, threshold)
    }

    /// The key that a dealer makes of a secret seed.
    pub fn from_seed(seed: &[u8; 32], threshold: u16) -> Self {
        let coefficient = |i: u16| wide(&Digest::keyed(seed, "guiju/1/custody/deal", &i.to_be_bytes()));
        Self((0..threshold.max(1)).map(|i| Zeroizing::new(coefficient(i).to_bytes())).collect())
    }

    /// The public half: the custody key.
    pub fn public(&self) -> [u8; 32] {
        RistrettoPoint::mul_base(&self.at(CustodianId(0))).compress().0
    }

    /// A custodian's share.
    pub fn share(&self, custodian: CustodianId) -> KeyShare {
        KeyShare(Zeroizing::new(self.at(custodian).to_bytes()))
    }

    fn at(&self, custodian: CustodianId) -> Zeroizing<Scalar> {
        let x = Scalar::from(u64::from(custodian.0));
        let coefficients = self.0.iter().rev().map(|bytes| scalar(bytes).unwrap_or(Scalar::ZERO));
        Zeroizing::new(coefficients.fold(Scalar::ZERO, |sum, c| sum * x + c))
    }
}

impl fmt::Debug for DealtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DealtKey(…)")
    }
}

impl OpenCapsule for DealtKey {
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let label = Label::of(purpose, aad);
        let u = encapsulation.point().filter(|_| encapsulation.is_for(label)).ok_or(EnvelopeError::Unopenable)?;
        let shared = Zeroizing::new((*self.at(CustodianId(0)) * u).compress().0);
        open_with(&shared, &self.public(), label, encapsulation, ciphertext, aad)
    }
}

/// A second generator, of which nobody knows the logarithm.
fn second_generator() -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&uniform(&Digest::of("guiju/1/custody/second-generator", b"")))
}

fn point(bytes: &[u8; 32]) -> Option<RistrettoPoint> {
    CompressedRistretto(*bytes).decompress()
}

fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Option::from(Scalar::from_canonical_bytes(*bytes))
}

fn random_scalar(rng: &mut impl CryptoRng) -> Zeroizing<Scalar> {
    let mut bytes = Zeroizing::new([0; 64]);
    rng.fill_bytes(bytes.as_mut());
    Zeroizing::new(Scalar::from_bytes_mod_order_wide(&bytes))
}

fn challenge(domain: &'static str, context: Digest, points: &[RistrettoPoint]) -> Scalar {
    let mut out = Writer::default();
    context.encode(&mut out);
    points.iter().for_each(|p| out.raw(p.compress().as_bytes()));
    wide(&Digest::of(domain, &out.into_bytes()))
}

/// A scalar from a digest, without the bias that 32 bytes would have.
fn wide(digest: &Digest) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&uniform(digest))
}

fn uniform(digest: &Digest) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&Digest::of("guiju/1/custody/wide-low", &digest.0).0);
    bytes[32..].copy_from_slice(&Digest::of("guiju/1/custody/wide-high", &digest.0).0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const AAD: &[u8] = b"chain, owner, type";

    fn context(n: u8) -> Digest {
        Digest([n; 32])
    }

    fn dealt() -> (DealtKey, Encapsulation, Vec<u8>) {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let key = DealtKey::generate(&mut rng, 3);
        let (encapsulation, sealed) = seal_to_custody(&mut rng, &key.public(), Use::Capsule, AAD, b"secret").unwrap();
        (key, encapsulation, sealed)
    }

    fn partials(key: &DealtKey, of: &Encapsulation, ids: &[u16]) -> BTreeMap<CustodianId, PartialOpening> {
        let one = |id: &u16| (CustodianId(*id), key.share(CustodianId(*id)).open(of, context(1)).unwrap());
        ids.iter().map(one).collect()
    }

    #[test]
    fn any_t_shares_open_the_same_and_fewer_open_nothing() {
        let (key, encapsulation, sealed) = dealt();
        let label = Label::of(Use::Capsule, AAD);
        let open = |ids: &[u16]| {
            let shared = combine(&partials(&key, &encapsulation, ids)).unwrap();
            open_with(&shared, &key.public(), label, &encapsulation, &sealed, AAD)
        };
        for ids in [[1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4]] {
            assert_eq!(open(&ids).unwrap().as_slice(), b"secret", "{ids:?}");
        }
        for ids in [&[][..], &[1], &[1, 2], &[3, 4], &[2, 4]] {
            assert_eq!(open(ids).err(), Some(EnvelopeError::Unopenable), "{ids:?}");
        }
        assert_eq!(key.open(Use::Capsule, &encapsulation, &sealed, AAD).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn a_partial_opening_is_right_for_its_share_encapsulation_and_context_alone() {
        let (key, encapsulation, _) = dealt();
        let share = key.share(CustodianId(2));
        let partial = share.open(&encapsulation, context(1)).unwrap();
        assert!(partial.is_right(&share.public(), &encapsulation, context(1)));
        assert!(!partial.is_right(&share.public(), &encapsulation, context(2)), "another request");
        assert!(!partial.is_right(&key.share(CustodianId(3)).public(), &encapsulation, context(1)), "another share");
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let other = seal_to_custody(&mut rng, &key.public(), Use::Capsule, AAD, b"x").unwrap().0;
        assert!(!partial.is_right(&share.public(), &other, context(1)), "another encapsulation");
        let bytes = partial.to_bytes();
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let bent = PartialOpening::from_bytes(&bent).unwrap();
            assert!(!bent.is_right(&share.public(), &encapsulation, context(1)), "byte {at}");
        }
    }

    #[test]
    fn an_encapsulation_is_for_what_it_was_made_for() {
        let (key, encapsulation, sealed) = dealt();
        assert!(encapsulation.is_for(Label::of(Use::Capsule, AAD)));
        assert!(!encapsulation.is_for(Label::of(Use::Arguments, AAD)));
        assert!(!encapsulation.is_for(Label::of(Use::Capsule, b"another chain")));
        let bent = |at: usize| {
            let mut bytes = encapsulation.0;
            bytes[at] ^= 1;
            Encapsulation(bytes)
        };
        assert!((0..ENCAPSULATION_BYTES).all(|at| !bent(at).is_for(Label::of(Use::Capsule, AAD))));
        // A stranger who takes the first point as his own cannot prove that he made it.
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut stolen = seal_to_custody(&mut rng, &key.public(), Use::Arguments, b"mine", b"").unwrap().0;
        stolen.0[..32].copy_from_slice(&encapsulation.0[..32]);
        assert!(!stolen.is_for(Label::of(Use::Arguments, b"mine")));
        assert_eq!(key.open(Use::Capsule, &bent(0), &sealed, AAD).err(), Some(EnvelopeError::Unopenable));
    }

    #[test]
    fn registered_shares_must_lie_on_one_polynomial() {
        let (key, _, _) = dealt();
        let shares = |ids: &[u16]| -> Vec<(CustodianId, [u8; 32])> {
            ids.iter().map(|id| (CustodianId(*id), key.share(CustodianId(*id)).public())).collect()
        };
        assert!(shares_fit(&key.public(), 3, &shares(&[1, 2, 3, 4])));
        assert!(shares_fit(&key.public(), 3, &shares(&[5, 9, 2])));
        assert!(!shares_fit(&key.public(), 2, &shares(&[1, 2, 3, 4])), "a polynomial of a higher degree");
        assert!(!shares_fit(&key.public(), 3, &shares(&[1, 2])), "too few");
        assert!(!shares_fit(&[7; 32], 3, &shares(&[1, 2, 3])), "no point");
        let mut swapped = shares(&[1, 2, 3, 4]);
        swapped[3].1 = swapped[0].1;
        assert!(!shares_fit(&key.public(), 3, &swapped));
    }

    #[test]
    fn share_files_hold_canonical_scalars() {
        let share = dealt().0.share(CustodianId(1));
        assert_eq!(KeyShare::from_bytes(*share.to_bytes()).unwrap().public(), share.public());
        assert!(KeyShare::from_bytes([0; 32]).is_none());
        assert!(KeyShare::from_bytes([0xff; 32]).is_none());
        assert_eq!(format!("{share:?}"), "KeyShare(…)");
    }
}
