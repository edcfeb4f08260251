//! The custody key in shares. Owns the key encapsulation of what is sealed to custody (suite 1: Ristretto255, TDH2 of
//! Shoup and Gennaro, "Securing Threshold Cryptosystems against Chosen Ciphertext Attack", 2002), the shares of its key
//! (Shamir, degree t − 1) and the partial openings that custodians make with them.
//!
//! An encapsulation carries a proof that its maker knows the randomness, bound to what the ciphertext is for; it is checked
//! before a share touches it, so that no custodian answers for a ciphertext taken from elsewhere. A partial opening carries
//! a proof (Chaum and Pedersen, "Wallet Databases with Observers", 1992) that it was made with the registered share, for
//! one request. The randomness derives from the key that is encapsulated (Fujisaki and Okamoto, "Secure Integration of
//! Asymmetric and Symmetric Encryption Schemes", 1999), so whoever has combined partial openings can tell whether all of
//! them were right without the proofs, which need checking only if one was not.
//! Invariant: what is combined is used only if it is the one right value; a share, and what t partial openings give, are
//! wiped when dropped; fewer than t tell nothing of it.
//! Must not know: records, requests, who asks whom for openings.

pub mod dealing;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::transaction::{CustodianId, ENCAPSULATION_BYTES, Encapsulation};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::{CompressedRistretto, VartimeRistrettoPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul};
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use zeroize::{Zeroize, Zeroizing};

/// What an encapsulation is for: it opens for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(Digest);

impl Label {
    /// The label of one use, which `info` names, bound to `aad`.
    pub fn of(info: &[u8], aad: &[u8]) -> Self {
        let mut out = Writer::default();
        out.bytes(info);
        out.bytes(aad);
        Self(Digest::of("guiju/1/custody/label", &out.into_bytes()))
    }
}

/// What an encapsulation holds: the key of one ciphertext. Wiped when dropped; its debug form tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct EncapsulatedKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for EncapsulatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncapsulatedKey(…)")
    }
}

/// Seals `plaintext` to the custody key for one use, bound to `aad`. Equal randomness gives equal bytes.
/// `None` if the key is none.
pub fn seal(
    rng: &mut impl CryptoRng,
    custody_key: &[u8; 32],
    label: Label,
    aad: &[u8],
    plaintext: &[u8],
) -> Option<(Encapsulation, Vec<u8>)> {
    let recipient = point(custody_key).filter(|p| !p.is_identity())?;
    let mut key = EncapsulatedKey(Zeroizing::new([0; 32]));
    rng.fill_bytes(key.0.as_mut());
    let (r, s) = (key.randomness(label), random_scalar(rng));
    let (u, w) = (RistrettoPoint::mul_base(&r), RistrettoPoint::mul_base(&s));
    let (u_bar, w_bar) = (*r * SECOND.point, *s * SECOND.point);
    let (u, u_bar) = (u.compress().0, u_bar.compress().0);
    let shared = Zeroizing::new((*r * recipient).compress().0);
    let mut masked = mask(&u, &shared, label);
    masked.iter_mut().zip(key.0.iter()).for_each(|(byte, key)| *byte ^= key);
    let e = knows(label, &masked, [&u, &w.compress().0, &u_bar, &w_bar.compress().0]);
    let f = *s + *r * e;
    let mut bytes = [0; ENCAPSULATION_BYTES];
    for (slot, part) in bytes.chunks_exact_mut(32).zip([u, u_bar, e.to_bytes(), f.to_bytes(), *masked]) {
        slot.copy_from_slice(&part);
    }
    let sealed = key.cipher(&u, label).encrypt(&Nonce::default(), Payload { msg: plaintext, aad }).ok()?;
    Some((Encapsulation(bytes), sealed))
}

impl EncapsulatedKey {
    /// Opens the ciphertext that was sealed with the key. `None` if it does not open.
    pub fn open(
        &self,
        label: Label,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let cipher = self.cipher(&encapsulation.part(0), label);
        cipher.decrypt(&Nonce::default(), Payload { msg: ciphertext, aad }).ok().map(Zeroizing::new)
    }

    fn randomness(&self, label: Label) -> Zeroizing<Scalar> {
        Zeroizing::new(wide(&Digest::keyed(&self.0, "guiju/1/custody/randomness", &label.0.0)))
    }

    /// The key seals one ciphertext, so a fixed nonce never meets it twice.
    fn cipher(&self, u: &[u8; 32], label: Label) -> ChaCha20Poly1305 {
        let bound = [u.as_slice(), &label.0.0].concat();
        let key = Zeroizing::new(Digest::keyed(&self.0, "guiju/1/custody/key", &bound).0);
        ChaCha20Poly1305::new((&*key).into())
    }
}

