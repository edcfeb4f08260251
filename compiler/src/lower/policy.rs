//! Lowering of a whole policy: keys, definitions, outcomes, writes. Must not know: diagnostics.

use super::table::Table;
use super::{LowerFault, Lowering, kind_of, needs};
use crate::ast::ClassWord;
use crate::check::exceptions::siblings;
use crate::check::flow::{Flow, of_outcome};
use crate::check::policy::type_of_evidence;
use crate::hash;
use crate::ir::{self, Binary, Expr, Kind, LoopVar, StepId};
use crate::package::{
    self, Evidence, GuardInfo, KeyTerm, Need, Outcome, OutcomeArm, PointKind, Policy, Release, RuleInfo, Write,
    WriteTerm,
};
use crate::typed::{self, Body, Definition, Exception, Fault, FaultShown, Key, Written};
use guiju_runtime::frame::Layout;
use guiju_runtime::value::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The roots of a policy's frames: the as-of date, inputs, evidence.
fn layout(checked: &typed::Policy) -> Result<Layout, LowerFault> {
    told(checked)?;
    let mut roots = vec![("基准日".to_owned(), Type::Date)];
    roots.extend(checked.inputs.iter().map(|i| (i.name.clone(), i.ty.clone())));
    roots.extend(checked.evidence.iter().map(|e| (e.name.clone(), type_of_evidence(e))));
    let mut layout = Layout::of(&roots).map_err(|f| LowerFault::TooLarge(f.to_string()))?;
    for (i, _) in checked.evidence.iter().enumerate().filter(|(_, e)| !e.optional && !e.all) {
        layout.require(1 + checked.inputs.len() + i);
    }
    Ok(layout)
}

/// Lowers a checked policy.
pub(crate) fn policy(checked: &typed::Policy, flow: &Flow) -> Result<Policy, LowerFault> {
    let mut lowering = Lowering::new(layout(checked)?, checked.inputs.len());
    let needs = needs::needs(checked);
    let evidence = evidence(&mut lowering, checked, &needs)?;
    let mut rules = Vec::new();
    for (i, definition) in checked.definitions.iter().enumerate() {
        rules.push(lowering.definition(definition, flow, flow.definitions[i].class())?);
    }
    lowering.faults(&checked.faults)?;
    let mut settled: BTreeMap<(usize, usize), Vec<StepId>> = BTreeMap::new();
    let mut write_steps: Vec<Vec<(usize, Pending)>> = Vec::new();
    for write in &checked.writes {
        let known = settled.entry((write.outcome, write.value)).or_default();
        if let Some(i) = write.supersedes {
            let state = lowering.layout.roots[1 + checked.inputs.len() + i].state;
            let at = ir::WordAt { base: ir::Base::Frame, offset: state };
            // The state word of what is known is 0, so this is true if the record is there and unknown otherwise.
            let load = Expr::Load(Kind::Boolean, ir::Place { word: at, states: vec![at] });
            let there = Expr::Not(Box::new(Expr::Demand(Kind::Boolean, Box::new(load))));
            known.push(lowering.step(format!("{} 存在", checked.evidence[i].name), Kind::Boolean, there, None));
        }
        let mut fields = Vec::new();
        for (index, value) in &write.fields {
            fields.push((*index, lowering.written(value, known)?));
        }
        write_steps.push(fields);
    }
    let mut outcomes = Vec::new();
    for (i, outcome) in checked.outcomes.iter().enumerate() {
        outcomes.push(lowering.outcome(checked, i, outcome, flow, &settled)?);
    }
    let mut writes = Vec::new();
    for (write, fields) in checked.writes.iter().zip(write_steps) {
        let fields = fields.into_iter().map(|(i, p)| (i, lowering.term(p))).collect();
        writes.push(Write {
            schema: write.schema.clone(),
            supersedes: write.supersedes,
            outcome: write.outcome,
            value: write.value as u16,
            fields,
            rest_kept: write.rest_kept,
        });
    }
    let nodes = lowering.nodes;
    let (program, points, layout) = lowering.finish()?;
    verify_keys(&program, &evidence)?;
    Ok(Policy {
        name: checked.name.clone(),
        module: checked.module.clone(),
        kind: checked.kind,
        version: checked.version,
        by: checked.by.clone(),
        effective_from: checked.effective_from,
        effective_to: checked.effective_to,
        meaning_hash: hash::policy(checked),
        inputs: checked.inputs.iter().map(|i| (i.name.clone(), i.ty.clone())).collect(),
        input_optional: checked.inputs.iter().map(|i| i.optional).collect(),
        evidence,
        as_of: checked.as_of.clone(),
        layout,
        cost: ir::verify::cost(&program),
        program,
        nodes,
        outcomes,
        releases: checked.releases.iter().map(release).collect(),
        writes,
        points,
        rules,
        reads: needs::reads(checked, &needs),
        checked: Arc::new(checked.clone()),
    })
}

