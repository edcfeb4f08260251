//! A synthetic city: households and what they hold, from a seed. Owns what the demo feeds the ledger.
//! Invariant: the same seed, size and data standard give the same city; no number in it can belong to a real person
//! (region prefixes 3299xx are unassigned). Must not know: keys, sealing, the network, the clock.
//!
//! Shares (all assumptions, in permille, none measured): local 750; homes none 300, one 450, more 250; months of
//! insurance of people from elsewhere geometric with mean 30; back-payments 80; divorced 46 of couples; seizures 5 and
//! mortgages 300 of titles; a registered ban on transfer in 600 of mortgages since 2021-04-06.

mod draw;
mod estate;
mod identity;
mod livelihood;
mod people;
mod record;

use guiju_compiler::package::{Package, Policy};
use guiju_runtime::date::Date;
use guiju_runtime::value::{Fact, Type, Value};
use people::Person;
use record::Registrar;
use std::fmt;

/// Fewest persons: enough for every applicant, owner and buyer to be a different one.
pub const PERSONS_MIN: u32 = 2_000;
/// How many ask for a decision.
pub const APPLICANTS: usize = 300;
/// How many units the two bureaus race for.
pub const RACE_UNITS: usize = 100;

/// A city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct City {
    /// Every record, in the order it is submitted.
    pub records: Vec<CityRecord>,
    /// Who asks, by as-of date.
    pub applicants: Vec<Applicant>,
    /// Units that are owned by one person and free of burdens.
    pub race_units: Vec<RaceUnit>,
    /// Households, as indices into nothing but themselves: the members' numbers.
    pub households: Vec<Vec<String>>,
    /// Some persons of the local register with their district, and some of elsewhere, for verification.
    pub residents: Vec<Resident>,
    /// Counts for the report.
    pub summary: Summary,
}

/// A record before sealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CityRecord {
    /// Certificate type.
    pub schema: String,
    /// Department that owns it.
    pub owner: String,
    /// Always known, a group of the type's fields.
    pub fact: Fact,
}

/// Who asks for a purchase decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Citizen's number.
    pub citizen: String,
    /// Number of the contract whose filing date proves the as-of date.
    pub contract: String,
    /// The as-of date.
    pub as_of: Date,
    /// District of the home, a variant of `区`.
    pub district: String,
    /// District of the applicant's register book, a variant of `区`; `None` for people from elsewhere.
    pub registered: Option<String>,
    /// `新建商品住房` or `存量住房`, a variant of `房源`.
    pub kind: String,
}

/// A unit that one bureau seizes and another transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaceUnit {
    /// Unit code.
    pub unit: String,
    /// Owner's number.
    pub owner: String,
    /// Owner's name.
    pub owner_name: String,
    /// Buyer's number.
    pub buyer: String,
    /// Buyer's name.
    pub buyer_name: String,
    /// The title's number.
    pub title: String,
    /// The filed contract between the two.
    pub contract: String,
}

/// A person with the district that the register gives, `None` for people from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Citizen's number.
    pub citizen: String,
    /// A variant of `区`.
    pub district: Option<String>,
}

/// Counts for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Persons.
    pub persons: u32,
    /// Households.
    pub households: u32,
    /// Persons in the local register.
    pub local: u32,
    /// Titles.
    pub titles: u32,
    /// Mortgages.
    pub mortgages: u32,
    /// Seizures.
    pub seizures: u32,
}

/// Why no city could be made: the data standard is not the one this generator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CityFault {
    /// Fewer persons than [`PERSONS_MIN`].
    TooFew(u32),
    /// The package declares no such certificate type.
    NoSchema(&'static str),
    /// The certificate type has no such field.
    NoField(String),
    /// A required field that the generator does not fill.
    Missing(String),
    /// A value that does not fit the field's type.
    Misfit(String),
    /// A policy asks for an input that the generator cannot give.
    NoInput(String),
}

impl fmt::Display for CityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew(n) => {
                write!(f, "人口 {n} 少于 {PERSONS_MIN} (at least {PERSONS_MIN} persons are needed, not {n})")
            }
            Self::NoSchema(s) => write!(f, "数据标准没有证书 {s} (the data standard has no certificate {s})"),
            Self::NoField(s) => write!(f, "数据标准没有字段 {s} (the data standard has no field {s})"),
            Self::Missing(s) => write!(f, "字段 {s} 没有取值 (field {s} is required but the city does not fill it)"),
            Self::Misfit(s) => write!(f, "字段 {s} 的值与类型不符 (the value of {s} does not fit its type)"),
            Self::NoInput(s) => write!(f, "不会提供输入 {s} (the city cannot supply input {s})"),
        }
    }
}

