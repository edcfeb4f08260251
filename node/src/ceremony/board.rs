//! What is put on the board: dealings, confirmations and endorsements, signed. Owns their bytes and their text form, a first line
//! that says what it is and hexadecimal below. Invariant: one message has one text. Must not know: whether it holds.

use super::{Outcome, SIGNED};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, Keypair, PublicKey, Purpose, Signature, hex, unhex};
use crate::custodians::confirmed_bytes;
use crate::genesis::CUSTODIANS_MAX;
use crate::threshold::dealing::Commitments;
use crate::transaction::{CustodianId, Height, Signer, Transaction};

/// Largest message, in bytes of its text.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Largest sealed part, in bytes.
const BOX_BYTES_MAX: usize = 256;

type Sealed = (CustodianId, [u8; 32], Vec<u8>);

/// What a member deals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealing {
    plan: Digest,
    dealer: CustodianId,
    commitments: Commitments,
    index_commitment: Digest,
    boxes: Vec<Sealed>,
    signature: Signature,
}

/// A member's word on the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    by: CustodianId,
    transcript: Digest,
    index_key: [u8; 32],
    signature: Signature,
}

impl Dealing {
    pub(super) fn sign(
        plan: Digest,
        dealer: CustodianId,
        commitments: Commitments,
        index_commitment: Digest,
        boxes: Vec<Sealed>,
        signing: &Keypair,
    ) -> Self {
        let mut dealing = Self { plan, dealer, commitments, index_commitment, boxes, signature: Signature([0; 64]) };
        dealing.signature = signing.sign(SIGNED, &dealing.signed());
        dealing
    }

    pub(super) fn is_of(&self, member: CustodianId, key: PublicKey) -> bool {
        self.dealer == member && key.verify(SIGNED, &self.signed(), &self.signature)
    }

    /// Who deals, as it says.
    pub fn dealer(&self) -> CustodianId {
        self.dealer
    }
    pub(super) fn plan(&self) -> Digest {
        self.plan
    }
    pub(super) fn commitments(&self) -> &Commitments {
        &self.commitments
    }
    pub(super) fn index_commitment(&self) -> Digest {
        self.index_commitment
    }
    pub(super) fn boxes(&self) -> &[Sealed] {
        &self.boxes
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.text("dealing");
        self.encode_unsigned(&mut out);
        out.into_bytes()
    }

    fn encode_unsigned(&self, out: &mut Writer) {
        self.plan.encode(out);
        out.u16(self.dealer.0);
        self.commitments.encode(out);
        self.index_commitment.encode(out);
        out.u16(u16::try_from(self.boxes.len()).expect("at most CUSTODIANS_MAX boxes"));
        for (to, key, sealed) in &self.boxes {
            out.u16(to.0);
            out.raw(key);
            out.bytes(sealed);
        }
    }

    /// The text that goes on the board.
    pub fn to_text(&self) -> String {
        text("GUIJU DEALING 1", &self.to_bytes())
    }

    /// Reads a text from the board. Errors if it is none.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        Self::from_bytes(&bytes("GUIJU DEALING 1", text)?)
    }
}

impl Confirmation {
    pub(super) fn sign(by: CustodianId, outcome: &Outcome, signing: &Keypair) -> Self {
        let signature = signing.sign(SIGNED, &confirmed_bytes(by, outcome.digest()));
        Self { by, transcript: outcome.transcript, index_key: outcome.index_key, signature }
    }

    pub(super) fn is_of(&self, member: CustodianId, key: PublicKey, outcome: &Outcome) -> bool {
        self.by == member && key.verify(SIGNED, &confirmed_bytes(member, outcome.digest()), &self.signature)
    }

    pub(super) fn by(&self) -> CustodianId {
        self.by
    }
    pub(super) fn transcript(&self) -> Digest {
        self.transcript
    }
    pub(super) fn index_key(&self) -> [u8; 32] {
        self.index_key
    }
    pub(super) fn signature(&self) -> Signature {
        self.signature
    }