/// A table with a gap is lowered only where a finding refuses its policy.
fn told(checked: &typed::Policy) -> Result<(), LowerFault> {
    let untold = checked.definitions.iter().any(|d| {
        let told = |f: &Fault| matches!(&f.shown, FaultShown::Table { table, .. } if *table == d.name);
        matches!(d.body, Body::Table { complete: false, .. }) && !checked.faults.iter().any(told)
    });
    if untold { Err(LowerFault::Internal("a table not proved complete".into())) } else { Ok(()) }
}

/// Key expressions run apart from the program, so they are verified apart.
fn verify_keys(program: &ir::Program, evidence: &[Evidence]) -> Result<(), LowerFault> {
    for key in evidence.iter().flat_map(|e| &e.keys) {
        let checked = match key {
            KeyTerm::One(e) => ir::verify::verify_alone(program, e),
            KeyTerm::Each { list, var, filter, value } => {
                ir::verify::verify_each(program, list, *var, filter.as_ref(), value)
            }
        };
        checked.map_err(|f| LowerFault::Internal(f.to_string()))?;
    }
    Ok(())
}

fn release(r: &typed::Release) -> Release {
    Release {
        outcome: r.outcome,
        reasons: r.reasons,
        missing: r.missing,
        declared_millibits: r.declared_millibits,
        computed_millibits: r.computed_millibits,
    }
}

fn evidence(
    lowering: &mut Lowering,
    checked: &typed::Policy,
    needs: &[Vec<Need>],
) -> Result<Vec<Evidence>, LowerFault> {
    let mut all = Vec::new();
    for (i, (e, needs)) in checked.evidence.iter().zip(needs).enumerate() {
        let mut keys = Vec::new();
        for key in &e.keys {
            keys.push(match key {
                Key::One(value) => KeyTerm::One(lowering.expr(value)?),
                Key::Each { list, max, filter, value } => KeyTerm::Each {
                    list: lowering.list(list, *max)?,
                    var: LoopVar(0),
                    filter: filter.as_ref().map(|f| lowering.expr(f)).transpose()?,
                    value: lowering.expr(value)?,
                },
            });
        }
        all.push(Evidence {
            name: e.name.clone(),
            schema: e.schema.clone(),
            all: e.all,
            optional: e.optional,
            max: e.max,
            field: e.field.clone(),
            keys,
            needs: needs.clone(),
            root: 1 + checked.inputs.len() + i,
        });
    }
    Ok(all)
}

/// A written value whose steps exist but whose outputs are not numbered yet.
enum Pending {
    Step(StepId),
    Absent,
    Group(Vec<(usize, Pending)>),
    List(Vec<Pending>),
}

impl Lowering {
    /// Records where the operations that are refused have no result, so that a run can show it.
    fn faults(&mut self, faults: &[Fault]) -> Result<(), LowerFault> {
        for (i, fault) in faults.iter().enumerate() {
            let FaultShown::Operation { when, .. } = &fault.shown else { continue };
            let expr = self.expr(when)?;
            let point = self.point(PointKind::Fault, "", i.to_string(), None, ClassWord::Never, fault.finding.1);
            self.step(String::new(), Kind::Boolean, expr, Some(point));
        }
        Ok(())
    }

