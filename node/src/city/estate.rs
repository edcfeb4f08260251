//! What people own: titles, mortgages, seizures; contracts that were filed; units for the race of the two bureaus.
//! Invariant: no unit has two titles; a race unit has one owner and no burden. Must not know: work, insurance.

use super::draw::Draw;
use super::livelihood::Application;
use super::people::{Person, Population};
use super::record::{Cell, Registrar};
use super::{Applicant, CityFault, RACE_UNITS, RaceUnit, Summary, identity};
use guiju_runtime::date::Date;

/// Parcels above this are of homes under contract, not yet titled.
const CONTRACT_PARCELS: u32 = 90_000;
/// Parcels above this, below the former, are of race units.
const RACE_PARCELS: u32 = 80_000;

/// Enters the contracts that prove the applicants' as-of dates.
pub(super) fn file_contracts(
    all: &Population,
    applications: &[Application],
    registrar: &mut Registrar,
) -> Result<Vec<Applicant>, CityFault> {
    let mut applicants = Vec::with_capacity(applications.len());
    let seller = identity::citizen(0, day(1960, 1, 1), 1);
    for (number, application) in applications.iter().enumerate() {
        let person = &all.persons[application.person];
        let kind = if application.new_build { "新建商品住房" } else { "存量住房" };
        let contract = format!("NJ{}{number:06}", application.as_of.civil().0);
        let unit = identity::unit(application.district, CONTRACT_PARCELS + number as u32 / 50, number as u32 + 1);
        let sellers = if application.new_build { Vec::new() } else { vec![(seller.as_str(), "示例卖方")] };
        let filed = application.as_of;
        // Most are filed within days; one in eight waits for more than half a year, some of them past a change of the rules.
        let signed = filed.add_days(if number % 8 == 0 { -200 } else { -3 });
        file_contract(
            registrar,
            &contract,
            kind,
            application.district,
            &unit,
            &[(&person.id, &person.name)],
            &sellers,
            (signed, filed),
        )?;
        applicants.push(Applicant {
            citizen: person.id.clone(),
            contract,
            as_of: application.as_of,
            district: identity::DISTRICTS[application.district].0.to_owned(),
            registered: person.local.then(|| identity::DISTRICTS[person.district].0.to_owned()),
            kind: kind.to_owned(),
        });
    }
    Ok(applicants)
}

#[expect(clippy::too_many_arguments, reason = "they are the fields of one contract")]
fn file_contract(
    registrar: &mut Registrar,
    number: &str,
    kind: &'static str,
    district: usize,
    unit: &str,
    buyers: &[(&str, &str)],
    sellers: &[(&str, &str)],
    (signed, filed): (Date, Date),
) -> Result<(), CityFault> {
    let parties = |who: &[(&str, &str)]| {
        Cell::List(
            who.iter()
                .map(|(id, name)| Cell::Group(vec![("身份号", Cell::text(*id)), ("姓名", Cell::text(*name))]))
                .collect(),
        )
    };
    let cells = vec![
        ("合同号", Cell::text(number)),
        ("房源", Cell::Variant(kind)),
        ("所在区", Cell::Variant(identity::DISTRICTS[district].0)),
        ("单元", Cell::text(unit)),
        ("买受人", parties(buyers)),
        ("出卖人", parties(sellers)),
        ("价款", Cell::Number(250_000_000)),
        ("签订日", Cell::Day(signed)),
        ("备案日", Cell::Day(filed)),
        ("状态", Cell::Variant("已备案")),
    ];
    registrar.enter("网签合同", cells)
}

/// Enters titles and their burdens, and the race units. `taken` are persons who apply and so neither own nor buy a race unit.
pub(super) fn register(
    seed: u64,
    all: &Population,
    taken: &[usize],
    registrar: &mut Registrar,
    summary: &mut Summary,
) -> Result<Vec<RaceUnit>, CityFault> {
    let mut draw = Draw::new(seed, 4);
    let mut number = 0u32;
    for household in &all.households {
        // None, one, two, three.
        let homes = draw.weighted(&[300, 450, 200]);
        let adults: Vec<&Person> = household.iter().map(|i| &all.persons[*i]).filter(|p| p.adult).collect();
        for _ in 0..homes {
            number += 1;
            home(&mut draw, &adults, number, registrar, summary)?;
        }
    }
    race(seed, all, taken, registrar, summary)
}

