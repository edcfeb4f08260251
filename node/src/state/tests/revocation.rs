//! Grants revoked while requests are under way. Invariant: whichever is ordered first wins, and nobody is charged for a
//! request that was refused.

use super::world::{ELIGIBILITY, EXPIRY, HOUSING, PLANNING, POLICE, SHARING, World};
use crate::publication::CompiledModule;
use crate::receipt::{assemble, verify};
use crate::state::{DEFAULT_CLAUSE, RequestState, TransactionOutcome};
use crate::transaction::{DepartmentId, Payload, SignedTransaction, TransactionId};

fn withdrawal(world: &mut World, department: DepartmentId, module: &str) -> SignedTransaction {
    world.sent(department, Payload::Withdraw { source: CompiledModule::source_hash(module) })
}

fn votes(world: &mut World, id: TransactionId) -> Vec<SignedTransaction> {
    let result = world.result(id, 1, vec![]);
    let attestations: Vec<_> = (1..=3).map(|c| (c, world.attestation(c, id, &result))).collect();
    attestations.into_iter().map(|(c, attestation)| world.attest(c, vec![attestation])).collect()
}

fn asked(world: &mut World) -> TransactionId {
    let request = world.evaluation();
    let id = request.body.id();
    assert!(matches!(world.one(request), TransactionOutcome::Pending(_)));
    id
}

fn refusal(world: &World, id: TransactionId) -> (String, DepartmentId) {
    let RequestState::Refused { clause, owner, .. } = world.state(id) else { panic!("{:?}", world.state(id)) };
    (clause, owner)
}

#[test]
fn what_is_under_way_under_a_revoked_grant_is_refused_in_the_next_block() {
    let mut world = World::ruled();
    let id = asked(&mut world);
    let before = world.ledger.points(HOUSING);
    let withdraw = withdrawal(&mut world, POLICE, SHARING);
    world.expect_all_done(vec![withdraw]);
    assert_eq!(world.state(id), RequestState::Pending, "the block that revokes is the last under the grant");
    // The custodians' word of the next block comes too late.
    let late = votes(&mut world, id);
    let applied = world.block(late);
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == TransactionOutcome::Done), "passed over");
    assert_eq!(refusal(&world, id), (format!("在途撤回 revoked under way: {DEFAULT_CLAUSE}"), POLICE));
    assert_eq!((applied.feed.expired, applied.feed.finalised), (vec![id], vec![]));
    assert_eq!(world.ledger.points(HOUSING), before);
    world.block(vec![]);
    let receipt = assemble(&world.backing, id).expect("decided and witnessed");
    assert!(verify(&world.genesis, &receipt).is_ok());
    // Nothing of it is left to expire, and taking the grant back does not revive it.
    let meaning = world.ledger.modules()[&CompiledModule::source_hash(SHARING)].meaning;
    let approve = world.sent(POLICE, Payload::Approve { source: CompiledModule::source_hash(SHARING), meaning });
    world.expect_all_done(vec![approve]);
    for _ in 0..=EXPIRY {
        assert!(world.block(vec![]).feed.expired.is_empty());
    }
    assert_eq!(refusal(&world, id).1, POLICE);
}

#[test]
fn what_was_final_first_stays_final() {
    let mut world = World::ruled();
    let id = asked(&mut world);
    // In one block, the revocation before the last vote: it takes effect in the next.
    let mut block = vec![withdrawal(&mut world, POLICE, SHARING)];
    block.extend(votes(&mut world, id));
    world.expect_all_done(block);
    world.block(vec![]);
    assert!(matches!(world.state(id), RequestState::Finalised { .. }));
}

#[test]
fn a_contract_under_way_goes_on() {
    let mut world = World::ruled();
    let contract = world.contract(&[PLANNING, HOUSING]);
    let id = contract.body.id();
    world.one(contract);
    let withdraw = withdrawal(&mut world, POLICE, SHARING);
    world.expect_all_done(vec![withdraw]);
    let votes = votes(&mut world, id);
    world.expect_all_done(votes);
    assert!(matches!(world.state(id), RequestState::Finalised { .. }));
}

#[test]
fn another_grant_in_the_place_of_the_old_one_is_looked_at_too() {
    let mut world = World::ruled();
    for (from, to, goes_on) in [("积分 3", "积分 4", true), ("目的 购房审核", "目的 保障房审核", false)]
    {
        let id = asked(&mut world);
        let other = SHARING.replace(from, to);
        let publish = world.publish(POLICE, &other);
        world.expect_all_done(vec![publish]);
        let approvals = world.approvals(&other);
        world.expect_all_done(approvals);
        world.block(vec![]);
        assert_eq!(world.state(id) == RequestState::Pending, goes_on, "{to}");
    }
}

#[test]
fn a_withdrawn_policy_decides_nothing_more_and_a_replaced_one_does() {
    let mut world = World::ruled();
    let id = asked(&mut world);
    let later = ELIGIBILITY.replace("依据", "// 另一版\n依据");
    let publish = world.publish(HOUSING, &later);
    world.expect_all_done(vec![publish]);
    let approvals = world.approvals(&later);
    world.expect_all_done(approvals);
    world.block(vec![]);
    assert_eq!(world.state(id), RequestState::Pending, "it was asked under the version then in force");
    let withdraw = withdrawal(&mut world, HOUSING, ELIGIBILITY);
    world.expect_all_done(vec![withdraw]);
    world.block(vec![]);
    let (clause, owner) = refusal(&world, id);
    assert_eq!(owner, HOUSING);
    assert!(clause.contains("策略已撤回"), "{clause}");
}
