//! The formulas that a policy uses: named where they are used, told in full once. Invariant: a formula's changed text or
//! citation changes its own line. Must not know: how calls are written out.

use super::expression::text;
use super::schema::{Enums, shown_type};
use super::{Laws, cited};
use crate::typed::{Body, Formula, Policy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The line, so far in, that names formulas; none if there are none.
pub(super) fn named(formulas: &[Arc<Formula>], indent: &str) -> Option<String> {
    let names: Vec<&str> = formulas.iter().map(|f| f.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("{indent}公式 {}", names.join(", ")))
}

/// Adds the line of every formula that the policy uses.
pub(super) fn formulas(lines: &mut Vec<String>, policy: &Policy, laws: &mut Laws, enums: &mut Enums) {
    let mut used: BTreeMap<&str, &Formula> = BTreeMap::new();
    for definition in &policy.definitions {
        collect(&definition.formulas, &mut used);
        match &definition.body {
            Body::Value { exceptions, .. } => exceptions.iter().for_each(|e| collect(&e.formulas, &mut used)),
            Body::Table { rows, .. } => rows.iter().for_each(|r| collect(&r.formulas, &mut used)),
        }
    }
    policy.outcomes.iter().flat_map(|o| &o.arms).for_each(|a| collect(&a.formulas, &mut used));
    for formula in used.into_values() {
        let parameters =
            formula.parameters.iter().map(|p| format!("{} : {}", p.name, shown_type(&p.ty, p.optional, enums)));
        let parameters: Vec<String> = parameters.collect();
        let ty = shown_type(&formula.ty, false, enums);
        let cited = cited(formula.citation.as_ref(), laws);
        lines.push(format!("公式 {}({}) : {ty} = {}{cited}", formula.name, parameters.join(", "), text(&formula.body)));
    }
}

fn collect<'a>(formulas: &'a [Arc<Formula>], used: &mut BTreeMap<&'a str, &'a Formula>) {
    used.extend(formulas.iter().map(|f| (f.name.as_str(), &**f)));
}
