//! The ceremony among four custodians, honest and not. Invariant: whoever is at fault is named, and nobody gets a key then.

use super::*;
use crate::threshold::{Label, combine, seal, shares_fit};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

struct Founder {
    signing: Keypair,
    sealing: SealingSecret,
}

fn founder(n: u16) -> Founder {
    let seed = |kind: u8| Digest::of("guiju/test/founder", &[kind, n as u8]).0;
    Founder { signing: Keypair::from_seed(seed(1)), sealing: SealingSecret::from_bytes(seed(2)) }
}

fn member(n: u16) -> Member {
    let Founder { signing, sealing } = founder(n);
    let name = format!("custodian{n}");
    Member { id: CustodianId(n), name, signing_key: signing.public(), sealing_key: sealing.public() }
}

fn plan() -> Plan {
    Plan::new("试链".to_owned(), 3, (1..=4).map(member).collect(), None).expect("a plan")
}

fn dealings() -> BTreeMap<CustodianId, Dealing> {
    let deal = |n: u16| {
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(n));
        (CustodianId(n), deal(&plan(), &founder(n).signing, None, &mut rng).expect("deals"))
    };
    (1..=4).map(deal).collect()
}

fn finished(n: u16, dealings: &BTreeMap<CustodianId, Dealing>) -> Result<(Keys, Outcome), CeremonyFault> {
    finish(&plan(), CustodianId(n), &founder(n).sealing, dealings)
}

fn confirmations(dealings: &BTreeMap<CustodianId, Dealing>) -> BTreeMap<CustodianId, Confirmation> {
    let word = |n: u16| {
        let outcome = finished(n, dealings).expect("finishes").1;
        (CustodianId(n), confirm(&outcome, CustodianId(n), &founder(n).signing))
    };
    (1..=4).map(word).collect()
}

#[test]
fn four_custodians_make_a_key_that_none_of_them_has() {
    let dealings = dealings();
    let finished: Vec<_> = (1..=4).map(|n| finished(n, &dealings).expect("finishes")).collect();
    let outcome = check(&plan(), &dealings, &confirmations(&dealings)).expect("stands");
    for (keys, of) in &finished {
        assert_eq!(*of, outcome, "everybody comes to the same");
        assert_eq!(keys.index.public(), outcome.index_key);
    }
    let entries = outcome.entries(&plan());
    for (entry, (keys, _)) in entries.iter().zip(&finished) {
        assert_eq!(entry.share_key, keys.share.public());
    }
    let shares: Vec<_> = entries.iter().map(|entry| (entry.id, entry.share_key)).collect();
    assert!(shares_fit(&outcome.custody_key, 3, &shares), "as the genesis file demands");
    let label = Label::of(b"test", b"");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (encapsulation, sealed) = seal(&mut rng, &outcome.custody_key, label, b"", b"x").expect("seals");
    let opens = |by: &[usize]| {
        let partials = by
            .iter()
            .map(|i| (entries[*i].id, finished[*i].0.share.open(&encapsulation, Digest([0; 32])).expect("opens")));
        combine(&partials.collect(), &outcome.custody_key, label, &encapsulation)
            .is_some_and(|key| key.open(label, &encapsulation, &sealed, b"").is_some())
    };
    assert!(opens(&[0, 1, 2]) && opens(&[1, 2, 3]));
    assert!(!opens(&[0, 1]));
}

#[test]
fn the_board_may_be_kept_by_anybody() {
    let honest = dealings();
    // Nothing on it opens without a member's own key.
    let stranger = founder(9);
    for dealing in honest.values() {
        for (to, key, sealed) in dealing.boxes() {
            let binding = binding(&plan(), CustodianId(1), *to);
            assert!(stranger.sealing.open(Use::Dealing, key, sealed, &binding).is_err());
        }
    }
    // What is changed on it is noticed.
    let text = honest[&CustodianId(2)].to_text();
    assert_eq!(Dealing::from_text(&text).as_ref(), Ok(&honest[&CustodianId(2)]));
    let digits: Vec<usize> = text.char_indices().skip(16).filter(|(_, c)| *c != '\n').map(|(at, _)| at).collect();
    for at in digits.iter().step_by(7) {
        let mut bent = text.clone();
        bent.replace_range(*at..=*at, if &text[*at..=*at] == "0" { "1" } else { "0" });
        let mut dealings = honest.clone();
        let Ok(dealing) = Dealing::from_text(&bent) else { continue };
        dealings.insert(CustodianId(2), dealing);
        let fault = finished(1, &dealings).err().expect("noticed");
        assert!(matches!(fault, CeremonyFault::Unsound(CustodianId(2), _)), "{fault}");
    }
    // So is what is kept from it, or put in another's place.
    let mut lacking = honest.clone();
    lacking.remove(&CustodianId(3));
    assert_eq!(finished(1, &lacking).err(), Some(CeremonyFault::Missing(CustodianId(3))));
    let mut swapped = honest.clone();
    swapped.insert(CustodianId(3), honest[&CustodianId(4)].clone());
    assert!(matches!(finished(1, &swapped).err(), Some(CeremonyFault::Unsound(CustodianId(3), _))));
}

