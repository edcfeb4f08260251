//! Checks the facts that `guiju-node demo --json` printed, and that an auditor who replayed the chain with
//! `guiju-node audit --json` found the same, and that no file of a node holds in clear whom it was about:
//! `demo-facts FACTS AUDIT CHAIN`. Exits with 1 and says which fact fails.
//! Invariant: it reads only the documents, so that the demo cannot mark its own work.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [facts, audit, chain] = paths.as_slice() else {
        eprintln!("usage: demo-facts FACTS AUDIT CHAIN");
        return ExitCode::from(2);
    };
    let (facts, audit) = match (read(facts), read(audit)) {
        (Ok(facts), Ok(audit)) => (facts, audit),
        (facts, audit) => {
            facts.err().into_iter().chain(audit.err()).for_each(|why| eprintln!("{why}"));
            return ExitCode::from(2);
        }
    };
    let facts = facts.first().cloned().unwrap_or_default();
    let mut failed = 0;
    let kept = match kept_in_clear(Path::new(chain), &audit) {
        Ok(kept) => kept,
        Err(why) => {
            eprintln!("{chain}: {why}");
            return ExitCode::from(2);
        }
    };
    for (what, held) in checks(&facts).into_iter().chain(audited(&facts, &audit)).chain(kept) {
        println!("{} {what}", if held { "ok    " } else { "FAILED" });
        failed += u32::from(!held);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The JSON documents in a file, one after another.
fn read(path: &str) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let documents = serde_json::Deserializer::from_str(&text).into_iter();
    documents.collect::<Result<_, _>>().map_err(|e| format!("{path}: {e}"))
}

/// Looks for citizens' numbers in every file of every node: ledger, logs, what custodians keep.
fn kept_in_clear(chain: &Path, audit: &[Value]) -> Result<Vec<(&'static str, bool)>, std::io::Error> {
    let inputs = audit.iter().flat_map(|line| line["told"]["inputs"].as_object().into_iter().flatten());
    let citizens = inputs.filter_map(|(_, value)| value.as_str()).filter(|text| text.len() == 18);
    let citizens: BTreeSet<&[u8]> = citizens.map(str::as_bytes).collect();
    let (mut files, mut bytes, mut found) = (0, 0, 0);
    let mut open: Vec<_> = (1..=4).map(|n| chain.join(format!("node{n}"))).collect();
    while let Some(place) = open.pop() {
        if place.is_dir() {
            open.extend(
                std::fs::read_dir(&place)?
                    .map(|entry| Ok(entry?.path()))
                    .collect::<Result<Vec<_>, std::io::Error>>()?,
            );
            continue;
        }
        let text = std::fs::read(&place)?;
        // Numbers begin with digits, so few places need the look.
        let hit = text.windows(18).filter(|w| w[0] == b'3' && citizens.contains(*w)).count();
        if hit > 0 {
            println!("       {hit} in {}", place.display());
        }
        (files, bytes, found) = (files + 1, bytes + text.len(), found + hit);
    }
    println!("       {} citizens' numbers looked for in {files} files of {bytes} bytes", citizens.len());
    // The auditor's own findings hold them, so the search can find them.
    let page = audit.iter().map(Value::to_string).collect::<String>();
    let finds = page.as_bytes().windows(18).any(|w| citizens.contains(w));
    Ok(vec![
        ("citizens' numbers are looked for", citizens.len() > 100 && files > 20 && finds),
        ("no file of a node holds one in clear", found == 0),
    ])
}

