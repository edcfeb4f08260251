//! Households to judge: golden ones from `suite/law/purchase.json`, with the answers that the notices give, and drawn ones.
//! Invariant: a golden row is judged once under each version, on one day of it; months are counted back from that day.
//! Must not know: policies, engines.

use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::json::parse_date;
use guiju_tests::second_evaluator::{
    Answer, Book, Contract, FIRST_DAYS, Insured, Marriage, Member, Question, Talent, Taxed, Title, World,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value as Json;
use std::path::Path;

/// One question with its answer.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) world: World,
    pub(crate) question: Question,
    pub(crate) expected: Answer,
}

/// A day of each version, at least ten days into its month, so that the month before has been posted.
const DAYS: [(i32, u8, u8); 7] =
    [(2016, 9, 28), (2016, 11, 15), (2017, 4, 10), (2017, 6, 20), (2019, 3, 15), (2022, 8, 15), (2023, 10, 10)];

const DISTRICTS: [&str; 6] = ["玄武区", "秦淮区", "江宁区", "六合区", "溧水区", "高淳区"];

fn day((y, m, d): (i32, u8, u8)) -> Date {
    Date::new(y, m, d).expect("a real day")
}

/// A citizen's number on an unassigned region prefix.
fn number(birth: Date, sequence: u32) -> String {
    let (y, m, d) = birth.civil();
    let body = format!("329904{y:04}{m:02}{d:02}{sequence:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
    format!("{body}{}", b"10X98765432"[(sum % 11) as usize] as char)
}

/// Every golden row under every version.
pub(crate) fn golden(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).expect("the suite is there");
    let rows: Vec<Json> = serde_json::from_str(&text).expect("the suite is JSON");
    rows.iter().flat_map(|row| (0..7).map(|version| case(row, version))).collect()
}

fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{row} lacks {name}"))
}

fn date_of(row: &Json, name: &str) -> Option<Date> {
    row.get(name).and_then(Json::as_str).map(|t| parse_date(t).unwrap_or_else(|| panic!("{t} is no date")))
}

fn case(row: &Json, version: usize) -> Case {
    let on = day(DAYS[version]);
    let people = ["self", "spouse", "child"].map(|who| (who, row.get(who)));
    let id = |who: &str| {
        let (n, name) = match who {
            "former" => (9, "self"),
            "spouse" => (2, who),
            "child" => (3, who),
            "earlier" => (4, "self"),
            _ => (1, who),
        };
        number(date_of(&row[name], "birth").unwrap_or_else(|| panic!("{name} has no birth date")), n)
    };
    let mut world = World::default();
    let register = row["self"].get("register").and_then(Json::as_str);
    if let Some(register) = register {
        let members = people.iter().filter_map(|(who, p)| p.map(|p| member(who, p, &id))).collect();
        world.books.push(Book { local: register == "本市", members });
    }
    for (other, marriage) in [("spouse", row.get("spouse")), ("earlier", row.get("earlier"))] {
        if let Some(m) = marriage {
            let from = date_of(m, "from").expect("marriages have a first day");
            world.marriages.push(Marriage { couple: [id("self"), id(other)], from, end: date_of(m, "end") });
        }
    }
    for owner in row["homes"].as_array().expect("homes are a list") {
        let owners = vec![id(owner.as_str().expect("owners are names"))];
        world.titles.push(Title { owners, home: true, current: true, registered: day((2012, 5, 8)), ended: None });
    }
    for who in ["self", "spouse"] {
        if let Some(spans) = row.get("insurance").and_then(|i| i.get(who)) {
            world
                .insurance
                .push((id(who), spans.as_array().expect("spans").iter().flat_map(|s| insured(s, on)).collect()));
        }
        if let Some(spans) = row.get("tax").and_then(|i| i.get(who)) {
            world.tax.push((id(who), spans.as_array().expect("spans").iter().flat_map(|s| taxed(s, on)).collect()));
        }
    }
    if let Some(t) = row.get("talent") {
        let flag = |name: &str| t[name].as_bool().unwrap_or(false);
        world.talents.push(Talent {
            id: id("self"),
            recognised: flag("recognised"),
            degree: flag("degree"),
            birth: date_of(&row["self"], "birth").expect("a birth date"),
            employed_here: flag("employed_here"),
            valid: (day((2016, 1, 1)), day((2026, 12, 31))),
        });
    }
    let district = DISTRICTS.iter().find(|d| **d == text(row, "district")).expect("a district of the test's list");
    world.contracts.extend(row.get("contract").map(|c| contract(row, c, district, id("self"), on)));
    let question = Question {
        applicant: id("self"),
        contract: "NJ1".to_owned(),
        district,
        new_build: text(row, "kind") == "新建商品住房",
        day: on,
    };
    let expected = match row["expected"][version].as_str() {
        Some("符合") => Answer::Eligible,
        Some("不符合") => Answer::Ineligible,
        Some("需核实") => Answer::Review,
        Some("待定") => Answer::Undetermined,
        other => panic!("{other:?} is no answer"),
    };
    Case { title: text(row, "title").to_owned(), about: text(row, "about").to_owned(), world, question, expected }
}

