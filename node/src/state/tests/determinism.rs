//! Equal roots, proofs, pruning, and bytes that mean nothing.

use super::world::{Dice, HOUSING, PLANNING, POLICE, World};
use crate::block::{Block, CertifiedBlock};
use crate::codec::{Decode, Encode};
use crate::crypto::Digest;
use crate::publication::ModuleEntry;
use crate::state::{
    Batch, CustodyFeed, Head, Ledger, MemoryBacking, ROOTS_RETAINED, RequestStatus, StateProof, TransactionOutcome,
    keys,
};
use crate::transaction::{Envelope, Height, SignedTransaction};
use std::fmt::Debug;

/// A day in the town: submissions, permitted and refused requests, a contract, attestations, a bad transaction.
fn story() -> (World, Vec<Batch>) {
    let mut world = World::ruled();
    let mut batches = Vec::new();
    let first = world.record(POLICE, "户口", None);
    let second = world.record(POLICE, "户口", Some(&first));
    let title = world.record(PLANNING, "产权", None);
    let submissions = vec![
        world.submit(POLICE, vec![first, second.clone()]),
        world.submit(PLANNING, vec![title.clone()]),
        world.submit(HOUSING, vec![]),
    ];
    let block = world.next_block(submissions);
    batches.push(world.force(block).batch);
    let (evaluation, contract) = (world.evaluation(), world.contract(&[PLANNING, HOUSING]));
    let ids = [evaluation.body.id(), contract.body.id()];
    batches.push(world.block(vec![evaluation, contract]).batch);
    let written = world.record(PLANNING, "产权", Some(&title));
    for (id, writes) in [(ids[1], vec![written]), (ids[0], vec![])] {
        let result = world.result(id, 1, writes);
        batches.push(world.finalise(id, &result).batch);
    }
    (world, batches)
}

#[test]
fn equal_blocks_give_equal_batches_whatever_lies_where_in_memory() {
    let (world, batches) = story();
    let decoys: Vec<Vec<u8>> = (1..400).map(|n| vec![n as u8; n * 37 % 4096]).collect();
    let (again, others) = story();
    drop(decoys);
    assert_eq!(batches, others);
    assert_eq!(world.ledger.state_root(), again.ledger.state_root());
    // And a ledger that is opened anew before every block comes to the same.
    let backing = MemoryBacking::new();
    for height in 1..=world.ledger.height().0 {
        let mut ledger = Ledger::open(world.genesis.clone(), backing.clone());
        let decided = world.ledger.block_at(Height(height)).expect("the block is stored");
        assert_eq!(decided.block.header.state_root, ledger.state_root());
        let twice = [0, 1].map(|_| ledger.execute(&decided.block, &decided.certificate).batch);
        assert_eq!(twice[0], twice[1]);
        let applied = ledger.execute(&decided.block, &decided.certificate);
        backing.write(&applied.batch);
        ledger.adopt(&applied);
    }
    let ledger = Ledger::open(world.genesis.clone(), backing);
    assert_eq!(ledger.state_root(), world.ledger.state_root());
}

#[test]
fn presence_and_absence_are_proved_and_no_changed_proof_passes() {
    let (world, _) = story();
    let root = world.ledger.state_root();
    let (present, absent) = (keys::HEAD.to_vec(), b"nothing/here".to_vec());
    for key in [&present, &absent] {
        let (value, proof) = world.ledger.prove(key);
        assert_eq!(value.is_some(), *key == present);
        assert!(proof.verify(root, key, value.as_deref()));
        assert!(!proof.verify(root, key, Some(b"other")));
        assert!(!proof.verify(root, if *key == present { &absent } else { &present }, value.as_deref()));
        assert!(!proof.verify(Digest([0; 32]), key, value.as_deref()));
        let bytes = proof.to_bytes();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 0x10;
            let passes = StateProof::from_bytes(&changed).is_ok_and(|p| p.verify(root, key, value.as_deref()));
            assert!(!passes, "byte {i}");
        }
    }
    let (_, proof) = world.ledger.prove(&present);
    assert!(!proof.verify(root, &present, None));
}

#[test]
fn every_entry_of_the_state_can_be_proved() {
    use crate::state::Backing as _;
    let (world, _) = story();
    let entries = world.backing.scan(b"");
    assert!(entries.len() > 50);
    for (key, value) in entries {
        let (held, proof) = world.ledger.prove(&key);
        assert_eq!(held.as_ref(), Some(&value));
        assert!(proof.verify(world.ledger.state_root(), &key, Some(&value)));
    }
}

