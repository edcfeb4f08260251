//! Opening together, against custodians that are silent, dishonest or curious.
//! Invariant: three of four open what is permitted and two open nothing, whatever else they have.

use super::world::{Asked, Town, outcome, receiving};
use super::{eligibility, settled, title};
use crate::codec::Decode as _;
use crate::crypto::{Digest, PublicKey};
use crate::custodians::CustodianSet;
use crate::custody::envelope::{EnvelopeError, OpenCapsule, Use, open_record};
use crate::custody::execute::AuditLine;
use crate::custody::openings::{OpeningMessage, Openings};
use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::threshold::{DealtKey, KeyShare};
use crate::transaction::{CustodianId, Encapsulation, TransactionId};
use std::cell::RefCell;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// A custodian outside its process, with all keys of the one it was, that does as it likes.
fn rogue(town: &Town, id: CustodianId, share: KeyShare) -> Openings {
    Openings::new(&town.genesis, &CustodianSet::founding(&town.genesis), id, Some(share), receiving(id.0))
}

/// Makes the rogue's part for whatever opening `plain` lacks, as if `asked` had come to it.
fn part(
    rogue: &mut Openings,
    asked: &Asked,
    again: bool,
    plain: impl FnOnce(&Openings) -> Result<Zeroizing<Vec<u8>>, EnvelopeError>,
) -> OpeningMessage {
    rogue.begin(&asked.permitted);
    assert_eq!(plain(rogue).err(), Some(EnvelopeError::Waiting));
    let given = rogue.give().1;
    assert_eq!(given.len(), 1);
    rogue.messages(&given, again, true).remove(0).1
}

fn arguments(town: &Town, rogue: &Openings, asked: &Asked) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let opened = crate::custody::arguments::open_arguments(
        rogue,
        town.genesis.chain_id(),
        asked.permitted.asker,
        &asked.permitted.request,
    );
    opened.map(|_| Zeroizing::new(Vec::new()))
}

fn deliver(town: &mut Town, to: usize, message: &OpeningMessage) -> Vec<CustodyReport> {
    let order = CustodyOrder::Opening { from: PublicKey([9; 32]), message: message.clone() };
    town.custodians[to].handle(order).expect("memory does not fail")
}

fn said_of(lines: &[AuditLine], request: TransactionId) -> Vec<&str> {
    lines.iter().filter(|line| line.request == request).map(|line| line.decision.as_str()).collect()
}

#[test]
fn two_of_four_answer_nothing_and_the_third_makes_up_for_all() {
    let mut town = settled();
    town.silent = BTreeSet::from([2, 3]);
    let asked = town.ask("资格", eligibility(1), None);
    assert!(town.put(&[&asked]).is_empty());
    for _ in 0..10 {
        for index in 0..4 {
            assert!(town.order(index, CustodyOrder::Tick).is_empty());
        }
        assert!(town.carry().is_empty());
    }
    town.silent = BTreeSet::from([3]);
    let mut said = Vec::new();
    for index in 0..3 {
        said.extend(town.order(index, CustodyOrder::Tick));
    }
    said.extend(town.carry());
    let attested: BTreeSet<usize> = said.iter().map(|s| s.custodian).collect();
    assert_eq!(attested, BTreeSet::from([0, 1, 2]));
    let result = town.result(&said, &asked);
    assert_eq!(outcome(&town.open(&asked, &result)).0, Some("符合"));
    // The fourth comes back and says the same.
    town.silent.clear();
    let mut late = town.order(3, CustodyOrder::Tick);
    late.extend(town.carry());
    assert_eq!(late.iter().map(|s| (s.custodian, s.digest)).collect::<Vec<_>>(), [(3, result.digest(asked.id()))]);
}

/// Records what it is asked to open and opens nothing.
#[derive(Default)]
struct Watch(RefCell<Vec<Opening>>);

type Opening = (Use, Encapsulation, Vec<u8>, Vec<u8>);

