//! Publication, approval, activation, replacement, withdrawal.

use super::world::{ELIGIBILITY, HOUSING, PLANNING, POLICE, SHARING, STANDARD, World, invalid};
use crate::crypto::Digest;
use crate::publication::{CompiledModule, Engine};
use crate::state::{DEFAULT_CLAUSE, Ledger, TransactionOutcome};
use crate::transaction::Payload;

#[test]
fn a_module_is_in_force_from_the_block_after_the_last_approval() {
    let mut world = World::new();
    let standard = CompiledModule::source_hash(STANDARD);
    let publish = world.publish(POLICE, STANDARD);
    world.expect_all_done(vec![publish]);
    assert_eq!(world.ledger.modules()[&standard].departments, vec![POLICE, PLANNING]);
    let approvals = world.approvals(STANDARD);
    let record = world.record(POLICE, "户口", None);
    world.expect_all_done(vec![approvals[0].clone()]);
    let early = world.submit(POLICE, vec![record.clone()]);
    assert!(invalid(world.one(early)).contains("no standard in force"));
    let same_block = world.submit(POLICE, vec![record.clone()]);
    let applied = world.block(vec![approvals[1].clone(), same_block]);
    assert_eq!(applied.outcomes[0].1, TransactionOutcome::Done);
    invalid(applied.outcomes[1].1.clone());
    assert_eq!(applied.feed.modules.iter().map(|m| m.hash).collect::<Vec<_>>(), vec![standard]);
    assert_eq!(world.ledger.modules()[&standard].active_from, Some(world.ledger.height().next()));
    let submit = world.submit(POLICE, vec![record]);
    assert_eq!(world.one(submit), TransactionOutcome::Done);
}

#[test]
fn what_does_not_compile_or_rests_on_nothing_is_not_published() {
    let mut world = World::new();
    let orphan = world.publish(POLICE, SHARING);
    assert!(invalid(world.one(orphan)).contains("not published"));
    let broken = world.publish(POLICE, "语言 zh\n模块 试.坏\n策略 {");
    assert!(invalid(world.one(broken)).starts_with("E0"));
    let standard = world.publish(POLICE, STANDARD);
    let again = world.publish(PLANNING, STANDARD);
    let outcomes = world.block(vec![standard, again]).outcomes;
    assert_eq!(outcomes[0].1, TransactionOutcome::Done);
    assert!(invalid(outcomes[1].1.clone()).contains("published already"));
    let wrong = world.publish(POLICE, &SHARING.replace("{ 户口 }", "{ 户口, 无此证 }"));
    assert!(invalid(world.one(wrong)).starts_with("E0"));
    let stranger = world.publish(HOUSING, SHARING);
    assert!(invalid(world.one(stranger)).contains("not named"));
    let unknown = world.publish(POLICE, &STANDARD.replace("规划局", "无此局"));
    assert!(invalid(world.one(unknown)).contains("not registered"));
    assert_eq!(world.ledger.modules().len(), 1);
}

#[test]
fn approvals_name_both_hashes_and_come_from_those_concerned() {
    let mut world = World::new();
    let publish = world.publish(POLICE, STANDARD);
    world.expect_all_done(vec![publish]);
    let source = CompiledModule::source_hash(STANDARD);
    let meaning = world.ledger.modules()[&source].meaning;
    let wrong = world.sent(POLICE, Payload::Approve { source, meaning: Digest([0; 32]) });
    assert!(invalid(world.one(wrong)).contains("meaning hash"));
    let stranger = world.sent(HOUSING, Payload::Approve { source, meaning });
    assert!(invalid(world.one(stranger)).contains("does not concern"));
    let nothing = world.sent(POLICE, Payload::Approve { source: Digest([0; 32]), meaning });
    assert!(invalid(world.one(nothing)).contains("no such module"));
    let early = world.sent(POLICE, Payload::Withdraw { source });
    assert!(invalid(world.one(early)).contains("has not approved"));
    let twice = [0, 1].map(|_| world.sent(POLICE, Payload::Approve { source, meaning }));
    let outcomes = world.block(twice.to_vec()).outcomes;
    assert!(invalid(outcomes[1].1.clone()).contains("approved already"));
    assert!(world.ledger.modules()[&source].active_from.is_none());
}

