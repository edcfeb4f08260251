//! Checks the facts that `guiju-node demo --json` printed: `demo-facts FILE`. Exits with 1 and says which fact fails.
//! Invariant: it reads only the document, so that the demo cannot mark its own work.

use serde_json::Value;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: demo-facts FILE");
        return ExitCode::from(2);
    };
    let facts: Value = match std::fs::read_to_string(&path)
        .map_err(|e| e.to_string())
        .and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()))
    {
        Ok(facts) => facts,
        Err(why) => {
            eprintln!("{path}: {why}");
            return ExitCode::from(2);
        }
    };
    let mut failed = 0;
    for (what, held) in checks(&facts) {
        println!("{} {what}", if held { "ok    " } else { "FAILED" });
        failed += u32::from(!held);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
        ("receipts verified", number(&receipts["written"]) > 0 && receipts["written"] == receipts["verified"]),
        ("damaged receipts refused", receipts["written"] == receipts["damaged_refused"]),
        ("blocks", number(&facts["blocks"]) > 0),
    ]
}
