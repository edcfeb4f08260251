//! Receipts of every kind of decision, and of every byte changed.

use super::{Receipt, ReceiptFault, Unready, Verdict, assemble, verify};
use crate::codec::Encode;
use crate::publication::CompiledModule;
use crate::state::RequestState;
use crate::state::tests::world::{Dice, EXPIRY, HOUSING, POLICE, SHARING, World};
use crate::transaction::{Exchange, Payload, TransactionId};

pub(crate) fn finalised() -> (World, TransactionId) {
    let mut world = World::ruled();
    let (before, request, after) = (world.evaluation(), world.evaluation(), world.evaluation());
    let id = request.body.id();
    world.block(vec![before, request, after]);
    assert_eq!(assemble(&world.backing, id), Err(Unready::Pending));
    let result = world.result(id, 1, vec![]);
    world.finalise(id, &result);
    assert_eq!(assemble(&world.backing, id), Err(Unready::Later));
    world.block(vec![]);
    (world, id)
}

fn refused() -> (World, TransactionId) {
    let mut world = World::ruled();
    let request = World::question("资格", Exchange::Evaluation, "商业营销");
    let request = world.sent(HOUSING, Payload::Request(request));
    let id = request.body.id();
    world.block(vec![request]);
    world.block(vec![]);
    (world, id)
}

pub(crate) fn receipt_of(world: &World, id: TransactionId) -> Receipt {
    assemble(&world.backing, id).expect("it is decided and witnessed")
}

#[test]
fn a_finalised_request_has_a_receipt_that_the_genesis_alone_confirms() {
    let (world, id) = finalised();
    let file = receipt_of(&world, id).to_file();
    let receipt = Receipt::from_file(&file).expect("it reads back");
    let summary = verify(&world.genesis, &receipt).expect("it holds");
    assert_eq!((summary.request, summary.asker.as_str()), (id, "住房局"));
    assert_eq!((summary.policy.as_str(), summary.version), ("试.资格一.资格", 1));
    assert!(matches!(&summary.verdict, Verdict::Finalised { custodians, .. } if custodians.len() == 3));
    assert!(summary.still_in_force);
    assert_eq!(summary.to_json()["as_of"], "2019-03-01");
    assert_eq!(summary.to_json()["verdict"]["state"], "finalised");
    assert!(summary.to_string().contains("试.资格一.资格"));
    let missing = TransactionId(crate::crypto::Digest([1; 32]));
    assert_eq!(assemble(&world.backing, missing), Err(Unready::NoSuchRequest));
}

#[test]
fn refused_and_expired_requests_have_receipts_too() {
    let (world, id) = refused();
    let summary = verify(&world.genesis, &receipt_of(&world, id)).expect("it holds");
    let policy = "试.户口共享.户口共享".to_owned();
    assert_eq!(summary.verdict, Verdict::Refused { policy, clause: "营销".to_owned(), owner: "公安局".to_owned() });
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.block(vec![request]);
    for _ in 0..=EXPIRY {
        world.block(vec![]);
    }
    let summary = verify(&world.genesis, &receipt_of(&world, id)).expect("it holds");
    assert!(matches!(summary.verdict, Verdict::Expired { .. }));
}

#[test]
fn a_receipt_tells_that_the_policy_was_withdrawn_since() {
    let (mut world, id) = finalised();
    let source = world.status(id).module;
    let withdraw = world.sent(POLICE, Payload::Withdraw { source });
    world.expect_all_done(vec![withdraw]);
    assert_eq!(assemble(&world.backing, id), Err(Unready::Later));
    world.block(vec![]);
    let summary = verify(&world.genesis, &receipt_of(&world, id)).expect("it holds");
    assert!(!summary.still_in_force);
    assert_ne!(source, CompiledModule::source_hash(SHARING));
}

#[test]
fn no_byte_of_a_receipt_can_change() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for (world, id) in [finalised(), refused()] {
        let file = receipt_of(&world, id).to_file();
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1 << dice.roll(8);
            let holds = Receipt::from_file(&changed).is_ok_and(|receipt| verify(&world.genesis, &receipt).is_ok());
            assert!(!holds, "byte {place} of {}", file.len());
        }
        for length in [0, 1, file.len() / 2, file.len() - 1] {
            assert!(Receipt::from_file(&file[..length]).is_err());
        }
        assert!(Receipt::from_file(&[file.clone(), vec![0]].concat()).is_err());
    }
}