#[test]
fn a_member_that_deals_one_a_wrong_part_is_named_by_it() {
    let mut dealings = dealings();
    let signing = founder(2).signing;
    let good = dealings[&CustodianId(2)].clone();
    let mut boxes = good.boxes().to_vec();
    // To custodian 4 what was meant for another.
    let wrong = Zeroizing::new([[7; 32], [8; 32]].concat());
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let binding = binding(&plan(), CustodianId(2), CustodianId(4));
    let (key, sealed) = seal_to(&mut rng, &member(4).sealing_key, Use::Dealing, &binding, &wrong).expect("seals");
    boxes[3] = (CustodianId(4), key, sealed);
    let bent = Dealing::sign(
        good.plan(),
        CustodianId(2),
        good.commitments().clone(),
        good.index_commitment(),
        boxes,
        &signing,
    );
    dealings.insert(CustodianId(2), bent);
    assert!(finished(1, &dealings).is_ok());
    assert!(matches!(finished(4, &dealings).err(), Some(CeremonyFault::Unsound(CustodianId(2), _))));
    // Without 4's word nothing stands.
    let word = |n: u16| {
        let outcome = finished(n, &dealings).expect("finishes").1;
        (CustodianId(n), confirm(&outcome, CustodianId(n), &founder(n).signing))
    };
    let words = (1..=3).map(word).collect();
    assert_eq!(check(&plan(), &dealings, &words).err(), Some(CeremonyFault::Missing(CustodianId(4))));
}

#[test]
fn two_boards_are_noticed_when_words_are_compared() {
    let one = dealings();
    let mut other = one.clone();
    let again = deal(&plan(), &founder(4).signing, None, &mut ChaCha20Rng::seed_from_u64(99)).expect("deals");
    other.insert(CustodianId(4), again);
    let mut words = confirmations(&one);
    words.insert(CustodianId(3), confirmations(&other)[&CustodianId(3)].clone());
    assert!(matches!(check(&plan(), &one, &words).err(), Some(CeremonyFault::Unsound(CustodianId(3), _))));
    // Nobody confirms for another.
    let mut forged = confirmations(&one);
    let outcome = finished(1, &one).expect("finishes").1;
    forged.insert(CustodianId(2), confirm(&outcome, CustodianId(2), &founder(1).signing));
    assert!(matches!(check(&plan(), &one, &forged).err(), Some(CeremonyFault::Unsound(CustodianId(2), _))));
}

#[test]
fn a_plan_names_distinct_members_and_a_threshold_among_them() {
    let text = plan().to_toml();
    assert_eq!(Plan::parse(&text).as_ref(), Ok(&plan()));
    assert_eq!(Plan::parse(&format!("# 说明\n{text}")).expect("comments are nothing").digest(), plan().digest());
    let with = |threshold, numbers: &[u16]| {
        Plan::new("试链".to_owned(), threshold, numbers.iter().map(|n| member(*n)).collect(), None)
    };
    assert!(with(2, &[1, 2]).is_ok());
    for (threshold, numbers) in [(1, &[1, 2][..]), (3, &[1, 2]), (2, &[1, 1]), (2, &[0, 1]), (2, &[])] {
        assert!(matches!(with(threshold, numbers), Err(CeremonyFault::Plan(_))), "{threshold} {numbers:?}");
    }
    let mut twin = member(2);
    twin.sealing_key = member(1).sealing_key;
    assert!(Plan::new("试链".to_owned(), 2, vec![member(1), twin], None).is_err());
    for wrong in [
        "",
        "threshold = 3",
        &text.replace("threshold", "treshold"),
        &text.replace("signing_key = \"", "signing_key = \"z"),
    ] {
        assert!(Plan::parse(wrong).is_err(), "{wrong}");
    }
    let stranger = deal(&plan(), &founder(9).signing, None, &mut ChaCha20Rng::seed_from_u64(1));
    assert_eq!(stranger.err(), Some(CeremonyFault::NotAMember));
}

/// What four founders took home, and the chain's custody.
fn founded() -> (Vec<Keys>, Outcome) {
    let dealings = dealings();
    let homes: Vec<_> = (1..=4).map(|n| finished(n, &dealings).expect("finishes")).collect();
    let outcome = homes[0].1.clone();
    (homes.into_iter().map(|(keys, _)| keys).collect(), outcome)
}

/// 4 leaves and 5 comes; 1, 3 and 4 deal.
fn handover(outcome: &Outcome) -> Plan {
    let present = Present {
        epoch: outcome.epoch,
        threshold: 3,
        custody_key: outcome.custody_key,
        index_key: outcome.index_key,
        custodians: outcome.entries(&plan()),
        dealers: [1, 3, 4].map(CustodianId).to_vec(),
    };
    Plan::new("试链".to_owned(), 3, [1, 2, 3, 5].map(member).to_vec(), Some(present)).expect("a plan")
}