#[test]
fn a_module_waits_for_the_modules_it_rests_on() {
    let mut world = World::new();
    let publications = vec![world.publish(POLICE, STANDARD), world.publish(POLICE, SHARING)];
    world.expect_all_done(publications);
    let approvals = world.approvals(SHARING);
    let applied = world.block(approvals);
    assert!(applied.feed.modules.is_empty());
    let approvals = world.approvals(STANDARD);
    let applied = world.block(approvals);
    let order: Vec<_> = applied.feed.modules.iter().map(|m| m.hash).collect();
    assert_eq!(order, vec![CompiledModule::source_hash(STANDARD), CompiledModule::source_hash(SHARING)]);
    assert_eq!(applied.feed.modules[1].imports, vec![CompiledModule::source_hash(STANDARD)]);
    assert_eq!(applied.feed.modules[1].source, SHARING);
}

#[test]
fn withdrawal_takes_effect_in_the_next_block_and_can_be_taken_back() {
    let mut world = World::ruled();
    let source = CompiledModule::source_hash(SHARING);
    let withdraw = world.sent(POLICE, Payload::Withdraw { source });
    let same_block = world.evaluation();
    let outcomes = world.block(vec![withdraw, same_block]).outcomes;
    assert!(matches!(outcomes[1].1, TransactionOutcome::Pending(_)));
    let after = world.evaluation();
    let refused =
        TransactionOutcome::Refused { policy: String::new(), clause: DEFAULT_CLAUSE.to_owned(), owner: POLICE };
    assert_eq!(world.one(after), refused);
    let meaning = world.ledger.modules()[&source].meaning;
    let approve = world.sent(POLICE, Payload::Approve { source, meaning });
    world.expect_all_done(vec![approve]);
    let back = world.evaluation();
    assert!(matches!(world.one(back), TransactionOutcome::Pending(_)));
}

#[test]
fn a_policy_falls_with_the_standard_it_rests_on() {
    let mut world = World::ruled();
    let withdraw = world.sent(PLANNING, Payload::Withdraw { source: CompiledModule::source_hash(STANDARD) });
    world.expect_all_done(vec![withdraw]);
    let after = world.evaluation();
    assert!(invalid(world.one(after)).contains("no such policy"));
}

#[test]
fn a_later_module_of_the_same_name_replaces_the_earlier() {
    let mut world = World::ruled();
    let strict = SHARING.replace("目的 购房审核", "目的 保障房审核");
    let publish = world.publish(POLICE, &strict);
    world.expect_all_done(vec![publish]);
    let during = world.evaluation();
    assert!(matches!(world.one(during), TransactionOutcome::Pending(_)));
    let approvals = world.approvals(&strict);
    world.expect_all_done(approvals);
    let old = &world.ledger.modules()[&CompiledModule::source_hash(SHARING)];
    assert_eq!(old.replaced_by, Some(CompiledModule::source_hash(&strict)));
    let after = world.evaluation();
    assert!(matches!(world.one(after), TransactionOutcome::Refused { clause, .. } if clause == DEFAULT_CLAUSE));
}

#[test]
fn the_version_in_force_is_found_by_the_as_of_date_across_modules() {
    let mut world = World::ruled();
    let later = ELIGIBILITY
        .replace("试.资格一", "试.资格二")
        .replace("版本 1", "版本 2")
        .replace("2017-01-01 至 2020-12-31", "2018-01-01");
    let publish = world.publish(HOUSING, &later);
    world.expect_all_done(vec![publish]);
    let approvals = world.approvals(&later);
    world.expect_all_done(approvals);
    let height = world.ledger.height().next();
    let version =
        |name: &str, day: i32| world.ledger.register.policy(name, day, height).map(|found| found.policy.version);
    // 2017-06-01 is day 17318, 2018-06-01 day 17683, 2016-06-01 day 16953.
    assert_eq!(version("资格", 17_318), Some(1));
    assert_eq!(version("资格", 17_683), Some(2));
    assert_eq!(version("试.资格一.资格", 17_683), Some(1));
    assert_eq!(version("资格", 16_953), None);
    assert_eq!(version("格", 17_683), None);
}

#[test]
fn gates_judge_natively_and_a_restart_rebuilds_the_register() {
    let world = World::ruled();
    let gates = |ledger: &Ledger<_>| -> Vec<Engine> {
        let sharing = ledger.compiled(CompiledModule::source_hash(SHARING)).expect("it is published");
        sharing.gates.iter().map(|gate| gate.engine()).collect()
    };
    assert_eq!(gates(&world.ledger), vec![Engine::Native]);
    let again = Ledger::open(world.genesis.clone(), world.backing.clone());
    assert_eq!(gates(&again), vec![Engine::Native]);
    assert_eq!(again.modules(), world.ledger.modules());
    assert_eq!(again.state_root(), world.ledger.state_root());
    assert_eq!((again.height(), again.last_block()), (world.ledger.height(), world.ledger.last_block()));
}
