//! Records erased while requests are under way. Invariant: who was ordered before sees the record, nobody later does, and once
//! the capsules are destroyed no custodians together can open it again.

use super::world::{Town, outcome};
use super::{eligibility, household, settled};
use crate::custody::capsules::CapsuleStore as _;
use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::state::feed::{CustodyFeed, DestroyedCapsule, ErasedRecord};
use crate::transaction::{CapsuleId, CustodianId, RecordId};
use serde_json::json;

fn erase(town: &mut Town, record: RecordId, sequence: u64) {
    let erased = vec![ErasedRecord { record, sequence }];
    assert!(town.block(CustodyFeed { erased, ..CustodyFeed::default() }).is_empty());
}

fn held(town: &Town, capsule: CapsuleId) -> Vec<bool> {
    town.shelves.iter().map(|shelf| shelf.get(capsule).expect("memory does not fail").is_some()).collect()
}

#[test]
fn who_asked_before_is_answered_who_asks_after_finds_nothing_and_the_capsules_go() {
    let mut town = settled();
    let (id, record, capsule) = town.record("户口", household("家庭户", &[5]), true);
    for shelf in &mut town.shelves {
        shelf.put(&[(record.capsule, capsule.clone())]).expect("memory does not fail");
    }
    town.block(CustodyFeed { records: vec![(id, record.clone())], ..CustodyFeed::default() });
    let before = town.ask("资格", eligibility(5), None);
    let said = town.put(&[&before]);
    let result = town.agreed(&said, &before);
    assert_eq!(outcome(&town.open(&before, &result)), (Some("符合"), Some("家庭户")));
    erase(&mut town, id, before.permitted.sequence);
    assert!(town.destroyed.is_empty(), "a request under way sees it still, and may have to be evaluated again");
    assert_eq!(held(&town, record.capsule), [true; 4]);
    let after = town.ask("资格", eligibility(5), None);
    let said = town.put(&[&after]);
    let none = town.agreed(&said, &after);
    assert_eq!(outcome(&town.open(&after, &none)), (Some("不符合"), Some("非家庭户")));
    town.finalise(vec![(&before, result)]);
    assert_eq!(town.destroyed.iter().map(|(_, record)| *record).collect::<Vec<_>>(), [id; 4]);
    assert_eq!(held(&town, record.capsule), [false; 4]);
    // Offered again it is not taken, and nobody hands it on.
    let order = CustodyOrder::Capsules(vec![(record.capsule, capsule)]);
    assert!(town.order(0, order).is_empty());
    assert_eq!(held(&town, record.capsule), [false; 4]);
    let want = CustodyOrder::Want { capsules: vec![record.capsule], from: crate::crypto::PublicKey([7; 32]) };
    let reports = town.custodians[1].handle(want).expect("memory does not fail");
    assert!(!reports.iter().any(|report| matches!(report, CustodyReport::Have { .. })));
}

#[test]
fn what_an_erased_record_replaced_does_not_come_back() {
    let mut town = settled();
    let (old, first, _) = town.record("纳税", json!({"身份号": super::citizen(5), "满两年": true}), false);
    let (new, second, _) =
        town.record_as("纳税", json!({"身份号": super::citizen(5), "满两年": false}), false, |draft| {
            draft.supersedes = Some(old);
        });
    town.block(CustodyFeed { records: vec![(old, first), (new, second)], ..CustodyFeed::default() });
    let question = json!({"申请人": super::citizen(5)});
    assert_eq!(outcome(&town.answer("纳税满", question.clone(), None)).0, Some("不达标"));
    erase(&mut town, new, 1);
    assert_eq!(outcome(&town.answer("纳税满", question, None)).0, None, "nothing is known any more");
}

#[test]
fn a_statement_is_repeated_until_the_ledger_has_heard_it_and_a_restarted_custodian_goes_on() {
    let mut town = settled();
    let (id, record, _) = town.record("户口", household("家庭户", &[5]), false);
    town.block(CustodyFeed { records: vec![(id, record.clone())], ..CustodyFeed::default() });
    erase(&mut town, id, 0);
    assert_eq!(town.destroyed.len(), 4);
    for _ in 0..5 {
        town.order(0, CustodyOrder::Tick);
    }
    assert_eq!(town.destroyed[4..], [(0, id)], "once in five ticks");
    let heard = |custodian, complete| DestroyedCapsule { record: id, custodian: CustodianId(custodian), complete };
    town.block(CustodyFeed { destroyed: vec![heard(1, false)], ..CustodyFeed::default() });
    for _ in 0..5 {
        town.order(0, CustodyOrder::Tick);
    }
    assert_eq!(town.destroyed.len(), 5, "it was heard");
    town.restart(1);
    assert_eq!(town.destroyed[5..], [(1, id)]);
    town.block(CustodyFeed { destroyed: vec![heard(4, true)], ..CustodyFeed::default() });
    town.restart(2);
    assert_eq!(town.destroyed.len(), 6, "all have been heard");
    assert_eq!(held(&town, record.capsule), [false; 4]);
}
