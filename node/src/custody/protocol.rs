//! What crosses between a node and its custodian process. Owns the two message types, their encodings and bounds.
//! Invariant: no variant can hold plaintext of a record, an argument or an answer. Must not know: how either side works.

use super::openings::OpeningMessage;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::PublicKey;
use crate::genesis::CUSTODIANS_MAX;
use crate::state::feed::CustodyFeed;
use crate::transaction::{CapsuleId, CustodianId, SignedTransaction};

/// Largest frame between node and custodian, in bytes; a longer one ends the process that reads it.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most capsules in one message.
pub const CAPSULES_MAX: usize = 4096;
/// Largest capsule of any suite, in bytes (as in `transaction::Envelope`).
pub const CAPSULE_BYTES_MAX: usize = 1024;
/// Largest sealed part of an opening message, in bytes.
pub const BOX_BYTES_MAX: usize = 64 * 1024;

/// From the node to its custodian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyOrder {
    /// The next block. Feeds come in height order, from height 1 on after every start.
    Feed(CustodyFeed),
    /// All blocks that the ledger has were fed: what is pending now is to be evaluated. Sent once after every start.
    CaughtUp,
    /// Time has passed, perhaps without a block: what was lost on the way is asked for, and sent, again.
    Tick,
    /// Capsules from a submitter or another node, in any order, before or after the block that names them.
    Capsules(Vec<(CapsuleId, Vec<u8>)>),
    /// Another node's custodian lacks these; answered by [`CustodyReport::Have`] with those at hand.
    Want {
        /// The capsules.
        capsules: Vec<CapsuleId>,
        /// Transport key of the node that asks.
        from: PublicKey,
    },
    /// What another custodian gives of its share, through its node.
    Opening {
        /// Transport key of that node.
        from: PublicKey,
        /// What is given.
        message: OpeningMessage,
    },
}

/// From a custodian to its node.
#[expect(clippy::large_enum_variant, reason = "one is handled at a time; a box would only hide the shape")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyReport {
    /// Attestations to be admitted and gossiped as a transaction.
    Transaction(SignedTransaction),
    /// Evaluation waits for these capsules; to be asked of other nodes.
    Want(Vec<CapsuleId>),
    /// Capsules for the node that wanted them.
    Have {
        /// Transport key of the node.
        to: PublicKey,
        /// The capsules.
        capsules: Vec<(CapsuleId, Vec<u8>)>,
    },
    /// What this custodian gives of its share.
    Opening {
        /// Transport key of the node whose custodian it is for; `None`: for all.
        to: Option<PublicKey>,
        /// What is given.
        message: OpeningMessage,
    },
}

fn encode_capsules(capsules: &[(CapsuleId, Vec<u8>)], out: &mut Writer) {
    out.u32(u32::try_from(capsules.len()).expect("at most CAPSULES_MAX capsules"));
    for (id, capsule) in capsules {
        id.encode(out);
        out.bytes(capsule);
    }
}

fn decode_capsules(input: &mut Reader<'_>) -> Result<Vec<(CapsuleId, Vec<u8>)>, DecodeError> {
    let count = input.u32()? as usize;
    if count > CAPSULES_MAX {
        return Err(DecodeError::TooLong);
    }
    (0..count).map(|_| Ok((CapsuleId::decode(input)?, input.bytes(CAPSULE_BYTES_MAX)?.to_vec()))).collect()
}

impl Encode for OpeningMessage {
    fn encode(&self, out: &mut Writer) {
        out.u16(self.from.0);
        out.u16(u16::try_from(self.boxes.len()).expect("at most CUSTODIANS_MAX boxes"));
        for (to, key, sealed) in &self.boxes {
            out.u16(to.0);
            out.raw(key);
            out.bytes(sealed);
        }
    }
}

impl Decode for OpeningMessage {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (from, count) = (CustodianId(input.u16()?), usize::from(input.u16()?));
        if count > CUSTODIANS_MAX {
            return Err(DecodeError::TooLong);
        }
        let boxes = (0..count)
            .map(|_| Ok((CustodianId(input.u16()?), input.array()?, input.bytes(BOX_BYTES_MAX)?.to_vec())))
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self { from, boxes })
    }
}

impl Encode for CustodyOrder {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Feed(feed) => {
                out.u8(1);
                feed.encode(out);
            }
            Self::CaughtUp => out.u8(2),
            Self::Capsules(capsules) => {
                out.u8(3);
                encode_capsules(capsules, out);
            }
            Self::Want { capsules, from } => {
                out.u8(4);
                out.list(capsules);
                from.encode(out);
            }
            Self::Tick => out.u8(5),
            Self::Opening { from, message } => {
                out.u8(6);
                from.encode(out);
                message.encode(out);
            }
        }
    }
}