fn mask(u: &[u8; 32], shared: &[u8; 32], label: Label) -> Zeroizing<[u8; 32]> {
    let bound = [u.as_slice(), &label.0.0].concat();
    Zeroizing::new(Digest::keyed(shared, "guiju/1/custody/mask", &bound).0)
}

/// The challenge of the proof that an encapsulation's maker knows its randomness.
fn knows(label: Label, masked: &[u8; 32], points: [&[u8; 32]; 4]) -> Scalar {
    let [u, w, u_bar, w_bar] = points;
    challenge("guiju/1/custody/knows", label.0, &[masked, u, w, u_bar, w_bar])
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
        let w_bar = SECOND.table.vartime_mixed_multiscalar_mul([f], [-e], [u_bar]);
        let points = [&self.part(0), &w.compress().0, &self.part(1), &w_bar.compress().0];
        !u.is_identity() && e == knows(label, &self.part(4), points)
    }

    /// Names the encapsulation, as one made for `label`.
    pub fn id(&self, label: Label) -> Digest {
        Digest::of("guiju/1/custody/encapsulation", &[self.0.as_slice(), &label.0.0].concat())
    }

    /// The key that it holds, given what it shares with the custody key. `None` if `shared` is not that one value, or if
    /// its maker did not derive the randomness from the key: which of the two, the proofs of the partial openings tell.
    fn decapsulate(&self, custody_key: &[u8; 32], label: Label, shared: &[u8; 32]) -> Option<EncapsulatedKey> {
        let mut key = mask(&self.part(0), shared, label);
        key.iter_mut().zip(self.part(4)).for_each(|(byte, masked)| *byte ^= masked);
        let key = EncapsulatedKey(key);
        let r = key.randomness(label);
        // r·G = u and r·Y = shared, so shared = x·u for the custody key Y = x·G, whoever gave the parts of it.
        let right = RistrettoPoint::mul_base(&r).compress().0 == self.part(0)
            && (*r * point(custody_key)?).compress().0 == *shared;
        right.then_some(key)
    }
}

/// One custodian's share of the custody key. Wiped when dropped; its debug form tells nothing.
#[derive(Clone)]
pub struct KeyShare {
    secret: Zeroizing<[u8; 32]>,
    /// The public half, which every partial opening's proof names.
    public: [u8; 32],
}

impl KeyShare {
    /// The share whose bytes are `bytes`, as in a key file; `None` if they are none.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        scalar(&bytes).filter(|s| *s != Scalar::ZERO).map(|secret| Self::of(&Zeroizing::new(secret)))
    }

    fn of(secret: &Scalar) -> Self {
        let public = RistrettoPoint::mul_base(secret).compress().0;
        Self { secret: Zeroizing::new(secret.to_bytes()), public }
    }

    /// The bytes, to be written to a key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// The public half, as the genesis file registers it.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    fn scalar(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(scalar(&self.secret).unwrap_or(Scalar::ZERO))
    }

    /// The partial opening of an encapsulation that was checked, proved in `context`.
    pub fn open(&self, encapsulation: &Encapsulation, context: Digest) -> Option<PartialOpening> {
        let (u, x) = (encapsulation.point()?, self.scalar());
        let opened = (*x * u).compress().0;
        // Derived, so that no weak source of randomness can tell the share: used once, for these very points.
        let seed = [encapsulation.part(0).as_slice(), &context.0].concat();
        let k = Zeroizing::new(wide(&Digest::keyed(&self.secret, "guiju/1/custody/nonce", &seed)));
        let (a, b) = (RistrettoPoint::mul_base(&k).compress().0, (*k * u).compress().0);
        let c = opens(context, [&self.public, &encapsulation.part(0), &opened, &a, &b]);
        let z = *k + c * *x;
        Some(PartialOpening { point: opened, challenge: c.to_bytes(), response: z.to_bytes() })
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
        let b = RistrettoPoint::vartime_multiscalar_mul([z, -c], [u, opened]);
        c == opens(context, [share, &encapsulation.part(0), &self.point, &a.compress().0, &b.compress().0])
    }
}

/// The challenge of the proof that a partial opening was made with the registered share.
fn opens(context: Digest, points: [&[u8; 32]; 5]) -> Scalar {
    challenge("guiju/1/custody/opens", context, &points)
}

