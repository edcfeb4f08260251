//! Dealing: how shares of the custody key come to be, and how others take their place. Owns verifiable sharing (Feldman, "A
//! Practical Scheme for Non-interactive Verifiable Secret Sharing", 1987) and its two uses: *generation*, where the key is
//! the sum of secrets that each dealer made up, with proof that it knows its own (Pedersen, "A Threshold Cryptosystem
//! without a Trusted Party", 1991; the proof as in Komlo and Goldberg, "FROST", 2020), and *resharing*, where t holders deal
//! their shares on (Desmedt and Jajodia, "Redistributing Secret Shares to New Access Structures", 1997): the key stays, its
//! shares, their holders and their threshold may all change, and old shares open nothing together with new ones.
//! Invariant: nobody ever has the key; a part is used only if it fits what its dealer committed itself to.
//! Must not know: how parts travel, who may take part.

use super::{KeyShare, challenge, lagrange, point, scalar, wide};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::transaction::CustodianId;
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// Highest threshold.
const THRESHOLD_MAX: usize = 64;

/// What a dealer commits itself to: its secret's public half, then those of the other coefficients. As many as the threshold.
#[derive(Clone, PartialEq, Eq)]
pub struct Commitments {
    points: Vec<[u8; 32]>,
    challenge: [u8; 32],
    response: [u8; 32],
}

impl fmt::Debug for Commitments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitments({} points)", self.points.len())
    }
}

/// A part of a dealer's secret, for one receiver. Wiped when dropped; its debug form tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Part(Zeroizing<[u8; 32]>);

impl Part {
    /// The part whose bytes are `bytes`.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed to the receiver.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part(…)")
    }
}

/// Deals a secret, derived from `seed` or the dealer's own share, in parts of which any `threshold` make it up. `context`
/// names the dealer and the occasion. Equal arguments give equal parts; the seed must be secret and serve one occasion.
pub fn deal(
    seed: &[u8; 32],
    share: Option<&KeyShare>,
    threshold: u16,
    context: Digest,
    receivers: &[CustodianId],
) -> (Commitments, BTreeMap<CustodianId, Part>) {
    let derived = |n: u16| {
        let bound = [context.0.as_slice(), &n.to_be_bytes()].concat();
        Zeroizing::new(wide(&Digest::keyed(seed, "guiju/1/custody/dealing", &bound)))
    };
    let mut coefficients: Vec<Zeroizing<Scalar>> = (1..=threshold.max(1)).map(derived).collect();
    if let Some(share) = share {
        coefficients[0] = share.scalar();
    }
    let points: Vec<[u8; 32]> = coefficients.iter().map(|c| RistrettoPoint::mul_base(c).compress().0).collect();
    let k = derived(0);
    let c = knows_secret(context, &points, &RistrettoPoint::mul_base(&k).compress().0);
    let response = *k + c * *coefficients[0];
    let part = |id: &CustodianId| {
        let x = Scalar::from(u64::from(id.0));
        let value =
            coefficients.iter().rev().fold(Zeroizing::new(Scalar::ZERO), |sum, c| Zeroizing::new(*sum * x + **c));
        (*id, Part(Zeroizing::new(value.to_bytes())))
    };
    let parts = receivers.iter().map(part).collect();
    (Commitments { points, challenge: c.to_bytes(), response: response.to_bytes() }, parts)
}

/// The challenge of the proof that a dealer knows its secret, over all that it commits itself to.
fn knows_secret(context: Digest, points: &[[u8; 32]], commitment: &[u8; 32]) -> Scalar {
    let points: Vec<&[u8; 32]> = points.iter().chain([commitment]).collect();
    challenge("guiju/1/custody/deals", context, &points)
}

impl Commitments {
    /// Whether they share a secret that the dealer knows, at this threshold, in this context.
    pub fn are_sound(&self, threshold: u16, context: Digest) -> bool {
        let (Some(c), Some(z)) = (scalar(&self.challenge), scalar(&self.response)) else { return false };
        let points: Option<Vec<RistrettoPoint>> = self.points.iter().map(point).collect();
        let Some(points) = points.filter(|p| p.len() == usize::from(threshold)) else { return false };
        let Some(secret) = points.first().filter(|p| !p.is_identity()) else { return false };
        let k = RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, secret, &z);
        c == knows_secret(context, &self.points, &k.compress().0)
    }

    /// The public half of what is dealt.
    pub fn secret(&self) -> [u8; 32] {
        self.points.first().copied().unwrap_or_default()
    }

    /// Whether a receiver's part is the one committed to.
    pub fn fit(&self, receiver: CustodianId, part: &Part) -> bool {
        let Some(value) = scalar(&part.0) else { return false };
        self.at(receiver).is_some_and(|expected| expected == RistrettoPoint::mul_base(&value))
    }

    fn at(&self, receiver: CustodianId) -> Option<RistrettoPoint> {
        let x = Scalar::from(u64::from(receiver.0));
        let points: Option<Vec<RistrettoPoint>> = self.points.iter().map(point).collect();
        points?.into_iter().rev().reduce(|sum, next| x * sum + next)
    }
}

