//! The custodian's end of the pipe: orders in on stdin, reports out on stdout, until the node closes its end.
//! Invariant: reports are written in the order they arise and flushed before the next order is waited for, so neither
//! side waits for bytes the other holds back. Must not know: what a custodian does.

use crate::codec::{Decode, Encode};
use crate::custody::protocol::{CustodyOrder, CustodyReport, FRAME_BYTES_MAX};
use std::io::{self, Read, Write};

/// Hands every order to `handle` and writes what it reports, until `input` ends between two frames. Errors if the
/// pipe breaks or the node sends what is no order; the process ends then, and the node starts another.
pub fn serve(
    input: &mut impl Read,
    output: &mut impl Write,
    mut handle: impl FnMut(CustodyOrder) -> Vec<CustodyReport>,
) -> io::Result<()> {
    while let Some(frame) = read_frame(input)? {
        let order = CustodyOrder::from_bytes(&frame).map_err(io::Error::other)?;
        for report in handle(order) {
            write_frame(output, &report.to_bytes())?;
        }
        output.flush()?;
    }
    Ok(())
}

fn write_frame(output: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    if payload.len() > FRAME_BYTES_MAX {
        return Err(io::Error::other(format!("a report of {} bytes", payload.len())));
    }
    let length = u32::try_from(payload.len()).expect("FRAME_BYTES_MAX is below 4 GiB");
    output.write_all(&length.to_be_bytes())?;
    output.write_all(payload)
}

fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut prefix = [0; 4];
    let mut filled = 0;
    while filled < prefix.len() {
        match input.read(&mut prefix[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other(format!("an order of {length} bytes")));
    }
    let mut payload = Vec::new();
    if input.take(length as u64).read_to_end(&mut payload)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Digest, PublicKey};
    use crate::transaction::CapsuleId;

    fn framed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_frame(&mut out, bytes).expect("writes to memory");
        out
    }

    fn want(n: u8) -> CustodyOrder {
        CustodyOrder::Want { capsules: vec![CapsuleId(Digest([n; 32]))], from: PublicKey([n; 32]) }
    }

    fn echo(order: CustodyOrder) -> Vec<CustodyReport> {
        match order {
            CustodyOrder::Want { capsules, .. } => vec![CustodyReport::Want(capsules.clone()); 2],
            _ => vec![],
        }
    }

    #[test]
    fn orders_are_answered_in_turn_until_the_pipe_ends() {
        let input =
            [framed(&want(1).to_bytes()), framed(&CustodyOrder::CaughtUp.to_bytes()), framed(&want(2).to_bytes())];
        let mut output = Vec::new();
        serve(&mut input.concat().as_slice(), &mut output, echo).expect("serves");
        let reports = [1, 1, 2, 2].map(|n| framed(&CustodyReport::Want(vec![CapsuleId(Digest([n; 32]))]).to_bytes()));
        assert_eq!(output, reports.concat());
    }

    #[test]
    fn cut_oversized_and_meaningless_frames_are_errors() {
        let whole = framed(&want(1).to_bytes());
        for cut in 1..whole.len() {
            assert!(serve(&mut &whole[..cut], &mut Vec::new(), echo).is_err(), "cut at {cut}");
        }
        let over = u32::try_from(FRAME_BYTES_MAX + 1).expect("fits").to_be_bytes();
        assert!(serve(&mut over.as_slice(), &mut Vec::new(), echo).is_err());
        assert!(serve(&mut framed(&[9]).as_slice(), &mut Vec::new(), echo).is_err());
    }
}
