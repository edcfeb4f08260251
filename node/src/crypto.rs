//! Keys, signatures and hashes. Owns every use of BLAKE3 and Ed25519 in the node.
//! Invariant: no bytes are hashed or signed without a domain tag, so a vote can never be read as a transaction.
//! Must not know: transactions, blocks, the network.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use std::fmt;

/// The only cryptographic suite in use: Ed25519, X25519, ChaCha20-Poly1305, BLAKE3. Suite 2 (SM2/3/4) is reserved.
pub const SUITE: u8 = 1;

/// A 32-byte BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes` under `domain` (BLAKE3 derive-key mode, so domains cannot collide).
    pub fn of(domain: &'static str, bytes: &[u8]) -> Self {
        Self(blake3::derive_key(domain, bytes))
    }

    /// Pseudo-random function of `bytes` under a secret `key` and `domain` (BLAKE3 keyed mode). The domain is written
    /// with its length, so two domains never read the same bytes alike.
    pub fn keyed(key: &[u8; 32], domain: &'static str, bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&(domain.len() as u64).to_be_bytes());
        hasher.update(domain.as_bytes());
        hasher.update(bytes);
        Self(*hasher.finalize().as_bytes())
    }

    /// Lower-case hexadecimal, 64 characters.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.hex()[..12])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// Domain tags of everything that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A transaction's body.
    Transaction,
    /// A consensus vote.
    Vote,
    /// A consensus proposal.
    Proposal,
    /// A custodian's statement about a request's result.
    Attestation,
    /// What a founding custodian puts on the board.
    Ceremony,
    /// A custodian's word that it has destroyed a record's capsule.
    Erasure,
}

impl Purpose {
    fn tag(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"guiju/1/transaction\0",
            Self::Vote => b"guiju/1/vote\0",
            Self::Proposal => b"guiju/1/proposal\0",
            Self::Attestation => b"guiju/1/attestation\0",
            Self::Ceremony => b"guiju/1/ceremony\0",
            Self::Erasure => b"guiju/1/erasure\0",
        }
    }
}

/// An Ed25519 public key, 32 bytes. May hold bytes that are no valid point; `verify` then fails.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key:{}…", &hex(&self.0)[..8])
    }
}

/// An Ed25519 signature, 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sig:{}…", &hex(&self.0)[..8])
    }
}

impl PublicKey {
    /// Whether `signature` is this key's over `message` for `purpose` (strict verification, RFC 8032 with the
    /// checks of `verify_strict`, so that every node judges alike).
    pub fn verify(&self, purpose: Purpose, message: &[u8], signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else {
            return false;
        };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&tagged(purpose, message), &signature).is_ok()
    }
}

/// An Ed25519 signing key. Its debug form shows only the public half.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key whose seed is `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed, to be written to a key file.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` for `purpose`.
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> Signature {
        Signature(self.0.sign(&tagged(purpose, message)).to_bytes())
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({:?})", self.public())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes from hexadecimal; `None` where the text is not hexadecimal of even length.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

fn tagged(purpose: Purpose, message: &[u8]) -> Vec<u8> {
    let tag = purpose.tag();
    let mut bytes = Vec::with_capacity(tag.len() + message.len());
    bytes.extend_from_slice(tag);
    bytes.extend_from_slice(message);
    bytes
}