fn handed(plan: &Plan, homes: &[Keys]) -> BTreeMap<CustodianId, Dealing> {
    let deal = |n: u16| {
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(n));
        let kept = Some(&homes[usize::from(n) - 1]);
        (CustodianId(n), deal(plan, &founder(n).signing, kept, &mut rng).expect("deals"))
    };
    [1, 3, 4].map(deal).into()
}

#[test]
fn a_key_is_handed_on_and_the_ledger_takes_the_change() {
    let (homes, old) = founded();
    let plan = handover(&old);
    assert_eq!(Plan::parse(&plan.to_toml()).as_ref(), Ok(&plan));
    let dealings = handed(&plan, &homes);
    let mut words = BTreeMap::new();
    for n in [1, 2, 3, 5] {
        let (keys, outcome) = finish(&plan, CustodianId(n), &founder(n).sealing, &dealings).expect("finishes");
        assert_eq!((outcome.custody_key, outcome.index_key), (old.custody_key, old.index_key), "the keys stay");
        assert_eq!(keys.index.public(), old.index_key);
        assert!(old.share_keys.values().all(|share| *share != keys.share.public()), "every share is another");
        words.insert(CustodianId(n), confirm(&outcome, CustodianId(n), &founder(n).signing));
    }
    let outcome = check(&plan, &dealings, &words).expect("stands");
    assert_eq!(outcome.epoch, 1);
    let mut genesis = crate::state::tests::world::genesis();
    (genesis.custodians, genesis.custody_threshold) = (old.entries(&self::plan()), 3);
    (genesis.custody_key, genesis.index_key) = (old.custody_key, old.index_key);
    let founding = crate::custodians::CustodianSet::founding(&genesis);
    let change = outcome.change(&plan, &words);
    let set = founding.follow(&genesis, &change, [1, 3, 4].map(CustodianId).into_iter()).expect("follows");
    assert_eq!((set.epoch, set.highest), (1, CustodianId(5)));
}

#[test]
fn who_hands_on_hands_on_what_it_keeps() {
    let (homes, old) = founded();
    let plan = handover(&old);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    // Another's share, none, and one who is not to deal.
    let others = deal(&plan, &founder(1).signing, Some(&homes[1]), &mut rng);
    assert_eq!(others.err(), Some(CeremonyFault::OtherKeys));
    assert_eq!(deal(&plan, &founder(1).signing, None, &mut rng).err(), Some(CeremonyFault::OtherKeys));
    assert_eq!(deal(&plan, &founder(2).signing, Some(&homes[1]), &mut rng).err(), Some(CeremonyFault::NotAMember));
    // A dishonest one makes a share up, or hands on another index key.
    let honest = handed(&plan, &homes);
    let spoilt = |share: &KeyShare, index: [u8; 32]| {
        let receivers: Vec<CustodianId> = plan.members().iter().map(|m| m.id).collect();
        let dealer = CustodianId(3);
        let (commitments, parts) = deal_parts(&[1; 32], Some(share), 3, context(&plan, dealer), &receivers);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let boxed = |(member, part): (&Member, &Part)| {
            let plain = [part.to_bytes().as_slice(), &index].concat();
            let binding = binding(&plan, dealer, member.id);
            let (key, sealed) = seal_to(&mut rng, &member.sealing_key, Use::Dealing, &binding, &plain).expect("seals");
            (member.id, key, sealed)
        };
        let boxes = plan.members().iter().zip(parts.values()).map(boxed).collect();
        let dealing = Dealing::sign(plan.digest(), dealer, commitments, commit(&index), boxes, &founder(3).signing);
        let mut dealings = honest.clone();
        dealings.insert(dealer, dealing);
        finish(&plan, CustodianId(5), &founder(5).sealing, &dealings).map(drop)
    };
    assert_eq!(spoilt(&homes[2].share, *homes[2].index.to_bytes()), Ok(()));
    for (share, index) in [(&homes[0].share, *homes[2].index.to_bytes()), (&homes[2].share, [5; 32])] {
        assert!(matches!(spoilt(share, index), Err(CeremonyFault::Unsound(CustodianId(3), _))));
    }
}

#[test]
fn a_handover_is_dealt_by_as_many_holders_as_open_together() {
    let (_, old) = founded();
    let good = handover(&old).present().expect("a handover").clone();
    let with = |bend: fn(&mut Present)| {
        let mut present = good.clone();
        bend(&mut present);
        Plan::new("试链".to_owned(), 3, [1, 2, 3, 5].map(member).to_vec(), Some(present))
    };
    let bends: [fn(&mut Present); 6] = [
        |p| p.dealers.truncate(2),
        |p| p.dealers.push(CustodianId(2)),
        |p| p.dealers[0] = CustodianId(5),
        |p| p.dealers[0] = p.dealers[1],
        |p| p.custodians[0].share_key = p.custodians[1].share_key,
        |p| p.custodians[0].signing_key = founder(9).signing.public(),
    ];
    assert!(with(|_| {}).is_ok());
    for (at, bend) in bends.into_iter().enumerate() {
        assert!(matches!(with(bend), Err(CeremonyFault::Plan(_))), "{at}");
    }
}
