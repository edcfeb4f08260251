//! Admission, replay, signatures, submissions.

use super::world::{HOUSING, PLANNING, POLICE, World, department_key, invalid};
use crate::block::Timestamp;
use crate::crypto::Digest;
use crate::state::{BlockFault, Refusal, TransactionOutcome, keys};
use crate::transaction::{ChainId, Height, Payload, SignatureError, SignedTransaction, Signer};

#[test]
fn a_transaction_is_executed_once() {
    let mut world = World::ruled();
    let record = world.record(POLICE, "户口", None);
    let submit = world.submit(POLICE, vec![record.clone()]);
    assert_eq!(world.one(submit.clone()), TransactionOutcome::Done);
    assert_eq!(world.ledger.admit(&submit), Err(Refusal::AlreadyExecuted));
    let again = world.next_block(vec![submit.clone()]);
    let fault = world.ledger.validate(&again, again.header.time);
    assert_eq!(fault, Err(BlockFault::Transaction(submit.body.id(), Refusal::AlreadyExecuted)));
    let before = world.ledger.filed_under(record.handles[0]);
    let outcome = world.force(again).outcomes.remove(0).1;
    assert!(invalid(outcome).contains("already executed"));
    assert_eq!(world.ledger.filed_under(record.handles[0]), before);
    assert_eq!(world.ledger.outcome(submit.body.id()).map(|(_, o)| o), Some(TransactionOutcome::Done));
}

#[test]
fn a_transaction_twice_in_one_block_is_executed_once() {
    let mut world = World::ruled();
    let record = world.record(POLICE, "户口", None);
    let submit = world.submit(POLICE, vec![record]);
    let block = world.next_block(vec![submit.clone(), submit.clone()]);
    assert_eq!(world.ledger.validate(&block, block.header.time), Err(BlockFault::Duplicate(submit.body.id())));
    let outcomes = world.force(block).outcomes;
    assert_eq!(outcomes[0].1, TransactionOutcome::Done);
    assert!(invalid(outcomes[1].1.clone()).contains("already executed"));
}

#[test]
fn an_executed_transaction_is_forgotten_only_after_its_validity() {
    let mut world = World::ruled();
    let record = world.record(POLICE, "户口", None);
    let submit = world.submit(POLICE, vec![record]);
    let until = submit.body.valid_until;
    world.one(submit.clone());
    while world.ledger.height() < until {
        assert!(world.ledger.outcome(submit.body.id()).is_some());
        world.block(vec![]);
    }
    assert!(world.ledger.outcome(submit.body.id()).is_some());
    world.block(vec![]);
    assert!(world.ledger.outcome(submit.body.id()).is_none());
    assert!(matches!(world.ledger.admit(&submit), Err(Refusal::Expired { .. })));
}

#[test]
fn wrong_chain_and_missing_or_foreign_signatures_are_refused_and_use_nothing_up() {
    let mut world = World::ruled();
    // The first block after an approval notes that it has looked for revoked grants.
    world.block(vec![]);
    let record = world.record(POLICE, "户口", None);
    let good = world.submit(POLICE, vec![record]);
    let mut other = good.clone();
    other.body.chain = ChainId(Digest([7; 32]));
    assert_eq!(world.ledger.admit(&other), Err(Refusal::Signature(SignatureError::OtherChain)));
    let unsigned = SignedTransaction { body: good.body.clone(), signatures: vec![] };
    let sender = Signer::Department(POLICE);
    assert_eq!(world.ledger.admit(&unsigned), Err(Refusal::Signature(SignatureError::Unsigned(sender))));
    let forged = SignedTransaction::sign(good.body.clone(), &[(sender, &department_key(HOUSING))]);
    assert_eq!(world.ledger.admit(&forged), Err(Refusal::Signature(SignatureError::BadSignature(sender))));
    let block = world.next_block(vec![other, unsigned, forged]);
    let (applied, seen) = (world.force(block), keys::seen(good.body.id()));
    assert!(applied.outcomes.into_iter().all(|(_, outcome)| matches!(outcome, TransactionOutcome::Invalid(_))));
    assert!(applied.batch.state.iter().all(|(key, _)| *key != seen && key == keys::HEAD));
    assert_eq!(world.one(good), TransactionOutcome::Done);
}