/// What the auditor found against what the demo says.
fn audited(facts: &Value, audit: &[Value]) -> Vec<(&'static str, bool)> {
    let requests: Vec<&Value> = audit.iter().filter(|line| line["request"].is_string()).collect();
    let of = |state: &str| requests.iter().filter(|r| r["state"] == state).copied().collect::<Vec<_>>();
    let (finalised, refused) = (of("finalised"), of("refused"));
    let purchases = |outcome: &str| {
        let decided = finalised.iter().filter(|r| r["told"]["outcomes"]["资格"] == outcome);
        decided.count() as u64
    };
    let outcomes = &facts["outcomes"];
    let handover = audit.iter().any(|line| line["act"] == "custodians" && line["about"]["epoch"] == 1);
    vec![
        ("the auditor finds every answer", !finalised.is_empty() && finalised.len() + refused.len() == requests.len()),
        ("the auditor finds the refusals", refused.len() == items(&facts["refused"]).len()),
        ("with their clauses", refused.iter().all(|r| r["fate"]["clause"] == facts["refused"][0]["clause"])),
        ("the auditor finds as many eligible", purchases("符合") == number(&outcomes["eligible"])),
        ("as many ineligible", purchases("不符合") == number(&outcomes["ineligible"])),
        ("as many undetermined", purchases("待定") == number(&outcomes["undetermined"])),
        ("the auditor finds who keeps custody", handover),
    ]
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn checks(facts: &Value) -> Vec<(&'static str, bool)> {
    let nodes = items(&facts["nodes"]);
    let policies = items(&facts["policies"]);
    let has = |name: &str| policies.iter().any(|p| p["name"] == name && number(&p["active_height"]) > 0);
    let versions = policies.iter().filter(|p| p["name"] == "购房资格").count();
    let exchange = |name: &str| &facts["exchanges"][name];
    let (outcomes, race, restart) = (&facts["outcomes"], &facts["race"], &facts["restart"]);
    let decided = number(&outcomes["eligible"]) + number(&outcomes["ineligible"]) + number(&outcomes["undetermined"]);
    let receipts = &facts["receipts"];
    let level =
        |field: &str| nodes.windows(2).all(|pair| pair[0][field] == pair[1][field] && !pair[0][field].is_null());
    vec![
        ("four nodes", nodes.len() == 4),
        ("one height", level("height")),
        ("one state root", level("state_root")),
        ("seven versions of the purchase policy in force", versions == 7),
        ("household verification in force", has("户籍核验")),
        ("lien check in force", has("权利负担核查")),
        ("title transfer in force", has("二手房转移登记")),
        ("records of 10,000 persons", number(&facts["records"]) > 10_000 && number(&facts["persons"]) >= 10_000),
        ("submissions timed", number(&exchange("submission")["count"]) > 0),
        ("300 evaluations", number(&exchange("evaluation")["count"]) >= 400 && decided >= 300),
        ("verifications", number(&exchange("verification")["count"]) > 0),
        ("contracts", number(&exchange("contract")["count"]) >= 200),
        (
            "percentiles are ordered",
            ["submission", "evaluation", "verification", "contract"].iter().all(|name| {
                let fact = exchange(name);
                number(&fact["p50_ms"]) > 0 && number(&fact["p50_ms"]) <= number(&fact["p99_ms"])
            }),
        ),
        ("some eligible", number(&outcomes["eligible"]) > 0),
        ("some ineligible", number(&outcomes["ineligible"]) > 0),
        ("some undetermined", number(&outcomes["undetermined"]) > 0),
        (
            "a refusal names policy and clause",
            items(&facts["refused"]).iter().any(|r| {
                r["policy"].as_str().is_some_and(|s| !s.is_empty())
                    && r["clause"].as_str().is_some_and(|s| !s.is_empty())
            }),
        ),
        ("100 units raced", number(&race["units"]) == 100),
        ("seizures won 20", number(&race["seizures"]) >= 20),
        ("transfers won 20", number(&race["transfers"]) >= 20),
        ("no transfer after a seizure", race["transfers_after_seizure"] == 0),
        (
            "lien checks agree with the blocks",
            number(&facts["liens"]["checked"]) == 100 && facts["liens"]["checked"] == facts["liens"]["agreeing"],
        ),
        ("nodes were killed", number(&restart["killed"]) >= 2),
        ("50 decisions while one was down", number(&restart["decisions_while_down"]) >= 50),
        (
            "custody handed on, and every question after it answered",
            number(&facts["handover"]["epoch"]) == 1
                && number(&facts["handover"]["asked"]) > 0
                && facts["handover"]["asked"] == facts["handover"]["answered"],
        ),
        (
            "an erased record is gone, and certified so",
            facts["erasure"]["before"] == "一致"
                && facts["erasure"]["after"] == "无记录"
                && facts["erasure"]["verified"] == true
                && facts["erasure"]["damaged_refused"] == true,
        ),
        ("no share of before is left", facts["handover"]["shares_left"] == 0),
        ("receipts verified", number(&receipts["written"]) > 0 && receipts["written"] == receipts["verified"]),
        ("damaged receipts refused", receipts["written"] == receipts["damaged_refused"]),
        ("blocks", number(&facts["blocks"]) > 0),
    ]
}
