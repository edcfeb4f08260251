//! The Nanjing purchase limits once more, straight from the notices, so that the shipped policies are judged by something
//! that was not made by compiling them. Owns its own picture of a household, its own ages and its own windows.
//! Invariant: uses neither the compiler, the engines nor the shipped files; only civil dates are shared.
//! Must not know: evidence, frames, Kleene logic.

use guiju_runtime::date::{Date, YearMonth};
use std::collections::BTreeSet;

/// Everything the registers hold.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Household register books.
    pub books: Vec<Book>,
    /// Marriages.
    pub marriages: Vec<Marriage>,
    /// Titles.
    pub titles: Vec<Title>,
    /// Insurance files: person and months.
    pub insurance: Vec<(String, Vec<Insured>)>,
    /// Tax files: person and months.
    pub tax: Vec<(String, Vec<Taxed>)>,
    /// Talent certificates.
    pub talents: Vec<Talent>,
    /// Contracts.
    pub contracts: Vec<Contract>,
}

/// A register book.
#[derive(Clone, Debug)]
pub struct Book {
    /// Whether it is of this city.
    pub local: bool,
    /// Members.
    pub members: Vec<Member>,
}

/// A member of a household.
#[derive(Clone, Debug)]
pub struct Member {
    /// Number.
    pub id: String,
    /// The number before it was corrected.
    pub former: Option<String>,
    /// Birth.
    pub birth: Date,
    /// Guardians of a minor.
    pub guardians: [Option<String>; 2],
    /// Day of moving in.
    pub moved_in: Date,
    /// First day of not being a member any more.
    pub left: Option<Date>,
}

/// A marriage.
#[derive(Clone, Debug)]
pub struct Marriage {
    /// The two.
    pub couple: [String; 2],
    /// First day.
    pub from: Date,
    /// First day after it.
    pub end: Option<Date>,
}

/// A title.
#[derive(Clone, Debug)]
pub struct Title {
    /// Owners' numbers.
    pub owners: Vec<String>,
    /// A home, not a shop.
    pub home: bool,
    /// In force, not history.
    pub current: bool,
    /// First day.
    pub registered: Date,
    /// First day after it.
    pub ended: Option<Date>,
}

/// A month of insurance.
#[derive(Clone, Debug)]
pub struct Insured {
    /// Month that is paid for.
    pub month: YearMonth,
    /// Day on which the money came.
    pub posted: Date,
    /// Paid afterwards.
    pub back_paid: bool,
}

/// A month of income tax.
#[derive(Clone, Debug)]
pub struct Taxed {
    /// Month.
    pub month: YearMonth,
    /// Day on which the money came.
    pub paid: Date,
    /// Declared afterwards.
    pub afterwards: bool,
    /// Income of a sole trader.
    pub trade: bool,
    /// Nothing was due.
    pub zero: bool,
}

/// A talent certificate.
#[derive(Clone, Debug)]
pub struct Talent {
    /// Holder.
    pub id: String,
    /// Recognised in a class of the city's list.
    pub recognised: bool,
    /// Master's degree or more, senior title, senior technician.
    pub degree: bool,
    /// Birth.
    pub birth: Date,
    /// Labour contract with an employer of the city.
    pub employed_here: bool,
    /// First and last day.
    pub valid: (Date, Date),
}

/// A filed contract.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Number.
    pub number: String,
    /// Buyers.
    pub buyers: Vec<String>,
    /// District of the home.
    pub district: &'static str,
    /// New home, not resale.
    pub new_build: bool,
    /// Cancelled.
    pub cancelled: bool,
    /// Day of signing, which the trading system confirms.
    pub signed: Date,
    /// Day of filing.
    pub filed: Date,
}

/// Who asks what.
#[derive(Clone, Debug)]
pub struct Question {
    /// Applicant's number.
    pub applicant: String,
    /// Contract's number.
    pub contract: String,
    /// District as the applicant says.
    pub district: &'static str,
    /// New home, as the applicant says.
    pub new_build: bool,
    /// Day of judging.
    pub day: Date,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// 符合
    Eligible,
    /// 不符合
    Ineligible,
    /// 需核实
    Review,
    /// 待定
    Undetermined,
}

