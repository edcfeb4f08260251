//! What people earn and pay: insurance months, tax months, talents; and who applies when.
//! Invariant: months lie before the day they are judged on, within the bound of the schema. Must not know: homes.

use super::draw::Draw;
use super::people::{Person, Population};
use super::record::{Cell, Registrar};
use super::{APPLICANTS, CityFault, identity};
use guiju_runtime::date::{Date, YearMonth};

/// Most months in one record, as the data standard bounds it.
const MONTHS_MAX: usize = 72;

/// Somebody applies.
pub(super) struct Application {
    /// Index into the population.
    pub(super) person: usize,
    pub(super) as_of: Date,
    /// Index into `identity::DISTRICTS`.
    pub(super) district: usize,
    pub(super) new_build: bool,
}

/// First days of the versions of 购房资格 and the last day drawn, so that every version gets its applicants.
const ERAS: [(i32, u8, u8); 8] = [
    (2016, 9, 26),
    (2016, 10, 6),
    (2017, 3, 16),
    (2017, 5, 3),
    (2018, 1, 8),
    (2022, 4, 12),
    (2023, 9, 8),
    (2024, 12, 31),
];

/// Chooses [`APPLICANTS`] adults, people from elsewhere twice as often as their share.
pub(super) fn choose_applicants(seed: u64, all: &Population) -> Vec<Application> {
    let mut draw = Draw::new(seed, 2);
    let mut chosen: Vec<Application> = Vec::with_capacity(APPLICANTS);
    let mut taken = std::collections::BTreeSet::new();
    while chosen.len() < APPLICANTS {
        let era = draw.weighted(&[80, 180, 100, 150, 240, 150]);
        let day = |i: usize| Date::new(ERAS[i].0, ERAS[i].1, ERAS[i].2).expect("a real day");
        let (from, to) = (day(era), day(era + 1).add_days(-1));
        let as_of = from.add_days(draw.between(0, i64::from(to.days() - from.days())));
        let wants_local = draw.chance(400);
        let person = draw.between(0, all.persons.len() as i64 - 1) as usize;
        let who = &all.persons[person];
        let fits = who.adult
            && who.local == wants_local
            && who.birth.years_until(as_of) >= 20
            && !taken.contains(&who.household);
        if fits {
            taken.insert(who.household);
            let district = draw.weighted(&[90, 100, 100, 110, 110, 90, 80, 140, 60, 60]);
            chosen.push(Application { person, as_of, district, new_build: draw.chance(600) });
        }
    }
    chosen.sort_by_key(|a| (a.as_of, a.person));
    chosen
}

/// Enters insurance, tax and talents.
pub(super) fn register(
    seed: u64,
    all: &Population,
    applications: &[Application],
    registrar: &mut Registrar,
) -> Result<(), CityFault> {
    let mut draw = Draw::new(seed, 3);
    let judged: std::collections::BTreeMap<usize, Date> =
        applications.iter().map(|a| (all.persons[a.person].household, a.as_of)).collect();
    let usual = Date::new(2024, 1, 15).expect("a real day");
    for person in all.persons.iter().filter(|p| p.adult) {
        let day = judged.get(&person.household).copied().unwrap_or(usual);
        let applies = judged.contains_key(&person.household);
        let age = person.birth.years_until(day);
        if !(18..60).contains(&age) {
            continue;
        }
        let worked = worked_months(&mut draw, person, day, applies);
        if !worked.is_empty() && draw.chance(850) {
            insurance(&mut draw, person, &worked, registrar)?;
        }
        if !worked.is_empty() && draw.chance(if applies { 150 } else { 120 }) {
            tax(&mut draw, person, &worked, registrar)?;
        }
        if draw.chance(if applies { 70 } else { 15 }) {
            talent(&mut draw, person, day, registrar)?;
        }
    }
    Ok(())
}