/// What becomes of several dealings taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealings {
    /// A new key: the sum of what all dealt.
    Generate,
    /// The old key in new shares: what t of its holders dealt, of their shares.
    Reshare,
}

impl Dealings {
    fn weights(self, dealers: &[CustodianId]) -> impl Iterator<Item = Scalar> + '_ {
        dealers.iter().map(move |dealer| match self {
            Self::Generate => Scalar::ONE,
            Self::Reshare => lagrange(*dealer, dealers, CustodianId(0)),
        })
    }

    /// A receiver's share, of the parts that all dealers gave it. `None` if a part is none.
    pub fn share(self, parts: &BTreeMap<CustodianId, Part>) -> Option<KeyShare> {
        let dealers: Vec<CustodianId> = parts.keys().copied().collect();
        let mut sum = Zeroizing::new(Scalar::ZERO);
        for (weight, part) in self.weights(&dealers).zip(parts.values()) {
            *sum += weight * *Zeroizing::new(scalar(&part.0)?);
        }
        KeyShare::from_bytes(sum.to_bytes())
    }

    /// The custody key, of all dealers' commitments. `None` if one is none.
    pub fn custody_key(self, commitments: &BTreeMap<CustodianId, Commitments>) -> Option<[u8; 32]> {
        self.sum(commitments, |of| of.points.first().and_then(point))
    }

    /// The public half of a receiver's share, likewise.
    pub fn share_key(
        self,
        commitments: &BTreeMap<CustodianId, Commitments>,
        receiver: CustodianId,
    ) -> Option<[u8; 32]> {
        self.sum(commitments, |of| of.at(receiver))
    }

    fn sum(
        self,
        commitments: &BTreeMap<CustodianId, Commitments>,
        of: impl Fn(&Commitments) -> Option<RistrettoPoint>,
    ) -> Option<[u8; 32]> {
        let dealers: Vec<CustodianId> = commitments.keys().copied().collect();
        let terms = self.weights(&dealers).zip(commitments.values());
        let terms: Option<Vec<RistrettoPoint>> = terms.map(|(weight, c)| Some(weight * of(c)?)).collect();
        let sum: RistrettoPoint = terms?.into_iter().sum();
        (!sum.is_identity()).then(|| sum.compress().0)
    }
}