/// First days of the seven shipped versions.
pub const FIRST_DAYS: [(i32, u8, u8); 7] =
    [(2016, 9, 26), (2016, 10, 6), (2017, 3, 16), (2017, 5, 3), (2018, 1, 8), (2022, 4, 12), (2023, 9, 8)];

/// Which version (1…7) is in force on `day`; 0 before the first.
pub fn version_on(day: Date) -> usize {
    FIRST_DAYS.iter().filter(|(y, m, d)| (*y, *m, *d) <= day.civil()).count()
}

struct Family {
    /// Numbers under which they own.
    numbers: BTreeSet<String>,
    /// Applicant and spouse.
    payers: Vec<String>,
    married: bool,
    local: bool,
    adult: bool,
}

/// First day of the notice of 2017-03-15; the supplement of 2017-05-03 leaves what was confirmed before to the old rules.
const NEW_RULES: (i32, u8, u8) = (2017, 3, 16);

/// Decides by the rules that apply to the contract on the day.
pub fn decide(world: &World, question: &Question) -> Answer {
    let contract = world.contracts.iter().rev().find(|c| c.number == question.contract);
    if contract.is_some_and(|c| c.cancelled || !c.buyers.contains(&question.applicant)) {
        return Answer::Review;
    }
    let version = match version_on(question.day) {
        4..=6 if contract.is_some_and(|c| c.signed.civil() < NEW_RULES) => 2,
        other => other,
    };
    if version == 7 {
        return Answer::Eligible;
    }
    let district = contract.map_or(question.district, |c| c.district);
    let new_build = contract.map_or(question.new_build, |c| c.new_build);
    let inner = !["六合区", "溧水区", "高淳区"].contains(&district);
    let family = family(world, question);
    let homes = homes(world, &family, question.day);
    if family.local {
        return if inner && local_is_full(version, &family, homes, new_build) {
            Answer::Ineligible
        } else {
            Answer::Eligible
        };
    }
    let barred_area = inner || version >= 3;
    if barred_area && homes >= 1 {
        return Answer::Ineligible;
    }
    let proof_area = match version {
        1 => false,
        2 => inner,
        _ => true,
    };
    if !proof_area || exempt(world, question, version, district, homes) {
        return Answer::Eligible;
    }
    paid(world, &family, question, version)
}

/// People of the city: two homes a family, new ones only until P3; one for an adult single since P2.
fn local_is_full(version: usize, family: &Family, homes: usize, new_build: bool) -> bool {
    if version >= 2 && family.adult && !family.married {
        return homes >= 1;
    }
    homes >= 2 && (new_build || version >= 3)
}

/// People from elsewhere who need not prove payment: by degree and age (P3b), recognised talent (P5), two districts (P6).
fn exempt(world: &World, question: &Question, version: usize, district: &str, homes: usize) -> bool {
    let talent = world.talents.iter().rev().find(|t| t.id == question.applicant);
    let talent = talent.filter(|t| t.valid.0 <= question.day && question.day <= t.valid.1);
    let by_degree = talent.is_some_and(|t| t.degree && t.employed_here && age(t.birth, question.day) < 40);
    let by_class = talent.is_some_and(|t| t.recognised) && homes == 0;
    let by_district = ["六合区", "溧水区"].contains(&district) && homes == 0;
    (version >= 4 && by_degree) || (version >= 5 && by_class) || (version >= 6 && by_district)
}

