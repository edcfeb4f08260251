//! Who keeps custody: the present custodians, and the rule by which others follow them.
//! Invariant: the custody key never changes; whoever joins has said, over its own key, that its share fits; as many of the
//! present ones as open together have agreed, who could hand the key on without the ledger too.
//! Must not know: shares, how they were dealt.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey, Purpose};
use crate::genesis::Genesis;
use crate::threshold::shares_fit;
use crate::transaction::{CUSTODIANS_MAX, CustodianChange, CustodianEntry, CustodianId, Signer, is_name};
use std::collections::BTreeSet;
use std::fmt;

/// The custodians of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodianSet {
    /// Counts the changes; that of the founding custodians is 0.
    pub epoch: u32,
    /// How many open together, and must agree.
    pub threshold: u16,
    /// The custodians, ascending by number.
    pub custodians: Vec<CustodianEntry>,
    /// The highest number that any custodian ever had: numbers are not given twice.
    pub highest: CustodianId,
}

/// Why a change of custodians is refused. Whoever sends it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// It does not follow the present epoch.
    Epoch,
    /// The custodians are too many or not ascending, a name is none, a key appears twice, or the threshold is out of range.
    Members,
    /// A number was another custodian's before.
    Number(CustodianId),
    /// The shares do not make up the custody key.
    Shares,
    /// A custodian has not confirmed that its share fits.
    Unconfirmed(CustodianId),
    /// Fewer of the present custodians have signed than open together.
    TooFew,
}

impl fmt::Display for ChangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch => f.write_str("不是下一届 / it does not follow the present epoch"),
            Self::Members => f.write_str(
                "受托方过多、无序、名称无效、密钥重复或门限超界 / custodians are too many or out of order, a name is none, \
                 a key appears twice, or the threshold is out of range",
            ),
            Self::Number(id) => {
                write!(f, "编号 {0} 曾属于另一受托方 / number {0} was another custodian's", id.0)
            }
            Self::Shares => f.write_str("各份额合不成托管公钥 / the shares do not make up the custody key"),
            Self::Unconfirmed(id) => {
                write!(f, "受托方 {0} 未确认其份额 / custodian {0} has not confirmed its share", id.0)
            }
            Self::TooFew => f.write_str("签名的现任受托方不足门限 / fewer present custodians have signed than open together"),
        }
    }
}

impl std::error::Error for ChangeFault {}

impl CustodianSet {
    /// The founding custodians.
    pub fn founding(genesis: &Genesis) -> Self {
        let mut custodians = genesis.custodians.clone();
        custodians.sort_by_key(|custodian| custodian.id);
        let highest = custodians.last().map_or(CustodianId(0), |custodian| custodian.id);
        Self { epoch: 0, threshold: genesis.custody_threshold, custodians, highest }
    }

    /// The custodian with this number.
    pub fn get(&self, id: CustodianId) -> Option<&CustodianEntry> {
        self.custodians.iter().find(|custodian| custodian.id == id)
    }

    /// The key with which `signer` signs while these are the custodians of `genesis`' chain.
    pub fn key_of(&self, genesis: &Genesis, signer: Signer) -> Option<PublicKey> {
        match signer {
            Signer::Department(id) => genesis.department(id).map(|d| d.signing_key),
            Signer::Custodian(id) => self.get(id).map(|c| c.signing_key),
        }
    }

    /// How many open together, and must agree.
    pub fn enough(&self) -> usize {
        usize::from(self.threshold)
    }

    /// The custodians after `change`, which `signed` have signed.
    pub fn follow(
        &self,
        genesis: &Genesis,
        change: &CustodianChange,
        signed: impl Iterator<Item = CustodianId>,
    ) -> Result<Self, ChangeFault> {
        if Some(change.epoch) != self.epoch.checked_add(1) {
            return Err(ChangeFault::Epoch);
        }
        self.check_members(change)?;
        let shares: Vec<_> = change.custodians.iter().map(|c| (c.id, c.share_key)).collect();
        if !shares_fit(&genesis.custody_key, change.threshold, &shares) {
            return Err(ChangeFault::Shares);
        }
        let outcome = outcome_digest(change.transcript, &genesis.custody_key, &genesis.index_key, &shares);
        for (custodian, word) in change.custodians.iter().zip(&change.confirmations) {
            let said = confirmed_bytes(custodian.id, outcome);
            if !custodian.signing_key.verify(Purpose::Ceremony, &said, word) {
                return Err(ChangeFault::Unconfirmed(custodian.id));
            }
        }
        let present: BTreeSet<CustodianId> = signed.filter(|id| self.get(*id).is_some()).collect();
        if present.len() < self.enough() {
            return Err(ChangeFault::TooFew);
        }
        let last = change.custodians.last().map_or(self.highest, |custodian| custodian.id);
        Ok(Self {
            epoch: change.epoch,
            threshold: change.threshold,
            custodians: change.custodians.clone(),
            highest: last.max(self.highest),
        })
    }

    fn check_members(&self, change: &CustodianChange) -> Result<(), ChangeFault> {
        let members = &change.custodians;
        let keys: BTreeSet<_> = members.iter().map(|c| c.signing_key).collect();
        let whole = members.len() <= CUSTODIANS_MAX
            && members.is_sorted_by(|a, b| a.id < b.id)
            && members.iter().all(|c| is_name(&c.name))
            && keys.len() == members.len()
            && change.confirmations.len() == members.len()
            && (1..=members.len()).contains(&usize::from(change.threshold));
        if !whole {
            return Err(ChangeFault::Members);
        }
        let anew = |c: &&CustodianEntry| match self.get(c.id) {
            Some(known) => known.signing_key != c.signing_key,
            None => c.id <= self.highest,
        };
        members.iter().find(anew).map_or(Ok(()), |c| Err(ChangeFault::Number(c.id)))
    }
}

/// What a ceremony comes to, in one digest.
pub fn outcome_digest(
    transcript: Digest,
    custody_key: &[u8; 32],
    index_key: &[u8; 32],
    shares: &[(CustodianId, [u8; 32])],
) -> Digest {
    let mut out = Writer::default();
    transcript.encode(&mut out);
    out.raw(custody_key);
    out.raw(index_key);
    out.u16(u16::try_from(shares.len()).expect("at most CUSTODIANS_MAX shares"));
    for (id, share) in shares {
        out.u16(id.0);
        out.raw(share);
    }
    Digest::of("guiju/1/ceremony/outcome", &out.into_bytes())
}

/// The bytes that a custodian signs when its share fits.
pub fn confirmed_bytes(custodian: CustodianId, outcome: Digest) -> Vec<u8> {
    let mut out = Writer::default();
    out.text("confirmation");
    out.u16(custodian.0);
    outcome.encode(&mut out);
    out.into_bytes()
}

impl Encode for CustodianSet {
    fn encode(&self, out: &mut Writer) {
        out.u32(self.epoch);
        out.u16(self.threshold);
        out.list(&self.custodians);
        out.u16(self.highest.0);
    }
}
impl Decode for CustodianSet {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: input.u32()?,
            threshold: input.u16()?,
            custodians: input.list(CUSTODIANS_MAX)?,
            highest: CustodianId(input.u16()?),
        })
    }
}
