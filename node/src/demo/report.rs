//! What the demo found out: one set of facts, as JSON for machines and as text for people.
//! Invariant: both renderings come from the same [`Facts`]; nothing is printed that was not measured or read back.
//! Must not know: how the facts were obtained.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A node at the end of the run.
#[derive(Clone, Debug, Serialize)]
pub struct NodeFact {
    /// Its name.
    pub id: String,
    /// Its height.
    pub height: u64,
    /// Its state root, hexadecimal.
    pub state_root: String,
}

/// A policy in force.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyFact {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// Hash of its module's source.
    pub hash: String,
    /// Height from which it is active.
    pub active_height: u64,
}

/// Latency of one kind of exchange: from the client's send to the opened answer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExchangeFact {
    /// How many.
    pub count: u64,
    /// Median, in milliseconds.
    pub p50_ms: u64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: u64,
}

/// Outcomes of the housing purchase evaluations.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OutcomeFact {
    /// 符合.
    pub eligible: u64,
    /// 不符合.
    pub ineligible: u64,
    /// 待定.
    pub undetermined: u64,
}

/// A request that a sharing policy refused.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalFact {
    /// The sharing policy.
    pub policy: String,
    /// Its clause.
    pub clause: String,
}

/// The race of two bureaus for the same units.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RaceFact {
    /// Units raced for.
    pub units: u64,
    /// Seizures that took effect.
    pub seizures: u64,
    /// Transfers that took effect.
    pub transfers: u64,
    /// Transfers that took effect after a seizure ordered earlier: must be 0.
    pub transfers_after_seizure: u64,
}

/// 权利负担核查 of the raced units, after the race.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LienFact {
    /// Units checked.
    pub checked: u64,
    /// Outcomes, with how often.
    pub outcomes: BTreeMap<String, u64>,
    /// Answers that agree with what the blocks say of the race; equals `checked`.
    pub agreeing: u64,
}

/// One node that was killed and came back.
#[derive(Clone, Debug, Serialize)]
pub struct KillFact {
    /// Its name.
    pub node: String,
    /// Whether it was its turn to propose when it was killed.
    pub was_proposer: bool,
    /// Decisions finalised while it was down.
    pub decisions_while_down: u64,
    /// From its start to the height the others had then, in milliseconds.
    pub catch_up_ms: u64,
}

/// Kills and recoveries.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RestartFact {
    /// How many nodes were killed.
    pub killed: u64,
    /// Slowest catch-up, in milliseconds.
    pub catch_up_ms: u64,
    /// Fewest decisions finalised while one node was down.
    pub decisions_while_down: u64,
    /// Each of them.
    pub nodes: Vec<KillFact>,
}

/// Custody handed on to other custodians while the chain runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HandoverFact {
    /// The custodians' epoch after it.
    pub epoch: u32,
    /// The block that made it so.
    pub height: u64,
    /// Questions asked afterwards, with one of those who stayed down, so that the newcomer is needed.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Custodians that still have a share of before: must be 0.
    pub shares_left: u64,
}

/// One household record erased.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ErasureFact {
    /// What verification said of the applicant before.
    pub before: String,
    /// What it said after.
    pub after: String,
    /// From the owner's word to the certificate with every custodian's, in milliseconds.
    pub certified_ms: u64,
    /// Whether the certificate verified offline.
    pub verified: bool,
    /// Whether a damaged copy was refused.
    pub damaged_refused: bool,
}

/// Receipts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReceiptFact {
    /// Written to files.
    pub written: u64,
    /// Verified offline by a process that has only the genesis file.
    pub verified: u64,
    /// Damaged copies that the verifier refused; equals `written`.
    pub damaged_refused: u64,
}

/// An applicant's answer as shown to people.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerFact {
    /// Number of the case, not of the person.
    pub case: String,
    /// As-of date.
    pub as_of: String,
    /// Policy version.
    pub version: u32,
    /// Outcome; `待定` if undetermined.
    pub outcome: String,
    /// Reasons with citations.
    pub reasons: Vec<String>,
    /// Evidence that is missing.
    pub missing: Vec<String>,
}

