//! The founding of custody without a dealer: custodians generate the custody key and the index key together, in one round
//! of messages on a board that anybody may keep and read (a folder, a mailing list). Owns the plan, the dealings, the
//! confirmations, and who is at fault when one does not hold.
//! Invariant: no key leaves its holder but in parts sealed to their receivers; whoever confirms has checked every part it was
//! given; an outcome stands only if every custodian confirmed the same. Must not know: files, the chain that is founded.

mod board;
mod plan;

pub use self::board::{Confirmation, Dealing, MESSAGE_BYTES_MAX};
pub use self::plan::{Member, Plan};

use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, Keypair, Purpose};
use crate::custody::envelope::{SealingSecret, Use, seal_to};
use crate::genesis::CustodianEntry;
use crate::threshold::KeyShare;
use crate::threshold::dealing::{Commitments, Dealings, Part, deal as deal_parts};
use crate::transaction::CustodianId;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// Why a ceremony does not come to an end. Each names who is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CeremonyFault {
    /// The plan is not one; its author is at fault.
    Plan(String),
    /// The key at hand is no member's; the caller, or the plan, is at fault.
    NotAMember,
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
            Self::NotAMember => f.write_str("密钥不属于方案中的任何受托方 / the key is no custodian's of the plan"),
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

/// One member's dealing: parts of a fresh secret, and a contribution to the index key, sealed to each member, itself too.
pub fn deal(plan: &Plan, signing: &Keypair, rng: &mut impl CryptoRng) -> Result<Dealing, CeremonyFault> {
    let dealer = plan.member_with(signing).ok_or(CeremonyFault::NotAMember)?.id;
    let (mut seed, mut contribution) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    rng.fill_bytes(seed.as_mut());
    rng.fill_bytes(contribution.as_mut());
    let receivers: Vec<CustodianId> = plan.members().iter().map(|member| member.id).collect();
    let (commitments, parts) = deal_parts(&seed, None, plan.threshold(), context(plan, dealer), &receivers);
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
    let mut contributions = Zeroizing::new(Vec::new());
    for (dealer, dealing) in dealings {
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
        contributions.extend_from_slice(contribution);
        parts.insert(*dealer, part);
    }
    // A sum of zero has no chance of coming about, unless every dealer is at fault.
    let none = || CeremonyFault::Plan("份额为零 / the share is zero".to_owned());
    let share = Dealings::Generate.share(&parts).ok_or_else(none)?;
    let index = SealingSecret::from_bytes(Digest::of("guiju/1/ceremony/index", &contributions).0);
    let outcome = outcome(plan, dealings, &commitments, index.public()).ok_or_else(none)?;
    Ok((Keys { share, index }, outcome))
}

/// A custodian's word that it has checked its parts and come to this outcome.
pub fn confirm(outcome: &Outcome, id: CustodianId, signing: &Keypair) -> Confirmation {
    Confirmation::sign(id, outcome.transcript, outcome.index_key, signing)
}

/// What anybody can check from the board: the outcome, if every member dealt soundly and confirms it.
pub fn check(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
    confirmations: &BTreeMap<CustodianId, Confirmation>,
) -> Result<Outcome, CeremonyFault> {
    let commitments = checked(plan, dealings)?;
    let transcript = transcript(plan, dealings);
    let mut first: Option<&Confirmation> = None;
    for member in plan.members() {
        let word = confirmations.get(&member.id).ok_or(CeremonyFault::Missing(member.id))?;
        if !word.is_of(member.id, member.signing_key) {
            return Err(CeremonyFault::Unsound(member.id, "签名无效 / its signature does not verify"));
        }
        if word.transcript() != transcript {
            return Err(CeremonyFault::Unsound(
                member.id,
                "确认的是另一组文件 / it confirms other dealings than these",
            ));
        }
        match first {
            Some(first) if first.index_key() != word.index_key() => {
                return Err(CeremonyFault::Differ(first.by(), member.id));
            }
            _ => first = Some(word),
        }
    }
    let index_key = first.map(Confirmation::index_key).unwrap_or_default();
    outcome(plan, dealings, &commitments, index_key).ok_or_else(|| CeremonyFault::Plan("0".to_owned()))
}

/// All members' commitments, each signed by its member, of this plan, and sound.
fn checked(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
) -> Result<BTreeMap<CustodianId, Commitments>, CeremonyFault> {
    let mut commitments = BTreeMap::new();
    for member in plan.members() {
        let dealing = dealings.get(&member.id).ok_or(CeremonyFault::Missing(member.id))?;
        let unsound = |what| CeremonyFault::Unsound(member.id, what);
        if !dealing.is_of(member.id, member.signing_key) {
            return Err(unsound("签名无效 / its signature does not verify"));
        }
        if dealing.plan() != plan.digest() {
            return Err(unsound("属于另一方案 / it is of another plan"));
        }
        if !dealing.commitments().are_sound(plan.threshold(), context(plan, member.id)) {
            return Err(unsound("其承诺不成立 / its commitments do not hold"));
        }
        commitments.insert(member.id, dealing.commitments().clone());
    }
    Ok(commitments)
}

fn outcome(
    plan: &Plan,
    dealings: &BTreeMap<CustodianId, Dealing>,
    commitments: &BTreeMap<CustodianId, Commitments>,
    index_key: [u8; 32],
) -> Option<Outcome> {
    let share_key = |member: &Member| Some((member.id, Dealings::Generate.share_key(commitments, member.id)?));
    Some(Outcome {
        transcript: transcript(plan, dealings),
        custody_key: Dealings::Generate.custody_key(commitments)?,
        index_key,
        share_keys: plan.members().iter().map(share_key).collect::<Option<_>>()?,
    })
}

fn transcript(plan: &Plan, dealings: &BTreeMap<CustodianId, Dealing>) -> Digest {
    let mut out = Writer::default();
    plan.digest().encode(&mut out);
    for member in plan.members() {
        out.option(dealings.get(&member.id));
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