impl OpenCapsule for Watch {
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        self.0.borrow_mut().push((purpose, *encapsulation, ciphertext.to_vec(), aad.to_vec()));
        Err(EnvelopeError::Waiting)
    }
}

/// Everything that two custodians keep: capsules, bodies, both shares, the index key, and what every custodian ever sent,
/// which both can unseal as far as it is for them. Questions of the past were answered with a third's help, which is
/// what they were permitted for; a record that no question reached stays closed.
#[test]
fn the_whole_disks_and_memories_of_two_open_no_record_that_was_not_asked_for() {
    let mut town = settled();
    town.answer("资格", eligibility(1), None);
    let (id, record, capsule) = town.record("户口", super::household("家庭户", &[7, 8]), false);
    town.block(crate::state::feed::CustodyFeed { records: vec![(id, record.clone())], ..Default::default() });
    let chain = town.genesis.chain_id();
    let watch = Watch::default();
    assert_eq!(open_record(&watch, chain, &record, &capsule).err(), Some(EnvelopeError::Waiting));
    let (purpose, encapsulation, ciphertext, aad) = watch.0.take().remove(0);
    let context = Digest([1; 32]);
    let label = crate::threshold::Label::of(b"guiju/1/seal/capsule", &aad);
    assert!(encapsulation.is_for(label), "the label that custodians use");
    let shares = [1, 2].map(|n| (CustodianId(n), town.custody().share(CustodianId(n))));
    let mut partials: std::collections::BTreeMap<_, _> =
        shares.iter().map(|(id, share)| (*id, share.open(&encapsulation, context).expect("a point"))).collect();
    let key = town.genesis.custody_key;
    let try_open = |partials: &_| {
        crate::threshold::combine(partials, &key, label, &encapsulation)
            .and_then(|opened| opened.open(label, &encapsulation, &ciphertext, &aad))
    };
    assert!(try_open(&partials).is_none(), "both");
    // A third share of their own making, or one of theirs under the third's name, is none.
    for third in [town.custody().share(CustodianId(1)), DealtKey::from_seed(&[1; 32], 3).share(CustodianId(3))] {
        partials.insert(CustodianId(3), third.open(&encapsulation, context).expect("a point"));
        assert!(try_open(&partials).is_none());
    }
    // The index key and their sealing keys are for other things.
    for secret in [super::world::index_secret(), receiving(1), receiving(2)] {
        let mut taken = [0; 32];
        taken.copy_from_slice(&encapsulation.0[..32]);
        assert!(secret.open(purpose, &taken, &ciphertext, &aad).is_err());
    }
    // With the third it would open: the attempt above was a real one.
    partials
        .insert(CustodianId(3), town.custody().share(CustodianId(3)).open(&encapsulation, context).expect("a point"));
    assert!(try_open(&partials).is_some());
}

