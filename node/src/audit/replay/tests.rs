//! The chain of a small town replayed, whole and tampered with. Invariant: what is found is what the ledger did, and a block
//! that was left out, changed or put in is found where it is.

use super::*;
use crate::codec::Encode as _;
use crate::custody::envelope::seal_to;
use crate::state::tests::world::{EXPIRY, HOUSING, PLANNING, World, auditor};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Blocks of a chain on which every kind of thing came of a request.
fn town() -> (World, Vec<CertifiedBlock>) {
    let mut world = World::ruled();
    let (answered, late) = (world.evaluation(), world.evaluation());
    let request = World::question("资格", Exchange::Evaluation, "商业营销");
    let refused = world.sent(HOUSING, Payload::Request(request));
    let lone = world.contract(&[PLANNING]);
    let id = answered.body.id();
    world.block(vec![answered, late, refused, lone]);
    let copy = AuditCopy {
        policy: "试.资格一.资格".to_owned(),
        version: 1,
        inputs: vec![("申请人".to_owned(), "某".into())],
        outcomes: vec![("结果".to_owned(), "符合".to_owned())],
        persons: 2,
        millibits: 8_000,
    };
    let mut result = world.result(id, 1, vec![]);
    let padded = crate::custody::envelope::pad(&copy.to_bytes(), 1024);
    let (binding, mut rng) = (audit_binding(world.ledger.chain(), id), ChaCha20Rng::seed_from_u64(1));
    (result.audit_key, result.audit) =
        seal_to(&mut rng, &auditor().public(), Use::Audit, &binding, &padded).expect("seals");
    world.finalise(id, &result);
    for _ in 0..=EXPIRY {
        world.block(vec![]);
    }
    let waiting = world.contract(&[PLANNING, HOUSING]);
    world.block(vec![waiting]);
    let blocks = (1..=world.ledger.height().0).map(|h| world.ledger.block_at(Height(h)).expect("stored")).collect();
    (world, blocks)
}

fn replay(world: &World, blocks: &[CertifiedBlock]) -> Result<Replay, AuditFault> {
    let mut replay = Replay::new(world.genesis.clone());
    blocks.iter().try_for_each(|block| replay.read(block))?;
    Ok(replay)
}

#[test]
fn every_request_is_told_with_what_came_of_it_denials_too() {
    let (world, blocks) = town();
    let replay = replay(&world, &blocks).expect("the chain holds");
    assert_eq!(replay.ledger.state_root(), world.ledger.state_root());
    let found = replay.requests(Some(&auditor())).expect("copies open");
    let fates: Vec<&Fate> = found.iter().map(|request| &request.fate).collect();
    let [
        Fate::Finalised { custodians, .. },
        Fate::Expired { .. },
        Fate::Refused { policy, clause, owner },
        Fate::Invalid(why),
        Fate::Pending,
    ] = fates.as_slice()
    else {
        panic!("{fates:?}")
    };
    assert_eq!(*custodians, [1, 2, 3].map(CustodianId).to_vec());
    assert_eq!((policy.as_str(), clause.as_str(), owner.as_str()), ("试.户口共享.户口共享", "营销", "公安局"));
    assert!(why.contains("住房局"), "{why}");
    let first = &found[0];
    assert_eq!((first.asker.as_str(), first.policy.as_str(), first.version), ("住房局", "试.资格一.资格", 1));
    assert_eq!((first.purpose.as_str(), first.basis.as_str()), ("购房审核", "试行办法第一条 案号1"));
    let told = first.told.as_ref().expect("the auditor's key tells");
    assert_eq!((told.persons, told.millibits, told.outcomes[0].1.as_str()), (2, 8_000, "符合"));
    assert!(found[1..].iter().all(|request| request.told.is_none()));
    // Four modules, each approved by everyone concerned.
    let acts = replay.acts();
    assert!(acts[..4].iter().all(|act| matches!(act.act, Act::Published(_)) && act.height == Height(1)));
    assert!(acts[4..].iter().all(|act| matches!(act.act, Act::Approved(_)) && act.height == Height(2)));
    assert!(acts.iter().all(|act| act.invalid.is_none() && act.by.len() == 1));
    assert_eq!((acts[0].by[0].as_str(), acts[2].by[0].as_str()), ("公安局", "住房局"));
    // Without the key nothing is told of whom it was about.
    let blind = replay.requests(None).expect("needs no copy");
    assert!(blind.iter().all(|request| request.told.is_none()) && blind.len() == found.len());
    let other = SealingSecret::from_bytes([1; 32]);
    assert_eq!(replay.requests(Some(&other)).err(), Some(AuditFault::BadCopy(first.request)));
}

#[test]
fn what_was_left_out_changed_or_put_in_is_found_where_it_is() {
    let (world, blocks) = town();
    let fault = |blocks: &[CertifiedBlock]| replay(&world, blocks).err().expect("noticed");
    let at = |height: usize| Height(height as u64 + 1);
    for index in [1, 2, 3] {
        let mut lacking = blocks.clone();
        lacking.remove(index);
        assert!(matches!(fault(&lacking), AuditFault::Refused(h, _) if h == at(index)), "left out");
        let mut twice = blocks.clone();
        twice.insert(index, blocks[index - 1].clone());
        assert!(matches!(fault(&twice), AuditFault::Refused(h, _) if h == at(index)), "put in");
        let mut changed = blocks.clone();
        changed[index].block.transactions.reverse();
        changed[index].block.transactions.pop();
        assert!(matches!(fault(&changed), AuditFault::Refused(h, _) if h == at(index)), "changed");
        let mut unsigned = blocks.clone();
        unsigned[index].certificate.signatures.truncate(2);
        assert_eq!(fault(&unsigned), AuditFault::BadCertificate(at(index)));
        // Validators who agree on another state than the blocks lead to.
        let mut colluding = blocks.clone();
        colluding[index].block.header.state_root.0[0] ^= 1;
        assert!(matches!(fault(&colluding), AuditFault::Refused(h, _) if h == at(index)), "another state");
    }
}
