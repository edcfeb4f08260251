//! The replica's contract: what comes in, what goes out, and the bytes of what peers say.
//! Invariant: every peer message has a bound on each list and length, checked before memory is taken.
//! Must not know: how events arise or actions are done.

use crate::block::{Block, CertifiedBlock};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::consensus::driver::Step;
use crate::consensus::messages::ROUND_MAX;
use crate::consensus::{ConsensusMessage, WalRecord};
use crate::crypto::PublicKey;
use crate::custody::openings::OpeningMessage;
use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::mempool::Rejection;
use crate::state::Applied;
use crate::transaction::{CapsuleId, Envelope, Height, TransactionId};
use std::fmt;
use std::sync::Arc;

/// Most blocks in one sync response.
pub const SYNC_BLOCKS_MAX: usize = 32;
/// Encoded bytes after which a sync response takes no further block.
pub const SYNC_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most capsules in one message.
pub const CAPSULES_MAX: usize = 256;
/// Largest capsule, in bytes.
pub const CAPSULE_BYTES_MAX: usize = 1024;
/// Largest encoded peer message, in bytes; a longer frame is refused before it is read.
pub const PEER_MESSAGE_BYTES_MAX: usize = SYNC_BYTES_MAX + 2 * crate::block::BLOCK_BYTES_MAX;

/// A node, by its transport key. The network has authenticated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub PublicKey);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::crypto::hex(&self.0.0))
    }
}

impl Encode for NodeId {
    fn encode(&self, out: &mut Writer) {
        self.0.encode(out);
    }
}

impl Decode for NodeId {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(PublicKey::decode(input)?))
    }
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// A vote, proposal or certificate.
    Consensus(ConsensusMessage),
    /// The body of a proposed block.
    Body {
        /// The round it is proposed in.
        round: u32,
        /// The block.
        block: Block,
    },
    /// A transaction with its capsules.
    Transaction(Envelope),
    /// How far the sender's ledger is.
    Status {
        /// Its last committed height.
        height: Height,
    },
    /// Asks for decided blocks.
    SyncRequest {
        /// The first height wanted.
        from: Height,
        /// How many at most.
        count: u16,
    },
    /// Decided blocks, ascending without gaps.
    SyncResponse(Vec<CertifiedBlock>),
    /// Capsules, between custodians.
    Capsules(Vec<(CapsuleId, Vec<u8>)>),
    /// Asks for capsules.
    WantCapsules(Vec<CapsuleId>),
    /// What a custodian gives of its share, sealed for the other custodians.
    Opening(OpeningMessage),
}

/// A timer of the replica. Setting one that is set replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerId {
    /// A wait of consensus.
    Consensus {
        /// The height waited in.
        height: Height,
        /// The round.
        round: u32,
        /// The wait.
        step: Step,
    },
    /// To tell peers the height.
    Status,
    /// To send transactions again that are still pending.
    Gossip,
    /// To ask for missing blocks, or ask another peer.
    Sync,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The node runs: the first event, once.
    Started,
    /// A peer can be reached.
    Connected(NodeId),
    /// A peer cannot be reached any more.
    Disconnected(NodeId),
    /// A peer said something.
    Message {
        /// Who.
        from: NodeId,
        /// What.
        message: PeerMessage,
    },
    /// A timer went off.
    Timer(TimerId),
    /// A client handed in a transaction.
    Submitted {
        /// Names the client's call in [`Action::Reply`].
        ticket: u64,
        /// The transaction and its capsules.
        envelope: Envelope,
    },
    /// [`Action::Commit`] is durable, guard included.
    Committed {
        /// The height committed.
        height: Height,
    },
    /// The custodian has something for us.
    Custody(CustodyReport),
}

/// What is to be done. The server does these strictly in order and ends the process at the first storage error.
#[derive(Clone, Debug)]
pub enum Action {
    /// Append to the write-ahead log.
    Append(WalRecord),
    /// Make everything appended durable, before anything that follows.
    SyncWal,
    /// Records of this height and below are void; the log holds none above it.
    TruncateWal(Height),
    /// Send to one peer, if it can be reached.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: PeerMessage,
    },
    /// Send to all peers that can be reached.
    Broadcast(PeerMessage),
    /// Report the timer after so many milliseconds.
    SetTimer {
        /// The timer.
        id: TimerId,
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// Forget the timer.
    CancelTimer(TimerId),
    /// Make the block durable, in one batch, then report [`Event::Committed`].
    Commit(Arc<Applied>),
    /// Answer a client.
    Reply {
        /// The call.
        ticket: u64,
        /// The transaction's identity, now pending; or why it was not taken.
        result: Result<TransactionId, Rejection>,
    },
    /// Tell the custodian.
    Custody(CustodyOrder),
    /// Stop the process: to go on could break a promise.
    Halt {
        /// Why.
        reason: String,
    },
}

impl Encode for PeerMessage {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Consensus(message) => {
                out.u8(1);
                message.encode(out);
            }
            Self::Body { round, block } => {
                out.u8(2);
                out.u32(*round);
                block.encode(out);
            }
            Self::Transaction(envelope) => {
                out.u8(3);
                envelope.encode(out);
            }
            Self::Status { height } => {
                out.u8(4);
                height.encode(out);
            }
            Self::SyncRequest { from, count } => {
                out.u8(5);
                from.encode(out);
                out.u16(*count);
            }
            Self::SyncResponse(blocks) => {
                out.u8(6);
                out.list(blocks);
            }
            Self::Capsules(capsules) => {
                out.u8(7);
                out.u16(u16::try_from(capsules.len()).expect("at most CAPSULES_MAX capsules a message"));
                for (id, capsule) in capsules {
                    id.encode(out);
                    out.bytes(capsule);
                }
            }
            Self::WantCapsules(ids) => {
                out.u8(8);
                out.list(ids);
            }
            Self::Opening(message) => {
                out.u8(9);
                message.encode(out);
            }
        }
    }
}

impl Decode for PeerMessage {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Consensus(ConsensusMessage::decode(input)?),
            2 => {
                let round = input.u32()?;
                if round > ROUND_MAX {
                    return Err(DecodeError::TooLong);
                }
                Self::Body { round, block: Block::decode(input)? }
            }
            3 => Self::Transaction(Envelope::decode(input)?),
            4 => Self::Status { height: Height::decode(input)? },
            5 => Self::SyncRequest { from: Height::decode(input)?, count: input.u16()? },
            6 => Self::SyncResponse(input.list(SYNC_BLOCKS_MAX)?),
            7 => {
                let count = usize::from(input.u16()?);
                if count > CAPSULES_MAX {
                    return Err(DecodeError::TooLong);
                }
                let capsules = (0..count)
                    .map(|_| Ok((CapsuleId::decode(input)?, input.bytes(CAPSULE_BYTES_MAX)?.to_vec())))
                    .collect::<Result<_, DecodeError>>()?;
                Self::Capsules(capsules)
            }
            8 => Self::WantCapsules(input.list(CAPSULES_MAX)?),
            9 => Self::Opening(OpeningMessage::decode(input)?),
            _ => return Err(DecodeError::Malformed),
        })
    }
}
