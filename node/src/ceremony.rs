//! How custody is founded and handed on: custodians generate the custody key and the index key together, without a dealer,
//! and later deal the key on, to the same or to others, in one round of messages on a board that anybody may keep and read
//! (a folder, a mailing list). Owns the plan, the dealings, the confirmations, and who is at fault when one does not hold.
//! Invariant: no key leaves its holder but in parts sealed to their receivers; whoever confirms has checked every part it was
//! given; an outcome stands only if every custodian confirmed the same. Must not know: files, the chain that is founded.

mod board;
mod plan;

pub use self::board::{Confirmation, Dealing, Endorsement, MESSAGE_BYTES_MAX};
pub use self::plan::{Member, Plan, Present};

use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, Keypair, Purpose};
use crate::custodians::outcome_digest;
use crate::custody::envelope::{SealingSecret, Use, seal_to};
use crate::threshold::KeyShare;
use crate::threshold::dealing::{Commitments, Dealings, Part, deal as deal_parts};
use crate::transaction::{ChainId, CustodianChange, CustodianEntry, CustodianId, Height, Payload, Signer, Transaction};
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// Why a ceremony does not come to an end. Each names who is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CeremonyFault {
    /// The plan is not one; its author is at fault.
    Plan(String),
    /// The key at hand is no member's or dealer's; the caller, or the plan, is at fault.
    NotAMember,
    /// The share or the index key at hand is not the one that the plan says is kept; the caller, or the plan, is at fault.
    OtherKeys,
    /// A member's message is missing.
    Missing(CustodianId),
    /// A member's sealing key is none; the member is at fault.
    Recipient(CustodianId),
    /// A member's message is not its own, not of this plan, or not sound; the member, or whoever carried it, is at fault.
    Unsound(CustodianId, &'static str),
    /// Two members confirm different outcomes: one of them, or the board, showed them different messages.
    Differ(CustodianId, CustodianId),
}

impl fmt::Display for CeremonyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(what) => write!(f, "仪式方案有误 / the plan of the ceremony is wrong: {what}"),
            Self::NotAMember => f.write_str("密钥不属于方案中的任何一方 / the key is nobody's of the plan"),
            Self::OtherKeys => {
                f.write_str("份额或索引密钥与方案不符 / the share or the index key is not the one in the plan")
            }
            Self::Missing(id) => {
                write!(f, "尚缺受托方 {0} 的文件 / something of custodian {0} is not on the board yet", id.0)
            }
            Self::Recipient(id) => {
                write!(f, "受托方 {0} 的接收公钥无效 / the sealing key of custodian {0} is none", id.0)
            }
            Self::Unsound(id, what) => {
                write!(f, "受托方 {0} 的文件不成立 / what custodian {0} put on the board does not hold: {what}", id.0)
            }
            Self::Differ(a, b) => write!(
                f,
                "受托方 {0} 与 {1} 确认的结果不同,仪式须重来 / custodians {0} and {1} confirm different outcomes; begin again",
                a.0, b.0
            ),
        }
    }
}

impl std::error::Error for CeremonyFault {}

/// What a ceremony comes to, as everybody may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The epoch that begins.
    pub epoch: u32,
    /// Digest of the plan and of all dealings.
    pub transcript: Digest,
    /// The custody key.
    pub custody_key: [u8; 32],
    /// Public half of custody's index key.
    pub index_key: [u8; 32],
    /// Public half of each custodian's share.
    pub share_keys: BTreeMap<CustodianId, [u8; 32]>,
}

impl Outcome {
    /// What custodians confirm.
    pub fn digest(&self) -> Digest {
        let shares: Vec<_> = self.share_keys.iter().map(|(id, key)| (*id, *key)).collect();
        outcome_digest(self.transcript, &self.custody_key, &self.index_key, &shares)
    }

    /// The change of custodians that the ledger is to be told.
    pub fn change(&self, plan: &Plan, confirmations: &BTreeMap<CustodianId, Confirmation>) -> CustodianChange {
        CustodianChange {
            epoch: self.epoch,
            threshold: plan.threshold(),
            transcript: self.transcript,
            custodians: self.entries(plan),
            confirmations: confirmations.values().map(Confirmation::signature).collect(),
        }
    }

    /// The custodians as the genesis file lists them.
    pub fn entries(&self, plan: &Plan) -> Vec<CustodianEntry> {
        let entry = |member: &Member| CustodianEntry {
            id: member.id,
            name: member.name.clone(),
            signing_key: member.signing_key,
            share_key: self.share_keys.get(&member.id).copied().unwrap_or_default(),
            sealing_key: member.sealing_key,
        };
        plan.members().iter().map(entry).collect()
    }
}

/// What a custodian takes home. Wiped when dropped.
pub struct Keys {
    /// Its share of the custody key.
    pub share: KeyShare,
    /// The secret of custody's index, which every custodian has.
    pub index: SealingSecret,
}

