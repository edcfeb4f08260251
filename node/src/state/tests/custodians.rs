//! Custodians follow custodians by the ledger. Invariant: nothing that the ledger or a receipt says of a result rests on
//! custodians of two epochs together.

use super::world::{HOUSING, PLANNING, World, invalid, keypair};
use crate::codec::{Decode as _, Encode as _};
use crate::crypto::{Digest, Keypair, Purpose};
use crate::custodians::{ChangeFault, confirmed_bytes, outcome_digest};
use crate::receipt::{Receipt, ReceiptFault, assemble, verify};
use crate::state::{Refusal, RequestState, TransactionOutcome};
use crate::threshold::dealing::{Dealings, deal};
use crate::threshold::{DealtKey, KeyShare};
use crate::transaction::{
    CustodianChange, CustodianEntry, CustodianId, Payload, SignatureError, SignedTransaction, Signer, TransactionId,
};
use std::collections::BTreeMap;

fn custodian_key(id: CustodianId) -> Keypair {
    keypair(4, id.0)
}

/// The shares of the present custodians, which only their holders would have.
struct Custody(u32, BTreeMap<CustodianId, KeyShare>);

impl Custody {
    fn founding() -> Self {
        let dealt = DealtKey::from_seed(&[9; 32], 3);
        Self(0, (1..=4).map(|n| (CustodianId(n), dealt.share(CustodianId(n)))).collect())
    }