/// Whether insurance or tax was paid long enough. Before 2019 the tax office cannot say that somebody paid none.
fn paid(world: &World, family: &Family, question: &Question, version: usize) -> Answer {
    let (window, needed) = if version == 2 { (24, 12) } else { (36, 24) };
    let payers = if version >= 4 { &family.payers[..] } else { &family.payers[..1] };
    let insured = payers.iter().map(|p| insured_months(world, p, question.day, window, version)).max().unwrap_or(0);
    if insured >= needed {
        return Answer::Eligible;
    }
    // `None` is a file that the tax office cannot rule out.
    let complete = question.day.civil().0 >= 2019;
    let taxed = |p: &String| match world.tax.iter().any(|(id, _)| id == p) {
        false if !complete => None,
        _ => Some(taxed_months(world, p, question.day, window, version)),
    };
    let taxed: Vec<Option<usize>> = payers.iter().map(taxed).collect();
    match taxed.iter().flatten().any(|months| *months >= needed) {
        true => Answer::Eligible,
        false if taxed.contains(&None) => Answer::Undetermined,
        false => Answer::Ineligible,
    }
}

fn family(world: &World, question: &Question) -> Family {
    let (me, day) = (&question.applicant, question.day);
    let mut numbers = BTreeSet::from([me.clone()]);
    let mut payers = vec![me.clone()];
    let marriage =
        world.marriages.iter().find(|m| m.couple.contains(me) && m.from <= day && m.end.is_none_or(|e| day < e));
    if let Some(m) = marriage {
        let other = if m.couple[0] == *me { &m.couple[1] } else { &m.couple[0] };
        numbers.insert(other.clone());
        payers.push(other.clone());
    }
    let (mut local, mut adult) = (false, false);
    if let Some(book) = world.books.iter().rev().find(|b| b.members.iter().any(|m| m.id == *me)) {
        for member in &book.members {
            if member.id == *me {
                numbers.extend(member.former.clone());
                adult |= age(member.birth, day) >= 18;
                local |= book.local && member.moved_in <= day && member.left.is_none_or(|l| day < l);
            } else if age(member.birth, day) < 18 && member.guardians.iter().flatten().any(|g| g == me) {
                numbers.insert(member.id.clone());
            }
        }
    }
    Family { numbers, payers, married: marriage.is_some(), local, adult }
}

fn homes(world: &World, family: &Family, day: Date) -> usize {
    let counts = |t: &&Title| {
        let ours = t.owners.iter().any(|o| family.numbers.contains(o));
        ours && t.home && t.current && t.registered <= day && t.ended.is_none_or(|e| day < e)
    };
    world.titles.iter().filter(counts).count()
}

/// Full months before the month of the day, `window` of them.
fn in_window(month: YearMonth, day: Date, window: i32) -> bool {
    let ((year, number, _), (y, m)) = (day.civil(), month.civil());
    let back = (year - y) * 12 + i32::from(number) - i32::from(m);
    (1..=window).contains(&back)
}

fn insured_months(world: &World, who: &str, day: Date, window: i32, version: usize) -> usize {
    let rows = world.insurance.iter().rev().find(|(id, _)| id == who).map(|(_, rows)| rows);
    let counts = |r: &&Insured| r.posted <= day && in_window(r.month, day, window) && (version == 2 || !r.back_paid);
    rows.into_iter().flatten().filter(counts).map(|r| r.month).collect::<BTreeSet<_>>().len()
}

fn taxed_months(world: &World, who: &str, day: Date, window: i32, version: usize) -> usize {
    let rows = world.tax.iter().rev().find(|(id, _)| id == who).map(|(_, rows)| rows);
    let counts = |r: &&Taxed| {
        let real = !r.zero || (version >= 4 && r.trade);
        r.paid <= day && in_window(r.month, day, window) && real && (version == 2 || !r.afterwards)
    };
    rows.into_iter().flatten().filter(counts).map(|r| r.month).collect::<BTreeSet<_>>().len()
}

/// Completed years; a birthday on 29 February comes on the 28th in common years.
fn age(birth: Date, day: Date) -> i32 {
    let ((by, bm, bd), (y, m, d)) = (birth.civil(), day.civil());
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let birthday = if bm == 2 && bd == 29 && !leap { 28 } else { bd };
    y - by - i32::from((m, d) < (bm, birthday))
}