/// One dealing, parts of a secret and a contribution to the index key, sealed to each member. Where a key is generated, all
/// members deal fresh ones; where it is dealt on, as many holders as open together deal the keys that they have, `kept`.
pub fn deal(
    plan: &Plan,
    signing: &Keypair,
    kept: Option<&Keys>,
    rng: &mut impl CryptoRng,
) -> Result<Dealing, CeremonyFault> {
    let dealer = plan.dealers().into_iter().find(|dealer| dealer.signing_key == signing.public());
    let dealer = dealer.ok_or(CeremonyFault::NotAMember)?;
    let (mut seed, mut contribution) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    rng.fill_bytes(seed.as_mut());
    rng.fill_bytes(contribution.as_mut());
    if let (Some(present), Some(share_key)) = (plan.present(), dealer.share_key) {
        let same = |kept: &&Keys| kept.share.public() == share_key && kept.index.public() == present.index_key;
        contribution = kept.filter(same).ok_or(CeremonyFault::OtherKeys)?.index.to_bytes();
    }
    let (dealer, share) = (dealer.id, kept.filter(|_| dealer.share_key.is_some()).map(|kept| &kept.share));
    let receivers: Vec<CustodianId> = plan.members().iter().map(|member| member.id).collect();
    let (commitments, parts) = deal_parts(&seed, share, plan.threshold(), context(plan, dealer), &receivers);
    let mut boxes = Vec::new();
    for (member, part) in plan.members().iter().zip(parts.values()) {
        let plain = Zeroizing::new([part.to_bytes().as_slice(), contribution.as_slice()].concat());
        let binding = binding(plan, dealer, member.id);
        let (key, sealed) = seal_to(rng, &member.sealing_key, Use::Dealing, &binding, &plain)
            .map_err(|_| CeremonyFault::Recipient(member.id))?;
        boxes.push((member.id, key, sealed));
    }
    let index_commitment = commit(contribution.as_slice());
    Ok(Dealing::sign(plan.digest(), dealer, commitments, index_commitment, boxes, signing))
}

/// Takes all members' dealings: a custodian's keys, and the outcome that it can confirm. Errors name the first dealer whose
/// dealing does not hold.
pub fn finish(
    plan: &Plan,
    id: CustodianId,
    sealing: &SealingSecret,
    dealings: &BTreeMap<CustodianId, Dealing>,
) -> Result<(Keys, Outcome), CeremonyFault> {
    let commitments = checked(plan, dealings)?;
    let mut parts = BTreeMap::new();
    let mut contributions = Vec::new();
    for dealer in commitments.keys() {
        let dealing = dealings.get(dealer).ok_or(CeremonyFault::Missing(*dealer))?;
        let unsound = |what| CeremonyFault::Unsound(*dealer, what);
        let (_, key, sealed) = dealing.boxes().iter().find(|(to, _, _)| *to == id).ok_or(CeremonyFault::NotAMember)?;
        let plain = sealing
            .open(Use::Dealing, key, sealed, &binding(plan, *dealer, id))
            .map_err(|_| unsound("封给本方的部分无法开启 / the part for this custodian does not open"))?;
        let (part, contribution) = plain.split_first_chunk::<32>().ok_or(unsound("长度不符 / of another length"))?;
        let part = Part::from_bytes(*part);
        if !dealing.commitments().fit(id, &part) {
            return Err(unsound(
                "封给本方的部分与其承诺不符 / the part for this custodian is not the one committed to",
            ));
        }
        if commit(contribution) != dealing.index_commitment() {
            return Err(unsound("索引密钥的部分与其承诺不符 / the contribution to the index key is another"));
        }
        contributions.push((*dealer, Zeroizing::new(contribution.to_vec())));
        parts.insert(*dealer, part);
    }
    // A sum of zero has no chance of coming about, unless every dealer is at fault.
    let none = || CeremonyFault::Plan("份额为零 / the share is zero".to_owned());
    let share = kind(plan).share(&parts).ok_or_else(none)?;
    let index = index(plan, &contributions)?;
    let outcome = outcome(plan, dealings, &commitments, index.public()).ok_or_else(none)?;
    Ok((Keys { share, index }, outcome))
}

/// The secret of custody's index: of all contributions where it is made, each of them where it is handed on.
fn index(plan: &Plan, contributions: &[(CustodianId, Zeroizing<Vec<u8>>)]) -> Result<SealingSecret, CeremonyFault> {
    let Some(present) = plan.present() else {
        let all = Zeroizing::new(contributions.iter().flat_map(|(_, c)| c.iter().copied()).collect::<Vec<u8>>());
        return Ok(SealingSecret::from_bytes(Digest::of("guiju/1/ceremony/index", &all).0));
    };
    let mut handed = None;
    for (dealer, contribution) in contributions {
        let secret = <[u8; 32]>::try_from(contribution.as_slice()).ok().map(SealingSecret::from_bytes);
        let right = secret.filter(|secret| secret.public() == present.index_key);
        let what = "交出的索引密钥不是现任的 / the index key that it hands on is not the present one";
        handed = Some(right.ok_or(CeremonyFault::Unsound(*dealer, what))?);
    }
    handed.ok_or(CeremonyFault::NotAMember)
}

fn kind(plan: &Plan) -> Dealings {
    if plan.present().is_some() { Dealings::Reshare } else { Dealings::Generate }
}

