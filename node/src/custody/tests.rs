//! The custodian as a whole, over small law: what leaves, in which order, and that all custodians say the same.
//! Invariant: expected outcomes are read off the law by hand, never taken from the engine.

mod ahead;
mod attacks;
mod erasure;
mod handover;
mod together;
mod world;

use super::budget::open_meter;
use super::capsules::CapsuleStore as _;
use super::envelope::{Use, open_record};
use super::protocol::CustodyOrder;
use crate::audit::{AuditCopy, audit_binding};
use crate::codec::{Decode as _, Encode as _};
use crate::custody::answer::{Refusal, Verdict};
use crate::state::feed::CustodyFeed;
use crate::transaction::Height;
use guiju_runtime::value::{Fact, Type, Value};
use guiju_runtime::{canonical, json};
use serde_json::{Value as Json, json};
use world::{HOUSING, POLICE, TODAY, Town, auditor, citizen, index_secret, outcome, refusal};

fn household(kind: &str, members: &[u16]) -> Json {
    let members: Vec<Json> =
        members.iter().map(|n| json!({"身份号": citizen(*n), "姓名": format!("某甲{n}")})).collect();
    json!({"户别": kind, "成员": members})
}

fn title(unit: &str, owner: u16) -> Json {
    json!({
        "单元": unit, "权利人": [{"身份号": citizen(owner), "姓名": format!("某甲{owner}")}],
        "状态": "现势", "登记日": "2010-05-01",
    })
}

/// A household of persons 1 and 2; person 3 in a collective one; a contract filed on 2018-06-01.
fn settled() -> Town {
    let mut town = Town::new();
    town.submit(vec![
        ("户口", household("家庭户", &[1, 2])),
        ("户口", household("集体户", &[3])),
        ("合同", json!({"合同号": "网-1", "备案日": "2018-06-01"})),
        ("纳税", json!({"身份号": citizen(1), "满两年": true})),
    ]);
    town
}

fn eligibility(person: u16) -> Json {
    json!({"申请人": citizen(person), "合同号": "网-1"})
}

fn transfer(unit: &str, seller: u16, buyer: u16) -> Json {
    json!({"单元号": unit, "出卖人": citizen(seller), "买受人": citizen(buyer), "买受人姓名": format!("某甲{buyer}")})
}

#[test]
fn custodians_agree_to_the_byte_and_only_the_declared_answer_leaves() {
    let mut town = settled();
    let asked = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&asked]);
    let result = town.agreed(&said, &asked);
    let brought: Vec<_> = said.iter().filter_map(|s| s.result.as_ref()).collect();
    assert_eq!(brought.len(), 2, "n - t + 1 bring the result");
    assert_eq!(brought[0].to_bytes(), brought[1].to_bytes());
    let answer = town.open(&asked, &result);
    assert_eq!(outcome(&answer), (Some("符合"), Some("家庭户")));
    assert_eq!((answer.as_of, answer.height, answer.day), (TODAY, Height(3), TODAY));
    assert_eq!(outcome(&town.answer("资格", eligibility(3), None)), (Some("不符合"), Some("非家庭户")));
}

#[test]
fn a_household_members_titles_are_found_by_a_second_round() {
    let mut town = settled();
    town.submit(vec![("产权", title("A", 2))]);
    assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, Some("符合"));
    town.submit(vec![("产权", title("B", 2))]);
    assert_eq!(outcome(&town.answer("资格", eligibility(1), None)), (Some("不符合"), Some("家庭已有两套")));
}

#[test]
fn what_is_not_on_record_is_absent_where_the_set_is_complete_and_missing_where_not() {
    let mut town = settled();
    assert_eq!(outcome(&town.answer("资格", eligibility(9), None)), (Some("不符合"), Some("非家庭户")));
    assert_eq!(outcome(&town.answer("纳税满", json!({"申请人": citizen(1)}), None)).0, Some("达标"));
    let answer = town.answer("纳税满", json!({"申请人": citizen(2)}), None);
    assert_eq!(outcome(&answer), (None, None));
    let Verdict::Decided { missing, .. } = &answer.verdict else { panic!("decided") };
    assert_eq!(missing, &["税".to_owned()]);
}

