//! Gates, attestations, the order of contracts, expiry, points.

use super::world::{EXPIRY, HOUSING, PLANNING, POLICE, TODAY, World, invalid};
use crate::state::{DEFAULT_CLAUSE, Refusal, RequestState, TransactionOutcome};
use crate::transaction::{CustodianId, Exchange, Height, Payload, SealedRecord};

#[test]
fn a_forbidden_purpose_is_refused_with_its_clause_and_nothing_reaches_custody() {
    let mut world = World::ruled();
    let request = World::question("资格", Exchange::Evaluation, "商业营销");
    let marketing = world.sent(HOUSING, Payload::Request(request));
    let id = marketing.body.id();
    let applied = world.block(vec![marketing]);
    let policy = "试.户口共享.户口共享".to_owned();
    let refused = TransactionOutcome::Refused { policy: policy.clone(), clause: "营销".to_owned(), owner: POLICE };
    assert_eq!(applied.outcomes[0].1, refused);
    assert!(applied.feed.requests.is_empty());
    assert_eq!(world.state(id), RequestState::Refused { policy, clause: "营销".to_owned(), owner: POLICE });
    // Forbid holds for the owner's own question too.
    let own = World::question("资格", Exchange::Evaluation, "商业营销");
    let own = world.sent(POLICE, Payload::Request(own));
    assert!(matches!(world.one(own), TransactionOutcome::Refused { .. }));
}

#[test]
fn the_default_is_no_and_an_owner_needs_no_grant() {
    let mut world = World::ruled();
    let ask = |who, purpose: &str, world: &mut World| {
        let request = World::question("资格", Exchange::Evaluation, purpose);
        let request = world.sent(who, Payload::Request(request));
        world.one(request)
    };
    assert!(
        matches!(ask(HOUSING, "好奇", &mut world), TransactionOutcome::Refused { clause, .. } if clause == DEFAULT_CLAUSE)
    );
    assert_eq!(ask(POLICE, "好奇", &mut world), TransactionOutcome::Pending(1));
    assert_eq!(ask(PLANNING, "购房审核", &mut world), TransactionOutcome::Pending(2));
}

#[test]
fn a_request_names_a_policy_in_force_its_exchange_and_no_later_day() {
    let mut world = World::ruled();
    let cases: [(&str, Exchange, Option<i32>, &str); 5] = [
        ("无此策略", Exchange::Evaluation, None, "no such policy"),
        ("资格", Exchange::Verification, None, "does not match"),
        ("资格", Exchange::Evaluation, Some(TODAY + 1), "after the block's date"),
        ("资格", Exchange::Evaluation, Some(10_000), "no such policy"),
        ("试.转移.资格", Exchange::Evaluation, None, "no such policy"),
    ];
    for (policy, exchange, as_of, reason) in cases {
        let request = crate::transaction::Request { as_of, ..World::question(policy, exchange, "购房审核") };
        let request = world.sent(HOUSING, Payload::Request(request));
        let id = request.body.id();
        let said = invalid(world.one(request));
        assert!(said.contains(reason), "{said}");
        assert_eq!(world.ledger.request(id), None);
    }
    let fine = crate::transaction::Request {
        as_of: Some(TODAY - 30),
        ..World::question("试.资格一.资格", Exchange::Evaluation, "购房审核")
    };
    let fine = world.sent(HOUSING, Payload::Request(fine));
    let applied = world.block(vec![fine.clone()]);
    let fed = &applied.feed.requests[0];
    assert_eq!((fed.sequence, fed.id, fed.asker), (1, fine.body.id(), HOUSING));
    assert_eq!((fed.as_of, fed.day, fed.version, fed.height), (TODAY - 30, TODAY, 1, applied.height));
    assert_eq!(world.status(fine.body.id()).policy, "试.资格一.资格");
}

#[test]
fn a_contract_needs_the_signature_of_both_departments() {
    let mut world = World::ruled();
    let lone = world.contract(&[PLANNING]);
    assert!(invalid(world.one(lone)).contains("住房局"));
    let with_other = world.contract(&[PLANNING, POLICE]);
    assert!(invalid(world.one(with_other)).contains("住房局"));
    let both = world.contract(&[PLANNING, HOUSING]);
    assert_eq!(world.one(both), TransactionOutcome::Pending(1));
}