/// A custodian's word that it has checked its parts and come to this outcome.
pub fn confirm(outcome: &Outcome, id: CustodianId, signing: &Keypair) -> Confirmation {
    Confirmation::sign(id, outcome, signing)
}

/// What anybody can check from the board: the outcome, if every member dealt soundly and confirms it.
pub fn check(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
    confirmations: &BTreeMap<CustodianId, Confirmation>,
) -> Result<Outcome, CeremonyFault> {
    let commitments = checked(plan, dealings)?;
    let mut first: Option<&Confirmation> = None;
    let mut agreed = None;
    for member in plan.members() {
        let word = confirmations.get(&member.id).ok_or(CeremonyFault::Missing(member.id))?;
        let unsound = |what| CeremonyFault::Unsound(member.id, what);
        let outcome = outcome(plan, dealings, &commitments, word.index_key());
        let outcome = outcome.ok_or(CeremonyFault::Plan("0".to_owned()))?;
        if word.transcript() != outcome.transcript {
            return Err(unsound("确认的是另一组文件 / it confirms other dealings than these"));
        }
        if !word.is_of(member.id, member.signing_key, &outcome) {
            return Err(unsound("签名无效 / its signature does not verify"));
        }
        match first {
            Some(first) if first.index_key() != word.index_key() => {
                return Err(CeremonyFault::Differ(first.by(), member.id));
            }
            _ => first = Some(word),
        }
        agreed = Some(outcome);
    }
    agreed.ok_or(CeremonyFault::NotAMember)
}

/// The transaction that tells the ledger of a change, the same at whoever endorses it: it is sent in the name of the first
/// dealer, whose endorsement it needs among as many as open together. `None` if no key was handed on.
pub fn transaction(
    plan: &Plan,
    outcome: &Outcome,
    confirmations: &BTreeMap<CustodianId, Confirmation>,
    chain: ChainId,
    valid_until: Height,
) -> Option<Transaction> {
    let sender = Signer::Custodian(*plan.present()?.dealers.first()?);
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&outcome.digest().0[..16]);
    let payload = Payload::Custodians(outcome.change(plan, confirmations));
    Some(Transaction { chain, sender, nonce, valid_until, payload })
}

/// All dealers' commitments, each signed by its dealer, of this plan, sound, and to the share it keeps if it keeps one.
fn checked(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
) -> Result<BTreeMap<CustodianId, Commitments>, CeremonyFault> {
    let mut commitments = BTreeMap::new();
    for dealer in plan.dealers() {
        let dealing = dealings.get(&dealer.id).ok_or(CeremonyFault::Missing(dealer.id))?;
        let unsound = |what| CeremonyFault::Unsound(dealer.id, what);
        if !dealing.is_of(dealer.id, dealer.signing_key) {
            return Err(unsound("签名无效 / its signature does not verify"));
        }
        if dealing.plan() != plan.digest() {
            return Err(unsound("属于另一方案 / it is of another plan"));
        }
        let dealt = dealing.commitments();
        if !dealt.are_sound(plan.threshold(), context(plan, dealer.id)) {
            return Err(unsound("其承诺不成立 / its commitments do not hold"));
        }
        if dealer.share_key.is_some_and(|share| dealt.secret() != share) {
            return Err(unsound("分发的不是其登记的份额 / what it deals is not its registered share"));
        }
        commitments.insert(dealer.id, dealt.clone());
    }
    Ok(commitments)
}

fn outcome(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
    commitments: &BTreeMap<CustodianId, Commitments>,
    index_key: [u8; 32],
) -> Option<Outcome> {
    let share_key = |member: &Member| Some((member.id, kind(plan).share_key(commitments, member.id)?));
    Some(Outcome {
        epoch: plan.epoch(),
        transcript: transcript(plan, dealings),
        custody_key: kind(plan).custody_key(commitments)?,
        index_key,
        share_keys: plan.members().iter().map(share_key).collect::<Option<_>>()?,
    })
}

fn transcript(plan: &Plan, dealings: &BTreeMap<CustodianId, Dealing>) -> Digest {
    let mut out = Writer::default();
    plan.digest().encode(&mut out);
    for dealer in plan.dealers() {
        out.option(dealings.get(&dealer.id));
    }
    Digest::of("guiju/1/ceremony/transcript", &out.into_bytes())
}

fn context(plan: &Plan, dealer: CustodianId) -> Digest {
    let mut out = Writer::default();
    plan.digest().encode(&mut out);
    out.u16(dealer.0);
    Digest::of("guiju/1/ceremony/context", &out.into_bytes())
}

fn binding(plan: &Plan, dealer: CustodianId, receiver: CustodianId) -> Vec<u8> {
    let mut out = Writer::default();
    plan.digest().encode(&mut out);
    out.u16(dealer.0);
    out.u16(receiver.0);
    out.into_bytes()
}

fn commit(contribution: &[u8]) -> Digest {
    Digest::of("guiju/1/ceremony/contribution", contribution)
}

/// What members sign is for this.
const SIGNED: Purpose = Purpose::Ceremony;

#[cfg(test)]
mod tests;