fn day(year: i32, month: u8, day: u8) -> Date {
    Date::new(year, month, day).expect("the day is real: day numbers are at most 28")
}

fn title(
    registrar: &mut Registrar,
    number: &str,
    unit: &str,
    district: usize,
    owners: &[(&Person, i64)],
    registered: Date,
    means: &'static str,
) -> Result<(), CityFault> {
    let owner = |(p, share): &(&Person, i64)| {
        Cell::Group(vec![("身份号", Cell::text(&p.id)), ("姓名", Cell::text(&p.name)), ("份额", Cell::Number(*share))])
    };
    let place = identity::DISTRICTS[district].0;
    let cells = vec![
        ("证号", Cell::text(number)),
        ("单元", Cell::text(unit)),
        ("权利人", Cell::List(owners.iter().map(owner).collect())),
        ("所在区", Cell::Variant(place)),
        ("坐落", Cell::text(format!("{place}示例小区{}室", &unit[20..]))),
        ("用途", Cell::Variant("住宅")),
        ("面积", Cell::Number(9_000 + i64::from(registered.days()) % 5_000)),
        ("取得方式", Cell::Variant(means)),
        ("登记日", Cell::Day(registered)),
        ("终止日", Cell::Nothing),
        ("状态", Cell::Variant("现势")),
    ];
    registrar.enter("不动产权证书", cells)
}

fn home(
    draw: &mut Draw,
    adults: &[&Person],
    number: u32,
    registrar: &mut Registrar,
    summary: &mut Summary,
) -> Result<(), CityFault> {
    let district = draw.weighted(&[90, 100, 90, 120, 110, 90, 70, 180, 70, 40]);
    let unit = identity::unit(district, number / 40 + 1, number);
    let registered = day(draw.between(2003, 2023) as i32, draw.between(1, 12) as u8, draw.between(1, 28) as u8);
    let joint = adults.len() > 1 && draw.chance(500);
    let first = draw.between(0, adults.len() as i64 - 1) as usize;
    let owners = if joint { vec![(adults[0], 50), (adults[1], 50)] } else { vec![(adults[first], 100)] };
    let means = ["买卖", "继承", "赠与"][draw.weighted(&[900, 60])];
    let (year, prefix) = (registered.civil().0, identity::DISTRICTS[district].0.chars().next().unwrap_or('宁'));
    title(
        registrar,
        &format!("苏({year})宁{prefix}不动产权第{number:07}号"),
        &unit,
        district,
        &owners,
        registered,
        means,
    )?;
    summary.titles += 1;
    if draw.chance(300) {
        mortgage(draw, &unit, number, registered, registrar)?;
        summary.mortgages += 1;
    }
    if draw.chance(5) {
        seizure(draw, &unit, number, registrar)?;
        summary.seizures += 1;
    }
    if draw.chance(3) {
        notice(draw, &unit, registrar)?;
    }
    Ok(())
}

fn mortgage(
    draw: &mut Draw,
    unit: &str,
    number: u32,
    bought: Date,
    registrar: &mut Registrar,
) -> Result<(), CityFault> {
    let registered = bought.add_months(draw.between(0, 6));
    // The register has had a column for a ban on transfer since this day; older rows have none.
    let banned = (registered >= day(2021, 4, 6)).then(|| draw.chance(600));
    let released = draw.chance(350).then(|| registered.add_months(draw.between(24, 90)));
    let cells = vec![
        ("证明号", Cell::text(format!("苏({})宁不动产证明第{number:07}号", registered.civil().0))),
        ("单元", Cell::text(unit)),
        ("抵押权人", Cell::text(identity::firm(2_600 + draw.between(0, 20) as u32))),
        ("方式", Cell::Variant(if draw.chance(900) { "一般抵押" } else { "最高额抵押" })),
        ("担保金额", Cell::Number(draw.between(30, 300) * 1_000_000)),
        ("登记日", Cell::Day(registered)),
        ("禁止转让", banned.map_or(Cell::Nothing, Cell::Yes)),
        ("注销日", Cell::day_or_nothing(released)),
    ];
    registrar.enter("抵押登记", cells)
}