/// Signatures are outside a transaction's identity, so a contract stripped of one must stay as good as new.
#[test]
fn a_contract_stripped_of_a_countersignature_is_not_used_up() {
    let mut world = World::ruled();
    let whole = world.contract(&[PLANNING, HOUSING]);
    let mut stripped = whole.clone();
    stripped.signatures.retain(|(who, _)| *who == whole.body.sender);
    assert_eq!(stripped.body.id(), whole.body.id());
    assert!(invalid(world.one(stripped)).contains("签名"));
    assert_eq!(world.one(whole.clone()), TransactionOutcome::Pending(1));
    assert_eq!(world.ledger.admit(&whole).map(drop), Err(Refusal::AlreadyExecuted), "once taken it is used up");
}

#[test]
fn three_of_four_custodians_make_a_result_final_whatever_the_fourth_says() {
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.one(request);
    let (honest, lie) = (world.result(id, 1, vec![]), world.result(id, 2, vec![]));
    let liar = world.attestation(4, id, &lie);
    let liar = world.attest(4, vec![liar]);
    assert_eq!(world.one(liar), TransactionOutcome::Done);
    for custodian in [2, 3] {
        let attestation = world.attestation(custodian, id, &honest);
        // The second vote of one custodian does not count, nor does it once more in another transaction.
        let attest = world.attest(custodian, vec![attestation.clone(), attestation.clone()]);
        world.expect_all_done(vec![attest]);
        let attest = world.attest(custodian, vec![attestation]);
        world.expect_all_done(vec![attest]);
    }
    let changed = world.attestation(4, id, &honest);
    let changed = world.attest(4, vec![changed]);
    world.expect_all_done(vec![changed]);
    assert_eq!(world.state(id), RequestState::Pending);
    let mut last = world.attestation(1, id, &honest);
    last.result = None;
    let last = world.attest(1, vec![last]);
    let applied = world.block(vec![last]);
    let custodians = [1, 2, 3].map(CustodianId).to_vec();
    let state = RequestState::Finalised { height: applied.height, digest: honest.digest(id), epoch: 0, custodians };
    assert_eq!(world.state(id), state);
    assert_eq!(world.ledger.result(id), Some(honest.clone()));
    assert_eq!(applied.feed.finalised[0].result, honest);
}

#[test]
fn votes_without_a_result_wait_for_it() {
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.one(request);
    let result = world.result(id, 1, vec![]);
    for custodian in 1..=3 {
        let mut bare = world.attestation(custodian, id, &result);
        bare.result = None;
        let bare = world.attest(custodian, vec![bare]);
        world.expect_all_done(vec![bare]);
    }
    assert_eq!(world.state(id), RequestState::Pending);
    let full = world.attestation(1, id, &result);
    let full = world.attest(1, vec![full]);
    world.expect_all_done(vec![full]);
    assert!(matches!(world.state(id), RequestState::Finalised { .. }));
}

#[test]
fn a_wrong_attestation_undoes_its_transaction() {
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.one(request);
    let result = world.result(id, 1, vec![]);
    let good = world.attestation(1, id, &result);
    let mut bad = world.attestation(2, id, &result);
    bad.request = crate::transaction::TransactionId(crate::crypto::Digest([1; 32]));
    let foreign_signature = world.attestation(2, id, &result);
    let mut false_digest = good.clone();
    false_digest.result = Some(world.result(id, 2, vec![]));
    let writes = vec![world.record(PLANNING, "产权", None)];
    let writing = world.result(id, 3, writes);
    let writing = world.attestation(1, id, &writing);
    let mut other_policy = world.result(id, 4, vec![]);
    other_policy.version = 9;
    let other_policy = world.attestation(1, id, &other_policy);
    for wrong in [bad, foreign_signature, false_digest, writing, other_policy] {
        let attest = world.attest(1, vec![good.clone(), wrong]);
        invalid(world.one(attest));
    }
    // None of the five counted as custodian 1's vote.
    let applied = world.finalise(id, &result);
    assert_eq!(applied.feed.finalised.len(), 1);
}

fn contracts(world: &mut World, n: usize) -> Vec<crate::transaction::TransactionId> {
    let contracts: Vec<_> = (0..n).map(|_| world.contract(&[PLANNING, HOUSING])).collect();
    let ids = contracts.iter().map(|c| c.body.id()).collect();
    world.block(contracts);
    ids
}

fn title(world: &mut World) -> SealedRecord {
    let title = world.record(PLANNING, "产权", None);
    let submit = world.submit(PLANNING, vec![title.clone()]);
    world.expect_all_done(vec![submit]);
    title
}

