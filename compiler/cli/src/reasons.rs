//! The reason tree as JSON. Owns its schema, which only grows: fields are never renamed or removed.
//!
//! `reasons` of an outcome: `{ missing_size, passed: [PASSED], because: [RULE], formulas: [FORMULA] }`
//! - `missing_size`: `"least"` (no smaller set settles it), `"minimal"` (none of it can be left out), `"enough"`
//! - PASSED, an arm, exception or row that did not fire: `{ label, reason, citation, state: "no" | "unknown", only_for: CONDITION | null,
//!   hangs_on: [CONDITION] }`; `only_for`: the one that is false while all others hold; `hangs_on`: those not known while none is false
//! - CONDITION: `{ number, of, text: string | null, about: [string] }`; `text` is null where the
//!   source's words would tell a value
//! - RULE: `{ rule, state: "yes" | "no" | "unknown" | null, decided_by, only_for, hangs_on, citation, passed, because, above,
//!   formulas: [FORMULA] }`; `state` is null
//!   for what is no truth or may not be told; `above`: told in full earlier in the tree
//! - FORMULA, that the arm or rule was computed by: `{ formula, citation }`
//! - `decided_by`: `"base"`, `{ exception }`, `{ row }`, `{ rows, not_known }`, or null if nothing decided
//! - citations: `{ source, article, note: string | null }` or null
//!
//! Invariant: says nothing that the tree does not say. Must not know: how reasons are found.

use guiju_compiler::explain::{Applied, Condition, Deciding, OutcomeReason, Passed, RuleReason, Size};
use guiju_compiler::package::CitationText;
use guiju_runtime::trace::Truth;
use serde_json::{Value as Json, json};

/// The reasons of one outcome.
pub(crate) fn reasons_json(outcome: &OutcomeReason) -> Json {
    let size = match outcome.missing_size {
        Size::Least => "least",
        Size::Minimal => "minimal",
        Size::Enough => "enough",
    };
    json!({
        "missing_size": if outcome.missing.is_empty() { Json::Null } else { json!(size) },
        "passed": outcome.passed.iter().map(passed_json).collect::<Vec<_>>(),
        "because": outcome.because.iter().map(rule_json).collect::<Vec<_>>(),
        "formulas": formulas_json(&outcome.formulas),
    })
}

pub(crate) fn citation_json(citation: &CitationText) -> Json {
    json!({ "source": citation.source, "article": citation.article, "note": citation.note })
}

fn passed_json(passed: &Passed) -> Json {
    json!({
        "label": passed.label,
        "reason": passed.reason,
        "citation": passed.citation.as_ref().map(citation_json),
        "state": if passed.not_known { "unknown" } else { "no" },
        "only_for": passed.stop.only_for.as_ref().map(condition_json),
        "hangs_on": passed.stop.hangs_on.iter().map(condition_json).collect::<Vec<_>>(),
    })
}

fn condition_json(condition: &Condition) -> Json {
    json!({ "number": condition.number, "of": condition.of, "text": condition.text, "about": condition.about })
}

fn formulas_json(formulas: &[Applied]) -> Json {
    let all =
        formulas.iter().map(|f| json!({ "formula": f.formula, "citation": f.citation.as_ref().map(citation_json) }));
    Json::Array(all.collect())
}

fn rule_json(rule: &RuleReason) -> Json {
    let decided = match &rule.deciding {
        Deciding::Base => json!("base"),
        Deciding::Exception(label) => json!({ "exception": label }),
        Deciding::Row(row) => json!({ "row": row }),
        Deciding::Rows { matched, not_known } => json!({ "rows": matched, "not_known": not_known }),
        Deciding::NotKnown => Json::Null,
    };
    let state = rule.holds.map(|truth| match truth {
        Truth::True => "yes",
        Truth::False => "no",
        Truth::NotKnown => "unknown",
    });
    json!({
        "rule": rule.rule,
        "state": state,
        "decided_by": decided,
        "only_for": rule.stop.only_for.as_ref().map(condition_json),
        "hangs_on": rule.stop.hangs_on.iter().map(condition_json).collect::<Vec<_>>(),
        "citation": rule.citation.as_ref().map(citation_json),
        "passed": rule.passed.iter().map(passed_json).collect::<Vec<_>>(),
        "because": rule.because.iter().map(rule_json).collect::<Vec<_>>(),
        "above": rule.above,
        "formulas": formulas_json(&rule.formulas),
    })
}