#[test]
fn an_earlier_date_needs_the_sealed_record_that_proves_it() {
    let mut town = settled();
    let filed = TODAY - 273;
    assert_eq!(outcome(&town.answer("资格", eligibility(1), Some(filed))).0, Some("符合"));
    let wrong = town.answer("资格", eligibility(1), Some(filed + 1));
    assert_eq!(refusal(&wrong), &Refusal::AsOfNotProved);
    let other = json!({"申请人": citizen(1), "合同号": "网-2"});
    assert_eq!(refusal(&town.answer("资格", other, Some(filed))), &Refusal::AsOfNotProved);
    let unprovable = town.answer("纳税满", json!({"申请人": citizen(1)}), Some(filed));
    assert_eq!(refusal(&unprovable), &Refusal::AsOfNotProved);
}

#[test]
fn a_contracts_writes_are_in_effect_for_the_very_next_request() {
    let mut town = settled();
    town.submit(vec![("产权", title("A", 1))]);
    let first = town.ask("转移", transfer("A", 1, 2), None);
    let again = town.ask("转移", transfer("A", 1, 3), None);
    let onward = town.ask("转移", transfer("A", 2, 3), None);
    let said = town.put(&[&first, &again, &onward]);
    let results = [&first, &again, &onward].map(|asked| town.agreed(&said, asked));
    assert_eq!(outcome(&town.open(&first, &results[0])).0, Some("可办"));
    assert_eq!(outcome(&town.open(&again, &results[1])), (Some("不办"), Some("出卖人不是权利人")));
    assert_eq!(outcome(&town.open(&onward, &results[2])).0, Some("可办"));
    assert_eq!(results.each_ref().map(|r| r.writes.len()), [1, 0, 1]);
    assert_eq!(results[2].writes[0].supersedes, Some(results[0].writes[0].id()));

    // The written record is whole: it opens, fits its schema, keeps the rest, and its handles are what it demands.
    let written = &results[0].writes[0];
    let capsule = town.shelves[3].get(written.capsule).expect("memory").expect("kept before it was attested");
    let plain = open_record(town.custody(), town.genesis.chain_id(), written, &capsule).expect("opens");
    let ty = Type::Group(town.schema("产权").group.clone());
    let fact = canonical::decode(&ty, &plain).expect("fits");
    let mut expected = title("A", 2);
    expected["登记日"] = json!("2019-03-01");
    assert_eq!(json::fact_to_json(&ty, &fact), expected);
    assert!(matches!(fact, Fact::Known(Value::Group(_))));

    // Final or not, and on a restarted custodian too, later requests see the same.
    let late = town.ask("转移", transfer("A", 3, 1), None);
    town.finalise(vec![(&first, results[0].clone()), (&again, results[1].clone()), (&onward, results[2].clone())]);
    let late = crate::state::feed::PermittedRequest { height: Height(town.fed.len() as u64 + 1), ..late.permitted };
    let late = world::Asked { permitted: late };
    let said = town.put(&[&late]);
    assert_eq!(outcome(&town.open(&late, &town.agreed(&said, &late))).0, Some("可办"));
}

#[test]
fn a_restarted_custodian_signs_what_it_would_have_signed() {
    let mut town = settled();
    town.submit(vec![("产权", title("A", 1))]);
    town.answer("资格", eligibility(1), None);
    let transferred = town.ask("转移", transfer("A", 1, 2), None);
    let asked = town.ask("资格", eligibility(2), None);
    let said = town.put(&[&transferred, &asked]);
    let results = [town.agreed(&said, &transferred), town.agreed(&said, &asked)];
    // Records of later blocks do not count for requests of earlier ones, however late those are evaluated.
    town.submit(vec![("产权", title("B", 1)), ("产权", title("C", 1))]);
    for _ in 0..2 {
        let again = town.restart(1);
        assert_eq!(again.len(), 2, "what is final is not evaluated again");
        for (asked, result) in [&transferred, &asked].into_iter().zip(&results) {
            let said = again.iter().find(|s| s.request == asked.id()).expect("attested");
            assert_eq!(said.digest, result.digest(asked.id()));
        }
    }
    // One that comes late to the contract's finalisation takes the ledger's word and goes on.
    town.finalise(vec![(&transferred, results[0].clone())]);
    let again = town.restart(1);
    assert_eq!(again.iter().map(|s| s.digest).collect::<Vec<_>>(), vec![results[1].digest(asked.id())]);
}