#[test]
fn old_roots_are_proved_while_retained_and_their_nodes_pruned_after() {
    let mut world = World::ruled();
    let module = keys::module(*world.ledger.modules().keys().next().expect("modules are published"));
    let since = world.ledger.height();
    let root = world.ledger.state_root();
    for _ in 0..ROOTS_RETAINED - 1 {
        world.block(vec![]);
    }
    let (value, proof) = world.ledger.prove_at(since, &module).expect("still retained");
    assert!(proof.verify(root, &module, value.as_deref()));
    assert!(world.ledger.prove_at(since, keys::HEAD).is_none(), "the head has changed since");
    world.block(vec![]);
    assert!(world.ledger.prove_at(since, &module).is_none());
    let full = world.backing.tree_entries();
    for _ in 0..ROOTS_RETAINED {
        world.block(vec![]);
    }
    assert!(world.backing.tree_entries() <= full, "nodes pile up");
}

/// Changes bytes at random: decoding ends in an error or in a value with these very bytes, and never panics.
fn mutate<T: Encode + Decode + Debug>(bytes: &[u8], dice: &mut Dice) {
    assert_eq!(T::from_bytes(bytes).expect("an honest encoding decodes").to_bytes(), bytes);
    for _ in 0..400 {
        let mut changed = bytes.to_vec();
        match dice.roll(4) {
            0 => changed.truncate(dice.roll(changed.len() + 1)),
            1 => changed.insert(dice.roll(changed.len() + 1), dice.roll(256) as u8),
            2 => {
                let (from, to) = (dice.roll(changed.len()), dice.roll(changed.len()));
                changed[to] = changed[from];
            }
            _ => {
                for _ in 0..=dice.roll(3) {
                    let place = dice.roll(changed.len());
                    changed[place] = dice.roll(256) as u8;
                }
            }
        }
        if let Ok(value) = T::from_bytes(&changed) {
            assert_eq!(value.to_bytes(), changed);
        }
    }
}

#[test]
fn malformed_bytes_never_panic() {
    let (world, batches) = story();
    let mut dice = Dice(0x5eed_0123_4567_89ab);
    for batch in &batches {
        mutate::<Block>(&batch.block.block.to_bytes(), &mut dice);
        mutate::<CertifiedBlock>(&batch.block.to_bytes(), &mut dice);
        mutate::<CustodyFeed>(&batch.feed, &mut dice);
        for transaction in &batch.block.block.transactions {
            mutate::<SignedTransaction>(&transaction.to_bytes(), &mut dice);
            let envelope = Envelope { transaction: transaction.clone(), capsules: vec![vec![1; 80]] };
            mutate::<Envelope>(&envelope.to_bytes(), &mut dice);
        }
        for (key, value) in &batch.state {
            let Some(value) = value else { continue };
            if key.starts_with(b"request/") {
                mutate::<RequestStatus>(value, &mut dice);
            }
        }
    }
    mutate::<Head>(
        &Head { height: Height(3), block: Digest([1; 32]), time: world.genesis.time, sequence: 2 }.to_bytes(),
        &mut dice,
    );
    mutate::<StateProof>(&world.ledger.prove(keys::HEAD).1.to_bytes(), &mut dice);
    for entry in world.ledger.modules().values() {
        mutate::<ModuleEntry>(&entry.to_bytes(), &mut dice);
    }
    mutate::<TransactionOutcome>(&TransactionOutcome::Invalid("错 / wrong".to_owned()).to_bytes(), &mut dice);
}

#[test]
fn a_block_of_mutated_transactions_is_executed_without_panic() {
    let (mut world, batches) = story();
    let mut dice = Dice(0xdead_beef_0000_0001);
    let honest: Vec<_> = batches.iter().flat_map(|b| b.block.block.transactions.clone()).collect();
    let mut hostile = Vec::new();
    while hostile.len() < 200 {
        let mut bytes = honest[dice.roll(honest.len())].to_bytes();
        let place = dice.roll(bytes.len());
        bytes[place] = dice.roll(256) as u8;
        hostile.extend(SignedTransaction::from_bytes(&bytes));
    }
    let block = world.next_block(hostile);
    let applied = world.force(block);
    assert!(applied.outcomes.iter().all(|(_, outcome)| matches!(outcome, TransactionOutcome::Invalid(_))));
}
