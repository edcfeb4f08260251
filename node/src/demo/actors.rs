//! The departments of the demo, with the keys that only they would hold. Owns key generation.
//! Invariant: every key comes from the operating system's randomness; none is derived from the city's seed.
//! Must not know: nodes, gateways.

use crate::crypto::Keypair;
use crate::custody::envelope::SealingSecret;
use crate::custody::handles::HandleKey;
use crate::demo::DemoFault;
use crate::entropy::{random, system_rng};
use crate::transaction::{DepartmentId, Signer};

/// A department's name and unified social credit code: synthetic, on an unassigned region prefix, check digit valid.
const DEPARTMENTS: &[&str] =
    &["公安局", "民政局", "人力资源和社会保障局", "税务局", "规划和自然资源局", "住房保障和房产局"];

/// A department with its keys.
pub struct Department {
    /// Its number.
    pub id: DepartmentId,
    /// Its name, as policies call it.
    pub name: String,
    /// Its unified social credit code.
    pub code: String,
    /// Signs transactions.
    pub signing: Keypair,
    /// Opens answers.
    pub sealing: SealingSecret,
    /// Files records.
    pub handle_key: HandleKey,
}

impl Department {
    /// The department as a signer.
    pub fn signer(&self) -> Signer {
        Signer::Department(self.id)
    }
}

/// All departments of the demo.
pub struct Departments(Vec<Department>);

impl Departments {
    /// Generates every department's keys.
    pub fn generate() -> Result<Self, DemoFault> {
        let mut rng = system_rng()?;
        let mut all = Vec::new();
        for (index, name) in DEPARTMENTS.iter().enumerate() {
            let number = u16::try_from(index + 1).expect("a handful of departments");
            all.push(Department {
                id: DepartmentId(number),
                name: (*name).to_owned(),
                code: credit_code(number),
                signing: Keypair::from_seed(random()?),
                sealing: SealingSecret::generate(&mut rng),
                handle_key: HandleKey::generate(&mut rng),
            });
        }
        Ok(Self(all))
    }

    /// All of them.
    pub fn all(&self) -> &[Department] {
        &self.0
    }

    /// The department a policy calls `name`.
    pub fn named(&self, name: &str) -> Result<&Department, DemoFault> {
        self.0
            .iter()
            .find(|d| d.name == name)
            .ok_or_else(|| DemoFault::Stopped(format!("the policies name a department the demo lacks: {name}")))
    }
}

/// A synthetic unified social credit code (GB 32100-2015) on region 329900, which is not assigned.
fn credit_code(number: u16) -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("11329900{number:08}X");
    let mut weight = 1;
    let mut sum = 0;
    for byte in body.bytes() {
        let value = ALPHABET.iter().position(|b| *b == byte).expect("the body uses the alphabet only");
        sum = (sum + value * weight) % 31;
        weight = weight * 3 % 31;
    }
    let check = ALPHABET[(31 - sum) % 31];
    format!("{body}{}", char::from(check))
}