/// An idle chain makes no blocks, so what was lost on the way must not wait for one.
#[test]
fn time_alone_repeats_what_may_have_been_lost() {
    let mut town = settled();
    let (id, record, _) = town.record("户口", household("家庭户", &[5]), true);
    let first = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&first]);
    town.block(CustodyFeed { records: vec![(id, record)], ..CustodyFeed::default() });
    let second = town.ask("资格", eligibility(5), None);
    assert!(town.put(&[&second]).is_empty());
    let wanted = town.wanted.len();
    let mut again = Vec::new();
    for _ in 0..5 {
        again.extend(town.order(0, CustodyOrder::Tick));
    }
    assert_eq!(town.wanted.len(), wanted + 5, "the capsule is asked for with every tick");
    assert_eq!(again.len(), 1, "the result is sent again once in five ticks, not with each");
    assert_eq!((again[0].request, again[0].digest), (first.id(), said[0].digest));
}

#[test]
fn a_record_filed_where_its_content_does_not_belong_is_contested() {
    let mut town = Town::new();
    let honest = town.record("户口", household("家庭户", &[1]), false);
    let handle = honest.1.handles[0];
    let bent = |draft: &mut crate::custody::envelope::RecordDraft<'_>| draft.handles = vec![handle];
    let (id, record, _) = town.record_as("户口", household("集体户", &[2]), false, bent);
    town.block(CustodyFeed { records: vec![(honest.0, honest.1), (id, record)], ..CustodyFeed::default() });
    town.submit(vec![("合同", json!({"合同号": "网-1", "备案日": "2018-06-01"}))]);
    let answer = town.answer("资格", eligibility(1), None);
    assert_eq!(outcome(&answer).0, None, "unknown, not the stranger's household");
    let lines = town.custodians[0].take_audit();
    assert!(lines.iter().any(|line| line.decision == format!("contested record {id}")));
}

/// What a sealer makes of a record's bytes before sealing them.
type Spoil = dyn Fn(Vec<u8>) -> Vec<u8>;

#[test]
fn a_sealed_record_that_does_not_fit_its_schema_is_contested_and_never_used() {
    let wrong_digit = |plaintext: Vec<u8>| {
        let honest = citizen(1).into_bytes();
        let at = plaintext.windows(honest.len()).position(|part| part == honest).expect("it is there");
        let mut spoilt = plaintext;
        let check = &mut spoilt[at + honest.len() - 1];
        *check = if *check == b'1' { b'2' } else { b'1' };
        spoilt
    };
    let spoils: [(&str, &Spoil); 5] = [
        ("a wrong check digit", &wrong_digit),
        ("a byte too many", &|plaintext| [plaintext, vec![0]].concat()),
        ("a byte too few", &|plaintext| plaintext[..plaintext.len() - 1].to_vec()),
        ("an unknown form", &|plaintext| [&[9], &plaintext[1..]].concat()),
        ("nothing", &|_| Vec::new()),
    ];
    for (what, spoil) in spoils {
        let mut town = settled();
        assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, Some("符合"), "before {what}");
        let (id, record, _) = town.record_of("户口", household("家庭户", &[1, 2]), false, |_| {}, spoil);
        town.block(CustodyFeed { records: vec![(id, record)], ..CustodyFeed::default() });
        for custodian in &mut town.custodians {
            custodian.take_audit();
        }
        // The newest household cannot be read, and an older one is not put in its place: it is not known.
        assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, None, "{what}");
        for custodian in &mut town.custodians {
            let lines = custodian.take_audit();
            assert!(lines.iter().any(|line| line.decision == format!("contested record {id}")), "{what}");
        }
        // A later record that fits mends it.
        town.submit(vec![("户口", household("家庭户", &[1, 2]))]);
        assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, Some("符合"), "after {what}");
    }
}

