//! Custody handed on while requests are under way. Invariant: what is answered is the same whoever keeps custody, and those
//! who no longer do open nothing, with whatever they kept.

use super::world::{Said, Town, outcome, receiving, signing};
use super::{eligibility, settled, title};
use crate::crypto::Digest;
use crate::custodians::CustodianSet;
use crate::custody::seat::Standing;
use crate::state::feed::CustodyFeed;
use crate::threshold::dealing::{Dealings, deal};
use crate::threshold::{Label, combine, seal};
use crate::transaction::{CustodianEntry, CustodianId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::{BTreeMap, BTreeSet};

/// Deals the key on from `dealers` to `to` in the next epoch: the set, whose shares are on their holders' shelves.
fn hand_on(town: &Town, from: u32, dealers: &[u16], to: &[u16]) -> CustodianSet {
    let receivers: Vec<CustodianId> = to.iter().map(|n| CustodianId(*n)).collect();
    let (mut parts, mut commitments) = (BTreeMap::<_, BTreeMap<_, _>>::new(), BTreeMap::new());
    for dealer in dealers.iter().map(|n| CustodianId(*n)) {
        let share = town.shares.borrow()[&(dealer, from)].clone();
        let (committed, dealt) = deal(&[dealer.0 as u8; 32], Some(&share), 3, Digest([from as u8; 32]), &receivers);
        commitments.insert(dealer, committed);
        for (receiver, part) in dealt {
            parts.entry(receiver).or_default().insert(dealer, part);
        }
    }
    for (id, parts) in parts {
        town.shares.borrow_mut().insert((id, from + 1), Dealings::Reshare.share(&parts).expect("a share"));
    }
    let entry = |id: &CustodianId| CustodianEntry {
        id: *id,
        name: format!("custodian{}", id.0),
        signing_key: signing(0x30, id.0).public(),
        share_key: Dealings::Reshare.share_key(&commitments, *id).expect("a key"),
        sealing_key: receiving(id.0).public(),
    };
    CustodianSet {
        epoch: from + 1,
        threshold: 3,
        custodians: receivers.iter().map(entry).collect(),
        highest: CustodianId(5),
    }
}

fn follow(town: &mut Town, set: CustodianSet) -> Vec<Said> {
    town.block(CustodyFeed { custodians: Some(set), ..CustodyFeed::default() })
}

fn who(said: &[Said]) -> BTreeSet<usize> {
    said.iter().map(|s| s.custodian).collect()
}

#[test]
fn what_two_could_not_answer_is_answered_by_those_who_follow() {
    let mut town = settled();
    // Attested, not final.
    let first = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&first]);
    let digest = town.agreed(&said, &first).digest(first.id());
    // Not answered: two of four are away.
    town.silent = BTreeSet::from([2, 3]);
    let second = town.ask("资格", eligibility(3), None);
    assert!(town.put(&[&second]).is_empty());
    let newcomer = town.join();
    assert_eq!(town.custodians[newcomer].standing(), Standing::NotAmong);
    // Custodian 4 is replaced by 5. It takes part in dealing once more.
    town.silent.clear();
    let set = hand_on(&town, 0, &[1, 3, 4], &[1, 2, 3, 5]);
    let said = follow(&mut town, set);
    for (asked, expected) in [(&first, "符合"), (&second, "不符合")] {
        let of: Vec<&Said> = said.iter().filter(|s| s.request == asked.id()).collect();
        assert_eq!(of.iter().map(|s| s.custodian).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2, newcomer]));
        assert_eq!(outcome(&town.open(asked, &town.result(&said, asked))).0, Some(expected));
    }
    let again = said.iter().find(|s| s.request == first.id()).expect("said again");
    assert_eq!(again.digest, digest, "as it was attested before");
    // The shares of before are gone from those who stay.
    let left: Vec<(u16, u32)> = town.shares.borrow().keys().map(|(id, epoch)| (id.0, *epoch)).collect();
    assert_eq!(left, [(1, 1), (2, 1), (3, 1), (4, 0), (5, 1)]);
    assert_eq!(town.custodians[3].standing(), Standing::NotAmong);
}