    /// What a ceremony among `dealers` comes to, and the custody after it.
    fn hand_on(&self, world: &World, dealers: &[u16], to: &[u16]) -> (CustodianChange, Self) {
        let receivers: Vec<CustodianId> = to.iter().map(|n| CustodianId(*n)).collect();
        let (mut commitments, mut parts) = (BTreeMap::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
        for dealer in dealers.iter().map(|n| CustodianId(*n)) {
            let context = Digest([self.0 as u8; 32]);
            let (committed, dealt) = deal(&[7; 32], Some(&self.1[&dealer]), 3, context, &receivers);
            commitments.insert(dealer, committed);
            dealt.into_iter().for_each(|(to, part)| _ = parts.entry(to).or_default().insert(dealer, part));
        }
        let shares: BTreeMap<_, _> =
            parts.iter().map(|(id, parts)| (*id, Dealings::Reshare.share(parts).expect("a share"))).collect();
        let entry = |(id, share): (&CustodianId, &KeyShare)| CustodianEntry {
            id: *id,
            name: format!("custodian{}", id.0),
            signing_key: custodian_key(*id).public(),
            share_key: share.public(),
            sealing_key: [7; 32],
        };
        let mut change = CustodianChange {
            epoch: self.0 + 1,
            threshold: 3,
            transcript: Digest([3; 32]),
            custodians: shares.iter().map(entry).collect(),
            confirmations: Vec::new(),
        };
        confirm(world, &mut change);
        (change, Self(self.0 + 1, shares))
    }
}

fn confirm(world: &World, change: &mut CustodianChange) {
    let shares: Vec<_> = change.custodians.iter().map(|c| (c.id, c.share_key)).collect();
    let outcome = outcome_digest(change.transcript, &world.genesis.custody_key, &world.genesis.index_key, &shares);
    let word = |c: &CustodianEntry| custodian_key(c.id).sign(Purpose::Ceremony, &confirmed_bytes(c.id, outcome));
    change.confirmations = change.custodians.iter().map(word).collect();
}

fn sent(world: &mut World, change: &CustodianChange, signers: &[u16]) -> SignedTransaction {
    let signers: Vec<(Signer, Keypair)> =
        signers.iter().map(|n| (Signer::Custodian(CustodianId(*n)), custodian_key(CustodianId(*n)))).collect();
    let body = world.body(signers[0].0, Payload::Custodians(change.clone()));
    SignedTransaction::sign(body, &signers.iter().map(|(who, key)| (*who, key)).collect::<Vec<_>>())
}

/// 4 leaves, 5 comes.
fn replaced(world: &mut World) -> Custody {
    let (change, custody) = Custody::founding().hand_on(world, &[1, 3, 4], &[1, 2, 3, 5]);
    let change = sent(world, &change, &[1, 2, 3]);
    world.expect_all_done(vec![change]);
    custody
}

fn attest(world: &mut World, custodian: u16, id: TransactionId, mark: u8) -> SignedTransaction {
    let attestation = world.attestation(custodian, id, &world.result(id, mark, vec![]));
    world.attest(custodian, vec![attestation])
}

fn receipt(world: &mut World, id: TransactionId) -> Receipt {
    world.block(vec![]);
    let receipt = assemble(&world.backing, id).expect("decided and witnessed");
    Receipt::from_file(&receipt.to_file()).expect("reads back")
}

#[test]
fn those_who_follow_decide_and_their_receipts_need_the_genesis_alone() {
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.one(request);
    replaced(&mut world);
    assert_eq!((world.ledger.custodians().epoch, world.ledger.custodians().highest), (1, CustodianId(5)));
    let gone = attest(&mut world, 4, id, 1);
    let unknown = Refusal::Signature(SignatureError::UnknownSigner(Signer::Custodian(CustodianId(4))));
    assert_eq!(world.ledger.admit(&gone).map(drop), Err(unknown));
    for custodian in [1, 2, 5] {
        let vote = attest(&mut world, custodian, id, 1);
        world.expect_all_done(vec![vote]);
    }
    let RequestState::Finalised { epoch, custodians, .. } = world.state(id) else { panic!("final") };
    assert_eq!((epoch, custodians), (1, [1, 2, 5].map(CustodianId).to_vec()));
    let whole = receipt(&mut world, id);
    assert!(verify(&world.genesis, &whole).is_ok());
    let bare = Receipt { custodians: None, ..whole.clone() };
    assert_eq!(verify(&world.genesis, &bare), Err(ReceiptFault::Mismatch));
    let mut other = whole.clone();
    if let Some(proven) = &mut other.custodians {
        proven.set.custodians[3].signing_key = custodian_key(CustodianId(9)).public();
    }
    assert_eq!(verify(&world.genesis, &other), Err(ReceiptFault::State), "a set of another's making");
    // A restarted ledger knows them too.
    let again = crate::state::Ledger::open(world.genesis.clone(), world.backing.clone());
    assert_eq!(again.custodians(), world.ledger.custodians());
}

#[test]
fn votes_of_before_count_for_nothing_after() {
    let mut world = World::ruled();
    let request = world.evaluation();
    let id = request.body.id();
    world.one(request);
    for custodian in [2, 4] {
        let vote = attest(&mut world, custodian, id, 1);
        world.expect_all_done(vec![vote]);
    }
    replaced(&mut world);
    // With the two of before these would be enough.
    let vote = attest(&mut world, 1, id, 1);
    world.expect_all_done(vec![vote]);
    let vote = attest(&mut world, 5, id, 1);
    world.expect_all_done(vec![vote]);
    assert_eq!(world.state(id), RequestState::Pending);
    // Who stays votes again, as it did.
    let vote = attest(&mut world, 2, id, 1);
    world.expect_all_done(vec![vote]);
    let RequestState::Finalised { custodians, .. } = world.state(id) else { panic!("final") };
    assert_eq!(custodians, [1, 2, 5].map(CustodianId).to_vec());
}

#[test]
fn a_contract_settled_before_and_final_after_keeps_those_who_settled_it() {
    let mut world = World::ruled();
    let (first, second) = (world.contract(&[PLANNING, HOUSING]), world.contract(&[PLANNING, HOUSING]));
    let (head, next) = (first.body.id(), second.body.id());
    world.block(vec![first, second]);
    for custodian in [2, 3, 4] {
        let vote = attest(&mut world, custodian, next, 1);
        world.expect_all_done(vec![vote]);
    }
    assert_eq!(world.state(next), RequestState::Pending, "it waits for its turn");
    replaced(&mut world);
    for custodian in [1, 2, 5] {
        let votes = vec![attest(&mut world, custodian, head, 1), attest(&mut world, custodian, next, 1)];
        world.expect_all_done(votes);
    }
    let RequestState::Finalised { epoch, custodians, .. } = world.state(next) else { panic!("final") };
    assert_eq!((epoch, custodians), (0, [2, 3, 4].map(CustodianId).to_vec()));
    for id in [head, next] {
        let receipt = receipt(&mut world, id);
        assert!(verify(&world.genesis, &receipt).is_ok());
    }
}

#[test]
fn a_change_that_breaks_a_rule_changes_nothing() {
    let mut world = World::ruled();
    let custody = Custody::founding();
    let (good, after) = custody.hand_on(&world, &[1, 2, 3], &[1, 2, 3, 5]);
    type Bend = fn(&World, &mut CustodianChange);
    let bends: [(ChangeFault, Bend); 8] = [
        (ChangeFault::Epoch, |_, c| c.epoch = 2),
        (ChangeFault::Epoch, |_, c| c.epoch = 0),
        (ChangeFault::Members, |_, c| c.threshold = 5),
        (ChangeFault::Members, |_, c| c.custodians.swap(0, 1)),
        (ChangeFault::Members, |_, c| c.confirmations.truncate(3)),
        (ChangeFault::Shares, |w, c| {
            c.threshold = 2;
            confirm(w, c);
        }),
        (ChangeFault::Unconfirmed(CustodianId(2)), |_, c| c.confirmations[1] = c.confirmations[0]),
        (ChangeFault::Unconfirmed(CustodianId(1)), |_, c| c.transcript = Digest([4; 32])),
    ];
    for (fault, bend) in bends {
        let mut change = good.clone();
        bend(&world, &mut change);
        let change = sent(&mut world, &change, &[1, 2, 3]);
        assert_eq!(invalid(world.one(change)), fault.to_string());
    }
    // A number that was another's, and one with another's key.
    let (reused, _) = custody.hand_on(&world, &[1, 2, 3], &[1, 2, 3]);
    let mut stolen = reused.clone();
    stolen.custodians[0].signing_key = custodian_key(CustodianId(8)).public();
    let stolen = sent(&mut world, &stolen, &[1, 2, 3]);
    assert_eq!(invalid(world.one(stolen)), ChangeFault::Number(CustodianId(1)).to_string());
    // Too few: not used up by whoever strips it.
    let whole = sent(&mut world, &good, &[1, 2, 3]);
    let mut stripped = whole.clone();
    stripped.signatures.truncate(2);
    assert_eq!(invalid(world.one(stripped)), ChangeFault::TooFew.to_string());
    assert_eq!(world.ledger.custodians().epoch, 0);
    // Two in one block: one follows, the other does not.
    let other = sent(&mut world, &reused, &[2, 3, 4]);
    let outcomes = world.block(vec![whole, other]).outcomes;
    assert_eq!(outcomes[0].1, TransactionOutcome::Done);
    assert_eq!(invalid(outcomes[1].1.clone()), ChangeFault::Epoch.to_string());
    // 4 has gone for good.
    let (back, _) = after.hand_on(&world, &[1, 2, 5], &[1, 2, 4]);
    let back = sent(&mut world, &back, &[1, 2, 5]);
    assert_eq!(invalid(world.one(back)), ChangeFault::Number(CustodianId(4)).to_string());
}

#[test]
fn departments_and_strangers_do_not_change_custodians() {
    let mut world = World::ruled();
    let (change, _) = Custody::founding().hand_on(&world, &[1, 2, 3], &[1, 2, 3, 5]);
    let department = world.sent(HOUSING, Payload::Custodians(change.clone()));
    let refused = Refusal::SenderMayNot(Signer::Department(HOUSING));
    assert_eq!(world.ledger.admit(&department).map(drop), Err(refused));
    let newcomer = sent(&mut world, &change, &[5, 1, 2]);
    let refused = world.ledger.admit(&newcomer).map(drop);
    assert_eq!(refused, Err(Refusal::Signature(SignatureError::UnknownSigner(Signer::Custodian(CustodianId(5))))));
    let bytes = change.to_bytes();
    assert_eq!(CustodianChange::from_bytes(&bytes), Ok(change));
    assert!((0..bytes.len()).all(|cut| CustodianChange::from_bytes(&bytes[..cut]).is_err()));
}