#[test]
fn a_stranger_cannot_spoil_evidence_by_a_copied_handle() {
    let mut town = settled();
    let handle = town.record("户口", household("家庭户", &[1, 2]), false).1.handles[0];
    for owner in [HOUSING, POLICE] {
        let bent = |draft: &mut crate::custody::envelope::RecordDraft<'_>| {
            (draft.owner, draft.handles) = (owner, vec![handle]);
        };
        let (id, record, _) = town.record_as("合同", json!({"合同号": "网-1", "备案日": "2018-06-01"}), false, bent);
        town.block(CustodyFeed { records: vec![(id, record)], ..CustodyFeed::default() });
    }
    assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, Some("符合"));
}

#[test]
fn budgets_fill_wait_for_what_is_pending_and_survive_a_restart() {
    let mut town = settled();
    // 8 bits a day by the owner's clause; each answer tells at most 4.
    let question = json!({"申请人": citizen(1)});
    assert_eq!(outcome(&town.answer("纳税满", question.clone(), None)).0, Some("达标"));
    assert_eq!(outcome(&town.answer("纳税满", question.clone(), None)).0, Some("达标"));
    // New facts make it a new question.
    town.submit(vec![("纳税", json!({"身份号": citizen(1), "满两年": false}))]);
    let second = town.ask("纳税满", question.clone(), None);
    let said = town.put(&[&second]);
    let result = town.agreed(&said, &second);
    assert_eq!(outcome(&town.open(&second, &result)).0, Some("不达标"));
    town.submit(vec![("纳税", json!({"身份号": citizen(1), "满两年": true}))]);
    // The third hangs on whether the second becomes final.
    let third = town.ask("纳税满", question.clone(), None);
    assert!(town.put(&[&third]).is_empty());
    assert!(town.restart(2).iter().all(|s| s.request == second.id()));
    let said = town.finalise(vec![(&second, result)]);
    let result = town.agreed(&said, &third);
    assert_eq!(refusal(&town.open(&third, &result)), &Refusal::BudgetExhausted);
    let again = town.restart(0);
    assert_eq!(again[0].digest, result.digest(third.id()));
    // Another person, and another day, are other meters.
    town.finalise(vec![(&third, result)]);
    assert_eq!(outcome(&town.answer("纳税满", json!({"申请人": citizen(2)}), None)).0, None);
    town.day += 1;
    assert_eq!(outcome(&town.answer("纳税满", question, None)).0, Some("达标"));
}

#[test]
fn every_person_reached_is_charged_and_an_expired_question_is_not() {
    let mut town = settled();
    let asked = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&asked]);
    let result = town.agreed(&said, &asked);
    let charges = open_meter(&index_secret(), town.genesis.chain_id(), asked.id(), &result.meter).expect("opens");
    assert_eq!(charges.len(), 2, "the applicant and the other member");
    assert!(charges.iter().all(|c| c.millibits == 4_000));
    town.block(CustodyFeed { expired: vec![asked.id()], ..CustodyFeed::default() });
    // Five questions fit into 20 bits a day only if the expired one is not counted.
    for n in 0..5 {
        town.submit(vec![("产权", title(&format!("{n}"), 1))]);
        assert!(matches!(town.answer("资格", eligibility(1), None).verdict, Verdict::Decided { .. }), "{n}");
    }
    town.submit(vec![("户口", household("家庭户", &[1, 2]))]);
    assert_eq!(refusal(&town.answer("资格", eligibility(1), None)), &Refusal::BudgetExhausted);
}

