//! Messages between two holders of sealing keys, many under one agreement (HPKE's authenticated mode, RFC 9180, section
//! 5.1.3, and its exported secret). Invariant: who opens a message knows that the other of the two made it; equal messages
//! give equal bytes, and no two messages meet one key and nonce. Must not know: what messages say.

use super::{EnvelopeError, HpkeAead, Kem, SealingSecret, Use};
use crate::crypto::Digest;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// A secret that two holders of sealing keys share, for messages of one to the other: only these two can make or open
/// one. Wiped when dropped; its debug form tells nothing.
#[derive(Clone)]
pub struct PairKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey(…)")
    }
}

/// What a pair's secret is exported for (RFC 9180, section 5.3).
const PAIR_EXPORT: &[u8] = b"guiju/1/pair";

impl SealingSecret {
    /// The secret for messages to `recipient`, for one use, bound to `aad` (HPKE's authenticated mode), and what the
    /// recipient finds it by. Errors: `BadRecipient`.
    pub fn pair_to(
        &self,
        rng: &mut impl CryptoRng,
        recipient: &[u8; 32],
        purpose: Use,
        aad: &[u8],
    ) -> Result<([u8; 32], PairKey), EnvelopeError> {
        let bad = |_| EnvelopeError::BadRecipient;
        let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient).map_err(bad)?;
        let private = self.private();
        let mode = OpModeS::Auth((private.clone(), Kem::sk_to_pk(&private)));
        let info = [purpose.info(), aad].concat();
        let (key, context) =
            hpke::setup_sender_with_rng::<HpkeAead, HkdfSha256, Kem>(&mode, &recipient, &info, rng).map_err(bad)?;
        let mut secret = Zeroizing::new([0; 32]);
        context.export(PAIR_EXPORT, secret.as_mut()).map_err(bad)?;
        Ok((key.to_bytes().into(), PairKey(secret)))
    }

    /// The secret of messages from `sender` that name `encapsulated`. Errors: `Unopenable`.
    pub fn pair_from(
        &self,
        sender: &[u8; 32],
        purpose: Use,
        encapsulated: &[u8; 32],
        aad: &[u8],
    ) -> Result<PairKey, EnvelopeError> {
        let bad = |_| EnvelopeError::Unopenable;
        let sender = <Kem as hpke::Kem>::PublicKey::from_bytes(sender).map_err(bad)?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(bad)?;
        let info = [purpose.info(), aad].concat();
        let mode = OpModeR::Auth(sender);
        let context = hpke::setup_receiver::<HpkeAead, HkdfSha256, Kem>(&mode, &self.private(), &encapsulated, &info)
            .map_err(bad)?;
        let mut secret = Zeroizing::new([0; 32]);
        context.export(PAIR_EXPORT, secret.as_mut()).map_err(bad)?;
        Ok(PairKey(secret))
    }
}

impl PairKey {
    /// Seals a message. Equal messages give equal bytes, and no two messages meet one key and nonce.
    pub fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        let id = Digest::keyed(&self.0, "guiju/1/pair/message", plaintext);
        let sealed = self.cipher(&id.0).encrypt(&Nonce::default(), plaintext).unwrap_or_default();
        [id.0.as_slice(), &sealed].concat()
    }

    /// Opens a message that the other holder sealed. Errors: `Unopenable`.
    pub fn open(&self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let (id, sealed) = message.split_first_chunk::<32>().ok_or(EnvelopeError::Unopenable)?;
        let opened = self.cipher(id).decrypt(&Nonce::default(), sealed);
        opened.map(Zeroizing::new).map_err(|_| EnvelopeError::Unopenable)
    }

    fn cipher(&self, id: &[u8; 32]) -> ChaCha20Poly1305 {
        let key = Zeroizing::new(Digest::keyed(&self.0, "guiju/1/pair/key", id).0);
        ChaCha20Poly1305::new((&*key).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn only_the_two_of_a_pair_make_and_open_its_messages() {
        let [alice, bob, eve] = [1, 2, 3].map(|n| SealingSecret::from_bytes([n; 32]));
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (key, sending) = alice.pair_to(&mut rng, &bob.public(), Use::Opening, b"aad").unwrap();
        let message = sending.seal(b"x");
        let from = |sender: &SealingSecret, receiver: &SealingSecret, purpose, aad: &[u8]| {
            receiver.pair_from(&sender.public(), purpose, &key, aad).unwrap().open(&message)
        };
        assert_eq!(from(&alice, &bob, Use::Opening, b"aad").unwrap().as_slice(), b"x");
        assert!(from(&eve, &bob, Use::Opening, b"aad").is_err(), "not of the one it is taken for");
        assert!(from(&alice, &eve, Use::Opening, b"aad").is_err());
        assert!(from(&alice, &bob, Use::Answer, b"aad").is_err());
        assert!(from(&alice, &bob, Use::Opening, b"other").is_err());
        for at in 0..message.len() {
            let mut bent = message.clone();
            bent[at] ^= 1;
            assert!(sending.open(&bent).is_err(), "byte {at}");
            assert!(sending.open(&message[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(alice.pair_to(&mut rng, &[0; 32], Use::Opening, b"").err(), Some(EnvelopeError::BadRecipient));
    }
}
