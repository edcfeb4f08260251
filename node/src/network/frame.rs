//! Frames on streams, and the Hello that opens a connection. Owns both formats.
//! Invariant: a length is checked against its cap before memory is taken for it, and memory grows only with bytes
//! that arrived. Must not know: who the peer is, what a payload means.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::transaction::{ChainId, Height};
use quinn::{RecvStream, SendStream};
use std::fmt;

/// Version of the messages after the handshake.
const VERSION: u16 = 1;
/// Largest encoded Hello, in bytes.
const HELLO_BYTES_MAX: usize = 128;
/// Step in which a frame's memory grows, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a stream or a connection is given up.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection or the network is at fault.
    Lost(String),
    /// The peer did not act in time.
    Late(&'static str),
    /// The peer sent something that no correct node sends.
    Garbage(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(why) => write!(f, "connection lost: {why}"),
            Self::Late(what) => write!(f, "too late: {what}"),
            Self::Garbage(what) => write!(f, "the peer broke the protocol: {what}"),
        }
    }
}

impl Fault {
    /// The application error code the peer is told.
    pub(super) fn code(&self) -> quinn::VarInt {
        quinn::VarInt::from_u32(match self {
            Self::Lost(_) => 1,
            Self::Late(_) => 2,
            Self::Garbage(_) => 3,
        })
    }
}

/// First words on a connection, both ways. TLS alone does not tell a client whether the server admitted its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) chain: ChainId,
    pub(super) height: Height,
    /// Differs between two runs of one node, so that a restart is noticed before the old connection times out.
    pub(super) instance: u64,
}

impl Encode for Hello {
    fn encode(&self, out: &mut Writer) {
        out.u16(VERSION);
        self.chain.encode(out);
        self.height.encode(out);
        out.u64(self.instance);
    }
}
impl Decode for Hello {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if input.u16()? != VERSION {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { chain: ChainId::decode(input)?, height: Height::decode(input)?, instance: input.u64()? })
    }
}

/// Sends our Hello.
pub(super) async fn write_hello(stream: &mut SendStream, hello: &Hello) -> Result<(), Fault> {
    write_frame(stream, &hello.to_bytes()).await
}

/// Reads the peer's Hello, which must be of our chain and version.
pub(super) async fn read_hello(stream: &mut RecvStream, chain: ChainId) -> Result<Hello, Fault> {
    let bytes = read_frame(stream, HELLO_BYTES_MAX).await?.ok_or_else(|| Fault::Garbage("no Hello".to_owned()))?;
    let hello = Hello::from_bytes(&bytes).map_err(|e| Fault::Garbage(format!("Hello: {e}")))?;
    if hello.chain != chain {
        return Err(Fault::Garbage("Hello of another chain".to_owned()));
    }
    Ok(hello)
}

/// Writes one frame.
pub(super) async fn write_frame(stream: &mut SendStream, payload: &[u8]) -> Result<(), Fault> {
    let length = u32::try_from(payload.len()).expect("queues hold frames far below 4 GiB");
    let lost = |e: quinn::WriteError| Fault::Lost(e.to_string());
    stream.write_all(&length.to_be_bytes()).await.map_err(lost)?;
    stream.write_all(payload).await.map_err(lost)
}

/// Reads one frame of at most `cap` bytes; `None` at an orderly end.
pub(super) async fn read_frame(stream: &mut RecvStream, cap: usize) -> Result<Option<Vec<u8>>, Fault> {
    let mut prefix = [0; 4];
    match stream.read_exact(&mut prefix).await {
        Ok(()) => {}
        Err(quinn::ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(e) => return Err(cut(&e)),
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if length > cap {
        return Err(Fault::Garbage(format!("a frame of {length} bytes, cap {cap}")));
    }
    let mut payload = Vec::new();
    while payload.len() < length {
        let start = payload.len();
        payload.resize(length.min(start + CHUNK_BYTES), 0);
        stream.read_exact(&mut payload[start..]).await.map_err(|e| cut(&e))?;
    }
    Ok(Some(payload))
}

fn cut(error: &quinn::ReadExactError) -> Fault {
    match error {
        quinn::ReadExactError::FinishedEarly(_) => Fault::Garbage("a frame was cut short".to_owned()),
        quinn::ReadExactError::ReadError(e) => Fault::Lost(e.to_string()),
    }
}