#[test]
fn validity_and_kind_of_sender_are_checked() {
    let mut world = World::ruled();
    let mut late = world.evaluation();
    late.body.valid_until = world.ledger.height();
    assert!(matches!(world.ledger.admit(&late), Err(Refusal::Expired { .. })));
    late.body.valid_until = Height(u64::MAX);
    assert_eq!(world.ledger.admit(&late), Err(Refusal::ValidTooLong));
    let attest = world.sent(POLICE, Payload::Attest { attestations: vec![] });
    assert_eq!(world.ledger.admit(&attest), Err(Refusal::SenderMayNot(Signer::Department(POLICE))));
    let empty = world.submit(POLICE, vec![]);
    assert!(matches!(world.ledger.admit(&empty), Err(Refusal::Malformed(_))));
    assert!(!Refusal::ValidTooLong.zh().is_empty() && Refusal::ValidTooLong.en().is_ascii());
}

#[test]
fn only_the_owner_submits_and_a_bad_record_undoes_its_whole_transaction() {
    let mut world = World::ruled();
    let stolen = world.record(HOUSING, "户口", None);
    let theft = world.submit(HOUSING, vec![stolen]);
    let refusal = world.ledger.admit(&theft).expect_err("housing does not own it");
    assert_eq!(refusal, Refusal::NotOwner { schema: "户口".to_owned(), owner: "公安局".to_owned() });
    assert_eq!(refusal.code(), "not-owner");
    let (good, posing) = (world.record(HOUSING, "户口", None), world.record(POLICE, "户口", None));
    let posing = world.submit(HOUSING, vec![posing]);
    assert!(world.ledger.admit(&posing).is_err());
    let fine = world.record(POLICE, "户口", None);
    let mut unknown = world.record(POLICE, "车辆", None);
    unknown.standard = Digest([1; 32]);
    let mixed = world.submit(POLICE, vec![fine.clone(), unknown]);
    let block = world.next_block(vec![theft, posing, mixed]);
    let applied = world.force(block);
    for (_, outcome) in applied.outcomes {
        invalid(outcome);
    }
    assert!(applied.feed.records.is_empty());
    assert_eq!(world.ledger.record(fine.id()), None);
    assert_eq!(world.ledger.record(good.id()), None);
    assert!(world.ledger.filed_under(fine.handles[0]).is_empty());
}

#[test]
fn a_record_replaces_one_of_its_own_kind_once() {
    let mut world = World::ruled();
    let first = world.record(POLICE, "户口", None);
    let second = world.record(POLICE, "户口", Some(&first));
    let missing = world.submit(POLICE, vec![second.clone()]);
    assert!(invalid(world.one(missing)).contains("does not exist"));
    let both = world.submit(POLICE, vec![first.clone(), second.clone()]);
    let applied = world.block(vec![both]);
    assert_eq!(applied.outcomes[0].1, TransactionOutcome::Done);
    assert_eq!(applied.feed.records, vec![(first.id(), first.clone()), (second.id(), second.clone())]);
    assert_eq!(world.ledger.filed_under(first.handles[0]), vec![first.id(), second.id()]);
    let third = world.record(POLICE, "户口", Some(&first));
    let again = world.submit(POLICE, vec![third]);
    assert!(invalid(world.one(again)).contains("replaced already"));
    let foreign = world.record(PLANNING, "产权", Some(&second));
    let foreign = world.submit(PLANNING, vec![foreign]);
    assert!(invalid(world.one(foreign)).contains("another owner or type"));
    let same = world.submit(POLICE, vec![first]);
    assert!(invalid(world.one(same)).contains("exists already"));
}

#[test]
fn a_block_must_follow_the_ledger() {
    let mut world = World::ruled();
    let transaction = world.evaluation();
    let good = world.next_block(vec![transaction]);
    let now = good.header.time;
    let check = |change: fn(&mut crate::block::Block), want: BlockFault| {
        let mut block = good.clone();
        change(&mut block);
        assert_eq!(world.ledger.validate(&block, now), Err(want));
    };
    assert_eq!(world.ledger.validate(&good, now), Ok(()));
    check(|b| b.header.height = Height(1), BlockFault::Unlinked);
    check(|b| b.header.parent = Digest([0; 32]), BlockFault::Unlinked);
    check(|b| b.header.chain = ChainId(Digest([0; 32])), BlockFault::Unlinked);
    check(|b| b.header.state_root = Digest([0; 32]), BlockFault::StateRoot);
    check(|b| b.header.time = Timestamp(b.header.time.0 - 1_000), BlockFault::Time);
    check(|b| b.header.time = Timestamp(b.header.time.0 + 5_001), BlockFault::TooEarly);
    check(|b| b.header.proposer = department_key(POLICE).public(), BlockFault::Proposer);
    check(|b| b.transactions.clear(), BlockFault::TransactionsRoot);
    let mut ahead = good.clone();
    ahead.header.time = Timestamp(now.0 + 5_000);
    assert_eq!(world.ledger.validate(&ahead, now), Ok(()));
}