fn seizure(draw: &mut Draw, unit: &str, number: u32, registrar: &mut Registrar) -> Result<(), CityFault> {
    let from = day(draw.between(2021, 2025) as i32, draw.between(1, 12) as u8, draw.between(1, 28) as u8);
    let until = from.add_months(36);
    let cells = vec![
        ("单元", Cell::text(unit)),
        ("类别", Cell::Variant(draw.pick(&["查封", "查封", "预查封", "轮候查封"]))),
        ("法院", Cell::text("示例市中级人民法院")),
        ("文号", Cell::text(format!("({})苏0199执{number}号", from.civil().0))),
        ("送达日", Cell::Day(from)),
        ("起始日", Cell::Day(from)),
        ("届满日", Cell::Day(until)),
        ("续封至", Cell::day_or_nothing(draw.chance(300).then(|| until.add_months(36)))),
        ("解除日", Cell::day_or_nothing(draw.chance(250).then(|| from.add_months(draw.between(1, 30))))),
    ];
    registrar.enter("查封登记", cells)
}

fn notice(draw: &mut Draw, unit: &str, registrar: &mut Registrar) -> Result<(), CityFault> {
    let registered = day(draw.between(2022, 2025) as i32, draw.between(1, 12) as u8, draw.between(1, 28) as u8);
    let holder = identity::citizen(0, day(1970, 1, draw.between(1, 28) as u8), 1);
    if draw.chance(500) {
        let suit = draw.chance(400).then(|| registered.add_days(10));
        let cells = vec![
            ("单元", Cell::text(unit)),
            ("申请人", Cell::text(holder)),
            ("登记日", Cell::Day(registered)),
            ("起诉日", Cell::day_or_nothing(suit)),
            ("注销日", Cell::Nothing),
        ];
        return registrar.enter("异议登记", cells);
    }
    let ripe = draw.chance(500).then(|| registered.add_months(12));
    let cells = vec![
        ("单元", Cell::text(unit)),
        ("种类", Cell::Variant("其他买卖")),
        ("权利人", Cell::text(holder)),
        ("登记日", Cell::Day(registered)),
        ("可登记日", Cell::day_or_nothing(ripe)),
        ("同意处分", Cell::Yes(draw.chance(200))),
        ("注销日", Cell::Nothing),
    ];
    registrar.enter("预告登记", cells)
}

fn race(
    seed: u64,
    all: &Population,
    taken: &[usize],
    registrar: &mut Registrar,
    summary: &mut Summary,
) -> Result<Vec<RaceUnit>, CityFault> {
    let mut draw = Draw::new(seed, 5);
    let adults: Vec<usize> = (0..all.persons.len())
        .filter(|i| all.persons[*i].adult && !taken.contains(i) && all.persons[*i].spouse(day(2026, 1, 1)).is_none())
        .collect();
    let mut free = adults;
    let mut person = || -> Option<&Person> {
        if free.is_empty() {
            return None;
        }
        let i = draw.between(0, free.len() as i64 - 1) as usize;
        Some(&all.persons[free.swap_remove(i)])
    };
    let mut units = Vec::with_capacity(RACE_UNITS);
    for n in 0..RACE_UNITS as u32 {
        let (Some(owner), Some(buyer)) = (person(), person()) else {
            return Err(CityFault::TooFew(all.persons.len() as u32));
        };
        let district = (n % 11) as usize;
        let unit = identity::unit(district, RACE_PARCELS + n / 20, n + 1);
        let number = format!("苏(2019)宁不动产权第{:07}号", 9_000_000 + n);
        title(registrar, &number, &unit, district, &[(owner, 100)], day(2019, 3, 1), "买卖")?;
        summary.titles += 1;
        let contract = format!("NJ2026R{n:05}");
        let (seller, buys) = ([(owner.id.as_str(), owner.name.as_str())], [(buyer.id.as_str(), buyer.name.as_str())]);
        file_contract(
            registrar,
            &contract,
            "存量住房",
            district,
            &unit,
            &buys,
            &seller,
            (day(2026, 1, 2), day(2026, 1, 5)),
        )?;
        units.push(RaceUnit {
            unit,
            owner: owner.id.clone(),
            owner_name: owner.name.clone(),
            buyer: buyer.id.clone(),
            buyer_name: buyer.name.clone(),
            title: number,
            contract,
        });
    }
    Ok(units)
}
