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
    Plan::new("试链".to_owned(), 3, (1..=4).map(member).collect()).expect("a plan")
}

fn dealings() -> BTreeMap<CustodianId, Dealing> {
    let deal = |n: u16| {
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(n));
        (CustodianId(n), deal(&plan(), &founder(n).signing, &mut rng).expect("deals"))
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
    let again = deal(&plan(), &founder(4).signing, &mut ChaCha20Rng::seed_from_u64(99)).expect("deals");
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
        Plan::new("试链".to_owned(), threshold, numbers.iter().map(|n| member(*n)).collect())
    };
    assert!(with(2, &[1, 2]).is_ok());
    for (threshold, numbers) in [(1, &[1, 2][..]), (3, &[1, 2]), (2, &[1, 1]), (2, &[0, 1]), (2, &[])] {
        assert!(matches!(with(threshold, numbers), Err(CeremonyFault::Plan(_))), "{threshold} {numbers:?}");
    }
    let mut twin = member(2);
    twin.sealing_key = member(1).sealing_key;
    assert!(Plan::new("试链".to_owned(), 2, vec![member(1), twin]).is_err());
    for wrong in [
        "",
        "threshold = 3",
        &text.replace("threshold", "treshold"),
        &text.replace("signing_key = \"", "signing_key = \"z"),
    ] {
        assert!(Plan::parse(wrong).is_err(), "{wrong}");
    }
    let stranger = deal(&plan(), &founder(9).signing, &mut ChaCha20Rng::seed_from_u64(1));
    assert_eq!(stranger.err(), Some(CeremonyFault::NotAMember));
}