/// The contract that a row's question is about, filed on the day of the question and signed no later.
fn contract(row: &Json, contract: &Json, district: &'static str, buyer: String, on: Date) -> Contract {
    Contract {
        number: "NJ1".to_owned(),
        buyers: vec![buyer],
        district,
        new_build: text(row, "kind") == "新建商品住房",
        cancelled: contract["cancelled"].as_bool().unwrap_or(false),
        signed: date_of(contract, "signed").expect("contracts are signed").min(on),
        filed: on,
    }
}

fn member(who: &str, person: &Json, id: &dyn Fn(&str) -> String) -> Member {
    let birth = date_of(person, "birth").expect("a birth date");
    let guardians = if who == "child" { [Some(id("self")), None] } else { [None, None] };
    let former = (person.get("reissued").and_then(Json::as_bool) == Some(true)).then(|| id("former"));
    Member { id: id(who), former, birth, guardians, moved_in: birth, left: date_of(person, "left") }
}

fn months(span: &Json, on: Date) -> Vec<YearMonth> {
    let bound = |i: usize| span["back"][i].as_i64().expect("`back` is two numbers");
    (bound(0)..=bound(1)).rev().filter_map(|b| YearMonth::from_index(i64::from(on.month().index()) - b)).collect()
}

/// The tenth of the month after.
fn usually_posted(month: YearMonth) -> Date {
    let (y, m) = month.civil();
    day((y, m, 10)).add_months(1)
}

fn insured(span: &Json, on: Date) -> Vec<Insured> {
    let back_paid = span.get("kind").and_then(Json::as_str) == Some("补缴");
    let firms = span.get("employers").and_then(Json::as_u64).unwrap_or(1) as usize;
    let row = |m: YearMonth| vec![Insured { month: m, posted: usually_posted(m).min(on), back_paid }; firms];
    months(span, on).into_iter().flat_map(row).collect()
}

fn taxed(span: &Json, on: Date) -> Vec<Taxed> {
    let flag = |name: &str| span[name].as_bool().unwrap_or(false);
    let row = |m: YearMonth| Taxed {
        month: m,
        paid: usually_posted(m).min(on),
        afterwards: flag("afterwards"),
        trade: flag("trade"),
        zero: flag("zero"),
    };
    months(span, on).into_iter().map(row).collect()
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn date(&mut self, from: Date, to: Date) -> Date {
        from.add_days(self.below((to.days() - from.days()) as u64 + 1) as i64)
    }

    /// A day near `on`, often exactly on it or beside it.
    fn near(&mut self, on: Date) -> Date {
        match self.below(4) {
            0 => on,
            1 => on.add_days(1),
            2 => on.add_days(-1),
            _ => on.add_days(self.below(2_000) as i64 - 1_700),
        }
    }

    /// When a contract was signed that was filed on `on`: then, or about the day from which the rules of 2017 hold.
    fn signed(&mut self, on: Date) -> Date {
        let turn = day(FIRST_DAYS[2]);
        match self.below(4) {
            0 => on,
            1 => turn.min(on),
            2 => turn.add_days(-1).min(on),
            _ => turn.add_days(self.below(400) as i64 - 300).min(on),
        }
    }
}