impl Decode for CustodyOrder {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Feed(CustodyFeed::decode(input)?),
            2 => Self::CaughtUp,
            3 => Self::Capsules(decode_capsules(input)?),
            4 => Self::Want { capsules: input.list(CAPSULES_MAX)?, from: PublicKey::decode(input)? },
            5 => Self::Tick,
            6 => Self::Opening { from: PublicKey::decode(input)?, message: OpeningMessage::decode(input)? },
            _ => return Err(DecodeError::Malformed),
        })
    }
}

impl Encode for CustodyReport {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Transaction(transaction) => {
                out.u8(1);
                transaction.encode(out);
            }
            Self::Want(capsules) => {
                out.u8(2);
                out.list(capsules);
            }
            Self::Have { to, capsules } => {
                out.u8(3);
                to.encode(out);
                encode_capsules(capsules, out);
            }
            Self::Opening { to, message } => {
                out.u8(4);
                out.option(to.as_ref());
                message.encode(out);
            }
        }
    }
}

impl Decode for CustodyReport {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Transaction(SignedTransaction::decode(input)?),
            2 => Self::Want(input.list(CAPSULES_MAX)?),
            3 => Self::Have { to: PublicKey::decode(input)?, capsules: decode_capsules(input)? },
            4 => Self::Opening { to: input.option()?, message: OpeningMessage::decode(input)? },
            _ => return Err(DecodeError::Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Timestamp;
    use crate::crypto::{Digest, Keypair};
    use crate::transaction::{ChainId, Height, Payload, Signer, Transaction};

    fn capsules() -> Vec<(CapsuleId, Vec<u8>)> {
        vec![(CapsuleId(Digest([1; 32])), vec![1, 2, 3]), (CapsuleId(Digest([2; 32])), vec![])]
    }

    fn message() -> OpeningMessage {
        OpeningMessage { from: CustodianId(2), boxes: vec![(CustodianId(1), [4; 32], vec![5, 6])] }
    }

    fn orders() -> Vec<CustodyOrder> {
        let feed = CustodyFeed {
            height: Height(4),
            time: Timestamp(9),
            day: -3,
            modules: vec![],
            records: vec![],
            requests: vec![],
            finalised: vec![],
            expired: vec![],
            custodians: None,
            erased: vec![],
            destroyed: vec![],
        };
        vec![
            CustodyOrder::Feed(feed),
            CustodyOrder::CaughtUp,
            CustodyOrder::Tick,
            CustodyOrder::Capsules(capsules()),
            CustodyOrder::Want { capsules: vec![CapsuleId(Digest([1; 32]))], from: PublicKey([3; 32]) },
            CustodyOrder::Opening { from: PublicKey([3; 32]), message: message() },
        ]
    }

    fn reports() -> Vec<CustodyReport> {
        let key = Keypair::from_seed([1; 32]);
        let signer = Signer::Custodian(CustodianId(1));
        let body = Transaction {
            chain: ChainId(Digest([1; 32])),
            sender: signer,
            nonce: [0; 16],
            valid_until: Height(7),
            payload: Payload::Attest { attestations: vec![] },
        };
        vec![
            CustodyReport::Transaction(SignedTransaction::sign(body, &[(signer, &key)])),
            CustodyReport::Want(vec![CapsuleId(Digest([1; 32]))]),
            CustodyReport::Have { to: PublicKey([3; 32]), capsules: capsules() },
            CustodyReport::Opening { to: None, message: message() },
            CustodyReport::Opening { to: Some(PublicKey([3; 32])), message: message() },
        ]
    }

    #[test]
    fn messages_come_back_as_they_were() {
        for order in orders() {
            assert_eq!(CustodyOrder::from_bytes(&order.to_bytes()), Ok(order));
        }
        for report in reports() {
            assert_eq!(CustodyReport::from_bytes(&report.to_bytes()), Ok(report));
        }
    }

    #[test]
    fn cut_or_lengthened_messages_are_refused() {
        for bytes in orders().iter().map(Encode::to_bytes) {
            assert!((0..bytes.len()).all(|cut| CustodyOrder::from_bytes(&bytes[..cut]).is_err()));
            assert_eq!(CustodyOrder::from_bytes(&[bytes, vec![0]].concat()), Err(DecodeError::Trailing));
        }
        for bytes in reports().iter().map(Encode::to_bytes) {
            assert!((0..bytes.len()).all(|cut| CustodyReport::from_bytes(&bytes[..cut]).is_err()));
        }
        let many = [vec![3], u32::MAX.to_be_bytes().to_vec()].concat();
        assert_eq!(CustodyOrder::from_bytes(&many), Err(DecodeError::TooLong));
    }
}
