//! Erasures on the ledger. Invariant: only an owner erases, only custodians say that they destroyed, and it is complete when
//! all of the present ones have.

use super::world::{HOUSING, POLICE, World, invalid, keypair};
use crate::codec::{Decode as _, Encode as _};
use crate::crypto::Purpose;
use crate::state::{Erasure, Refusal, TransactionOutcome};
use crate::transaction::{
    CustodianId, Destruction, Height, Payload, RecordId, SignedTransaction, Signer, destroyed_bytes,
};

pub(crate) fn erase(world: &mut World, records: Vec<RecordId>) -> SignedTransaction {
    world.sent(POLICE, Payload::Erase { records, basis: "个人信息保护法第四十七条 申请1".to_owned() })
}

pub(crate) fn destroyed(world: &mut World, custodian: u16, record: RecordId) -> SignedTransaction {
    let capsule = world.ledger.record(record).expect("on the ledger").capsule;
    let bytes = destroyed_bytes(world.ledger.chain(), record, capsule);
    let signature = keypair(4, custodian).sign(Purpose::Erasure, &bytes);
    let who = Signer::Custodian(CustodianId(custodian));
    let body = world.body(who, Payload::Destroyed { records: vec![Destruction { record, signature }] });
    SignedTransaction::sign(body, &[(who, &keypair(4, custodian))])
}

pub(crate) fn filed(world: &mut World) -> RecordId {
    let record = world.record(POLICE, "户口", None);
    let id = record.id();
    let submit = world.submit(POLICE, vec![record]);
    world.expect_all_done(vec![submit]);
    id
}

#[test]
fn an_erasure_is_complete_when_all_custodians_have_destroyed_the_capsule() {
    let mut world = World::ruled();
    let (id, asked) = (filed(&mut world), world.evaluation());
    world.one(asked);
    let request = erase(&mut world, vec![id]);
    let applied = world.block(vec![request]);
    assert_eq!(applied.feed.erased.iter().map(|e| (e.record, e.sequence)).collect::<Vec<_>>(), [(id, 1)]);
    for custodian in [3, 1, 1, 4] {
        let statement = destroyed(&mut world, custodian, id);
        world.expect_all_done(vec![statement]);
        assert_eq!(world.ledger.erasure(id).expect("known").complete, None);
    }
    let last = destroyed(&mut world, 2, id);
    let applied = world.block(vec![last]);
    assert!(applied.feed.destroyed[0].complete);
    let erasure = world.ledger.erasure(id).expect("known");
    assert_eq!((erasure.owner, erasure.complete), (POLICE, Some((applied.height, 0))));
    assert_eq!(erasure.destroyed.iter().map(|(c, _)| c.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(world.ledger.record(id).is_some(), "the sealed body stays, so every state root holds");
    assert_eq!(Erasure::from_bytes(&erasure.to_bytes()), Ok(erasure));
}

#[test]
fn only_an_owner_erases_and_only_custodians_speak_of_destroying() {
    let mut world = World::ruled();
    let id = filed(&mut world);
    let stranger = world.sent(HOUSING, Payload::Erase { records: vec![id], basis: "案号1".to_owned() });
    assert!(invalid(world.one(stranger)).contains("属于其他部门"));
    let unknown = erase(&mut world, vec![id, RecordId(crate::crypto::Digest([1; 32]))]);
    assert!(invalid(world.one(unknown)).contains("没有这条记录"));
    let baseless = world.sent(POLICE, Payload::Erase { records: vec![id], basis: " ".to_owned() });
    assert!(invalid(world.one(baseless)).contains("须写明依据"));
    let early = destroyed(&mut world, 1, id);
    assert!(invalid(world.one(early)).contains("记录未删除"));
    assert_eq!(world.ledger.erasure(id), None);
    let twice = vec![erase(&mut world, vec![id]), erase(&mut world, vec![id])];
    let outcomes = world.block(twice).outcomes;
    assert_eq!(outcomes[0].1, TransactionOutcome::Done);
    assert!(invalid(outcomes[1].1.clone()).contains("已删除"));
    let mut forged = destroyed(&mut world, 1, id);
    let Payload::Destroyed { records } = &mut forged.body.payload else { panic!("a statement") };
    records[0].signature = keypair(4, 2).sign(Purpose::Erasure, b"something else");
    let who = Signer::Custodian(CustodianId(1));
    let forged = SignedTransaction::sign(forged.body, &[(who, &keypair(4, 1))]);
    assert!(invalid(world.one(forged)).contains("签名无效"));
    let department = world.sent(POLICE, Payload::Destroyed { records: vec![] });
    assert_eq!(world.ledger.admit(&department).map(drop), Err(Refusal::SenderMayNot(Signer::Department(POLICE))));
    assert!(world.ledger.erasure(id).expect("known").destroyed.is_empty());
    assert!(world.ledger.height() > Height(0));
}