/// Everything the demo found out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// Seed of the synthetic city.
    pub seed: u64,
    /// Nodes at the end.
    pub nodes: Vec<NodeFact>,
    /// Policies in force.
    pub policies: Vec<PolicyFact>,
    /// Latency by exchange.
    pub exchanges: BTreeMap<String, ExchangeFact>,
    /// Purchase outcomes.
    pub outcomes: OutcomeFact,
    /// Outcomes of household verification: all that leaves the police's register.
    pub verifications: BTreeMap<String, u64>,
    /// Reasons given, with how often.
    pub reasons: BTreeMap<String, u64>,
    /// Refused requests.
    pub refused: Vec<RefusalFact>,
    /// The race.
    pub race: RaceFact,
    /// Lien checks after the race.
    pub liens: LienFact,
    /// Kills.
    pub restart: RestartFact,
    /// Custody handed on.
    pub handover: HandoverFact,
    /// A record erased.
    pub erasure: ErasureFact,
    /// Receipts.
    pub receipts: ReceiptFact,
    /// Some answers in full.
    pub answers: Vec<AnswerFact>,
    /// Blocks decided.
    pub blocks: u64,
    /// Records on the ledger.
    pub records: u64,
    /// Persons in the city.
    pub persons: u64,
    /// Wall time of the run, in milliseconds.
    pub wall_ms: u64,
}

impl ExchangeFact {
    /// Summarises latencies given in microseconds.
    pub fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        Self { count: micros.len() as u64, p50_ms: percentile(&micros, 50), p99_ms: percentile(&micros, 99) }
    }
}

/// Nearest-rank percentile of sorted microseconds, in milliseconds rounded up; 0 of nothing.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0, |micros| micros.div_ceil(1000))
}

impl Facts {
    /// What the run promised and did not keep; empty if all held.
    pub fn broken_promises(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut must = |held: bool, what: &str| {
            if !held {
                broken.push(what.to_owned());
            }
        };
        let first = self.nodes.first();
        must(self.nodes.len() == 4, "four nodes report");
        must(
            self.nodes.iter().all(|n| first.is_some_and(|f| f.height == n.height && f.state_root == n.state_root)),
            "all nodes report one height and one state root",
        );
        must(self.race.transfers_after_seizure == 0, "no transfer took effect after a seizure ordered earlier");
        must(self.race.seizures >= 20 && self.race.transfers >= 20, "each side of the race wins at least 20 units");
        must(
            self.liens.checked == self.race.units && self.liens.agreeing == self.liens.checked,
            "lien checks agree with the blocks",
        );
        must(!self.refused.is_empty(), "a forbidden request was refused with its clause");
        must(self.restart.killed >= 2, "nodes were killed");
        must(self.restart.nodes.iter().any(|n| n.was_proposer), "the proposer of the moment was killed once");
        must(self.restart.decisions_while_down >= 50, "50 decisions were finalised while one node was down");
        let handover = &self.handover;
        must(handover.epoch == 1 && handover.answered == handover.asked, "custody was handed on and all is answered");
        must(handover.shares_left == 0, "no custodian has a share of before");
        let erasure = &self.erasure;
        must(erasure.before == "一致" && erasure.after == "无记录", "an erased record is not found any more");
        must(erasure.verified && erasure.damaged_refused, "the deletion certificate verifies, and no damaged one does");
        must(self.receipts.written > 0 && self.receipts.verified == self.receipts.written, "all receipts verify");
        must(self.receipts.damaged_refused == self.receipts.written, "damaged receipts are refused");
        must(
            self.outcomes.eligible > 0 && self.outcomes.ineligible > 0 && self.outcomes.undetermined > 0,
            "applicants were eligible, ineligible and undetermined",
        );
        broken
    }

