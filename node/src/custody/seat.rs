//! A custodian's seat: who the custodians are, whether this one is among them, and the share that it holds as one.
//! Invariant: a share is used only in the epoch that it was dealt for, and shares of earlier epochs are wiped once the
//! ledger has put others in their place. Must not know: requests, records, how shares are dealt.

use super::execute::CustodianKeys;
use super::openings::Openings;
use crate::custodians::CustodianSet;
use crate::genesis::Genesis;
use crate::threshold::KeyShare;
use std::fmt;
use std::io;

/// Where a custodian's shares are kept.
pub trait ShareShelf {
    /// The share of an epoch, if there is one. Errors if what is there cannot be read or is no share.
    fn share(&self, epoch: u32) -> io::Result<Option<KeyShare>>;
    /// Wipes the shares of all earlier epochs.
    fn wipe_before(&mut self, epoch: u32) -> io::Result<()>;
}

/// How a custodian stands to the present set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is one of them, with its keys and its share.
    Seated,
    /// It is not among them.
    NotAmong,
    /// They know it with other keys.
    OtherKeys,
    /// Its share of this epoch is missing.
    NoShare,
    /// Its share of this epoch is not the registered one.
    OtherShare,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seated => "现任受托方 / a present custodian",
            Self::NotAmong => "不在现任受托方之列 / not among the present custodians",
            Self::OtherKeys => "密钥与登记不符 / its keys are not the registered ones",
            Self::NoShare => "缺少本届份额 / its share of this epoch is missing",
            Self::OtherShare => "份额与登记不符 / its share is not the registered one",
        })
    }
}

/// The seat.
pub(super) struct Seat {
    pub(super) set: CustodianSet,
    pub(super) standing: Standing,
}

impl Seat {
    /// Takes the seat that `set` gives to the holder of `keys`, if it gives it one, and begins its part in opening.
    pub(super) fn take(genesis: &Genesis, set: CustodianSet, keys: &CustodianKeys) -> io::Result<(Self, Openings)> {
        let (standing, share) = match set.get(keys.id) {
            None => (Standing::NotAmong, None),
            Some(entry) if entry.signing_key != keys.signing.public() || entry.sealing_key != keys.sealing.public() => {
                (Standing::OtherKeys, None)
            }
            Some(entry) => match keys.shares.share(set.epoch)? {
                None => (Standing::NoShare, None),
                Some(share) if share.public() != entry.share_key => (Standing::OtherShare, None),
                Some(share) => (Standing::Seated, Some(share)),
            },
        };
        let openings = Openings::new(genesis, &set, keys.id, share, keys.sealing.clone());
        Ok((Self { set, standing }, openings))
    }

    /// Whether it is a present custodian's.
    pub(super) fn is_taken(&self) -> bool {
        self.standing == Standing::Seated
    }
}