    fn definition(&mut self, d: &Definition, flow: &Flow, class: ClassWord) -> Result<RuleInfo, LowerFault> {
        let mut info = RuleInfo {
            name: d.name.clone(),
            ty: d.ty.clone(),
            citation: d.citation.clone(),
            class,
            step: StepId(0),
            value: None,
            guards: Vec::new(),
            table: match &d.body {
                Body::Table { hit, .. } => Some(*hit),
                Body::Value { .. } => None,
            },
        };
        let mut last = match &d.body {
            Body::Value { base, exceptions } => {
                let base_step = {
                    let expr = self.expr(base)?;
                    self.step(d.name.clone(), kind_of(&d.ty), expr, None)
                };
                let mut guards = Vec::new();
                for e in exceptions {
                    let expr = self.expr(&e.guard)?;
                    let class = flow.expr(&e.guard).class();
                    let point =
                        self.point(PointKind::Exception, &d.name, e.label.clone(), e.citation.clone(), class, e.span);
                    guards
                        .push((self.step(format!("{}·{}", d.name, e.label), Kind::Boolean, expr, Some(point)), point));
                }
                order_guards(exceptions, None, None, &guards, &mut info.guards);
                self.chain(d, exceptions, None, &guards, base_step)?
            }
            Body::Table { columns, rows, hit, empty, complete } => {
                let table = Table { d, columns, rows, hit: *hit, empty: empty.as_ref(), complete: *complete };
                self.table(&table, flow, &mut info)?
            }
        };
        if d.ty == Type::Boolean {
            let point = self.point(PointKind::Base, &d.name, String::new(), d.citation.clone(), class, d.span);
            info.value = Some(point);
            let step = &mut self.steps[last.0 as usize];
            if step.trace.is_none() {
                step.trace = Some(point);
            } else {
                let copy = Expr::Step(Kind::Boolean, last);
                last = self.step(d.name.clone(), Kind::Boolean, copy, Some(point));
            }
        }
        info.step = last;
        self.definitions.push(last);
        Ok(info)
    }

    /// The siblings that are exceptions to `parent`, over what holds without them.
    fn chain(
        &mut self,
        d: &Definition,
        exceptions: &[Exception],
        parent: Option<usize>,
        guards: &[(StepId, ir::TraceId)],
        without: StepId,
    ) -> Result<StepId, LowerFault> {
        let kind = kind_of(&d.ty);
        let mut result = without;
        for k in siblings(exceptions, parent).into_iter().rev() {
            let e = &exceptions[k];
            let value = self.expr(&e.value)?;
            let own = self.step(format!("{}·{} 则", d.name, e.label), kind, value, None);
            let value = self.chain(d, exceptions, Some(k), guards, own)?;
            self.count()?;
            let select = Expr::Select(
                kind,
                Box::new(Expr::Step(Kind::Boolean, guards[k].0)),
                Box::new(Expr::Step(kind, value)),
                Box::new(Expr::Step(kind, result)),
            );
            result = self.step(d.name.clone(), kind, select, None);
        }
        Ok(result)
    }

    /// An outcome: the index of the arm that decides, then its value.
    fn outcome(
        &mut self,
        checked: &typed::Policy,
        index: usize,
        outcome: &typed::Outcome,
        flow: &Flow,
        settled: &BTreeMap<(usize, usize), Vec<StepId>>,
    ) -> Result<Outcome, LowerFault> {
        let dependence = of_outcome(checked, index, flow);
        let mut arms = Vec::new();
        let mut guards = Vec::new();
        for arm in &outcome.arms {
            let label = outcome.values[arm.value].clone();
            let trace = match &arm.guard {
                None => None,
                Some(g) => {
                    let expr = self.expr(g)?;
                    let point = self.point(
                        PointKind::Arm,
                        &outcome.name,
                        label.clone(),
                        arm.citation.clone(),
                        flow.expr(g).class(),
                        arm.span,
                    );
                    guards.push(Some(self.step(format!("{}·{label}", outcome.name), Kind::Boolean, expr, Some(point))));
                    Some(point)
                }
            };
            if trace.is_none() {
                guards.push(None);
            }
            arms.push(OutcomeArm {
                value: arm.value as u16,
                trace,
                reason: arm.reason.clone(),
                citation: arm.citation.clone(),
            });
        }
        let chosen = self.chosen(outcome, &guards, index, settled);
        let value = self.value_of(outcome, chosen);
        let (output, arm_output) = (self.output(value), self.output(chosen));
        Ok(Outcome {
            name: outcome.name.clone(),
            values: outcome.values.clone(),
            output,
            arms,
            arm_output,
            evidence: dependence.evidence.iter().copied().collect(),
            rules: dependence.definitions.iter().copied().collect(),
            class: dependence.class(),
        })
    }