#[test]
fn contracts_take_effect_in_the_order_of_their_requests() {
    let mut world = World::ruled();
    let title = title(&mut world);
    let ids = contracts(&mut world, 3);
    let written: Vec<_> = (0..3).map(|_| world.record(PLANNING, "产权", Some(&title))).collect();
    let results: Vec<_> = (0..3).map(|i| world.result(ids[i], i as u8, vec![written[i].clone()])).collect();
    assert!(world.finalise(ids[2], &results[2]).feed.finalised.is_empty());
    assert!(world.finalise(ids[1], &results[1]).feed.finalised.is_empty());
    assert_eq!(world.state(ids[1]), RequestState::Pending);
    assert_eq!(world.ledger.record(written[1].id()), None);
    // An evaluation does not wait for contracts.
    let evaluation = world.evaluation();
    let id = evaluation.body.id();
    world.one(evaluation);
    let result = world.result(id, 9, vec![]);
    assert_eq!(world.finalise(id, &result).feed.finalised.len(), 1);
    let applied = world.finalise(ids[0], &results[0]);
    assert_eq!(applied.feed.finalised.iter().map(|f| f.id).collect::<Vec<_>>(), ids);
    assert_eq!(applied.feed.finalised.iter().map(|f| f.sequence).collect::<Vec<_>>(), vec![1, 2, 3]);
    let filed: Vec<_> = std::iter::once(&title).chain(&written).map(SealedRecord::id).collect();
    assert_eq!(world.ledger.filed_under(title.handles[0]), filed);
}

#[test]
fn a_contract_writes_only_what_its_policy_declares() {
    let mut world = World::ruled();
    let id = contracts(&mut world, 1)[0];
    for record in [world.record(POLICE, "户口", None), world.record(HOUSING, "产权", None)] {
        let result = world.result(id, 1, vec![record]);
        let attestation = world.attestation(1, id, &result);
        let attest = world.attest(1, vec![attestation]);
        assert!(invalid(world.one(attest)).contains("may not write"));
    }
}

#[test]
fn evaluations_expire_and_contracts_do_not() {
    let mut world = World::ruled();
    let contract = contracts(&mut world, 1)[0];
    let evaluation = world.evaluation();
    let id = evaluation.body.id();
    let ordered = world.block(vec![evaluation]).height;
    let due = Height(ordered.0 + EXPIRY);
    while world.ledger.height().next() < due {
        assert!(world.block(vec![]).feed.expired.is_empty());
    }
    // Finalised in the very block of its expiry: the transaction comes first.
    let (second, result) = (world.evaluation(), world.result(id, 1, vec![]));
    let applied = world.block(vec![second.clone()]);
    assert_eq!((applied.height, applied.feed.expired), (due, vec![id]));
    assert_eq!(world.state(id), RequestState::Expired { height: due });
    let applied = world.finalise(id, &result);
    assert!(applied.feed.finalised.is_empty());
    assert!(applied.outcomes.iter().all(|(_, o)| *o == TransactionOutcome::Done));
    assert_eq!(world.state(id), RequestState::Expired { height: due });
    assert_eq!(world.ledger.points(HOUSING), 0);
    let second_due = Height(due.0 + EXPIRY);
    while world.ledger.height().next() < second_due {
        world.block(vec![]);
    }
    let result = world.result(second.body.id(), 2, vec![]);
    let applied = world.finalise(second.body.id(), &result);
    assert_eq!(applied.height, second_due);
    assert!(matches!(world.state(second.body.id()), RequestState::Finalised { .. }));
    assert!(applied.feed.expired.is_empty());
    assert_eq!(world.state(contract), RequestState::Pending);
}

#[test]
fn askers_pay_owners_by_declared_reads_and_points_sum_to_zero() {
    let mut world = World::ruled();
    let evaluation = world.evaluation();
    let id = evaluation.body.id();
    world.one(evaluation);
    assert_eq!(world.ledger.points(POLICE), 0);
    let result = world.result(id, 1, vec![]);
    world.finalise(id, &result);
    assert_eq!((world.ledger.points(POLICE), world.ledger.points(HOUSING)), (3, -3));
    let contract = contracts(&mut world, 1)[0];
    let result = world.result(contract, 1, vec![]);
    world.finalise(contract, &result);
    let balances = [POLICE, HOUSING, PLANNING].map(|d| world.ledger.points(d));
    assert_eq!(balances, [4, -3, -1]);
    assert_eq!(balances.iter().sum::<i64>(), 0);
}