/// A household and a question, from a seed. Days cluster at the edges on which the rules turn.
pub(crate) fn drawn(seed: u64) -> (World, Question) {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let era = draw.below(7) as usize;
    let last = FIRST_DAYS.get(era + 1).map_or(day((2024, 12, 31)), |d| day(*d).add_days(-1));
    let on = match draw.below(6) {
        0 => day(FIRST_DAYS[era]),
        1 => last,
        _ => draw.date(day(FIRST_DAYS[era]), last),
    };
    // At the edge of forty years as often as not, else of eighteen, else anything.
    let birth = match draw.below(3) {
        0 => on.add_months(-40 * 12).add_days(draw.below(3) as i64 - 1),
        1 if draw.one_in(4) => on.add_months(-18 * 12).add_days(draw.below(3) as i64 - 1),
        _ => draw.date(day((1955, 1, 1)), day((1996, 12, 31))),
    };
    let me = number(birth, 1);
    let spouse = number(draw.date(day((1955, 1, 1)), day((1996, 12, 31))), 2);
    let child_birth = match draw.below(2) {
        0 => on.add_months(-18 * 12).add_days(draw.below(3) as i64 - 1),
        _ => on.add_days(-(draw.below(9_000) as i64)),
    };
    let ids = [me.clone(), spouse, number(child_birth, 3), number(birth, 9), number(birth, 5)];
    let mut world = World::default();
    let local = draw.one_in(3);
    if local || draw.one_in(2) {
        book(&mut draw, &mut world, local, &ids, birth, child_birth, on);
    }
    if draw.below(3) > 0 {
        let from = draw.near(on);
        let end = draw.one_in(3).then(|| draw.near(on).max(from));
        world.marriages.push(Marriage { couple: [me.clone(), ids[1].clone()], from, end });
    }
    for _ in 0..[0, 0, 0, 1, 1, 2, 3][draw.below(7) as usize] {
        title(&mut draw, &mut world, &ids, on);
    }
    payments(&mut draw, &mut world, &ids, on);
    if draw.one_in(2) {
        let from = draw.near(on).min(on.add_days(1));
        let until = if draw.one_in(4) { draw.near(on) } else { on.add_months(24) };
        let (recognised, degree, employed_here) = (draw.one_in(2), draw.one_in(2), draw.below(4) > 0);
        world.talents.push(Talent { id: me.clone(), recognised, degree, birth, employed_here, valid: (from, until) });
    }
    let district = DISTRICTS[draw.below(6) as usize];
    let new_build = draw.one_in(2);
    if draw.one_in(4) {
        let buyers = if draw.one_in(5) { vec![ids[4].clone()] } else { vec![ids[4].clone(), me.clone()] };
        let district = DISTRICTS[draw.below(6) as usize];
        let contract = Contract {
            number: "NJ1".to_owned(),
            buyers,
            district,
            new_build: draw.one_in(2),
            cancelled: draw.one_in(8),
            signed: draw.signed(on),
            filed: on,
        };
        world.contracts.push(contract);
    }
    (world, Question { applicant: me, contract: "NJ1".to_owned(), district, new_build, day: on })
}

fn book(draw: &mut Draw, world: &mut World, local: bool, ids: &[String; 5], birth: Date, child_birth: Date, on: Date) {
    let moved_in = if draw.one_in(4) { draw.near(on) } else { birth };
    let left = draw.one_in(6).then(|| draw.near(on));
    let former = draw.one_in(4).then(|| ids[3].clone());
    let guardian = if draw.one_in(5) { ids[4].clone() } else { ids[0].clone() };
    let guardians = if draw.one_in(2) { [Some(guardian), None] } else { [None, Some(guardian)] };
    let mut members = vec![Member { id: ids[0].clone(), former, birth, guardians: [None, None], moved_in, left }];
    if draw.one_in(2) {
        let id = ids[2].clone();
        members.push(Member { id, former: None, birth: child_birth, guardians, moved_in: child_birth, left: None });
    }
    world.books.push(Book { local, members });
}

fn title(draw: &mut Draw, world: &mut World, ids: &[String; 5], on: Date) {
    let first = ids[[0, 0, 1, 2, 3, 4][draw.below(6) as usize]].clone();
    let owners = if draw.one_in(4) { vec![ids[4].clone(), first] } else { vec![first] };
    let registered = if draw.one_in(5) { draw.near(on) } else { day((2010, 1, 1)) };
    let ended = draw.one_in(8).then(|| draw.near(on).max(registered));
    world.titles.push(Title { owners, home: draw.below(8) > 0, current: draw.below(8) > 0, registered, ended });
}

fn payments(draw: &mut Draw, world: &mut World, ids: &[String; 5], on: Date) {
    for id in &ids[..2] {
        if draw.below(4) > 0 {
            let rows = drawn_months(draw, on).into_iter().flat_map(|month| {
                let late = draw.one_in(20);
                let posted = if late { draw.near(on) } else { usually_posted(month) };
                let row = Insured { month, posted, back_paid: draw.one_in(15) };
                vec![row; if draw.one_in(12) { 2 } else { 1 }]
            });
            let rows: Vec<Insured> = rows.take(72).collect();
            world.insurance.push((id.clone(), rows));
        }
        if draw.below(3) > 0 {
            // None, some or all of the months with nothing due.
            let (trade, zeros) = (draw.one_in(2), [12, 12, 9, 0][draw.below(4) as usize]);
            let months = if draw.one_in(2) { Vec::new() } else { drawn_months(draw, on) };
            let row = |month| Taxed {
                month,
                paid: usually_posted(month),
                afterwards: draw.one_in(20),
                trade,
                zero: draw.below(12) >= zeros,
            };
            world.tax.push((id.clone(), months.into_iter().map(row).collect()));
        }
    }
}

/// Consecutive months whose number lies about the thresholds, ending before, in or after the month of `on`.
fn drawn_months(draw: &mut Draw, on: Date) -> Vec<YearMonth> {
    let length = [11, 12, 13, 22, 23, 24, 25, 26, 30, 5][draw.below(10) as usize] + draw.below(3) as i64;
    let newest = [1, 1, 1, 0, 2, 8, 12, 13][draw.below(8) as usize];
    let index = i64::from(on.month().index());
    let months = (newest..newest + length).rev().filter_map(|back| YearMonth::from_index(index - back));
    months.filter(|_| draw.below(30) > 0).collect()
}