#[test]
fn the_same_holders_go_on_with_other_shares_and_restart_as_they_were() {
    let mut town = settled();
    for epoch in 0..3 {
        let set = hand_on(&town, epoch, &[1, 2, 4], &[1, 2, 3, 4]);
        assert!(follow(&mut town, set).is_empty());
        town.submit(vec![("产权", title(&format!("{epoch}"), 2))]);
        let expected = if epoch == 0 { "符合" } else { "不符合" };
        assert_eq!(outcome(&town.answer("资格", eligibility(1), None)).0, Some(expected));
    }
    let asked = town.ask("资格", eligibility(3), None);
    let said = town.put(&[&asked]);
    let digest = town.agreed(&said, &asked).digest(asked.id());
    let again: Vec<_> = town.restart(1).iter().map(|s| (s.request, s.digest)).collect();
    assert_eq!(again, [(asked.id(), digest)]);
    assert_eq!(town.shares.borrow().len(), 4);
}

#[test]
fn whoever_lacks_its_share_keeps_silent_and_the_others_go_on() {
    let mut town = settled();
    let set = hand_on(&town, 0, &[1, 2, 3], &[1, 2, 3, 4]);
    let taken = town.shares.borrow_mut().remove(&(CustodianId(2), 1)).expect("dealt");
    follow(&mut town, set.clone());
    assert_eq!(town.custodians[1].standing(), Standing::NoShare);
    let asked = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&asked]);
    assert_eq!(who(&said), BTreeSet::from([0, 2, 3]));
    // Its old share is still there, in case the right one is found; another's in its place is not taken for it.
    assert!(town.shares.borrow().contains_key(&(CustodianId(2), 0)));
    let other = town.shares.borrow()[&(CustodianId(3), 1)].clone();
    town.shares.borrow_mut().insert((CustodianId(2), 1), other);
    assert!(town.restart(1).is_empty());
    assert_eq!(town.custodians[1].standing(), Standing::OtherShare);
    town.shares.borrow_mut().insert((CustodianId(2), 1), taken);
    assert_eq!(who(&town.restart(1)), BTreeSet::from([1]));
    assert_eq!(town.custodians[1].standing(), Standing::Seated);
}

/// Shares that their holders should have wiped, against the new ones.
#[test]
fn kept_shares_of_before_open_nothing_together_with_new_ones() {
    let town = settled();
    let old: BTreeMap<_, _> = town.shares.borrow().clone();
    hand_on(&town, 0, &[1, 2, 3], &[1, 2, 3, 5]);
    let new = town.shares.borrow().clone();
    let (key, label, context) = (town.genesis.custody_key, Label::of(b"test", b""), Digest([9; 32]));
    let (capsule, sealed) = seal(&mut ChaCha20Rng::seed_from_u64(1), &key, label, b"", b"x").expect("seals");
    let opens = |shares: &[(u16, u32)]| {
        let part = |(id, epoch): &(u16, u32)| {
            let from = if *epoch == 0 { &old } else { &new };
            (CustodianId(*id), from[&(CustodianId(*id), *epoch)].open(&capsule, context).expect("opens"))
        };
        let opened = combine(&shares.iter().map(part).collect(), &key, label, &capsule);
        opened.is_some_and(|opened| opened.open(label, &capsule, &sealed, b"").is_some())
    };
    assert!(opens(&[(1, 1), (2, 1), (5, 1)]) && opens(&[(1, 0), (2, 0), (4, 0)]));
    for mixed in [[(1, 0), (2, 0), (3, 1)], [(1, 0), (2, 1), (3, 1)], [(4, 0), (1, 1), (5, 1)]] {
        assert!(!opens(&mixed), "{mixed:?}");
    }
}
