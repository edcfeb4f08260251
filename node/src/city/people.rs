//! Who lives in the city: households, their register books and marriages.
//! Invariant: every person is in exactly one household; a child's guardians are its parents. Must not know: homes, work.

use super::CityFault;
use super::draw::Draw;
use super::identity;
use super::record::{Cell, Registrar};
use guiju_runtime::date::Date;

/// A person.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) male: bool,
    pub(super) birth: Date,
    pub(super) adult: bool,
    /// In the local register.
    pub(super) local: bool,
    /// Index into `identity::DISTRICTS`.
    pub(super) district: usize,
    pub(super) household: usize,
    relation: &'static str,
    guardians: [Option<usize>; 2],
    marriage: Option<Marriage>,
    former_id: Option<String>,
    /// An adult from elsewhere of whom the register has no book at all.
    bookless: bool,
}

/// A marriage, as one of the two remembers it.
#[derive(Clone, Copy)]
struct Marriage {
    spouse: usize,
    from: Date,
    /// Day and way it ended.
    end: Option<(Date, &'static str)>,
}

/// Everyone.
pub(super) struct Population {
    pub(super) persons: Vec<Person>,
    /// Indices into `persons`.
    pub(super) households: Vec<Vec<usize>>,
    numbers: std::collections::BTreeSet<String>,
}

impl Person {
    /// Whether married on `day`, and to whom.
    pub(super) fn spouse(&self, day: Date) -> Option<usize> {
        let marriage = self.marriage.as_ref()?;
        let ended = marriage.end.is_some_and(|(end, _)| end <= day);
        (marriage.from <= day && !ended).then_some(marriage.spouse)
    }
}

impl Population {
    fn admit(&mut self, draw: &mut Draw, household: usize, relation: &'static str, birth: Date, male: bool) -> usize {
        let district = draw.weighted(&[80, 100, 70, 110, 110, 90, 70, 190, 90, 50]);
        let mut sequence = draw.between(0, 499) as u32 * 2 + u32::from(male);
        let mut id = identity::citizen(district, birth, sequence);
        // At most 500 people of one sex, day and district: more cannot be in a city of this size.
        while !self.numbers.insert(id.clone()) {
            sequence = (sequence + 2) % 1000;
            id = identity::citizen(district, birth, sequence);
        }
        let former_id = draw.chance(8).then(|| identity::citizen((district + 1) % 11, birth, sequence));
        let former_id = former_id.filter(|f| self.numbers.insert(f.clone()));
        let name = identity::person_name(draw.between(0, 767));
        let adult = relation != "子女";
        let (local, bookless, guardians) = (true, false, [None, None]);
        let index = self.persons.len();
        self.persons.push(Person {
            id,
            name,
            male,
            birth,
            adult,
            local,
            district,
            household,
            relation,
            guardians,
            marriage: None,
            former_id,
            bookless,
        });
        self.households[household].push(index);
        index
    }
}

/// Draws households until there are `persons` persons.
pub(super) fn settle(seed: u64, persons: u32) -> Population {
    let mut draw = Draw::new(seed, 1);
    let mut all = Population { persons: Vec::new(), households: Vec::new(), numbers: Default::default() };
    while all.persons.len() < persons as usize {
        household(&mut draw, &mut all);
    }
    all
}

fn household(draw: &mut Draw, all: &mut Population) {
    let home = all.households.len();
    all.households.push(Vec::new());
    let local = draw.chance(750);
    let district = draw.weighted(&[80, 100, 70, 110, 110, 90, 70, 190, 90, 50]);
    let male = draw.chance(500);
    let born = birth(draw, 1952, 1996);
    let head = all.admit(draw, home, "户主", born, male);
    if draw.chance(620) {
        let born = all.persons[head].birth.add_months(draw.between(-48, 48));
        let spouse = all.admit(draw, home, "配偶", born, !male);
        wed(draw, all, head, spouse);
        let children = [0, 1, 2][draw.weighted(&[330, 480])];
        for _ in 0..children {
            let born = birth(draw, 2003, 2023);
            let boy = draw.chance(510);
            let child = all.admit(draw, home, "子女", born, boy);
            all.persons[child].guardians = [Some(head), Some(spouse)];
        }
    }
    let bookless = !local && draw.chance(400);
    let members = all.households[home].clone();
    for person in members {
        let person = &mut all.persons[person];
        (person.local, person.district, person.bookless) = (local, district, bookless);
    }
    if let Some(spouse) = all.persons[head].marriage.map(|m| m.spouse)
        && draw.chance(46)
    {
        part(draw, all, head, spouse);
    }
}

fn birth(draw: &mut Draw, from: i32, to: i32) -> Date {
    let year = draw.between(i64::from(from), i64::from(to)) as i32;
    Date::new(year, draw.between(1, 12) as u8, draw.between(1, 28) as u8).expect("days 1 to 28 exist in every month")
}

fn wed(draw: &mut Draw, all: &mut Population, a: usize, b: usize) {
    let later = all.persons[a].birth.max(all.persons[b].birth);
    let from = later.add_months(draw.between(22 * 12, 30 * 12)).add_days(draw.between(0, 27));
    all.persons[a].marriage = Some(Marriage { spouse: b, from, end: None });
    all.persons[b].marriage = Some(Marriage { spouse: a, from, end: None });
}

/// Divorces two and gives the second a household of their own.
fn part(draw: &mut Draw, all: &mut Population, a: usize, b: usize) {
    let first = Date::new(2014, 1, 1).expect("a real day");
    let from = all.persons[a].marriage.map_or(first, |m| m.from);
    let end = from.add_months(12).max(first.add_months(draw.between(0, 120))).add_days(draw.between(0, 27));
    let way = draw.pick(&["协议离婚", "判决离婚", "调解离婚"]);
    for person in [a, b] {
        if let Some(marriage) = &mut all.persons[person].marriage {
            marriage.end = Some((end, way));
        }
    }
    let old = all.persons[b].household;
    all.households[old].retain(|i| *i != b);
    let new = all.households.len();
    all.households.push(vec![b]);
    (all.persons[b].household, all.persons[b].relation) = (new, "户主");
}

/// Enters the register books and the marriages.
pub(super) fn register(all: &Population, registrar: &mut Registrar) -> Result<(), CityFault> {
    for (number, members) in all.households.iter().enumerate() {
        let head = &all.persons[members[0]];
        if head.bookless {
            continue;
        }
        let district = identity::DISTRICTS[head.district].0;
        let cells = vec![
            ("户号", Cell::text(format!("{number:09}"))),
            ("户别", Cell::Variant("家庭户")),
            ("户籍", Cell::Variant(if head.local { "本市" } else { "外市" })),
            ("所在区", if head.local { Cell::Variant(district) } else { Cell::Nothing }),
            ("住址", Cell::text(format!("{}示例路{number}号", if head.local { district } else { "外地" }))),
            ("成员", Cell::List(members.iter().map(|i| member(all, *i)).collect())),
        ];
        registrar.enter("居民户口簿", cells)?;
    }
    for person in &all.persons {
        if let Some(marriage) = &person.marriage {
            let (day, way) = marriage.end.map_or((None, None), |(d, w)| (Some(d), Some(w)));
            let history = Cell::Group(vec![
                ("配偶", Cell::text(&all.persons[marriage.spouse].id)),
                ("登记日", Cell::Day(marriage.from)),
                ("终止日", Cell::day_or_nothing(day)),
                ("终止方式", way.map_or(Cell::Nothing, Cell::Variant)),
            ]);
            let state = if day.is_some() { "离婚" } else { "已婚" };
            registrar.enter(
                "婚姻登记",
                vec![
                    ("身份号", Cell::text(&person.id)),
                    ("状况", Cell::Variant(state)),
                    ("经历", Cell::List(vec![history])),
                ],
            )?;
        }
    }
    Ok(())
}

fn member(all: &Population, index: usize) -> Cell {
    let person = &all.persons[index];
    let id_of = |i: Option<usize>| i.map_or(Cell::Nothing, |i| Cell::text(&all.persons[i].id));
    // Registered at birth, or moved in with the head before the register's records are complete.
    let moved_in =
        if person.adult { Date::new(1999, 12, 31).expect("a real day").max(person.birth) } else { person.birth };
    Cell::Group(vec![
        ("身份号", Cell::text(&person.id)),
        ("曾用身份号", person.former_id.as_ref().map_or(Cell::Nothing, Cell::text)),
        ("姓名", Cell::text(&person.name)),
        ("关系", Cell::Variant(person.relation)),
        ("性别", Cell::Variant(if person.male { "男" } else { "女" })),
        ("出生日", Cell::Day(person.birth)),
        ("监护人一", id_of(person.guardians[0])),
        ("监护人二", id_of(person.guardians[1])),
        ("迁入日", Cell::Day(moved_in)),
        ("迁出日", Cell::Nothing),
    ])
}
