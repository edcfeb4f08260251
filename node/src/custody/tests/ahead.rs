//! Which requests wait for which. Invariant: one that passes an earlier one has the same result however that ends.

use super::world::{Said, Town, outcome};
use super::{eligibility, household, settled, title, transfer};
use crate::custody::protocol::CustodyOrder;
use crate::state::feed::CustodyFeed;
use crate::transaction::CapsuleId;
use serde_json::{Value as Json, json};

/// Submits a record whose capsule no custodian has.
fn withheld(town: &mut Town, schema: &str, content: Json) -> (CapsuleId, Vec<u8>) {
    let (id, record, capsule) = town.record(schema, content, true);
    town.block(CustodyFeed { records: vec![(id, record.clone())], ..CustodyFeed::default() });
    (record.capsule, capsule)
}

fn supply(town: &mut Town, capsule: &(CapsuleId, Vec<u8>)) -> Vec<Said> {
    let mut said = Vec::new();
    for index in 0..4 {
        said.extend(town.order(index, CustodyOrder::Capsules(vec![capsule.clone()])));
    }
    said.extend(town.carry());
    said
}

fn tax(person: u16) -> Json {
    json!({"申请人": super::citizen(person)})
}

#[test]
fn a_missing_capsule_is_asked_for_and_holds_up_its_own_request_alone() {
    let mut town = settled();
    let (id, capsule) = withheld(&mut town, "户口", household("家庭户", &[5]));
    let (first, second) = (town.ask("资格", eligibility(5), None), town.ask("资格", eligibility(1), None));
    let said = town.put(&[&first, &second]);
    assert!(said.iter().all(|s| s.request == second.id()));
    assert_eq!(outcome(&town.open(&second, &town.agreed(&said, &second))).0, Some("符合"));
    assert_eq!(town.wanted.len(), 4);
    assert!(town.wanted.iter().all(|(_, ids)| *ids == vec![id]));
    // A capsule of another name is not taken for it, and asking is not repeated within a block.
    let mut forged = capsule.clone();
    forged[9] ^= 1;
    assert!(town.order(0, CustodyOrder::Capsules(vec![(id, forged)])).is_empty());
    assert_eq!(town.wanted.len(), 4);
    town.submit(vec![("产权", title("A", 5)), ("产权", title("B", 5))]);
    assert_eq!(town.wanted.len(), 8);
    let said = supply(&mut town, &(id, capsule));
    // The titles came after the question was ordered.
    assert_eq!(outcome(&town.open(&first, &town.agreed(&said, &first))).0, Some("符合"));
}

#[test]
fn a_waiting_contract_holds_up_whoever_reads_what_it_may_write_and_nobody_else() {
    let mut town = settled();
    town.submit(vec![("产权", title("B", 2))]);
    let capsule = withheld(&mut town, "产权", title("A", 1));
    let sale = town.ask("转移", transfer("A", 1, 3), None);
    let (reader, other) = (town.ask("资格", eligibility(1), None), town.ask("纳税满", tax(1), None));
    let said = town.put(&[&sale, &reader, &other]);
    assert!(said.iter().all(|s| s.request == other.id()));
    assert_eq!(outcome(&town.open(&other, &town.agreed(&said, &other))).0, Some("达标"));
    let said = supply(&mut town, &capsule);
    assert_eq!(outcome(&town.open(&sale, &town.agreed(&said, &sale))).0, Some("可办"));
    // Two titles before the sale, one after it.
    assert_eq!(outcome(&town.open(&reader, &town.agreed(&said, &reader))).0, Some("符合"));
}

#[test]
fn a_question_passes_unanswered_ones_only_while_the_budget_bears_all() {
    let mut town = settled();
    let record = |n| json!({"身份号": super::citizen(n), "满两年": true});
    let capsules = [5, 6].map(|n| withheld(&mut town, "纳税", record(n)));
    // 8 bits a day by the owner's clause; each answer tells at most 4, and whom the first two are about is not told.
    let waiting = [5, 6].map(|n| town.ask("纳税满", tax(n), None));
    let third = town.ask("纳税满", tax(1), None);
    assert!(town.put(&[&waiting[0], &waiting[1], &third]).is_empty());
    let said = supply(&mut town, &capsules[1]);
    assert_eq!(outcome(&town.open(&waiting[1], &town.agreed(&said, &waiting[1]))).0, Some("达标"));
    assert_eq!(outcome(&town.open(&third, &town.agreed(&said, &third))).0, Some("达标"));
    let said = supply(&mut town, &capsules[0]);
    assert_eq!(outcome(&town.open(&waiting[0], &town.agreed(&said, &waiting[0]))).0, Some("达标"));
}

#[test]
fn who_overtook_signs_the_same_after_a_restart() {
    let mut town = settled();
    let capsule = withheld(&mut town, "户口", household("家庭户", &[5]));
    let (first, second) = (town.ask("资格", eligibility(5), None), town.ask("资格", eligibility(1), None));
    let said = town.put(&[&first, &second]);
    let overtook = town.agreed(&said, &second).digest(second.id());
    let said = supply(&mut town, &capsule);
    let overtaken = town.agreed(&said, &first).digest(first.id());
    let again: Vec<_> = town.restart(2).iter().map(|s| (s.request, s.digest)).collect();
    assert_eq!(again, [(first.id(), overtaken), (second.id(), overtook)]);
}

#[test]
fn an_expired_request_holds_up_nobody() {
    let mut town = settled();
    withheld(&mut town, "产权", title("A", 1));
    let (sale, reader) = (town.ask("转移", transfer("A", 1, 3), None), town.ask("资格", eligibility(3), None));
    assert!(town.put(&[&sale, &reader]).is_empty());
    let said = town.block(CustodyFeed { expired: vec![sale.id()], ..CustodyFeed::default() });
    assert!(said.iter().all(|s| s.request == reader.id()));
    assert_eq!(outcome(&town.open(&reader, &town.agreed(&said, &reader))).0, Some("不符合"));
}