/// Months worked before `day`, newest last, with gaps.
fn worked_months(draw: &mut Draw, person: &Person, day: Date, applies: bool) -> Vec<YearMonth> {
    let length = if person.local && !applies { draw.between(6, 12) } else { draw.geometric(33, 60) };
    // Half of those who stopped paying did so before the month of the day.
    let stopped = if draw.chance(150) { draw.between(1, 12) } else { 0 };
    let last = i64::from(day.month().index()) - 1 - stopped;
    let mut months = Vec::new();
    for back in (0..length).rev() {
        if !draw.chance(60) {
            months.extend(YearMonth::from_index(last - back));
        }
    }
    months
}

fn posted(month: YearMonth, months_late: i64) -> Date {
    let (year, number) = month.civil();
    Date::new(year, number, 15).expect("the 15th exists in every month").add_months(months_late)
}

fn insurance(
    draw: &mut Draw,
    person: &Person,
    months: &[YearMonth],
    registrar: &mut Registrar,
) -> Result<(), CityFault> {
    let employer = draw.between(1, 2_500) as u32;
    let back_pays = draw.chance(80);
    let two_employers = draw.chance(30);
    let mut rows = Vec::new();
    for month in months {
        let late = back_pays && draw.chance(400);
        let row = |firm: u32, late: bool| {
            Cell::Group(vec![
                ("所属月", Cell::Month(*month)),
                ("到账日", Cell::Day(posted(*month, if late { 6 } else { 0 }))),
                ("类型", Cell::Variant(if late { "补缴" } else { "正常缴费" })),
                ("单位", Cell::text(identity::firm(firm))),
            ])
        };
        rows.push(row(employer, late));
        if two_employers && draw.chance(500) {
            rows.push(row(employer + 1, false));
        }
    }
    let from = rows.len().saturating_sub(MONTHS_MAX);
    registrar.enter("社保缴费", vec![("身份号", Cell::text(&person.id)), ("缴费", Cell::List(rows.split_off(from)))])
}

fn tax(draw: &mut Draw, person: &Person, months: &[YearMonth], registrar: &mut Registrar) -> Result<(), CityFault> {
    let employer = draw.between(1, 2_500) as u32;
    let trader = draw.chance(150);
    let mut rows = Vec::new();
    for month in months {
        let late = draw.chance(30);
        rows.push(Cell::Group(vec![
            ("所属月", Cell::Month(*month)),
            ("入库日", Cell::Day(posted(*month, if late { 7 } else { 1 }))),
            ("类型", Cell::Variant(if late { "补充申报" } else { "正常申报" })),
            ("项目", Cell::Variant(if trader { "经营所得" } else { "工资薪金" })),
            ("零税额", Cell::Yes(draw.chance(if trader { 500 } else { 100 }))),
            ("扣缴义务人", Cell::text(identity::firm(employer))),
        ]));
    }
    registrar.enter("纳税记录", vec![("身份号", Cell::text(&person.id)), ("纳税", Cell::List(rows))])
}

fn talent(draw: &mut Draw, person: &Person, day: Date, registrar: &mut Registrar) -> Result<(), CityFault> {
    let issued = day.add_months(-draw.between(1, 30));
    let recognised = draw.chance(500);
    let class =
        if recognised { draw.pick(&["甲类", "乙类", "丙类", "丁类", "戊类", "己类"]) } else { "未认定" };
    let degree = if recognised { "无此项" } else { draw.pick(&["硕士及以上", "高级职称", "高级技师"]) };
    let cells = vec![
        ("身份号", Cell::text(&person.id)),
        ("证号", Cell::text(identity::talent_certificate(draw.between(0, 999_999_999) as u32))),
        ("类别", Cell::Variant(class)),
        ("学历职称", Cell::Variant(degree)),
        ("出生日", Cell::Day(person.birth)),
        ("本市劳动合同", Cell::Yes(draw.chance(800))),
        ("颁发日", Cell::Day(issued)),
        ("有效期至", Cell::Day(issued.add_months(60))),
    ];
    registrar.enter("人才证书", cells)
}