    /// The text that goes on the board.
    pub fn to_text(&self) -> String {
        text("GUIJU CONFIRMATION 1", &self.to_bytes())
    }

    /// Reads a text from the board. Errors if it is none.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        Self::from_bytes(&bytes("GUIJU CONFIRMATION 1", text)?)
    }
}

/// A present custodian's signature on the transaction that tells the ledger of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsement {
    by: CustodianId,
    valid_until: Height,
    signature: Signature,
}

impl Endorsement {
    /// The endorsement of `body`, by a present custodian.
    pub fn sign(body: &Transaction, by: CustodianId, signing: &Keypair) -> Self {
        let signature = signing.sign(Purpose::Transaction, &body.to_bytes());
        Self { by, valid_until: body.valid_until, signature }
    }

    /// Last height at which the endorsed transaction can be in a block.
    pub fn valid_until(&self) -> Height {
        self.valid_until
    }

    /// Who endorses, and its signature.
    pub fn signature(&self) -> (Signer, Signature) {
        (Signer::Custodian(self.by), self.signature)
    }

    /// The text that goes on the board.
    pub fn to_text(&self) -> String {
        text("GUIJU ENDORSEMENT 1", &self.to_bytes())
    }

    /// Reads a text from the board. Errors if it is none.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        Self::from_bytes(&bytes("GUIJU ENDORSEMENT 1", text)?)
    }
}

impl Encode for Endorsement {
    fn encode(&self, out: &mut Writer) {
        out.u16(self.by.0);
        self.valid_until.encode(out);
        self.signature.encode(out);
    }
}
impl Decode for Endorsement {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            by: CustodianId(input.u16()?),
            valid_until: Height::decode(input)?,
            signature: Signature::decode(input)?,
        })
    }
}

fn text(title: &str, bytes: &[u8]) -> String {
    let mut text = format!("{title}\n");
    for line in bytes.chunks(48) {
        text.push_str(&hex(line));
        text.push('\n');
    }
    text
}

fn bytes(title: &str, text: &str) -> Result<Vec<u8>, DecodeError> {
    let rest = text.strip_prefix(title).and_then(|rest| rest.strip_prefix('\n')).ok_or(DecodeError::Malformed)?;
    if rest.len() > MESSAGE_BYTES_MAX {
        return Err(DecodeError::TooLong);
    }
    let digits: String = rest.split('\n').collect();
    let bytes = unhex(&digits).ok_or(DecodeError::Malformed)?;
    // One message, one text: what another line break or case would change is refused.
    if self::text(title, &bytes) == text { Ok(bytes) } else { Err(DecodeError::Malformed) }
}

impl Encode for Dealing {
    fn encode(&self, out: &mut Writer) {
        self.encode_unsigned(out);
        self.signature.encode(out);
    }
}
impl Decode for Dealing {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (plan, dealer) = (Digest::decode(input)?, CustodianId(input.u16()?));
        let (commitments, index_commitment) = (Commitments::decode(input)?, Digest::decode(input)?);
        let count = usize::from(input.u16()?);
        if count > CUSTODIANS_MAX {
            return Err(DecodeError::TooLong);
        }
        let boxes = (0..count)
            .map(|_| Ok((CustodianId(input.u16()?), input.array()?, input.bytes(BOX_BYTES_MAX)?.to_vec())))
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self { plan, dealer, commitments, index_commitment, boxes, signature: Signature::decode(input)? })
    }
}

impl Encode for Confirmation {
    fn encode(&self, out: &mut Writer) {
        out.u16(self.by.0);
        self.transcript.encode(out);
        out.raw(&self.index_key);
        self.signature.encode(out);
    }
}
impl Decode for Confirmation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            by: CustodianId(input.u16()?),
            transcript: Digest::decode(input)?,
            index_key: input.array()?,
            signature: Signature::decode(input)?,
        })
    }
}
