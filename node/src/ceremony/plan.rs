//! The plan of a ceremony: who takes part and how many must open together. Owns its TOML form and its digest.
//! Invariant: ids, names and keys are distinct and `2 ≤ threshold ≤ members`. Must not know: what members deal.

use super::CeremonyFault;
use crate::codec::{Encode as _, Writer};
use crate::crypto::{Digest, Keypair, PublicKey, hex, unhex};
use crate::genesis::CUSTODIANS_MAX;
use crate::transaction::{CustodianId, NAME_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
        let file = PlanFile { chain: None, threshold: None, custodians: vec![MemberFile::write(self)] };
        toml::to_string_pretty(&file).expect("strings and integers are always TOML")
    }
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    chain: String,
    threshold: u16,
    members: Vec<Member>,
}

impl Plan {
    /// A plan for the chain of this name. Errors if members are too few, or share an id, a name or a key.
    pub fn new(chain: String, threshold: u16, mut members: Vec<Member>) -> Result<Self, CeremonyFault> {
        let wrong = |what: &str| Err(CeremonyFault::Plan(what.to_owned()));
        members.sort_by_key(|member| member.id);
        let named =
            |name: &str| !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
        if !named(&chain) || members.iter().any(|member| !named(&member.name)) {
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
        Ok(Self { chain, threshold, members })
    }

    /// Reads the TOML form.
    pub fn parse(text: &str) -> Result<Self, CeremonyFault> {
        let file: PlanFile = toml::from_str(text).map_err(|e| CeremonyFault::Plan(e.to_string()))?;
        let lacks = |what: &str| CeremonyFault::Plan(format!("没有 {what} / it has no {what}"));
        let (chain, threshold) =
            (file.chain.ok_or_else(|| lacks("chain"))?, file.threshold.ok_or_else(|| lacks("threshold"))?);
        let members = file.custodians.into_iter().map(MemberFile::read).collect::<Result<_, _>>()?;
        Self::new(chain, threshold, members)
    }

    /// The TOML form; [`Plan::parse`] reads it back.
    pub fn to_toml(&self) -> String {
        let file = PlanFile {
            chain: Some(self.chain.clone()),
            threshold: Some(self.threshold),
            custodians: self.members.iter().map(MemberFile::write).collect(),
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

    /// The member whose key this is.
    pub fn member_with(&self, signing: &Keypair) -> Option<&Member> {
        self.members.iter().find(|member| member.signing_key == signing.public())
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
        let key = |text: &str| {
            let bytes = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let wrong = "密钥须为 64 位十六进制 / a key must be 64 hexadecimal digits";
            bytes.ok_or_else(|| CeremonyFault::Plan(format!("{}: {wrong}", self.name)))
        };
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
