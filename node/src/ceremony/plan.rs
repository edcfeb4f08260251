//! The plan of a ceremony: who will keep custody, how many must open together, and, where a key is dealt on, who keeps it
//! now. Owns its TOML form and its digest.
//! Invariant: ids, names and keys are distinct and `2 ≤ threshold ≤ members`; those who deal a key on are as many of its
//! holders as open together. Must not know: what is dealt.

use super::CeremonyFault;
use crate::codec::{Encode as _, Writer};
use crate::crypto::{Digest, Keypair, PublicKey, hex, unhex};
use crate::custodians::CustodianSet;
use crate::genesis::{CustodianFile, Genesis, GenesisError};
use crate::threshold::shares_fit;
use crate::transaction::{CUSTODIANS_MAX, CustodianEntry, CustodianId, is_name};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A custodian to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub id: CustodianId,
    /// Name for people.
    pub name: String,
    /// Signs what it puts on the board, and later its attestations.
    pub signing_key: PublicKey,
    /// X25519 key to which others seal what is for it.
    pub sealing_key: [u8; 32],
}

impl Member {
    /// The member's table in a plan, as its operator sends it to the plan's author.
    pub fn to_toml(&self) -> String {
        let file = PlanFile { chain: None, threshold: None, custodians: vec![MemberFile::write(self)], present: None };
        toml::to_string_pretty(&file).expect("strings and integers are always TOML")
    }
}

/// Who keeps the key that is dealt on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Their epoch.
    pub epoch: u32,
    /// How many of them open together.
    pub threshold: u16,
    /// The custody key.
    pub custody_key: [u8; 32],
    /// Public half of custody's index key.
    pub index_key: [u8; 32],
    /// All of them.
    pub custodians: Vec<CustodianEntry>,
    /// Those who deal, as many as open together.
    pub dealers: Vec<CustodianId>,
}

/// Who deals, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dealer {
    pub(super) id: CustodianId,
    pub(super) signing_key: PublicKey,
    /// Public half of the share that it deals on; `None`: it makes a secret up.
    pub(super) share_key: Option<[u8; 32]>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    chain: String,
    threshold: u16,
    members: Vec<Member>,
    present: Option<Present>,
}

impl Plan {
    /// A plan for the chain of this name; `present`: a key is dealt on. Errors if members are too few, or share an id, a
    /// name or a key, or if those who deal could not.
    pub fn new(
        chain: String,
        threshold: u16,
        mut members: Vec<Member>,
        present: Option<Present>,
    ) -> Result<Self, CeremonyFault> {
        let wrong = |what: &str| Err(CeremonyFault::Plan(what.to_owned()));
        members.sort_by_key(|member| member.id);
        if !is_name(&chain) || members.iter().any(|member| !is_name(&member.name)) {
            return wrong("名称为空、过长或含控制字符 / a name is empty, too long or has control characters");
        }
        if members.len() > CUSTODIANS_MAX || threshold < 2 || usize::from(threshold) > members.len() {
            return wrong("门限须不小于 2 且不大于受托方数 / the threshold must be from 2 to the number of custodians");
        }
        let count = members.len();
        let ids: BTreeSet<_> = members.iter().map(|member| member.id).collect();
        let names: BTreeSet<_> = members.iter().map(|member| &member.name).collect();
        let signing: BTreeSet<_> = members.iter().map(|member| member.signing_key).collect();
        let sealing: BTreeSet<_> = members.iter().map(|member| member.sealing_key).collect();
        if [ids.len(), names.len(), signing.len(), sealing.len()] != [count; 4] || ids.contains(&CustodianId(0)) {
            return wrong(
                "编号、名称与密钥须各不相同,编号从 1 起 / ids, names and keys must differ, and ids begin at 1",
            );
        }
        let present = present.map(|present| present.checked(&members)).transpose()?;
        Ok(Self { chain, threshold, members, present })
    }

    /// Reads the TOML form.
    pub fn parse(text: &str) -> Result<Self, CeremonyFault> {
        let file: PlanFile = toml::from_str(text).map_err(|e| CeremonyFault::Plan(e.to_string()))?;
        let lacks = |what: &str| CeremonyFault::Plan(format!("没有 {what} / it has no {what}"));
        let (chain, threshold) =
            (file.chain.ok_or_else(|| lacks("chain"))?, file.threshold.ok_or_else(|| lacks("threshold"))?);
        let members = file.custodians.into_iter().map(MemberFile::read).collect::<Result<_, _>>()?;
        Self::new(chain, threshold, members, file.present.map(PresentFile::read).transpose()?)
    }

    /// The TOML form; [`Plan::parse`] reads it back.
    pub fn to_toml(&self) -> String {
        let file = PlanFile {
            chain: Some(self.chain.clone()),
            threshold: Some(self.threshold),
            custodians: self.members.iter().map(MemberFile::write).collect(),
            present: self.present.as_ref().map(PresentFile::write),
        };
        toml::to_string_pretty(&file).expect("strings and integers are always TOML")
    }

    /// How many open together.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// Who takes part, by id.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Who keeps the key that is dealt on; `None`: a key is generated.
    pub fn present(&self) -> Option<&Present> {
        self.present.as_ref()
    }

    /// The epoch that begins with what is dealt.
    pub fn epoch(&self) -> u32 {
        self.present.as_ref().map_or(0, |present| present.epoch.saturating_add(1))
    }

    /// The member whose key this is.
    pub fn member_with(&self, signing: &Keypair) -> Option<&Member> {
        self.members.iter().find(|member| member.signing_key == signing.public())
    }

    /// The numbers of those who deal.
    pub fn dealer_ids(&self) -> Vec<CustodianId> {
        self.dealers().into_iter().map(|dealer| dealer.id).collect()
    }