impl std::error::Error for CityFault {}

/// The city of `seed` with about `persons` persons (whole households: at most five more), as records of the schemas of
/// `package`.
///
/// # Errors
/// If `persons` is below [`PERSONS_MIN`], or the package's data standard is not the shipped one.
pub fn generate(seed: u64, persons: u32, package: &Package) -> Result<City, CityFault> {
    if persons < PERSONS_MIN {
        return Err(CityFault::TooFew(persons));
    }
    let population = people::settle(seed, persons);
    let mut registrar = Registrar::new(package);
    people::register(&population, &mut registrar)?;
    let applications = livelihood::choose_applicants(seed, &population);
    livelihood::register(seed, &population, &applications, &mut registrar)?;
    let mut summary = Summary {
        persons: population.persons.len() as u32,
        households: population.households.len() as u32,
        local: population.persons.iter().filter(|p| p.local).count() as u32,
        ..Summary::default()
    };
    let applicants = estate::file_contracts(&population, &applications, &mut registrar)?;
    let taken: Vec<usize> = applications.iter().map(|a| a.person).collect();
    let race_units = estate::register(seed, &population, &taken, &mut registrar, &mut summary)?;
    let residents = population.persons.iter().filter(|p| p.adult).map(resident).collect();
    let households =
        population.households.iter().map(|h| h.iter().map(|i| population.persons[*i].id.clone()).collect()).collect();
    Ok(City { records: registrar.records, applicants, race_units, households, residents, summary })
}

fn resident(person: &Person) -> Resident {
    let district = person.local.then(|| identity::DISTRICTS[person.district].0.to_owned());
    Resident { citizen: person.id.clone(), district }
}

impl Applicant {
    /// The inputs of a version of 购房资格, in the order it declares them; a version asks for no more than it uses.
    ///
    /// # Errors
    /// [`CityFault::NoInput`] if it asks for something else.
    pub fn inputs(&self, policy: &Policy) -> Result<Vec<(String, Fact)>, CityFault> {
        inputs(policy, |name| match name {
            "申请人" => Some(&self.citizen),
            "合同号" => Some(&self.contract),
            "区域" => Some(&self.district),
            "房源" => Some(&self.kind),
            _ => None,
        })
    }
}

impl Applicant {
    /// The applicant as the register knows them, for verification.
    pub fn resident(&self) -> Resident {
        Resident { citizen: self.citizen.clone(), district: self.registered.clone() }
    }
}

impl RaceUnit {
    /// The inputs of 权利负担核查, 查封登记 or 二手房转移登记 for this unit.
    ///
    /// # Errors
    /// [`CityFault::NoInput`] if the policy asks for something else.
    pub fn inputs(&self, policy: &Policy) -> Result<Vec<(String, Fact)>, CityFault> {
        let document = format!("(2026)苏0199执{}号", &self.unit[20..]);
        let title = format!("苏(2026)新证{}号", &self.title);
        inputs(policy, |name| match name {
            "单元" | "不动产单元" => Some(&self.unit),
            "被执行人" | "出卖人" => Some(&self.owner),
            "买受人" => Some(&self.buyer),
            "买受人姓名" => Some(&self.buyer_name),
            "合同号" => Some(&self.contract),
            "法院" => Some("示例市中级人民法院"),
            "文号" => Some(&document),
            "新证号" => Some(&title),
            _ => None,
        })
    }
}

impl Resident {
    /// The inputs of 户籍核验, claiming `district`.
    ///
    /// # Errors
    /// [`CityFault::NoInput`] if the policy asks for something else.
    pub fn inputs(&self, policy: &Policy, district: &str) -> Result<Vec<(String, Fact)>, CityFault> {
        inputs(policy, |name| match name {
            "被核验人" => Some(&self.citizen),
            "申报区" => Some(district),
            _ => None,
        })
    }
}

fn inputs<'a>(policy: &Policy, given: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<(String, Fact)>, CityFault> {
    let fit = |(name, ty): &(String, Type)| {
        let text = given(name).ok_or_else(|| CityFault::NoInput(name.clone()))?;
        let value = match ty {
            Type::Enum(e) => {
                let index =
                    e.variants.iter().position(|(n, _)| n == text).ok_or_else(|| CityFault::NoInput(name.clone()))?;
                Value::Enum(index as u16)
            }
            Type::Text { .. } | Type::Identifier(_) => Value::Text(text.to_owned()),
            _ => return Err(CityFault::NoInput(name.clone())),
        };
        Ok((name.clone(), Fact::Known(value)))
    };
    policy.inputs.iter().map(fit).collect()
}