#[test]
fn parts_of_other_receipts_do_not_fit() {
    let (world, id) = finalised();
    let good = receipt_of(&world, id);
    let fault = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        verify(&world.genesis, &receipt).expect_err("it was changed")
    };
    assert_eq!(fault(&|r| r.signatures.truncate(2)), ReceiptFault::Custodians);
    assert_eq!(fault(&|r| r.result = None), ReceiptFault::Mismatch);
    assert_eq!(fault(&|r| r.decided = None), ReceiptFault::Mismatch);
    assert_eq!(fault(&|r| r.decided = Some(r.ordered.clone())), ReceiptFault::Mismatch);
    assert_eq!(fault(&|r| r.witness = r.ordered.clone()), ReceiptFault::State);
    assert_eq!(fault(&|r| r.witness.certificate.signatures.truncate(2)), ReceiptFault::Certificate);
    assert_eq!(fault(&|r| r.status.state = RequestState::Pending), ReceiptFault::State);
    assert_eq!(fault(&|r| r.path.clear()), ReceiptFault::Inclusion);
    assert_eq!(fault(&|r| r.version = 2), ReceiptFault::Version);
    let mut other = world.genesis.clone();
    other.name.push('x');
    assert_eq!(verify(&other, &good), Err(ReceiptFault::Chain));
    assert_eq!(good.to_bytes(), Receipt::from_file(&good.to_file()).expect("it reads back").to_bytes());
}

pub(crate) mod deletions {
    use super::super::{DeletionCertificate, certificate_of, verify_deletion};
    use super::*;
    use crate::state::tests::erasure::{destroyed, erase, filed};
    use crate::transaction::RecordId;

    pub(crate) fn deleted() -> (World, RecordId) {
        let mut world = World::ruled();
        let id = filed(&mut world);
        let request = erase(&mut world, vec![id]);
        world.block(vec![request]);
        for custodian in 1..=4 {
            assert_eq!(certificate_of(&world.backing, id).err(), Some(Unready::Later), "before {custodian}");
            world.block(vec![]);
            assert_eq!(certificate_of(&world.backing, id).err(), Some(Unready::Pending), "before {custodian}");
            let statement = destroyed(&mut world, custodian, id);
            world.expect_all_done(vec![statement]);
        }
        world.block(vec![]);
        (world, id)
    }

    #[test]
    fn a_deletion_certificate_holds_with_the_genesis_alone_and_no_byte_of_it_can_change() {
        let (world, id) = deleted();
        let file = certificate_of(&world.backing, id).expect("complete and witnessed").to_file();
        let certificate = DeletionCertificate::from_file(&file).expect("reads back");
        let summary = verify_deletion(&world.genesis, &certificate).expect("holds");
        assert_eq!((summary.record, summary.owner.as_str(), summary.custodians), (id, "公安局", 4));
        assert!(summary.to_string().contains("个人信息保护法第四十七条 申请1"));
        let mut dice = Dice(0x1234_5678_9abc_def1);
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1 << dice.roll(8);
            let read = DeletionCertificate::from_file(&changed);
            assert!(!read.is_ok_and(|c| verify_deletion(&world.genesis, &c).is_ok()), "byte {place}");
        }
        let nobody = RecordId(crate::crypto::Digest([1; 32]));
        assert_eq!(certificate_of(&world.backing, nobody).err(), Some(Unready::NoSuchRequest));
    }

    #[test]
    fn the_word_of_all_custodians_is_needed() {
        let (world, id) = deleted();
        let good = certificate_of(&world.backing, id).expect("complete and witnessed");
        let fault = |change: &dyn Fn(&mut DeletionCertificate)| {
            let mut other = good.clone();
            change(&mut other);
            verify_deletion(&world.genesis, &other).err()
        };
        assert_eq!(fault(&|c| _ = c.erasure.destroyed.pop()), Some(ReceiptFault::State));
        assert_eq!(fault(&|c| c.erasure.complete = None), Some(ReceiptFault::State));
        assert_eq!(fault(&|c| c.witness.certificate.signatures.truncate(2)), Some(ReceiptFault::Certificate));
        assert_eq!(fault(&|c| c.suite = 2), Some(ReceiptFault::Version));
        // A ledger whose validators lie about a custodian's word: its signature is looked at all the same.
        let mut genesis = world.genesis.clone();
        genesis.custodians[2].signing_key = genesis.custodians[0].signing_key;
        assert!(verify_deletion(&genesis, &good).is_err());
    }
}
