//! What the shipped contracts write, run one after another over one unit's registers: whichever bureau is ordered first
//! wins. Owns the world of one unit. Invariant: each contract sees what the earlier ones wrote. Must not know: sealing, order.

use super::registers::{self, Registers};
use super::{SHIPPED, both, value};
use guiju_compiler::codegen;
use guiju_compiler::package::{Policy, WriteTerm};
use guiju_node::city::{self, RaceUnit};
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::{ABSENT, Evaluation};
use guiju_runtime::frame::Interner;
use guiju_runtime::schema;
use guiju_runtime::value::{Fact, Type, Value};

const TITLE: &str = "不动产权证书";
const SEIZURE: &str = "查封登记";

/// One unit of the city's race: its title and the filed contract, nothing else.
fn unit() -> (RaceUnit, Registers) {
    let city = city::generate(2026, 2_000, &SHIPPED).expect("the shipped standard");
    let unit = city.race_units[0].clone();
    let mut registers = Registers::empty();
    for record in city.records {
        if text(&record.schema, &record.fact, "单元").is_some_and(|u| u == unit.unit) {
            registers.add(&record.schema, record.fact);
        }
    }
    (unit, registers)
}

fn field<'a>(schema: &str, record: &'a Fact, name: &str) -> Option<&'a Fact> {
    let group = &SHIPPED.schemas.iter().find(|s| s.name == schema)?.group;
    let Fact::Known(Value::Group(facts)) = record else { return None };
    facts.get(group.fields.iter().position(|f| f.name == name)?)
}

fn text(schema: &str, record: &Fact, name: &str) -> Option<String> {
    match field(schema, record, name)? {
        Fact::Known(Value::Text(t)) => Some(t.clone()),
        _ => None,
    }
}

fn day(year: i32, month: u8, day: u8) -> Date {
    Date::new(year, month, day).expect("a real day")
}

fn date(value: Date) -> Fact {
    Fact::Known(Value::Date(value))
}

fn variant(schema: &str, name: &str, variant: &str) -> Fact {
    let group = &SHIPPED.schemas.iter().find(|s| s.name == schema).expect("declared").group;
    let Some(Type::Enum(e)) = group.fields.iter().find(|f| f.name == name).map(|f| &f.ty) else { panic!("{name}") };
    let index = e.variants.iter().position(|(n, _)| n == variant).expect("a variant");
    Fact::Known(Value::Enum(u16::try_from(index).expect("few variants")))
}

/// Runs a contract, puts what it writes into the registers, and says its outcome and how much it wrote.
fn perform(name: &str, on: Date, unit: &RaceUnit, registers: &mut Registers) -> (String, usize) {
    let policy = SHIPPED.policies.iter().find(|p| p.name == name).expect("shipped");
    let module = codegen::native(&policy.program).expect("native code");
    let inputs = unit.inputs(policy).expect("the city knows the inputs");
    let (frame, interner) = registers::framed(policy, on, &inputs, registers);
    let evaluation = both(policy, &module, &frame);
    let written = write(policy, &evaluation, &interner, registers);
    (value(policy, 0, &evaluation).expect("decided"), written)
}

fn write(policy: &Policy, evaluation: &Evaluation, interner: &Interner, registers: &mut Registers) -> usize {
    let mut written = 0;
    for write in &policy.writes {
        if evaluation.outputs[policy.outcomes[write.outcome].output].get() != Some(i64::from(write.value)) {
            continue;
        }
        let old = write.supersedes.map(|_| registers.take(&write.schema.name).expect("a record to supersede"));
        let mut facts = match old {
            Some(Fact::Known(Value::Group(facts))) if write.rest_kept => facts,
            _ => vec![Fact::Absent; write.schema.group.fields.len()],
        };
        for (index, term) in &write.fields {
            facts[*index] = fact(&write.schema.group.fields[*index].ty, term, evaluation, interner);
        }
        let record = Fact::Known(Value::Group(facts));
        schema::check(&Type::Group(write.schema.group.clone()), &record).expect("what is written fits its type");
        registers.add(&write.schema.name, record);
        written += 1;
    }
    written
}