impl Encode for Commitments {
    fn encode(&self, out: &mut Writer) {
        out.u16(u16::try_from(self.points.len()).expect("at most THRESHOLD_MAX points"));
        self.points.iter().for_each(|point| out.raw(point));
        out.raw(&self.challenge);
        out.raw(&self.response);
    }
}
impl Decode for Commitments {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(input.u16()?);
        if count == 0 || count > THRESHOLD_MAX {
            return Err(DecodeError::TooLong);
        }
        let points = (0..count).map(|_| input.array()).collect::<Result<_, _>>()?;
        Ok(Self { points, challenge: input.array()?, response: input.array()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::{Label, combine, seal, shares_fit};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    type Set = BTreeMap<CustodianId, KeyShare>;

    fn ids(numbers: &[u16]) -> Vec<CustodianId> {
        numbers.iter().map(|n| CustodianId(*n)).collect()
    }

    fn context(dealer: CustodianId, occasion: u8) -> Digest {
        Digest::of("guiju/test/dealing", &[dealer.0 as u8, occasion])
    }

    /// What `dealers` deal to `receivers`; everything is checked as receivers check it.
    fn dealt(
        kind: Dealings,
        dealers: &[(CustodianId, Option<&KeyShare>)],
        threshold: u16,
        receivers: &[CustodianId],
        occasion: u8,
    ) -> ([u8; 32], Set) {
        let mut commitments = BTreeMap::new();
        let mut parts: BTreeMap<CustodianId, BTreeMap<CustodianId, Part>> = BTreeMap::new();
        for (dealer, share) in dealers {
            let context = context(*dealer, occasion);
            let (committed, dealt) = deal(&[dealer.0 as u8; 32], *share, threshold, context, receivers);
            assert!(committed.are_sound(threshold, context));
            assert!(share.is_none_or(|share| committed.secret() == share.public()));
            for (receiver, part) in dealt {
                assert!(committed.fit(receiver, &part));
                parts.entry(receiver).or_default().insert(*dealer, part);
            }
            commitments.insert(*dealer, committed);
        }
        let key = kind.custody_key(&commitments).unwrap();
        let shares: Set = parts.iter().map(|(id, parts)| (*id, kind.share(parts).unwrap())).collect();
        for (id, share) in &shares {
            assert_eq!(kind.share_key(&commitments, *id), Some(share.public()));
        }
        let public: Vec<_> = shares.iter().map(|(id, share)| (*id, share.public())).collect();
        assert!(shares_fit(&key, threshold, &public));
        (key, shares)
    }

    fn generated() -> ([u8; 32], Set) {
        let all = ids(&[1, 2, 3, 4]);
        let dealers: Vec<_> = all.iter().map(|id| (*id, None)).collect();
        dealt(Dealings::Generate, &dealers, 3, &all, 0)
    }

    fn opens(key: &[u8; 32], shares: &Set, by: &[u16]) -> bool {
        let label = Label::of(b"test", b"");
        let (encapsulation, sealed) = seal(&mut ChaCha20Rng::seed_from_u64(1), key, label, b"", b"secret").unwrap();
        let by = ids(by);
        let partials = by.iter().map(|id| (*id, shares[id].open(&encapsulation, context(*id, 9)).unwrap())).collect();
        let opened = combine(&partials, key, label, &encapsulation);
        opened.and_then(|key| key.open(label, &encapsulation, &sealed, b"")).is_some_and(|text| *text == b"secret")
    }

    #[test]
    fn a_key_that_nobody_ever_had_opens_by_any_threshold_of_its_shares() {
        let (key, shares) = generated();
        for by in [[1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4]] {
            assert!(opens(&key, &shares, &by), "{by:?}");
        }
        assert!(!opens(&key, &shares, &[1, 2]));
    }

    #[test]
    fn shares_are_refreshed_moved_and_rethresholded_under_one_key() {
        let (key, old) = generated();
        // 4 leaves, 5 to 7 come, and four must agree from now on; 1, 3 and 4 deal.
        let dealers: Vec<_> = [1, 3, 4].map(|n| (CustodianId(n), old.get(&CustodianId(n)))).to_vec();
        let (same, new) = dealt(Dealings::Reshare, &dealers, 4, &ids(&[1, 2, 3, 5, 6, 7]), 1);
        assert_eq!(same, key);
        assert!(opens(&key, &new, &[1, 2, 3, 5]) && opens(&key, &new, &[2, 5, 6, 7]));
        assert!(!opens(&key, &new, &[5, 6, 7]));
        // Old shares and new ones do not mix.
        let mixed: Set = [(1, &old), (3, &new), (5, &new), (6, &new)]
            .map(|(n, set)| (CustodianId(n), set[&CustodianId(n)].clone()))
            .into();
        assert!(!opens(&key, &mixed, &[1, 3, 5, 6]));
        // The old ones still open by themselves until they are wiped.
        assert!(opens(&key, &old, &[1, 2, 3]));
    }

    #[test]
    fn a_dealer_is_held_to_what_it_committed_to() {
        let receivers = ids(&[1, 2, 3]);
        let here = context(CustodianId(1), 0);
        let (committed, parts) = deal(&[1; 32], None, 2, here, &receivers);
        assert!(!committed.fit(CustodianId(2), &parts[&CustodianId(1)]), "another's part");
        assert!(!committed.fit(CustodianId(1), &Part::from_bytes([0xff; 32])));
        assert!(!committed.are_sound(3, here), "another threshold");
        assert!(!committed.are_sound(2, context(CustodianId(2), 0)), "another dealer's name");
        let bytes = committed.to_bytes();
        for at in 2..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert!(!Commitments::from_bytes(&bent).unwrap().are_sound(2, here), "byte {at}");
        }
        for cut in 0..bytes.len() {
            assert!(Commitments::from_bytes(&bytes[..cut]).is_err());
        }
        // Whoever commits to another's secret minus its own, to be the only one who knows the sum, cannot prove it.
        let mut rogue = deal(&[2; 32], None, 2, here, &receivers).0;
        rogue.points[0] = committed.secret();
        assert!(!rogue.are_sound(2, here));
    }
}