#[test]
fn a_wrong_part_is_not_used_and_its_custodian_is_named() {
    let mut town = settled();
    town.silent = BTreeSet::from([3]);
    let asked = town.ask("资格", eligibility(1), None);
    let id = CustodianId(4);
    let mut other = rogue(&town, id, DealtKey::from_seed(&[9; 32], 3).share(id));
    let wrong = part(&mut other, &asked, false, |rogue| arguments(&town, rogue, &asked));
    let elsewhere = town.ask("资格", eligibility(2), None);
    let mut honest = rogue(&town, id, town.custody().share(id));
    let mut moved = town.ask("资格", eligibility(1), None);
    moved.permitted = crate::state::feed::PermittedRequest { id: elsewhere.id(), ..asked.permitted.clone() };
    let moved = part(&mut honest, &moved, false, |rogue| arguments(&town, rogue, &asked));
    deliver(&mut town, 0, &wrong);
    deliver(&mut town, 1, &moved);
    let said = town.put(&[&asked]);
    assert_eq!(said.iter().map(|s| s.custodian).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
    assert_eq!(outcome(&town.open(&asked, &town.result(&said, &asked))).0, Some("符合"));
    // What was made for another request counts for nothing in this one.
    for (index, expected) in [(0, true), (1, false), (2, false)] {
        let lines = town.custodians[index].take_audit();
        let told = said_of(&lines, asked.id()).contains(&"wrong opening by custodian 4");
        assert_eq!(told, expected, "custodian {}", index + 1);
    }
}

#[test]
fn nobody_speaks_for_a_custodian() {
    let mut town = settled();
    // Whoever carries the messages changes a byte, or puts another's name to them.
    town.bend = Some(|from, message| match from {
        0 => message.boxes[0].2[20] ^= 1,
        1 => message.from = CustodianId(4),
        2 => message.boxes[0].1[5] ^= 1,
        _ => {}
    });
    let asked = town.ask("资格", eligibility(1), None);
    assert!(town.put(&[&asked]).is_empty());
    let lines = town.custodians[0].take_audit();
    assert!(!lines.iter().any(|line| line.decision.starts_with("wrong opening")), "nobody is blamed for a forgery");
    town.bend = None;
    let mut said = Vec::new();
    for index in 0..4 {
        said.extend(town.order(index, CustodyOrder::Tick));
    }
    said.extend(town.carry());
    assert_eq!(outcome(&town.open(&asked, &town.agreed(&said, &asked))).0, Some("符合"));
}

#[test]
fn a_custodian_asked_for_what_it_did_not_come_to_gives_nothing_and_says_so() {
    let mut town = settled();
    let (_, record, capsule) = town.record("户口", super::household("家庭户", &[7, 8]), false);
    let chain = town.genesis.chain_id();
    let curious = CustodianId(2);
    let ask_for = |town: &mut Town, asked: &Asked| {
        let mut rogue = rogue(town, curious, town.custody().share(curious));
        let open = |rogue: &Openings| open_record(rogue, chain, &record, &capsule);
        let message = part(&mut rogue, asked, true, open);
        town.custodians[0].take_audit();
        let reports = deliver(town, 0, &message);
        assert!(!reports.iter().any(|report| matches!(report, CustodyReport::Opening { .. })), "{reports:?}");
        let lines = town.custodians[0].take_audit();
        said_of(&lines, asked.id()).iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()
    };
    let refusal = vec!["opens nothing for custodian 2: not given for this request".to_owned()];
    // For a request that nobody ordered.
    let unordered = town.ask("资格", eligibility(1), None);
    assert_eq!(ask_for(&mut town, &unordered), refusal);
    // For one that is ordered, permitted and answered, but came to other records.
    let asked = town.ask("资格", eligibility(1), None);
    let said = town.put(&[&asked]);
    let result = town.agreed(&said, &asked);
    assert_eq!(ask_for(&mut town, &asked), refusal);
    // For one that is final, where even what was given is forgotten.
    town.finalise(vec![(&asked, result)]);
    assert_eq!(ask_for(&mut town, &asked), refusal);
    let mut late = rogue(&town, curious, town.custody().share(curious));
    let message = part(&mut late, &asked, true, |rogue| arguments(&town, rogue, &asked));
    assert!(deliver(&mut town, 0, &message).is_empty());
}

#[test]
fn messages_tell_by_their_length_little_of_what_is_opened() {
    let lengths = |titles: usize| {
        let mut town = settled();
        for n in 0..titles {
            town.submit(vec![("产权", title(&format!("{n}"), 2))]);
        }
        town.reported.clear();
        town.answer("资格", eligibility(1), None);
        let boxes = town.reported.iter().filter_map(|bytes| match CustodyReport::from_bytes(bytes) {
            Ok(CustodyReport::Opening { message, .. }) => Some(message.boxes),
            _ => None,
        });
        boxes.flatten().map(|(_, _, sealed)| sealed.len()).collect::<BTreeSet<_>>()
    };
    assert_eq!(lengths(1).len(), 1);
    assert_eq!(lengths(1), lengths(12));
}