fn fact(ty: &Type, term: &WriteTerm, evaluation: &Evaluation, interner: &Interner) -> Fact {
    match (term, ty) {
        (WriteTerm::Absent, _) => Fact::Absent,
        (WriteTerm::Output(index), _) => {
            let scalar = evaluation.outputs[*index];
            if scalar.state == ABSENT {
                return Fact::Absent;
            }
            let word = scalar.get().expect("known whenever the outcome has the value");
            Fact::Known(match ty {
                Type::Date => Value::Date(Date::from_days(word).expect("a day")),
                Type::Text { .. } | Type::Identifier(_) => {
                    Value::Text(interner.text(word).expect("interned").to_owned())
                }
                Type::Enum(_) => Value::Enum(u16::try_from(word).expect("a variant")),
                Type::Integer { .. } => Value::Integer(word),
                other => panic!("no shipped contract writes {other:?}"),
            })
        }
        (WriteTerm::Group(terms), Type::Group(group)) => {
            let mut facts = vec![Fact::Absent; group.fields.len()];
            for (index, term) in terms {
                facts[*index] = fact(&group.fields[*index].ty, term, evaluation, interner);
            }
            Fact::Known(Value::Group(facts))
        }
        (WriteTerm::List(terms), Type::List { element, .. }) => {
            let item = |term| match fact(element, term, evaluation, interner) {
                Fact::Known(value) => value,
                other => panic!("an element that is {other:?}"),
            };
            Fact::Known(Value::List(terms.iter().map(item).collect()))
        }
        other => panic!("{other:?}"),
    }
}

fn newest(registers: &mut Registers, schema: &str) -> Fact {
    let record = registers.take(schema).expect("a record");
    registers.add(schema, record.clone());
    record
}

#[test]
fn a_transfer_ordered_first_leaves_nothing_of_the_debtor_to_seize() {
    let (unit, mut registers) = unit();
    let before = newest(&mut registers, TITLE);
    let on = day(2026, 11, 25);
    assert_eq!(perform("二手房转移登记", on, &unit, &mut registers), ("准予登记".to_owned(), 1));
    let after = newest(&mut registers, TITLE);
    let owner = Value::Group(vec![
        Fact::Known(Value::Text(unit.buyer.clone())),
        Fact::Known(Value::Text(unit.buyer_name.clone())),
        Fact::Known(Value::Integer(100)),
    ]);
    assert_eq!(field(TITLE, &after, "权利人"), Some(&Fact::Known(Value::List(vec![owner]))));
    assert_eq!(field(TITLE, &after, "登记日"), Some(&date(on)));
    assert_eq!(field(TITLE, &after, "取得方式"), Some(&variant(TITLE, "取得方式", "买卖")));
    assert_ne!(field(TITLE, &after, "证号"), field(TITLE, &before, "证号"));
    for kept in ["单元", "所在区", "坐落", "用途", "面积", "终止日", "状态"] {
        assert_eq!(field(TITLE, &after, kept), field(TITLE, &before, kept), "{kept}");
    }
    assert_eq!(perform(SEIZURE, on, &unit, &mut registers), ("不予查封".to_owned(), 0));
    let again = perform("二手房转移登记", on, &unit, &mut registers);
    assert_eq!(again, ("不予登记".to_owned(), 0), "the contract was used up");
}

#[test]
fn a_seizure_ordered_first_stops_the_transfer_until_it_lapses() {
    let (unit, mut registers) = unit();
    let on = day(2026, 11, 25);
    assert_eq!(perform(SEIZURE, on, &unit, &mut registers), ("准予查封".to_owned(), 1));
    let seizure = newest(&mut registers, SEIZURE);
    assert_eq!(field(SEIZURE, &seizure, "类别"), Some(&variant(SEIZURE, "类别", "查封")));
    for from in ["送达日", "起始日"] {
        assert_eq!(field(SEIZURE, &seizure, from), Some(&date(on)), "{from}");
    }
    assert_eq!(field(SEIZURE, &seizure, "届满日"), Some(&date(day(2029, 11, 25))));
    assert_eq!(field(SEIZURE, &seizure, "解除日"), Some(&Fact::Absent));
    for last in [on, day(2029, 11, 25)] {
        assert_eq!(perform("二手房转移登记", last, &unit, &mut registers), ("不予登记".to_owned(), 0));
    }
    assert_eq!(perform("二手房转移登记", day(2029, 11, 26), &unit, &mut registers), ("准予登记".to_owned(), 1));
}

#[test]
fn a_seizure_behind_another_waits_and_still_stops_the_transfer() {
    let (unit, mut registers) = unit();
    let on = day(2026, 11, 25);
    assert_eq!(perform(SEIZURE, on, &unit, &mut registers), ("准予查封".to_owned(), 1));
    assert_eq!(perform(SEIZURE, day(2027, 1, 5), &unit, &mut registers), ("准予轮候".to_owned(), 1));
    let waiting = newest(&mut registers, SEIZURE);
    assert_eq!(field(SEIZURE, &waiting, "类别"), Some(&variant(SEIZURE, "类别", "轮候查封")));
    assert_eq!(field(SEIZURE, &waiting, "届满日"), Some(&Fact::Absent));
    // The first has lapsed by then; the one behind it has moved up.
    assert_eq!(perform("二手房转移登记", day(2029, 11, 26), &unit, &mut registers), ("不予登记".to_owned(), 0));
}