    /// The facts as one JSON document.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("facts hold only strings and integers")
    }

    /// The facts as a page of text.
    pub fn text(&self) -> String {
        let mut page = String::new();
        self.write_text(&mut page).expect("writing to a string cannot fail");
        page
    }

    fn write_text(&self, page: &mut String) -> std::fmt::Result {
        self.write_ledger(page)?;
        self.write_decisions(page)?;
        self.write_trials(page)?;
        let broken = self.broken_promises();
        if broken.is_empty() {
            writeln!(page, "\n全部承诺成立 / every promise held")?;
        }
        for promise in broken {
            writeln!(page, "\n未成立 / BROKEN: {promise}")?;
        }
        Ok(())
    }

    fn write_ledger(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "规矩 · 主流程报告 / the main job\n")?;
        writeln!(
            page,
            "城市 city        种子 seed {} · {} 人 persons · {} 条密封记录 sealed records",
            self.seed, self.persons, self.records
        )?;
        writeln!(page, "账本 ledger      {} 个区块 blocks · 用时 {} ms", self.blocks, self.wall_ms)?;
        for node in &self.nodes {
            writeln!(
                page,
                "节点 node        {}  高度 height {}  状态根 root {}…",
                node.id,
                node.height,
                &node.state_root[..16.min(node.state_root.len())]
            )?;
        }
        writeln!(page, "\n策略 policies in force")?;
        for policy in &self.policies {
            writeln!(
                page,
                "  {} 版本 {}  {}…  自高度 {} 起",
                policy.name,
                policy.version,
                &policy.hash[..12.min(policy.hash.len())],
                policy.active_height
            )?;
        }
        writeln!(page, "\n四类交换 exchanges        次数 count   p50 ms   p99 ms")?;
        for (name, fact) in &self.exchanges {
            writeln!(page, "  {name:<22} {:>10} {:>8} {:>8}", fact.count, fact.p50_ms, fact.p99_ms)?;
        }
        Ok(())
    }

    fn write_decisions(&self, page: &mut String) -> std::fmt::Result {
        let outcomes = &self.outcomes;
        writeln!(
            page,
            "\n购房资格 purchase eligibility: 符合 {} · 不符合 {} · 待定 {}",
            outcomes.eligible, outcomes.ineligible, outcomes.undetermined
        )?;
        for (reason, count) in &self.reasons {
            writeln!(page, "  {count:>4} × {reason}")?;
        }
        for answer in &self.answers {
            writeln!(
                page,
                "  案件 {} 于 {} 适用版本 {} → {}",
                answer.case, answer.as_of, answer.version, answer.outcome
            )?;
            for reason in &answer.reasons {
                writeln!(page, "      理由 {reason}")?;
            }
            if !answer.missing.is_empty() {
                writeln!(page, "      缺证 missing evidence: {}", answer.missing.join("、"))?;
            }
        }
        for refusal in &self.refused {
            writeln!(page, "\n拒绝 refused before any record was opened: {} 「{}」", refusal.policy, refusal.clause)?;
        }
        Ok(())
    }

    /// The race, the outages and the receipts.
    fn write_trials(&self, page: &mut String) -> std::fmt::Result {
        let race = &self.race;
        writeln!(
            page,
            "\n查封与转移竞争 race for {} units: 查封 {} · 转移 {} · 查封后仍转移 {}",
            race.units, race.seizures, race.transfers, race.transfers_after_seizure
        )?;
        let words = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(" · ")
        };
        writeln!(page, "权利负担核查 lien checks after the race: {}", words(&self.liens.outcomes))?;
        writeln!(page, "户籍核验 household verification: {}", words(&self.verifications))?;
        writeln!(page, "\n故障 outages")?;
        for kill in &self.restart.nodes {
            let role = if kill.was_proposer { "(当时的提议者 proposer)" } else { "" };
            writeln!(
                page,
                "  SIGKILL {} {role} 停机期间定案 {} 件 · 追平用时 {} ms",
                kill.node, kill.decisions_while_down, kill.catch_up_ms
            )?;
        }
        let handover = &self.handover;
        writeln!(
            page,
            "\n移交托管 custody handed on: 第 {} 届自高度 {} 起 · 受托方 4 由 5 接替, 1 停机 · 问 {} 答 {} · 旧份额 {}",
            handover.epoch, handover.height, handover.asked, handover.answered, handover.shares_left
        )?;
        let erasure = &self.erasure;
        writeln!(
            page,
            "\n删除 erasure: 户籍核验 {} → {} · 全部受托方签署的删除证明用时 {} ms · 离线验证{}",
            erasure.before,
            erasure.after,
            erasure.certified_ms,
            if erasure.verified { "通过 verified" } else { "未通过 NOT verified" }
        )?;
        let receipts = &self.receipts;
        writeln!(
            page,
            "\n回执 receipts: 写出 {} · 离线验证通过 {} · 篡改副本被拒 {}",
            receipts.written, receipts.verified, receipts.damaged_refused
        )?;
        Ok(())
    }
}