    /// Index of the first arm that holds; not known if an arm that is not known comes first. Indices differ, so no two
    /// branches of a selection are equal and an unknown guard stays unknown.
    fn chosen(
        &mut self,
        outcome: &typed::Outcome,
        guards: &[Option<StepId>],
        index: usize,
        settled: &BTreeMap<(usize, usize), Vec<StepId>>,
    ) -> StepId {
        let name = format!("{}·分支", outcome.name);
        let mut rest = self.step(name.clone(), Kind::Integer, Expr::Const(Kind::Integer, -1), None);
        for (i, arm) in outcome.arms.iter().enumerate().rev() {
            let mut here = self.step(name.clone(), Kind::Integer, Expr::Const(Kind::Integer, i as i64), None);
            for known in settled.get(&(index, arm.value)).into_iter().flatten() {
                // What it writes must be known, or it is not decided: true or unknown, never false.
                let test = Expr::Step(Kind::Boolean, *known);
                let select = Expr::Select(
                    Kind::Integer,
                    Box::new(test),
                    Box::new(Expr::Step(Kind::Integer, here)),
                    Box::new(Expr::Const(Kind::Integer, -1)),
                );
                here = self.step(name.clone(), Kind::Integer, select, None);
            }
            rest = match guards[i] {
                None => here,
                Some(guard) => {
                    let select = Expr::Select(
                        Kind::Integer,
                        Box::new(Expr::Step(Kind::Boolean, guard)),
                        Box::new(Expr::Step(Kind::Integer, here)),
                        Box::new(Expr::Step(Kind::Integer, rest)),
                    );
                    self.step(name.clone(), Kind::Integer, select, None)
                }
            };
        }
        rest
    }

    fn value_of(&mut self, outcome: &typed::Outcome, chosen: StepId) -> StepId {
        // A value that no arm has, so that the innermost branches differ and an unknown arm leaves the value unknown.
        let none = outcome.values.len() as i64;
        let mut rest = self.step(outcome.name.clone(), Kind::Enum, Expr::Const(Kind::Enum, none), None);
        for (i, arm) in outcome.arms.iter().enumerate().rev() {
            let is = Expr::Binary(
                Binary::Equal,
                Box::new(Expr::Step(Kind::Integer, chosen)),
                Box::new(Expr::Const(Kind::Integer, i as i64)),
            );
            let select = Expr::Select(
                Kind::Enum,
                Box::new(is),
                Box::new(Expr::Const(Kind::Enum, arm.value as i64)),
                Box::new(Expr::Step(Kind::Enum, rest)),
            );
            rest = self.step(outcome.name.clone(), Kind::Enum, select, None);
        }
        rest
    }

    fn written(&mut self, value: &Written, known: &mut Vec<StepId>) -> Result<Pending, LowerFault> {
        Ok(match value {
            Written::Expr(e) => {
                let expr = self.expr(e)?;
                let kind = kind_of(&e.ty);
                let step = self.step("写入".into(), kind, expr, None);
                let present = || Box::new(Expr::Present(Box::new(Expr::Step(kind, step))));
                // True if the value is known or known to be absent; unknown otherwise.
                let settled = Expr::Or(present(), Box::new(Expr::Not(present())));
                known.push(self.step("写入值已知".into(), Kind::Boolean, settled, None));
                Pending::Step(step)
            }
            Written::Absent => Pending::Absent,
            Written::Group(fields) => {
                let mut all = Vec::new();
                for (i, w) in fields {
                    all.push((*i, self.written(w, known)?));
                }
                Pending::Group(all)
            }
            Written::List(items) => {
                let mut all = Vec::new();
                for w in items {
                    all.push(self.written(w, known)?);
                }
                Pending::List(all)
            }
        })
    }

    fn term(&mut self, pending: Pending) -> WriteTerm {
        match pending {
            Pending::Step(step) => WriteTerm::Output(self.output(step)),
            Pending::Absent => WriteTerm::Absent,
            Pending::Group(fields) => WriteTerm::Group(fields.into_iter().map(|(i, p)| (i, self.term(p))).collect()),
            Pending::List(items) => WriteTerm::List(items.into_iter().map(|p| self.term(p)).collect()),
        }
    }
}

/// Guards in the order they are tried, children after their parent.
fn order_guards(
    exceptions: &[Exception],
    parent: Option<usize>,
    parent_at: Option<usize>,
    guards: &[(StepId, ir::TraceId)],
    into: &mut Vec<GuardInfo>,
) {
    for k in siblings(exceptions, parent) {
        let at = into.len();
        into.push(package::GuardInfo { trace: guards[k].1, parent: parent_at });
        order_guards(exceptions, Some(k), Some(at), guards, into);
    }
}