#[test]
fn bad_arguments_are_answered_with_a_refusal_of_the_same_shape() {
    let mut town = settled();
    let good = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&good]);
    let shape = town.agreed(&said, &good);
    let long = "长".repeat(9_000);
    let bad = [
        json!({"申请人": citizen(1)}),
        json!({"申请人": "329902198506120011", "合同号": "网-1"}),
        json!({"申请人": citizen(1), "合同号": "网-1", "多余": 1}),
        json!({"申请人": long, "合同号": "网-1"}),
        json!({"申请人": citizen(1), "合同号": 1.5}),
    ];
    for inputs in bad {
        let asked = town.ask("资格", inputs, None);
        let said = town.put(&[&asked]);
        let result = town.agreed(&said, &asked);
        assert!(matches!(refusal(&town.open(&asked, &result)), Refusal::Arguments(_)));
        assert_eq!(result.to_bytes().len(), shape.to_bytes().len());
        assert!(audited(&town, &asked, &result).inputs.is_empty());
    }
    // Another's sealed arguments do not open; a policy that is not there is said so.
    let mut copied = town.ask("资格", eligibility(1), None);
    copied.permitted.request.basis.push('x');
    let said = town.put(&[&copied]);
    let result = town.agreed(&said, &copied);
    assert!(matches!(refusal(&town.open(&copied, &result)), Refusal::Arguments(_)));
    assert_eq!(result.to_bytes().len(), shape.to_bytes().len());
    let mut gone = town.ask("资格", eligibility(1), None);
    gone.permitted.version = 9;
    let said = town.put(&[&gone]);
    assert_eq!(refusal(&town.open(&gone, &town.agreed(&said, &gone))), &Refusal::NoSuchPolicy);
}

fn audited(town: &Town, asked: &world::Asked, result: &crate::transaction::SealedResult) -> AuditCopy {
    let binding = audit_binding(town.genesis.chain_id(), asked.id());
    let padded = auditor().open(Use::Audit, &result.audit_key, &result.audit, &binding).expect("opens");
    AuditCopy::from_bytes(&super::envelope::unpad(&padded).expect("padded")).expect("reads")
}

#[test]
fn the_auditor_reads_about_whom_it_was_and_what_came_of_it() {
    let mut town = settled();
    let asked = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&asked]);
    let copy = audited(&town, &asked, &town.agreed(&said, &asked));
    assert_eq!(copy.outcomes, vec![("结果".to_owned(), "符合".to_owned())]);
    assert!(copy.inputs.contains(&("申请人".to_owned(), json!(citizen(1)))));
}

#[test]
fn nothing_that_crosses_a_boundary_holds_plaintext() {
    let mut town = settled();
    town.submit(vec![("产权", title("不动产单元甲", 1))]);
    town.answer("资格", eligibility(1), None);
    town.answer("转移", transfer("不动产单元甲", 1, 2), None);
    let lines: Vec<_> = town.custodians[0].take_audit();
    let log = format!("{lines:?}").into_bytes();
    // The feeds hold the law in the clear, so modules are left out of the search.
    let feeds = town.fed.iter().map(|feed| CustodyFeed { modules: vec![], ..feed.clone() }.to_bytes());
    let crossing: Vec<Vec<u8>> = feeds.chain(town.reported.iter().cloned()).chain([log]).collect();
    assert!(crossing.iter().map(Vec::len).sum::<usize>() > 20_000);
    let holds = |text: &str| crossing.iter().any(|b| b.windows(text.len()).any(|w| w == text.as_bytes()));
    assert!(holds("购房审核") && holds("产权"), "public words are found, so secret ones would be");
    let secrets = [&citizen(1), &citizen(2), "某甲1", "某甲2", "不动产单元甲", "家庭户", "可办", "符合", "网-1"];
    for secret in secrets {
        assert!(!holds(secret), "{secret}");
    }
}

#[test]
fn capsules_are_handed_on_to_those_who_lack_them() {
    let mut town = settled();
    let (_, record, capsule) = town.record("户口", household("家庭户", &[5]), true);
    let want = CustodyOrder::Want { capsules: vec![record.capsule], from: crate::crypto::PublicKey([7; 32]) };
    assert!(town.custodians[0].handle(want.clone()).expect("memory").is_empty());
    town.order(0, CustodyOrder::Capsules(vec![(record.capsule, capsule.clone())]));
    let have = super::protocol::CustodyReport::Have {
        to: crate::crypto::PublicKey([7; 32]),
        capsules: vec![(record.capsule, capsule)],
    };
    assert_eq!(town.custodians[0].handle(want).expect("memory"), vec![have]);
}
