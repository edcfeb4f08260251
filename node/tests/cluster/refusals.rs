//! Bad input at the gateway of a real node. Owns the list of what is refused, with the code and status of each.
//! Invariant: what is refused changes nothing: neither height, state root nor what is pending, and the transaction that a
//! bad one was made from is still taken afterwards. Must not know: how the node decides.

use crate::processes::{Cluster, get, key, post, raw};
use guiju_node::codec::Encode;
use guiju_node::crypto::Digest;
use guiju_node::transaction::{
    ChainId, DepartmentId, Envelope, Height, Payload, SignedTransaction, Signer, Transaction, VALIDITY_BLOCKS_MAX,
};
use serde_json::Value;
use std::time::Duration;

const OWNER: DepartmentId = DepartmentId(1);
const OTHER: DepartmentId = DepartmentId(2);

/// One bad input and how it must be answered.
struct Bad {
    what: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

/// `good` with its body changed and signed again by the department's own key, as its owner could.
fn resigned(good: &Envelope, who: DepartmentId, change: impl FnOnce(&mut Transaction)) -> Envelope {
    let mut body = good.transaction.body.clone();
    body.sender = Signer::Department(who);
    change(&mut body);
    let key = key(3, usize::from(who.0) - 1);
    let transaction = SignedTransaction::sign(body, &[(Signer::Department(who), &key)]);
    Envelope { transaction, capsules: good.capsules.clone() }
}

fn records(body: &mut Transaction) -> &mut Vec<guiju_node::transaction::SealedRecord> {
    match &mut body.payload {
        Payload::Submit { records } => records,
        other => panic!("a submission was made: {other:?}"),
    }
}

/// What the sender signed wrongly, or not at all.
fn unauthentic(good: &Envelope) -> Vec<Bad> {
    let signer = Signer::Department(OWNER);
    let body = &good.transaction.body;
    let signed = |transaction| Envelope { transaction, capsules: good.capsules.clone() };
    let unsigned = signed(SignedTransaction { body: body.clone(), signatures: vec![] });
    let forged = signed(SignedTransaction::sign(body.clone(), &[(signer, &key(3, 1))]));
    let mut changed = good.clone();
    changed.transaction.body.nonce[15] ^= 1;
    let stranger = resigned(good, DepartmentId(9), |_| {});
    let elsewhere = resigned(good, OWNER, |body| body.chain = ChainId(Digest([7; 32])));
    [
        ("no signature", unsigned, "unsigned"),
        ("another's key", forged, "bad-signature"),
        ("changed after signing", changed, "bad-signature"),
        ("an unregistered department", stranger, "unknown-signer"),
        ("another chain's", elsewhere, "other-chain"),
    ]
    .map(|(what, envelope, code)| Bad { what, body: envelope.to_bytes(), status: 422, code })
    .into()
}

/// What is signed well but may not be sent.
fn unlawful(good: &Envelope, height: u64) -> Vec<Bad> {
    let owner = |change: fn(&mut Transaction)| resigned(good, OWNER, change);
    let too_long = resigned(good, OWNER, |body| body.valid_until = Height(height + VALIDITY_BLOCKS_MAX + 100));
    let stolen = resigned(good, OTHER, |body| records(body)[0].owner = OTHER);
    let posing = resigned(good, OTHER, |_| {});
    let mut attests = owner(|body| body.payload = Payload::Attest { attestations: vec![] });
    let mut empty = owner(|body| records(body).clear());
    for without in [&mut attests, &mut empty] {
        without.capsules.clear();
    }
    [
        ("valid for too long", too_long, "valid-too-long"),
        ("validity that has passed", owner(|body| body.valid_until = Height(1)), "expired"),
        ("a type that another department owns", stolen, "not-owner"),
        ("a record in another's name", posing, "malformed-payload"),
        ("a department that attests", attests, "sender-may-not"),
        ("a submission of nothing", empty, "malformed-payload"),
    ]
    .map(|(what, envelope, code)| Bad { what, body: envelope.to_bytes(), status: 422, code })
    .into()
}

/// What is no transaction, or is too much of one.
fn unshaped(good: &Envelope) -> Vec<Bad> {
    let bytes = good.to_bytes();
    let mut bare = good.clone();
    bare.capsules.clear();
    let mut foreign = good.clone();
    foreign.capsules[0].push(0);
    let mut large = resigned(good, OWNER, |body| {
        let records = records(body);
        let one = records[0].clone();
        records.extend((1..5u8).map(|n| {
            let mut record = one.clone();
            record.nonce = [n; 16];
            record
        }));
    });
    large.capsules = vec![good.capsules[0].clone(); 5];
    let malformed = |what, body| Bad { what, body, status: 400, code: "malformed" };
    vec![
        malformed("nothing", vec![]),
        malformed("random bytes", (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        malformed("JSON", br#"{"transaction": {}}"#.to_vec()),
        malformed("a byte too few", bytes[..bytes.len() - 1].to_vec()),
        malformed("a byte too many", [bytes.as_slice(), &[0]].concat()),
        Bad { what: "a capsule of another record", body: foreign.to_bytes(), status: 400, code: "capsules" },
        Bad { what: "a record without its capsule", body: bare.to_bytes(), status: 400, code: "capsules" },
        Bad { what: "a transaction over its bound", body: large.to_bytes(), status: 413, code: "too-large" },
        Bad { what: "a body over its bound", body: vec![0; 640 * 1024 + 1], status: 413, code: "too-large" },
    ]
}

fn check(what: &str, (status, answer): (u16, Value), expected: (u16, &str)) {
    assert_eq!((status, answer["code"].as_str()), (expected.0, Some(expected.1)), "{what}: {answer}");
    let text =
        |field: &str| answer[field].as_str().unwrap_or_else(|| panic!("{what} has no {field}: {answer}")).to_owned();
    let (zh, en) = (text("zh"), text("en"));
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(
        !zh.contains("DepartmentId") && !en.contains("DepartmentId"),
        "{what}: no words of the program's: {answer}"
    );
    assert!(chinese(&zh) && !zh.contains(" / "), "{what}: {zh}");
    // Names that people gave may stay as they are; the sentence around them is English.
    assert!(en.starts_with(|c: char| c.is_ascii_lowercase()) && !en.contains(" / "), "{what}: {en}");
}

#[test]
fn bad_input_is_refused_in_both_languages_and_changes_nothing() {
    let mut cluster = Cluster::start(1);
    let at = cluster.gateway(0);
    cluster.wait_ready(0);
    cluster.publish_standard();
    let replayed = cluster.submit(0, 1);
    cluster.wait_final(&[0], &replayed);
    let before = cluster.agreed(&[0]);
    let good = cluster.record(2, 60_000);

    let replay =
        Bad { what: "replayed", body: cluster.record(1, 300).to_bytes(), status: 422, code: "already-executed" };
    let all = [vec![replay], unauthentic(&good), unlawful(&good, before.0), unshaped(&good)];
    for bad in all.iter().flatten() {
        let answer = post(at, &bad.body).unwrap_or_else(|| panic!("{}: no answer", bad.what));
        check(bad.what, answer, (bad.status, bad.code));
    }
    // Not a byte of these bodies follows: the answer comes of the stated length alone.
    for length in [1u64 << 30, 1 << 40, 640 * 1024 + 1] {
        let head = format!("POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let answer = raw(at, head.as_bytes()).unwrap_or_else(|| panic!("{length}: no answer"));
        check("a stated length over the bound", answer, (413, "too-large"));
    }

    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(cluster.agreed(&[0]), before, "neither height nor state root moved");
    let (_, status) = get(at, "/v1/status").expect("answers");
    assert_eq!(status["pending"], 0, "{status}");

    // The node is up, and the transaction that the bad ones were made from is not used up.
    let (code, answer) = post(at, &good.to_bytes()).expect("answers");
    assert_eq!(code, 200, "{answer}");
    cluster.wait_final(&[0], answer["id"].as_str().expect("an id"));
    assert_eq!(cluster.agreed(&[0]).0, before.0 + 1, "one block, by a lone validator");
}