/// The key that an encapsulation made for `label` holds, of partial openings by as many custodians as the threshold.
/// `None` if one of them is wrong or the encapsulation is.
pub fn combine(
    partials: &BTreeMap<CustodianId, PartialOpening>,
    custody_key: &[u8; 32],
    label: Label,
    encapsulation: &Encapsulation,
) -> Option<EncapsulatedKey> {
    let ids: Vec<CustodianId> = partials.keys().copied().collect();
    let points = partials.values().map(|partial| point(&partial.point)).collect::<Option<Vec<_>>>()?;
    // Variable time in the weights alone, which anybody knows.
    let mut sum =
        RistrettoPoint::vartime_multiscalar_mul(ids.iter().map(|id| lagrange(*id, &ids, CustodianId(0))), &points);
    let shared = Zeroizing::new(sum.compress().0);
    sum.zeroize();
    encapsulation.decapsulate(custody_key, label, &shared)
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

/// The whole custody key in one hand, for tests and the simulator, which need it again from its seed; where custody is
/// founded nobody has it (`crate::ceremony`). Wiped when dropped.
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
        KeyShare::of(&self.at(custodian))
    }

    fn at(&self, custodian: CustodianId) -> Zeroizing<Scalar> {
        let x = Scalar::from(u64::from(custodian.0));
        let coefficients = self.0.iter().rev().map(|bytes| scalar(bytes).unwrap_or(Scalar::ZERO));
        Zeroizing::new(coefficients.fold(Scalar::ZERO, |sum, c| sum * x + c))
    }

    /// Opens what is sealed to the key, as only its dealer could. `None` if it does not open for `label` and `aad`.
    pub fn open(
        &self,
        label: Label,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let u = encapsulation.point().filter(|_| encapsulation.is_for(label))?;
        let shared = Zeroizing::new((*self.at(CustodianId(0)) * u).compress().0);
        encapsulation.decapsulate(&self.public(), label, &shared)?.open(label, encapsulation, ciphertext, aad)
    }
}

impl fmt::Debug for DealtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DealtKey(…)")
    }
}

/// A second generator, of which nobody knows the logarithm, and its table.
struct SecondGenerator {
    point: RistrettoPoint,
    table: VartimeRistrettoPrecomputation,
}

static SECOND: LazyLock<SecondGenerator> = LazyLock::new(|| {
    let point = RistrettoPoint::from_uniform_bytes(&uniform(&Digest::of("guiju/1/custody/second-generator", b"")));
    SecondGenerator { point, table: VartimeRistrettoPrecomputation::new([point]) }
});

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

fn challenge(domain: &'static str, context: Digest, points: &[&[u8; 32]]) -> Scalar {
    let mut out = Writer::default();
    context.encode(&mut out);
    points.iter().for_each(|bytes| out.raw(*bytes));
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

    fn capsule() -> Label {
        Label::of(b"capsule", AAD)
    }

    fn context(n: u8) -> Digest {
        Digest([n; 32])
    }

    fn dealt() -> (DealtKey, Encapsulation, Vec<u8>) {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let key = DealtKey::generate(&mut rng, 3);
        let (encapsulation, sealed) = seal(&mut rng, &key.public(), capsule(), AAD, b"secret").unwrap();
        (key, encapsulation, sealed)
    }

    fn partials(key: &DealtKey, of: &Encapsulation, ids: &[u16]) -> BTreeMap<CustodianId, PartialOpening> {
        let one = |id: &u16| (CustodianId(*id), key.share(CustodianId(*id)).open(of, context(1)).unwrap());
        ids.iter().map(one).collect()
    }

    #[test]
    fn any_t_shares_open_the_same_and_fewer_open_nothing() {
        let (key, encapsulation, sealed) = dealt();
        let open = |ids: &[u16]| {
            let opened = combine(&partials(&key, &encapsulation, ids), &key.public(), capsule(), &encapsulation);
            opened.and_then(|opened| opened.open(capsule(), &encapsulation, &sealed, AAD))
        };
        for ids in [[1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4]] {
            assert_eq!(open(&ids).unwrap().as_slice(), b"secret", "{ids:?}");
        }
        for ids in [&[][..], &[1], &[1, 2], &[3, 4], &[2, 4]] {
            assert_eq!(open(ids), None, "{ids:?}");
        }
        assert_eq!(key.open(capsule(), &encapsulation, &sealed, AAD).unwrap().as_slice(), b"secret");
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
        let other = seal(&mut rng, &key.public(), capsule(), AAD, b"x").unwrap().0;
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
        assert!(encapsulation.is_for(capsule()));
        assert!(!encapsulation.is_for(Label::of(b"arguments", AAD)));
        assert!(!encapsulation.is_for(Label::of(b"capsule", b"another chain")));
        let bent = |at: usize| {
            let mut bytes = encapsulation.0;
            bytes[at] ^= 1;
            Encapsulation(bytes)
        };
        assert!((0..ENCAPSULATION_BYTES).all(|at| !bent(at).is_for(capsule())));
        // A stranger who takes the first point as his own cannot prove that he made it.
        let mine = Label::of(b"arguments", b"mine");
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut stolen = seal(&mut rng, &key.public(), mine, b"mine", b"").unwrap().0;
        stolen.0[..32].copy_from_slice(&encapsulation.0[..32]);
        assert!(!stolen.is_for(mine));
        assert_eq!(key.open(capsule(), &bent(0), &sealed, AAD), None);
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