    /// Who deals, by id.
    pub(super) fn dealers(&self) -> Vec<Dealer> {
        let Some(present) = &self.present else {
            let dealer = |member: &Member| Dealer { id: member.id, signing_key: member.signing_key, share_key: None };
            return self.members.iter().map(dealer).collect();
        };
        let deals = present.custodians.iter().filter(|custodian| present.dealers.contains(&custodian.id));
        let dealer = |c: &CustodianEntry| Dealer { id: c.id, signing_key: c.signing_key, share_key: Some(c.share_key) };
        deals.map(dealer).collect()
    }

    /// Names the plan; the file's layout and comments do not matter.
    pub fn digest(&self) -> Digest {
        let mut out = Writer::default();
        out.text(&self.chain);
        out.u16(self.threshold);
        for member in &self.members {
            out.u16(member.id.0);
            out.text(&member.name);
            member.signing_key.encode(&mut out);
            out.raw(&member.sealing_key);
        }
        out.bool(self.present.is_some());
        if let Some(present) = &self.present {
            out.u32(present.epoch);
            out.u16(present.threshold);
            out.raw(&present.custody_key);
            out.raw(&present.index_key);
            out.list(&present.custodians);
            present.dealers.iter().for_each(|id| out.u16(id.0));
        }
        Digest::of("guiju/1/ceremony/plan", &out.into_bytes())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<u16>,
    custodians: Vec<MemberFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    present: Option<PresentFile>,
}

/// As `ceremony check` prints it, with epoch and dealers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresentFile {
    epoch: u32,
    dealers: Vec<u16>,
    custody_threshold: u16,
    custody_key: String,
    index_key: String,
    custodians: Vec<CustodianFile>,
}

impl Present {
    /// `set` as it keeps the key of `genesis`, its first members dealing.
    pub fn of(genesis: &Genesis, set: &CustodianSet) -> Self {
        Self {
            epoch: set.epoch,
            threshold: set.threshold,
            custody_key: genesis.custody_key,
            index_key: genesis.index_key,
            custodians: set.custodians.clone(),
            dealers: set.custodians.iter().take(set.enough()).map(|custodian| custodian.id).collect(),
        }
    }

    /// The end of a plan's TOML form.
    pub fn to_toml(&self) -> String {
        let part = BTreeMap::from([("present", PresentFile::write(self))]);
        toml::to_string_pretty(&part).expect("strings and integers are always TOML")
    }

    fn checked(mut self, members: &[Member]) -> Result<Self, CeremonyFault> {
        let wrong = |what: &str| Err(CeremonyFault::Plan(what.to_owned()));
        self.custodians.sort_by_key(|custodian| custodian.id);
        self.dealers.sort_unstable();
        let shares: Vec<_> = self.custodians.iter().map(|c| (c.id, c.share_key)).collect();
        if !shares.is_sorted_by(|a, b| a.0 < b.0) || !shares_fit(&self.custody_key, self.threshold, &shares) {
            return wrong("现任各份额合不成托管公钥 / the present shares do not make up the custody key");
        }
        let held = |id: &CustodianId| shares.iter().any(|(holder, _)| holder == id);
        let enough = self.dealers.len() == usize::from(self.threshold);
        if !enough || !self.dealers.is_sorted_by(|a, b| a < b) || !self.dealers.iter().all(held) {
            return wrong(
                "分发者须为现任受托方,人数等于门限 / dealers must be present custodians, as many as open together",
            );
        }
        let another =
            |member: &&Member| self.custodians.iter().any(|c| c.id == member.id && c.signing_key != member.signing_key);
        if members.iter().any(|member| another(&member)) {
            return wrong("编号属于另一现任受托方 / a number is another present custodian's");
        }
        Ok(self)
    }
}

impl PresentFile {
    fn read(self) -> Result<Present, CeremonyFault> {
        let wrong = |e: GenesisError| CeremonyFault::Plan(e.to_string());
        Ok(Present {
            epoch: self.epoch,
            threshold: self.custody_threshold,
            custody_key: key("custody_key", &self.custody_key)?,
            index_key: key("index_key", &self.index_key)?,
            custodians: self
                .custodians
                .into_iter()
                .map(CustodianFile::read)
                .collect::<Result<_, _>>()
                .map_err(wrong)?,
            dealers: self.dealers.into_iter().map(CustodianId).collect(),
        })
    }

    fn write(present: &Present) -> Self {
        Self {
            epoch: present.epoch,
            dealers: present.dealers.iter().map(|id| id.0).collect(),
            custody_threshold: present.threshold,
            custody_key: hex(&present.custody_key),
            index_key: hex(&present.index_key),
            custodians: present.custodians.iter().map(CustodianFile::write).collect(),
        }
    }
}

fn key(whose: &str, text: &str) -> Result<[u8; 32], CeremonyFault> {
    let bytes = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let wrong = "密钥须为 64 位十六进制 / a key must be 64 hexadecimal digits";
    bytes.ok_or_else(|| CeremonyFault::Plan(format!("{whose}: {wrong}")))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberFile {
    id: u16,
    name: String,
    signing_key: String,
    sealing_key: String,
}

impl MemberFile {
    fn read(self) -> Result<Member, CeremonyFault> {
        let key = |text: &str| key(&self.name, text);
        let (signing_key, sealing_key) = (PublicKey(key(&self.signing_key)?), key(&self.sealing_key)?);
        Ok(Member { id: CustodianId(self.id), name: self.name, signing_key, sealing_key })
    }

    fn write(member: &Member) -> Self {
        Self {
            id: member.id.0,
            name: member.name.clone(),
            signing_key: hex(&member.signing_key.0),
            sealing_key: hex(&member.sealing_key),
        }
    }
}
